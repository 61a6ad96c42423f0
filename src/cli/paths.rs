//! The commands that ask why something is alive: `path`, `what-if`.

use super::args::{PathArgs, WhatIfArgs};
use super::commands::{analyses, ask_heap, exit_code, limit, print};
use super::open::{Need, open};
use super::{CliError, Exit};
use crate::analysis::{Cut, Heap, Ignore, Reachability, ReachabilityOptions, reachability};
use crate::base::{Cancelled, Job};
use crate::report::path::PathReport;
use crate::report::what_if::WhatIfReport;
use crate::report::{ignore, lookup};
use crate::session::Analyses;

pub(super) fn path(args: &PathArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let analyses = analyses(&session)?;
    let (object, _) = lookup::find_object(&analyses.snapshot, &args.address)?;
    let (ignored, all, no_stack) = (ignored(&analyses, &args.ignore)?, args.all, args.no_stack);
    let report = ask_heap(&session, move |heap, job| {
        let other = alive_without(heap, &ignored, no_stack, job)?;
        let heap = Heap { reachability: other.as_ref().unwrap_or(heap.reachability), ..*heap };
        PathReport::new(&heap, object, all, &ignored, job)
    })?;
    print(&report, args.format.into())?;
    Ok(exit_code(&args.common, &analyses))
}

pub(super) fn what_if(args: &WhatIfArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let analyses = analyses(&session)?;
    let (ignored, no_stack) = (ignored(&analyses, &args.ignore)?, args.no_stack);
    let limit = limit(args.limit, args.format);
    let report = ask_heap(&session, move |heap, job| {
        let precise = alive_without(heap, &[], no_stack, job)?;
        let heap = Heap { reachability: precise.as_ref().unwrap_or(heap.reachability), ..*heap };
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
