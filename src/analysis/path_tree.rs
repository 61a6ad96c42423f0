//! The path tree: unfolds from an object towards its roots, one branch per referrer, on demand.

use super::roots::{root_name, storage_label};
use super::{Heap, ObjectSet};
use crate::base::{Addr, Cancelled, Job, RootKind};
use crate::snapshot::{ObjectId, RootId};

/// One holder of an object: a branch of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The object that refers.
    pub object: ObjectId,
    /// Name of the (first) reference; `None` where it cannot be read.
    pub via: Option<String>,
    /// References from it to the object.
    pub n_references: u32,
    /// References to the nearest root; `None` when nothing holds it either.
    pub distance: Option<u32>,
    /// The most preferred kind of root that reaches it.
    pub stage: Option<RootKind>,
    /// The best root that refers to it directly.
    pub root: Option<RootId>,
    /// It stands on the branch already: unfolding it goes round in a circle.
    pub is_cycle: bool,
}

/// A root that refers to an object directly: the end of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldingRoot {
    /// The root; `None` for an unnamed slot of the runtime's own array.
    pub root: Option<RootId>,
    /// Its kind.
    pub kind: RootKind,
    /// Its name: `static Corpus.Seed.Dispatcher.Shutdown`.
    pub name: String,
    /// Where the reference stands.
    pub address: Addr,
    /// Only a guess keeps it: see [`RootKind::Stack`].
    pub is_doubtful: bool,
}

/// What holds an object: one level of the tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Roots that refer to it, most preferred first.
    pub roots: Vec<HoldingRoot>,
    /// Objects that refer to it, nearest to a preferred root first, those that nothing holds last; a page of them.
    pub rows: Vec<Holder>,
    /// Objects that refer to it.
    pub n_rows: u64,
    /// Those among them that something holds.
    pub n_alive: u64,
}

impl Holders {
    /// True when no root and no live object holds it: garbage that the next collection frees.
    #[must_use]
    pub fn nothing_holds_it(&self) -> bool {
        self.roots.is_empty() && self.n_alive == 0
    }
}

/// Rows of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows to pass over.
    pub skip: usize,
    /// Rows to answer at most.
    pub take: usize,
}

impl Page {
    /// The first rows, as many as a screen shows.
    pub const FIRST: Self = Self { skip: 0, take: 100 };
}

/// Who holds `object`. `branch` are the objects from the tree's top down to `object`'s parent in the tree, for cycles.
///
/// Cost: its referrers, some 20 ns each; names only for the rows of the page.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn holders(
    heap: &Heap<'_>,
    object: ObjectId,
    branch: &[ObjectId],
    page: Page,
    job: &Job,
) -> Result<Holders, Cancelled> {
    let reach = heap.reachability;
    let mut answer = Holders { roots: holding_roots(heap, object), ..Holders::default() };
    // (rank, referrer, references): referrers come sorted, so that equal ones stand together.
    let mut ranked: Vec<(u64, ObjectId, u32)> = Vec::new();
    for (index, from) in heap.referrers.of(object).enumerate() {
        if index % super::TICK as usize == 0 {
            job.tick(0)?;
        }
        match ranked.last_mut() {
            Some(last) if last.1 == from => last.2 += 1,
            _ if reach.roots().is_storage(from) => {}
            _ if !reach.lets(heap.snapshot, heap.graph, from, object) => {}
            _ => ranked.push((reach.rank(from), from, 1)),
        }
    }
    answer.n_rows = ranked.len() as u64;
    answer.n_alive = ranked.iter().filter(|row| row.0 != u64::MAX).count() as u64;
    let end = page.skip.saturating_add(page.take).min(ranked.len());
    if end < ranked.len() {
        ranked.select_nth_unstable(end);
        ranked.truncate(end);
    }
    ranked.sort_unstable();
    for &(_, from, n_references) in ranked.iter().skip(page.skip) {
        job.tick(0)?;
        answer.rows.push(Holder {
            object: from,
            via: heap.edge_name(from, object),
            n_references,
            distance: reach.level(from),
            stage: reach.stage(from),
            root: reach.roots_of(from).next(),
            is_cycle: from == object || branch.contains(&from),
        });
    }
    Ok(answer)
}

/// Roots that refer to `object` directly, and the unnamed slots of the runtime's arrays.
#[must_use]
pub fn holding_roots(heap: &Heap<'_>, object: ObjectId) -> Vec<HoldingRoot> {
    let reach = heap.reachability;
    let mut roots: Vec<HoldingRoot> = reach
        .roots_of(object)
        .map(|id| {
            let root = &heap.graph.roots.roots[id.index()];
            HoldingRoot {
                root: Some(id),
                kind: root.kind,
                name: root_name(heap.snapshot, heap.graph, id),
                address: root.address,
                is_doubtful: root.kind == RootKind::Stack,
            }
        })
        .collect();
    for &array in reach.roots().storage() {
        let refers = || heap.graph.references.of(array).any(|target| target == object);
        if !reach.is_alive(array) || !refers() || !reach.lets(heap.snapshot, heap.graph, array, object) {
            continue;
        }
        for slot in heap.snapshot.slots(array).filter(|slot| slot.target == object) {
            let offset = u32::try_from(slot.offset).unwrap_or(u32::MAX);
            if !reach.roots().is_owned(array, offset) {
                roots.push(HoldingRoot {
                    root: None,
                    kind: reach.stage(array).unwrap_or(RootKind::StrongHandle),
                    name: storage_label(heap.snapshot, object).to_owned(),
                    address: heap.snapshot.objects.address(array).plus(slot.offset),
                    is_doubtful: false,
                });
            }
        }
    }
    roots.sort_by_key(|root| (root.kind, root.root.is_none(), root.address));
    roots
}

/// Objects that only stacks hold: shown as such, since a stack's words may be stale.
#[must_use]
pub fn held_by_stacks_alone(heap: &Heap<'_>) -> ObjectSet {
    let mut set = ObjectSet::new(heap.snapshot.objects.len());
    for object in heap.snapshot.objects.ids() {
        if heap.reachability.stage(object) == Some(RootKind::Stack) {
            set.insert(object);
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::with_heap;
    use crate::synth::graph::GraphSpec;
    use crate::synth::sample::sample;

    #[test]
    fn the_sample_unfolds_to_the_event() {
        with_heap(&sample(), the_event_holds_the_first_worker);
    }

    fn the_event_holds_the_first_worker(heap: &Heap<'_>) {
        let (snapshot, job) = (heap.snapshot, Job::new());
        let is_worker = |&id: &ObjectId| snapshot.type_of(id).name.known() == Some("Corpus.Seed.Worker");
        let worker = snapshot.objects.ids().find(is_worker).unwrap();
        let mut branch = Vec::new();
        let mut at = worker;
        let mut edges = Vec::new();
        loop {
            let level = holders(heap, at, &branch, Page::FIRST, &job).unwrap();
            let Some(first) = level.rows.iter().find(|row| !row.is_cycle && row.distance.is_some()) else {
                assert_eq!(level.roots[0].name, "static Corpus.Seed.Dispatcher.Shutdown");
                break;
            };
            edges.push(first.via.clone().unwrap());
            branch.push(at);
            at = first.object;
        }
        assert_eq!(edges, ["_target", "[0]", "_invocationList"]);
        // The multicast delegate's target is itself.
        let level = holders(heap, at, &branch, Page::FIRST, &job).unwrap();
        assert!(level.rows.iter().any(|row| row.object == at && row.is_cycle));
        // The handler is in a stale list too.
        let level = holders(heap, branch[1], &branch[..1], Page::FIRST, &job).unwrap();
        assert_eq!((level.n_rows, level.n_alive), (2, 1));
        assert_eq!(level.rows[1].distance, None);
    }

    #[test]
    fn a_hub_is_paged() {
        let n = 100_000_u32;
        let mut lists: Vec<Vec<u32>> = (0..n).map(|_| vec![n]).collect();
        lists.push(vec![]);
        lists[7] = vec![n, n];
        with_heap(&GraphSpec::from_lists(&lists).with_handles(&[7, 99_999]).build(), |heap| check_pages(heap, n));
    }

    fn check_pages(heap: &Heap<'_>, n: u32) {
        let page = |skip, take| holders(heap, ObjectId(n), &[], Page { skip, take }, &Job::new()).unwrap();
        let first = page(0, 3);
        assert_eq!((first.n_rows, first.n_alive), (u64::from(n), 2));
        let ids = |level: &Holders| level.rows.iter().map(|row| row.object.0).collect::<Vec<_>>();
        assert_eq!(ids(&first), [7, 99_999, 0]);
        assert_eq!(first.rows[0].n_references, 2);
        assert_eq!(ids(&page(3, 2)), [1, 2]);
        assert_eq!(ids(&page(n as usize - 1, 10)), [n - 2 + 1 - 1]);
        assert!(page(n as usize, 10).rows.is_empty());
        assert!(holders(heap, ObjectId(0), &[], Page::FIRST, &Job::new()).unwrap().nothing_holds_it());
    }
}
