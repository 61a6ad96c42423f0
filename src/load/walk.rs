//! First pass, the kernel: walks every segment object by object and leaves a start bitmap, a type per start, sums per
//! type, and the stretches where nothing could be walked.
//!
//! The next object's address depends on the present one's size, so one walk is a chain of cache misses. Each thread
//! therefore walks [`LANES`] chunks in lock-step, and a big segment is cut into chunks that begin by guess: the first word
//! that leads to a chain of objects. Afterwards the chunks are stitched in order: the true walk enters each chunk where
//! the one before it ended and goes on until it meets a start that the guess found, too; what the guess set before that
//! point is withdrawn. The result is what one walk from the first byte would have found, whatever the threads did.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::base::{Addr, AddrRange, Cancelled, Job};
use crate::snapshot::{Gap, GapReason, SegmentRow, TypeColumn, TypeId, TypeTotals};
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

    let mut stitcher = Stitcher { heap: &heap, sums: Sums::new(), is_exact: true };
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

// ---------------------------------------------------------------------------------------------------------------------
// MethodTables
// ---------------------------------------------------------------------------------------------------------------------

/// A MethodTable as the hot loop wants it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    method_table: u64,
    base_bytes: u32,
    index: u32,
    component_bytes: u16,
    is_free: bool,
}

impl Slot {
    /// No MethodTable has mark bits set.
    const EMPTY: Self = Self { method_table: u64::MAX, base_bytes: 0, index: 0, component_bytes: 0, is_free: false };
}

/// MethodTables that one thread has met. Open addressing, at most a quarter full.
#[derive(Debug)]
struct Table {
    slots: Vec<Slot>,
    shift: u32,
    len: usize,
    /// Words found to be no MethodTable, by the same hash: a stretch of damage asks for few words many times.
    rejected: Vec<u64>,
}

impl Table {
    const REJECTED_BITS: u32 = 12;

    fn new() -> Self {
        let bits = 12;
        Self {
            slots: vec![Slot::EMPTY; 1 << bits],
            shift: 64 - bits,
            len: 0,
            rejected: vec![0; 1 << Self::REJECTED_BITS],
        }
    }

    fn hash(method_table: u64) -> u64 {
        // Fibonacci hashing: MethodTables are multiples of 8 and close together.
        (method_table >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[inline(always)]
    fn find(&self, method_table: u64) -> Option<Slot> {
        let mask = self.slots.len() - 1;
        let mut at = (Self::hash(method_table) >> self.shift) as usize;
        loop {
            let slot = self.slots[at & mask];
            if slot.method_table == method_table {
                return Some(slot);
            }
            if slot.method_table == u64::MAX {
                return None;
            }
            at += 1;
        }
    }

    fn insert(&mut self, slot: Slot) {
        if (self.len + 1) * 4 > self.slots.len() {
            let old = std::mem::take(&mut self.slots);
            self.shift -= 1;
            self.slots = vec![Slot::EMPTY; old.len() * 2];
            old.into_iter().filter(|slot| slot.method_table != u64::MAX).for_each(|slot| self.place(slot));
        }
        self.len += 1;
        self.place(slot);
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = (Self::hash(slot.method_table) >> self.shift) as usize & mask;
        while self.slots[at].method_table != u64::MAX {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    /// The MethodTable that `word` leads to, asking the registry for a new one.
    fn find_or_ask<S: ShapeSource>(&mut self, word: u64, registry: &Registry<'_, S>) -> Option<Slot> {
        let method_table = word & !MARK_BITS;
        if method_table == 0 {
            return None;
        }
        if let Some(slot) = self.find(method_table) {
            return Some(slot);
        }
        let rejected = (Self::hash(method_table) >> (64 - Self::REJECTED_BITS)) as usize;
        if self.rejected[rejected] == method_table {
            return None;
        }
        match registry.slot(method_table) {
            Some(slot) => {
                self.insert(slot);
                Some(slot)
            }
            None => {
                self.rejected[rejected] = method_table;
                None
            }
        }
    }
}

/// MethodTables that any thread has met.
#[derive(Debug)]
struct Registry<'a, S> {
    shapes: &'a S,
    most: u32,
    overflowed: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    by_address: HashMap<u64, Slot>,
    method_tables: Vec<Addr>,
}

impl<'a, S: ShapeSource> Registry<'a, S> {
    fn new(shapes: &'a S, most: u32) -> Self {
        let known = Known { by_address: HashMap::new(), method_tables: vec![Addr::NULL] };
        Self { shapes, most, overflowed: AtomicBool::new(false), known: Mutex::new(known) }
    }

    fn slot(&self, method_table: u64) -> Option<Slot> {
        if let Some(slot) = self.lock().by_address.get(&method_table) {
            return Some(*slot);
        }
        let shape = self.shapes.shape(Addr(method_table))?;
        let mut known = self.lock();
        if let Some(slot) = known.by_address.get(&method_table) {
            return Some(*slot);
        }
        let mut index = known.method_tables.len() as u32;
        if index > self.most {
            self.overflowed.store(true, Ordering::Relaxed);
            index = GAP_INDEX;
        } else {
            known.method_tables.push(Addr(method_table));
        }
        let WalkShape { base_bytes, component_bytes, is_free } = shape;
        let slot = Slot { method_table, base_bytes, index, component_bytes, is_free };
        known.by_address.insert(method_table, slot);
        Some(slot)
    }

    fn overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Relaxed)
    }

    fn into_method_tables(self) -> Vec<Addr> {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner).method_tables
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Chunks
// ---------------------------------------------------------------------------------------------------------------------

/// A chunk to walk: a range or a part of one.
#[derive(Clone, Copy, Debug)]
struct Cut {
    range: usize,
    /// The whole range.
    objects: AddrRange,
    zero_tail: bool,
    /// This part, from the range's start, in bytes; multiples of [`WORD_BYTES`] but the last end.
    from: u64,
    to: u64,
    /// Room for types: what can begin in the bytes that are present.
    n_slots: usize,
}

impl Cut {
    fn new(memory: &SplicedMemory, index: usize, range: &WalkRange, from: u64, to: u64) -> Self {
        let WalkRange { objects, zero_tail, .. } = *range;
        let here = AddrRange::new(objects.start.plus(from), objects.start.plus(to));
        let (mut n_stretches, mut present) = (0, 0);
        for stretch in memory.stretches(here) {
            n_stretches += 1;
            present += stretch.len();
        }
        // Every start but one per absent stretch has its header in the dump.
        let n_slots = (present / BYTES_PER_START) as usize + 2 * n_stretches + 2;
        Self { range: index, objects, zero_tail, from, to, n_slots }
    }

    fn n_words(&self) -> usize {
        SegmentRow::n_words(self.to - self.from)
    }
}

fn cut_chunks(memory: &SplicedMemory, ranges: &[WalkRange], chunk_bytes: u64) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for (index, range) in ranges.iter().enumerate() {
        let len = range.objects.len();
        let step = if range.cut && len > 2 * chunk_bytes { chunk_bytes } else { u64::MAX };
        let mut from = 0;
        while from < len {
            let to = from.saturating_add(step).min(len);
            cuts.push(Cut::new(memory, index, range, from, to));
            from = to;
        }
    }
    cuts
}

/// A chunk with the columns it writes to, and what was found in it.
#[derive(Debug)]
struct Chunk<'a, T> {
    cut: Cut,
    bits: &'a mut [u64],
    types: &'a mut [T],
    /// Starts written to `types`.
    n: usize,
    /// Where its walk began, from the range's start: guessed unless 0. `None`: no object found in reach.
    entry: Option<u64>,
    /// Where its walk left it: at or behind `cut.to`.
    exit: u64,
    /// True starts before those of `types`, found while stitching.
    prefix: Vec<u32>,
    /// Leading elements of `types` that turned out not to be true starts.
    skip: usize,
    sums: RangeSums,
    gaps: Vec<Gap>,
}

/// Parts of the columns for every chunk.
fn lend<'a, T>(cuts: &[Cut], mut bits: &'a mut [u64], mut types: &'a mut [T]) -> Vec<Chunk<'a, T>> {
    let mut chunks = Vec::with_capacity(cuts.len());
    for &cut in cuts {
        let (chunk_bits, later_bits) = bits.split_at_mut(cut.n_words());
        let (chunk_types, later_types) = types.split_at_mut(cut.n_slots);
        bits = later_bits;
        types = later_types;
        chunks.push(Chunk {
            cut,
            bits: chunk_bits,
            types: chunk_types,
            n: 0,
            entry: None,
            exit: cut.from,
            prefix: Vec::new(),
            skip: 0,
            sums: RangeSums::default(),
            gaps: Vec::new(),
        });
    }
    chunks
}

/// What one thread has added up.
#[derive(Debug)]
struct Sums {
    totals: Vec<TypeTotals>,
    n_marked: u64,
}

impl Sums {
    fn new() -> Self {
        Self { totals: vec![TypeTotals::default(); 256], n_marked: 0 }
    }

    #[inline(always)]
    fn add(&mut self, index: u32, size: u64, raw: u64, word: u64) -> bool {
        let Some(totals) = self.totals.get_mut(index as usize) else { return false };
        totals.count += 1;
        totals.bytes += size;
        totals.raw_bytes += raw;
        totals.biggest = totals.biggest.max(size);
        self.n_marked += u64::from(word & MARK_BITS != 0);
        true
    }

    fn reach(&mut self, index: u32) {
        if self.totals.len() <= index as usize {
            self.totals.resize((index as usize + 1).next_power_of_two(), TypeTotals::default());
        }
    }
}

/// Walks all chunks, each from its guessed or certain entry.
fn walk_chunks<'a, 'b, T: TypeIndex, S: ShapeSource>(
    heap: &Heap<'_, S>,
    chunks: &'b mut [Chunk<'a, T>],
    job: &Job,
) -> Result<Sums, WalkStop> {
    let n_threads = rayon::current_num_threads().min(chunks.len()).max(1);
    // Each chunk is taken once, by whichever lane is free.
    let queue: Vec<Mutex<Option<&'b mut Chunk<'a, T>>>> =
        chunks.iter_mut().map(|chunk| Mutex::new(Some(chunk))).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        let chunk = queue.get(next.fetch_add(1, Ordering::Relaxed))?;
        chunk.lock().unwrap_or_else(PoisonError::into_inner).take()
    };
    let results: Mutex<Vec<Result<Sums, WalkStop>>> = Mutex::new(Vec::new());
    rayon::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|_| {
                let result = walk_lanes(heap, &take, job);
                results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
            });
        }
    });
    let mut sums = Sums::new();
    for result in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let thread = result?;
        add_totals(&mut sums.totals, &thread.totals);
        sums.n_marked += thread.n_marked;
    }
    Ok(sums)
}

/// One thread: [`LANES`] chunks in lock-step until none is left.
fn walk_lanes<'a: 'b, 'b, T: TypeIndex, S: ShapeSource>(
    heap: &Heap<'_, S>,
    take: &impl Fn() -> Option<&'b mut Chunk<'a, T>>,
    job: &Job,
) -> Result<Sums, WalkStop> {
    let mut table = Table::new();
    let mut sums = Sums::new();
    let open = |table: &mut Table| -> Option<Lane<'_, 'a, 'b, T>> {
        loop {
            let chunk = take()?;
            let cut = chunk.cut;
            let entry = if cut.from == 0 { Some(0) } else { heap.guess(&cut, table) };
            chunk.entry = entry;
            if let Some(at) = entry {
                return Some(Lane::new(chunk, at, heap));
            }
        }
    };
    let mut lanes: Vec<Lane<'_, 'a, 'b, T>> = Vec::with_capacity(LANES);
    while lanes.len() < LANES {
        match open(&mut table) {
            Some(lane) => lanes.push(lane),
            None => break,
        }
    }
    // All lanes busy: one step each in turn.
    'full: while let [a, b, c, d] = lanes.as_mut_slice() {
        loop {
            let all = a.step(&table, &mut sums)
                & b.step(&table, &mut sums)
                & c.step(&table, &mut sums)
                & d.step(&table, &mut sums);
            if all {
                continue;
            }
            for lane in [&mut *a, &mut *b, &mut *c, &mut *d] {
                if !lane.slow_step(heap, &mut table, &mut sums) {
                    lane.close();
                    job.tick(lane.chunk.cut.to - lane.chunk.cut.from)?;
                    match open(&mut table) {
                        Some(fresh) => *lane = fresh,
                        None => {
                            lane.is_done = true;
                            break;
                        }
                    }
                }
            }
            if a.is_done || b.is_done || c.is_done || d.is_done {
                lanes.retain(|lane| !lane.is_done);
                break 'full;
            }
        }
    }
    // The tail: no chunk waits any more.
    for lane in &mut lanes {
        let mut steps = 0_u32;
        loop {
            while lane.step(&table, &mut sums) {
                steps += 1;
                if steps.is_multiple_of(1 << 16) {
                    job.tick(0)?;
                }
            }
            if !lane.slow_step(heap, &mut table, &mut sums) {
                break;
            }
        }
        lane.close();
        job.tick(lane.chunk.cut.to - lane.chunk.cut.from)?;
    }
    Ok(sums)
}

/// A walk of one chunk.
#[derive(Debug)]
struct Lane<'m, 'a, 'b, T> {
    chunk: &'b mut Chunk<'a, T>,
    /// Memory that holds the present position.
    bytes: &'m [u8],
    /// Where `bytes` begins, from the range's start.
    bytes_at: u64,
    /// The present position, from the range's start.
    at: u64,
    /// End of the range, from its start.
    end: u64,
    is_done: bool,
}

impl<'m, 'a, 'b, T: TypeIndex> Lane<'m, 'a, 'b, T> {
    fn new<S: ShapeSource>(chunk: &'b mut Chunk<'a, T>, at: u64, heap: &Heap<'m, S>) -> Self {
        let end = chunk.cut.objects.len();
        let mut lane = Lane { chunk, bytes: &[], bytes_at: 0, at, end, is_done: false };
        lane.seat(heap);
        lane
    }

    /// Takes the memory that holds the present position.
    fn seat<S: ShapeSource>(&mut self, heap: &Heap<'m, S>) {
        let at = self.chunk.cut.objects.start.plus(self.at);
        self.bytes = heap.memory.bytes_at(at).unwrap_or_default();
        self.bytes_at = self.at;
    }

    /// One object further; false when it needs a closer look.
    #[inline(always)]
    fn step(&mut self, table: &Table, sums: &mut Sums) -> bool {
        let offset = (self.at - self.bytes_at) as usize;
        if self.at >= self.chunk.cut.to {
            return false;
        }
        let Some(header) = self.bytes.get(offset..).and_then(|bytes| bytes.first_chunk::<16>()) else { return false };
        let (word, count) = split_header(header);
        let Some(slot) = table.find(word & !MARK_BITS) else { return false };
        let (raw, size) = object_bytes(&slot, count);
        if size > self.end - self.at || !sums.add(slot.index, size, raw, word) {
            return false;
        }
        self.place(slot.index);
        self.chunk.sums.n_free += u64::from(slot.is_free);
        self.chunk.sums.free_bytes += if slot.is_free { size } else { 0 };
        self.at += size;
        true
    }

    /// One object or hole further, by whatever it takes; false at the end of the chunk.
    #[cold]
    #[inline(never)]
    fn slow_step<S: ShapeSource>(&mut self, heap: &Heap<'m, S>, table: &mut Table, sums: &mut Sums) -> bool {
        if self.at >= self.chunk.cut.to {
            return false;
        }
        let objects = self.chunk.cut.objects;
        match heap.object_at(objects, self.at, table) {
            Some(object) => {
                sums.reach(object.slot.index);
                sums.add(object.slot.index, object.size, object.raw, object.word);
                self.place(object.slot.index);
                if object.slot.is_free {
                    self.chunk.sums.n_free += 1;
                    self.chunk.sums.free_bytes += object.size;
                }
                self.at += object.size;
            }
            None => {
                let (to, reason) = heap.hole(&self.chunk.cut, self.at, table);
                let size = to - self.at;
                sums.reach(GAP_INDEX);
                sums.add(GAP_INDEX, size, size, 0);
                self.place(GAP_INDEX);
                self.chunk.sums.n_gaps += 1;
                self.chunk.sums.gap_bytes += size;
                let range = AddrRange::new(objects.start.plus(self.at), objects.start.plus(to));
                self.chunk.gaps.push(Gap { range, reason });
                self.at = to;
            }
        }
        if (self.at - self.bytes_at) as usize + 16 > self.bytes.len() {
            self.seat(heap);
        }
        true
    }

    #[inline(always)]
    fn place(&mut self, index: u32) {
        let chunk = &mut *self.chunk;
        let slot = (self.at - chunk.cut.from) / 8;
        if let (Some(word), Some(ty)) = (chunk.bits.get_mut((slot / 64) as usize), chunk.types.get_mut(chunk.n)) {
            *word |= 1 << (slot % 64);
            *ty = T::from_u32(index);
            chunk.n += 1;
        }
    }

    fn close(&mut self) {
        self.chunk.exit = self.at;
    }
}

fn split_header(header: &[u8; 16]) -> (u64, u32) {
    let [w0, w1, w2, w3, w4, w5, w6, w7, c0, c1, c2, c3, ..] = *header;
    (u64::from_le_bytes([w0, w1, w2, w3, w4, w5, w6, w7]), u32::from_le_bytes([c0, c1, c2, c3]))
}

/// Bytes of an object before and after rounding up to the alignment; at least the smallest object's, which matters for
/// the empty string (22).
#[inline(always)]
fn object_bytes(slot: &Slot, count: u32) -> (u64, u64) {
    let raw = u64::from(slot.base_bytes) + u64::from(slot.component_bytes) * u64::from(count);
    let raw = raw.max(MIN_OBJECT_BYTES);
    (raw, (raw + 7) & !7)
}

// ---------------------------------------------------------------------------------------------------------------------
// Closer looks
// ---------------------------------------------------------------------------------------------------------------------

/// The heap's bytes and what gives them meaning.
#[derive(Debug)]
struct Heap<'m, S> {
    memory: &'m SplicedMemory,
    /// Unused parts of allocation contexts, sorted.
    contexts: &'m [AddrRange],
    registry: &'m Registry<'m, S>,
}

/// An object met by a closer look.
#[derive(Clone, Copy, Debug)]
struct Object {
    slot: Slot,
    word: u64,
    raw: u64,
    size: u64,
}

impl<S: ShapeSource> Heap<'_, S> {
    /// The object at `at` bytes from the start of `objects`: a MethodTable, and a size that fits.
    fn object_at(&self, objects: AddrRange, at: u64, table: &mut Table) -> Option<Object> {
        let room = objects.len().checked_sub(at).filter(|&room| room >= MIN_OBJECT_BYTES)?;
        let header: [u8; 16] = self.memory.array(objects.start.plus(at)).ok()?;
        let (word, count) = split_header(&header);
        let slot = table.find_or_ask(word, self.registry)?;
        let (raw, size) = object_bytes(&slot, count);
        (size <= room).then_some(Object { slot, word, raw, size })
    }

    /// True when an object stands at `at` and its followers are plausible: two more objects, or the end of the range, or
    /// a hole. One look is not enough here: a field may hold the address of a MethodTable.
    fn chain_at(&self, objects: AddrRange, at: u64, table: &mut Table) -> bool {
        let mut next = at;
        for depth in 0..3 {
            if depth > 0 && (next == objects.len() || self.context_at(objects.start.plus(next)).is_some()) {
                return true;
            }
            match self.object_at(objects, next, table) {
                Some(object) => next += object.size,
                None => return depth > 0 && self.hole_follows(objects, next, table),
            }
        }
        true
    }

    /// After an object that is not followed by another one: zeros (an allocation context we do not know), or up to 32
    /// bytes overwritten by a collection under way, with an object behind them.
    fn hole_follows(&self, objects: AddrRange, at: u64, table: &mut Table) -> bool {
        if self.memory.u64(objects.start.plus(at)).is_ok_and(|word| word == 0) {
            return true;
        }
        (1..=4).any(|words| self.object_at(objects, at + words * 8, table).is_some())
    }

    /// First object chain at or behind `from`, looking as far as `to`; bytes that are absent are stepped over.
    fn scan(&self, objects: AddrRange, from: u64, to: u64, table: &mut Table) -> Option<u64> {
        let mut at = from;
        while at < to {
            let here = objects.start.plus(at);
            let Some(bytes) = self.memory.bytes_at(here) else {
                at = self.next_present(objects, at)?;
                continue;
            };
            let stretch = bytes.len().min((to - at) as usize);
            let mut words = bytes.get(..stretch).unwrap_or_default().chunks_exact(8);
            for word in words.by_ref() {
                let is_zero = word.first_chunk::<8>().is_none_or(|word| u64::from_le_bytes(*word) & !MARK_BITS == 0);
                if !is_zero && self.chain_at(objects, at, table) {
                    return Some(at);
                }
                at += 8;
            }
            if stretch < 8 || stretch % 8 != 0 {
                at += 8;
            }
        }
        None
    }

    /// The next byte that is present, at or behind `at`, rounded up to 8.
    fn next_present(&self, objects: AddrRange, at: u64) -> Option<u64> {
        let rest = AddrRange::new(objects.start.plus(at), objects.end);
        let next = self.memory.stretches(rest).next()?.start.offset_from(objects.start)?;
        Some(next.next_multiple_of(8).max(at))
    }

    /// End of the hole that begins at `at`, and why there is one.
    fn hole(&self, cut: &Cut, at: u64, table: &mut Table) -> (u64, GapReason) {
        let objects = cut.objects;
        let here = objects.start.plus(at);
        if let Some(context) = self.context_at(here) {
            // The runtime keeps room for one smallest object behind the limit, for the free block that fills the rest.
            let to = context.end.0.saturating_add(MIN_OBJECT_BYTES).saturating_sub(objects.start.0);
            if to >= objects.len() {
                return (objects.len(), GapReason::AllocationContext);
            }
            if self.object_at(objects, to, table).is_some() {
                return (to, GapReason::AllocationContext);
            }
        }
        let to = self.scan(objects, at + 8, objects.len(), table).unwrap_or(objects.len());
        let range = AddrRange::new(here, objects.start.plus(to));
        let reason = if self.memory.present_bytes(range) < range.len() {
            GapReason::Absent
        } else if self.context_at(here).is_some()
            || ((range.len() <= ZERO_HOLE_BYTES || (cut.zero_tail && to == objects.len())) && self.is_zeros(range))
        {
            GapReason::AllocationContext
        } else {
            GapReason::Damaged
        };
        (to, reason)
    }

    fn context_at(&self, at: Addr) -> Option<AddrRange> {
        let index = self.contexts.partition_point(|context| context.start < at);
        self.contexts.get(index).copied().filter(|context| context.start == at)
    }

    /// Nothing but zeros up to the last word, which may be the header of the next object.
    fn is_zeros(&self, range: AddrRange) -> bool {
        let len = range.len().saturating_sub(8).max(8);
        let mut at = range.start;
        let end = range.start.plus(len);
        while at < end {
            let Some(bytes) = self.memory.bytes_at(at) else { return false };
            let stretch = bytes.len().min((end.0 - at.0) as usize);
            if bytes.iter().take(stretch).any(|&byte| byte != 0) {
                return false;
            }
            at = at.plus(stretch as u64);
        }
        true
    }

    /// Where a chunk's walk may begin.
    fn guess(&self, cut: &Cut, table: &mut Table) -> Option<u64> {
        self.scan(cut.objects, cut.from, cut.to.min(cut.from + GUESS_BYTES), table)
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Stitching
// ---------------------------------------------------------------------------------------------------------------------

/// Puts the chunks of one range together.
struct Stitcher<'h, 'm, S> {
    heap: &'h Heap<'m, S>,
    /// What the true walk added.
    sums: Sums,
    /// False once something was withdrawn: then sums have to be made anew.
    is_exact: bool,
}

impl<S: ShapeSource> Stitcher<'_, '_, S> {
    fn stitch<T: TypeIndex>(&mut self, chunks: &mut [Chunk<'_, T>]) {
        let mut table = Table::new();
        let mut at = 0;
        for chunk in chunks {
            if at < chunk.cut.to && chunk.entry == Some(at) {
                at = chunk.exit;
            } else {
                at = self.enter(chunk, at, &mut table);
            }
        }
    }

    /// The true walk enters `chunk` at `from` (or passes over it); returns where it leaves it.
    fn enter<T: TypeIndex>(&mut self, chunk: &mut Chunk<'_, T>, from: u64, table: &mut Table) -> u64 {
        let cut = chunk.cut;
        if from >= cut.to && chunk.n == 0 {
            return from;
        }
        // Walk on a copy's worth of columns of our own until the guess is met.
        let mut own = OwnWalk::new(cut);
        let mut scratch = own.lend();
        let mut lane = Lane::new(&mut scratch, from, self.heap);
        while lane.at < cut.to && !has_start(chunk.bits, lane.at - cut.from) {
            lane.slow_step(self.heap, table, &mut self.sums);
        }
        let at = lane.at;
        let meets = at < cut.to;
        let skip = if meets { clear_below(chunk.bits, at - cut.from) } else { clear_below(chunk.bits, u64::MAX) };
        self.is_exact &= skip == 0;
        if skip > 0 {
            chunk.gaps.retain(|gap| meets && gap.range.start >= cut.objects.start.plus(at));
        }
        let Chunk { bits, types, n, gaps, sums, .. } = scratch;
        chunk.prefix = types.iter().take(n).map(|ty| ty.to_u32()).collect();
        for (word, own) in chunk.bits.iter_mut().zip(bits.iter()) {
            *word |= own;
        }
        chunk.gaps.splice(0..0, gaps);
        chunk.sums.add(&sums, 0);
        chunk.skip = skip;
        if meets { chunk.exit } else { at }
    }
}

/// Columns for the stretch that the true walk covers inside one chunk.
struct OwnWalk {
    cut: Cut,
    bits: Vec<u64>,
    types: Vec<u32>,
}

impl OwnWalk {
    fn new(cut: Cut) -> Self {
        Self { cut, bits: vec![0; cut.n_words()], types: vec![0; cut.n_slots] }
    }

    fn lend(&mut self) -> Chunk<'_, u32> {
        Chunk {
            cut: self.cut,
            bits: &mut self.bits,
            types: &mut self.types,
            n: 0,
            entry: None,
            exit: 0,
            prefix: Vec::new(),
            skip: 0,
            sums: RangeSums::default(),
            gaps: Vec::new(),
        }
    }
}

fn has_start(bits: &[u64], offset: u64) -> bool {
    let slot = offset / 8;
    bits.get((slot / 64) as usize).is_some_and(|word| word >> (slot % 64) & 1 == 1)
}

/// Clears the bits of starts below `offset` bytes, and counts them.
fn clear_below(bits: &mut [u64], offset: u64) -> usize {
    let mut n = 0;
    for (index, word) in (0_u64..).zip(bits) {
        let first = index * WORD_BYTES;
        if first >= offset {
            break;
        }
        let slots = (offset - first) / 8;
        let keep = if slots >= 64 { 0 } else { u64::MAX << slots };
        n += (*word & !keep).count_ones() as usize;
        *word &= keep;
    }
    n
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    const BASE: u64 = 0x7f00_0000_0000;
    const FREE: u64 = 0x1000;
    const FIXED: u64 = 0x2000;
    const BIG: u64 = 0x2100;
    const BYTES: u64 = 0x3000;

    /// A few MethodTables of known shape.
    struct Shapes;

    impl ShapeSource for Shapes {
        fn shape(&self, method_table: Addr) -> Option<WalkShape> {
            let (base_bytes, component_bytes) = match method_table.0 {
                FREE => (24, 1),
                FIXED => (24, 0),
                BIG => (56, 0),
                BYTES => (22, 2),
                _ => return None,
            };
            Some(WalkShape { base_bytes, component_bytes, is_free: method_table.0 == FREE })
        }
    }

    /// What stands in a described heap.
    #[derive(Clone, Debug)]
    enum Item {
        Fixed,
        Marked,
        Big,
        Free(u32),
        /// An array of 16-bit elements.
        Array(u32),
        /// An array whose elements look like objects.
        Decoy(u32),
        /// An allocation context: known to the walk, or not.
        Context {
            words: u64,
            known: bool,
        },
        /// Overwritten bytes.
        Damage(u64),
    }

    #[derive(Default)]
    struct Described {
        bytes: Vec<u8>,
        starts: Vec<(u64, u64, u64)>,
        contexts: Vec<AddrRange>,
        reasons: Vec<GapReason>,
    }

    impl Described {
        fn put(&mut self, method_table: u64, mark: u64, count: u32, raw: u64) {
            let at = self.bytes.len() as u64;
            let size = ((raw + 7) & !7).max(24);
            self.starts.push((at, method_table, raw.max(24)));
            self.bytes.extend((method_table | mark).to_le_bytes());
            self.bytes.extend(count.to_le_bytes());
            self.bytes.resize((at + size) as usize, 0xcc);
        }

        fn hole(&mut self, bytes: impl IntoIterator<Item = u8>, reason: GapReason) {
            let at = self.bytes.len() as u64;
            self.bytes.extend(bytes);
            self.starts.push((at, 0, self.bytes.len() as u64 - at));
            self.reasons.push(reason);
        }
    }

    fn describe(items: &[Item]) -> Described {
        let mut heap = Described::default();
        let mut after_hole = false;
        for item in items {
            let is_hole = matches!(item, Item::Context { .. } | Item::Damage(_));
            // A hole's end is recognised by the chain of objects behind it.
            if after_hole {
                (0..3).for_each(|_| heap.put(FIXED, 0, 0, 24));
            }
            after_hole = is_hole;
            match *item {
                Item::Fixed => heap.put(FIXED, 0, 0, 24),
                Item::Marked => heap.put(FIXED, 1, 0, 24),
                Item::Big => heap.put(BIG, 0, 7, 56),
                Item::Free(count) => heap.put(FREE, 0, count, 24 + u64::from(count)),
                Item::Array(count) => heap.put(BYTES, 0, count, 22 + 2 * u64::from(count)),
                Item::Decoy(count) => {
                    let from = heap.bytes.len();
                    heap.put(BYTES, 0, count * 12, 22 + 24 * u64::from(count));
                    for at in (from + 16..heap.bytes.len()).step_by(24) {
                        heap.bytes[at..at + 8].copy_from_slice(&FIXED.to_le_bytes());
                    }
                    // The last elements lead nowhere, so that the chain does not meet the true one at once.
                    let len = heap.bytes.len();
                    heap.bytes[len - 8..].fill(0xcc);
                }
                Item::Context { words, known } => {
                    let at = heap.bytes.len() as u64;
                    if known {
                        let limit = Addr(BASE + at + words * 8);
                        heap.contexts.push(AddrRange::new(Addr(BASE + at), limit));
                    }
                    heap.hole(std::iter::repeat_n(0, (words * 8 + 24) as usize), GapReason::AllocationContext);
                }
                Item::Damage(words) => {
                    heap.hole(std::iter::repeat_n(0xab, (words * 8) as usize), GapReason::Damaged);
                }
            }
        }
        // After the last hole objects that end with the range, so that every hole has an end.
        (0..3).for_each(|_| heap.put(FIXED, 0, 0, 24));
        heap
    }

    fn check(items: &[Item], chunk_bytes: u64, threads: usize) {
        let heap = describe(items);
        let range = AddrRange::new(Addr(BASE), Addr(BASE + heap.bytes.len() as u64));
        let memory = SplicedMemory::new(Arc::new(heap.bytes.clone()), &[(Addr(BASE), 0, range.len())]);
        let ranges = [WalkRange { objects: range, cut: true, zero_tail: false }];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let walked: Walked<u16> = pool
            .install(|| walk_in_chunks(&memory, &ranges, &heap.contexts, &Shapes, chunk_bytes, &Job::new()))
            .unwrap();
        let found: Vec<(u64, u64)> = starts_of(&walked.bits)
            .zip(&walked.types)
            .map(|(at, ty)| (at, walked.method_tables[usize::from(*ty)].0))
            .collect();
        let expected: Vec<(u64, u64)> = heap.starts.iter().map(|&(at, ty, _)| (at, ty)).collect();
        assert_eq!(found, expected);
        assert_eq!(walked.types.len(), expected.len());
        assert_eq!(walked.gaps.iter().map(|gap| gap.reason).collect::<Vec<_>>(), heap.reasons);
        for (index, &method_table) in walked.method_tables.iter().enumerate() {
            let of_type = || heap.starts.iter().filter(|start| start.1 == method_table.0);
            let rounded = |raw: u64| if method_table.is_null() { raw } else { ((raw + 7) & !7).max(24) };
            let totals = walked.totals[index];
            assert_eq!(totals.count, of_type().count() as u64);
            assert_eq!(totals.raw_bytes, of_type().map(|start| start.2).sum::<u64>());
            assert_eq!(totals.bytes, of_type().map(|start| rounded(start.2)).sum::<u64>());
            assert_eq!(totals.biggest, of_type().map(|start| rounded(start.2)).max().unwrap_or(0));
        }
        let free = walked.method_tables.iter().position(|method_table| method_table.0 == FREE);
        let free = free.map(|index| walked.totals[index]).unwrap_or_default();
        let [sums] = walked.ranges.as_slice() else { panic!("one range") };
        assert_eq!((sums.n_free, sums.free_bytes), (free.count, free.bytes));
        assert_eq!((sums.n_gaps, sums.gap_bytes), (walked.totals[0].count, walked.totals[0].bytes));
        assert_eq!(sums.n_ids, expected.len() as u64);
        assert_eq!(walked.n_marked, items.iter().filter(|item| matches!(item, Item::Marked)).count() as u64);
    }

    #[test]
    fn a_walk_finds_what_was_described() {
        check(&[], 512, 1);
        check(&[Item::Fixed, Item::Array(7), Item::Free(0), Item::Big, Item::Marked], 1 << 20, 1);
        check(
            &[Item::Context { words: 20, known: true }, Item::Fixed, Item::Context { words: 0, known: true }],
            512,
            2,
        );
        check(&[Item::Big, Item::Context { words: 3, known: false }, Item::Damage(3), Item::Fixed], 512, 2);
        // One array over many chunks; the walk steps over all of them.
        check(&[Item::Fixed, Item::Array(100_000), Item::Fixed, Item::Fixed], 512, 2);
    }

    #[test]
    fn objects_inside_an_array_are_withdrawn() {
        check(&[Item::Fixed, Item::Decoy(400), Item::Big, Item::Fixed, Item::Free(9), Item::Big], 512, 2);
        check(&vec![Item::Decoy(100); 9], 1024, 1);
    }

    #[test]
    fn absent_bytes_are_a_hole() {
        let heap = describe(&vec![Item::Fixed; 100]);
        let len = heap.bytes.len() as u64;
        // 24 + 24 bytes and a half are missing in the middle; the end is cut off in mid-object.
        let stretches = [(Addr(BASE), 0, 50 * 24 + 4), (Addr(BASE + 52 * 24), 52 * 24, len - 52 * 24 - 8 - 20)];
        let memory = SplicedMemory::new(Arc::new(heap.bytes), &stretches);
        let ranges = [WalkRange { objects: AddrRange::new(Addr(BASE), Addr(BASE + len)), cut: true, zero_tail: false }];
        let walked: Walked<u32> = walk_in_chunks(&memory, &ranges, &[], &Shapes, 512, &Job::new()).unwrap();
        assert_eq!(walked.gaps.len(), 2);
        assert_eq!(walked.gaps[0].range, AddrRange::new(Addr(BASE + 50 * 24), Addr(BASE + 52 * 24)));
        assert!(walked.gaps.iter().all(|gap| gap.reason == GapReason::Absent));
        // Of the last but one the header is present, and that is enough.
        assert_eq!(walked.totals[1].count, 103 - 3);
    }

    #[test]
    fn a_cancelled_walk_stops() {
        let heap = describe(&vec![Item::Fixed; 1000]);
        let range = AddrRange::new(Addr(BASE), Addr(BASE + heap.bytes.len() as u64));
        let memory = SplicedMemory::new(Arc::new(heap.bytes), &[(Addr(BASE), 0, range.len())]);
        let job = Job::new();
        job.cancel();
        let walked =
            walk::<u16, _>(&memory, &[WalkRange { objects: range, cut: true, zero_tail: false }], &[], &Shapes, &job);
        assert_eq!(walked.err(), Some(WalkStop::Cancelled));
    }

    #[test]
    fn more_types_than_an_index_holds_are_told() {
        /// Every multiple of 8 in a stretch is a MethodTable.
        struct Many;
        impl ShapeSource for Many {
            fn shape(&self, method_table: Addr) -> Option<WalkShape> {
                let shape = WalkShape { base_bytes: 24, component_bytes: 0, is_free: false };
                (method_table.0 >= 0x10_0000 && method_table.0 < 0x100_0000).then_some(shape)
            }
        }
        let bytes: Vec<u8> =
            (0..70_000_u64).flat_map(|n| [0x10_0000 + n * 8, 0, 0]).flat_map(u64::to_le_bytes).collect();
        let range = AddrRange::new(Addr(BASE), Addr(BASE + bytes.len() as u64));
        let memory = SplicedMemory::new(Arc::new(bytes), &[(Addr(BASE), 0, range.len())]);
        let ranges = [WalkRange { objects: range, cut: true, zero_tail: false }];
        let narrow = walk::<u16, _>(&memory, &ranges, &[], &Many, &Job::new());
        assert_eq!(narrow.err(), Some(WalkStop::TooManyTypes));
        let wide = walk::<u32, _>(&memory, &ranges, &[], &Many, &Job::new()).unwrap();
        assert_eq!(wide.types.len(), 70_000);
        assert_eq!(wide.method_tables.len(), 70_001);
    }

    fn any_item() -> impl Strategy<Value = Item> {
        prop_oneof![
            8 => Just(Item::Fixed),
            1 => Just(Item::Marked),
            6 => Just(Item::Big),
            2 => (0_u32..200).prop_map(Item::Free),
            4 => (0_u32..300).prop_map(Item::Array),
            1 => (1_u32..120).prop_map(Item::Decoy),
            1 => (0_u64..60, any::<bool>()).prop_map(|(words, known)| Item::Context { words, known }),
            1 => (1_u64..40).prop_map(Item::Damage),
        ]
    }

    proptest! {
        #[test]
        fn any_described_heap_comes_back(
            items in prop::collection::vec(any_item(), 0..400),
            chunk_words in 1_u64..20,
            threads in 1_usize..3,
        ) {
            check(&items, chunk_words * 512, threads);
        }
    }
}
