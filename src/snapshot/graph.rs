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

/// Ids per chunk of rows.
const CHUNK_IDS: usize = 1 << 16;
/// Zeros behind the last row of a chunk, so that a code is read as one word wherever it stands.
const PADDING: usize = 8;
/// Rows per block: one full offset each, the rows inside it relative to that.
const BLOCK_ROWS: usize = 64;

/// Forward references: rows of varint differences, zig-zag coded, between the source and its first target, then between
/// neighbours. Most references stay close in address order, to the source or to each other as the elements of a table
/// do, so more than half of them take one byte. Free blocks and gaps have none.
///
/// Rows are kept in chunks of [`References::CHUNK_IDS`] ids, so that threads build them without a copy in the end.
#[derive(Clone, Debug, Default)]
pub struct References {
    chunks: Vec<RowChunk>,
    n_rows: usize,
    n_references: u64,
}

/// Rows of one chunk of ids, under construction or finished. See [`References::from_chunks`].
#[derive(Clone, Debug, Default)]
pub struct RowChunk {
    first_id: u32,
    bytes: Vec<u8>,
    /// First byte of each block; with [`RowChunk::WIDE`] set the index of a row of `wide`.
    blocks: Vec<u64>,
    /// First byte of each row, from its block's.
    rows: Vec<u16>,
    /// First byte of every row of the blocks that exceed 64 KiB.
    wide: Vec<[u64; BLOCK_ROWS]>,
    /// First byte of each row of the block under construction.
    open: Vec<u64>,
    row_start: u64,
    /// What the next code is a difference to.
    previous: u32,
    n_references: u64,
}

impl RowChunk {
    const WIDE: u64 = 1 << 63;

    /// An empty chunk whose first row is that of `first_id`, a multiple of [`References::CHUNK_IDS`].
    #[must_use]
    pub fn new(first_id: u32) -> Self {
        Self { first_id, previous: first_id, ..Self::default() }
    }

    /// Makes room for `n_rows` rows and `n_bytes` bytes.
    pub fn reserve(&mut self, n_rows: usize, n_bytes: usize) {
        self.rows.reserve_exact(n_rows);
        self.blocks.reserve_exact(n_rows / BLOCK_ROWS + 1);
        self.bytes.reserve(n_bytes);
    }

    /// Adds a target to the row under construction.
    #[inline]
    pub fn push(&mut self, target: ObjectId) {
        let delta = i64::from(target.0) - i64::from(self.previous);
        self.previous = target.0;
        let code = ((delta << 1) ^ (delta >> 63)) as u64;
        // At most 33 bits, so five groups of seven, spread over bytes at once: no loop whose length cannot be foretold.
        let len = (64 - (code | 1).leading_zeros()).div_ceil(7) as usize;
        let spread = code & 0x7f
            | code << 1 & 0x7f << 8
            | code << 2 & 0x7f << 16
            | code << 3 & 0x7f << 24
            | code << 4 & 0x7f << 32;
        let more = 0x80_8080_8080 & ((1_u64 << (8 * (len - 1))) - 1);
        let end = self.bytes.len() + len;
        self.bytes.extend_from_slice(&(spread | more).to_le_bytes());
        self.bytes.truncate(end);
        self.n_references += 1;
    }

    /// Ends the row under construction; the next one is that of the next id.
    #[inline]
    pub fn end_row(&mut self) {
        self.open.push(self.row_start);
        self.row_start = self.bytes.len() as u64;
        if self.open.len() == BLOCK_ROWS {
            self.end_block();
        }
        self.previous = self.first_id.wrapping_add((self.rows.len() + self.open.len()) as u32);
    }

    /// Ends the chunk, and gives back memory held in excess.
    #[must_use]
    pub fn finish(mut self) -> Self {
        if !self.open.is_empty() {
            self.end_block();
        }
        self.bytes.extend([0; PADDING]);
        self.bytes.shrink_to_fit();
        self.open = Vec::new();
        self
    }

    fn end_block(&mut self) {
        let base = self.open.first().copied().unwrap_or_default();
        let last = self.open.last().copied().unwrap_or_default();
        if last - base <= u64::from(u16::MAX) {
            self.blocks.push(base);
            self.rows.extend(self.open.iter().map(|start| (start - base) as u16));
        } else {
            let mut starts = [0; BLOCK_ROWS];
            starts[..self.open.len()].copy_from_slice(&self.open);
            self.blocks.push(Self::WIDE | self.wide.len() as u64);
            self.wide.push(starts);
            self.rows.extend(self.open.iter().map(|_| 0));
        }
        self.open.clear();
    }

    fn start(&self, row: usize) -> usize {
        let Some(&offset) = self.rows.get(row) else { return self.bytes.len() - PADDING };
        let block = self.blocks[row / BLOCK_ROWS];
        if block & Self::WIDE == 0 {
            return block as usize + usize::from(offset);
        }
        self.wide[(block & !Self::WIDE) as usize][row % BLOCK_ROWS] as usize
    }

    #[inline]
    fn targets(&self, source: u32, start: usize, end: usize) -> Targets<'_> {
        Targets { bytes: &self.bytes[start..], left: end - start, previous: source }
    }

    fn heap_bytes(&self) -> u64 {
        let tables = size_of_val(self.blocks.as_slice()) + size_of_val(self.rows.as_slice());
        (size_of::<Self>() + self.bytes.capacity() + tables + size_of_val(self.wide.as_slice())) as u64
    }
}

impl References {
    /// Ids per chunk.
    pub const CHUNK_IDS: usize = CHUNK_IDS;

    /// Rows from plain columns: row `i` is `targets[first[i]..first[i + 1]]`. Meant for snapshots made by hand.
    #[must_use]
    pub fn new(first: &[u64], targets: &[ObjectId]) -> Self {
        Self::from_rows(first.windows(2).map(|ends| &targets[ends[0] as usize..ends[1] as usize]))
    }

    /// Rows from one list per id. Meant for snapshots made by hand.
    #[must_use]
    pub fn from_lists(lists: &[Vec<ObjectId>]) -> Self {
        Self::from_rows(lists.iter().map(Vec::as_slice))
    }

    fn from_rows<'a>(rows: impl Iterator<Item = &'a [ObjectId]>) -> Self {
        let mut chunks: Vec<RowChunk> = Vec::new();
        for (id, row) in rows.enumerate() {
            if id % CHUNK_IDS == 0 {
                chunks.push(RowChunk::new(id as u32));
            }
            if let Some(chunk) = chunks.last_mut() {
                row.iter().for_each(|&target| chunk.push(target));
                chunk.end_row();
            }
        }
        Self::from_chunks(chunks.into_iter().map(RowChunk::finish).collect())
    }

    /// Rows from finished chunks: each of [`References::CHUNK_IDS`] rows but the last, in id order.
    #[must_use]
    pub fn from_chunks(chunks: Vec<RowChunk>) -> Self {
        debug_assert!(chunks.iter().rev().skip(1).all(|chunk| chunk.rows.len() == CHUNK_IDS));
        let n_rows = chunks.iter().map(|chunk| chunk.rows.len()).sum();
        let n_references = chunks.iter().map(|chunk| chunk.n_references).sum();
        Self { chunks, n_rows, n_references }
    }

    /// Targets of `object`, in the order of its slots; extra edges last. The same target may come twice.
    #[inline]
    #[must_use]
    pub fn of(&self, object: ObjectId) -> Targets<'_> {
        let chunk = &self.chunks[object.index() / CHUNK_IDS];
        let row = object.index() % CHUNK_IDS;
        chunk.targets(object.0, chunk.start(row), chunk.start(row + 1))
    }

    /// The targets of every object, in id order. Cheaper than asking for each.
    pub fn rows(&self) -> impl Iterator<Item = (ObjectId, Targets<'_>)> {
        self.chunks.iter().flat_map(|chunk| {
            let mut start = 0;
            (0..chunk.rows.len()).map(move |row| {
                let end = chunk.start(row + 1);
                let source = chunk.first_id + row as u32;
                let targets = chunk.targets(source, start, end);
                start = end;
                (ObjectId(source), targets)
            })
        })
    }

    /// References of `object`. Cost: its bytes.
    #[must_use]
    pub fn degree(&self, object: ObjectId) -> usize {
        self.of(object).row().iter().filter(|&&byte| byte < 0x80).count()
    }

    /// True when `object` refers to something. Cheaper than its degree.
    #[must_use]
    pub fn has_targets(&self, object: ObjectId) -> bool {
        !self.of(object).is_empty()
    }

    /// Rows: ids of the heap.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// All references.
    #[must_use]
    pub fn n_references(&self) -> u64 {
        self.n_references
    }

    /// Bytes of memory these rows take.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        self.chunks.iter().map(RowChunk::heap_bytes).sum()
    }
}

/// Targets of one object. See [`References::of`].
#[derive(Clone, Debug, Default)]
pub struct Targets<'a> {
    /// From the next code to the end of the chunk.
    bytes: &'a [u8],
    /// Bytes of the row that are left.
    left: usize,
    /// The source, then the target before.
    previous: u32,
}

impl<'a> Targets<'a> {
    /// True without any.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    fn row(&self) -> &'a [u8] {
        &self.bytes[..self.left]
    }
}

impl Iterator for Targets<'_> {
    type Item = ObjectId;

    #[inline]
    fn next(&mut self) -> Option<ObjectId> {
        if self.left == 0 {
            return None;
        }
        let word = u64::from_le_bytes(*self.bytes.first_chunk()?);
        // The first byte whose top bit is clear ends the code: no loop whose length cannot be foretold.
        let len = (!word & 0x8080_8080_8080_8080).trailing_zeros() as usize / 8 + 1;
        let code = word & (u64::MAX >> (64 - 8 * len));
        let code = code & 0x7f
            | code >> 1 & 0x7f << 7
            | code >> 2 & 0x7f << 14
            | code >> 3 & 0x7f << 21
            | code >> 4 & 0x7f << 28;
        self.bytes = self.bytes.get(len..)?;
        self.left = self.left.saturating_sub(len);
        let delta = (code >> 1) as i64 ^ -((code & 1) as i64);
        self.previous = (i64::from(self.previous) + delta) as u32;
        Some(ObjectId(self.previous))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.div_ceil(5), Some(self.left))
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
    /// Roots and the tables they come from.
    pub roots: RootTables,
    /// What was skipped while reading references and roots.
    pub warnings: Warnings,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(lists: &[Vec<u32>]) {
        let lists: Vec<Vec<ObjectId>> = lists.iter().map(|list| list.iter().copied().map(ObjectId).collect()).collect();
        let references = References::from_lists(&lists);
        assert_eq!(references.n_rows(), lists.len());
        assert_eq!(references.n_references(), lists.iter().map(|list| list.len() as u64).sum::<u64>());
        for (id, list) in (0..).map(ObjectId).zip(&lists) {
            assert_eq!(references.of(id).collect::<Vec<_>>(), *list);
            assert_eq!(references.degree(id), list.len());
            assert_eq!(references.has_targets(id), !list.is_empty());
        }
        let rows: Vec<(ObjectId, Vec<ObjectId>)> =
            references.rows().map(|(id, targets)| (id, targets.collect())).collect();
        assert_eq!(rows, (0..).map(ObjectId).zip(lists).collect::<Vec<_>>());
    }

    #[test]
    fn rows_come_back() {
        check(&[]);
        check(&[vec![0, u32::MAX - 1, 1], vec![], vec![2, 2]]);
        // Blocks of more than 64 KiB, in the middle and at the end; a block that ends exactly with a chunk.
        let mut lists = vec![vec![1_u32, 2, 60_000]; 70_000];
        lists[100] = (0..70_000).collect();
        lists[69_990] = (0..70_000).rev().collect();
        check(&lists);
        lists.truncate(CHUNK_IDS);
        check(&lists);
    }

    proptest! {
        #[test]
        fn any_rows_come_back(lists in prop::collection::vec(prop::collection::vec(any::<u32>(), 0..9), 0..300)) {
            check(&lists);
        }
    }
}
