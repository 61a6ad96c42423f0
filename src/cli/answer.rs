//! The answer in the terminal, where there is no window: what the dump is, the biggest types, and why an instance of
//! the biggest one is alive.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::args::OpenArgs;
use super::commands::analyses;
use super::open::{Need, open};
use super::{CliError, Exit};
use crate::report::filter::NameFilter;
use crate::report::table::{self, Section};
use crate::report::types::{TypeOrder, TypesOptions, TypesReport};
use crate::report::{Report, coverage};

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
    sections.push(Section::Line(coverage::sentence(snapshot, analyses.graph.as_deref())));
    let mut out = BufWriter::new(io::stdout().lock());
    table::write_sections(&sections, &mut out)?;
    out.flush()?;
    Ok(Exit::Done)
}
