//! What was read and what was not, as it is written down.

use serde::Serialize;

use super::table::{Cell, Section, Table, number, text};
use super::{Hex, printable};
use crate::base::{Warnings, number};
use crate::snapshot::{Coverage, GapReason, HeapGraph, HeapSnapshot};

/// [`Coverage`] and the warnings of both passes.
#[derive(Clone, Debug, Serialize)]
pub struct CoverageReport {
    /// Nothing that matters is missing.
    pub complete: bool,
    /// Bytes between first and last object of all segments.
    pub segment_bytes: u64,
    /// Bytes of objects and free blocks.
    pub walked_bytes: u64,
    /// Bytes not walked, by reason; reasons with nothing are listed with 0.
    pub unwalked: Vec<Unwalked>,
    /// Objects and bytes per generation.
    pub generations: Vec<GenerationLine>,
    /// Types with instances and without a name, by reason.
    pub unnamed: Vec<UnnamedLine>,
    /// Objects with mark bits: a collection was under way.
    pub marked: u64,
    /// Reference slots whose target is no object; `null` when references were not read.
    pub dangling: Option<u64>,
    /// Segments of the file that were cut off, and the bytes lost.
    pub cut: CutLine,
    /// What was looked for and is not in the dump.
    pub absent: Vec<AbsentLine>,
    /// What was skipped, in words.
    pub warnings: Vec<String>,
    /// How many more there were.
    pub more_warnings: u64,
}

/// Bytes not walked for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct Unwalked {
    /// Why.
    pub reason: &'static str,
    /// Stretches.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
}

/// One generation.
#[derive(Clone, Debug, Serialize)]
pub struct GenerationLine {
    /// `gen0`, `gen1`, `gen2`, `loh`, `poh`, `frozen`.
    pub generation: &'static str,
    /// Objects.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Free blocks.
    pub free_count: u64,
    /// Their bytes.
    pub free_bytes: u64,
}

/// Unnamed types of one reason.
#[derive(Clone, Debug, Serialize)]
pub struct UnnamedLine {
    /// Why.
    pub reason: String,
    /// Types.
    pub types: u64,
    /// Instances.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a cut file lost.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CutLine {
    /// Segments of the file.
    pub segments: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Something that is not in the dump.
#[derive(Clone, Debug, Serialize)]
pub struct AbsentLine {
    /// What.
    pub what: String,
    /// Where it should have been.
    pub at: Option<Hex>,
    /// What that costs.
    pub consequence: String,
}

impl CoverageReport {
    /// From a snapshot and, when there is one, its graph.
    #[must_use]
    pub fn new(snapshot: &HeapSnapshot, graph: Option<&HeapGraph>) -> Self {
        let coverage = &snapshot.coverage;
        let mut warnings = Warnings::new();
        warnings.merge(snapshot.warnings.clone());
        if let Some(graph) = graph {
            warnings.merge(graph.warnings.clone());
        }
        Self {
            complete: is_complete(snapshot, graph),
            segment_bytes: coverage.segment_bytes,
            walked_bytes: coverage.walked_bytes,
            unwalked: unwalked(coverage),
            generations: coverage
                .generations
                .iter()
                .map(|totals| GenerationLine {
                    generation: totals.generation.key(),
                    count: totals.n_objects,
                    bytes: totals.object_bytes,
                    free_count: totals.n_free,
                    free_bytes: totals.free_bytes,
                })
                .collect(),
            unnamed: coverage
                .unnamed
                .iter()
                .map(|unnamed| UnnamedLine {
                    reason: unnamed.reason.clone(),
                    types: unnamed.n_types,
                    count: unnamed.n_objects,
                    bytes: unnamed.bytes,
                })
                .collect(),
            marked: coverage.n_marked,
            dangling: graph.map(|graph| graph.n_dangling),
            cut: CutLine { segments: coverage.n_cut_segments, bytes: coverage.cut_bytes },
            absent: coverage
                .absent
                .iter()
                .map(|fact| AbsentLine {
                    what: fact.what.clone(),
                    at: fact.at.map(Hex::from),
                    consequence: fact.consequence.clone(),
                })
                .collect(),
            warnings: warnings.list().iter().map(ToString::to_string).collect(),
            more_warnings: warnings.n_more(),
        }
    }

    /// For a person.
    #[must_use]
    pub fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::Heading("Coverage".to_owned())];
        let mut facts = vec![(
            "Heap read".to_owned(),
            format!("{} of {}", number::size(self.walked_bytes), number::size(self.segment_bytes)),
        )];
        for line in &self.unwalked {
            let places = number::counted(line.count, "place", "places");
            facts.push((format!("Not read, {}", line.reason), format!("{} in {places}", number::size(line.bytes))));
        }
        for line in &self.unnamed {
            let types = number::counted(line.types, "type", "types");
            let objects = number::counted(line.count, "object", "objects");
            facts.push((
                "Without a name".to_owned(),
                format!("{types}, {objects}, {}: {}", number::size(line.bytes), line.reason),
            ));
        }
        if self.marked > 0 {
            let objects = number::counted(self.marked, "object carries", "objects carry");
            facts.push(("Collection".to_owned(), format!("{objects} mark bits: a collection was under way")));
        }
        if let Some(dangling) = self.dangling.filter(|&n| n > 0) {
            let slots = number::counted(dangling, "reference leads", "references lead");
            facts.push(("References".to_owned(), format!("{slots} to no object")));
        }
        if self.cut.segments > 0 {
            let segments = number::counted(self.cut.segments, "segment", "segments");
            facts.push(("File cut off".to_owned(), format!("{segments}, {} lost", number::size(self.cut.bytes))));
        }
        for fact in &self.absent {
            facts.push((format!("Not in the dump: {}", fact.what), fact.consequence.clone()));
        }
        sections.push(Section::Facts(facts));

        let mut generations = Table::new(vec![
            text("Generation", "generation"),
            number("Objects", "count"),
            number("Bytes", "bytes"),
            number("Free blocks", "free_count"),
            number("Free", "free_bytes"),
        ]);
        for line in &self.generations {
            generations.push(vec![
                Cell::Text(line.generation.to_owned()),
                Cell::Count(line.count),
                Cell::Size(line.bytes),
                Cell::Count(line.free_count),
                Cell::Size(line.free_bytes),
            ]);
        }
        sections.push(Section::Table(generations));

        if !self.warnings.is_empty() {
            sections.push(Section::Heading("Skipped".to_owned()));
            const SHOWN: usize = 20;
            for warning in self.warnings.iter().take(SHOWN) {
                sections.push(Section::Line(format!("  {}", printable(warning))));
            }
            let n_more = self.warnings.len().saturating_sub(SHOWN) as u64 + self.more_warnings;
            if n_more > 0 {
                sections.push(Section::Line(format!("  and {} more", number::count(n_more))));
            }
        }
        sections
    }
}

/// One sentence for the foot of a report: what is missing, or that nothing is.
#[must_use]
pub fn sentence(snapshot: &HeapSnapshot, graph: Option<&HeapGraph>) -> String {
    let coverage = &snapshot.coverage;
    let mut losses = Vec::new();
    if coverage.lost_bytes() > 0 {
        losses.push(format!("{} of the heap could not be read", number::size(coverage.lost_bytes())));
    }
    if coverage.n_cut_segments > 0 {
        losses.push("the file is cut off".to_owned());
    }
    if coverage.n_marked > 0 {
        losses.push("a collection was under way".to_owned());
    }
    losses.extend(graph.map(|graph| snapshot.lost_holders(graph)).unwrap_or_default());
    let n_unnamed: u64 = coverage.unnamed.iter().map(|unnamed| unnamed.n_types).sum();
    if n_unnamed > 0 {
        losses.push(format!("{} without a name", number::counted(n_unnamed, "type is", "types are")));
    }
    let [context_bytes, ..] = coverage.unwalked_bytes;
    let unused = format!("{} are unused parts of allocation contexts", number::exact_bytes(context_bytes));
    if losses.is_empty() {
        format!("Everything was read; {unused}.")
    } else {
        format!("Not everything was read: {}; {unused}.", losses.join(", "))
    }
}

/// True when nothing that matters is missing, in both passes.
#[must_use]
pub fn is_complete(snapshot: &HeapSnapshot, graph: Option<&HeapGraph>) -> bool {
    snapshot.coverage.is_complete() && graph.is_none_or(|graph| snapshot.lost_holders(graph).is_empty())
}

fn unwalked(coverage: &Coverage) -> Vec<Unwalked> {
    [GapReason::AllocationContext, GapReason::Absent, GapReason::Damaged]
        .into_iter()
        .zip(coverage.n_unwalked.iter().zip(&coverage.unwalked_bytes))
        .map(|(reason, (&count, &bytes))| Unwalked { reason: reason.label(), count, bytes })
        .collect()
}
