//! Dominators and retained sizes against ClrMD's graph, every object of it.

use std::collections::BTreeSet;

use heaproot::analysis::dominators::{Dominator, DominatorOptions, dominators, root_objects};
use heaproot::base::{Addr, Job};
use heaproot::session::Analyses;
use heaproot::snapshot::ObjectId;

use crate::compare::{Comparison, mix, outer_arrays};
use crate::oracle::Truth;

/// Without words on stacks, and with the storage of thread statics as roots of their own, as the truth files have it.
pub(crate) fn compare(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let (Some(expected), Some(reachable), Some(heap)) = (&truth.retained_without_stack, &truth.reachable, ours.heap())
    else {
        return;
    };
    // The graph has more roots than the truth file's: nothing below them can agree.
    if truth.handles_incomplete {
        return;
    }
    let (snapshot, graph) = (heap.snapshot, heap.graph);
    let outer = outer_arrays(truth, reachable.without_stack_set_xor.0, &heap);
    let mut roots: BTreeSet<ObjectId> = root_objects(graph, DominatorOptions { stack: false }).into_iter().collect();
    roots.extend(outer.iter().flat_map(|&array| graph.references.of(array)));
    let roots: Vec<ObjectId> = roots.into_iter().filter(|root| !outer.contains(root)).collect();
    let tree = dominators(snapshot, graph, &roots, &Job::new()).unwrap();
    comparison.check("retained total", &expected.root_total, &tree.total().bytes);
    comparison.check("retained objects", &expected.root_objects, &tree.total().count);
    let of = |at: u64| {
        let object = snapshot.objects.at(Addr(at))?;
        let retained = tree.retained(snapshot, object)?;
        let idom = match tree.dominator(object)? {
            Dominator::Root => Addr::NULL,
            Dominator::Object(above) => snapshot.objects.address(above),
        };
        Some((retained.bytes, retained.count, idom))
    };
    for object in expected.top.iter().chain(&expected.sample) {
        let figures = Some((object.retained, object.retained_objects, Addr(object.idom.0)));
        comparison.check(format!("retained by {:#x}", object.addr.0), &figures, &of(object.addr.0));
    }
    let checksum = snapshot.objects.ids().filter_map(|object| {
        let at = snapshot.objects.address(object).0;
        let (bytes, _, idom) = of(at)?;
        Some(mix(at ^ idom.0.wrapping_mul(31) ^ bytes.wrapping_mul(1_000_003)))
    });
    comparison.check("retained checksum", &expected.checksum.0, &checksum.fold(0, |xor, term| xor ^ term));
}
