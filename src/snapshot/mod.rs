//! The heap as columns over dense ids, and what it can and cannot answer.
//!
//! A snapshot comes in two values, each finished before it is shown: [`HeapSnapshot`] after the first pass (types,
//! objects, sizes, coverage) and [`HeapGraph`] after the second (references and roots). Both are immutable.
//!
//! **Invariant:** no file, no address space, no runtime is known here. What only the dump's bytes can tell (field
//! values, text) is asked through [`ObjectValues`].

pub mod coverage;
pub mod facts;
pub mod graph;
pub mod objects;
pub mod preview;
pub mod read;
pub mod roots;
pub mod slots;
pub mod types;
pub mod values;

use std::sync::Arc;

pub use coverage::{Coverage, Gap, GapReason, GenerationTotals};
pub use facts::{Evidence, Facts, GcFacts, GcLayoutKind, GcMode, ModuleRow, RuntimeFacts};
pub use graph::{ExtraEdge, ExtraEdgeKind, HeapGraph, ReferenceChecksum, References, RowChunk};
pub use objects::{Entries, Entry, Lookup, NO_ID, Objects, SegmentRow, TypeColumn};
pub use read::{DelegateParts, Text, Value};
pub use roots::{Finalizers, HandleRow, Root, RootTables, StaticRow, ThreadRow};
pub use slots::Slot;
pub use types::{FieldRow, TypeName, TypeRow, TypeShape, TypeTable, TypeTotals};
pub use values::{MethodName, NoValues, ObjectValues};

use crate::base::{Skipped, Warnings, number};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index into a column.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id! {
    /// An object: dense, in address order over the whole heap. Free blocks and gaps have ids too, with types of their
    /// own, so that the distance to the next id's address is the size.
    ObjectId
}
id! {
    /// A row of [`TypeTable`], in MethodTable order.
    TypeId
}
id! {
    /// A row of [`HeapSnapshot::modules`].
    ModuleId
}
id! {
    /// A row of [`RootTables::roots`].
    RootId
}

/// The heap after the first pass: every object has an id, a type and a size.
#[derive(Debug)]
pub struct HeapSnapshot {
    /// The dump, the process, the runtime.
    pub facts: Facts,
    /// Managed modules, by address.
    pub modules: Vec<ModuleRow>,
    /// Types, with and without instances.
    pub types: TypeTable,
    /// Count and bytes per type, indexed by [`TypeId`].
    pub totals: Vec<TypeTotals>,
    /// Heap segments and regions, and every object in them.
    pub objects: Objects,
    /// What was read and what was not.
    pub coverage: Coverage,
    /// What was skipped while reading.
    pub warnings: Warnings,
    /// Bytes of objects, on demand.
    pub values: Arc<dyn ObjectValues>,
}

impl HeapSnapshot {
    /// The row of `object`'s type. Column look-up.
    #[must_use]
    pub fn type_of(&self, object: ObjectId) -> &TypeRow {
        self.types.row(self.objects.type_of(object))
    }

    /// True for a real object; false for a free block or a gap.
    #[must_use]
    pub fn is_object(&self, object: ObjectId) -> bool {
        !matches!(self.type_of(object).shape, TypeShape::Free | TypeShape::Gap)
    }

    /// Objects, without free blocks and gaps.
    #[must_use]
    pub fn n_objects(&self) -> u64 {
        self.sum(|totals| totals.count)
    }

    /// Bytes of objects, without free blocks and gaps.
    #[must_use]
    pub fn object_bytes(&self) -> u64 {
        self.sum(|totals| totals.bytes)
    }

    /// What could not be read of that which says who holds what, in words: `3 references lead to no object`. Empty where
    /// nothing was lost.
    #[must_use]
    pub fn lost_holders(&self, graph: &HeapGraph) -> Vec<String> {
        const KINDS: [(Skipped, &str); 5] = [
            (Skipped::Segment, "heap segments"),
            (Skipped::Handle, "handles"),
            (Skipped::Static, "static fields"),
            (Skipped::Finalizer, "finalizer queues"),
            (Skipped::Reference, "references"),
        ];
        let mut lost = Vec::new();
        if graph.n_dangling > 0 {
            lost.push(format!(
                "{} to no object",
                number::counted(graph.n_dangling, "reference leads", "references lead")
            ));
        }
        let is_lost = |what| self.warnings.has(what) || graph.warnings.has(what);
        let unread: Vec<&str> = KINDS.iter().filter(|&&(what, _)| is_lost(what)).map(|&(_, words)| words).collect();
        if !unread.is_empty() {
            lost.push(format!("some {} could not be read", unread.join(", ")));
        }
        lost
    }

    fn sum(&self, column: impl Fn(&TypeTotals) -> u64) -> u64 {
        self.types
            .iter()
            .filter(|(_, row)| !matches!(row.shape, TypeShape::Free | TypeShape::Gap))
            .filter_map(|(id, _)| self.totals.get(id.index()))
            .map(column)
            .sum()
    }
}
