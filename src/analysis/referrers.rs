//! Who refers to an object: the references turned round.

use rayon::prelude::*;

use crate::base::{Cancelled, Job, job::Unit};
use crate::snapshot::graph::RowChunk;
use crate::snapshot::{HeapGraph, ObjectId, References};

use super::TICK;

/// Inbound references, compressed like the outbound ones. The referrers of an object come in id order; one that refers
/// twice comes twice.
#[derive(Clone, Debug, Default)]
pub struct Referrers {
    rows: References,
}

impl Referrers {
    /// Objects that refer to `object`, in id order.
    pub fn of(&self, object: ObjectId) -> impl Iterator<Item = ObjectId> + '_ {
        self.rows.of(object)
    }

    /// References to `object`. Cost: its bytes.
    #[must_use]
    pub fn count(&self, object: ObjectId) -> usize {
        self.rows.degree(object)
    }

    /// True when anything refers to `object`.
    #[must_use]
    pub fn has_any(&self, object: ObjectId) -> bool {
        self.rows.has_targets(object)
    }

    /// All references.
    #[must_use]
    pub fn n_references(&self) -> u64 {
        self.rows.n_references()
    }

    /// Bytes of memory this takes.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        self.rows.heap_bytes()
    }
}

/// Targets sorted at once; bounds the memory of the sort: 4 bytes per reference to one stretch of the heap.
const STRETCH_REFERENCES: u64 = 1 << 28;

/// Turns the references round: counts per target, places every source in its target's row, then compresses the rows.
///
/// Peak memory: 4 bytes per id and, per stretch of the heap with 2^28 references to it, 4 bytes per reference.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn referrers(graph: &HeapGraph, job: &Job) -> Result<Referrers, Cancelled> {
    let references = &graph.references;
    let n = references.n_rows();
    job.stage("Turning references round", Unit::Objects, Some(n as u64 * 2));
    let mut counts = vec![0_u32; n];
    for_each_row(references, job, |_, target| counts[target.index()] += 1)?;
    let mut chunks = Vec::with_capacity(n.div_ceil(References::CHUNK_IDS));
    let mut from = 0;
    while from < n {
        // Whole chunks of rows, as many as fit a sort.
        let mut to = from;
        let mut n_references = 0;
        while to < n && (to == from || n_references < STRETCH_REFERENCES) {
            let end = (to + References::CHUNK_IDS).min(n);
            n_references += counts[to..end].iter().map(|&count| u64::from(count)).sum::<u64>();
            to = end;
        }
        chunks.extend(stretch(references, &counts, from..to, n_references, job)?);
        from = to;
    }
    Ok(Referrers { rows: References::from_chunks(chunks) })
}

/// Rows of the targets in `ids`, which begin and end with a chunk.
fn stretch(
    references: &References,
    counts: &[u32],
    ids: std::ops::Range<usize>,
    n_references: u64,
    job: &Job,
) -> Result<Vec<RowChunk>, Cancelled> {
    let mut next: Vec<u64> = Vec::with_capacity(ids.len() + 1);
    let mut sum = 0;
    for &count in &counts[ids.clone()] {
        next.push(sum);
        sum += u64::from(count);
    }
    let mut sources = vec![0_u32; n_references as usize];
    for_each_row(references, job, |source, target| {
        if ids.contains(&target.index()) {
            let place = &mut next[target.index() - ids.start];
            sources[*place as usize] = source.0;
            *place += 1;
        }
    })?;
    // Every `next` now stands where the row after it begins.
    let starts: Vec<usize> = ids.clone().step_by(References::CHUNK_IDS).collect();
    let chunks: Result<Vec<RowChunk>, Cancelled> = starts
        .into_par_iter()
        .map(|first| {
            job.tick(0)?;
            let end = (first + References::CHUNK_IDS).min(ids.end);
            let mut at = if first == ids.start { 0 } else { next[first - ids.start - 1] as usize };
            let mut chunk = RowChunk::new(first as u32);
            chunk.reserve(end - first, next[end - ids.start - 1] as usize - at);
            for row in &next[first - ids.start..end - ids.start] {
                sources[at..*row as usize].iter().for_each(|&source| chunk.push(ObjectId(source)));
                chunk.end_row();
                at = *row as usize;
            }
            Ok(chunk.finish())
        })
        .collect();
    chunks
}

fn for_each_row(references: &References, job: &Job, mut each: impl FnMut(ObjectId, ObjectId)) -> Result<(), Cancelled> {
    for id in 0..references.n_rows() as u32 {
        if id % TICK == 0 {
            job.tick(u64::from(TICK))?;
        }
        for target in references.of(ObjectId(id)) {
            each(ObjectId(id), target);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::synth::graph::GraphSpec;

    fn check(lists: &[Vec<u32>]) {
        let (_, graph) = GraphSpec::from_lists(lists).build();
        let inbound = referrers(&graph, &Job::new()).unwrap();
        let mut expected = vec![Vec::new(); lists.len()];
        for (source, list) in (0..).zip(lists) {
            list.iter().for_each(|&target| expected[target as usize].push(ObjectId(source)));
        }
        for (id, expected) in (0..).map(ObjectId).zip(&expected) {
            assert_eq!(inbound.of(id).collect::<Vec<_>>(), *expected);
            assert_eq!(inbound.count(id), expected.len());
        }
        assert_eq!(inbound.n_references(), graph.references.n_references());
    }

    #[test]
    fn a_hub_and_several_chunks() {
        check(&[]);
        check(&[vec![0, 0, 1], vec![1]]);
        let n = 150_000_u32;
        check(&(0..n).map(|id| vec![0, (id + 1) % n, n - 1 - id]).collect::<Vec<_>>());
    }

    #[test]
    fn cancelling_stops_it() {
        let (_, graph) = GraphSpec::from_lists(&[vec![0]]).build();
        let job = Job::new();
        job.cancel();
        assert!(referrers(&graph, &job).is_err());
    }

    proptest! {
        #[test]
        fn referrers_are_the_inverse(
            lists in (1_usize..60).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(0..n as u32, 0..6), n)),
        ) {
            check(&lists);
        }
    }
}
