//! One function a section of the truth file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use heaproot::analysis::Heap;
use heaproot::base::{Addr, ElementType, Generation, RootKind};
use heaproot::session::Analyses;
use heaproot::snapshot::{GapReason, GcMode, ObjectId, StaticRow, TypeName, TypeShape};

use crate::oracle::{Hex, Static, Truth, address_of};
use crate::retained;
use crate::rules::Rule;

/// Differences of one kind that are printed in full.
const SHOWN: usize = 12;

pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) truth: String,
    pub(crate) ours: String,
    pub(crate) rule: Option<Rule>,
}

/// What was compared of one dump.
pub(crate) struct Comparison {
    pub(crate) n_checks: u64,
    pub(crate) differences: Vec<Difference>,
}

impl Comparison {
    pub(crate) fn new() -> Self {
        Self { n_checks: 0, differences: Vec::new() }
    }

    /// Compares one figure; a difference fails the test.
    pub(crate) fn check<T: PartialEq + Debug>(&mut self, what: impl Into<String>, truth: &T, ours: &T) {
        self.check_under(what, truth, ours, || None);
    }

    /// Compares one figure; a difference is right when `rule` says so.
    pub(crate) fn check_under<T: PartialEq + Debug>(
        &mut self,
        what: impl Into<String>,
        truth: &T,
        ours: &T,
        rule: impl FnOnce() -> Option<Rule>,
    ) {
        self.n_checks += 1;
        if truth != ours {
            self.differ(what, format!("{truth:?}"), format!("{ours:?}"), rule());
        }
    }

    pub(crate) fn differ(&mut self, what: impl Into<String>, truth: String, ours: String, rule: Option<Rule>) {
        self.differences.push(Difference { what: what.into(), truth, ours, rule });
    }

    pub(crate) fn n_uncovered(&self) -> usize {
        self.differences.iter().filter(|difference| difference.rule.is_none()).count()
    }

    /// Prints every difference that no rule covers and counts the others by rule; `HEAPROOT_ALL` prints all.
    pub(crate) fn print(&self) {
        let prints_all = std::env::var_os("HEAPROOT_ALL").is_some();
        let mut by_rule: BTreeMap<Rule, (usize, &Difference)> = BTreeMap::new();
        let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
        for difference in &self.differences {
            if let Some(rule) = difference.rule {
                by_rule.entry(rule).or_insert((0, difference)).0 += 1;
                if !prints_all {
                    continue;
                }
            }
            let section = difference.what.split(' ').next().unwrap_or("");
            let n = shown.entry(section).or_default();
            *n += 1;
            if *n <= SHOWN || prints_all {
                let Difference { what, truth, ours, rule } = difference;
                let rule = rule.map_or(String::new(), |rule| format!(" [{}]", rule.label()));
                println!("  {what}: ClrMD {truth}, ours {ours}{rule}");
            }
        }
        for (section, n) in shown.iter().filter(|(_, n)| **n > SHOWN && !prints_all) {
            println!("  … {} more of {section}", n - SHOWN);
        }
        for (rule, (n, example)) in by_rule {
            println!("  {n} × {}: e.g. {}: ClrMD {}, ours {}", rule.label(), example.what, example.truth, example.ours);
        }
    }
}

/// Compares everything.
pub(crate) fn all(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    facts(comparison, truth, ours);
    segments(comparison, truth, ours);
    totals(comparison, truth, ours);
    types(comparison, truth, ours);
    modules(comparison, truth, ours);
    references(comparison, truth, ours);
    fields(comparison, truth, ours);
    strings(comparison, truth, ours);
    handles(comparison, truth, ours);
    finalizers(comparison, truth, ours);
    threads(comparison, truth, ours);
    statics(comparison, truth, ours);
    reachable(comparison, truth, ours);
    retained::compare(comparison, truth, ours);
}

fn facts(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let facts = &ours.snapshot.facts;
    let arch = facts.arch.map_or("", |arch| arch.label());
    comparison.check("arch", &truth.runtime.arch.to_lowercase(), &arch.to_owned());
    comparison.check("single file", &truth.runtime.single_file, &facts.runtime.single_file);
    comparison.check("server", &truth.server_gc, &(facts.gc.mode == GcMode::Server));
    comparison.check("heaps", &truth.heap_count, &facts.gc.n_heaps);
    comparison.check("runtime base", &truth.runtime.base.0, &facts.runtime.module_base.0);
    // ClrMD gives the file version of the DAC: 4.6.30411.1 is 2.1, 4.700.… is 3.1, 9.0.124.… is 9.0.1.
    let family = match truth.runtime.version.split('.').collect::<Vec<_>>().as_slice() {
        ["4", "6", ..] => "2.1".to_owned(),
        ["4", "700", ..] => "3.1".to_owned(),
        [major, minor, ..] => format!("{major}.{minor}"),
        _ => String::new(),
    };
    let version = &facts.runtime.version;
    let is_same = *version == family || version.starts_with(&format!("{family}."));
    comparison.check(format!("version {family} ({version})"), &true, &is_same);
}

fn segments(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let of_truth: BTreeMap<u64, _> = truth
        .segments
        .iter()
        .filter(|segment| segment.end > segment.start)
        .map(|segment| (segment.start.0, (segment.end.0, segment.segment.0, segment.heap, kind(&segment.kind))))
        .collect();
    let of_ours: BTreeMap<u64, _> = ours
        .snapshot
        .objects
        .segments()
        .iter()
        .filter(|segment| !segment.objects.is_empty())
        .map(|segment| {
            let objects = segment.objects;
            (objects.start.0, (objects.end.0, segment.address.0, segment.heap, segment.kind.label().to_owned()))
        })
        .collect();
    compare_maps(comparison, "segment", &of_truth, &of_ours, |_, _| None);

    let coverage = &ours.snapshot.coverage;
    let gaps: BTreeSet<(u64, u64)> = truth.gaps.iter().map(|(from, to, _)| (from.0, to.0)).collect();
    let our_gaps: BTreeSet<(u64, u64)> = coverage
        .gaps
        .iter()
        .filter(|gap| gap.reason == GapReason::AllocationContext)
        .map(|gap| (gap.range.start.0, gap.range.end.0))
        .collect();
    comparison.check("gaps", &gaps, &our_gaps);
    comparison.check("bytes lost", &0, &coverage.lost_bytes());
}

fn kind(name: &str) -> String {
    match name {
        "Generation0" => "gen0",
        "Generation1" => "gen1",
        "Generation2" => "gen2",
        "Large" => "large",
        "Pinned" => "pinned",
        "Frozen" => "frozen",
        "Ephemeral" => "ephemeral",
        other => other,
    }
    .to_owned()
}

fn totals(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let snapshot = &ours.snapshot;
    let (mut count, mut bytes, mut raw, mut free, mut free_bytes) = (0, 0, 0, 0, 0);
    for (id, row) in snapshot.types.iter() {
        let totals = &snapshot.totals[id.index()];
        match row.shape {
            TypeShape::Gap => continue,
            TypeShape::Free => {
                free += totals.count;
                free_bytes += totals.bytes;
            }
            _ => {}
        }
        count += totals.count;
        bytes += totals.bytes;
        raw += totals.raw_bytes;
    }
    comparison.check("total objects", &truth.totals.objects, &count);
    comparison.check("total bytes", &truth.totals.bytes, &bytes);
    let short = free_raw_shortfall(truth);
    comparison.check_under("total raw bytes", &truth.totals.raw_bytes, &raw, || {
        (short > 0 && truth.totals.raw_bytes + short == raw).then_some(Rule::StringBaseSize)
    });
    comparison.check("free blocks", &truth.totals.free_objects, &free);
    comparison.check("free bytes", &truth.totals.free_bytes, &free_bytes);
    for generation in Generation::ALL {
        let totals = snapshot.coverage.generations.iter().find(|totals| totals.generation == generation);
        let of = |key: &str| truth.totals.generations.get(key).copied().unwrap_or_default();
        let key = generation.key();
        let (live, dead) =
            totals.map_or(((0, 0), (0, 0)), |t| ((t.n_objects, t.object_bytes), (t.n_free, t.free_bytes)));
        comparison.check(format!("generation {key}"), &of(key), &live);
        comparison.check(format!("generation {key} free"), &of(&format!("{key}_free")), &dead);
    }
}

/// Bytes that ClrMD's unrounded sum of free blocks is short of their real one, on 2.1.
fn free_raw_shortfall(truth: &Truth) -> u64 {
    let free = truth.types.iter().find(|ty| ty.name.as_deref() == Some("Free"));
    free.filter(|free| free.base_size == 22).map_or(0, |free| free.bytes - free.raw_bytes.unwrap_or(free.bytes))
}

fn types(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let snapshot = &ours.snapshot;
    let mut xor = vec![0u64; snapshot.types.len()];
    for object in snapshot.objects.ids() {
        xor[snapshot.objects.type_of(object).index()] ^= snapshot.objects.address(object).0;
    }
    let mut seen = BTreeSet::new();
    for expected in &truth.types {
        let what = format!("type {} ({:#x})", expected.name.as_deref().unwrap_or("?"), expected.mt.0);
        let Some(id) = snapshot.types.by_method_table(Addr(expected.mt.0)) else {
            comparison.differ(what, format!("{} instances", expected.count), "no such type".to_owned(), None);
            continue;
        };
        seen.insert(id);
        let row = snapshot.types.row(id);
        let sums = &snapshot.totals[id.index()];
        let is_free = row.shape == TypeShape::Free;
        let raw = expected.raw_bytes.unwrap_or(expected.bytes);
        let figures = (expected.count, expected.bytes, raw, expected.addr_xor.0);
        let found = (sums.count, sums.bytes, sums.raw_bytes, xor[id.index()]);
        comparison.check_under(format!("{what} count, bytes, raw bytes, addresses"), &figures, &found, || {
            let corrected = (figures.0, figures.1, raw + free_raw_shortfall(truth), figures.3);
            (is_free && corrected == found).then_some(Rule::StringBaseSize)
        });
        if is_free {
            continue;
        }
        let is_string = row.shape == TypeShape::String;
        comparison.check_under(format!("{what} base size"), &expected.base_size, &row.base_bytes, || {
            (is_string && row.base_bytes == expected.base_size + 2).then_some(Rule::StringBaseSize)
        });
        comparison.check(format!("{what} component size"), &expected.component_size, &row.component_bytes);
        comparison.check(format!("{what} finalizable"), &expected.finalizable, &row.finalizable);
        comparison.check(format!("{what} collectible"), &expected.collectible, &row.collectible);
        let module = row.module.map(|module| &snapshot.modules[module.index()]);
        let module_name = module.map(|module| module.name.clone());
        comparison.check_under(format!("{what} module"), &expected.module.clone(), &module_name, || {
            let is_dynamic = module.is_some_and(|module| module.is_dynamic);
            (is_dynamic && expected.module.is_none()).then_some(Rule::DynamicModule)
        });
        name(comparison, truth, &what, expected.name.as_deref(), &row.name);
    }
    for (id, row) in snapshot.types.iter() {
        let is_object = !matches!(row.shape, TypeShape::Gap);
        if is_object && snapshot.totals[id.index()].count > 0 && !seen.contains(&id) {
            let ours = format!("{} × {}", snapshot.totals[id.index()].count, row.display_name());
            comparison.differ(format!("type {}", row.method_table), "no such type".to_owned(), ours, None);
        }
    }
}

fn name(comparison: &mut Comparison, truth: &Truth, what: &str, expected: Option<&str>, ours: &TypeName) {
    comparison.n_checks += 1;
    let lacks_pages = truth.lacks_pages();
    let what = format!("name of {what}");
    match (expected, ours) {
        (Some(expected), TypeName::Known(name)) if **name == *expected => {}
        (None, TypeName::Missing(_)) => {}
        (Some(expected), TypeName::Known(name)) => {
            let rule = if is_placeholder(expected) {
                Some(Rule::Placeholder)
            } else if expected.ends_with("<*>") && name.ends_with("[*]") {
                Some(Rule::IllFormedName)
            } else if has_same_parts(expected, name) {
                Some(Rule::NestedArguments)
            } else {
                None
            };
            comparison.differ(what, expected.to_owned(), name.to_string(), rule);
        }
        (Some(expected), TypeName::Missing(reason)) => {
            let rule = if is_placeholder(expected) {
                Some(Rule::Placeholder)
            } else {
                lacks_pages.then_some(Rule::NamesFromFiles)
            };
            comparison.differ(what, expected.to_owned(), format!("(none: {reason})"), rule);
        }
        (None, TypeName::Known(name)) => comparison.differ(what, "no name".to_owned(), name.to_string(), None),
    }
}

/// Two names of nested generics with the same parts in another order.
fn has_same_parts(a: &str, b: &str) -> bool {
    let parts = |name: &str| {
        let mut parts: Vec<String> = name.split(['<', '>', ',', '+']).map(|part| part.trim().to_owned()).collect();
        parts.sort();
        parts
    };
    a.contains(">+") && parts(a) == parts(b)
}

/// `List<T1>`, `Entry+System.Collections.Generic.Dictionary<T1, T2>`.
fn is_placeholder(name: &str) -> bool {
    let has_parameter = (1..=9).any(|n| name.contains(&format!("T{n}>")) || name.contains(&format!("T{n},")));
    has_parameter || name.starts_with("Entry+")
}

fn modules(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let ours: BTreeMap<u64, _> = ours.snapshot.modules.iter().map(|module| (module.address.0, module)).collect();
    for expected in &truth.modules {
        let what = format!("module {} ({:#x})", expected.name.as_deref().unwrap_or("?"), expected.address.0);
        let Some(module) = ours.get(&expected.address.0) else {
            comparison.differ(what, "loaded".to_owned(), "no such module".to_owned(), None);
            continue;
        };
        if let Some(name) = &expected.name {
            comparison.check(format!("{what} name"), name, &module.name);
        }
        if let (Some(expected), Some(mvid)) = (&expected.mvid, module.mvid) {
            comparison.check(format!("{what} mvid"), &expected.replace('-', ""), &mvid_text(mvid));
        }
    }
}

fn mvid_text(bytes: [u8; 16]) -> String {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    [[d, c, b, a].as_slice(), &[f, e], &[h, g], &rest].concat().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn references(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let Some(graph) = &ours.graph else {
        comparison.differ("references", "read".to_owned(), "no graph".to_owned(), None);
        return;
    };
    let snapshot = &ours.snapshot;
    let expected: BTreeMap<u64, (u64, u64, u64)> = truth
        .edges
        .per_mt
        .iter()
        .map(|(mt, row)| {
            let hex = |at: usize| address_of(row[at].as_str().unwrap()).0;
            (address_of(mt).0, (row[0].as_u64().unwrap(), hex(1), hex(2)))
        })
        .filter(|(_, (count, ..))| *count > 0)
        .collect();
    let found: BTreeMap<u64, (u64, u64, u64)> = snapshot
        .types
        .iter()
        .zip(&graph.checksums)
        .filter(|(_, sums)| sums.count > 0)
        .map(|((_, row), sums)| (row.method_table.0, (sums.count, sums.xor, sums.sum)))
        .collect();
    compare_maps(comparison, "references of", &expected, &found, |_, _| None);
    let total: u64 = graph.checksums.iter().map(|sums| sums.count).sum();
    let xor = graph.checksums.iter().fold(0, |xor, sums| xor ^ sums.xor);
    comparison.check("references total", &truth.edges.total_count, &total);
    comparison.check("references xor", &truth.edges.total_xor.0, &xor);
    comparison.check("references dangling", &truth.edges.dangling, &graph.n_dangling);
    let n_loader =
        graph.extra.iter().filter(|edge| edge.kind == heaproot::snapshot::ExtraEdgeKind::LoaderAllocator).count()
            as u64;
    comparison.check("references to loader allocators", &truth.edges.loader_allocator_count, &n_loader);
}

fn fields(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let Some(samples) = &truth.samples else { return };
    let snapshot = &ours.snapshot;
    for sample in &samples.objects {
        let Some(id) = snapshot.types.by_method_table(Addr(sample.mt.0)) else { continue };
        let row = snapshot.types.row(id);
        let what = format!("fields of {} ({:#x})", sample.type_name.as_deref().unwrap_or("?"), sample.mt.0);
        // Without metadata there are no fields; the missing name is already counted.
        if row.name.known().is_none() || sample.fields.is_empty() {
            continue;
        }
        let expected: BTreeMap<u32, (String, String)> = sample
            .fields
            .iter()
            .map(|(name, _, offset, kind, _, _)| {
                (*offset, (name.clone().unwrap_or_default(), element(kind).to_owned()))
            })
            .collect();
        let found: BTreeMap<u32, (String, String)> = row
            .fields
            .iter()
            .map(|field| {
                (field.offset, (field.name.as_deref().unwrap_or("").to_owned(), format!("{:?}", field.element)))
            })
            .collect();
        compare_maps(comparison, &what, &expected, &found, |expected, found| {
            let kinds = expected.zip(found).map(|(expected, found)| (expected.1.as_str(), found.1.as_str()));
            let is_unnamed = found.is_some_and(|found| found.0.is_empty());
            if truth.lacks_pages() && is_unnamed && kinds.is_some_and(|(expected, found)| expected == found) {
                return Some(Rule::NamesFromFiles);
            }
            let is_same_name = expected.zip(found).is_some_and(|(expected, found)| expected.0 == found.0);
            // ClrMD calls a class it cannot resolve a struct; ours comes from the signature.
            (is_same_name && kinds == Some(("ValueType", "Class"))).then_some(Rule::FieldType)
        });
    }
}

/// ClrMD's word for how a field is stored, as ours.
fn element(kind: &str) -> &str {
    match kind {
        "Class" | "Object" | "String" | "SZArray" | "Array" => "Class",
        "Boolean" => "Boolean",
        "Char" => "Char",
        "Int8" => "I1",
        "UInt8" => "U1",
        "Int16" => "I2",
        "UInt16" => "U2",
        "Int32" => "I4",
        "UInt32" => "U4",
        "Int64" => "I8",
        "UInt64" => "U8",
        "Float" => "R4",
        "Double" => "R8",
        "NativeInt" => "I",
        "NativeUInt" => "U",
        "Pointer" | "FunctionPointer" => "Pointer",
        "Struct" => "ValueType",
        other => other,
    }
}

fn strings(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let Some(samples) = &truth.samples else { return };
    for (address, length, fnv, text) in &samples.strings {
        let found = ours.snapshot.values.bytes_at(Addr(address.0)).and_then(|bytes| {
            let length = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize;
            let units = bytes.get(12..12 + length * 2)?;
            let hash = units
                .iter()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
            Some((length as u64, hash))
        });
        comparison.check(format!("string {:#x} {text:?}", address.0), &Some((*length, fnv.0)), &found);
    }
}

fn handles(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let Some(graph) = &ours.graph else { return };
    type Row = (String, Addr, Option<Addr>, bool);
    let expected: BTreeMap<u64, Row> = truth
        .handles
        .iter()
        .map(|handle| {
            let row = (
                handle_kind(&handle.kind),
                Addr(handle.object.0),
                handle.dependent.map(|at| Addr(at.0)),
                handle.strong,
            );
            (handle.address.0, row)
        })
        .collect();
    let found: BTreeMap<u64, Row> = graph
        .roots
        .handles
        .iter()
        .filter(|handle| !handle.target.is_null())
        .map(|handle| {
            (handle.address.0, (handle.kind.label().to_owned(), handle.target, handle.dependent, handle.is_strong))
        })
        .collect();
    compare_maps(comparison, "handle", &expected, &found, |expected, _| {
        (truth.handles_incomplete && expected.is_none()).then_some(Rule::HandlesIncomplete)
    });
    let pairs: BTreeSet<(u64, u64)> = truth.dependent.iter().map(|(from, to)| (from.0, to.0)).collect();
    let ours: BTreeSet<(u64, u64)> = graph
        .roots
        .handles
        .iter()
        .filter_map(|handle| Some((handle.target.0, handle.dependent?.0)))
        .filter(|(from, _)| *from != 0)
        .collect();
    if truth.handles_incomplete {
        comparison.check("dependent pairs found", &true, &pairs.is_subset(&ours));
    } else {
        comparison.check("dependent pairs", &pairs, &ours);
    }
}

fn handle_kind(name: &str) -> String {
    match name {
        "WeakShort" => "weak short",
        "WeakLong" => "weak long",
        "Strong" => "strong",
        "Pinned" => "pinned",
        "RefCounted" => "ref-counted",
        "Dependent" => "dependent",
        "AsyncPinned" => "async pinned",
        "SizedRef" => "sized ref",
        "WeakInteriorPointer" => "weak interior",
        "CrossReference" => "cross reference",
        other => other,
    }
    .to_owned()
}

fn finalizers(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let Some(graph) = &ours.graph else { return };
    let objects = &ours.snapshot.objects;
    let addresses = |ids: &[heaproot::snapshot::ObjectId]| -> Vec<u64> {
        let mut addresses: Vec<u64> = ids.iter().map(|&id| objects.address(id).0).collect();
        addresses.sort_unstable();
        addresses
    };
    let sorted = |list: &[Hex]| -> Vec<u64> {
        let mut addresses: Vec<u64> = list.iter().map(|at| at.0).collect();
        addresses.sort_unstable();
        addresses
    };
    let finalizers = &graph.roots.finalizers;
    comparison.check("finalizer registered", &sorted(&truth.finalizer.registered), &addresses(&finalizers.registered));
    comparison.check("finalizer ready", &sorted(&truth.finalizer.ready), &addresses(&finalizers.ready));
}

fn threads(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let Some(graph) = &ours.graph else { return };
    let expected: BTreeMap<u64, _> = truth
        .threads
        .iter()
        .map(|thread| (thread.address.0, (thread.managed_id, thread.os_id, thread.alive, thread.finalizer)))
        .collect();
    let found: BTreeMap<u64, _> = graph
        .roots
        .threads
        .iter()
        .map(|thread| (thread.address.0, (thread.managed_id, thread.os_id, thread.is_alive, thread.is_finalizer)))
        .collect();
    compare_maps(comparison, "thread", &expected, &found, |_, _| None);
    let names: BTreeMap<u64, Option<&str>> =
        graph.roots.threads.iter().map(|thread| (thread.address.0, thread.name.as_deref())).collect();
    for object in truth.thread_objects.iter().filter(|object| object.native.0 != 0) {
        if let Some(&name) = names.get(&object.native.0) {
            let what = format!("thread {:#x} name", object.native.0);
            comparison.check_under(what, &object.name.as_deref(), &name, || {
                (truth.lacks_pages() && name.is_none()).then_some(Rule::NamesFromFiles)
            });
        }
    }
}

fn statics(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let Some(graph) = &ours.graph else { return };
    let lacks_pages = truth.lacks_pages();
    static_rows(comparison, ours, "static", &truth.statics, &graph.roots.statics, lacks_pages);
    static_rows(comparison, ours, "thread static", &truth.thread_statics, &graph.roots.thread_statics, lacks_pages);
}

/// Each slot that ClrMD lists is ours, with the same field and value; ours may be more, when each holds its value.
fn static_rows(
    comparison: &mut Comparison,
    ours: &Analyses,
    what: &str,
    truth: &[Static],
    rows: &[StaticRow],
    lacks_pages: bool,
) {
    let snapshot = &ours.snapshot;
    let key = |row: &StaticRow| {
        let name = row.name.as_deref().unwrap_or("").to_owned();
        (Addr(snapshot.types.row(row.declaring).method_table.0), name)
    };
    let by_slot: BTreeMap<u64, &StaticRow> = rows.iter().map(|row| (row.slot.0, row)).collect();
    let mut of_truth: BTreeMap<u64, Vec<&Static>> = BTreeMap::new();
    for expected in truth {
        of_truth.entry(expected.address.0).or_default().push(expected);
    }
    let shares_slot = |field: &Static| of_truth[&field.address.0].iter().any(|other| other.mt.0 != field.mt.0);
    for expected in truth {
        let is_reference = matches!(expected.kind.as_str(), "ref" | "struct");
        let label = format!("{what} {}.{}", expected.type_name.as_deref().unwrap_or("?"), expected.field);
        // Primitives hold nothing alive; we list them only where it costs nothing.
        let Some(row) = by_slot.get(&expected.address.0) else {
            if is_reference {
                // Its base is the one that another of its fields shares with a stranger.
                let is_misplaced = truth.iter().any(|other| other.mt.0 == expected.mt.0 && shares_slot(other));
                let rule = is_misplaced.then_some(Rule::SharedSlot);
                comparison.differ(label, format!("{:#x}", expected.address.0), "not listed".to_owned(), rule);
            }
            continue;
        };
        let field = (Addr(expected.mt.0), expected.field.clone());
        comparison.check_under(format!("{label} field"), &field, &key(row), || {
            let others = &of_truth[&expected.address.0];
            if lacks_pages && key(row) == (field.0, String::new()) {
                Some(Rule::NamesFromFiles)
            } else if expected.kind == "FunctionPointer" && row.element == ElementType::ValueType {
                Some(Rule::FieldType)
            } else if others.iter().any(|other| {
                let (mt, name) = key(row);
                mt.0 == other.mt.0 && (name == other.field || (lacks_pages && name.is_empty()))
            }) {
                Some(Rule::SharedSlot)
            } else {
                None
            }
        });
        if is_reference {
            let value = expected.value.as_str().map_or(0, |text| address_of(text).0);
            comparison.check(format!("{label} value"), &Addr(value), &Addr(row.value));
        }
        if expected.thread.is_some() {
            comparison.check(format!("{label} thread"), &expected.thread, &row.thread);
        }
    }
    for row in rows.iter().filter(|row| !of_truth.contains_key(&row.slot.0)) {
        if !matches!(row.element, ElementType::Class | ElementType::ValueType) {
            continue;
        }
        let held = snapshot.values.bytes_at(row.slot).and_then(|bytes| bytes.first_chunk::<8>());
        let (_, name) = key(row);
        let label = format!("{what} {}.{name} holds its value", snapshot.types.row(row.declaring).display_name());
        comparison.check(label, &held.map(|word| u64::from_le_bytes(*word)), &Some(row.value));
    }
}

/// What precise roots hold, object by object; what stacks hold besides is at least what ClrMD finds.
fn reachable(comparison: &mut Comparison, truth: &Truth, ours: &Analyses) {
    let Some(expected) = &truth.reachable else { return };
    let Some(heap) = ours.heap() else {
        comparison.differ("reachable", "known".to_owned(), "no analysis".to_owned(), None);
        return;
    };
    let snapshot = heap.snapshot;
    let mut per_mt: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut with_stack: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut set_xor = 0;
    let outer = outer_arrays(truth, expected.without_stack_set_xor.0, &heap);
    comparison.n_checks += 1;
    for object in snapshot.objects.ids() {
        let Some(stage) = heap.reachability.stage(object) else { continue };
        if outer.contains(&object) {
            let what = format!(
                "reachable {} at {}",
                snapshot.type_of(object).display_name(),
                snapshot.objects.address(object)
            );
            comparison.differ(
                what,
                "in no list".to_owned(),
                "thread static storage".to_owned(),
                Some(Rule::OuterArray),
            );
            continue;
        }
        let bytes = snapshot.objects.size(object);
        let mt = snapshot.type_of(object).method_table.0;
        let add = |sums: &mut BTreeMap<u64, (u64, u64)>| {
            let sum = sums.entry(mt).or_default();
            sum.0 += 1;
            sum.1 += bytes;
        };
        add(&mut with_stack);
        if stage != RootKind::Stack {
            add(&mut per_mt);
            set_xor ^= mix(snapshot.objects.address(object).0);
        }
    }
    let sums = |rows: &BTreeMap<String, (u64, u64)>| -> BTreeMap<u64, (u64, u64)> {
        rows.iter().map(|(mt, sum)| (address_of(mt).0, *sum)).collect()
    };
    let is_more = |expected: Option<&(u64, u64)>, found: Option<&(u64, u64)>| {
        expected.is_none_or(|expected| found.is_some_and(|found| found.0 >= expected.0 && found.1 >= expected.1))
    };
    let lost = |is_more: bool| (truth.handles_incomplete && is_more).then_some(Rule::HandlesIncomplete);
    let precise = sums(&expected.without_stack.per_mt);
    compare_maps(comparison, "reachable of", &precise, &per_mt, |expected, found| lost(is_more(expected, found)));
    let total = per_mt.values().fold((0, 0), |sum: (u64, u64), row| (sum.0 + row.0, sum.1 + row.1));
    let figures = (expected.without_stack.objects, expected.without_stack.bytes);
    comparison.check_under("reachable total", &figures, &total, || lost(is_more(Some(&figures), Some(&total))));
    if !truth.handles_incomplete {
        comparison.check("reachable set", &expected.without_stack_set_xor.0, &set_xor);
    }
    let loose = sums(&expected.with_stack.per_mt);
    compare_maps(comparison, "with stacks of", &loose, &with_stack, |expected, found| {
        is_more(expected, found).then_some(Rule::StackSuperset)
    });
}

/// Arrays that threads hold their static fields in and that ClrMD has in no list of roots: the outer array of each
/// thread, and the bytes of primitive fields. Which of the latter it has none of differs from dump to dump; the set's
/// checksum tells.
pub(crate) fn outer_arrays(truth: &Truth, expected_xor: u64, heap: &Heap<'_>) -> BTreeSet<ObjectId> {
    let (snapshot, graph) = (heap.snapshot, heap.graph);
    let listed: BTreeSet<u64> =
        truth.additional_roots.iter().filter_map(|row| Some(address_of(row.get(2)?).0)).collect();
    let is_unlisted = |object: &ObjectId| !listed.contains(&snapshot.objects.address(*object).0);
    let holds = |object: ObjectId, kind| snapshot.type_of(object).element_kind == Some(kind);
    let mut outer: BTreeSet<ObjectId> = graph
        .roots
        .roots
        .iter()
        .filter(|root| root.kind == RootKind::ThreadStatic && root.row.is_none())
        .map(|root| root.object)
        .filter(|object| is_unlisted(object) && holds(*object, ElementType::Class))
        .collect();
    let bytes: BTreeSet<ObjectId> = outer
        .iter()
        .flat_map(|&array| graph.references.of(array))
        .filter(|object| holds(*object, ElementType::I1) && is_unlisted(object))
        .collect();
    let bytes: Vec<ObjectId> = bytes.into_iter().take(12).collect();
    let held = |object: &ObjectId| heap.reachability.stage(*object).is_some_and(|stage| stage != RootKind::Stack);
    let xor = |objects: &mut dyn Iterator<Item = ObjectId>| {
        objects.fold(0, |xor, object| xor ^ mix(snapshot.objects.address(object).0))
    };
    let rest = xor(&mut snapshot.objects.ids().filter(held).filter(|object| !outer.contains(object)));
    let chosen =
        |mask: u32| (0u32..).zip(&bytes).filter(move |(bit, _)| mask & (1 << bit) != 0).map(|(_, object)| *object);
    let fitting = (0..1u32 << bytes.len()).find(|&mask| rest ^ xor(&mut chosen(mask)) == expected_xor);
    outer.extend(chosen(fitting.unwrap_or(0)));
    outer
}

/// The truth files' mixing of an address: MurmurHash3's 64-bit finalizer.
pub(crate) fn mix(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// Compares two maps key by key, both ways.
fn compare_maps<V: PartialEq + Debug>(
    comparison: &mut Comparison,
    what: &str,
    truth: &BTreeMap<impl Ord + Copy + std::fmt::LowerHex + Into<u64>, V>,
    ours: &BTreeMap<impl Ord + Copy + Into<u64>, V>,
    rule: impl Fn(Option<&V>, Option<&V>) -> Option<Rule>,
) {
    let truth: BTreeMap<u64, &V> = truth.iter().map(|(key, value)| ((*key).into(), value)).collect();
    let ours: BTreeMap<u64, &V> = ours.iter().map(|(key, value)| ((*key).into(), value)).collect();
    for (key, expected) in &truth {
        let found = ours.get(key).copied();
        comparison.check_under(format!("{what} {key:#x}"), &Some(*expected), &found, || rule(Some(expected), found));
    }
    for (key, found) in ours.iter().filter(|(key, _)| !truth.contains_key(key)) {
        comparison.check_under(format!("{what} {key:#x}"), &None, &Some(*found), || rule(None, Some(found)));
    }
}
