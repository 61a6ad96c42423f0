//! References between objects, and roots: the heap after the second pass.

use super::{ObjectId, RootTables};
use crate::base::Warnings;

/// An edge that no field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExtraEdge {
    /// From.
    pub from: ObjectId,
    /// To.
    pub to: ObjectId,
    /// Why.
    pub kind: ExtraEdgeKind,
}

/// Why an edge exists that no field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExtraEdgeKind {
    /// Primary to secondary of a dependent handle (ConditionalWeakTable).
    DependentHandle,
    /// An instance of a collectible type to its LoaderAllocator.
    LoaderAllocator,
}

impl ExtraEdgeKind {
    /// Name of the edge in a path.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::DependentHandle => "ConditionalWeakTable",
            Self::LoaderAllocator => "LoaderAllocator",
        }
    }
}

/// Forward references: compressed sparse rows. Free blocks and gaps have none.
#[derive(Clone, Debug, Default)]
pub struct References {
    first: Vec<u64>,
    targets: Vec<ObjectId>,
}

impl References {
    /// Rows from parts (to be replaced by the compressed builder).
    #[must_use]
    pub fn new(first: Vec<u64>, targets: Vec<ObjectId>) -> Self {
        Self { first, targets }
    }

    /// Targets of `object`, in the order of its slots; extra edges last. The same target may come twice.
    pub fn of(&self, object: ObjectId) -> impl Iterator<Item = ObjectId> + '_ {
        let from = self.first[object.index()] as usize;
        let to = self.first[object.index() + 1] as usize;
        self.targets[from..to].iter().copied()
    }

    /// All references.
    #[must_use]
    pub fn n_references(&self) -> u64 {
        self.targets.len() as u64
    }
}

/// References per type, for comparison between tools: over non-null slots, dangling ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReferenceChecksum {
    /// Non-null reference slots.
    pub count: u64,
    /// Exclusive or of their targets' addresses.
    pub xor: u64,
    /// Sum of their targets' addresses, modulo 2^64.
    pub sum: u64,
}

/// References and roots.
#[derive(Clone, Debug)]
pub struct HeapGraph {
    /// Forward references, extra edges included.
    pub references: References,
    /// The edges that no field holds, sorted.
    pub extra: Vec<ExtraEdge>,
    /// Reference slots per type, indexed by [`super::TypeId`].
    pub checksums: Vec<ReferenceChecksum>,
    /// Slots whose target is no object start.
    pub n_dangling: u64,
    /// More than one slot in a thousand misses: a collection was under way, or the dump is damaged.
    pub is_unreliable: bool,
    /// Roots and the tables they come from.
    pub roots: RootTables,
    /// What was skipped while reading references and roots.
    pub warnings: Warnings,
}
