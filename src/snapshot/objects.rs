//! Objects as columns: a start bitmap with one rank per word, and a type per id.
//!
//! ```text
//! segment 0            segment 1
//! bits  1000100000010  100010000…      one bit per 8 bytes of heap, 1 = something begins here
//! rank  0              37              ids before each word of 64 bits
//! ```

use super::{ObjectId, TypeId};
use crate::base::{Addr, AddrRange, Generation, SegmentKind};

/// A heap segment or region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    /// Address of the runtime's `heap_segment`; null when there is none.
    pub address: Addr,
    /// What it holds.
    pub kind: SegmentKind,
    /// GC heap it belongs to.
    pub heap: u32,
    /// From the first object to the end of the last.
    pub objects: AddrRange,
    /// End of committed memory.
    pub committed_end: Addr,
    /// End of reserved memory.
    pub reserved_end: Addr,
    /// Generation of an address inside: boundaries of an ephemeral segment (gen 1 from, gen 0 from), in that order.
    pub gen1_start: Addr,
    /// See `gen1_start`.
    pub gen0_start: Addr,
    /// First id inside.
    pub first_id: u32,
    /// Ids inside.
    pub n_ids: u32,
}

impl SegmentRow {
    /// Generation of the object at `at`.
    #[must_use]
    pub fn generation(&self, at: Addr) -> Generation {
        match self.kind {
            SegmentKind::Gen0 => Generation::Gen0,
            SegmentKind::Gen1 => Generation::Gen1,
            SegmentKind::Gen2 => Generation::Gen2,
            SegmentKind::Large => Generation::Large,
            SegmentKind::Pinned => Generation::Pinned,
            SegmentKind::Frozen => Generation::Frozen,
            SegmentKind::Ephemeral if at >= self.gen0_start => Generation::Gen0,
            SegmentKind::Ephemeral if at >= self.gen1_start => Generation::Gen1,
            SegmentKind::Ephemeral => Generation::Gen2,
        }
    }
}

/// Every object of the heap.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    segments: Vec<SegmentRow>,
    addresses: Vec<Addr>,
    types: Vec<TypeId>,
}

impl Objects {
    /// Columns from parts (to be replaced by the bitmap builder).
    #[must_use]
    pub fn new(segments: Vec<SegmentRow>, addresses: Vec<Addr>, types: Vec<TypeId>) -> Self {
        Self { segments, addresses, types }
    }

    /// Segments, by address of their first object.
    #[must_use]
    pub fn segments(&self) -> &[SegmentRow] {
        &self.segments
    }

    /// Ids, with free blocks and gaps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// True without ids.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// All ids, in address order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = ObjectId> + ExactSizeIterator + use<> {
        (0..self.types.len() as u32).map(ObjectId)
    }

    /// Where `object` begins. A short search.
    #[must_use]
    pub fn address(&self, object: ObjectId) -> Addr {
        self.addresses[object.index()]
    }

    /// Bytes `object` occupies: the distance to what follows it.
    #[must_use]
    pub fn size(&self, object: ObjectId) -> u64 {
        let segment = self.segment_of(object);
        let next = ObjectId(object.0 + 1);
        let end = if next.0 < segment.first_id + segment.n_ids { self.address(next) } else { segment.objects.end };
        end.0 - self.address(object).0
    }

    /// Its type. Column look-up.
    #[must_use]
    pub fn type_of(&self, object: ObjectId) -> TypeId {
        self.types[object.index()]
    }

    /// Segment that holds `object`.
    #[must_use]
    pub fn segment_of(&self, object: ObjectId) -> &SegmentRow {
        let index = self.segments.partition_point(|segment| segment.first_id + segment.n_ids <= object.0);
        &self.segments[index]
    }

    /// Its generation.
    #[must_use]
    pub fn generation(&self, object: ObjectId) -> Generation {
        self.segment_of(object).generation(self.address(object))
    }

    /// The object (free block, gap) that begins exactly at `at`. One rank look-up.
    #[must_use]
    pub fn at(&self, at: Addr) -> Option<ObjectId> {
        self.addresses.binary_search(&at).ok().map(|index| ObjectId(index as u32))
    }

    /// The object (free block, gap) that contains `at`, and the bytes from its start.
    #[must_use]
    pub fn containing(&self, at: Addr) -> Option<(ObjectId, u64)> {
        let index = self.addresses.partition_point(|&start| start <= at).checked_sub(1)?;
        let object = ObjectId(index as u32);
        let offset = at.offset_from(self.address(object))?;
        (offset < self.size(object)).then_some((object, offset))
    }
}
