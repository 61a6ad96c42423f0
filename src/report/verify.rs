//! What does not fit together in the heap, and checksums to compare with other tools: `heaproot verify`.

use serde::Serialize;

use super::coverage::{self, CoverageReport};
use super::table::{Cell, Section, Table, number, text};
use super::{Hex, Report, Sum};
use crate::base::{Addr, number};
use crate::snapshot::{GapReason, HeapGraph, HeapSnapshot};

/// Findings and checksums.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// What does not fit; empty on a healthy dump.
    pub findings: Vec<Finding>,
    /// Objects that were checked.
    pub objects: Sum,
    /// References per type with instances, over non-null slots, by MethodTable.
    pub references: Vec<ReferenceLine>,
    /// What was read and what was not.
    pub coverage: CoverageReport,
    #[serde(skip)]
    sentence: String,
}

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `gap`, `dangling`, `marked`, `cut`, `skipped`.
    pub kind: &'static str,
    /// Where, when there is one place.
    pub address: Option<Hex>,
    /// Bytes concerned, when known.
    pub bytes: Option<u64>,
    /// What it is, for a person.
    pub text: String,
}

/// References of one type.
#[derive(Clone, Debug, Serialize)]
pub struct ReferenceLine {
    /// MethodTable.
    pub mt: Hex,
    /// Name of the type.
    pub name: Option<String>,
    /// Non-null reference slots.
    pub count: u64,
    /// Exclusive or of the addresses in them.
    pub xor: Hex,
    /// Their sum, modulo 2^64.
    pub sum: Hex,
}

impl VerifyReport {
    /// Gathers the findings. One pass over the type table.
    #[must_use]
    pub fn new(snapshot: &HeapSnapshot, graph: &HeapGraph) -> Self {
        let references = snapshot
            .types
            .iter()
            .zip(&graph.checksums)
            .filter(|(_, checksum)| checksum.count > 0)
            .map(|((_, row), checksum)| ReferenceLine {
                mt: row.method_table.into(),
                name: row.name.known().map(str::to_owned),
                count: checksum.count,
                xor: Hex(checksum.xor),
                sum: Hex(checksum.sum),
            })
            .collect();
        Self {
            findings: findings(snapshot, graph),
            objects: Sum { count: snapshot.n_objects(), bytes: snapshot.object_bytes() },
            references,
            coverage: CoverageReport::new(snapshot, Some(graph)),
            sentence: coverage::sentence(snapshot, Some(graph)),
        }
    }
}

fn findings(snapshot: &HeapSnapshot, graph: &HeapGraph) -> Vec<Finding> {
    let coverage = &snapshot.coverage;
    let mut findings: Vec<Finding> = coverage
        .gaps
        .iter()
        .filter(|gap| gap.reason != GapReason::AllocationContext)
        .map(|gap| Finding {
            kind: "gap",
            address: Some(gap.range.start.into()),
            bytes: Some(gap.range.len()),
            text: format!("{} up to {}: {}", number::size(gap.range.len()), gap.range.end, gap.reason.label()),
        })
        .collect();
    let mut add = |kind, text| findings.push(Finding { kind, address: None, bytes: None, text });
    if graph.n_dangling > 0 {
        let slots = number::counted(graph.n_dangling, "reference leads", "references lead");
        add("dangling", format!("{slots} to an address where no object begins"));
    }
    if coverage.n_marked > 0 {
        let objects = number::counted(coverage.n_marked, "object carries", "objects carry");
        add("marked", format!("{objects} mark bits: the dump was taken during a collection"));
    }
    if coverage.n_cut_segments > 0 {
        let segments = number::counted(coverage.n_cut_segments, "segment ends", "segments end");
        add("cut", format!("{segments} behind the end of the file, {} are lost", number::size(coverage.cut_bytes)));
    }
    for warning in snapshot.warnings.list().iter().chain(graph.warnings.list()) {
        add("skipped", warning.to_string());
    }
    let n_more = snapshot.warnings.n_more() + graph.warnings.n_more();
    if n_more > 0 {
        add("skipped", format!("{} more were skipped", number::count(n_more)));
    }
    findings
}

impl Report for VerifyReport {
    const SCHEMA: &'static str = "heaproot.verify/1";

    fn sections(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        if self.findings.is_empty() {
            sections.push(Section::Line(format!(
                "Nothing found: {} fit together.",
                number::counted(self.objects.count, "object", "objects")
            )));
        } else {
            let mut table = Table::new(vec![text("Finding", "kind"), text("Address", "address"), text("What", "text")]);
            for finding in &self.findings {
                table.push(vec![
                    Cell::Text(finding.kind.to_owned()),
                    finding.address.map_or(Cell::Missing, |at| Cell::Address(Addr(at.0))),
                    Cell::Text(finding.text.clone()),
                ]);
            }
            sections.push(Section::Table(table));
        }
        let n_references: u64 = self.references.iter().map(|line| line.count).sum();
        sections.push(Section::Line(format!(
            "{} of {} checked; --format json and csv give their checksums per type.",
            number::counted(n_references, "reference", "references"),
            number::counted(self.references.len() as u64, "type", "types"),
        )));
        sections.push(Section::Line(self.sentence.clone()));
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("MethodTable", "mt"),
            number("References", "count"),
            text("Xor", "xor"),
            text("Sum", "sum"),
            text("Type", "name"),
        ]);
        for line in &self.references {
            table.push(vec![
                Cell::Address(Addr(line.mt.0)),
                Cell::Count(line.count),
                Cell::Hex(line.xor.0),
                Cell::Hex(line.sum.0),
                Cell::text_or_missing(line.name.as_deref()),
            ]);
        }
        table
    }
}
