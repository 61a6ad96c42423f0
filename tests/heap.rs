//! Objects, sums, holes and references of real dumps against what ClrMD says of them.
//!
//! Needs a folder of unpacked dumps with their truth files, named by the environment variable
//! `HEAPROOT_DUMPS_UNPACKED`; without it the test says so and ends.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test says what it compared, and stops where it cannot"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use heaproot::base::{Addr, Job, Limits};
use heaproot::load::{self, OpenOptions};
use heaproot::snapshot::{GapReason, HeapGraph, HeapSnapshot, TypeShape};
use serde_json::Value;

fn dumps() -> Vec<(String, PathBuf, PathBuf)> {
    let Some(folder) = std::env::var_os("HEAPROOT_DUMPS_UNPACKED").map(PathBuf::from) else {
        println!("skipped: HEAPROOT_DUMPS_UNPACKED is not set");
        return Vec::new();
    };
    let only = std::env::var("HEAPROOT_ONLY").unwrap_or_default();
    let mut found: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.strip_suffix(".truth.json")?.to_owned();
            let dump = folder.join(format!("{name}.core"));
            (dump.is_file() && name.contains(&only)).then_some((name, dump, path))
        })
        .collect();
    found.sort();
    found
}

fn open(path: &Path) -> Result<(HeapSnapshot, HeapGraph), load::Error> {
    let options = OpenOptions { module_folders: Vec::new(), limits: Limits::default() };
    let (snapshot, remaining) = load::open(path, &options, &Job::new())?;
    let graph = remaining.read_graph(&snapshot, &Job::new())?;
    Ok((snapshot, graph))
}

/// Everything a snapshot answers, as text: two runs must give the same.
fn printed(snapshot: &HeapSnapshot, graph: &HeapGraph) -> String {
    let mut text = format!("{:?}\n{:?}\n{:?}\n", snapshot.totals, snapshot.coverage, snapshot.objects.segments());
    for entry in snapshot.objects.all_entries() {
        let targets: Vec<u32> = graph.references.of(entry.id).map(|target| target.0).collect();
        text.push_str(&format!("{entry:?} {targets:?}\n"));
    }
    text.push_str(&format!("{:?}\n{:?}\n{:?}", graph.checksums, graph.extra, graph.roots));
    text
}

#[test]
fn two_runs_give_the_same() {
    for (name, dump, _) in dumps().into_iter().filter(|(name, ..)| name.contains("net9svr") || name.contains("seed-n"))
    {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (snapshot, graph) = pool.install(|| open(&dump)).unwrap();
            printed(&snapshot, &graph)
        };
        assert!(run(1) == run(4), "{name}: two runs differ");
    }
}

/// Every dump of the folder, those without a truth file too: it opens whole, or is refused in words.
#[test]
fn every_dump_opens_or_is_refused() {
    let Some(folder) = std::env::var_os("HEAPROOT_DUMPS_UNPACKED") else {
        println!("skipped: HEAPROOT_DUMPS_UNPACKED is not set");
        return;
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending != "json")) {
        let name = path.file_name().unwrap().to_string_lossy();
        match open(path) {
            Ok((snapshot, graph)) => {
                check_whole(&snapshot, &graph);
                let n_named = snapshot
                    .types
                    .iter()
                    .zip(&snapshot.totals)
                    .filter(|((_, row), totals)| totals.count > 0 && row.name.known().is_some());
                let (mut n_methods, mut n_delegates) = (0, 0);
                for id in snapshot.objects.ids().filter(|&id| snapshot.type_of(id).shape == TypeShape::Delegate) {
                    let Some(parts) = snapshot.delegate(id).filter(|parts| parts.invocation_count == 0) else {
                        continue;
                    };
                    n_delegates += 1;
                    n_methods += u64::from(snapshot.values.method_at(parts.code()).is_some());
                }
                println!(
                    "{name}: {} objects, {} references, {} dangling, {} lost bytes, {} types named, {n_methods} of \
                     {n_delegates} delegates, {} statics, {} roots, {} warnings",
                    snapshot.n_objects(),
                    graph.references.n_references(),
                    graph.n_dangling,
                    snapshot.coverage.lost_bytes(),
                    n_named.count(),
                    graph.roots.statics.len(),
                    graph.roots.roots.len(),
                    snapshot.warnings.list().len() + graph.warnings.list().len(),
                );
            }
            Err(err) => {
                let problem = err.problem().unwrap();
                assert!(!problem.what.is_empty() && !problem.why.is_empty(), "{name}: a refusal without words");
                println!("{name}: {}: {}", problem.what, problem.why);
            }
        }
    }
}

/// What holds of every snapshot, whatever the dump.
fn check_whole(snapshot: &HeapSnapshot, graph: &HeapGraph) {
    let objects = &snapshot.objects;
    assert_eq!(graph.references.n_rows(), objects.len());
    assert_eq!(snapshot.totals.iter().map(|totals| totals.count).sum::<u64>(), objects.len() as u64);
    for segment in objects.segments().iter().filter(|segment| segment.n_ids > 0) {
        let bytes: u64 = objects.entries(segment.ids()).map(|entry| entry.size).sum();
        assert_eq!(bytes, segment.objects.len(), "objects and holes fill their segment");
    }
    for root in &graph.roots.roots {
        assert!(snapshot.is_object(root.object), "a root of no object");
    }
    let reached = objects.ids().flat_map(|id| graph.references.of(id));
    assert!(reached.into_iter().all(|to| snapshot.is_object(to)), "a reference to no object");
    assert!(graph.extra.is_sorted());
}

fn hex(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Sums {
    count: u64,
    bytes: u64,
    raw_bytes: u64,
    addr_xor: u64,
}

/// Differences between one dump and its truth.
fn differences(snapshot: &HeapSnapshot, graph: &HeapGraph, truth: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let mut same = |what: String, expected: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
        let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
        if expected != found {
            out.push(format!("{what}: expected {expected}, found {found}"));
        }
    };
    let mut xors = vec![0_u64; snapshot.types.len()];
    for entry in snapshot.objects.all_entries() {
        xors[entry.ty.index()] ^= entry.address.0;
    }
    let mut found: BTreeMap<u64, Sums> = BTreeMap::new();
    for ((id, row), totals) in snapshot.types.iter().zip(&snapshot.totals) {
        if totals.count > 0 && row.shape != TypeShape::Gap {
            let sums = Sums {
                count: totals.count,
                bytes: totals.bytes,
                raw_bytes: totals.raw_bytes,
                addr_xor: xors[id.index()],
            };
            found.insert(row.method_table.0, sums);
        }
    }
    let expected: BTreeMap<u64, Sums> = truth["types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let bytes = row["bytes"].as_u64().unwrap();
            let sums = Sums {
                count: row["count"].as_u64().unwrap(),
                bytes,
                raw_bytes: row["raw_bytes"].as_u64().unwrap_or(bytes),
                addr_xor: hex(&row["addr_xor"]),
            };
            (hex(&row["mt"]), sums)
        })
        .collect();
    // ClrMD takes two bytes off the base size of free blocks in 2.1 (its file says 22, the MethodTable 24), as it does
    // for strings: their unrounded sum is not comparable.
    let is_free = |mt: u64| {
        snapshot.types.by_method_table(Addr(mt)).is_some_and(|id| snapshot.types.row(id).shape == TypeShape::Free)
    };
    let comparable = |(mt, sums): (&u64, &Sums)| {
        let raw_bytes = if is_free(*mt) { 0 } else { sums.raw_bytes };
        Sums { raw_bytes, ..sums.clone() }
    };
    for mt in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        let of = |table: &BTreeMap<u64, Sums>| table.get_key_value(mt).map(comparable);
        same(format!("type {mt:#x}"), &of(&expected), &of(&found));
    }
    let totals = &truth["totals"];
    let free = snapshot.types.iter().zip(&snapshot.totals).filter(|((_, row), _)| row.shape == TypeShape::Free);
    let (n_free, free_bytes) = free.fold((0, 0), |sum, (_, t)| (sum.0 + t.count, sum.1 + t.bytes));
    same("objects".into(), &totals["objects"].as_u64().unwrap(), &(snapshot.n_objects() + n_free));
    same("bytes".into(), &totals["bytes"].as_u64().unwrap(), &(snapshot.object_bytes() + free_bytes));
    let coverage = &snapshot.coverage;
    same("walked bytes".into(), &totals["bytes"].as_u64().unwrap(), &coverage.walked_bytes);
    for row in &coverage.generations {
        let of = |key: String| {
            let pair = &totals["generations"][&key];
            (pair[0].as_u64().unwrap_or(0), pair[1].as_u64().unwrap_or(0))
        };
        let key = row.generation.key();
        same(format!("{key} objects"), &of(key.to_owned()), &(row.n_objects, row.object_bytes));
        same(format!("{key} free"), &of(format!("{key}_free")), &(row.n_free, row.free_bytes));
    }
    let expected: Vec<(u64, u64)> =
        truth["gaps"].as_array().unwrap().iter().map(|gap| (hex(&gap[0]), hex(&gap[1]))).collect();
    let found: Vec<(u64, u64)> = coverage.gaps.iter().map(|gap| (gap.range.start.0, gap.range.end.0)).collect();
    if expected != found {
        let lost: Vec<_> = expected.iter().filter(|gap| !found.contains(gap)).take(4).collect();
        let more: Vec<_> = found.iter().filter(|gap| !expected.contains(gap)).take(4).collect();
        same(format!("{} gaps", expected.len()), &lost, &more);
    }
    let losses = coverage.gaps.iter().filter(|gap| gap.reason != GapReason::AllocationContext).count();
    same("holes that are losses".into(), &0, &losses);
    let edges = &truth["edges"];
    let expected: BTreeMap<u64, (u64, u64, u64)> = edges["per_mt"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(mt, row)| {
            let mt = u64::from_str_radix(mt.trim_start_matches("0x"), 16).unwrap();
            (mt, (row[0].as_u64().unwrap(), hex(&row[1]), hex(&row[2])))
        })
        .filter(|(_, row)| row.0 > 0)
        .collect();
    let found: BTreeMap<u64, (u64, u64, u64)> = snapshot
        .types
        .iter()
        .zip(&graph.checksums)
        .filter(|(_, sum)| sum.count > 0)
        .map(|((_, row), sum)| (row.method_table.0, (sum.count, sum.xor, sum.sum)))
        .collect();
    for mt in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
        same(format!("references of {mt:#x}"), &expected.get(mt), &found.get(mt));
    }
    let dangling =
        edges["dangling"].as_u64().unwrap_or_else(|| edges["dangling"].as_array().map_or(0, |a| a.len() as u64));
    same("dangling".into(), &dangling, &graph.n_dangling);
    out
}

/// Methods of single delegates, and texts of strings, that differ from ClrMD's; and how many delegates were compared.
fn value_differences(snapshot: &HeapSnapshot, truth: &Value) -> (usize, Vec<String>) {
    let mut out = Vec::new();
    let mut n_compared = 0;
    for row in truth["samples"]["delegates"].as_array().unwrap() {
        let method = &row["first"][0]["method"];
        // ClrMD has none for dynamic methods, and writes errors where metadata is cut.
        let (Some(name), Some(ty)) = (method["name"].as_str(), method["type"].as_str()) else { continue };
        // It also writes arguments behind the name of a generic method, and takes the text of a lambda's name apart where
        // that holds a point.
        let is_odd = name.contains("[[") || (name.contains(">b__") && !name.starts_with('<'));
        if row["multiple"].as_bool() == Some(true) || name.starts_with('{') || is_odd {
            continue;
        }
        let Some(object) = snapshot.objects.at(Addr(hex(&row["addr"]))) else { continue };
        let code = snapshot.delegate(object).map(|parts| parts.code());
        let found = code.and_then(|code| snapshot.values.method_at(code));
        let module = method["module"].as_str();
        let has_metadata = snapshot.modules.iter().any(|row| Some(row.name.as_str()) == module && row.metadata.is_ok());
        if !has_metadata {
            assert!(found.is_none(), "a name without metadata");
            continue;
        }
        n_compared += 1;
        let found = found.map(|found| (found.type_name, found.name));
        if found.as_ref() != Some(&(ty.to_owned(), name.to_owned())) {
            out.push(format!("delegate {}: expected {ty}.{name}, found {found:?}", row["addr"]));
        }
    }
    for row in truth["samples"]["strings"].as_array().unwrap() {
        let (at, length) = (Addr(hex(&row[0])), row[1].as_u64().unwrap());
        let Some(object) = snapshot.objects.at(at) else { continue };
        let text = snapshot.string(object, usize::MAX).unwrap();
        let fnv = text
            .text
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        // Lone surrogates are replaced in ours, so their text hashes otherwise.
        if u64::from(text.length) != length || (hex(&row[2]) != fnv && !text.text.contains('\u{fffd}')) {
            out.push(format!("string {at}: {:?}", text.text.chars().take(40).collect::<String>()));
        }
    }
    (n_compared, out)
}

#[test]
fn heaps_are_the_truths() {
    let mut n_wrong = 0;
    for (name, dump, truth) in dumps() {
        let truth: Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
        if truth["types"].as_array().is_none_or(Vec::is_empty) {
            // A dump without a heap: what is in it is for the tests of the reader.
            continue;
        }
        let begin = std::time::Instant::now();
        match open(&dump) {
            Ok((snapshot, graph)) => {
                let elapsed = begin.elapsed();
                let mut wrong = differences(&snapshot, &graph, &truth);
                let (n_delegates, values) = value_differences(&snapshot, &truth);
                wrong.extend(values);
                println!(
                    "{name}: {} objects, {} references, {n_delegates} delegates, {elapsed:.1?}: {}",
                    snapshot.n_objects(),
                    graph.references.n_references(),
                    if wrong.is_empty() { "same".to_owned() } else { format!("{} differences", wrong.len()) }
                );
                wrong.iter().take(12).for_each(|line| println!("    {line}"));
                n_wrong += wrong.len();
            }
            Err(err) => {
                println!("{name}: {err}");
                n_wrong += 1;
            }
        }
    }
    assert_eq!(n_wrong, 0, "differences");
}
