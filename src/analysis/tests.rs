//! What the tests of questions share: hand-made heaps with everything that questions need.

use super::dominator_tree::TreeView;
use super::dominators::children::Children;
use super::dominators::{DominatorOptions, dominators, root_objects};
use super::findings::{Findings, findings};
use super::{Heap, ReachabilityOptions, reachability, referrers};
use crate::base::Job;
use crate::snapshot::{HeapGraph, HeapSnapshot};

/// Asks `test` of a heap in which words on stacks hold what they name.
pub(crate) fn with_heap<T>(heap: &(HeapSnapshot, HeapGraph), test: impl FnOnce(&Heap<'_>) -> T) -> T {
    let (snapshot, graph) = heap;
    let referrers = referrers(graph, &Job::new()).unwrap();
    let options = ReachabilityOptions { stack: true, cut: None };
    let reachability = reachability(snapshot, graph, options, &Job::new()).unwrap();
    test(&Heap { snapshot, graph, referrers: &referrers, reachability: &reachability })
}

/// Asks `test` of the dominator tree, in which words on stacks hold nothing.
pub(crate) fn with_tree<T>(heap: &(HeapSnapshot, HeapGraph), test: impl FnOnce(&TreeView<'_>) -> T) -> T {
    let (snapshot, graph) = heap;
    let job = Job::new();
    let roots = root_objects(graph, DominatorOptions { stack: false });
    let tree = dominators(snapshot, graph, &roots, &job).unwrap();
    let children = Children::new(&tree, snapshot, &job).unwrap();
    test(&TreeView { snapshot, graph, tree: &tree, children: &children })
}

/// Everything that is found in a heap.
pub(crate) fn findings_of(heap: &(HeapSnapshot, HeapGraph)) -> Findings {
    with_heap(heap, |asked| with_tree(heap, |view| findings(asked, view.tree, view.children, &Job::new()).unwrap()))
}
