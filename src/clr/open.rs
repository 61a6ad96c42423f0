//! Finding the runtime: from modules to variables to a heap whose objects believe each other, or a refusal in words.

use std::sync::Arc;

use super::Runtime;
use super::error::{ClrError, Refusal};
use super::gc::{self, GcHeap};
use super::gc_vars::GcVars;
use super::runtime_info::RuntimeInfo;
use super::runtime_type_system::{Sample, TypeSystem};
use super::words::WritableSpans;
use crate::base::found::AbsentFact;
use crate::base::found::Evidence;
use crate::base::job::Unit;
use crate::base::{AddrRange, Job, Limits, Os, Warnings, number};
use crate::target::{Module, Target};

/// What a candidate for the runtime led to.
struct Found {
    module: usize,
    vars: Option<GcVars>,
    gc: GcHeap,
    type_system: TypeSystem,
    sample: Sample,
}

/// How far the best candidate came, for the refusal.
#[derive(Default)]
struct Furthest {
    /// A block of variables, but no segment could be read.
    vars: Option<GcVars>,
    /// Segments, but no bytes of theirs are in the dump.
    empty: Option<(usize, GcHeap)>,
    /// Bytes, but no object with a class.
    unbelieved: Option<(usize, Sample)>,
}

impl Runtime {
    /// Finds the runtime in `target`, its heap and its types. Reads the runtime's data once and samples the heap.
    ///
    /// # Errors
    /// A [`ClrError`] in words when there is no runtime, no heap, or no CoreCLR; [`ClrError::Cancelled`].
    pub fn open(target: Arc<Target>, limits: &Limits, job: &Job, warnings: &mut Warnings) -> Result<Self, ClrError> {
        job.stage("Looking for the runtime", Unit::Steps, None);
        let spans = WritableSpans::new(&target.modules);
        let candidates = candidates(&target.modules);
        let mut furthest = Furthest::default();
        for &module in &candidates {
            job.tick(1)?;
            for vars in GcVars::find(&target, &spans, module) {
                if let Some(found) = try_vars(&target, module, vars, limits, warnings, &mut furthest) {
                    return Ok(Self::finish(target, found, limits));
                }
            }
        }
        job.tick(1)?;
        // Only where no block was found at all: what a block says is not second-guessed.
        if furthest.vars.is_none() && furthest.empty.is_none() && furthest.unbelieved.is_none() {
            for &module in &candidates {
                job.tick(1)?;
                if let Some(found) = try_shape(&target, module, limits, warnings) {
                    return Ok(Self::finish(target, found, limits));
                }
            }
        }
        Err(refuse(&target, &furthest))
    }

    fn finish(target: Arc<Target>, found: Found, limits: &Limits) -> Self {
        let Found { module, vars, gc, mut type_system, sample } = found;
        let mut evidence = vec![match &vars {
            Some(vars) => Evidence { what: "GC variables", how: vars_evidence(&target, vars) },
            None => Evidence {
                what: "Generation table",
                how: "by shape: its column of first segments; the block of GC variables was not found".to_owned(),
            },
        }];
        let style = match type_system.pointer_style {
            super::PointerStyle::Plain => "plain",
            super::PointerStyle::Relative => "relative",
        };
        evidence.push(Evidence {
            what: "Types",
            how: format!(
                "{} of {} sampled objects have a class that points back at its MethodTable ({style} pointers); {} types",
                sample.n_believed, sample.n_objects, sample.n_types
            ),
        });
        let absent = vars
            .iter()
            .flat_map(|vars| &vars.unknown)
            .map(|&name| AbsentFact {
                what: format!("the runtime's variable {name}"),
                at: None,
                consequence: "a check could not be made; the structure around it was used instead".to_owned(),
            })
            .collect();
        let info = RuntimeInfo::read(&target, module, vars.as_ref(), &mut type_system, &mut evidence);
        let mut runtime = Self {
            target,
            info,
            vars,
            gc,
            type_system,
            evidence,
            absent,
            limits: *limits,
            thread_list: None,
            alloc_context_place: None,
        };
        runtime.read_thread_list();
        runtime
    }
}

/// Indices of modules that may hold the runtime: by name, else every one that has writable data (a runtime linked into
/// the program).
fn candidates(modules: &[Module]) -> Vec<usize> {
    const NAMES: [&str; 5] = ["libcoreclr.so", "coreclr.dll", "libcoreclr.dylib", "clr.dll", "mscorwks.dll"];
    let indices = || modules.iter().enumerate().filter(|(_, module)| !module.writable.is_empty());
    let is_named = |module: &Module| NAMES.iter().any(|name| module.file_name().eq_ignore_ascii_case(name));
    let (named, others): (Vec<_>, Vec<_>) = indices().partition(|(_, module)| is_named(module));
    named.into_iter().chain(others).map(|(index, _)| index).collect()
}

fn try_vars(
    target: &Arc<Target>,
    module: usize,
    vars: GcVars,
    limits: &Limits,
    warnings: &mut Warnings,
    furthest: &mut Furthest,
) -> Option<Found> {
    let mut heard = Warnings::new();
    let Some(gc) = GcHeap::read(&target.memory, &vars, limits, &mut heard) else {
        furthest.vars.get_or_insert(vars);
        return None;
    };
    let (type_system, sample) = TypeSystem::discover(target, &gc);
    // Dumps without a heap hold a few pages of it, around what stacks refer to. A cut file is shown as far as it goes.
    let is_cut = target.losses.n_cut_segments > 0;
    if sample.present_bytes == 0 || (!is_cut && sample.present_bytes < gc.segment_bytes() / 16) {
        furthest.empty.get_or_insert((module, gc));
        return None;
    }
    if sample.n_believed == 0 {
        furthest.unbelieved.get_or_insert((module, sample));
        return None;
    }
    warnings.merge(heard);
    Some(Found { module, vars: Some(vars), gc, type_system, sample })
}

/// The way without the block of variables: the generation table by its shape, in the module or a collector beside it.
fn try_shape(target: &Arc<Target>, module: usize, limits: &Limits, warnings: &mut Warnings) -> Option<Found> {
    let memory = &target.memory;
    let spans: Vec<AddrRange> = target
        .modules
        .iter()
        .enumerate()
        .filter(|(index, other)| *index == module || other.file_name().starts_with("libclrgc"))
        .flat_map(|(_, other)| other.writable.iter().copied())
        .collect();
    let (table, layout) = gc::find_table(memory, &spans)?;
    let mut heard = Warnings::new();
    let gc = GcHeap::from_table(memory, table, &layout, limits, &mut heard)?;
    let (type_system, sample) = TypeSystem::discover(target, &gc);
    if sample.n_believed == 0 {
        return None;
    }
    warnings.merge(heard);
    Some(Found { module, vars: None, gc, type_system, sample })
}

fn vars_evidence(target: &Target, vars: &GcVars) -> String {
    let module = target.modules.get(vars.module).map_or("", Module::file_name);
    let checks = if vars.unknown.is_empty() {
        "all checks passed".to_owned()
    } else {
        format!("no check failed, not in the dump: {}", vars.unknown.join(", "))
    };
    format!(
        "by shape at {} in {module}, interface {}.{}, {} generations of {} bytes; {} pointers to it; {checks}",
        vars.at,
        vars.major,
        vars.minor,
        vars.generations(),
        vars.generation_bytes,
        vars.referrers.len()
    )
}

/// How to make a dump that can be read, on the system this one came from.
fn better_dump(target: &Target) -> String {
    let id = target.process.id.map_or_else(|| "PID".to_owned(), |id| id.to_string());
    match target.os {
        Os::Windows => {
            format!("Take a dump with the heap: dotnet-dump collect --type Heap -p {id}, or procdump -ma {id}")
        }
        _ => format!(
            "Take a dump with the heap: dotnet-dump collect --type Heap -p {id}, or createdump --withheap {id}; for a \
             crash set DOTNET_DbgMiniDumpType=2"
        ),
    }
}

fn refuse(target: &Target, furthest: &Furthest) -> ClrError {
    let cut = target.losses;
    let module = |index: usize| target.modules.get(index).map_or_else(String::new, |module| module.path.clone());
    let cut_text = format!(
        "{} of {} memory segments lie past the end of the file; {} are missing",
        cut.n_cut_segments,
        cut.n_segments,
        number::size(cut.cut_bytes)
    );
    if let Some((index, sample)) = &furthest.unbelieved
        && cut.n_cut_segments == 0
    {
        if super::runtime_info::is_runtime_name(target.modules.get(*index).map_or("", Module::file_name)) {
            return ClrError::Damaged(Box::new(Refusal {
                what: "The heap's objects cannot be read".to_owned(),
                why: "the heap is in the dump, but no object's type leads back to itself".to_owned(),
                looked_in: module(*index),
                expected: "objects whose MethodTable has a class that points back at it".to_owned(),
                found: format!("none in {} bytes of segments", sample.present_bytes),
                what_next: better_dump(target),
            }));
        }
        return ClrError::NativeAot(Box::new(Refusal {
            what: "A NativeAOT program".to_owned(),
            why: "it was compiled to native code and has no CoreCLR inside, so the dump holds no type names; its GC heap \
                  cannot be shown yet"
                .to_owned(),
            looked_in: module(*index),
            expected: "objects whose MethodTable has a CoreCLR class that points back at it".to_owned(),
            found: format!("a .NET collector with {} bytes of heap, and no object with such a class", sample.present_bytes),
            what_next: "Run the program on CoreCLR (dotnet build without PublishAot) and take the dump there".to_owned(),
        }));
    }
    if cut.n_cut_segments > 0 {
        return ClrError::Damaged(Box::new(Refusal {
            what: "The dump is cut short".to_owned(),
            why: "what leads to the managed heap lies in the part of the file that is missing".to_owned(),
            looked_in: format!("{} modules", target.modules.len()),
            expected: "the runtime's variables and the heap they lead to".to_owned(),
            found: cut_text,
            what_next:
                "Copy the file again and compare sizes; check the disk, ulimit -c and the size limit of the crash \
                        collector where it was written"
                    .to_owned(),
        }));
    }
    if let Some((index, gc)) = &furthest.empty {
        return no_heap(
            target,
            module(*index),
            format!(
                "{} segments of {} bytes, of which {} are in the dump",
                gc.segments.len(),
                gc.segment_bytes(),
                gc.segments
                    .iter()
                    .fold(0u64, |sum, segment| sum.saturating_add(target.memory.present_bytes(segment.objects)))
            ),
        );
    }
    if let Some(vars) = &furthest.vars {
        return no_heap(
            target,
            module(vars.module),
            format!("the collector's variables at {}, but none of the segments they lead to", vars.at),
        );
    }
    if target.process.name.starts_with("qemu-") || target.modules.iter().any(|m| m.file_name().starts_with("qemu-")) {
        return ClrError::Emulator(Box::new(Refusal {
            what: "The core of an emulator".to_owned(),
            why: "it is the emulator's own process; the program it ran is in another file".to_owned(),
            looked_in: format!("{} modules of {}", target.modules.len(), target.process.name),
            expected: "a .NET runtime".to_owned(),
            found: "none".to_owned(),
            what_next:
                "Open the file that the emulator wrote for its guest: qemu_NAME_DATE_PID.core beside the program"
                    .to_owned(),
        }));
    }
    if let Some(runtime) = target.modules.iter().find(|module| super::runtime_info::is_runtime_name(module.file_name()))
    {
        return no_heap(
            target,
            runtime.path.clone(),
            "the runtime's module, but not the variables of its collector".to_owned(),
        );
    }
    ClrError::NoRuntime(Box::new(Refusal {
        what: "No .NET runtime in this dump".to_owned(),
        why: "no module of the process holds the variables of a .NET collector".to_owned(),
        looked_in: format!(
            "{} modules with writable data",
            target.modules.iter().filter(|m| !m.writable.is_empty()).count()
        ),
        expected: "libcoreclr.so, coreclr.dll, or a program with the runtime linked in".to_owned(),
        found: if target.process.name.is_empty() {
            "none of them".to_owned()
        } else {
            format!("none of them, in the process {}", target.process.name)
        },
        what_next: format!(
            "Check that the dump is of the .NET process itself (dotnet-dump ps lists them). {}",
            better_dump(target)
        ),
    }))
}

fn no_heap(target: &Target, looked_in: String, found: String) -> ClrError {
    ClrError::NoHeap(Box::new(Refusal {
        what: "A dump without the managed heap".to_owned(),
        why: "it is a mini, triage or normal dump: stacks and modules are in it, objects are not".to_owned(),
        looked_in,
        expected: "the collector's segments with objects in them".to_owned(),
        found,
        what_next: better_dump(target),
    }))
}
