//! Why else an object is alive: one path for each root that reaches it, each as unlike those before it as can be.
//!
//! The second shortest path is as a rule the first one with one object exchanged, and says nothing new. So of the paths
//! that are left the one comes next that has fewest objects in common with all that were shown (Jaccard's measure: what
//! two have in common, of what either has), and each root is shown once.
//!
//! Roots are looked for upwards from the object. A referrer's level says how far its nearest root is, so the search goes
//! straight to the nearest ones; it is bounded, and says when it stopped early.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::root_path::{PathStart, RootPath, root_path};
use super::{Heap, ObjectSet, TICK};
use crate::base::{Cancelled, Job};
use crate::snapshot::ObjectId;

/// Roots that are looked for.
const MOST_ROOTS: usize = 256;
/// Objects that are looked at for them.
const MOST_VISITED: usize = 1 << 18;
/// Objects on all paths together.
const MOST_OBJECTS: usize = 1 << 20;

/// A path, and how much of it is new.
#[derive(Clone, Debug, PartialEq)]
pub struct DifferentPath {
    /// The path.
    pub path: RootPath,
    /// The part it has in common with the most similar path before it, from 0 to 1: above 0.6 it says little new.
    pub overlap: f64,
}

/// Paths to one object, one a root; an iterator that finds the next most different one when asked.
#[derive(Clone, Debug, Default)]
pub struct DifferentPaths {
    candidates: Vec<Candidate>,
    n_given: usize,
    is_complete: bool,
}

#[derive(Clone, Debug)]
struct Candidate {
    path: RootPath,
    /// Objects of the path, sorted.
    objects: Vec<ObjectId>,
    overlap: f64,
}

/// A referrer on the way up, the most promising first: class of root, length of the whole path, when it was found.
type Waiting = Reverse<(u8, u32, u32)>;

/// Finds the roots that reach `object`, and a shortest path from each; what `heap.reachability` leaves out is left out.
///
/// Cost: the referrers of at most 262,144 objects; a few for most objects.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn different_paths(heap: &Heap<'_>, object: ObjectId, job: &Job) -> Result<DifferentPaths, Cancelled> {
    let Some(first) = root_path(heap, object, job)? else {
        return Ok(DifferentPaths { is_complete: true, ..DifferentPaths::default() });
    };
    let mut search = Search {
        heap,
        seen: ObjectSet::new(heap.snapshot.objects.len()),
        found: Vec::new(),
        starts: BTreeSet::from([first.start]),
        n_objects: first.objects.len(),
    };
    let is_complete = search.run(object, job)?;
    let mut paths = vec![first];
    paths.extend(search.found);
    let candidate = |path: RootPath| {
        let mut objects = path.objects.clone();
        objects.sort_unstable();
        Candidate { path, objects, overlap: 0.0 }
    };
    Ok(DifferentPaths { candidates: paths.into_iter().map(candidate).collect(), n_given: 0, is_complete })
}

impl DifferentPaths {
    /// False when there may be more roots than were looked for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Roots found, those already given included.
    #[must_use]
    pub fn n_roots(&self) -> usize {
        self.candidates.len() + self.n_given
    }
}

impl Iterator for DifferentPaths {
    type Item = DifferentPath;

    /// The next most different path. Cost: one look at the objects of all paths that are left.
    fn next(&mut self) -> Option<DifferentPath> {
        // The first is the path that stands alone everywhere else. Candidates come nearest first; that stays for ties.
        let best = (0..self.candidates.len()).reduce(|best, at| {
            if self.n_given > 0 && self.candidates[at].overlap < self.candidates[best].overlap { at } else { best }
        })?;
        let given = self.candidates.remove(best);
        self.n_given += 1;
        for left in &mut self.candidates {
            left.overlap = left.overlap.max(overlap(&given.objects, &left.objects));
        }
        Some(DifferentPath { path: given.path, overlap: given.overlap })
    }
}

/// The part that two sorted sets have in common, of what either has.
fn overlap(a: &[ObjectId], b: &[ObjectId]) -> f64 {
    let (mut left, mut right, mut n_common) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(left), b.get(right)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => left += 1,
            std::cmp::Ordering::Greater => right += 1,
            std::cmp::Ordering::Equal => (left, right, n_common) = (left + 1, right + 1, n_common + 1),
        }
    }
    let n_all = a.len() + b.len() - n_common;
    if n_all == 0 { 0.0 } else { n_common as f64 / n_all as f64 }
}

struct Search<'a> {
    heap: &'a Heap<'a>,
    seen: ObjectSet,
    found: Vec<RootPath>,
    starts: BTreeSet<PathStart>,
    n_objects: usize,
}

impl Search<'_> {
    /// True when every root was found.
    fn run(&mut self, object: ObjectId, job: &Job) -> Result<bool, Cancelled> {
        let heap = self.heap;
        let reach = heap.reachability;
        // (object, what it leads to, references to the object asked for), in the order they were found.
        let mut nodes: Vec<(ObjectId, u32, u32)> = vec![(object, 0, 0)];
        let mut waiting: BinaryHeap<Waiting> = BinaryHeap::from([Reverse((0, 0, 0))]);
        self.seen.insert(object);
        let mut n_visited = 0;
        let mut n_looked = 0;
        while let Some(Reverse((_, _, node))) = waiting.pop() {
            let (at, _, depth) = nodes[node as usize];
            n_visited += 1;
            if n_visited > MOST_VISITED {
                return Ok(false);
            }
            if !self.add_starts(&nodes, node) {
                return Ok(false);
            }
            for from in heap.referrers.of(at) {
                n_looked += 1;
                if n_looked % TICK == 0 {
                    job.tick(0)?;
                }
                let (Some(class), Some(level)) = (reach.class(from), reach.level(from)) else { continue };
                if reach.roots().is_storage(from)
                    || !reach.lets(heap.snapshot, heap.graph, from, at)
                    || !self.seen.insert(from)
                {
                    continue;
                }
                if nodes.len() > 8 * MOST_VISITED {
                    return Ok(false);
                }
                waiting.push(Reverse((class, depth.saturating_add(1).saturating_add(level), nodes.len() as u32)));
                nodes.push((from, node, depth + 1));
            }
        }
        Ok(true)
    }

    /// Adds the path from every new root that refers to `node`. False when that was enough.
    fn add_starts(&mut self, nodes: &[(ObjectId, u32, u32)], node: u32) -> bool {
        let heap = self.heap;
        let reach = heap.reachability;
        let object = nodes[node as usize].0;
        let mut starts: Vec<PathStart> = reach.roots_of(object).map(PathStart::Root).collect();
        let is_static = |start: &PathStart| {
            use crate::base::RootKind::{Static, ThreadStatic};
            matches!(start.kind(heap), Static | ThreadStatic)
        };
        // The runtime's array refers to what static fields hold; without one the slot has no owner.
        if !starts.iter().any(is_static) && !reach.roots().storage().is_empty() {
            let arrays =
                heap.referrers.of(object).filter(|&from| reach.roots().is_storage(from) && reach.is_alive(from));
            let array = arrays.into_iter().find(|&array| reach.lets(heap.snapshot, heap.graph, array, object));
            starts.extend(array.map(|array| PathStart::Storage { array, object }));
        }
        for start in starts {
            if !self.starts.insert(start) {
                continue;
            }
            let mut objects = Vec::new();
            let mut at = node;
            loop {
                let (object, next, depth) = nodes[at as usize];
                objects.push(object);
                if depth == 0 {
                    break;
                }
                at = next;
            }
            self.n_objects += objects.len();
            self.found.push(RootPath { start, objects });
            if self.starts.len() >= MOST_ROOTS || self.n_objects > MOST_OBJECTS {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::tests::with_heap;
    use crate::base::HandleKind;
    use crate::synth::graph::GraphSpec;
    use crate::synth::heap::{HeapBuilder, Kind};

    #[test]
    fn nearly_the_same_comes_last_and_each_root_once() {
        // The manual's example: A>B>D, A>C>D and E>F>G>D; and one more that shares all but its root with the first.
        let lists = vec![vec![1, 2], vec![3], vec![3], vec![], vec![5], vec![6], vec![3], vec![1]];
        let heap = GraphSpec::from_lists(&lists).with_handles(&[0, 4, 7]).build();
        with_heap(&heap, |heap| {
            let paths = different_paths(heap, ObjectId(3), &Job::new()).unwrap();
            assert!(paths.is_complete());
            assert_eq!(paths.n_roots(), 3);
            let ids: Vec<(Vec<u32>, f64)> =
                paths.map(|found| (found.path.objects.iter().map(|id| id.0).collect(), found.overlap)).collect();
            assert_eq!(ids, [(vec![0, 1, 3], 0.0), (vec![4, 5, 6, 3], 1.0 / 6.0), (vec![7, 1, 3], 0.5)]);
        });
    }

    #[test]
    fn garbage_has_none_and_direct_roots_are_paths_of_one() {
        let mut heap = HeapBuilder::new();
        let class = heap.class("App.Box", &[("inner", Kind::Reference)]);
        let (a, b) = (heap.object(class), heap.object(class));
        heap.handle(HandleKind::Strong, a);
        heap.handle(HandleKind::Pinned, a);
        heap.static_field(class, "only", Some(a));
        heap.set(a, "inner", a);
        with_heap(&heap.build(), |heap| {
            let all = |object| different_paths(heap, object, &Job::new()).unwrap();
            assert_eq!(all(b).count(), 0);
            let names: Vec<String> = all(a).map(|found| found.path.start.name(heap)).collect();
            assert_eq!(
                names,
                ["static App.Box.only", "strong handle at 0x7d0000000000", "pinned handle at 0x7d0000000008"]
            );
        });
    }

    #[test]
    fn a_hub_of_a_million_referrers_ends_early_and_says_so() {
        let n = 1_000_000_u32;
        let mut lists: Vec<Vec<u32>> = (0..n).map(|_| vec![n]).collect();
        lists.push(vec![]);
        let roots: Vec<u32> = (0..n).step_by(1000).collect();
        with_heap(&GraphSpec::from_lists(&lists).with_handles(&roots).build(), |heap| {
            let paths = different_paths(heap, ObjectId(n), &Job::new()).unwrap();
            assert!(!paths.is_complete());
            assert_eq!(paths.n_roots(), MOST_ROOTS);
            assert!(paths.take(8).all(|found| found.path.objects.len() == 2));
        });
    }

    proptest! {
        #[test]
        fn one_real_path_for_every_root(
            lists in (1_usize..20).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(0..n as u32, 0..4), n)),
            roots in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let n = lists.len();
            let mut roots: Vec<u32> = roots.iter().map(|root| root.index(n) as u32).collect();
            roots.sort_unstable();
            with_heap(&GraphSpec::from_lists(&lists).with_handles(&roots).build(), |heap| {
                for object in heap.snapshot.objects.ids() {
                    // Roots from which the object is found by walking.
                    let reaches = |root: u32| {
                        let mut seen = vec![false; n];
                        let mut stack = vec![root];
                        while let Some(at) = stack.pop() {
                            if !std::mem::replace(&mut seen[at as usize], true) {
                                stack.extend(&lists[at as usize]);
                            }
                        }
                        seen[object.index()]
                    };
                    let expected = roots.iter().filter(|&&root| reaches(root)).count();
                    let paths = different_paths(heap, object, &Job::new()).unwrap();
                    assert!(paths.is_complete());
                    let found: Vec<DifferentPath> = paths.collect();
                    // A way to the object through the object itself is none.
                    assert!(found.len() <= expected && (expected == 0) == found.is_empty());
                    let starts: BTreeSet<PathStart> = found.iter().map(|found| found.path.start).collect();
                    assert_eq!(starts.len(), found.len());
                    for found in &found {
                        assert_eq!(found.path.objects.last(), Some(&object));
                        for pair in found.path.objects.windows(2) {
                            assert!(lists[pair[0].index()].contains(&pair[1].0));
                        }
                    }
                }
            });
        }
    }
}
