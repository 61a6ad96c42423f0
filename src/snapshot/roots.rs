//! Where life begins: handles, statics, threads, finalizer queues, stacks.

use super::{ObjectId, TypeId};
use crate::base::{Addr, ElementType, HandleKind, RootKind};

/// A place outside the heap (or a static slot) that refers to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// What kind.
    pub kind: RootKind,
    /// The object it refers to (the one that contains the address, for interior pointers).
    pub object: ObjectId,
    /// Where the reference stands: handle, slot, stack address; null for a register.
    pub address: Addr,
    /// Row of the table of its kind (handles, statics, thread statics, threads); `None` without one.
    pub row: Option<u32>,
    /// Points into the object, not at its start.
    pub is_interior: bool,
    /// Register that holds it, for a stack root without an address.
    pub register: Option<&'static str>,
}

/// A GC handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandleRow {
    /// What kind.
    pub kind: HandleKind,
    /// The handle itself.
    pub address: Addr,
    /// What it holds, as an address: an object start on a healthy dump.
    pub target: Addr,
    /// The same as an id, when an object starts there.
    pub object: Option<ObjectId>,
    /// Secondary of a dependent handle.
    pub dependent: Option<Addr>,
    /// Count of a ref-counted handle, when it could be read.
    pub ref_count: Option<u32>,
    /// Keeps its object alive.
    pub is_strong: bool,
    /// What the runtime uses it for: `thread object of thread 4`, `storage of static fields`.
    pub note: Option<String>,
}

/// A static or thread-static field with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticRow {
    /// Exact type that declares it (the instantiation, for generics).
    pub declaring: TypeId,
    /// Its name; `None` without metadata.
    pub name: Option<Box<str>>,
    /// Where its value stands.
    pub slot: Addr,
    /// What is stored: [`ElementType::Class`] a reference, [`ElementType::ValueType`] a reference to the boxed struct.
    pub element: ElementType,
    /// The raw value.
    pub value: u64,
    /// The object it refers to.
    pub object: Option<ObjectId>,
    /// The heap array that holds the slot and the slot's byte offset in it, when one does.
    pub storage: Option<(ObjectId, u32)>,
    /// Managed id of the thread, for a thread static.
    pub thread: Option<u32>,
}

/// A managed thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadRow {
    /// The runtime's `Thread`.
    pub address: Addr,
    /// Managed id.
    pub managed_id: u32,
    /// Id of the operating system; 0 when it has ended or not started.
    pub os_id: u32,
    /// Its name, from the managed object.
    pub name: Option<String>,
    /// Alive in the dump.
    pub is_alive: bool,
    /// The finalizer thread.
    pub is_finalizer: bool,
    /// Raw state bits.
    pub state: u32,
    /// State in words: `background, pool worker`.
    pub state_text: String,
    /// Was running managed code (preemptive mode off).
    pub is_cooperative: Option<bool>,
    /// Highest stack address.
    pub stack_base: Addr,
    /// Lowest stack address.
    pub stack_limit: Addr,
    /// Stack pointer in the dump.
    pub stack_pointer: Addr,
    /// Its managed `System.Threading.Thread`.
    pub object: Option<ObjectId>,
    /// The exception it is handling or threw last.
    pub exception: Option<ObjectId>,
    /// Why its stack could not be scanned, or nothing.
    pub stack_problem: Option<String>,
    /// Words of its stack that were scanned.
    pub n_stack_words: u64,
}

/// The finalizer queues of all heaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finalizers {
    /// Objects with a finalizer that still live or have not been looked at: not roots.
    pub registered: Vec<ObjectId>,
    /// Dead objects whose finalizer waits to run: roots.
    pub ready: Vec<ObjectId>,
}

/// Everything that roots are made of.
#[derive(Clone, Debug, Default)]
pub struct RootTables {
    /// Every root, by kind, then address.
    pub roots: Vec<Root>,
    /// Handles, by address.
    pub handles: Vec<HandleRow>,
    /// Static fields, by type, then slot.
    pub statics: Vec<StaticRow>,
    /// Thread-static fields, by thread, type, slot.
    pub thread_statics: Vec<StaticRow>,
    /// Managed threads, by managed id.
    pub threads: Vec<ThreadRow>,
    /// Finalizer queues.
    pub finalizers: Finalizers,
    /// Heap arrays that hold static fields (`object[]` of the runtime itself), in id order: folded away in paths.
    pub static_storage: Vec<ObjectId>,
}

impl RootTables {
    /// True for an array in which the runtime keeps static fields.
    #[must_use]
    pub fn is_static_storage(&self, object: ObjectId) -> bool {
        self.static_storage.binary_search(&object).is_ok()
    }
}
