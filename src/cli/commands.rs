//! One function a command: open, ask, print.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use super::args::{
    Command, Common, DominatorsArgs, FormArg, InspectArgs, InstancesArgs, LeaksArgs, ListArgs, RefsArgs, RetainedArgs,
    TableArgs, TypesArgs,
};
use super::open::{Need, open};
use super::{CliError, Exit, paths, say};
use crate::analysis::Heap;
use crate::analysis::Reachability;
use crate::analysis::dominator_tree::TreeView;
use crate::analysis::dominators::{DominatorOptions, dominators, root_objects};
use crate::analysis::findings::Findings;
use crate::analysis::handle_owners::handle_owners;
use crate::analysis::histogram::totals_where;
use crate::analysis::instances::InstanceFilter;
use crate::base::{Cancelled, Job};
use crate::report::events::EventsReport;
use crate::report::filter::NameFilter;
use crate::report::holders::{HoldersReport, Skip};
use crate::report::instances::{InstancesOptions, InstancesReport};
use crate::report::leaks::{InspectReport, LeaksReport};
use crate::report::refs::{Direction, RefsReport};
use crate::report::retained::{DominatorsReport, RetainedReport};
use crate::report::roots::{FinalizersReport, HandlesReport, RootsReport, StaticsReport, ThreadsReport};
use crate::report::types::{HeapPart, TypesOptions, TypesReport};
use crate::report::verify::VerifyReport;
use crate::report::{self, Form, Report, coverage, lookup};
use crate::session::{Analyses, Dominance, Session, Stopped};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId};

/// Rows a table shows on a terminal unless told otherwise.
const TERMINAL_ROWS: usize = 50;

pub(super) fn run(command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Info(args) => info(args),
        Command::Types(args) => types(args),
        Command::Instances(args) => instances(args),
        Command::Path(args) => paths::path(args),
        Command::WhatIf(args) => paths::what_if(args),
        Command::Verify(args) => with_graph(args, VerifyReport::new),
        Command::Leaks(args) => leaks(args),
        Command::Inspect(args) => inspect(args),
        Command::Events(args) => event_rows(args),
        Command::Retained(args) => retained(args),
        Command::Dominators(args) => dominator_rows(args),
        Command::Roots(args) => roots(args),
        Command::Refs(args) => refs(args),
        Command::Handles(args) => handles(args),
        Command::Statics(args) => with_graph(args, StaticsReport::new),
        Command::Threads(args) => with_graph(args, ThreadsReport::new),
        Command::Finalizers(args) => with_graph(args, FinalizersReport::new),
        // `main` draws it when this build has a window.
        Command::Screenshot(_) => {
            Err(CliError::Usage("this build has no window and draws no pictures: build with --features ui".to_owned()))
        }
    }
}

fn info(args: &TableArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let analyses = analyses(&session)?;
    print(&analyses.info(), args.format.into())?;
    Ok(exit_code(&args.common, &analyses))
}

fn types(args: &TypesArgs) -> Result<Exit, CliError> {
    let filter = NameFilter::parse(&args.filter).map_err(|why| CliError::Usage(format!("--filter: {why}")))?;
    let part = match (args.live, args.dead) {
        (true, _) => HeapPart::Live,
        (_, true) => HeapPart::Dead,
        _ => HeapPart::All,
    };
    let need = if part == HeapPart::All { Need::Snapshot } else { Need::Paths };
    let session = open(&args.common.dump, &args.common.open, need)?;
    let analyses = analyses(&session)?;
    let options = TypesOptions {
        order: args.sort.into(),
        filter,
        grouping: args.by.map(Into::into),
        limit: limit(args.limit, args.format),
        part,
    };
    let snapshot = &analyses.snapshot;
    let report = if part == HeapPart::All {
        TypesReport::new(snapshot, None, &snapshot.totals, &options)
    } else {
        let totals = ask(&session, move |analyses, job| {
            let is_in = |object| {
                let is_live = analyses.is_reachable(object) == Some(true);
                is_live == (part == HeapPart::Live) && analyses.snapshot.is_object(object)
            };
            totals_where(&analyses.snapshot, is_in, job)
        })?;
        TypesReport::new(snapshot, analyses.graph.as_deref(), &totals, &options)
    };
    print(&report, args.format.into())?;
    Ok(exit_code(&args.common, &analyses))
}

fn instances(args: &InstancesArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let analyses = analyses(&session)?;
    let choice = lookup::find_types(&analyses.snapshot, &args.type_name)?;
    let options = InstancesOptions { order: args.sort.into(), limit: limit(args.limit, args.format) };
    let filter = InstanceFilter {
        types: Vec::new(),
        texts: args.text.clone(),
        min_bytes: args.min_bytes,
        generations: args.generation.iter().map(|&generation| generation.into()).collect(),
        held: if args.live || args.dead { Some(args.live) } else { None },
        roots: args.root.iter().flat_map(|kind| kind.kinds()).collect(),
    };
    let report = ask(&session, move |analyses, job| {
        let reachability = analyses.reachability.as_deref();
        InstancesReport::new(&analyses.snapshot, &choice, reachability, &filter, options, job)
    })?;
    print(&report, args.format.into())?;
    Ok(exit_code(&args.common, &analyses))
}

fn retained(args: &RetainedArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let analyses = analyses(&session)?;
    let snapshot = &analyses.snapshot;
    let (of, objects) = if let Some(name) = &args.type_name {
        instances_of(snapshot, name)?
    } else {
        let listed = match &args.objects_from {
            Some(file) => addresses_in(file)?,
            None => args.objects.clone(),
        };
        let mut objects = Vec::with_capacity(listed.len());
        for address in &listed {
            objects.push(lookup::find_object(snapshot, address)?.0);
        }
        objects.sort_unstable();
        objects.dedup();
        ("Objects by address".to_owned(), objects)
    };
    let options = DominatorOptions { stack: !args.no_stack };
    let limit = limit(args.limit, args.format);
    let report = ask(&session, move |analyses, job| {
        let (snapshot, Some(graph)) = (&analyses.snapshot, &analyses.graph) else { return Ok(None) };
        let roots = root_objects(graph, options);
        let tree = dominators(snapshot, graph, &roots, job)?;
        let tree = (&tree, roots.as_slice(), options.stack);
        RetainedReport::new(snapshot, graph, tree, of, &objects, limit, job).map(Some)
    })?;
    let report = report.ok_or_else(|| CliError::Usage("the references were not read".to_owned()))?;
    print(&report, args.format.into())?;
    Ok(exit_code(&args.common, &analyses))
}

/// All instances of the type that `name` means, and what they are called together.
fn instances_of(snapshot: &HeapSnapshot, name: &str) -> Result<(String, Vec<ObjectId>), CliError> {
    let choice = lookup::find_types(snapshot, name)?;
    let is_chosen = |object: &ObjectId| choice.ids.contains(&snapshot.objects.type_of(*object));
    Ok((format!("Instances of {}", choice.name), snapshot.objects.ids().filter(is_chosen).collect()))
}

/// The first word of every line that is not empty.
fn addresses_in(file: &Path) -> Result<Vec<String>, CliError> {
    let text = std::fs::read_to_string(file)
        .map_err(|err| CliError::Usage(format!("--objects-from {}: {err}", file.display())))?;
    let words = text.lines().filter_map(|line| line.split([' ', '\t', ',', ';']).find(|word| !word.is_empty()));
    // The header of a table that this program wrote is no address.
    Ok(words.filter(|word| *word != "address").map(str::to_owned).collect())
}

fn dominator_rows(args: &DominatorsArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Everything)?;
    let (grouping, limit) = (args.by.into(), limit(args.limit, args.format));
    match &args.of {
        None => {
            let stack = args.stack;
            let report = in_tree(&session, stack, move |view, reachability, job| {
                DominatorsReport::new(view, (reachability, stack), grouping, limit, job)
            })?;
            print(&report, args.format.into())?;
        }
        Some(name) => {
            let skip = Skip::parse(&args.skip).map_err(|why| CliError::Usage(format!("--skip: {why}")))?;
            let (of, objects) = instances_of(&analyses(&session)?.snapshot, name)?;
            let report = in_tree(&session, args.stack, move |view, _, job| {
                HoldersReport::new(view, (of, &objects), &skip, grouping, limit, job)
            })?;
            print(&report, args.format.into())?;
        }
    }
    Ok(exit_code(&args.common, &analyses(&session)?))
}

/// What `question` finds in the dominator tree, with words on stacks as roots or without.
fn in_tree<T: Send + 'static>(
    session: &Session,
    stack: bool,
    question: impl FnOnce(&TreeView<'_>, &Reachability, &Job) -> Result<T, Cancelled> + Send + 'static,
) -> Result<T, CliError> {
    let found = ask(session, move |analyses, job| {
        let Analyses { snapshot, graph: Some(graph), reachability: Some(reachability), .. } = analyses else {
            return Ok(None);
        };
        let dominance = match &analyses.dominance {
            _ if stack => Arc::new(Dominance::new(snapshot, graph, DominatorOptions { stack }, job)?),
            Some(dominance) => Arc::clone(dominance),
            None => return Ok(None),
        };
        let Dominance { tree, children } = dominance.as_ref();
        question(&TreeView { snapshot, graph, tree, children }, reachability, job).map(Some)
    })?;
    found.ok_or_else(|| CliError::Usage("the dominators were not found".to_owned()))
}

fn leaks(args: &LeaksArgs) -> Result<Exit, CliError> {
    let wanted: Vec<FailOn> = args.fail_on.iter().map(|text| FailOn::parse(text)).collect::<Result<_, _>>()?;
    let session = open(&args.common.dump, &args.common.open, Need::Everything)?;
    let analyses = analyses(&session)?;
    let report = LeaksReport::new(&analyses.snapshot, found(&analyses)?);
    print(&report, args.format.into())?;
    if wanted.iter().any(|wanted| wanted.is_met(&report)) {
        return Ok(Exit::Found);
    }
    Ok(exit_code(&args.common, &analyses))
}

/// What makes `leaks` end with code 4.
#[derive(Clone, Debug, PartialEq)]
enum FailOn {
    Suspects,
    Percent(f64),
    Fingerprint(String),
}

impl FailOn {
    fn parse(text: &str) -> Result<Self, CliError> {
        let is_fingerprint = |text: &str| {
            text.len() == 9
                && text.char_indices().all(|(at, char)| if at == 4 { char == '-' } else { char.is_ascii_hexdigit() })
        };
        match text.trim_end_matches('%').trim().parse::<f64>() {
            _ if text == "suspects" => Ok(Self::Suspects),
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
            _ if is_fingerprint(text) => Ok(Self::Fingerprint(text.to_ascii_lowercase())),
            _ => Err(CliError::Usage(format!(
                "--fail-on {text}: neither “suspects”, nor a number of per cent from 0 to 100, nor a fingerprint like 7c1e-40b2"
            ))),
        }
    }

    fn is_met(&self, report: &LeaksReport) -> bool {
        match self {
            Self::Suspects => report.fingerprints().next().is_some(),
            Self::Percent(percent) => report.fingerprints().next().is_some() && report.worst_percent() >= *percent,
            Self::Fingerprint(wanted) => report.fingerprints().any(|found| found == wanted),
        }
    }
}

fn inspect(args: &InspectArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Everything)?;
    let analyses = analyses(&session)?;
    let report = InspectReport::new(&analyses.snapshot, found(&analyses)?, args.name.as_deref());
    print(&report, args.format.into())?;
    Ok(exit_code(&args.common, &analyses))
}

fn found(analyses: &Analyses) -> Result<&Findings, CliError> {
    analyses
        .findings
        .as_deref()
        .ok_or_else(|| CliError::Usage("leaks were not looked for: the references were not read".to_owned()))
}

fn event_rows(args: &ListArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Everything)?;
    let limit = limit(args.limit, args.format);
    let report = ask(&session, move |analyses, job| {
        let (Some(heap), Some(dominance), Some(found)) = (analyses.heap(), &analyses.dominance, &analyses.findings)
        else {
            return Ok(None);
        };
        let leaks: Vec<usize> = found.events.leaks().map(|(index, _)| index).collect();
        let together = found.events.freed_together(&heap, &dominance.tree, &leaks, job)?;
        Ok(Some(EventsReport::new(&found.events, together.into(), limit)))
    })?;
    let report = report.ok_or_else(|| CliError::Usage("the dominators were not found".to_owned()))?;
    print(&report, args.format.into())?;
    Ok(exit_code(&args.common, &analyses(&session)?))
}

fn roots(args: &TableArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    print(&ask_heap(&session, RootsReport::new)?, args.format.into())?;
    Ok(exit_code(&args.common, &analyses(&session)?))
}

fn handles(args: &TableArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let report = ask_heap(&session, |heap, job| {
        let owners = handle_owners(heap.snapshot, heap.graph, job)?;
        Ok(HandlesReport::new(heap.snapshot, heap.graph, &owners))
    })?;
    print(&report, args.format.into())?;
    Ok(exit_code(&args.common, &analyses(&session)?))
}

fn refs(args: &RefsArgs) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let analyses = analyses(&session)?;
    let (object, _) = lookup::find_object(&analyses.snapshot, &args.address)?;
    let direction = if args.inbound { Direction::In } else { Direction::Out };
    let limit = limit(args.limit, args.format);
    let grouped = args.grouped;
    let report = ask_heap(&session, move |heap, job| match grouped {
        true => RefsReport::grouped(heap, object, limit, job),
        false => RefsReport::new(heap, object, direction, limit, job),
    })?;
    print(&report, args.format.into())?;
    Ok(exit_code(&args.common, &analyses))
}

/// Asks something about single objects and waits.
pub(super) fn ask_heap<T: Send + 'static>(
    session: &Session,
    question: impl FnOnce(&Heap<'_>, &Job) -> Result<T, Cancelled> + Send + 'static,
) -> Result<T, CliError> {
    let answer = ask(session, move |analyses, job| analyses.heap().map(|heap| question(&heap, job)).transpose())?;
    answer.ok_or_else(|| CliError::Usage("the references were not read".to_owned()))
}

/// A command whose report is made of references and roots.
fn with_graph<R: Report>(
    args: &TableArgs,
    report: impl FnOnce(&HeapSnapshot, &HeapGraph) -> R,
) -> Result<Exit, CliError> {
    let session = open(&args.common.dump, &args.common.open, Need::Paths)?;
    let analyses = analyses(&session)?;
    let Some(graph) = &analyses.graph else { return Err(CliError::Usage("the references were not read".to_owned())) };
    print(&report(&analyses.snapshot, graph), args.format.into())?;
    Ok(exit_code(&args.common, &analyses))
}

/// Asks and waits.
pub(super) fn ask<T: Send + 'static>(
    session: &Session,
    question: impl FnOnce(&Analyses, &Job) -> Result<T, Cancelled> + Send + 'static,
) -> Result<T, CliError> {
    let pending = session.ask(question).ok_or_else(|| CliError::Usage("the dump was not read".to_owned()))?;
    pending.wait().map_err(|stopped| {
        CliError::Usage(match stopped {
            Stopped::Cancelled => "cancelled".to_owned(),
            Stopped::Failed => "the question ended without an answer: a defect of this program".to_owned(),
        })
    })
}

pub(super) fn analyses(session: &Session) -> Result<Analyses, CliError> {
    session.analyses().ok_or_else(|| CliError::Usage("the dump was not read".to_owned()))
}

/// Prints `report` on standard output.
pub(super) fn print<R: Report>(report: &R, form: Form) -> Result<(), CliError> {
    let mut out = BufWriter::new(io::stdout().lock());
    report::write(report, form, &mut out)?;
    out.flush()?;
    Ok(())
}

/// Code 3 when something was lost and that matters to the caller.
pub(super) fn exit_code(common: &Common, analyses: &Analyses) -> Exit {
    let graph = analyses.graph.as_deref();
    if common.strict && !coverage::is_complete(&analyses.snapshot, graph) {
        say(&format!("heaproot: --strict: {}", coverage::sentence(&analyses.snapshot, graph)));
        return Exit::Losses;
    }
    Exit::Done
}

pub(super) fn limit(asked: Option<usize>, format: FormArg) -> Option<usize> {
    match asked {
        Some(0) => None,
        Some(limit) => Some(limit),
        None => (format == FormArg::Table && io::stdout().is_terminal()).then_some(TERMINAL_ROWS),
    }
}
