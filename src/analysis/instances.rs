//! The instances of types that a person is looking for: by text, size, generation, and by what holds them.

use rayon::prelude::*;

use super::Reachability;
use crate::base::{Cancelled, Generation, Job, RootKind};
use crate::snapshot::{HeapSnapshot, ObjectId, TypeId, TypeShape};

/// Characters of a string that a text is looked for in.
const SEARCHED_CHARS: usize = 1 << 16;

/// Which objects are meant. What is left empty does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFilter {
    /// Of one of these types.
    pub types: Vec<TypeId>,
    /// Their text or preview contains this, in any case.
    pub text: String,
    /// Of so many bytes or more.
    pub min_bytes: u64,
    /// In one of these generations.
    pub generations: Vec<Generation>,
    /// Held by roots, or held by nothing.
    pub held: Option<bool>,
    /// Held by one of these kinds of roots, and by none that is preferred to it (see [`Reachability::stage`]).
    pub roots: Vec<RootKind>,
}

impl InstanceFilter {
    /// True when `object` is meant. Without `reachability` nothing is said about who holds it, and nothing fits that asks
    /// for it. Column look-ups; with a text, reads the object from the dump.
    #[must_use]
    pub fn matches(&self, snapshot: &HeapSnapshot, reachability: Option<&Reachability>, object: ObjectId) -> bool {
        let objects = &snapshot.objects;
        let is_held = |wanted| reachability.is_some_and(|reach| reach.is_alive(object) == wanted);
        let has_root =
            || reachability.and_then(|reach| reach.stage(object)).is_some_and(|kind| self.roots.contains(&kind));
        (self.types.is_empty() || self.types.contains(&objects.type_of(object)))
            && self.held.is_none_or(is_held)
            && (self.roots.is_empty() || has_root())
            && (self.min_bytes == 0 || objects.size(object) >= self.min_bytes)
            && (self.generations.is_empty() || self.generations.contains(&objects.generation(object)))
            && (self.text.is_empty() || has_text(snapshot, object, &self.text.to_lowercase()))
    }
}

fn has_text(snapshot: &HeapSnapshot, object: ObjectId, lower: &str) -> bool {
    let own = match snapshot.type_of(object).shape {
        TypeShape::String => snapshot.string(object, SEARCHED_CHARS).map(|text| text.text),
        _ => Some(snapshot.preview(object)),
    };
    own.is_some_and(|own| own.to_lowercase().contains(lower))
}

/// Objects that `filter` means, by address. One parallel pass over the type column; with a text, reads every object that
/// fits otherwise.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn instances(
    snapshot: &HeapSnapshot,
    reachability: Option<&Reachability>,
    filter: &InstanceFilter,
    job: &Job,
) -> Result<Vec<ObjectId>, Cancelled> {
    const CHUNK_IDS: u32 = 1 << 16;
    let n = snapshot.objects.len() as u32;
    let mut is_wanted = vec![filter.types.is_empty(); snapshot.types.len()];
    filter.types.iter().for_each(|ty| is_wanted[ty.index()] = true);
    for (ty, row) in snapshot.types.iter() {
        is_wanted[ty.index()] &= !matches!(row.shape, TypeShape::Free | TypeShape::Gap);
    }
    let chunks: Vec<Vec<ObjectId>> = (0..n.div_ceil(CHUNK_IDS))
        .into_par_iter()
        .map(|chunk| {
            job.tick(0)?;
            let ids = chunk * CHUNK_IDS..n.min((chunk + 1).saturating_mul(CHUNK_IDS));
            let mut found = Vec::new();
            for object in ids.map(ObjectId) {
                if is_wanted[snapshot.objects.type_of(object).index()] && filter.matches(snapshot, reachability, object)
                {
                    // Texts are slow enough to be asked between.
                    if !filter.text.is_empty() && found.len() % 256 == 0 {
                        job.tick(0)?;
                    }
                    found.push(object);
                }
            }
            Ok(found)
        })
        .collect::<Result<_, Cancelled>>()?;
    Ok(chunks.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{ReachabilityOptions, reachability};
    use crate::synth::sample::sample;

    fn check(filter: InstanceFilter, expected: usize) {
        let (snapshot, graph) = sample();
        let job = Job::new();
        let options = ReachabilityOptions { stack: true, cut: None };
        let reach = reachability(&snapshot, &graph, options, &job).unwrap();
        let found = instances(&snapshot, Some(&reach), &filter, &job).unwrap();
        assert_eq!(found.len(), expected, "{filter:?}");
        assert!(found.is_sorted());
        if filter.held.is_some() || !filter.roots.is_empty() {
            assert!(
                instances(&snapshot, None, &filter, &job).unwrap().is_empty(),
                "nothing is known of what holds them"
            );
        }
    }

    #[test]
    fn every_condition_counts() {
        let (snapshot, _) = sample();
        let of = |name: &str| {
            let is = |(ty, row): (TypeId, &crate::snapshot::TypeRow)| (row.name.known() == Some(name)).then_some(ty);
            snapshot.types.iter().find_map(is).map_or_else(Vec::new, |ty| vec![ty])
        };
        let workers = || InstanceFilter { types: of("Corpus.Seed.Worker"), ..InstanceFilter::default() };
        check(workers(), 3000);
        check(InstanceFilter { text: "WORKER-17".to_owned(), ..workers() }, 1 + 10 + 100);
        check(InstanceFilter { text: "no such text".to_owned(), ..workers() }, 0);
        check(InstanceFilter { min_bytes: 1 << 20, ..workers() }, 0);
        check(InstanceFilter { held: Some(true), ..workers() }, 3000);
        check(InstanceFilter { held: Some(false), ..workers() }, 0);
        check(InstanceFilter { roots: vec![RootKind::Static], ..workers() }, 3000);
        check(InstanceFilter { roots: vec![RootKind::Stack], ..workers() }, 0);
        check(InstanceFilter { roots: vec![RootKind::Stack], ..InstanceFilter::default() }, 1);
        let n: usize = Generation::ALL
            .map(|generation| InstanceFilter { generations: vec![generation], ..workers() })
            .into_iter()
            .map(|filter| instances(&snapshot, None, &filter, &Job::new()).unwrap().len())
            .sum();
        assert_eq!(n, 3000, "each is in one generation");
    }
}
