//! Opening a big dump against the machine's own limits, in one run: seconds alone say nothing about a shared machine.
//!
//! `cargo bench --no-default-features --features synth --bench ratios` writes a core file with a synthetic heap of ten
//! million objects to the temporary folder (`HEAPROOT_BENCH_OBJECTS` sets another number) and measures in turns:
//!
//! - **R**: the heap's bytes read once, as sums of words, by as many threads, through a fresh map of the warm file;
//! - the type table: [`heaproot::load::open`] from the path to every type with its counts, through a fresh map, too;
//! - **G**: as many independent look-ups at random places of a table with a number per object as there are references;
//! - the graph: every reference and root by id.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints what it measured")]

mod kit;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use heaproot::base::{AddrRange, Job, Limits, Warnings};
use heaproot::load::{self, OpenOptions};
use heaproot::snapshot::{HeapGraph, HeapSnapshot, ObjectId};
use heaproot::synth::clr_core::{Process, Profile};
use heaproot::target::TargetMemory;
use rayon::prelude::*;

use crate::kit::gather;

/// Turns measured.
const TURNS: usize = 9;
/// Bytes one thread reads at a time.
const PIECE_BYTES: usize = 4 << 20;

/// Times of one measured thing.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let value = work();
        self.0.push(begin.elapsed());
        value
    }

    fn sorted(&self) -> Vec<f64> {
        let mut seconds: Vec<f64> = self.0.iter().map(Duration::as_secs_f64).collect();
        seconds.sort_by(f64::total_cmp);
        seconds
    }

    fn least(&self) -> f64 {
        self.sorted()[0]
    }

    fn median(&self) -> f64 {
        self.sorted()[self.0.len() / 2]
    }

    fn spread(&self) -> f64 {
        self.sorted().last().unwrap() / self.least()
    }
}

/// The bytes of `ranges`, summed as words through a fresh map of the file.
fn read_plainly(path: &Path, ranges: &[AddrRange]) -> u64 {
    let opened = heaproot::dump::open(path, &Limits::default(), &Job::new()).unwrap();
    let target = heaproot::target::from_core(&opened, &Limits::default(), &Job::new(), &mut Warnings::new()).unwrap();
    let pieces: Vec<&[u8]> = ranges
        .iter()
        .filter(|range| !range.is_empty())
        .flat_map(|range| target.memory.bytes_at(range.start).unwrap()[..range.len() as usize].chunks(PIECE_BYTES))
        .collect();
    pieces
        .par_iter()
        .map(|piece| {
            piece.as_chunks::<8>().0.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)))
        })
        .reduce(|| 0, u64::wrapping_add)
}

fn open(path: &Path) -> (HeapSnapshot, load::Remaining) {
    let options = OpenOptions { module_folders: Vec::new(), limits: Limits::default() };
    load::open(path, &options, &Job::new()).unwrap()
}

/// Highest memory of this process so far that no file backs, where the system tells.
fn anonymous_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

fn main() {
    let n_objects = std::env::var("HEAPROOT_BENCH_OBJECTS").map_or(10_000_000, |text| text.parse().unwrap());
    let path: PathBuf = std::env::temp_dir().join(format!("heaproot-bench-{n_objects}-{}.core", std::process::id()));
    let truth = Process::new(Profile::Typical, n_objects).write(&path).unwrap();

    let before = anonymous_bytes();
    let (snapshot, remaining) = open(&path);
    let graph: HeapGraph = remaining.read_graph(&snapshot, &Job::new()).unwrap();
    let after = anonymous_bytes();
    assert_eq!(snapshot.n_objects(), truth.n_objects(), "objects read");
    assert_eq!(snapshot.object_bytes(), truth.object_bytes(), "bytes read");
    assert_eq!(graph.checksums.iter().map(|sum| sum.count).sum::<u64>(), truth.n_references, "references read");
    let ranges: Vec<AddrRange> = snapshot.objects.segments().iter().map(|segment| segment.objects).collect();
    let n_ids = snapshot.objects.len();
    let n_references = graph.references.n_references();
    let table: Vec<u32> = (0..n_ids as u32).collect();

    let (mut plain, mut types, mut random, mut edges, mut rows) = <(Times, Times, Times, Times, Times)>::default();
    for _ in 0..TURNS {
        black_box(plain.measure(|| read_plainly(&path, &ranges)));
        let opened = types.measure(|| open(&path));
        black_box(random.measure(|| gather(&table, n_references, rayon::current_num_threads())));
        black_box(edges.measure(|| opened.1.read_graph(&opened.0, &Job::new()).unwrap()));
        black_box(rows.measure(|| {
            (0..n_ids as u32)
                .map(|id| graph.references.of(ObjectId(id)).map(|to| u64::from(to.0)).sum::<u64>())
                .sum::<u64>()
        }));
    }
    let heap_bytes: u64 = ranges.iter().map(|range| range.len()).sum();
    println!(
        "{n_ids} ids, {n_references} references, {} MB of heap, {} threads, {TURNS} turns",
        heap_bytes / 1_000_000,
        rayon::current_num_threads()
    );
    println!("{:<28} {:>9} {:>9} {:>7} {:>9}", "", "least ms", "median ms", "spread", "ns each");
    let per = |times: &Times, n: u64| times.median() * 1e9 / n as f64;
    for (name, times, n) in [
        ("R: plain read", &plain, n_ids as u64),
        ("type table (per id)", &types, n_ids as u64),
        ("G: random look-ups", &random, n_references),
        ("graph (per reference)", &edges, n_references),
        ("rows, 1 thread (per ref.)", &rows, n_references),
    ] {
        let (least, median) = (times.least() * 1e3, times.median() * 1e3);
        println!("{name:<28} {least:>9.1} {median:>9.1} {:>7.2} {:>9.2}", times.spread(), per(times, n));
    }
    let ratio = |a: &Times, b: &Times| (a.least() / b.least(), a.median() / b.median());
    for (name, (least, median), gate) in [
        ("type table / R", ratio(&types, &plain), 3.0),
        (
            "type table + graph / R",
            ((types.least() + edges.least()) / plain.least(), (types.median() + edges.median()) / plain.median()),
            15.0,
        ),
    ] {
        let verdict = if least.min(median) <= gate { "within" } else { "ABOVE" };
        println!("{name:<28} {least:>9.2} {median:>9.2}   {verdict} {gate}");
    }
    println!(
        "bytes per id: {:.2} objects and types, {:.2} references ({:.2} per reference)",
        snapshot.objects.heap_bytes() as f64 / n_ids as f64,
        graph.references.heap_bytes() as f64 / n_ids as f64,
        graph.references.heap_bytes() as f64 / n_references as f64
    );
    if let (Some(before), Some(after)) = (before, after) {
        println!("anonymous memory after opening: {:.2} bytes per id", (after - before) as f64 / n_ids as f64);
    }
    drop((remaining, snapshot, graph));
    std::fs::remove_file(&path).unwrap();
}
