//! Where life begins: `heaproot roots`, `handles`, `statics`, `threads`, `finalizers`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::path::RootLine;
use super::table::{Cell, Section, Table, number, text};
use super::{Hex, Report, Sum};
use crate::analysis::cut::{Cut, Ignore};
use crate::analysis::handle_owners::{HandleOwner, HandleOwners, handle_owners, owner_text};
use crate::analysis::roots::root_name;
use crate::analysis::{Heap, ReachabilityOptions, reachability};
use crate::base::{Addr, Cancelled, ElementType, Job, RootKind, number};
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId, RootId, StaticRow};

/// Name of an object's type.
fn type_name(snapshot: &HeapSnapshot, object: Option<ObjectId>) -> Option<String> {
    object.map(|object| snapshot.type_of(object).display_name())
}

fn counts(title: &'static str, names: impl Iterator<Item = String>) -> Table {
    let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
    for name in names {
        *by_name.entry(name).or_default() += 1;
    }
    let mut rows: Vec<(String, u64)> = by_name.into_iter().collect();
    // They come by name; that stays for ties.
    rows.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
    let mut table = Table::new(vec![number("Count", "count"), text(title, "name")]);
    for (name, n) in rows {
        table.push(vec![Cell::Count(n), Cell::Text(name)]);
    }
    table
}

/// Every root, and what each kind of root keeps alive.
#[derive(Clone, Debug, Serialize)]
pub struct RootsReport {
    /// Kinds with roots, most preferred first.
    pub kinds: Vec<RootKindLine>,
    /// Everything a root of any kind reaches.
    pub reachable: Sum,
    /// By kind, then address.
    pub roots: Vec<RootRow>,
}

/// The roots of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct RootKindLine {
    /// `static`, `strong handle`, …
    pub kind: &'static str,
    /// Roots.
    pub roots: u64,
    /// What would be garbage without them: reachable only through this kind.
    pub only_through: Sum,
}

/// One root.
#[derive(Clone, Debug, Serialize)]
pub struct RootRow {
    /// Kind, name and address.
    #[serde(flatten)]
    pub root: RootLine,
    /// The object it refers to.
    pub object: Hex,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
}

impl RootsReport {
    /// Lists every root. Cost: one walk over the live heap per kind.
    ///
    /// # Errors
    /// [`Cancelled`] when the job was.
    pub fn new(heap: &Heap<'_>, job: &Job) -> Result<Self, Cancelled> {
        let Heap { snapshot, graph, .. } = *heap;
        let all = heap.reachability.total();
        let mut kinds = Vec::new();
        for kind in RootKind::ALL {
            let n = graph.roots.roots.iter().filter(|root| root.kind == kind).count() as u64;
            if n == 0 {
                continue;
            }
            let cut = Cut::new(snapshot, graph, &[Ignore::RootKind(kind)], job)?;
            let options = ReachabilityOptions { stack: true, cut: Some(&cut) };
            let rest = reachability(snapshot, graph, options, job)?.total();
            let only_through =
                Sum { count: all.count.saturating_sub(rest.count), bytes: all.bytes.saturating_sub(rest.bytes) };
            kinds.push(RootKindLine { kind: kind.label(), roots: n, only_through });
        }
        let owners = handle_owners(snapshot, graph, job)?;
        let roots = (0..)
            .map(RootId)
            .zip(&graph.roots.roots)
            .map(|(id, root)| RootRow {
                root: RootLine::new(root.kind, &root_name(snapshot, graph, id), root.address).owned(snapshot, &owners),
                object: snapshot.objects.address(root.object).into(),
                type_name: snapshot.type_of(root.object).display_name(),
            })
            .collect();
        Ok(Self { kinds, reachable: Sum { count: all.count, bytes: all.bytes }, roots })
    }
}

impl Report for RootsReport {
    const SCHEMA: &'static str = "heaproot.roots/1";

    fn sections(&self) -> Vec<Section> {
        let mut kinds = Table::new(vec![
            number("Roots", "roots"),
            number("Objects only through it", "count"),
            number("Bytes", "bytes"),
            text("Kind", "kind"),
        ]);
        for line in &self.kinds {
            kinds.push(vec![
                Cell::Count(line.roots),
                Cell::Count(line.only_through.count),
                Cell::Size(line.only_through.bytes),
                Cell::Text(line.kind.to_owned()),
            ]);
        }
        vec![
            Section::Table(kinds),
            Section::Line(format!(
                "All roots together hold {}, {}.",
                number::counted(self.reachable.count, "object", "objects"),
                number::size(self.reachable.bytes),
            )),
            Section::Table(self.rows()),
        ]
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Root", "address"),
            text("Kind", "kind"),
            text("Object", "object"),
            text("Name", "name"),
            text("Type", "type"),
        ]);
        for row in &self.roots {
            table.push(vec![
                Cell::Address(Addr(row.root.address.0)),
                Cell::Text(row.root.kind.to_owned()),
                Cell::Address(Addr(row.object.0)),
                Cell::Text(match &row.root.owner {
                    Some(owner) => format!("{}, of {owner}", row.root.name),
                    None => row.root.name.clone(),
                }),
                Cell::Text(row.type_name.clone()),
            ]);
        }
        table
    }
}

/// GC handles.
#[derive(Clone, Debug, Serialize)]
pub struct HandlesReport {
    /// By address.
    pub handles: Vec<HandleLine>,
}

/// One handle.
#[derive(Clone, Debug, Serialize)]
pub struct HandleLine {
    /// Kind, in words.
    pub kind: &'static str,
    /// The handle itself.
    pub address: Hex,
    /// What it refers to; `0x0` for an empty one.
    pub object: Hex,
    /// Type of that object; `null` when no object begins there.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// Keeps its object alive.
    pub strong: bool,
    /// Secondary object of a dependent handle.
    pub dependent: Option<Hex>,
    /// Count of a ref-counted handle, when it could be read.
    pub ref_count: Option<u32>,
    /// What it is used for.
    pub note: Option<String>,
    /// The field that keeps it, `App.Server._self`; `null` where none was found, as for handles of native code.
    pub owner: Option<String>,
    /// The object that has the field.
    pub owner_object: Option<Hex>,
}

impl HandlesReport {
    /// Lists every handle, with its owner out of `owners`.
    #[must_use]
    pub fn new(snapshot: &HeapSnapshot, graph: &HeapGraph, owners: &HandleOwners) -> Self {
        let owner_object = |owner: &HandleOwner| match owner {
            HandleOwner::Field { object, .. } => Some(Hex::from(snapshot.objects.address(*object))),
            HandleOwner::Static(_) => None,
        };
        let handles = graph
            .roots
            .handles
            .iter()
            .map(|handle| HandleLine {
                kind: handle.kind.label(),
                address: handle.address.into(),
                object: handle.target.into(),
                type_name: type_name(snapshot, handle.object),
                strong: handle.is_strong,
                dependent: handle.dependent.map(Hex::from),
                ref_count: handle.ref_count,
                note: handle.note.clone(),
                owner: owners.of(handle.address).map(|owner| owner_text(snapshot, owner)),
                owner_object: owners.of(handle.address).and_then(owner_object),
            })
            .collect();
        Self { handles }
    }
}

impl Report for HandlesReport {
    const SCHEMA: &'static str = "heaproot.handles/1";

    fn sections(&self) -> Vec<Section> {
        vec![
            Section::Table(counts("Kind", self.handles.iter().map(|line| line.kind.to_owned()))),
            Section::Table(self.rows()),
        ]
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Handle", "address"),
            text("Kind", "kind"),
            text("Strong", "strong"),
            text("Object", "object"),
            text("Dependent", "dependent"),
            number("Count", "ref_count"),
            text("Note", "note"),
            text("Owner", "owner"),
            text("Type", "type"),
        ]);
        for line in &self.handles {
            table.push(vec![
                Cell::Address(Addr(line.address.0)),
                Cell::Text(line.kind.to_owned()),
                Cell::Flag(line.strong),
                Cell::Address(Addr(line.object.0)),
                line.dependent.map_or(Cell::Missing, |at| Cell::Address(Addr(at.0))),
                line.ref_count.map_or(Cell::Missing, |count| Cell::Count(u64::from(count))),
                Cell::text_or_missing(line.note.as_deref()),
                Cell::text_or_missing(line.owner.as_deref()),
                Cell::text_or_missing(line.type_name.as_deref()),
            ]);
        }
        table
    }
}

/// Static and thread-static fields.
#[derive(Clone, Debug, Serialize)]
pub struct StaticsReport {
    /// By type and slot, thread statics last.
    pub statics: Vec<StaticLine>,
}

/// One field.
#[derive(Clone, Debug, Serialize)]
pub struct StaticLine {
    /// Type that declares it.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its name; `null` without metadata.
    pub field: Option<String>,
    /// Where its value stands.
    pub address: Hex,
    /// The object it refers to (the boxed copy of a struct); `0x0` for null, JSON `null` for a primitive.
    pub object: Option<Hex>,
    /// Type of that object.
    pub object_type: Option<String>,
    /// Managed id of the thread, for a thread static.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<u32>,
}

impl StaticsReport {
    /// Lists every field.
    #[must_use]
    pub fn new(snapshot: &HeapSnapshot, graph: &HeapGraph) -> Self {
        let line = |row: &StaticRow| StaticLine {
            type_name: snapshot.types.row(row.declaring).display_name(),
            field: row.name.as_deref().map(str::to_owned),
            address: row.slot.into(),
            object: matches!(row.element, ElementType::Class | ElementType::ValueType).then_some(Hex(row.value)),
            object_type: type_name(snapshot, row.object),
            thread: row.thread,
        };
        let tables = &graph.roots;
        Self { statics: tables.statics.iter().chain(&tables.thread_statics).map(line).collect() }
    }
}

impl Report for StaticsReport {
    const SCHEMA: &'static str = "heaproot.statics/1";

    fn sections(&self) -> Vec<Section> {
        let fields = number::counted(self.statics.len() as u64, "field", "fields");
        vec![Section::Table(self.rows()), Section::Line(format!("{fields}."))]
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            text("Slot", "address"),
            text("Object", "object"),
            number("Thread", "thread"),
            text("Field", "field"),
            text("Holds", "object_type"),
        ]);
        for line in &self.statics {
            let field = line.field.clone().unwrap_or_else(|| format!("(field at {})", Addr(line.address.0)));
            table.push(vec![
                Cell::Address(Addr(line.address.0)),
                line.object.map_or(Cell::Missing, |at| Cell::Address(Addr(at.0))),
                line.thread.map_or(Cell::Missing, |id| Cell::Count(u64::from(id))),
                Cell::Text(format!("{}.{field}", line.type_name)),
                Cell::text_or_missing(line.object_type.as_deref()),
            ]);
        }
        table
    }
}

/// Managed threads.
#[derive(Clone, Debug, Serialize)]
pub struct ThreadsReport {
    /// By managed id.
    pub threads: Vec<ThreadLine>,
}

/// One thread.
#[derive(Clone, Debug, Serialize)]
pub struct ThreadLine {
    /// Managed id.
    pub managed_id: u32,
    /// Id of the operating system; 0 when it has ended or not started.
    pub os_id: u32,
    /// Name; `null` without one.
    pub name: Option<String>,
    /// The runtime's `Thread`.
    pub address: Hex,
    /// Alive in the dump.
    pub alive: bool,
    /// The finalizer thread.
    pub finalizer: bool,
    /// Raw state bits.
    pub state: Hex,
    /// State in words.
    pub state_text: String,
    /// Was running managed code.
    pub cooperative: Option<bool>,
    /// Lowest stack address.
    pub stack_limit: Hex,
    /// Highest stack address.
    pub stack_base: Hex,
    /// Stack pointer.
    pub stack_pointer: Hex,
    /// Its managed object.
    pub object: Option<Hex>,
    /// The exception it is handling or threw last.
    pub exception: Option<Hex>,
    /// Type of that exception.
    pub exception_type: Option<String>,
    /// Why its stack could not be scanned.
    pub stack_problem: Option<String>,
    /// Objects that words on its stack and in its registers lead to.
    pub stack_roots: u64,
}

impl ThreadsReport {
    /// Lists every thread. One pass over the roots.
    #[must_use]
    pub fn new(snapshot: &HeapSnapshot, graph: &HeapGraph) -> Self {
        let address = |object: Option<ObjectId>| object.map(|object| Hex::from(snapshot.objects.address(object)));
        let mut n_roots: BTreeMap<u32, u64> = BTreeMap::new();
        for root in graph.roots.roots.iter().filter(|root| root.kind == RootKind::Stack) {
            if let Some(row) = root.row {
                *n_roots.entry(row).or_default() += 1;
            }
        }
        let threads = (0u32..)
            .zip(&graph.roots.threads)
            .map(|(row, thread)| ThreadLine {
                managed_id: thread.managed_id,
                os_id: thread.os_id,
                name: thread.name.clone(),
                address: thread.address.into(),
                alive: thread.is_alive,
                finalizer: thread.is_finalizer,
                state: Hex(u64::from(thread.state)),
                state_text: thread.state_text.clone(),
                cooperative: thread.is_cooperative,
                stack_limit: thread.stack_limit.into(),
                stack_base: thread.stack_base.into(),
                stack_pointer: thread.stack_pointer.into(),
                object: address(thread.object),
                exception: address(thread.exception),
                exception_type: type_name(snapshot, thread.exception),
                stack_problem: thread.stack_problem.clone(),
                stack_roots: n_roots.get(&row).copied().unwrap_or(0),
            })
            .collect();
        Self { threads }
    }
}

impl Report for ThreadsReport {
    const SCHEMA: &'static str = "heaproot.threads/1";

    fn sections(&self) -> Vec<Section> {
        vec![Section::Table(self.rows())]
    }

    fn rows(&self) -> Table {
        let mut table = Table::new(vec![
            number("Id", "managed_id"),
            number("OS id", "os_id"),
            text("Thread", "address"),
            text("Alive", "alive"),
            text("Exception", "exception_type"),
            number("Stack roots", "stack_roots"),
            text("State", "state_text"),
            text("Name", "name"),
        ]);
        for line in &self.threads {
            let state = line
                .stack_problem
                .as_ref()
                .map_or_else(|| line.state_text.clone(), |problem| format!("{}; stack: {problem}", line.state_text));
            let name = if line.finalizer { Some("(finalizer)") } else { None };
            table.push(vec![
                Cell::Text(line.managed_id.to_string()),
                Cell::Text(line.os_id.to_string()),
                Cell::Address(Addr(line.address.0)),
                Cell::Flag(line.alive),
                Cell::text_or_missing(line.exception_type.as_deref()),
                Cell::Count(line.stack_roots),
                Cell::Text(state),
                Cell::text_or_missing(line.name.as_deref().or(name)),
            ]);
        }
        table
    }
}

/// The finalizer queues.
#[derive(Clone, Debug, Serialize)]
pub struct FinalizersReport {
    /// Both queues.
    pub finalizers: FinalizerQueues,
    /// Both queues by type, biggest first.
    pub types: Vec<FinalizerLine>,
}

/// Addresses in both queues, in order.
#[derive(Clone, Debug, Serialize)]
pub struct FinalizerQueues {
    /// Objects with a finalizer that are not known to be dead: held by nothing here.
    pub registered: Vec<Hex>,
    /// Dead objects whose finalizer waits to run: roots.
    pub ready: Vec<Hex>,
}

/// One type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FinalizerLine {
    /// Its name.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Registered instances.
    pub registered: u64,
    /// Instances that are ready.
    pub ready: u64,
}

impl FinalizersReport {
    /// Lists both queues.
    #[must_use]
    pub fn new(snapshot: &HeapSnapshot, graph: &HeapGraph) -> Self {
        let queues = &graph.roots.finalizers;
        let mut by_type: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let name = |&object: &ObjectId| snapshot.type_of(object).display_name();
        for object in &queues.registered {
            by_type.entry(name(object)).or_default().0 += 1;
        }
        for object in &queues.ready {
            by_type.entry(name(object)).or_default().1 += 1;
        }
        let mut types: Vec<FinalizerLine> = by_type
            .into_iter()
            .map(|(type_name, (registered, ready))| FinalizerLine { type_name, registered, ready })
            .collect();
        // They come by name; that stays for ties.
        types.sort_by_key(|line| std::cmp::Reverse((line.ready, line.registered)));
        let addresses = |objects: &[ObjectId]| {
            let mut addresses: Vec<Hex> =
                objects.iter().map(|&object| Hex::from(snapshot.objects.address(object))).collect();
            addresses.sort_unstable();
            addresses
        };
        let finalizers = FinalizerQueues { registered: addresses(&queues.registered), ready: addresses(&queues.ready) };
        Self { finalizers, types }
    }
}

impl Report for FinalizersReport {
    const SCHEMA: &'static str = "heaproot.finalizers/1";

    fn sections(&self) -> Vec<Section> {
        vec![
            Section::Line(format!(
                "{} ready to be finalized, {} registered.",
                number::counted(self.finalizers.ready.len() as u64, "object is", "objects are"),
                number::count(self.finalizers.registered.len() as u64),
            )),
            Section::Table(self.rows()),
        ]
    }

    fn rows(&self) -> Table {
        let mut table =
            Table::new(vec![number("Ready", "ready"), number("Registered", "registered"), text("Type", "type")]);
        for line in &self.types {
            table.push(vec![Cell::Count(line.ready), Cell::Count(line.registered), Cell::Text(line.type_name.clone())]);
        }
        table
    }
}
