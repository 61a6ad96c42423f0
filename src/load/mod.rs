//! File to snapshot: opens a dump, finds the runtime in it, and makes two passes over the heap.
//!
//! ```text
//! open ─ dump ─ target ─ runtime ─ first pass ─ types ─▶ HeapSnapshot    shown at once
//!                                                  └─ Remaining::read_graph ─▶ HeapGraph
//! ```
//!
//! Here addresses become ids: nothing above knows the dump, nothing below knows an id.

mod collectible;
mod edges;
mod error;
mod facts;
mod first_pass;
mod load_contexts;
mod roots;
mod second_pass;
mod types;
mod values;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{Error, Problem};
pub use second_pass::Remaining;
pub use values::TargetValues;

use crate::base::{Job, Limits, Warnings};
use crate::clr::Runtime;
use crate::snapshot::HeapSnapshot;
use crate::target::Target;

/// How a dump is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Folders with the assemblies of the process, for names that the dump does not hold.
    pub module_folders: Vec<PathBuf>,
    /// Upper bounds for what the dump may claim.
    pub limits: Limits,
}

/// Opens the dump at `path` up to the end of the first pass: every type with its name, every object, every sum. What
/// remains, references and roots, is read by [`Remaining::read_graph`].
///
/// # Errors
/// [`Error`], whose [`Error::problem`] says what a person can do about it.
pub fn open(path: &Path, options: &OpenOptions, job: &Job) -> Result<(HeapSnapshot, Remaining), Error> {
    let mut warnings = Warnings::new();
    let opened = crate::dump::open(path, &options.limits, job)?;
    let target = crate::target::from_core(&opened, &options.limits, job, &mut warnings)?;
    let file_bytes = opened.map.bytes().len() as u64;
    let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    from_target(Arc::new(target), &file_name, file_bytes, options, job, &mut warnings)
}

/// The same from a target that is open already.
///
/// # Errors
/// [`Error`], as for [`open`].
pub fn from_target(
    target: Arc<Target>,
    file_name: &str,
    file_bytes: u64,
    options: &OpenOptions,
    job: &Job,
    warnings: &mut Warnings,
) -> Result<(HeapSnapshot, Remaining), Error> {
    let limits = &options.limits;
    let runtime = Arc::new(Runtime::open(target, limits, job, warnings)?);
    let pass = first_pass::walk_heap(&runtime, limits, job, warnings)?;
    let types::Described { types, modules, clr } =
        types::describe(&runtime, &pass.method_tables(), options, job, warnings)?;
    let first_pass::Counted { objects, totals, mut coverage } = pass.finish(&types, job)?;
    facts::complete_coverage(&mut coverage, &runtime, &types, &totals);
    let values = TargetValues::new(Arc::clone(&runtime), Arc::clone(&clr), &objects, &types);
    let mut snapshot = HeapSnapshot {
        facts: facts::facts(&runtime, file_name, file_bytes),
        modules,
        types,
        totals,
        objects,
        coverage,
        warnings: std::mem::take(warnings),
        values: Arc::new(values),
    };
    load_contexts::name_load_contexts(&runtime.target.memory, &mut snapshot);
    Ok((snapshot, Remaining::new(runtime, clr)))
}
