//! What roots reach when something is taken away: one pass, one bit per object.
//!
//! [`mod@super::reachability`] says how far every object is from its root; here only the set counts, so the pass is cheap
//! enough to be made once per question: what would come back if these objects, or these references, were gone.

use super::{ObjectSet, TICK};
use crate::base::{Cancelled, Job};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId};

/// What is taken away for one pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken<'a> {
    /// Objects that are gone: nothing reaches them.
    pub objects: Option<&'a ObjectSet>,
    /// Objects that stay and keep nothing.
    pub idle: Option<&'a ObjectSet>,
    /// References from any object of the first set to any of the second.
    pub edges: Option<(&'a ObjectSet, &'a ObjectSet)>,
}

impl Taken<'_> {
    fn lets(&self, object: ObjectId) -> bool {
        self.objects.is_none_or(|gone| !gone.contains(object))
    }
}

/// What `roots` reach without what is `taken`. Cost: one pass over what is reached.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn reach(
    snapshot: &HeapSnapshot,
    graph: &HeapGraph,
    roots: &[ObjectId],
    taken: Taken<'_>,
    job: &Job,
) -> Result<ObjectSet, Cancelled> {
    let mut seen = ObjectSet::new(snapshot.objects.len());
    let mut stack: Vec<ObjectId> =
        roots.iter().copied().filter(|&root| taken.lets(root) && seen.insert(root)).collect();
    let mut since_tick = 0;
    while let Some(object) = stack.pop() {
        since_tick += 1;
        if since_tick == TICK {
            since_tick = 0;
            job.tick(u64::from(TICK))?;
        }
        if taken.idle.is_some_and(|idle| idle.contains(object)) {
            continue;
        }
        let cut = taken.edges.filter(|(from, _)| from.contains(object)).map(|(_, to)| to);
        for target in graph.references.of(object) {
            let is_cut = cut.is_some_and(|to| to.contains(target));
            if !is_cut && taken.lets(target) && seen.insert(target) {
                stack.push(target);
            }
        }
    }
    Ok(seen)
}

/// Bytes and objects of `all` that are not in `rest`.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn difference(
    snapshot: &HeapSnapshot,
    all: &ObjectSet,
    rest: &ObjectSet,
    job: &Job,
) -> Result<super::Retained, Cancelled> {
    let mut sum = super::Retained::default();
    for entry in snapshot.objects.all_entries() {
        if entry.id.0.is_multiple_of(TICK) {
            job.tick(0)?;
        }
        if all.contains(entry.id) && !rest.contains(entry.id) {
            sum.bytes += entry.size;
            sum.count += 1;
        }
    }
    Ok(sum)
}
