//! What comes back when references go: `heaproot what-if`.

use serde::Serialize;

use super::table::{Cell, Section, Table, number, text};
use super::{Hex, Report, Sum, ignore};
use crate::analysis::reachability::Amount;
use crate::analysis::{Heap, Ignore, WhatIf};
use crate::base::{Addr, number};

/// What comes back without what is ignored.
#[derive(Clone, Debug, Serialize)]
pub struct WhatIfReport {
    /// What is ignored.
    pub ignored: Vec<IgnoredLine>,
    /// Words on stacks hold objects, too.
    pub stack: bool,
    /// What roots hold now.
    pub before: Sum,
    /// What they would hold.
    pub after: Sum,
    /// What would come back.
    pub freed: Sum,
    /// Types that come back, those behind the limit included.
    pub n_types: u64,
    /// The same by type, biggest first.
    pub types: Vec<FreedLine>,
    /// Why it may be wrong; `null` when nothing speaks against it.
    pub uncertain: Option<String>,
}

/// Something that is ignored.
#[derive(Clone, Debug, Serialize)]
pub struct IgnoredLine {
    /// As `--ignore` reads it.
    pub edge: String,
    /// For a person.
    pub words: String,
}

/// Objects of one type that come back.
#[derive(Clone, Debug, Serialize)]
pub struct FreedLine {
    /// MethodTable.
    pub mt: Hex,
    /// Its name, or the address of the MethodTable.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Objects.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Lines for what is ignored.
#[must_use]
pub fn ignored_lines(heap: &Heap<'_>, ignored: &[Ignore]) -> Vec<IgnoredLine> {
    let line = |one: &Ignore| IgnoredLine {
        edge: ignore::text(heap.snapshot, heap.graph, one),
        words: ignore::words(heap.snapshot, heap.graph, one),
    };
    let mut lines: Vec<IgnoredLine> = ignored.iter().map(line).collect();
    // A class that was loaded twice is one thing to a person.
    lines.dedup_by(|a, b| a.edge == b.edge);
    lines
}

impl WhatIfReport {
    /// Words for `answer`, which was asked with `ignored`.
    #[must_use]
    pub fn new(heap: &Heap<'_>, ignored: &[Ignore], answer: &WhatIf, limit: Option<usize>) -> Self {
        let sum = |amount: Amount| Sum { count: amount.count, bytes: amount.bytes };
        let line = |row: &crate::analysis::what_if::FreedType| {
            let ty = heap.snapshot.types.row(row.ty);
            FreedLine {
                mt: ty.method_table.into(),
                type_name: ty.display_name(),
                count: row.freed.count,
                bytes: row.freed.bytes,
            }
        };
        Self {
            ignored: ignored_lines(heap, ignored),
            stack: heap.reachability.with_stack(),
            before: sum(answer.before),
            after: sum(answer.after),
            freed: sum(answer.freed),
            n_types: answer.by_type.len() as u64,
            types: answer.by_type.iter().take(limit.unwrap_or(usize::MAX)).map(line).collect(),
            uncertain: heap.uncertain(),
        }
    }
}

impl Report for WhatIfReport {
    const SCHEMA: &'static str = "heaproot.what-if/1";

    fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::Heading("Without".to_owned())];
        sections.extend(self.ignored.iter().map(|line| Section::Line(format!("  {}", line.words))));
        let objects = number::counted(self.freed.count, "object comes back", "objects come back");
        sections.push(Section::Line(if self.freed.count == 0 {
            "nothing comes back: other references hold everything".to_owned()
        } else {
            let share = number::share(self.freed.bytes, self.before.bytes);
            format!("{objects}: {}, {share} of what roots hold", number::size(self.freed.bytes))
        }));
        if let Some(why) = &self.uncertain {
            sections.push(Section::Line(format!("uncertain: {why}")));
        }
        if !self.types.is_empty() {
            sections.push(Section::Table(self.rows()));
        }
        let n_more = self.n_types.saturating_sub(self.types.len() as u64);
        if n_more > 0 {
            let types = number::counted(n_more, "more type", "more types");
            sections.push(Section::Line(format!("{types} not shown (--limit).")));
        }
        sections.push(Section::Line(format!(
            "Held now: {}, {}; then: {}, {}{}.",
            number::counted(self.before.count, "object", "objects"),
            number::size(self.before.bytes),
            number::counted(self.after.count, "object", "objects"),
            number::size(self.after.bytes),
            if self.stack { "" } else { "; words on stacks hold nothing" },
        )));
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("MethodTable", "mt"),
            number("Objects", "count"),
            number("Bytes", "bytes"),
            number("Share", "share"),
            text("Type", "type"),
        ]);
        for line in &self.types {
            table.push(vec![
                Cell::Address(Addr(line.mt.0)),
                Cell::Count(line.count),
                Cell::Size(line.bytes),
                Cell::Share(line.bytes, self.freed.bytes),
                Cell::Text(line.type_name.clone()),
            ]);
        }
        table
    }
}
