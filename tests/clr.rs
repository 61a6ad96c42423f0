//! The runtime's structures in real dumps, compared with what an independent reader says of the same files.
//!
//! Set `HEAPROOT_DUMPS_UNPACKED` to a folder with unpacked `NAME.core` and `NAME.truth.json`; without it the tests say
//! that they were skipped.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heaproot::base::{Addr, Job, Limits, SegmentKind, Warnings};
use heaproot::clr::object::{ShapeCache, Step, Walk, object_at};
use heaproot::clr::{ClrError, Runtime};
use heaproot::target::from_core::open_core;
use serde_json::Value;

/// Dumps in name order whose name holds the text of `HEAPROOT_DUMPS_ONLY`, if set.
fn dumps() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("HEAPROOT_DUMPS_UNPACKED") else {
        println!("skipped: HEAPROOT_DUMPS_UNPACKED is not set");
        return Vec::new();
    };
    let only = std::env::var("HEAPROOT_DUMPS_ONLY").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "core"))
        .filter(|path| path.file_stem().unwrap().to_string_lossy().contains(&only))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no dump in the folder");
    found
}

fn truth(dump: &Path) -> Option<Value> {
    let text = std::fs::read(dump.with_extension("truth.json")).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

fn name(dump: &Path) -> String {
    dump.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Dumps that hold no managed heap to show.
fn is_refused(name: &str) -> bool {
    name.starts_with("seed-aot") || name.contains("normal") || name.starts_with("triage") || name.contains("truncated")
}

fn open(dump: &Path) -> Result<(Runtime, Warnings), ClrError> {
    let target = Arc::new(open_core(dump).expect("a core"));
    let mut warnings = Warnings::new();
    let runtime = Runtime::open(target, &Limits::default(), &Job::new(), &mut warnings)?;
    Ok((runtime, warnings))
}

/// Every dump with a heap, with its truth where there is one.
fn each(mut check: impl FnMut(&str, &Runtime, Option<&Value>, &mut Vec<String>)) {
    let mut wrong = Vec::new();
    for dump in dumps() {
        let name = name(&dump);
        if is_refused(&name) {
            continue;
        }
        match open(&dump) {
            Ok((runtime, _)) => {
                let mut faults = Vec::new();
                check(&name, &runtime, truth(&dump).as_ref(), &mut faults);
                println!(
                    "{name}: {}",
                    if faults.is_empty() { "ok".to_owned() } else { format!("{} faults", faults.len()) }
                );
                for fault in faults.iter().take(12) {
                    println!("    {fault}");
                }
                wrong.extend(faults.into_iter().map(|fault| format!("{name}: {fault}")));
            }
            Err(err) => {
                println!("{name}: {err}");
                wrong.push(format!("{name}: {err}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} faults", wrong.len());
}

fn hex(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap_or("0x0").trim_start_matches("0x"), 16).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn same<T: PartialEq + std::fmt::Debug>(faults: &mut Vec<String>, what: &str, expected: T, found: T) {
    if expected != found {
        faults.push(format!("{what}: expected {expected:x?}, found {found:x?}"));
    }
}

#[test]
fn a_dump_without_a_heap_is_refused_in_words() {
    for dump in dumps() {
        let name = name(&dump);
        if is_refused(&name) {
            match open(&dump) {
                Ok((runtime, _)) => {
                    println!("{name}: {} segments", runtime.gc.segments.len());
                    assert!(name.contains("truncated"), "{name} has a heap");
                }
                Err(err) => {
                    println!("{name}: {err}\n    {}", err.refusal().unwrap().what_next);
                    assert_eq!(name.starts_with("seed-aot"), matches!(err, ClrError::NativeAot(_)), "{name}");
                }
            }
        }
    }
}

#[test]
fn segments_are_the_truths() {
    each(|_, runtime, truth, faults| {
        println!(
            "  {} | {} | {:?} {:?} heaps {} segments {} contexts {} | gc {} bg {:?} | string {:?} object[] {:?} free {:?}",
            runtime.info.facts.name,
            runtime.info.facts.version_source,
            runtime.gc.mode,
            runtime.gc.layout,
            runtime.gc.heaps.len(),
            runtime.gc.segments.len(),
            runtime.gc.alloc_contexts.len(),
            runtime.gc.in_progress,
            runtime.gc.background,
            runtime.type_system.string_mt,
            runtime.type_system.object_array_mt,
            runtime.type_system.free_mt,
        );
        for evidence in &runtime.evidence {
            println!("    {}: {}", evidence.what, evidence.how);
        }
        let Some(truth) = truth else { return };
        let kind = |kind: SegmentKind| match kind {
            SegmentKind::Ephemeral => "Ephemeral",
            SegmentKind::Gen0 => "Generation0",
            SegmentKind::Gen1 => "Generation1",
            SegmentKind::Gen2 => "Generation2",
            SegmentKind::Large => "Large",
            SegmentKind::Pinned => "Pinned",
            SegmentKind::Frozen => "Frozen",
        };
        let expected: BTreeSet<(u64, String, u64, u64, u64)> = list(truth, "segments")
            .iter()
            .map(|row| {
                let text = row["kind"].as_str().unwrap().to_owned();
                (hex(&row["segment"]), text, row["heap"].as_u64().unwrap(), hex(&row["first_object"]), hex(&row["end"]))
            })
            .filter(|row| row.3 < row.4)
            .collect();
        let found: BTreeSet<(u64, String, u64, u64, u64)> = runtime
            .gc
            .segments
            .iter()
            .filter(|segment| !segment.objects.is_empty())
            .map(|segment| {
                let objects = segment.objects;
                (
                    segment.address.0,
                    kind(segment.kind).to_owned(),
                    u64::from(segment.heap),
                    objects.start.0,
                    objects.end.0,
                )
            })
            .collect();
        for row in expected.difference(&found) {
            faults.push(format!("segment not found: {row:x?}"));
        }
        for row in found.difference(&expected) {
            faults.push(format!("segment not in the truth: {row:x?}"));
        }
        for row in list(truth, "segments").iter().filter(|row| row["kind"] == "Ephemeral") {
            let start = hex(&row["segment"]);
            let Some(segment) = runtime.gc.segments.iter().find(|segment| segment.address.0 == start) else { continue };
            same(faults, "start of gen 0", hex(&row["gen0"][0]), segment.gen0_start.0);
            same(faults, "start of gen 1", hex(&row["gen1"][0]), segment.gen1_start.0);
        }
        same(faults, "server", truth["server_gc"].as_bool().unwrap(), runtime.gc.mode.label() == "server");
        same(faults, "heaps", list(truth, "sub_heaps").len(), runtime.gc.heaps.len());
        for (row, heap) in list(truth, "sub_heaps").iter().zip(&runtime.gc.heaps) {
            same(faults, "gc_heap", hex(&row["address"]), heap.address.0);
            same(faults, "ephemeral segment", hex(&row["ephemeral_segment"]), heap.ephemeral_segment.0);
            same(faults, "regions", row["regions"].as_bool().unwrap(), runtime.gc.layout.label() == "regions");
        }
    });
}

#[test]
fn the_walk_finds_the_truths_objects() {
    each(|_, runtime, truth, faults| {
        let mut cache = ShapeCache::default();
        let memory = &runtime.target.memory;
        let mut types: BTreeMap<u64, (u64, u64, u64)> = BTreeMap::new();
        let mut gaps: BTreeSet<(u64, u64)> = BTreeSet::new();
        let mut reasons: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        let mut n_marked = 0;
        let started = std::time::Instant::now();
        for segment in &runtime.gc.segments {
            let mut shape = |mt| cache.get(mt, || runtime.type_system.shape(mt));
            for step in Walk::new(memory, segment.objects, &runtime.gc.alloc_contexts, &mut shape) {
                match step {
                    Step::Object { at, method_table, size_bytes, mark_bits, .. } => {
                        let row = types.entry(method_table.0).or_default();
                        *row = (row.0 + 1, row.1 + size_bytes, row.2 ^ at.0);
                        n_marked += u64::from(mark_bits != 0);
                    }
                    Step::Gap(gap) => {
                        gaps.insert((gap.range.start.0, gap.range.end.0));
                        let row = reasons.entry(gap.reason.label()).or_default();
                        *row = (row.0 + 1, row.1 + gap.range.len());
                    }
                }
            }
        }
        let n: u64 = types.values().map(|row| row.0).sum();
        let bytes: u64 = types.values().map(|row| row.1).sum();
        println!(
            "  {n} objects, {bytes} bytes, {} types, gaps {reasons:?}, {n_marked} marked, {:.2} s",
            types.len(),
            started.elapsed().as_secs_f64()
        );
        let Some(truth) = truth else { return };
        let totals = &truth["totals"];
        same(faults, "objects", totals["objects"].as_u64().unwrap(), n);
        same(faults, "bytes", totals["bytes"].as_u64().unwrap(), bytes);
        let expected: BTreeMap<u64, (u64, u64, u64)> = list(truth, "types")
            .iter()
            .map(|row| {
                let sums = (row["count"].as_u64().unwrap(), row["bytes"].as_u64().unwrap(), hex(&row["addr_xor"]));
                (hex(&row["mt"]), sums)
            })
            .collect();
        for (mt, row) in &expected {
            same(faults, &format!("type {mt:#x}"), Some(row), types.get(mt));
        }
        for mt in types.keys().filter(|mt| !expected.contains_key(mt)) {
            faults.push(format!("type {mt:#x} is not in the truth"));
        }
        for gap in list(truth, "gaps") {
            let gap = (hex(&gap[0]), hex(&gap[1]));
            if !gaps.contains(&gap) {
                faults.push(format!("gap {gap:x?} not found"));
            }
        }
    });
}

#[test]
fn handles_are_the_truths() {
    each(|_, runtime, truth, faults| {
        let mut warnings = Warnings::new();
        let handles = runtime.handles(&mut warnings);
        let dangling = handles.list().iter().filter(|handle| runtime.gc.segment_of(handle.target).is_none()).count();
        println!(
            "  {} handles in {} tables, {} segments; {dangling} outside the heap; {:?}",
            handles.list().len(),
            handles.n_tables,
            handles.n_segments,
            warnings.list()
        );
        let Some(truth) = truth else { return };
        let kind = |name: &str| match name {
            "WeakInteriorPointer" => "weak interior".to_owned(),
            name => name
                .chars()
                .flat_map(|c| if c.is_uppercase() { vec![' ', c.to_ascii_lowercase()] } else { vec![c] })
                .collect::<String>()
                .trim()
                .to_owned(),
        };
        let expected: BTreeSet<(u64, u64, String, u64)> = list(truth, "handles")
            .iter()
            .map(|row| {
                (hex(&row["address"]), hex(&row["object"]), kind(row["kind"].as_str().unwrap()), hex(&row["dependent"]))
            })
            .collect();
        let found: BTreeSet<(u64, u64, String, u64)> = handles
            .list()
            .iter()
            .map(|handle| {
                let dependent = handle.dependent.map_or(0, |at| at.0);
                (handle.address.0, handle.target.0, handle.kind.label().to_owned(), dependent)
            })
            .collect();
        for row in expected.difference(&found) {
            faults.push(format!("handle not found: {row:x?}"));
        }
        if truth["handles_incomplete"].as_bool() != Some(true) {
            for row in found.difference(&expected) {
                faults.push(format!("handle not in the truth: {row:x?}"));
            }
        }
    });
}

#[test]
fn finalizer_queues_are_the_truths() {
    each(|_, runtime, truth, faults| {
        let mut warnings = Warnings::new();
        let queues = runtime.finalizers(&mut warnings);
        println!("  {} registered, {} ready; {:?}", queues.registered.len(), queues.ready.len(), warnings.list());
        let Some(truth) = truth else { return };
        let expected = |key: &str| {
            let mut found: Vec<u64> = list(&truth["finalizer"], key).iter().map(hex).collect();
            found.sort_unstable();
            found
        };
        let found: Vec<u64> = queues.registered.iter().map(|at| at.0).collect();
        same(faults, "registered", expected("registered"), found);
        let found: Vec<u64> = queues.ready.iter().map(|(_, at)| at.0).collect();
        same(faults, "ready", expected("ready"), found);
    });
}

#[test]
fn threads_are_the_truths() {
    each(|_, runtime, truth, faults| {
        let mut warnings = Warnings::new();
        let handles = runtime.handles(&mut warnings);
        let threads = runtime.threads(&handles);
        println!("  {} | {:x?}", threads.how, threads.layout);
        for thread in &threads.list {
            let words = runtime.stack_words(thread).count();
            println!(
                "    {} os {} {} [{}] coop {:?} stack {:?} sp {} object {:?} exception {:?} context {:?} {words} words {:?}",
                thread.managed_id,
                thread.os_id,
                thread.address,
                thread.state_text(),
                thread.is_cooperative,
                thread.stack,
                thread.stack_pointer,
                thread.object,
                thread.exception,
                thread.alloc_context,
                runtime.stack_parts(thread).problem
            );
        }
        let Some(truth) = truth else { return };
        let rows = list(truth, "threads");
        same(faults, "threads", rows.len(), threads.list.len());
        let objects: BTreeMap<u64, u64> =
            list(truth, "thread_objects").iter().map(|row| (hex(&row["native"]), hex(&row["addr"]))).collect();
        let mut contexts = BTreeSet::new();
        for row in rows {
            let at = hex(&row["address"]);
            let Some(thread) = threads.list.iter().find(|thread| thread.address.0 == at) else {
                faults.push(format!("thread {at:#x} not found"));
                continue;
            };
            same(faults, "os id", row["os_id"].as_u64().unwrap(), u64::from(thread.os_id));
            same(faults, "managed id", row["managed_id"].as_u64().unwrap(), u64::from(thread.managed_id));
            same(faults, "alive", row["alive"].as_bool().unwrap(), thread.is_alive());
            same(faults, "finalizer", row["finalizer"].as_bool().unwrap(), thread.is_finalizer);
            same(faults, "cooperative", Some(row["gc_mode"] == "Cooperative"), thread.is_cooperative);
            same(faults, "state", Some(hex(&row["state"]) as u32), thread.state);
            same(faults, "object", objects.get(&at).copied(), thread.object.map(|at| at.0));
            let exception = row.get("exception").and_then(|row| row.get("address")).map(hex);
            if exception.is_some() {
                same(faults, "exception", exception, thread.exception.map(|at| at.0));
            }
            let words: BTreeSet<u64> = runtime.stack_words(thread).map(|word| word.value.0).collect();
            for root in list(row, "stack_roots") {
                // Of an interior reference in a register the truth says only which object it points into.
                let object = hex(&root["object"]);
                let mut shape = |mt| runtime.type_system.shape(mt);
                let size = object_at(&runtime.target.memory, Addr(object), Addr(u64::MAX), &mut shape).unwrap().2;
                if words.range(object..object + size).next().is_none() {
                    faults.push(format!("stack root of thread {at:#x} not found: {root}"));
                }
            }
        }
        for pair in list(truth, "alloc_contexts") {
            let (next, limit) = (hex(&pair[0]), hex(&pair[1]));
            contexts.insert((next, limit));
        }
        let found: BTreeSet<(u64, u64)> =
            runtime.gc.alloc_contexts.iter().map(|range| (range.start.0, range.end.0)).collect();
        same(faults, "allocation contexts", contexts, found);
    });
}

#[test]
fn thread_static_storage_is_the_truths() {
    each(|_, runtime, truth, faults| {
        let mut warnings = Warnings::new();
        let handles = runtime.handles(&mut warnings);
        let threads = runtime.threads(&handles);
        let mut roots = BTreeSet::new();
        for thread in &threads.list {
            let locals = runtime.thread_locals(&threads, thread, &handles);
            let found = runtime.thread_static_roots(&threads, thread);
            println!("    {} {:?} {:x?}", thread.managed_id, found, locals);
            roots.extend(found.iter().map(|(_, object)| object.0));
            // What hangs directly on them.
            for (_, array) in found {
                let n = runtime.type_system.memory();
                let count = heaproot::target::TargetMemory::u32(n, array.plus(8)).unwrap();
                for index in 0..u64::from(count.min(10_000)) {
                    roots.insert(heaproot::target::TargetMemory::u64(n, array.plus(16 + 8 * index)).unwrap());
                }
            }
        }
        let Some(truth) = truth else { return };
        for row in list(truth, "additional_roots").iter().filter(|row| row[0] == "ThreadStaticVar") {
            let object = hex(&row[2]);
            let is_held = handles.list().iter().any(|handle| handle.target.0 == object);
            if !roots.contains(&object) && !is_held {
                faults.push(format!("thread static storage {object:#x} not found"));
            }
        }
    });
}
