//! Dominators and what follows from them, against the machine's own limits, in one run, on graphs of every shape.
//!
//! `cargo bench --no-default-features --features synth --bench analyses` builds heaps of ten million objects in memory
//! (`HEAPROOT_BENCH_OBJECTS` sets another number, `HEAPROOT_BENCH_SHAPES=typical,deep` some of the shapes) and measures,
//! one thread on both sides:
//!
//! - **G**: as many independent look-ups at random places of a table with a number per object as there are references;
//! - dominators with retained sizes; the tree turned downwards; referrers; reachability with distances.
//!
//! Gates: dominators 3 × G on typical shapes, 25 × G on hostile ones.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints what it measured")]

mod kit;

use std::hint::black_box;
use std::time::Instant;

use heaproot::analysis::dominators::children::Children;
use heaproot::analysis::dominators::{DominatorOptions, dominators, root_objects};
use heaproot::analysis::{ReachabilityOptions, reachability, referrers};
use heaproot::base::{Job, RootKind};
use heaproot::snapshot::ObjectId;
use heaproot::synth::graph::GraphSpec;
use heaproot::synth::random::Random;

use crate::kit::gather;

/// Turns measured of each shape.
const TURNS: usize = 3;

/// Objects of a record.
const RECORD: u32 = 20;

/// Targets of object `at` of a heap of `n`.
fn targets(shape: &str, at: u32, n: u32, random: &mut Random, out: &mut Vec<u32>) {
    match shape {
        // A table of records of twenty objects, as a program allocates them: small trees, half of them leaves, some
        // references to other records and to texts that many share.
        "typical" | "aged" => {
            let record = at - at % RECORD;
            if at == 0 {
                out.extend((RECORD..n).step_by(RECORD as usize));
            }
            let nth = at - record;
            out.extend([2 * nth + 1, 2 * nth + 2].into_iter().filter(|&to| to < RECORD).map(|to| record + to));
            out.retain(|&to| to < n);
            // The fields of an aged heap were set again since: more of them lead far.
            let far = if shape == "aged" { 30 } else { 10 };
            if nth < RECORD / 2 && random.below(100) < far {
                let record = random.below(n / RECORD) * RECORD;
                out.push(record + [0, RECORD - 1][usize::from(random.below(3) > 0)]);
            }
        }
        // One list whose nodes share objects from both ends.
        "deep" => {
            let nodes = n / 2;
            if at < nodes {
                if at + 1 < nodes {
                    out.push(at + 1);
                }
                out.push(nodes + at.min(nodes - 1 - at));
            } else if at != n - 1 {
                out.push(n - 1);
            }
        }
        // Diamonds in a row.
        "butterfly" => out.extend([2 * (at / 2) + 2, 2 * (at / 2) + 3].into_iter().filter(|&to| to < n)),
        // Everybody refers to one object, and it to everybody.
        "hub" => match at {
            0 => out.push(1),
            1 => out.extend(2..n),
            _ => out.extend([1, random.below(n)]),
        },
        // Parent, children, siblings, and back.
        "cyclic" => {
            out.push(at / 5);
            out.extend((1..=5).map(|nth| at.saturating_mul(5).saturating_add(nth)).filter(|&to| to < n));
            out.push((at + 1) % n);
        }
        // Three references to anywhere each.
        "expander" | "shuffled" => out.extend((0..3).map(|_| random.below(n))),
        other => panic!("no shape is called {other}"),
    }
}

/// Where each object stands.
fn places(shape: &str, n: u32, random: &mut Random) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n).collect();
    let mut shuffle = |order: &mut [u32]| {
        for at in (1..order.len()).rev() {
            order.swap(at, random.below(at as u32 + 1) as usize);
        }
    };
    match shape {
        "shuffled" => shuffle(&mut order),
        // Eight threads allocated in turns of some 8 KiB each, and whole regions were filled in any order.
        "aged" => {
            let mut regions: Vec<u32> = (0..n.div_ceil(1 << 16)).collect();
            shuffle(&mut regions);
            order.sort_by_cached_key(|&at| {
                let (thread, turn) = (at / (n / 8 + 1), at % (n / 8 + 1) / 200);
                let place = turn * 1600 + thread * 200;
                (regions[((place >> 16) as usize).min(regions.len() - 1)], place, at)
            });
        }
        _ => {}
    }
    let mut place = vec![0; n as usize];
    for (to, &at) in (0..n).zip(&order) {
        place[at as usize] = to;
    }
    place
}

fn graph(shape: &str, n: u32) -> GraphSpec {
    let mut random = Random::new(0x1234_5678_9abc_def1);
    let mut spec = GraphSpec { first: vec![0], ..GraphSpec::default() };
    let place = places(shape, n, &mut random);
    let mut inverse = vec![0; n as usize];
    for (at, &to) in (0..n).zip(&place) {
        inverse[to as usize] = at;
    }
    let plain = if shape == "shuffled" { "typical" } else { shape };
    let mut row = Vec::new();
    for id in 0..n {
        row.clear();
        targets(plain, inverse[id as usize], n, &mut random, &mut row);
        spec.targets.extend(row.iter().map(|&to| ObjectId(place[to as usize])));
        spec.first.push(spec.targets.len() as u64);
        spec.sizes.push(24 + u64::from(id % 6) * 8);
    }
    spec.roots.push((RootKind::StrongHandle, ObjectId(place[0])));
    spec
}

fn least<T>(times: &mut Vec<f64>, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let value = work();
    times.push(begin.elapsed().as_secs_f64());
    value
}

fn main() {
    let n: u32 = std::env::var("HEAPROOT_BENCH_OBJECTS").map_or(10_000_000, |text| text.parse().unwrap());
    let shapes = std::env::var("HEAPROOT_BENCH_SHAPES")
        .unwrap_or_else(|_| "typical,aged,cyclic,butterfly,deep,hub,shuffled,expander".to_owned());
    println!("{n} objects, {TURNS} turns, least seconds, one thread except reachability");
    println!(
        "{:<10} {:>12} {:>7} {:>10} {:>7} {:>10} {:>10} {:>12} {:>6}  gate",
        "shape", "references", "G", "dominators", "/ G", "children", "referrers", "reachability", "B/obj"
    );
    for shape in shapes.split(',') {
        let (snapshot, graph) = graph(shape, n).build();
        let m = graph.references.n_references();
        let table: Vec<u32> = (0..n).collect();
        let roots = root_objects(&graph, DominatorOptions { stack: false });
        let job = Job::new();
        let mut times: [Vec<f64>; 5] = Default::default();
        let mut bytes = 0;
        for _ in 0..TURNS {
            let [plain, tree_times, down, back, alive] = &mut times;
            black_box(least(plain, || gather(&table, m, 1)));
            let tree = least(tree_times, || dominators(&snapshot, &graph, &roots, &job).unwrap());
            let children = least(down, || Children::new(&tree, &snapshot, &job).unwrap());
            bytes = tree.heap_bytes() + children.heap_bytes();
            black_box(least(back, || referrers(&graph, &job).unwrap()));
            let options = ReachabilityOptions { stack: true, cut: None };
            black_box(least(alive, || reachability(&snapshot, &graph, options, &job).unwrap()));
        }
        let [plain, tree, down, back, alive] = times.map(|times| times.into_iter().min_by(f64::total_cmp).unwrap());
        let gate = if ["typical", "aged", "cyclic"].contains(&shape) { 3.0 } else { 25.0 };
        let verdict = if tree / plain <= gate { "within" } else { "ABOVE" };
        println!(
            "{shape:<10} {m:>12} {plain:>7.3} {tree:>10.3} {:>7.2} {down:>10.3} {back:>10.3} {alive:>12.3} {:>6.1}  \
             {verdict} {gate}",
            tree / plain,
            bytes as f64 / f64::from(n)
        );
    }
}
