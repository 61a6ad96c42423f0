//! What objects keep alive, and the tree of it: `heaproot retained`, `heaproot dominators`.

use serde::Serialize;

use super::table::{Cell, Column, Section, Table, number, text};
use super::{Hex, Report, Sum};
use crate::analysis::ObjectSet;
use crate::analysis::dominator_tree::{Grouping, RowName, TreeRow, TreeView};
use crate::analysis::dominators::sets::retained_by;
use crate::analysis::dominators::{Dominator, DominatorTree};
use crate::analysis::reachability::{Amount, Reachability};
use crate::base::{Addr, Cancelled, Job, RootKind, number};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId};

/// Retained sizes of some objects, and of all of them together.
#[derive(Clone, Debug, Serialize)]
pub struct RetainedReport {
    /// What was asked for, in words.
    pub of: String,
    /// Words on stacks count as roots.
    pub stack: bool,
    /// All objects asked for, those behind the limit included.
    pub objects: Sum,
    /// What comes back when all of them go: exact, what several hold together included.
    pub set: Sum,
    /// What roots hold.
    pub live: Sum,
    /// One line an object, biggest first.
    pub retained: Vec<RetainedLine>,
}

/// What one object keeps alive.
#[derive(Clone, Debug, Serialize)]
pub struct RetainedLine {
    /// Where it begins.
    pub address: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its own bytes.
    pub bytes: u64,
    /// Bytes that come back when it goes, itself included; `null` when no root reaches it.
    pub retained_bytes: Option<u64>,
    /// Objects that go with it, itself included.
    pub retained_count: Option<u64>,
    /// The object that holds it alone: `"0x0"` when none does, `null` when no root reaches it.
    pub dominator: Option<Hex>,
}

impl RetainedReport {
    /// Gathers what `objects` retain. One pass over the live heap for the whole set, column look-ups for each.
    ///
    /// # Errors
    /// [`Cancelled`] when nobody waits any more.
    pub fn new(
        snapshot: &HeapSnapshot,
        graph: &HeapGraph,
        (tree, roots, stack): (&DominatorTree, &[ObjectId], bool),
        of: String,
        objects: &[ObjectId],
        limit: Option<usize>,
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let mut set = ObjectSet::new(snapshot.objects.len());
        let mut all = Sum::default();
        for &object in objects {
            set.insert(object);
            all.add(1, snapshot.objects.size(object));
        }
        let together = retained_by(snapshot, graph, tree, roots, &set, job)?;
        let bytes = |object: ObjectId| tree.retained(snapshot, object).unwrap_or_default().bytes;
        let mut sorted = objects.to_vec();
        sorted.sort_by_cached_key(|&object| (std::cmp::Reverse(bytes(object)), object));
        sorted.truncate(limit.unwrap_or(usize::MAX));
        Ok(Self {
            of,
            stack,
            objects: all,
            set: together.into(),
            live: tree.total().into(),
            retained: sorted.into_iter().map(|object| line(snapshot, tree, object)).collect(),
        })
    }
}

fn line(snapshot: &HeapSnapshot, tree: &DominatorTree, object: ObjectId) -> RetainedLine {
    let retained = tree.retained(snapshot, object);
    RetainedLine {
        address: snapshot.objects.address(object).into(),
        type_name: snapshot.type_of(object).display_name(),
        bytes: snapshot.objects.size(object),
        retained_bytes: retained.map(|retained| retained.bytes),
        retained_count: retained.map(|retained| retained.count),
        dominator: tree.dominator(object).map(|dominator| match dominator {
            Dominator::Root => Hex(0),
            Dominator::Object(above) => snapshot.objects.address(above).into(),
        }),
    }
}

impl Report for RetainedReport {
    const SCHEMA: &'static str = "heaproot.retained/1";

    fn sections(&self) -> Vec<Section> {
        let mut facts = vec![
            ("Objects".to_owned(), self.objects.words()),
            (
                "Together".to_owned(),
                format!("{} come back when all go, {} of what is alive", self.set.words(), share(self.set, self.live)),
            ),
        ];
        if self.stack {
            facts.push(("Roots".to_owned(), "words on stacks count, too; they may be stale (--no-stack)".to_owned()));
        }
        vec![Section::Line(self.of.clone()), Section::Facts(facts), Section::Table(self.rows())]
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Address", "address"),
            number("Bytes", "bytes"),
            number("Retained", "retained_bytes"),
            number("Objects", "retained_count"),
            text("Dominator", "dominator"),
            text("Type", "type"),
        ]);
        for line in &self.retained {
            table.push(vec![
                Cell::Address(Addr(line.address.0)),
                Cell::Size(line.bytes),
                line.retained_bytes.map_or(Cell::Missing, Cell::Size),
                line.retained_count.map_or(Cell::Missing, Cell::Count),
                line.dominator.map_or(Cell::Missing, |above| Cell::Address(Addr(above.0))),
                Cell::Text(line.type_name.clone()),
            ]);
        }
        table
    }
}

/// The top of the dominator tree.
#[derive(Clone, Debug, Serialize)]
pub struct DominatorsReport {
    /// How siblings are put together: `object`, `type`, `namespace`, `module`.
    pub by: &'static str,
    /// Words on stacks count as roots.
    pub stack: bool,
    /// What roots hold, without words on stacks unless they count.
    pub live: Sum,
    /// What words on stacks alone hold.
    pub stacks_alone: Sum,
    /// What nothing holds.
    pub unreachable: Sum,
    /// All rows, those behind the limit included.
    pub total: u64,
    /// Rows under the root, biggest first.
    pub dominators: Vec<DominatorLine>,
}

/// One row under the root.
#[derive(Clone, Debug, Serialize)]
pub struct DominatorLine {
    /// `static Corpus.Seed.Dispatcher.Shutdown`, a namespace, a module; `null` when the type says it all.
    pub name: Option<String>,
    /// Type of the objects; of the first, where they are of several.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The object, when it is one.
    pub address: Option<Hex>,
    /// `stack` or `finalizer queue` where that alone holds it; else `null`.
    pub only: Option<&'static str>,
    /// Objects of the row.
    pub objects: u64,
    /// Their own bytes.
    pub bytes: u64,
    /// What they keep alive together.
    pub retained_bytes: u64,
    /// Objects of that.
    pub retained_count: u64,
}

impl DominatorsReport {
    /// Lists the rows under the root.
    ///
    /// # Errors
    /// [`Cancelled`] when nobody waits any more.
    pub fn new(
        view: &TreeView<'_>,
        (reachability, stack): (&Reachability, bool),
        grouping: Grouping,
        limit: Option<usize>,
        job: &Job,
    ) -> Result<Self, Cancelled> {
        let sum = |amount: Amount| Sum { count: amount.count, bytes: amount.bytes };
        let level = view.top(reachability, grouping, limit.unwrap_or(usize::MAX), job)?;
        Ok(Self {
            by: grouping.key(),
            stack,
            live: view.tree.total().into(),
            stacks_alone: sum(reachability.amount(RootKind::Stack)),
            unreachable: sum(reachability.unreachable(view.snapshot)),
            total: level.rows.len() as u64 + level.rest.n_rows,
            dominators: level.rows.iter().map(|row| dominator_line(view, row)).collect(),
        })
    }
}

fn dominator_line(view: &TreeView<'_>, row: &TreeRow) -> DominatorLine {
    let address = match row.members.as_slice() {
        [one] => Some(view.snapshot.objects.address(*one).into()),
        _ => None,
    };
    DominatorLine {
        name: row_name(&row.name),
        type_name: view.snapshot.types.row(row.ty).display_name(),
        address,
        only: row.only.map(RootKind::label),
        objects: row.members.len() as u64,
        bytes: row.own_bytes,
        retained_bytes: row.retained.bytes,
        retained_count: row.retained.count,
    }
}

/// What a row is called, where its type does not say it all.
#[must_use]
pub fn row_name(name: &RowName) -> Option<String> {
    match name {
        RowName::Static(name) => Some(format!("static {name}")),
        RowName::Storage(label) => Some((*label).to_owned()),
        RowName::Edge(name) | RowName::Name(name) => Some(name.clone()),
        RowName::Type => None,
    }
}

impl Report for DominatorsReport {
    const SCHEMA: &'static str = "heaproot.dominators/1";

    fn sections(&self) -> Vec<Section> {
        let held = if self.stack { "Held by roots and stacks" } else { "Held by roots" };
        let amounts = [(held, self.live), ("On stacks alone", self.stacks_alone), ("Unreachable", self.unreachable)];
        let facts = amounts.into_iter().map(|(name, sum)| (name.to_owned(), sum.words())).collect();
        let mut sections = vec![Section::Facts(facts)];
        let mut table = Table::new(vec![
            number("Retained", "retained_bytes"),
            number("Share", "share"),
            number("Objects", "retained_count"),
            text("Held by", "name"),
            text("Type", "type"),
        ]);
        let by_name = matches!(self.by, "namespace" | "module");
        for line in &self.dominators {
            let what = if by_name && line.objects > 1 {
                String::new()
            } else if line.objects == 1 {
                line.type_name.clone()
            } else {
                format!("{} × {}", number::count(line.objects), line.type_name)
            };
            table.push(vec![
                Cell::Size(line.retained_bytes),
                Cell::Share(line.retained_bytes, self.live.bytes),
                Cell::Count(line.retained_count),
                Cell::text_or_missing(line.name.clone().or(line.only.map(|kind| format!("{kind} alone"))).as_deref()),
                Cell::Text(what),
            ]);
        }
        sections.push(Section::Table(table));
        let hidden = self.total - self.dominators.len() as u64;
        if hidden > 0 {
            sections.push(Section::Line(format!("{} more", number::count(hidden))));
        }
        sections
    }

    fn rows(&self) -> Table {
        let columns: Vec<Column> = vec![
            text("Name", "name"),
            text("Type", "type"),
            text("Address", "address"),
            text("Only", "only"),
            number("Objects", "objects"),
            number("Bytes", "bytes"),
            number("Retained", "retained_bytes"),
            number("Retained objects", "retained_count"),
        ];
        let mut table = Table::new(columns);
        for line in &self.dominators {
            table.push(vec![
                Cell::text_or_missing(line.name.as_deref()),
                Cell::Text(line.type_name.clone()),
                line.address.map_or(Cell::Missing, |at| Cell::Address(Addr(at.0))),
                Cell::text_or_missing(line.only),
                Cell::Count(line.objects),
                Cell::Size(line.bytes),
                Cell::Size(line.retained_bytes),
                Cell::Count(line.retained_count),
            ]);
        }
        table
    }
}

fn share(part: Sum, whole: Sum) -> String {
    number::share(part.bytes, whole.bytes)
}
