//! How much memory the whole analysis of a big dump takes, stage by stage.
//!
//! `cargo bench --no-default-features --features synth --bench memory` writes a core file with a synthetic heap of ten
//! million objects to the temporary folder (`HEAPROOT_BENCH_OBJECTS` sets another number, `HEAPROOT_BENCH_PROFILE` is
//! `typical`, `deep` or `hub`), opens it as the window does, and looks every millisecond at the memory of this process
//! that no file backs. The map of the dump is not in it: the system takes that back when it needs the room.
//!
//! Gate: 45 bytes an object at the highest point.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints what it measured")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use heaproot::session::{OpenOptions, Session, Status};
use heaproot::synth::clr_core::{Process, Profile};

/// Bytes an object that the whole analysis may take.
const GATE: f64 = 45.0;

/// One stage of the work.
struct Stage {
    name: &'static str,
    seconds: f64,
    most: u64,
}

/// Memory of this process that no file backs, where the system tells.
fn anonymous_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// The stages of `session` until `is_done`, with the most memory of each.
fn watch(session: &Session, is_done: &AtomicBool, before: u64) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut last = Instant::now();
    while !is_done.load(Ordering::Relaxed) {
        let progress = match session.status() {
            Status::Loading { progress } => Some(progress),
            _ => session.background(),
        };
        if let (Some(progress), Some(bytes)) = (progress, anonymous_bytes()) {
            if stages.last().is_none_or(|stage| stage.name != progress.stage) {
                stages.push(Stage { name: progress.stage, seconds: 0.0, most: 0 });
            }
            if let Some(stage) = stages.last_mut() {
                stage.seconds += last.elapsed().as_secs_f64();
                stage.most = stage.most.max(bytes.saturating_sub(before));
            }
        }
        last = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
    }
    stages
}

fn main() {
    let n_objects = std::env::var("HEAPROOT_BENCH_OBJECTS").map_or(10_000_000, |text| text.parse().unwrap());
    let profile = match std::env::var("HEAPROOT_BENCH_PROFILE").as_deref() {
        Ok("deep") => Profile::DeepList,
        Ok("hub") => Profile::Hub,
        _ => Profile::Typical,
    };
    let Some(before) = anonymous_bytes() else {
        println!("this system does not tell which memory is backed by no file: nothing was measured");
        return;
    };
    let path: PathBuf = std::env::temp_dir().join(format!("heaproot-bench-{n_objects}-{}.core", std::process::id()));
    let truth = Process::new(profile, n_objects).write(&path).unwrap();
    let begin = Instant::now();
    let session = Session::open(&path, OpenOptions::default(), Arc::new(|| {}));
    let is_done = AtomicBool::new(false);
    let stages = std::thread::scope(|scope| {
        let watched = scope.spawn(|| watch(&session, &is_done, before));
        session.wait(|_| {});
        is_done.store(true, Ordering::Relaxed);
        watched.join().unwrap()
    });
    let seconds = begin.elapsed().as_secs_f64();
    let analyses = session.analyses().unwrap();
    assert!(analyses.findings.is_some(), "the analysis is whole");
    assert_eq!(analyses.snapshot.n_objects(), truth.n_objects(), "objects read");
    let per_object = |bytes: u64| bytes as f64 / truth.n_objects() as f64;
    println!("{} objects, {} references, {seconds:.1} s", truth.n_objects(), truth.n_references);
    println!("{:<40} {:>8} {:>12}", "stage", "seconds", "bytes/object");
    for stage in &stages {
        println!("{:<40} {:>8.2} {:>12.1}", stage.name, stage.seconds, per_object(stage.most));
    }
    let most = per_object(stages.iter().map(|stage| stage.most).max().unwrap());
    let kept = per_object(anonymous_bytes().unwrap().saturating_sub(before));
    let dominance = analyses.dominance.as_ref().unwrap();
    for (name, bytes) in [
        ("objects", analyses.snapshot.objects.heap_bytes()),
        ("references", analyses.graph.as_ref().unwrap().references.heap_bytes()),
        ("reachability", analyses.reachability.as_ref().unwrap().heap_bytes()),
        ("referrers", analyses.referrers.as_ref().unwrap().heap_bytes()),
        ("dominators", dominance.tree.heap_bytes()),
        ("dominators, downwards", dominance.children.heap_bytes()),
    ] {
        println!("{:<49} {:>12.1}", format!("kept for {name}"), per_object(bytes));
    }
    println!("highest {most:.1}, kept {kept:.1}; {} {GATE}", if most <= GATE { "within" } else { "ABOVE" });
    drop((session, analyses));
    std::fs::remove_file(&path).unwrap();
}
