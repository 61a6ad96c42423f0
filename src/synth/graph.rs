//! Bare graphs as heaps: objects of one type without contents, for tests and benches of the graph algorithms.

use std::sync::Arc;

use super::heap::facts;
use crate::base::{Addr, AddrRange, RootKind, SegmentKind, Warnings};
use crate::snapshot::graph::ReferenceChecksum;
use crate::snapshot::types::ReferenceLayout;
use crate::snapshot::{
    Coverage, HeapGraph, HeapSnapshot, NoValues, ObjectId, Objects, References, Root, RootTables, SegmentRow, TypeId,
    TypeName, TypeRow, TypeShape, TypeTable, TypeTotals,
};

/// A graph of objects, with the roots that hold some of them.
#[derive(Clone, Debug, Default)]
pub struct GraphSpec {
    /// Row `i` is `targets[first[i]..first[i + 1]]`.
    pub first: Vec<u64>,
    /// Targets of all objects.
    pub targets: Vec<ObjectId>,
    /// Bytes of each object: multiples of 8, at least 24.
    pub sizes: Vec<u64>,
    /// Roots.
    pub roots: Vec<(RootKind, ObjectId)>,
}

impl GraphSpec {
    /// Objects of 24 bytes and more with these targets, without roots.
    #[must_use]
    pub fn from_lists(lists: &[Vec<u32>]) -> Self {
        let mut spec = Self { first: vec![0], ..Self::default() };
        for (id, list) in lists.iter().enumerate() {
            spec.targets.extend(list.iter().copied().map(ObjectId));
            spec.first.push(spec.targets.len() as u64);
            spec.sizes.push(24 + id as u64 % 5 * 8);
        }
        spec
    }

    /// The same with strong handles on these objects.
    #[must_use]
    pub fn with_handles(mut self, objects: &[u32]) -> Self {
        self.roots.extend(objects.iter().map(|&object| (RootKind::StrongHandle, ObjectId(object))));
        self
    }

    /// The finished heap.
    #[must_use]
    pub fn build(self) -> (HeapSnapshot, HeapGraph) {
        let n = self.sizes.len();
        let start = 0x7f00_0000_0028;
        let mut at = start;
        let mut addresses = Vec::with_capacity(n);
        for size in &self.sizes {
            addresses.push(Addr(at));
            at += size;
        }
        let segment = SegmentRow {
            address: Addr::NULL,
            kind: SegmentKind::Gen2,
            heap: 0,
            objects: AddrRange::new(Addr(start), Addr(at)),
            committed_end: Addr(at),
            reserved_end: Addr(at),
            gen1_start: Addr(at),
            gen0_start: Addr(at),
            first_id: 0,
            n_ids: n as u32,
        };
        let row = TypeRow {
            method_table: Addr(0x7e00_0000_1000),
            name: TypeName::Known("Node".into()),
            module: None,
            token: 0,
            shape: TypeShape::Class,
            base: None,
            element: None,
            element_kind: None,
            base_bytes: 24,
            component_bytes: 0,
            fields: Box::default(),
            references: ReferenceLayout::None,
            finalizable: false,
            collectible: false,
        };
        let bytes = at - start;
        let biggest = self.sizes.iter().copied().max().unwrap_or_default();
        let snapshot = HeapSnapshot {
            facts: facts("graph", n as u64),
            modules: Vec::new(),
            types: TypeTable::new(vec![row]),
            totals: vec![TypeTotals { count: n as u64, bytes, raw_bytes: bytes, biggest }],
            objects: Objects::new(vec![segment], addresses, vec![TypeId(0); n]),
            coverage: Coverage { segment_bytes: bytes, walked_bytes: bytes, ..Coverage::default() },
            warnings: Warnings::new(),
            values: Arc::new(NoValues),
        };
        let first = if self.first.is_empty() { vec![0] } else { self.first };
        let mut roots: Vec<Root> = (0_u64..)
            .zip(self.roots)
            .map(|(index, (kind, object))| Root {
                kind,
                object,
                address: Addr(0x7d00_0000_0000 + index * 8),
                row: None,
                is_interior: false,
                register: None,
            })
            .collect();
        roots.sort_by_key(|root| (root.kind, root.address));
        let graph = HeapGraph {
            references: References::new(&first, &self.targets),
            extra: Vec::new(),
            checksums: vec![ReferenceChecksum::default()],
            n_dangling: 0,
            roots: RootTables { roots, ..RootTables::default() },
            warnings: Warnings::new(),
        };
        (snapshot, graph)
    }
}
