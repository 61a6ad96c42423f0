//! Chunks of the heap, and threads that walk four of them in lock-step.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::heap::Heap;
use super::tables::{Slot, Table};
use super::{
    BYTES_PER_START, GAP_INDEX, LANES, MARK_BITS, MIN_OBJECT_BYTES, RangeSums, ShapeSource, TypeIndex, WalkRange,
    WalkStop, add_totals,
};
use crate::base::{AddrRange, Job};
use crate::snapshot::{Gap, SegmentRow, TypeTotals};
use crate::target::{SplicedMemory, TargetMemory};

#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) range: usize,
    /// The whole range.
    pub(super) objects: AddrRange,
    pub(super) zero_tail: bool,
    /// This part, from the range's start, in bytes; multiples of [`WORD_BYTES`] but the last end.
    pub(super) from: u64,
    pub(super) to: u64,
    /// Room for types: what can begin in the bytes that are present.
    pub(super) n_slots: usize,
}

impl Cut {
    pub(super) fn new(memory: &SplicedMemory, index: usize, range: &WalkRange, from: u64, to: u64) -> Self {
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

    pub(super) fn n_words(&self) -> usize {
        SegmentRow::n_words(self.to - self.from)
    }
}

pub(super) fn cut_chunks(memory: &SplicedMemory, ranges: &[WalkRange], chunk_bytes: u64) -> Vec<Cut> {
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
pub(super) struct Chunk<'a, T> {
    pub(super) cut: Cut,
    pub(super) bits: &'a mut [u64],
    pub(super) types: &'a mut [T],
    /// Starts written to `types`.
    pub(super) n: usize,
    /// Where its walk began, from the range's start: guessed unless 0. `None`: no object found in reach.
    pub(super) entry: Option<u64>,
    /// Where its walk left it: at or behind `cut.to`.
    pub(super) exit: u64,
    /// True starts before those of `types`, found while stitching.
    pub(super) prefix: Vec<u32>,
    /// Leading elements of `types` that turned out not to be true starts.
    pub(super) skip: usize,
    pub(super) sums: RangeSums,
    pub(super) gaps: Vec<Gap>,
}

/// Parts of the columns for every chunk.
pub(super) fn lend<'a, T>(cuts: &[Cut], mut bits: &'a mut [u64], mut types: &'a mut [T]) -> Vec<Chunk<'a, T>> {
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
pub(super) struct Sums {
    pub(super) totals: Vec<TypeTotals>,
    pub(super) n_marked: u64,
}

impl Sums {
    pub(super) fn new() -> Self {
        Self { totals: vec![TypeTotals::default(); 256], n_marked: 0 }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, index: u32, size: u64, raw: u64, word: u64) -> bool {
        let Some(totals) = self.totals.get_mut(index as usize) else { return false };
        totals.count += 1;
        totals.bytes += size;
        totals.raw_bytes += raw;
        totals.biggest = totals.biggest.max(size);
        self.n_marked += u64::from(word & MARK_BITS != 0);
        true
    }

    pub(super) fn reach(&mut self, index: u32) {
        if self.totals.len() <= index as usize {
            self.totals.resize((index as usize + 1).next_power_of_two(), TypeTotals::default());
        }
    }
}

/// Walks all chunks, each from its guessed or certain entry.
pub(super) fn walk_chunks<'a, 'b, T: TypeIndex, S: ShapeSource>(
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
pub(super) fn walk_lanes<'a: 'b, 'b, T: TypeIndex, S: ShapeSource>(
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
    if let [a, b, c, d] = lanes.as_mut_slice() {
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
                break;
            }
        }
    }
    lanes.retain(|lane| !lane.is_done);
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
pub(super) struct Lane<'m, 'a, 'b, T> {
    pub(super) chunk: &'b mut Chunk<'a, T>,
    /// Memory that holds the present position.
    pub(super) bytes: &'m [u8],
    /// Where `bytes` begins, from the range's start.
    pub(super) bytes_at: u64,
    /// The present position, from the range's start.
    pub(super) at: u64,
    /// End of the range, from its start.
    pub(super) end: u64,
    pub(super) is_done: bool,
}

impl<'m, 'a, 'b, T: TypeIndex> Lane<'m, 'a, 'b, T> {
    pub(super) fn new<S: ShapeSource>(chunk: &'b mut Chunk<'a, T>, at: u64, heap: &Heap<'m, S>) -> Self {
        let end = chunk.cut.objects.len();
        let mut lane = Lane { chunk, bytes: &[], bytes_at: 0, at, end, is_done: false };
        lane.seat(heap);
        lane
    }

    /// Takes the memory that holds the present position.
    pub(super) fn seat<S: ShapeSource>(&mut self, heap: &Heap<'m, S>) {
        let at = self.chunk.cut.objects.start.plus(self.at);
        self.bytes = heap.memory.bytes_at(at).unwrap_or_default();
        self.bytes_at = self.at;
    }

    /// One object further; false when it needs a closer look.
    #[inline(always)]
    pub(super) fn step(&mut self, table: &Table, sums: &mut Sums) -> bool {
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
    pub(super) fn slow_step<S: ShapeSource>(&mut self, heap: &Heap<'m, S>, table: &mut Table, sums: &mut Sums) -> bool {
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
    pub(super) fn place(&mut self, index: u32) {
        let chunk = &mut *self.chunk;
        let slot = (self.at - chunk.cut.from) / 8;
        if let (Some(word), Some(ty)) = (chunk.bits.get_mut((slot / 64) as usize), chunk.types.get_mut(chunk.n)) {
            *word |= 1 << (slot % 64);
            *ty = T::from_u32(index);
            chunk.n += 1;
        }
    }

    pub(super) fn close(&mut self) {
        self.chunk.exit = self.at;
    }
}

pub(super) fn split_header(header: &[u8; 16]) -> (u64, u32) {
    let [w0, w1, w2, w3, w4, w5, w6, w7, c0, c1, c2, c3, ..] = *header;
    (u64::from_le_bytes([w0, w1, w2, w3, w4, w5, w6, w7]), u32::from_le_bytes([c0, c1, c2, c3]))
}

/// Bytes of an object before and after rounding up to the alignment; at least the smallest object's, which matters for
/// the empty string (22).
#[inline(always)]
pub(super) fn object_bytes(slot: &Slot, count: u32) -> (u64, u64) {
    let raw = u64::from(slot.base_bytes) + u64::from(slot.component_bytes) * u64::from(count);
    let raw = raw.max(MIN_OBJECT_BYTES);
    (raw, (raw + 7) & !7)
}
