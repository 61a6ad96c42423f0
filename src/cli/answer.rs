//! The answer in the terminal, where there is no window: what the dump is, the biggest types, and why an instance of
//! the biggest one is alive.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::args::OpenArgs;
use super::commands::{analyses, ask};
use super::open::{Need, open};
use super::{CliError, Exit};
use crate::base::Addr;
use crate::report::filter::NameFilter;
use crate::report::path::PathReport;
use crate::report::table::{self, Section};
use crate::report::types::{TypeOrder, TypesOptions, TypesReport};
use crate::report::{Report, coverage};
use crate::session::Session;

/// Types the answer lists.
const TYPES: usize = 15;

/// Opens `dump` and prints the answer.
///
/// # Errors
/// [`CliError`] when the dump cannot be read or the answer cannot be written.
pub fn answer(dump: &Path, args: &OpenArgs) -> Result<Exit, CliError> {
    let session = open(dump, args, Need::Everything)?;
    let analyses = analyses(&session)?;
    let snapshot = &analyses.snapshot;
    let options = TypesOptions { order: TypeOrder::Bytes, filter: NameFilter::All, grouping: None, limit: Some(TYPES) };
    let types = TypesReport::new(snapshot, analyses.graph.as_deref(), &snapshot.totals, &options);
    let mut sections = vec![Section::Facts(analyses.info().facts())];
    sections.push(Section::Heading("Biggest types".to_owned()));
    sections.extend(types.sections().into_iter().take(1));
    if let Some(path) = biggest_path(&session, &types)? {
        sections.extend(path.sections());
    }
    sections.push(Section::Line(coverage::sentence(snapshot, analyses.graph.as_deref())));
    let mut out = BufWriter::new(io::stdout().lock());
    table::write_sections(&sections, &mut out)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Why an instance of the biggest type is alive: one that is held, when there is one.
fn biggest_path(session: &Session, types: &TypesReport) -> Result<Option<PathReport>, CliError> {
    let Some(biggest) = types.types.first().map(|row| row.mt) else { return Ok(None) };
    ask(session, move |analyses, job| {
        let (snapshot, Some(heap)) = (&analyses.snapshot, analyses.heap()) else { return Ok(None) };
        let Some(ty) = snapshot.types.by_method_table(Addr(biggest.0)) else { return Ok(None) };
        let of_type = || snapshot.objects.ids().filter(|&object| snapshot.objects.type_of(object) == ty);
        let held = of_type().find(|&object| heap.reachability.is_alive(object)).or_else(|| of_type().next());
        held.map(|object| PathReport::new(&heap, object, job)).transpose()
    })
}
