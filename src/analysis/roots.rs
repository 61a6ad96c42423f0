//! What a root is called, which roots hold an object, and the runtime's own arrays behind static fields.

use std::collections::BTreeSet;

use crate::base::RootKind;
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId, RootId, StaticRow, TypeShape};

/// Roots by object, and the storage arrays of static fields. Small beside the heap: built once per graph.
#[derive(Clone, Debug, Default)]
pub struct RootIndex {
    /// (object, root), sorted; the roots of one object by preference.
    by_object: Vec<(ObjectId, RootId)>,
    /// Arrays of the runtime that hold static fields, sorted; not those that hang on a LoaderAllocator.
    storage: Vec<ObjectId>,
    /// Slots of all such arrays that a static or thread static field owns: array, byte offset, and the row, counted
    /// through static and then thread-static fields; sorted.
    owned: Vec<(ObjectId, u32, u32)>,
}

impl RootIndex {
    /// Indexes the roots of `graph`.
    #[must_use]
    pub fn new(graph: &HeapGraph) -> Self {
        let tables = &graph.roots;
        let mut by_object: Vec<(ObjectId, RootId)> =
            (0..).zip(&tables.roots).map(|(id, root)| (root.object, RootId(id))).collect();
        by_object.sort_unstable();
        let rows = (0..).zip(tables.statics.iter().chain(&tables.thread_statics));
        let slots = rows.filter_map(|(id, row)| row.storage.map(|(array, offset)| (array, offset, id)));
        let mut owned: Vec<(ObjectId, u32, u32)> = slots.collect();
        owned.sort_unstable();
        owned.dedup_by_key(|&mut (array, offset, _)| (array, offset));
        let mut storage: Vec<ObjectId> = tables.static_storage.clone();
        storage.extend(owned.iter().map(|&(array, ..)| array));
        storage.sort_unstable();
        storage.dedup();
        // Fields of a type that can be unloaded are no roots: their array is held like any other object.
        let mut is_root = vec![false; tables.statics.len()];
        for root in tables.roots.iter().filter(|root| root.kind == RootKind::Static) {
            if let Some(row) = root.row.and_then(|row| is_root.get_mut(row as usize)) {
                *row = true;
            }
        }
        let unrooted = tables.statics.iter().zip(is_root).filter(|(row, is_root)| row.object.is_some() && !is_root);
        let unloadable: BTreeSet<ObjectId> = unrooted.filter_map(|(row, _)| Some(row.storage?.0)).collect();
        storage.retain(|array| !unloadable.contains(array));
        Self { by_object, storage, owned }
    }

    /// Roots that refer to `object`, most preferred first.
    pub fn of(&self, object: ObjectId) -> impl Iterator<Item = RootId> + '_ {
        let from = self.by_object.partition_point(|&(other, _)| other < object);
        self.by_object[from..].iter().take_while(move |&&(other, _)| other == object).map(|&(_, root)| root)
    }

    /// True for an array of the runtime that holds static fields.
    #[must_use]
    pub fn is_storage(&self, object: ObjectId) -> bool {
        self.storage.binary_search(&object).is_ok()
    }

    /// Arrays of the runtime that hold static fields.
    #[must_use]
    pub fn storage(&self) -> &[ObjectId] {
        &self.storage
    }

    /// True when a named field owns the slot `offset` bytes into the storage array.
    #[must_use]
    pub fn is_owned(&self, storage: ObjectId, offset: u32) -> bool {
        self.owner(storage, offset).is_some()
    }

    /// True when static fields lie in `array`, whoever holds it.
    #[must_use]
    pub fn has_fields(&self, array: ObjectId) -> bool {
        self.owned.binary_search_by_key(&array, |&(array, ..)| array).is_ok()
    }

    /// The static or thread-static field that owns the slot `offset` bytes into `array`.
    #[must_use]
    pub fn field_at<'g>(&self, graph: &'g HeapGraph, array: ObjectId, offset: u32) -> Option<&'g StaticRow> {
        let row = self.owner(array, offset)?;
        let tables = &graph.roots;
        match row.checked_sub(tables.statics.len()) {
            None => tables.statics.get(row),
            Some(row) => tables.thread_statics.get(row),
        }
    }

    fn owner(&self, array: ObjectId, offset: u32) -> Option<usize> {
        let place = self.owned.binary_search_by_key(&(array, offset), |&(array, offset, _)| (array, offset)).ok()?;
        self.owned.get(place).map(|&(.., row)| row as usize)
    }
}

/// The field behind a static or thread-static root.
#[must_use]
pub fn static_row(graph: &HeapGraph, root: RootId) -> Option<&StaticRow> {
    let root = graph.roots.roots.get(root.index())?;
    let rows = match root.kind {
        RootKind::Static => &graph.roots.statics,
        RootKind::ThreadStatic => &graph.roots.thread_statics,
        _ => return None,
    };
    rows.get(root.row? as usize)
}

/// Name of the static field of `row`: `Corpus.Seed.Dispatcher.Shutdown`.
#[must_use]
pub fn static_name(snapshot: &HeapSnapshot, row: &StaticRow) -> String {
    let declaring = snapshot.types.row(row.declaring).display_name();
    match &row.name {
        Some(name) => format!("{declaring}.{}", crate::snapshot::slots::display_field_name(name)),
        None => format!("{declaring}, field at {}", row.slot),
    }
}

/// What a root is called, with its kind first: `static Corpus.Seed.Dispatcher.Shutdown`.
#[must_use]
pub fn root_name(snapshot: &HeapSnapshot, graph: &HeapGraph, root: RootId) -> String {
    let tables = &graph.roots;
    let Some(root) = tables.roots.get(root.index()) else { return String::new() };
    let row = root.row.map(|row| row as usize);
    match root.kind {
        RootKind::Static => match row.and_then(|row| tables.statics.get(row)) {
            Some(row) => format!("static {}", static_name(snapshot, row)),
            None => format!("static field at {}", root.address),
        },
        RootKind::ThreadStatic => match row.and_then(|row| tables.thread_statics.get(row)) {
            Some(row) => {
                let name = static_name(snapshot, row);
                let thread = row.thread.map(|id| format!(" of {}", thread_name(graph, id)));
                format!("thread static {name}{}", thread.unwrap_or_default())
            }
            None => format!("thread static at {}", root.address),
        },
        RootKind::FinalizerQueue => "finalizer queue (waits to be finalized)".to_owned(),
        RootKind::Stack => {
            let thread = row.and_then(|row| tables.threads.get(row));
            let thread = thread.map_or_else(String::new, |row| format!(" of {}", thread_name(graph, row.managed_id)));
            let place = root.register.map_or_else(|| root.address.to_string(), str::to_owned);
            format!("stack{thread} at {place} (may be stale)")
        }
        kind => {
            let note = row.and_then(|row| tables.handles.get(row)).and_then(|row| row.note.as_deref());
            match note {
                Some(note) => format!("{} ({note})", kind.label()),
                None => format!("{} at {}", kind.label(), root.address),
            }
        }
    }
}

/// The same without addresses, thread numbers and registers: equal in every dump of the program.
#[must_use]
pub fn root_shape(snapshot: &HeapSnapshot, graph: &HeapGraph, root: RootId) -> String {
    let tables = &graph.roots;
    let Some(root) = tables.roots.get(root.index()) else { return String::new() };
    let row = root.row.map(|row| row as usize);
    let field = match root.kind {
        RootKind::Static => row.and_then(|row| tables.statics.get(row)),
        RootKind::ThreadStatic => row.and_then(|row| tables.thread_statics.get(row)),
        _ => None,
    };
    match field {
        Some(row) if row.name.is_some() => format!("{} {}", root.kind.label(), static_name(snapshot, row)),
        Some(row) => format!("{} {}", root.kind.label(), snapshot.types.row(row.declaring).display_name()),
        None => root.kind.label().to_owned(),
    }
}

/// `thread 4 "worker"`.
#[must_use]
pub fn thread_name(graph: &HeapGraph, managed_id: u32) -> String {
    let row = graph.roots.threads.iter().find(|row| row.managed_id == managed_id);
    match row.and_then(|row| row.name.as_deref()).filter(|name| !name.is_empty()) {
        Some(name) => format!("thread {managed_id} \"{name}\""),
        None => format!("thread {managed_id}"),
    }
}

/// What holds `object` when it is in a storage array in a slot that no field owns: interned literals, type objects
/// (clr-internal uses of the array are the same in 2.1 to 10; what they are shows in what they hold).
#[must_use]
pub fn storage_label(snapshot: &HeapSnapshot, object: ObjectId) -> &'static str {
    let row = snapshot.type_of(object);
    match (row.shape, row.name.known()) {
        (TypeShape::String, _) => "string literal (interned)",
        (_, Some("System.RuntimeType")) => "runtime type object",
        _ => "runtime's own slot",
    }
}
