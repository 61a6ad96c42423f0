//! Subscribers that several events hold: none of these events alone frees them, all together do.
//!
//! An object that hears two static events and is held by nothing else leaks, though without the handlers of either event
//! the other one still holds it. One pass without the handlers of all groups finds such subscribers; groups that share
//! enough of them are put together, and one more pass for each such cluster says exactly what comes back.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{EventVerdict, MIN_HANDLERS, Weighed, without};
use crate::analysis::dominators::sets::lost;
use crate::analysis::dominators::{DominatorTree, Retained};
use crate::analysis::{Heap, ObjectSet};
use crate::base::{Cancelled, Job};
use crate::snapshot::ObjectId;

/// Puts groups together that hold the same subscribers, and nothing else does. `alone` are those that one group frees.
pub(super) fn join(
    heap: &Heap<'_>,
    tree: &DominatorTree,
    roots: &[ObjectId],
    weighed: &mut [Weighed],
    alone: &ObjectSet,
    job: &Job,
) -> Result<(), Cancelled> {
    let many: Vec<usize> = (0..weighed.len()).filter(|&index| may_join(&weighed[index])).collect();
    if many.len() < 2 {
        return Ok(());
    }
    let rest = without(heap, roots, many.iter().flat_map(|&index| &weighed[index].handlers), job)?;
    let is_lost = |object: &ObjectId| !rest.contains(*object) && !alone.contains(*object);
    let mut holders: Vec<(ObjectId, usize)> = Vec::new();
    for &index in &many {
        let before = holders.len();
        holders.extend(weighed[index].shared.iter().filter(|object| is_lost(object)).map(|&object| (object, index)));
        if ((holders.len() - before) as u64) < MIN_HANDLERS {
            holders.truncate(before);
        }
    }
    for (id, cluster) in clusters(holders).into_iter().enumerate() {
        if let Some(found) = settle(heap, tree, roots, weighed, cluster, job)? {
            found.apply(id, weighed);
        }
    }
    Ok(())
}

/// Handlers that hold their subscribers, as many as would be a leak.
fn may_join(one: &Weighed) -> bool {
    let group = &one.group;
    group.subscriber.kind.holds()
        && group.freed.is_some()
        && group.n_handlers >= MIN_HANDLERS.max(2 * group.n_publishers)
}

/// Groups that share a subscriber, directly or through others.
fn clusters(mut holders: Vec<(ObjectId, usize)>) -> Vec<Vec<usize>> {
    holders.sort_unstable();
    // The smallest group of the cluster, as far as it is known.
    let mut first: BTreeMap<usize, usize> = holders.iter().map(|&(_, group)| (group, group)).collect();
    for sharing in holders.chunk_by(|a, b| a.0 == b.0) {
        let firsts: Vec<usize> = sharing.iter().map(|(_, group)| first[group]).collect();
        let Some(&least) = firsts.iter().min() else { continue };
        if firsts.iter().any(|&one| one != least) {
            first.values_mut().filter(|one| firsts.contains(one)).for_each(|one| *one = least);
        }
    }
    let mut clusters: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (group, first) in first {
        clusters.entry(first).or_default().push(group);
    }
    clusters.into_values().filter(|groups| groups.len() > 1).collect()
}

/// What a cluster holds, measured.
struct Settled {
    /// Groups, and the subscribers of each that come back.
    groups: Vec<(usize, u64)>,
    freed: Retained,
    rest: Rc<ObjectSet>,
}

impl Settled {
    fn apply(self, id: usize, weighed: &mut [Weighed]) {
        for (index, n_exclusive) in self.groups {
            let one = &mut weighed[index];
            one.group.verdict = EventVerdict::Leak;
            one.group.n_exclusive = n_exclusive;
            one.group.freed = Some(self.freed);
            one.group.example = one.shared.iter().copied().find(|&object| !self.rest.contains(object));
            one.rest = Some(Rc::clone(&self.rest));
            one.cluster = Some(id);
        }
    }
}

/// Takes the handlers of a cluster away; groups that free too few of their subscribers leave it, and the others are
/// measured again.
fn settle(
    heap: &Heap<'_>,
    tree: &DominatorTree,
    roots: &[ObjectId],
    weighed: &[Weighed],
    mut cluster: Vec<usize>,
    job: &Job,
) -> Result<Option<Settled>, Cancelled> {
    while cluster.len() > 1 {
        let rest = without(heap, roots, cluster.iter().flat_map(|&index| &weighed[index].handlers), job)?;
        let comes_back = |index: usize| {
            let Weighed { group, shared, .. } = &weighed[index];
            group.n_exclusive + shared.iter().filter(|&&object| !rest.contains(object)).count() as u64
        };
        let groups: Vec<(usize, u64)> = cluster
            .iter()
            .map(|&index| (index, comes_back(index)))
            .filter(|&(index, n)| n >= MIN_HANDLERS && n > weighed[index].group.n_exclusive)
            .collect();
        if groups.len() == cluster.len() {
            let freed = lost(heap.snapshot, tree, &rest, job)?;
            return Ok(Some(Settled { groups, freed, rest: Rc::new(rest) }));
        }
        cluster = groups.into_iter().map(|(index, _)| index).collect();
    }
    Ok(None)
}
