//! Why an object is alive: `heaproot path`.

use serde::Serialize;

use super::table::{Cell, Column, Section, Table, text};
use super::{Hex, Report};
use crate::analysis::root_path::root_path;
use crate::analysis::{Heap, RootPath};
use crate::base::{Addr, Cancelled, Job, RootKind, number};
use crate::snapshot::{HeapSnapshot, ObjectId};

/// An object and the ways from roots to it.
#[derive(Clone, Debug, Serialize)]
pub struct PathReport {
    /// The object asked for.
    pub object: ObjectLine,
    /// A root holds it.
    pub reachable: bool,
    /// From the root to the object; empty when nothing holds it.
    pub paths: Vec<PathLine>,
    /// Why an empty answer is an answer.
    #[serde(skip)]
    sentence: String,
}

/// The object asked for.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectLine {
    /// Where it begins.
    pub address: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Bytes it occupies.
    pub bytes: u64,
    /// `gen0`, `gen1`, `gen2`, `loh`, `poh`, `frozen`.
    pub generation: &'static str,
    /// One line of its content.
    pub preview: Option<String>,
}

/// One way from a root to the object.
#[derive(Clone, Debug, Serialize)]
pub struct PathLine {
    /// Where it begins.
    pub root: RootLine,
    /// The objects on it, the one that the root holds first.
    pub steps: Vec<StepLine>,
}

/// The root of a path.
#[derive(Clone, Debug, Serialize)]
pub struct RootLine {
    /// Kind, in the words of `roots`.
    pub kind: &'static str,
    /// What it is called, without its kind.
    pub name: String,
    /// Handle, slot or stack address; `0x0` for a register.
    pub address: Hex,
    /// A word on a stack, which may be left over.
    pub stale: bool,
}

/// One object of a path.
#[derive(Clone, Debug, Serialize)]
pub struct StepLine {
    /// Where it begins.
    pub address: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Name of the reference that leads to it; `null` for the first.
    pub via: Option<String>,
}

impl PathReport {
    /// Asks for the path and names its references. Reads the dump for the objects on it.
    ///
    /// # Errors
    /// [`Cancelled`] when nobody waits any more.
    pub fn new(heap: &Heap<'_>, object: ObjectId, job: &Job) -> Result<Self, Cancelled> {
        let snapshot = heap.snapshot;
        let path = root_path(heap, object, job)?;
        let sentence = match &path {
            Some(_) => String::new(),
            None => {
                let referrers = heap.referrers.of(object).count() as u64;
                format!(
                    "Nothing holds it: garbage that was not collected yet. {}; none of them is held by a root.",
                    number::counted(referrers, "object refers to it", "objects refer to it")
                )
            }
        };
        Ok(Self {
            object: object_line(snapshot, object),
            reachable: heap.reachability.is_alive(object),
            paths: path.iter().map(|path| path_line(heap, path)).collect(),
            sentence,
        })
    }
}

fn object_line(snapshot: &HeapSnapshot, object: ObjectId) -> ObjectLine {
    ObjectLine {
        address: snapshot.objects.address(object).into(),
        type_name: snapshot.type_of(object).display_name(),
        bytes: snapshot.objects.size(object),
        generation: snapshot.objects.generation(object).key(),
        preview: Some(snapshot.preview(object)).filter(|preview| !preview.is_empty()),
    }
}

fn path_line(heap: &Heap<'_>, path: &RootPath) -> PathLine {
    let kind = path.start.kind(heap);
    let full = path.start.name(heap);
    let name = full.strip_prefix(kind.label()).map_or(full.as_str(), str::trim_start).to_owned();
    PathLine {
        root: RootLine {
            kind: kind.label(),
            name,
            address: path.start.address(heap).into(),
            stale: kind == RootKind::Stack,
        },
        steps: path
            .steps(heap)
            .into_iter()
            .map(|step| StepLine {
                address: heap.snapshot.objects.address(step.object).into(),
                type_name: heap.snapshot.type_of(step.object).display_name(),
                via: step.via,
            })
            .collect(),
    }
}

impl PathLine {
    /// The lines a person reads, root first.
    fn table(&self) -> Table {
        let mut table = Table::new(vec![text("Address", "address"), text("Through", "via"), text("Type", "type")]);
        table.push(vec![
            Cell::Address(Addr(self.root.address.0)),
            Cell::Text(self.root.kind.to_owned()),
            Cell::Text(self.root.name.clone()),
        ]);
        for step in &self.steps {
            table.push(vec![
                Cell::Address(Addr(step.address.0)),
                Cell::Text(step.via.clone().unwrap_or_default()),
                Cell::Text(step.type_name.clone()),
            ]);
        }
        table
    }
}

impl Report for PathReport {
    const SCHEMA: &'static str = "heaproot.path/1";

    fn sections(&self) -> Vec<Section> {
        let object = &self.object;
        let mut facts = vec![
            ("Object".to_owned(), format!("{:#x}", object.address.0)),
            ("Type".to_owned(), object.type_name.clone()),
            ("Size".to_owned(), format!("{}, {}", number::size(object.bytes), object.generation)),
        ];
        facts.extend(object.preview.clone().map(|preview| ("Content".to_owned(), preview)));
        let mut sections = vec![Section::Facts(facts)];
        for path in &self.paths {
            sections.push(Section::Heading("Why it is alive".to_owned()));
            sections.push(Section::Table(path.table()));
            if path.root.stale {
                sections.push(Section::Line("Only a word on a stack leads here, and that may be stale.".to_owned()));
            }
        }
        if !self.sentence.is_empty() {
            sections.push(Section::Line(self.sentence.clone()));
        }
        sections
    }

    fn rows(&self) -> Table {
        let columns: Vec<Column> =
            ["path", "step", "address", "via", "type"].into_iter().map(|key| text(key, key)).collect();
        let mut table = Table::new(columns);
        for (index, path) in self.paths.iter().enumerate() {
            table.push(vec![
                Cell::Count(index as u64),
                Cell::Count(0),
                Cell::Address(Addr(path.root.address.0)),
                Cell::Text(path.root.kind.to_owned()),
                Cell::Text(path.root.name.clone()),
            ]);
            for (step, line) in (1u64..).zip(&path.steps) {
                table.push(vec![
                    Cell::Count(index as u64),
                    Cell::Count(step),
                    Cell::Address(Addr(line.address.0)),
                    Cell::text_or_missing(line.via.as_deref()),
                    Cell::Text(line.type_name.clone()),
                ]);
            }
        }
        table
    }
}
