//! First pass, the kernel: walks every segment object by object and leaves a start bitmap, a type per start, sums per
//! type, and the stretches where nothing could be walked.
//!
//! The next object's address depends on the present one's size, so one walk is a chain of cache misses. Each thread
//! therefore walks [`LANES`] chunks in lock-step, and a big segment is cut into chunks that begin by guess: the first word
//! that leads to a chain of objects. Afterwards the chunks are stitched in order: the true walk enters each chunk where
//! the one before it ended and goes on until it meets a start that the guess found, too; what the guess set before that
//! point is withdrawn. The result is what one walk from the first byte would have found, whatever the threads did.

mod chunks;
mod heap;
mod stitch;
mod tables;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use self::chunks::{Chunk, Cut, cut_chunks, lend, split_header, walk_chunks};
use self::heap::Heap;
use self::stitch::Stitcher;
use self::tables::Registry;
use crate::base::{Addr, AddrRange, Cancelled, Job};
use crate::snapshot::{Gap, SegmentRow, TypeColumn, TypeId, TypeTotals};
use crate::target::{SplicedMemory, TargetMemory};

/// Chunks one thread walks in lock-step. Measured: 1 lane 7.6, 4 lanes 3.9, 8 lanes 6.4 ns per object.
const LANES: usize = 4;
/// Heap bytes of a chunk: a region of the GC.
const CHUNK_BYTES: u64 = 4 << 20;
/// Heap bytes per word of the start bitmap.
const WORD_BYTES: u64 = 512;
/// Smallest object of a 64-bit process: header, MethodTable, one field.
const MIN_OBJECT_BYTES: u64 = 24;
/// Starts of a stretch of heap, at most one per so many bytes: a hole of 8 bytes and an object of 24 are two.
const BYTES_PER_START: u64 = 16;
/// How far a guess looks for the first object of its chunk before it leaves the chunk to the stitching.
const GUESS_BYTES: u64 = 1 << 20;
/// Longest stretch of zeros that is taken for an allocation context although none is known there.
const ZERO_HOLE_BYTES: u64 = 256 << 10;
/// Low bits of a MethodTable word that a collection uses (mark bits; up to three from 6.0 on).
const MARK_BITS: u64 = 7;

/// Index of the type of holes, before types get their ids.
pub(crate) const GAP_INDEX: u32 = 0;

/// What the walk must know of a MethodTable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WalkShape {
    /// Bytes of an instance without elements.
    pub(crate) base_bytes: u32,
    /// Bytes of one element, 0 for fixed-size types. 16 bits wide in the MethodTable.
    pub(crate) component_bytes: u16,
    /// The MethodTable of free blocks.
    pub(crate) is_free: bool,
}

/// Tells a MethodTable from any other word. Asked once per distinct word and thread, so it may be slow; pure.
pub(crate) trait ShapeSource: Sync {
    /// The shape of the MethodTable at `method_table`; `None` when there is none.
    fn shape(&self, method_table: Addr) -> Option<WalkShape>;
}

/// A stretch of heap to walk: multiples of 8, apart from all others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WalkRange {
    /// From the first object to the end of the last.
    pub(crate) objects: AddrRange,
    /// Holds many small objects, so that cutting it pays. Not the large object heap.
    pub(crate) cut: bool,
    /// Its end is only the end of committed memory: zeros behind the last object are no loss.
    pub(crate) zero_tail: bool,
}

/// Objects and free blocks of one range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSums {
    pub(crate) n_ids: u64,
    pub(crate) n_free: u64,
    pub(crate) free_bytes: u64,
    pub(crate) n_gaps: u64,
    pub(crate) gap_bytes: u64,
}

/// Types as narrow as their number allows.
pub(crate) trait TypeIndex: Copy + Default + Send + Sync + 'static {
    /// Highest index.
    const MAX: u32;
    fn from_u32(index: u32) -> Self;
    fn to_u32(self) -> u32;
    /// The column with every index replaced by its id, in place where ids are as narrow.
    fn into_column(column: Vec<Self>, ids: &[TypeId], n_types: usize) -> TypeColumn;
}

impl TypeIndex for u16 {
    const MAX: u32 = u16::MAX as u32;
    fn from_u32(index: u32) -> Self {
        index as Self
    }
    fn to_u32(self) -> u32 {
        u32::from(self)
    }
    fn into_column(mut column: Vec<Self>, ids: &[TypeId], n_types: usize) -> TypeColumn {
        if n_types > usize::from(u16::MAX) + 1 {
            return TypeColumn::Wide(column.iter().map(|&index| ids[usize::from(index)].0).collect());
        }
        column.par_chunks_mut(1 << 18).for_each(|part| {
            part.iter_mut().for_each(|index| *index = ids[usize::from(*index)].0 as Self);
        });
        TypeColumn::Narrow(column)
    }
}

impl TypeIndex for u32 {
    const MAX: u32 = u32::MAX;
    fn from_u32(index: u32) -> Self {
        index
    }
    fn to_u32(self) -> u32 {
        self
    }
    fn into_column(mut column: Vec<Self>, ids: &[TypeId], _: usize) -> TypeColumn {
        column.par_chunks_mut(1 << 18).for_each(|part| {
            part.iter_mut().for_each(|index| *index = ids[*index as usize].0);
        });
        TypeColumn::Wide(column)
    }
}

/// What the walk found. Indices into `method_tables` are in the order of discovery; the ids that replace them
/// ([`Walked::into_columns`]) are not.
#[derive(Debug)]
pub(crate) struct Walked<T> {
    /// Start bitmap, ranges one after the other.
    pub(crate) bits: Vec<u64>,
    /// Index of a type per start.
    pub(crate) types: Vec<T>,
    /// MethodTables met; the first is null and stands for holes.
    pub(crate) method_tables: Vec<Addr>,
    /// Sums per index.
    pub(crate) totals: Vec<TypeTotals>,
    /// Sums per range.
    pub(crate) ranges: Vec<RangeSums>,
    /// Holes, by address.
    pub(crate) gaps: Vec<Gap>,
    /// Objects whose MethodTable word carried mark bits.
    pub(crate) n_marked: u64,
}

/// Why the walk stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WalkStop {
    Cancelled,
    /// More types than the index can hold: walk again with a wider one.
    TooManyTypes,
    /// More starts than ids.
    TooManyObjects,
}

impl From<Cancelled> for WalkStop {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Walks `ranges` of `memory`. `contexts` (sorted) are the unused parts of allocation contexts.
pub(crate) fn walk<T: TypeIndex, S: ShapeSource>(
    memory: &SplicedMemory,
    ranges: &[WalkRange],
    contexts: &[AddrRange],
    shapes: &S,
    job: &Job,
) -> Result<Walked<T>, WalkStop> {
    walk_in_chunks(memory, ranges, contexts, shapes, CHUNK_BYTES, job)
}

/// [`walk`] with another size of chunks, a multiple of [`WORD_BYTES`].
fn walk_in_chunks<T: TypeIndex, S: ShapeSource>(
    memory: &SplicedMemory,
    ranges: &[WalkRange],
    contexts: &[AddrRange],
    shapes: &S,
    chunk_bytes: u64,
    job: &Job,
) -> Result<Walked<T>, WalkStop> {
    let registry = Registry::new(shapes, T::MAX);
    let heap = Heap { memory, contexts, registry: &registry };
    let cuts = cut_chunks(memory, ranges, chunk_bytes);
    let n_words: usize = ranges.iter().map(|range| SegmentRow::n_words(range.objects.len())).sum();
    let n_slots: usize = cuts.iter().map(|cut| cut.n_slots).sum();
    // Zeroed memory is not touched before something is written: of the room for types only a third or so is.
    let mut bits = vec![0_u64; n_words];
    let mut types = vec![T::default(); n_slots];

    let mut chunks = lend(&cuts, &mut bits, &mut types);
    let sums = walk_chunks(&heap, &mut chunks, job)?;
    let mut totals = sums.totals;
    let mut n_marked = sums.n_marked;

    let mut stitcher = Stitcher::new(&heap);
    let mut rest = chunks.as_mut_slice();
    while let Some(first) = rest.first() {
        let n = rest.iter().take_while(|chunk| chunk.cut.range == first.cut.range).count();
        let (segment, later) = rest.split_at_mut(n);
        stitcher.stitch(segment);
        job.tick(0)?;
        rest = later;
    }
    add_totals(&mut totals, &stitcher.sums.totals);
    n_marked += stitcher.sums.n_marked;
    let is_exact = stitcher.is_exact;

    let mut range_sums = vec![RangeSums::default(); ranges.len()];
    let mut gaps = Vec::new();
    let mut pieces = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let Chunk { cut, sums, prefix, skip, n, gaps: chunk_gaps, .. } = chunk;
        range_sums[cut.range].add(&sums, (prefix.len() + n - skip) as u64);
        gaps.extend(chunk_gaps);
        pieces.push((prefix, skip, n));
    }
    if registry.overflowed() {
        return Err(WalkStop::TooManyTypes);
    }
    compact(&cuts, pieces, &mut types)?;
    let method_tables = registry.into_method_tables();
    totals.resize(method_tables.len(), TypeTotals::default());
    gaps.sort_by_key(|gap| gap.range.start);
    let mut walked = Walked { bits, types, method_tables, totals, ranges: range_sums, gaps, n_marked };
    if !is_exact {
        recount(&mut walked, memory, ranges, shapes);
    }
    Ok(walked)
}

impl<T: TypeIndex> Walked<T> {
    /// The columns with types as ids: `ids` gives one per index. Sums per id of `n_types`.
    pub(crate) fn into_columns(self, ids: &[TypeId], n_types: usize) -> (Vec<u64>, TypeColumn, Vec<TypeTotals>) {
        let mut totals = vec![TypeTotals::default(); n_types];
        for (&id, &sums) in ids.iter().zip(&self.totals) {
            totals[id.index()] = sums;
        }
        (self.bits, T::into_column(self.types, ids, n_types), totals)
    }
}

impl RangeSums {
    fn add(&mut self, other: &Self, n_ids: u64) {
        self.n_ids += n_ids;
        self.n_free += other.n_free;
        self.free_bytes += other.free_bytes;
        self.n_gaps += other.n_gaps;
        self.gap_bytes += other.gap_bytes;
    }
}

fn add_totals(into: &mut Vec<TypeTotals>, from: &[TypeTotals]) {
    if into.len() < from.len() {
        into.resize(from.len(), TypeTotals::default());
    }
    for (into, from) in into.iter_mut().zip(from) {
        into.count += from.count;
        into.bytes += from.bytes;
        into.raw_bytes += from.raw_bytes;
        into.biggest = into.biggest.max(from.biggest);
    }
}

/// Moves the types of all chunks to the front, in order, without another column of the same size.
fn compact<T: TypeIndex>(
    cuts: &[Cut],
    pieces: Vec<(Vec<u32>, usize, usize)>,
    types: &mut Vec<T>,
) -> Result<(), WalkStop> {
    let mut to = 0;
    let mut from = 0;
    for (cut, (prefix, skip, n)) in cuts.iter().zip(pieces) {
        let rest = from + skip..from + n;
        let n_rest = rest.len();
        // Behind the prefix, never over a type not yet moved: chunks have room for more starts than they can hold.
        types.copy_within(rest, to + prefix.len());
        for (ty, index) in types[to..].iter_mut().zip(&prefix) {
            *ty = T::from_u32(*index);
        }
        to += prefix.len() + n_rest;
        from += cut.n_slots;
    }
    types.truncate(to);
    types.shrink_to_fit();
    if u32::try_from(to).is_ok_and(|n| n < u32::MAX) { Ok(()) } else { Err(WalkStop::TooManyObjects) }
}

/// Sums per type from the columns alone, for the rare heap where a guess was wrong.
fn recount<T: TypeIndex, S: ShapeSource>(
    walked: &mut Walked<T>,
    memory: &SplicedMemory,
    ranges: &[WalkRange],
    shapes: &S,
) {
    let known: Vec<Option<WalkShape>> = walked
        .method_tables
        .iter()
        .map(|&method_table| if method_table.is_null() { None } else { shapes.shape(method_table) })
        .collect();
    walked.totals = vec![TypeTotals::default(); known.len()];
    walked.n_marked = 0;
    let mut id = 0;
    let mut first_word = 0;
    for (range, sums) in ranges.iter().zip(&mut walked.ranges) {
        let n_words = SegmentRow::n_words(range.objects.len());
        *sums = RangeSums::default();
        let starts: Vec<u64> = starts_of(&walked.bits[first_word..first_word + n_words]).collect();
        for (index, &at) in starts.iter().enumerate() {
            let size = starts.get(index + 1).copied().unwrap_or(range.objects.len()) - at;
            let ty = walked.types[id].to_u32() as usize;
            let header: Result<[u8; 16], _> = memory.array(range.objects.start.plus(at));
            let (word, count) = header.map(|header| split_header(&header)).unwrap_or_default();
            let raw = known[ty].map_or(size, |shape| {
                let raw = u64::from(shape.base_bytes) + u64::from(shape.component_bytes) * u64::from(count);
                raw.max(MIN_OBJECT_BYTES)
            });
            let totals = &mut walked.totals[ty];
            totals.count += 1;
            totals.bytes += size;
            totals.raw_bytes += raw;
            totals.biggest = totals.biggest.max(size);
            walked.n_marked += u64::from(ty != GAP_INDEX as usize && word & MARK_BITS != 0);
            let is_free = known[ty].is_some_and(|shape| shape.is_free);
            sums.n_ids += 1;
            sums.n_free += u64::from(is_free);
            sums.free_bytes += if is_free { size } else { 0 };
            sums.n_gaps += u64::from(ty == GAP_INDEX as usize);
            sums.gap_bytes += if ty == GAP_INDEX as usize { size } else { 0 };
            id += 1;
        }
        first_word += n_words;
    }
}

/// Byte offsets of the set bits.
fn starts_of(bits: &[u64]) -> impl Iterator<Item = u64> + '_ {
    (0_u64..).zip(bits).flat_map(|(index, &word)| {
        let mut rest = word;
        std::iter::from_fn(move || {
            if rest == 0 {
                return None;
            }
            let bit = u64::from(rest.trailing_zeros());
            rest &= rest - 1;
            Some(index * WORD_BYTES + bit * 8)
        })
    })
}
