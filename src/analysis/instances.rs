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
    /// Their text or preview contains all of these, in any case.
    pub texts: Vec<String>,
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
    /// Does it ask for what holds an object: then nothing fits before that is known.
    #[must_use]
    pub fn asks_for_holders(&self) -> bool {
        self.held.is_some() || !self.roots.is_empty()
    }
}

/// A filter made ready for many objects.
struct Matcher<'a> {
    filter: &'a InstanceFilter,
    snapshot: &'a HeapSnapshot,
    reachability: Option<&'a Reachability>,
    /// Types that are meant, by type.
    is_wanted: Vec<bool>,
    /// Texts in lower case.
    lower: Vec<String>,
}

impl<'a> Matcher<'a> {
    fn new(snapshot: &'a HeapSnapshot, reachability: Option<&'a Reachability>, filter: &'a InstanceFilter) -> Self {
        let mut is_wanted = vec![filter.types.is_empty(); snapshot.types.len()];
        filter.types.iter().for_each(|ty| is_wanted[ty.index()] = true);
        for (ty, row) in snapshot.types.iter() {
            is_wanted[ty.index()] &= !matches!(row.shape, TypeShape::Free | TypeShape::Gap);
        }
        let lower = filter.texts.iter().filter(|text| !text.is_empty()).map(|text| text.to_lowercase()).collect();
        Self { filter, snapshot, reachability, is_wanted, lower }
    }

    /// Everything but the texts. Without reachability nothing fits that asks for what holds it. Column look-ups.
    fn fits(&self, object: ObjectId) -> bool {
        let (filter, objects) = (self.filter, &self.snapshot.objects);
        let is_held = |wanted| self.reachability.is_some_and(|reach| reach.is_alive(object) == wanted);
        let stage = || self.reachability.and_then(|reach| reach.stage(object));
        self.is_wanted[objects.type_of(object).index()]
            && filter.held.is_none_or(is_held)
            && (filter.roots.is_empty() || stage().is_some_and(|kind| filter.roots.contains(&kind)))
            && (filter.min_bytes == 0 || objects.size(object) >= filter.min_bytes)
            && (filter.generations.is_empty() || filter.generations.contains(&objects.generation(object)))
    }

    /// Reads the object from the dump.
    fn has_texts(&self, object: ObjectId) -> bool {
        let own = match self.snapshot.type_of(object).shape {
            TypeShape::String => self.snapshot.string(object, SEARCHED_CHARS).map(|text| text.text),
            _ => Some(self.snapshot.preview(object)),
        };
        own.map(|own| own.to_lowercase()).is_some_and(|own| self.lower.iter().all(|text| own.contains(text)))
    }

    fn search(&self, ids: std::ops::Range<u32>, job: &Job) -> Result<Vec<ObjectId>, Cancelled> {
        /// Texts are slow enough to be asked between.
        const READ: u32 = 256;
        job.tick(u64::from(ids.end - ids.start))?;
        let mut n_read = 0_u32;
        let mut found = Vec::new();
        for object in ids.map(ObjectId).filter(|&object| self.fits(object)) {
            if !self.lower.is_empty() {
                n_read += 1;
                if n_read.is_multiple_of(READ) {
                    job.tick(0)?;
                }
                if !self.has_texts(object) {
                    continue;
                }
            }
            found.push(object);
        }
        Ok(found)
    }
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
    let matcher = Matcher::new(snapshot, reachability, filter);
    let chunks: Vec<Vec<ObjectId>> = (0..n.div_ceil(CHUNK_IDS))
        .into_par_iter()
        .map(|chunk| matcher.search(chunk * CHUNK_IDS..n.min((chunk + 1).saturating_mul(CHUNK_IDS)), job))
        .collect::<Result<_, Cancelled>>()?;
    Ok(chunks.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::with_heap;
    use crate::synth::sample::sample;

    fn check(filter: InstanceFilter, expected: usize) {
        let (heap, job) = (sample(), Job::new());
        let found = with_heap(&heap, |heap| instances(heap.snapshot, Some(heap.reachability), &filter, &job)).unwrap();
        assert_eq!(found.len(), expected, "{filter:?}");
        assert!(found.is_sorted());
        if filter.asks_for_holders() {
            assert!(instances(&heap.0, None, &filter, &job).unwrap().is_empty(), "nothing is known of what holds them");
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
        check(InstanceFilter { texts: vec!["WORKER-17".to_owned()], ..workers() }, 1 + 10 + 100);
        check(InstanceFilter { texts: vec!["name".to_owned(), "9\"".to_owned(), String::new()], ..workers() }, 300);
        check(InstanceFilter { texts: vec!["no such text".to_owned()], ..workers() }, 0);
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
