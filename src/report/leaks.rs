//! The verdict with its evidence: `heaproot leaks`, and what was looked for besides: `heaproot inspect`.

use serde::Serialize;

use super::events::EventLine;
use super::table::{Cell, Section, Table, number, text};
use super::{Hex, Report, Sum};
use crate::analysis::findings::Findings;
use crate::analysis::inspections::{Inspection, Outcome};
use crate::analysis::suspects::{Suspect, SuspectKind};
use crate::analysis::verdict::{Headline, suspect_sentences};
use crate::base::{Addr, number};
use crate::snapshot::HeapSnapshot;

/// What leaks, in words and in figures.
#[derive(Clone, Debug, Serialize)]
pub struct LeaksReport {
    /// `event`, `suspect`, `garbage` or `healthy`.
    pub verdict: &'static str,
    /// The answer in two sentences.
    pub text: String,
    /// Why it may be wrong; `null` when it stands on everything that was asked for.
    pub uncertain: Option<String>,
    /// The dump, for the commands that show the evidence.
    #[serde(skip)]
    file_name: String,
    /// What precise roots hold.
    pub live: Sum,
    /// What nothing holds.
    pub garbage: Sum,
    /// Holders that keep much alive, biggest first.
    pub suspects: Vec<SuspectLine>,
    /// Event leaks, biggest first.
    pub events: Vec<EventLine>,
    /// What was looked for besides.
    pub inspections: Vec<InspectionLine>,
    /// Bytes that are called much on this heap.
    pub threshold_bytes: u64,
    /// The biggest holder below that.
    pub largest_below: Option<String>,
}

/// A leak suspect.
#[derive(Clone, Debug, Serialize)]
pub struct SuspectLine {
    /// `single` or `group`.
    pub kind: &'static str,
    /// Type of the object, or of the group's.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The object; the group's biggest.
    pub address: Hex,
    /// Objects: 1, or the group's.
    pub objects: u64,
    /// What they keep alive.
    pub retained_bytes: u64,
    /// Objects of that.
    pub retained_count: u64,
    /// Share of what is alive, from 0 to 1.
    pub share: f64,
    /// Where things pile up.
    pub accumulation_point: AccumulationPoint,
    /// The root it hangs on.
    pub root: String,
    /// Names of the references from the suspect to the accumulation point.
    pub path: Vec<String>,
    /// The biggest types among what is kept.
    pub types: Vec<TypeLine>,
    /// What to search a bug tracker for.
    pub keywords: Vec<String>,
    /// Name of the suspect, the same in every dump of the program.
    pub fingerprint: String,
    /// Two sentences.
    pub text: String,
}

/// Where things pile up.
#[derive(Clone, Debug, Serialize)]
pub struct AccumulationPoint {
    /// Where it begins.
    pub address: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What it keeps.
    pub retained_bytes: u64,
}

/// Objects of one type.
#[derive(Clone, Debug, Serialize)]
pub struct TypeLine {
    /// Which.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Objects.
    pub count: u64,
    /// Their own bytes.
    pub bytes: u64,
}

/// One inspection.
#[derive(Clone, Debug, Serialize)]
pub struct InspectionLine {
    /// Key: `duplicate-strings`.
    pub name: &'static str,
    /// Title: `Duplicate strings`.
    pub title: &'static str,
    /// Above its threshold; `null` when it could not be looked for.
    pub found: Option<bool>,
    /// Objects concerned.
    pub objects: u64,
    /// Bytes they cost or hold.
    pub bytes: u64,
    /// What is looked for.
    pub definition: &'static str,
    /// When it is called a finding.
    pub threshold: &'static str,
    /// The answer in a few words.
    pub result: String,
    /// What to do about it.
    pub remedy: &'static str,
    /// The evidence, biggest first.
    pub items: Vec<ItemLine>,
}

/// One piece of evidence.
#[derive(Clone, Debug, Serialize)]
pub struct ItemLine {
    /// In words.
    pub text: String,
    /// Objects.
    pub objects: u64,
    /// Bytes.
    pub bytes: u64,
    /// One of the objects.
    pub address: Option<Hex>,
}

/// The sentences without marks.
fn plain(sentences: &[String]) -> String {
    sentences
        .iter()
        .filter(|sentence| !sentence.is_empty())
        .map(|sentence| sentence.replace("**", ""))
        .collect::<Vec<_>>()
        .join(" ")
}

impl LeaksReport {
    /// From what was found.
    #[must_use]
    pub fn new(snapshot: &HeapSnapshot, found: &Findings) -> Self {
        let verdict = &found.verdict;
        Self {
            verdict: match verdict.headline {
                Headline::Event(_) => "event",
                Headline::Suspect(_) => "suspect",
                Headline::Garbage => "garbage",
                Headline::Healthy => "healthy",
            },
            text: plain(&verdict.sentences),
            uncertain: verdict.uncertain.clone(),
            file_name: snapshot.facts.file_name.clone(),
            live: verdict.live.into(),
            garbage: verdict.garbage.into(),
            suspects: found.suspects.suspects.iter().map(|suspect| suspect_line(snapshot, found, suspect)).collect(),
            events: found.events.leaks().map(|(_, group)| EventLine::new(&found.events, group)).collect(),
            inspections: found.inspections.iter().map(|inspection| inspection_line(snapshot, inspection)).collect(),
            threshold_bytes: found.suspects.threshold_bytes,
            largest_below: found.suspects.largest_below.as_ref().map(|(name, _)| name.clone()),
        }
    }

    /// What stands below the sentences of a suspect.
    fn evidence(&self, suspect: &SuspectLine) -> Vec<(String, String)> {
        let mut facts = vec![("Hangs on".to_owned(), suspect.root.clone())];
        if !suspect.path.is_empty() {
            facts.push(("Way down".to_owned(), suspect.path.join(" → ")));
        }
        let most: Vec<String> = suspect
            .types
            .iter()
            .map(|share| format!("{} {}, {}", number::count(share.count), share.type_name, number::size(share.bytes)))
            .collect();
        facts.push(("Most of it".to_owned(), most.join("; ")));
        if !suspect.keywords.is_empty() {
            facts.push(("Search for".to_owned(), suspect.keywords.join(", ")));
        }
        facts.push(("Fingerprint".to_owned(), suspect.fingerprint.clone()));
        let address = Addr(suspect.accumulation_point.address.0);
        facts.push(("Evidence".to_owned(), format!("heaproot path {} {address}", self.file_name)));
        facts
    }

    /// Fingerprints of everything that was found, in the order of the report.
    pub fn fingerprints(&self) -> impl Iterator<Item = &str> {
        let suspects = self.suspects.iter().map(|suspect| suspect.fingerprint.as_str());
        suspects.chain(self.events.iter().map(|event| event.fingerprint.as_str()))
    }

    /// Share of what is alive that the biggest finding keeps, in per cent.
    #[must_use]
    pub fn worst_percent(&self) -> f64 {
        let suspects = self.suspects.iter().map(|suspect| suspect.retained_bytes);
        let events = self.events.iter().filter_map(|event| event.freed_bytes);
        let worst = suspects.chain(events).max().unwrap_or(0);
        if self.live.bytes == 0 { 0.0 } else { worst as f64 * 100.0 / self.live.bytes as f64 }
    }
}

fn suspect_line(snapshot: &HeapSnapshot, found: &Findings, suspect: &Suspect) -> SuspectLine {
    let name = |ty| snapshot.types.row(ty).display_name();
    let live = found.suspects.live;
    SuspectLine {
        kind: match suspect.kind {
            SuspectKind::Single => "single",
            SuspectKind::Group => "group",
        },
        type_name: name(suspect.ty),
        address: snapshot.objects.address(suspect.object).into(),
        objects: suspect.n_objects,
        retained_bytes: suspect.retained.bytes,
        retained_count: suspect.retained.count,
        share: if live.bytes == 0 { 0.0 } else { suspect.retained.bytes as f64 / live.bytes as f64 },
        accumulation_point: AccumulationPoint {
            address: snapshot.objects.address(suspect.accumulation_point).into(),
            type_name: snapshot.type_of(suspect.accumulation_point).display_name(),
            retained_bytes: suspect.accumulated.bytes,
        },
        root: suspect.root.clone(),
        path: suspect.way.clone(),
        types: suspect
            .types
            .iter()
            .map(|share| TypeLine { type_name: name(share.ty), count: share.count, bytes: share.bytes })
            .collect(),
        keywords: suspect.keywords.clone(),
        fingerprint: suspect.fingerprint.clone(),
        text: plain(&suspect_sentences(snapshot, suspect, live)),
    }
}

fn inspection_line(snapshot: &HeapSnapshot, inspection: &Inspection) -> InspectionLine {
    InspectionLine {
        name: inspection.name,
        title: inspection.title,
        found: match inspection.outcome {
            Outcome::Found => Some(true),
            Outcome::Nothing => Some(false),
            Outcome::NotPossible(_) => None,
        },
        objects: inspection.objects,
        bytes: inspection.bytes,
        definition: inspection.definition,
        threshold: inspection.threshold,
        result: inspection.result.clone(),
        remedy: inspection.remedy,
        items: inspection
            .items
            .iter()
            .map(|item| ItemLine {
                text: item.text.clone(),
                objects: item.objects,
                bytes: item.bytes,
                address: item.example.map(|object| snapshot.objects.address(object).into()),
            })
            .collect(),
    }
}

impl Report for LeaksReport {
    const SCHEMA: &'static str = "heaproot.leaks/1";

    fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::Line(self.text.clone())];
        if let Some(why) = &self.uncertain {
            sections.push(Section::Line(format!("Probably: {why}.")));
        }
        if !self.suspects.is_empty() {
            sections.push(Section::Heading("Suspects".to_owned()));
            for suspect in &self.suspects {
                sections.push(Section::Line(suspect.text.clone()));
                sections.push(Section::Facts(self.evidence(suspect)));
            }
        }
        if !self.events.is_empty() {
            sections.push(Section::Heading("Event handlers".to_owned()));
            let mut table = Table::new(vec![
                text("Event", "event"),
                text("Subscriber", "subscriber"),
                number("Handlers", "handlers"),
                number("Comes back", "freed_bytes"),
                text("Fingerprint", "fingerprint"),
            ]);
            for event in &self.events {
                table.push(vec![
                    Cell::Text(format!("{}.{}", event.publisher, event.field)),
                    Cell::Text(format!("{}.{}", event.subscriber, event.method)),
                    Cell::Count(event.handlers),
                    event.freed_bytes.map_or(Cell::Missing, Cell::Size),
                    Cell::Text(event.fingerprint.clone()),
                ]);
            }
            sections.push(Section::Table(table));
        }
        sections.push(Section::Heading("Looked for".to_owned()));
        sections.push(Section::Table(inspections_table(&self.inspections)));
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Kind", "kind"),
            text("What", "what"),
            number("Objects", "objects"),
            number("Bytes", "bytes"),
            text("Root", "root"),
            text("Fingerprint", "fingerprint"),
        ]);
        for suspect in &self.suspects {
            table.push(vec![
                Cell::Text(format!("suspect {}", suspect.kind)),
                Cell::Text(suspect.type_name.clone()),
                Cell::Count(suspect.objects),
                Cell::Size(suspect.retained_bytes),
                Cell::Text(suspect.root.clone()),
                Cell::Text(suspect.fingerprint.clone()),
            ]);
        }
        for event in &self.events {
            table.push(vec![
                Cell::Text("event".to_owned()),
                Cell::Text(format!("{}.{}", event.subscriber, event.method)),
                Cell::Count(event.handlers),
                event.freed_bytes.map_or(Cell::Missing, Cell::Size),
                Cell::Text(format!("{}.{}", event.publisher, event.field)),
                Cell::Text(event.fingerprint.clone()),
            ]);
        }
        table
    }
}

fn inspections_table(inspections: &[InspectionLine]) -> Table {
    let mut table = Table::new(vec![
        text("", "found"),
        text("Looked for", "title"),
        text("Called a finding when", "threshold"),
        text("Result", "result"),
        number("Bytes", "bytes"),
    ]);
    for line in inspections {
        let mark = match line.found {
            Some(true) => "found",
            Some(false) => "",
            None => "?",
        };
        table.push(vec![
            Cell::Text(mark.to_owned()),
            Cell::Text(line.title.to_owned()),
            Cell::Text(line.threshold.to_owned()),
            Cell::Text(line.result.clone()),
            if line.bytes == 0 { Cell::Missing } else { Cell::Size(line.bytes) },
        ]);
    }
    table
}

/// What was looked for besides leaks.
#[derive(Clone, Debug, Serialize)]
pub struct InspectReport {
    /// All, or the one asked for.
    pub inspections: Vec<InspectionLine>,
    /// Items of each are shown.
    #[serde(skip)]
    with_items: bool,
}

impl InspectReport {
    /// From what was found; only the inspection called `name`, when given.
    #[must_use]
    pub fn new(snapshot: &HeapSnapshot, found: &Findings, name: Option<&str>) -> Self {
        let wanted = found.inspections.iter().filter(|inspection| name.is_none_or(|name| inspection.name == name));
        Self {
            inspections: wanted.map(|inspection| inspection_line(snapshot, inspection)).collect(),
            with_items: name.is_some(),
        }
    }
}

impl Report for InspectReport {
    const SCHEMA: &'static str = "heaproot.inspect/1";

    fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::Table(inspections_table(&self.inspections))];
        for line in self.inspections.iter().filter(|line| !line.items.is_empty()) {
            if !self.with_items && line.found != Some(true) {
                continue;
            }
            sections.push(Section::Heading(line.title.to_owned()));
            sections.push(Section::Line(format!("{}. Remedy: {}.", line.definition, line.remedy)));
            let mut table = Table::new(vec![
                text("What", "text"),
                number("Objects", "objects"),
                number("Bytes", "bytes"),
                text("One of them", "address"),
            ]);
            let most = if self.with_items { usize::MAX } else { 5 };
            for item in line.items.iter().take(most) {
                table.push(vec![
                    Cell::Text(item.text.clone()),
                    Cell::Count(item.objects),
                    Cell::Size(item.bytes),
                    item.address.map_or(Cell::Missing, |at| Cell::Address(Addr(at.0))),
                ]);
            }
            sections.push(Section::Table(table));
            let hidden = line.items.len().saturating_sub(most);
            if hidden > 0 {
                sections.push(Section::Line(format!(
                    "{} more: heaproot inspect DUMP {}",
                    number::count(hidden as u64),
                    line.name
                )));
            }
        }
        sections
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Name", "name"),
            text("Found", "found"),
            text("What", "text"),
            number("Objects", "objects"),
            number("Bytes", "bytes"),
            text("Address", "address"),
        ]);
        for line in &self.inspections {
            for item in &line.items {
                table.push(vec![
                    Cell::Text(line.name.to_owned()),
                    line.found.map_or(Cell::Missing, Cell::Flag),
                    Cell::Text(item.text.clone()),
                    Cell::Count(item.objects),
                    Cell::Size(item.bytes),
                    item.address.map_or(Cell::Missing, |at| Cell::Address(Addr(at.0))),
                ]);
            }
        }
        table
    }
}
