//! The commands that ask why something is alive: `path`, `what-if`.

use super::args::{PathArgs, WhatIfArgs};
use super::commands::{analyses, ask_heap, exit_code, limit, print};
use super::open::{Need, open};
use super::{CliError, Exit};
use crate::analysis::fold::Folding;
use crate::analysis::{Cut, Heap, Ignore, Reachability, ReachabilityOptions, reachability};
use crate::base::{Cancelled, Job};
use crate::report::merged::{MergedReport, TypePathsReport};
use crate::report::path::{PathOptions, PathReport, Which};
use crate::report::what_if::WhatIfReport;
use crate::report::{ignore, lookup};
use crate::session::{Analyses, Session};

/// Roots, or rows of a level, that are listed unless told otherwise.
const ROWS: usize = 10;

pub(super) fn path(args: &PathArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let analyses = analyses(&session)?;
    let (ignored, no_stack) = (ignored(&analyses, &args.ignore)?, args.no_stack);
    let folding = if args.internals { Folding::Internals } else { Folding::Plain };
    let limit = match args.limit {
        Some(0) => None,
        None if args.all => None,
        asked => Some(asked.unwrap_or(ROWS)),
    };
    if let Some(text) = &args.type_name {
        let choice = lookup::find_types(&analyses.snapshot, text)?;
        if args.merged {
            let grouping = args.group_by.into();
            let report = ask_without(&session, ignored, no_stack, move |heap, ignored, job| {
                MergedReport::new(heap, &choice, grouping, limit, ignored, job)
            })?;
            print(&report, args.format.into())?;
        } else {
            let report = ask_without(&session, ignored, no_stack, move |heap, ignored, job| {
                TypePathsReport::new(heap, &choice, limit, folding, ignored, job)
            })?;
            print(&report, args.format.into())?;
        }
    } else {
        let (object, _) = lookup::find_object(&analyses.snapshot, args.address.as_deref().unwrap_or_default())?;
        let which = if args.all { Which::OnePerRoot } else { Which::First };
        let report = ask_without(&session, ignored, no_stack, move |heap, ignored, job| {
            PathReport::new(heap, object, PathOptions { which, folding }, ignored, job)
        })?;
        print(&report, args.format.into())?;
    }
    Ok(exit_code(&args.common, &analyses))
}

/// Asks about the heap without something.
fn ask_without<T: Send + 'static>(
    session: &Session,
    ignored: Vec<Ignore>,
    no_stack: bool,
    question: impl FnOnce(&Heap<'_>, &[Ignore], &Job) -> Result<T, Cancelled> + Send + 'static,
) -> Result<T, CliError> {
    ask_heap(session, move |heap, job| {
        let other = alive_without(heap, &ignored, no_stack, job)?;
        let heap = heap.alive_as(other.as_ref());
        question(&heap, &ignored, job)
    })
}

pub(super) fn what_if(args: &WhatIfArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let analyses = analyses(&session)?;
    let (ignored, no_stack) = (ignored(&analyses, &args.ignore)?, args.no_stack);
    let limit = limit(args.limit, args.format);
    let report = ask_heap(&session, move |heap, job| {
        let precise = alive_without(heap, &[], no_stack, job)?;
        let heap = heap.alive_as(precise.as_ref());
        let answer = crate::analysis::what_if(&heap, &ignored, job)?;
        Ok(WhatIfReport::new(&heap, &ignored, &answer, limit))
    })?;
    print(&report, args.format.into())?;
    Ok(exit_code(&args.common, &analyses))
}

/// What `--ignore` names.
fn ignored(analyses: &Analyses, texts: &[String]) -> Result<Vec<Ignore>, CliError> {
    let Some(graph) = &analyses.graph else { return Err(CliError::Usage("the references were not read".to_owned())) };
    let mut ignored = Vec::new();
    for text in texts {
        let found = ignore::parse(&analyses.snapshot, graph, text);
        ignored.extend(found.map_err(|problem| CliError::Ignore { text: text.clone(), problem })?);
    }
    Ok(ignored)
}

/// What is alive when that differs from what the session found.
fn alive_without(
    heap: &Heap<'_>,
    ignored: &[Ignore],
    no_stack: bool,
    job: &Job,
) -> Result<Option<Reachability>, Cancelled> {
    if ignored.is_empty() && !no_stack {
        return Ok(None);
    }
    let cut = Cut::new(heap.snapshot, heap.graph, ignored, job)?;
    let options = ReachabilityOptions { stack: !no_stack, cut: (!ignored.is_empty()).then_some(&cut) };
    reachability(heap.snapshot, heap.graph, options, job).map(Some)
}
