//! What roots reach against what the runtime itself said of the same processes, in heap snapshots that it took while they
//! ran: the reports of `.gcdump` files, and the totals of heap-snapshot traces.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use heaproot::base::Job;
use heaproot::session::{Analyses, OpenOptions, Session};

use crate::dumps_folder;

fn open(dump: &Path) -> Analyses {
    let session = Session::open(dump, OpenOptions::default(), Arc::new(|| {}));
    session.wait_until(Session::has_paths, |_| {});
    session.analyses().unwrap()
}

/// Instances by name of the types of `module` in a report, those of different sizes together. Names of nested and
/// compiled types are cut in it, so only those with a namespace count.
fn reported(report: &str, module: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in report.lines() {
        let Some(rest) = line.strip_suffix(&format!("  [{module}]")) else { continue };
        let mut words = rest.split_whitespace();
        let Some(count) = words.nth(1).and_then(|word| word.replace(',', "").parse::<u64>().ok()) else { continue };
        let name = words.collect::<Vec<_>>().join(" ");
        let name = name.split(" (Bytes").next().unwrap_or_default().replace(',', ", ");
        if name.starts_with("Corpus.") && !name.contains('+') {
            *counts.entry(name).or_default() += count;
        }
    }
    counts
}

#[test]
fn the_runtime_counted_the_same_objects_alive() {
    let Some(folder) = dumps_folder() else { return };
    for (name, module, n_types) in [
        ("gcpair-seed-n10", "Seed.dll", 3),
        ("gcpair-eventleaks-n10", "EventLeaks.dll", 20),
        ("gcpair-values-n10", "Values.dll", 20),
    ] {
        let report = std::fs::read_to_string(folder.join(format!("truth/{name}.gcdump-report.txt"))).unwrap();
        let expected = reported(&report, module);
        let analyses = open(&folder.join(format!("{name}.core.zst")));
        let (snapshot, reach) = (&analyses.snapshot, analyses.reachability.as_ref().unwrap());
        let live = reach.live_totals(snapshot, &Job::new()).unwrap();
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for (ty, row) in snapshot.types.iter() {
            *found.entry(row.display_name()).or_default() += live[ty.index()].count;
        }
        let mut n_same = 0;
        for (ty, &count) in &expected {
            // A name that the report writes in its own way is no name of ours.
            let Some(&ours) = found.get(ty) else { continue };
            assert_eq!(ours, count, "{name}: {ty}");
            n_same += 1;
        }
        println!("{name}: {n_same} of {} types of {module} alive in equal numbers", expected.len());
        assert!(n_same >= n_types, "{name}: only {n_same} of {} types have our names", expected.len());
    }
}

#[test]
fn traces_have_as_many_nodes_and_edges_as_roots_reach() {
    let Some(folder) = dumps_folder() else { return };
    // Of pair-c31 the trace has 50 finalizable objects with an array each more, which died before the dump was made.
    for (name, n_objects, n_references) in
        [("exotic-c31-withheap", 152_268, 153_404), ("pair-c31-withheap", 33_390 - 100, 35_775 - 50)]
    {
        let analyses = open(&folder.join(format!("{name}.core.zst")));
        let (graph, reach) = (analyses.graph.as_ref().unwrap(), analyses.reachability.as_ref().unwrap());
        let alive = analyses.snapshot.objects.ids().filter(|&object| reach.is_alive(object));
        let degrees: u64 = alive.map(|object| graph.references.degree(object) as u64).sum();
        // Edges of a trace are fields and elements: dependent handles are not among them.
        let n_extra = graph.extra.iter().filter(|edge| reach.is_alive(edge.from)).count() as u64;
        assert_eq!((reach.total().count, degrees - n_extra), (n_objects, n_references), "{name}");
    }
}
