//! Synthetic processes through the whole reader: what was written is what is read, and what is damaged is said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::clr_core::{Process, Profile, Truth, place};
use crate::base::{Addr, Job, Limits, Warnings};
use crate::dump;
use crate::dump::elf::ElfCore;
use crate::load::{self, OpenOptions};
use crate::snapshot::{GapReason, HeapGraph, HeapSnapshot};

fn options() -> OpenOptions {
    OpenOptions { module_folders: Vec::new(), limits: Limits::default() }
}

fn load(path: &Path) -> Result<(HeapSnapshot, HeapGraph), load::Error> {
    let job = Job::new();
    let (snapshot, remaining) = load::open(path, &options(), &job)?;
    let graph = remaining.read_graph(&snapshot, &job)?;
    Ok((snapshot, graph))
}

fn small(profile: Profile, n_objects: u64) -> Process {
    Process { region_bytes: 64 << 10, ..Process::new(profile, n_objects) }
}

/// Objects and bytes by method table; what was not walked has none.
fn counted(snapshot: &HeapSnapshot) -> BTreeMap<u64, (u64, u64)> {
    snapshot
        .types
        .iter()
        .zip(&snapshot.totals)
        .filter(|((_, row), totals)| totals.count > 0 && !row.method_table.is_null())
        .map(|((_, row), totals)| (row.method_table.0, (totals.count, totals.bytes)))
        .collect()
}

/// Types of a truth with the free objects among them, as a table of totals lists them.
fn expected(truth: &Truth) -> BTreeMap<u64, (u64, u64)> {
    let mut types = truth.types.clone();
    types.insert(truth.free_method_table, truth.free);
    types
}

#[test]
fn a_synthetic_process_is_read_as_it_was_written() {
    for profile in [Profile::Typical, Profile::DeepList, Profile::Hub] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("core");
        let truth = small(profile, 20_000).write(&path).unwrap();
        let (snapshot, graph) = load(&path).unwrap();
        assert_eq!(counted(&snapshot), expected(&truth), "{profile:?}");
        assert_eq!(snapshot.n_objects(), truth.n_objects());
        assert_eq!(snapshot.object_bytes(), truth.object_bytes());
        assert_eq!(graph.references.n_references(), truth.n_references);
        assert_eq!(graph.n_dangling, 0);
        let gaps: Vec<_> = snapshot.coverage.gaps.iter().map(|gap| (gap.range.start.0, gap.reason)).collect();
        assert_eq!(gaps, [(truth.allocation_context.0, GapReason::AllocationContext)]);
        let table = snapshot.objects.at(Addr(truth.strong_handles[0])).unwrap();
        assert!(graph.roots.roots.iter().any(|root| root.object == table), "{profile:?}");
    }
}

/// A small process in memory, its damage, and the file it is opened from.
struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
    sound: Vec<u8>,
    core: ElfCore,
}

impl Bench {
    fn new(profile: Profile) -> Self {
        let (sound, _, _) = small(profile, 2_000).bytes().unwrap();
        let core = ElfCore::read(&sound, &Limits::default(), &mut Warnings::new()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().join("core"), _folder: folder, sound, core }
    }

    /// Place in the file of a target address.
    fn at(&self, address: u64) -> usize {
        let inside =
            |segment: &&dump::elf::CoreSegment| (segment.at.0..segment.at.0 + segment.file_bytes).contains(&address);
        let segment = self.core.segments.iter().find(inside).unwrap();
        (segment.file_offset + address - segment.at.0) as usize
    }

    /// Opens damaged bytes to the end of the second pass. What a person is told, one line each; an error is one line.
    fn said(&self, bytes: &[u8]) -> Vec<String> {
        std::fs::write(&self.path, bytes).unwrap();
        let started = Instant::now();
        let said = match load(&self.path) {
            Ok((snapshot, graph)) => {
                let mut said: Vec<String> = snapshot.warnings.list().iter().map(ToString::to_string).collect();
                said.extend(graph.warnings.list().iter().map(ToString::to_string));
                said.extend(snapshot.coverage.absent.iter().map(|fact| format!("{}: {}", fact.what, fact.consequence)));
                said.extend(
                    snapshot.coverage.gaps.iter().map(|gap| format!("gap {:?} {}", gap.reason, gap.range.len())),
                );
                said
            }
            Err(error) => vec![error.to_string()],
        };
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}: {said:?}", started.elapsed());
        said
    }
}

#[test]
fn damage_inside_the_process_is_said() {
    let bench = Bench::new(Profile::Typical);
    let sound = bench.said(&bench.sound);
    let check = |what: &str, changes: &[(u64, u64)], expected: &str| {
        let mut bytes = bench.sound.clone();
        for &(address, word) in changes {
            let at = bench.at(address);
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        let said: Vec<String> = bench.said(&bytes).into_iter().filter(|line| !sound.contains(line)).collect();
        assert!(said.join("\n").contains(expected), "{what}: {expected:?} expected, {said:#?} found");
    };
    let all =
        |start: u64, n_words: u64, word: u64| (0..n_words).map(|index| (start + 8 * index, word)).collect::<Vec<_>>();
    let (record, node, array) = (place::REGION_RECORD, place::node_type(), place::array_type());

    // Without its variables the collector's regions are found by shape; what only they lead to is missing, and said.
    let lost = "handle: the handle table is known from the GC variables, which were not found";
    check("variables of the GC zeroed", &all(place::GC_VARIABLES, 40, 0), lost);
    check("variables of the GC all ones", &all(place::GC_VARIABLES, 40, u64::MAX), lost);
    let none = "expected the collector's segments with objects in them, found";
    check("table of generations zeroed", &all(place::GENERATIONS, 5 * 32, 0), none);
    check("table of generations points to itself", &all(place::GENERATIONS, 5 * 32, place::GENERATIONS), none);

    let circle = "heap segment: a list of segments runs in a circle: those that should follow are unknown";
    check("a region follows itself", &[(record + 0x30, record)], circle);
    check("two regions follow each other", &[(record + 0x130, record)], circle);
    let behind = "heap segment: its objects end at 0xfffffffffffffff8, behind its memory: walked to its end";
    check("a region ends at the end of the address space", &[(record, u64::MAX - 7)], behind);
    let begins = "heap segment: its objects begin at 0xfffffffffffff000 and end at";
    check("a region begins behind its end", &[(record + 0x20, u64::MAX - 0xfff)], begins);
    let absent = "heap segment: the record of a segment is not in the dump (address 0x12345678)";
    check("a region is absent", &[(record + 0x30, 0x1234_5678)], absent);
    check("the records of two regions are zero", &all(record, 64, 0), "heap segment: first object at 0x0");

    let handles = "handle: the list of segments runs in a circle: handles that should follow are unknown";
    check("handles run in a circle", &[(place::HANDLES_SEGMENT + 0x7ce, place::HANDLES_SEGMENT)], handles);
    let no_handles = "handle: no handle table could be read: handles, and what only they keep alive, are missing";
    check("the table of handles has no segment", &[(place::HANDLES + 0x138, 0)], no_handles);
    let queue = "finalizer queue: the queue of heap 0 is not in the dump or not one";
    check("the finalizer queue is endless", &[(place::FINALIZER_QUEUE + 0x30, u64::MAX - 7)], queue);
    check("the finalizer queue is backwards", &[(place::FINALIZER_QUEUE + 0x10, 8)], queue);

    // Objects of a type that cannot be believed are stretches that were not walked.
    check("a class has an absurd size", &[(node, 0x7fff_fff8_0100_0000)], "gap Damaged");
    check("a class has no class record", &[(node + 0x28, 0)], "gap Damaged");
    check("an array's elements are absurd", &[(array, 0x0000_0018_810a_ffff)], "gap Damaged");
    let layout = "reference: the reference layout in front of";
    check("a class has endless references", &[(node - 8, i64::MAX as u64)], layout);
    check("a class has endless repeated references", &[(node - 8, i64::MIN as u64)], layout);
    check("a class has references outside of it", &[(node - 16, 1 << 40)], layout);

    // Circles that lose nothing: the chain of parents only names, and an array's element only describes.
    check("a class is its own parent", &[(node + 0x10, node)], "");
    check("an array is its own element", &[(array + 0x30, array)], "");
}

#[test]
fn no_word_of_a_process_can_stop_the_reader() {
    let bench = Bench::new(Profile::Typical);
    let words: Vec<usize> =
        (0..bench.sound.len() / 8).map(|index| index * 8).filter(|&at| bench.sound[at..at + 8] != [0; 8]).collect();
    let mut seed = 7_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 16
    };
    for _ in 0..300 {
        let mut bytes = bench.sound.clone();
        for _ in 0..1 + next() % 3 {
            let at = words[next() as usize % words.len()];
            let word = [0, u64::MAX, 1, 0x7fff_ffff_ffff_fff8, next(), place::REGION_RECORD][next() as usize % 6];
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        bench.said(&bytes);
    }
}

#[test]
fn a_process_cut_anywhere_is_an_error_or_a_warning() {
    let bench = Bench::new(Profile::Hub);
    let (_, places, _) = small(Profile::Hub, 2_000).bytes().unwrap();
    let step = bench.sound.len() / 200;
    let mut cuts: Vec<usize> = (1..200).map(|index| index * step).collect();
    cuts.extend(places.boundaries.iter().flat_map(|&at| [at.saturating_sub(1) as usize, at as usize, at as usize + 1]));
    cuts.sort_unstable();
    cuts.dedup();
    for at in cuts.into_iter().filter(|&at| at < bench.sound.len()) {
        let said = bench.said(&bench.sound[..at]);
        assert!(!said.is_empty(), "cut at {at} of {} and nothing said", bench.sound.len());
    }
}

/// The same damages on a real dump, when a folder of dumps is named. Its memory is watched by the caller's limits.
#[test]
fn real_dumps_cut_anywhere_are_an_error_or_a_warning() {
    let Some(folder) = std::env::var_os("HEAPROOT_DUMPS").map(PathBuf::from) else {
        println!("skipped: HEAPROOT_DUMPS is not set");
        return;
    };
    for name in ["leaky-n9-normal.core.zst", "leaky-c31-kernel.core.zst", "seed-musl-n10.core.zst"] {
        let packed = folder.join(name);
        if !packed.is_file() {
            println!("skipped: {name} is not there");
            continue;
        }
        let opened = dump::open(&packed, &Limits::default(), &Job::new()).unwrap();
        let bytes = opened.map.bytes();
        let core = ElfCore::read(bytes, &Limits::default(), &mut Warnings::new()).unwrap();
        let mut cuts: Vec<u64> = (0..64).chain((1..24).map(|index| bytes.len() as u64 * index / 24)).collect();
        // At the edges of some segments and of their headers.
        let few = core.segments.len().div_ceil(12);
        cuts.extend(
            core.segments.iter().step_by(few).flat_map(|segment| [segment.file_offset, segment.file_offset + 1]),
        );
        cuts.extend((0..core.segments.len() as u64).step_by(few).map(|index| 0x40 + 56 * index));
        cuts.sort_unstable();
        cuts.dedup();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("core");
        for at in cuts.into_iter().rev().filter(|&at| at < bytes.len() as u64) {
            std::fs::write(&path, &bytes[..at as usize]).unwrap();
            match load(&path) {
                Ok((snapshot, _)) => assert!(!snapshot.warnings.is_empty(), "{name} cut at {at}"),
                Err(error) => assert!(error.to_string().len() > 20, "{name} cut at {at}: {error}"),
            }
        }
    }
}
