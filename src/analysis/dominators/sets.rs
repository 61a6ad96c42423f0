//! Retained sizes of sets, and who holds a set.

use super::{Dominator, DominatorTree, Retained};
use crate::analysis::reach::{Taken, difference, reach};
use crate::analysis::{ObjectSet, TICK};
use crate::base::{Cancelled, Job};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId};

/// What comes back when every object of `set` goes: exact, what several of them hold together included. One pass over
/// the live heap. `roots` as in [`super::root_objects`].
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn retained_by(
    snapshot: &HeapSnapshot,
    graph: &HeapGraph,
    tree: &DominatorTree,
    roots: &[ObjectId],
    set: &ObjectSet,
    job: &Job,
) -> Result<Retained, Cancelled> {
    let rest = reach(snapshot, graph, roots, Taken { objects: Some(set), ..Taken::default() }, job)?;
    lost(snapshot, tree, &rest, job)
}

/// Bytes and objects that the roots of `tree` hold and that are not in `rest`. One pass over the heap.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn lost(snapshot: &HeapSnapshot, tree: &DominatorTree, rest: &ObjectSet, job: &Job) -> Result<Retained, Cancelled> {
    let mut sum = Retained::default();
    for entry in snapshot.objects.all_entries() {
        if entry.id.0.is_multiple_of(TICK) {
            job.tick(0)?;
        }
        if tree.is_reached(entry.id) && !rest.contains(entry.id) {
            sum.bytes += entry.size;
            sum.count += 1;
        }
    }
    Ok(sum)
}

/// Who holds the objects of a set alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The nearest dominator that is not passed over.
    pub dominator: Dominator,
    /// Objects of the set below it.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
}

/// The nearest dominator of each object of `set` that `passes_over` does not skip, with what hangs below it; biggest
/// first, then by id. Climbs the tree from each object: cost is the depth of the skipped part.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn holders_of(
    snapshot: &HeapSnapshot,
    tree: &DominatorTree,
    set: &ObjectSet,
    passes_over: impl Fn(ObjectId) -> bool,
    job: &Job,
) -> Result<Vec<Holder>, Cancelled> {
    let mut found: Vec<(Dominator, u64)> = Vec::new();
    for object in set.iter() {
        if (found.len() as u32).is_multiple_of(TICK) {
            job.tick(0)?;
        }
        let Some(mut above) = tree.dominator(object) else { continue };
        while let Dominator::Object(holder) = above {
            if !passes_over(holder) {
                break;
            }
            above = tree.dominator(holder).unwrap_or(Dominator::Root);
        }
        found.push((above, snapshot.objects.size(object)));
    }
    found.sort_unstable();
    let mut holders: Vec<Holder> = found
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| Holder {
            dominator: group[0].0,
            objects: group.len() as u64,
            bytes: group.iter().map(|(_, bytes)| bytes).sum(),
        })
        .collect();
    holders.sort_by_key(|holder| (std::cmp::Reverse(holder.bytes), holder.dominator));
    Ok(holders)
}

/// Bytes and objects of `set` that are alive.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn live_part(
    snapshot: &HeapSnapshot,
    tree: &DominatorTree,
    set: &ObjectSet,
    job: &Job,
) -> Result<Retained, Cancelled> {
    let mut alive = ObjectSet::new(snapshot.objects.len());
    for object in set.iter().filter(|&object| tree.is_reached(object)) {
        alive.insert(object);
    }
    difference(snapshot, &alive, &ObjectSet::default(), job)
}
