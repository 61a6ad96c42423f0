//! The answer in the terminal, where there is no window: what the dump is, the biggest types, and why an instance of
//! the biggest one is alive.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::args::OpenArgs;
use super::commands::{analyses, ask};
use super::open::{Need, open};
use super::{CliError, Exit};
use crate::analysis::fold::Folding;
use crate::report::filter::NameFilter;
use crate::report::path::{PathOptions, PathReport, Which};
use crate::report::table::{self, Section};
use crate::report::types::{HeapPart, TypeOrder, TypesOptions, TypesReport};
use crate::report::{Report, coverage};
use crate::session::{Analyses, Session};
use crate::snapshot::{ObjectId, TypeShape};

/// Types the answer lists.
const TYPES: usize = 15;

/// Opens `dump` and prints the answer.
///
/// # Errors
/// [`CliError`] when the dump cannot be read or the answer cannot be written.
pub fn answer(dump: &Path, args: &OpenArgs) -> Result<Exit, CliError> {
    let session = open(dump, args, Need::Paths)?;
    let analyses = analyses(&session)?;
    let snapshot = &analyses.snapshot;
    let options = TypesOptions {
        order: TypeOrder::Bytes,
        filter: NameFilter::All,
        grouping: None,
        limit: Some(TYPES),
        part: HeapPart::All,
    };
    let types = TypesReport::new(snapshot, analyses.graph.as_deref(), &snapshot.totals, &options);
    let mut sections = vec![Section::Facts(analyses.info().facts())];
    sections.push(Section::Heading("Biggest types".to_owned()));
    sections.extend(types.sections().into_iter().take(1));
    sections.push(Section::Line(coverage::sentence(snapshot, analyses.graph.as_deref())));
    if let Some((object, report)) = why_alive(&session, &analyses)? {
        let name = snapshot.type_of(object).display_name();
        sections.push(Section::Heading(format!("Why {name} at {} is alive", snapshot.objects.address(object))));
        sections.extend(report.lines());
    }
    let mut out = BufWriter::new(io::stdout().lock());
    table::write_sections(&sections, &mut out)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// The path to an instance of the biggest type: to the middle one of those that a root holds, which is more likely one
/// of the program's than the runtime's own first ones; else to its first one.
fn why_alive(session: &Session, analyses: &Analyses) -> Result<Option<(ObjectId, PathReport)>, CliError> {
    let snapshot = &analyses.snapshot;
    let biggest = snapshot
        .types
        .iter()
        .filter(|(_, row)| !matches!(row.shape, TypeShape::Free | TypeShape::Gap))
        .filter(|(id, _)| snapshot.totals.get(id.index()).is_some_and(|totals| totals.count > 0))
        .max_by_key(|(id, _)| {
            (snapshot.totals.get(id.index()).map_or(0, |totals| totals.bytes), std::cmp::Reverse(*id))
        });
    let Some((biggest, _)) = biggest else { return Ok(None) };
    ask(session, move |analyses, job| {
        let Some(heap) = analyses.heap() else { return Ok(None) };
        let objects = &heap.snapshot.objects;
        let instances = || objects.ids().filter(|&object| objects.type_of(object) == biggest);
        let n_live = instances().filter(|&object| heap.reachability.is_alive(object)).count();
        let live = instances().filter(|&object| heap.reachability.is_alive(object)).nth(n_live / 2);
        let Some(object) = live.or_else(|| instances().next()) else { return Ok(None) };
        Ok(Some((
            object,
            PathReport::new(&heap, object, PathOptions { which: Which::First, folding: Folding::Plain }, &[], job)?,
        )))
    })
}
