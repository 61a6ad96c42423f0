//! Questions about paths on a heap of ten million objects, against random look-ups of the same run: seconds alone say
//! nothing about a shared machine.
//!
//! `cargo bench --no-default-features --features synth --bench paths` writes a core file with a synthetic heap
//! (`HEAPROOT_BENCH_OBJECTS` sets its size, `HEAPROOT_BENCH_PROFILE` is `typical`, `deep` or `hub`), reads it, and asks:
//!
//! - **G**: as many independent look-ups at random places of a table with a number per object as there are references;
//! - the first path, with the names of its references, of objects spread over the heap, each by itself;
//! - the merged paths of a million objects of one type, and their first levels in each grouping;
//! - what would come back without an object, a type, a kind of root.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints what it measured")]

mod kit;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use heaproot::analysis::path_tree::Page;
use heaproot::analysis::{
    Heap, Ignore, MergedGrouping, MergedPaths, ReachabilityOptions, reachability, referrers, root_path, what_if,
};
use heaproot::base::{Job, Limits, RootKind};
use heaproot::load::{self, OpenOptions};
use heaproot::snapshot::ObjectId;
use heaproot::synth::clr_core::{Process, Profile};

use crate::kit::gather;

/// Turns measured.
const TURNS: usize = 5;
/// Objects whose first path is asked for.
const N_PATHS: usize = 2_000;
/// Objects whose paths are merged.
const N_MERGED: usize = 1_000_000;

/// Milliseconds of each turn of each thing, in the order they were first measured.
#[derive(Default)]
struct Board(Vec<(String, Vec<f64>)>);

impl Board {
    fn measure<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let value = work();
        let took = begin.elapsed().as_secs_f64() * 1e3;
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, turns)) => turns.push(took),
            None => self.0.push((name.to_owned(), vec![took])),
        }
        value
    }

    fn print(&mut self, gates: &[(&str, f64)]) {
        self.0.iter_mut().for_each(|(_, turns)| turns.sort_by(f64::total_cmp));
        let unit = self.0[0].1[0];
        println!("{:<44} {:>9} {:>9} {:>7}", "", "least ms", "median ms", "of G");
        for (name, turns) in &self.0 {
            let (least, median) = (turns[0], turns[turns.len() / 2]);
            let gate = gates.iter().find(|(part, _)| name.starts_with(part)).map(|&(_, gate)| gate);
            let verdict = gate.map_or(String::new(), |gate| {
                let word = if least <= gate { "within" } else { "ABOVE" };
                format!("  {word} {gate} ms")
            });
            println!("{name:<44} {least:>9.2} {median:>9.2} {:>7.2}{verdict}", least / unit);
        }
    }
}

fn main() {
    let n_objects = std::env::var("HEAPROOT_BENCH_OBJECTS").map_or(10_000_000, |text| text.parse().unwrap());
    let profile = match std::env::var("HEAPROOT_BENCH_PROFILE").as_deref() {
        Err(_) | Ok("typical") => Profile::Typical,
        Ok("deep") => Profile::DeepList,
        Ok("hub") => Profile::Hub,
        Ok(other) => panic!("no profile is called {other}"),
    };
    let path: PathBuf = std::env::temp_dir().join(format!("heaproot-paths-{n_objects}-{}.core", std::process::id()));
    Process::new(profile, n_objects).write(&path).unwrap();
    let job = Job::new();
    let options = OpenOptions { module_folders: Vec::new(), limits: Limits::default() };
    let (snapshot, remaining) = load::open(&path, &options, &job).unwrap();
    let graph = remaining.read_graph(&snapshot, &job).unwrap();
    let referrers = referrers(&graph, &job).unwrap();
    let n_references = graph.references.n_references();
    let table: Vec<u32> = (0..snapshot.objects.len() as u32).collect();
    let options = ReachabilityOptions { stack: true, cut: None };
    let reach = reachability(&snapshot, &graph, options, &job).unwrap();
    let heap = Heap { snapshot: &snapshot, graph: &graph, referrers: &referrers, reachability: &reach };
    let alive: Vec<ObjectId> = snapshot.objects.ids().filter(|&object| reach.is_alive(object)).collect();
    let deepest = alive.iter().filter_map(|&object| reach.level(object)).max().unwrap();
    println!(
        "{} ids, {n_references} references, {} alive, deepest path {deepest}, {} threads, {TURNS} turns",
        snapshot.objects.len(),
        alive.len(),
        rayon::current_num_threads()
    );

    // The type with most live instances; a million of them, spread over the heap.
    let mut n_of = vec![0_usize; snapshot.types.len()];
    alive.iter().for_each(|&object| n_of[snapshot.objects.type_of(object).index()] += 1);
    let (biggest, _) = snapshot.types.iter().max_by_key(|(ty, _)| n_of[ty.index()]).unwrap();
    let of_type = alive.iter().copied().filter(|&object| snapshot.objects.type_of(object) == biggest);
    let step = (n_of[biggest.index()] / N_MERGED).max(1);
    let asked: Vec<ObjectId> = of_type.step_by(step).take(N_MERGED).collect();
    let held = graph.roots.roots.iter().map(|root| root.object).max_by_key(|&object| graph.references.degree(object));

    let mut board = Board::default();
    let mut slowest: f64 = 0.0;
    for _ in 0..TURNS {
        black_box(board.measure("G: random look-ups", || gather(&table, n_references, rayon::current_num_threads())));
        black_box(board.measure("what is alive", || reachability(&snapshot, &graph, options, &job).unwrap()));
        let mut times = Vec::with_capacity(N_PATHS);
        for index in 0..N_PATHS {
            let object = alive[index * alive.len() / N_PATHS];
            let begin = Instant::now();
            let path = root_path(&heap, object, &job).unwrap().unwrap();
            black_box(if path.objects.len() < 10_000 { path.steps(&heap).len() } else { path.objects.len() });
            times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        slowest = slowest.max(times[N_PATHS - 1]);
        for (name, at) in [("first path, median", N_PATHS / 2), ("first path, slowest of 2,000", N_PATHS - 1)] {
            match board.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, turns)) => turns.push(times[at]),
                None => board.0.push((name.to_owned(), vec![times[at]])),
            }
        }
        let merged =
            board.measure(&format!("merge {} paths", asked.len()), || MergedPaths::new(&heap, &asked, &job).unwrap());
        if board.0.iter().all(|(_, turns)| turns.len() < 2) {
            println!("{} objects on the merged paths", merged.n_objects());
        }
        for grouping in MergedGrouping::ALL {
            let label = grouping.label();
            let mut level =
                board.measure(&format!("level {label} 1"), || merged.top(&heap, grouping, Page::FIRST, &job).unwrap());
            for depth in 2..=4 {
                let Some(row) = level.rows.iter().max_by_key(|row| row.through.count).filter(|row| row.unfolds) else {
                    break;
                };
                level = board.measure(&format!("level {label} {depth}"), || {
                    merged.unfold(&heap, grouping, row, Page::FIRST, &job).unwrap()
                });
            }
        }
        for (name, ignored) in [
            ("what-if without the biggest root's object", Ignore::Object(held.unwrap())),
            ("what-if without a type", Ignore::Type(biggest)),
            ("what-if without handles", Ignore::RootKind(RootKind::StrongHandle)),
            ("what-if without one object", Ignore::Object(asked[asked.len() / 2])),
        ] {
            black_box(board.measure(name, || what_if(&heap, &[ignored], &job).unwrap()));
        }
    }
    board.print(&[("first path", 16.0), ("level", 100.0), ("what-if", 1000.0)]);
    drop((remaining, snapshot, graph));
    std::fs::remove_file(&path).unwrap();
}
