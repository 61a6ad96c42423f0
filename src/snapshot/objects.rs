//! Objects as columns: a start bitmap with one rank per word, and a type per id.
//!
//! ```text
//! segment 0            segment 1
//! bits  1000100000010  100010000…      one bit per 8 bytes of heap, 1 = something begins here
//! rank  0              37              ids before each word of 64 bits
//! ```
//!
//! An address becomes an id by segment, bit and rank; an id becomes an address by the inverse, begun at a sample. Both
//! cost a few cached loads, and all of it costs 2.4 % of the heap's bytes plus two bytes per id.

use super::{ObjectId, TypeId};
use crate::base::{Addr, AddrRange, Generation, SegmentKind};

/// Bytes per bit of the start bitmap: the alignment of objects (64-bit targets).
pub const SLOT_BYTES: u64 = 8;
/// Heap bytes per word of the start bitmap.
const WORD_BYTES: u64 = SLOT_BYTES * 64;
/// Ids per sample.
const SAMPLE_IDS: usize = 64;

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

    /// Words of the start bitmap that cover a segment of `len` bytes.
    #[must_use]
    pub const fn n_words(len: u64) -> usize {
        len.div_ceil(WORD_BYTES) as usize
    }

    /// Ids inside.
    #[must_use]
    pub fn ids(&self) -> std::ops::Range<u32> {
        self.first_id..self.first_id + self.n_ids
    }
}

/// A type per id, as narrow as the table of types allows.
#[derive(Clone, Debug)]
pub enum TypeColumn {
    /// Up to 65,536 types.
    Narrow(Vec<u16>),
    /// More.
    Wide(Vec<u32>),
}

impl Default for TypeColumn {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl TypeColumn {
    /// Types as given.
    #[must_use]
    pub fn new(types: &[TypeId]) -> Self {
        if types.iter().all(|ty| u16::try_from(ty.0).is_ok()) {
            Self::Narrow(types.iter().map(|ty| ty.0 as u16).collect())
        } else {
            Self::Wide(types.iter().map(|ty| ty.0).collect())
        }
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Narrow(types) => types.len(),
            Self::Wide(types) => types.len(),
        }
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn get(&self, index: usize) -> TypeId {
        match self {
            Self::Narrow(types) => TypeId(u32::from(types[index])),
            Self::Wide(types) => TypeId(types[index]),
        }
    }

    fn heap_bytes(&self) -> u64 {
        match self {
            Self::Narrow(types) => types.len() as u64 * 2,
            Self::Wide(types) => types.len() as u64 * 4,
        }
    }
}

/// What an address look-up needs of a segment, close together.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u64,
    len: u64,
    first_word: usize,
}

/// Where the sampled ids stand.
#[derive(Clone, Copy, Debug)]
struct Sample {
    word: u32,
    segment: u32,
}

/// Every object of the heap.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    segments: Vec<SegmentRow>,
    spans: Vec<Span>,
    granules: Granules,
    bits: Vec<u64>,
    /// Ids before each word.
    ranks: Vec<u32>,
    /// Word and segment of every 64th id, and of the end.
    samples: Vec<Sample>,
    types: TypeColumn,
}

/// Not an id: ids are fewer.
pub const NO_ID: u32 = u32::MAX;
/// Not a bit of the start bitmap.
const NO_SLOT: u64 = u64::MAX;

/// What [`Objects::at_each`] works with, kept between calls.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    /// Segment of the last address.
    near: usize,
    slots: Vec<u64>,
    bits: Vec<u64>,
}

/// One id met in sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id.
    pub id: ObjectId,
    /// Where it begins.
    pub address: Addr,
    /// Bytes it occupies.
    pub size: u64,
    /// Its type.
    pub ty: TypeId,
}

impl Objects {
    /// Columns from plain lists: `addresses` sorted, multiples of 8, inside `segments`; one type per address. Ids of the
    /// segments are filled in. Meant for snapshots made by hand.
    #[must_use]
    pub fn new(mut segments: Vec<SegmentRow>, addresses: Vec<Addr>, types: Vec<TypeId>) -> Self {
        segments.sort_by_key(|segment| segment.objects.start);
        let mut bits = Vec::new();
        let mut inside = 0;
        for segment in &segments {
            let first_word = bits.len();
            bits.resize(first_word + SegmentRow::n_words(segment.objects.len()), 0_u64);
            let from = addresses.partition_point(|&at| at < segment.objects.start);
            let to = addresses.partition_point(|&at| at < segment.objects.end);
            inside += to - from;
            for at in &addresses[from..to] {
                let slot = (at.0 - segment.objects.start.0) / SLOT_BYTES;
                bits[first_word + (slot / 64) as usize] |= 1 << (slot % 64);
            }
        }
        debug_assert_eq!(inside, addresses.len(), "every address lies in a segment");
        Self::from_bits(segments, bits, TypeColumn::new(&types))
    }

    /// Columns from a start bitmap: the words of each of `segments` (sorted, apart from each other) one after the other,
    /// [`SegmentRow::n_words`] each, and a type per set bit. Ids of the segments are filled in.
    #[must_use]
    pub fn from_bits(mut segments: Vec<SegmentRow>, bits: Vec<u64>, types: TypeColumn) -> Self {
        let mut ranks = Vec::with_capacity(bits.len());
        let mut samples = Vec::with_capacity(types.len() / SAMPLE_IDS + 2);
        let mut spans = Vec::with_capacity(segments.len());
        let mut rank = 0_u32;
        let mut word = 0;
        for (index, segment) in segments.iter_mut().enumerate() {
            let len = segment.objects.len();
            spans.push(Span { start: segment.objects.start.0, len, first_word: word });
            segment.first_id = rank;
            for _ in 0..SegmentRow::n_words(len) {
                let count = bits[word].count_ones();
                ranks.push(rank);
                // At most one sample per word: a word holds 64 ids and a sample stands at every 64th.
                if samples.len() * SAMPLE_IDS < rank as usize + count as usize {
                    samples.push(Sample { word: word as u32, segment: index as u32 });
                }
                rank += count;
                word += 1;
            }
            segment.n_ids = rank - segment.first_id;
        }
        samples.push(Sample { word: word as u32, segment: segments.len() as u32 });
        debug_assert_eq!(rank as usize, types.len(), "one type per start");
        let granules = Granules::new(&spans);
        Self { segments, spans, granules, bits, ranks, samples, types }
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
        let (word, segment) = self.locate(object);
        let bit = nth_set_bit(self.bits[word], object.0 - self.ranks[word]);
        self.slot_address(segment, word, bit)
    }

    /// Bytes `object` occupies: the distance to what follows it.
    #[must_use]
    pub fn size(&self, object: ObjectId) -> u64 {
        let (word, segment) = self.locate(object);
        let bit = nth_set_bit(self.bits[word], object.0 - self.ranks[word]);
        self.next_start(segment, word, bit).0 - self.slot_address(segment, word, bit).0
    }

    /// Its type. Column look-up.
    #[must_use]
    pub fn type_of(&self, object: ObjectId) -> TypeId {
        self.types.get(object.index())
    }

    /// Segment that holds `object`.
    #[must_use]
    pub fn segment_of(&self, object: ObjectId) -> &SegmentRow {
        &self.segments[self.segment_index(object)]
    }

    /// Its generation.
    #[must_use]
    pub fn generation(&self, object: ObjectId) -> Generation {
        self.segment_of(object).generation(self.address(object))
    }

    /// The object (free block, gap) that begins exactly at `at`. One rank look-up.
    #[must_use]
    pub fn at(&self, at: Addr) -> Option<ObjectId> {
        let segment = self.granules.segment_of(at.0, &self.spans)?;
        self.at_in(segment, at)
    }

    /// [`Objects::at`] for many addresses: one answer each, [`NO_ID`] for none. Look-ups in a big heap miss the cache;
    /// step by step for all of them the misses overlap, one after the other they would not.
    pub fn at_each(&self, addresses: &[u64], batch: &mut Lookup, into: &mut Vec<u32>) {
        let Lookup { near, slots, bits } = batch;
        slots.clear();
        slots.extend(addresses.iter().map(|&at| self.slot_of(at, near).unwrap_or(NO_SLOT)));
        // What is no slot reads the first word, which is in the cache, and is thrown away below.
        let word = |slot: u64| if slot == NO_SLOT { 0 } else { (slot / 64) as usize };
        bits.clear();
        into.clear();
        if self.bits.is_empty() {
            into.resize(addresses.len(), NO_ID);
            return;
        }
        bits.extend(slots.iter().map(|&slot| self.bits[word(slot)]));
        into.extend(slots.iter().map(|&slot| self.ranks[word(slot)]));
        for ((id, &slot), &bits) in into.iter_mut().zip(slots.iter()).zip(bits.iter()) {
            let bit = slot % 64;
            let is_start = slot != NO_SLOT && bits >> bit & 1 == 1;
            let before = (bits & !(u64::MAX << bit)).count_ones();
            *id = if is_start { *id + before } else { NO_ID };
        }
    }

    /// Bit of the start bitmap for the address `at`; tries segment `near` first, and leaves there the one it found.
    #[inline]
    fn slot_of(&self, at: u64, near: &mut usize) -> Option<u64> {
        let mut span = self.spans.get(*near)?;
        if at.wrapping_sub(span.start) >= span.len {
            *near = self.granules.segment_of(at, &self.spans)?;
            span = self.spans.get(*near)?;
        }
        let offset = at.wrapping_sub(span.start);
        offset.is_multiple_of(SLOT_BYTES).then_some(span.first_word as u64 * 64 + offset / SLOT_BYTES)
    }

    /// The object (free block, gap) that contains `at`, and the bytes from its start.
    #[must_use]
    pub fn containing(&self, at: Addr) -> Option<(ObjectId, u64)> {
        let segment = self.granules.segment_of(at.0, &self.spans)?;
        let span = self.spans[segment];
        let slot = (at.0 - span.start) / SLOT_BYTES;
        let word = span.first_word + (slot / 64) as usize;
        let up_to = self.bits[word] & (u64::MAX >> (63 - slot % 64));
        let object = ObjectId((self.ranks[word] + up_to.count_ones()).checked_sub(1)?);
        // Before the first start of its segment nothing contains it.
        self.segments[segment].ids().contains(&object.0).then(|| (object, at.0 - self.address(object).0))
    }

    /// Every id of `ids` with address, size and type, in order: no search per object. Ids past the end are left out.
    #[must_use]
    pub fn entries(&self, ids: std::ops::Range<u32>) -> Entries<'_> {
        let end = ids.end.min(self.len() as u32);
        let mut entries =
            Entries { objects: self, next: ids.start, end, segment: 0, segment_last_word: 0, word: 0, rest: 0, at: 0 };
        if ids.start < end {
            entries.seek(ObjectId(ids.start));
        }
        entries
    }

    /// Every id with address, size and type, in order.
    #[must_use]
    pub fn all_entries(&self) -> Entries<'_> {
        self.entries(0..self.len() as u32)
    }

    /// Bytes of memory these columns take.
    #[must_use]
    pub fn heap_bytes(&self) -> u64 {
        let samples = size_of_val(self.samples.as_slice());
        let tables = size_of_val(self.segments.as_slice()) + size_of_val(self.spans.as_slice());
        let columns = size_of_val(self.bits.as_slice()) + size_of_val(self.ranks.as_slice());
        self.types.heap_bytes() + (columns + samples + tables) as u64 + self.granules.heap_bytes()
    }

    fn at_in(&self, segment: usize, at: Addr) -> Option<ObjectId> {
        let span = &self.spans[segment];
        let offset = at.0 - span.start;
        let word = span.first_word + (offset / WORD_BYTES) as usize;
        let bit = offset / SLOT_BYTES % 64;
        let bits = self.bits[word];
        let is_start = bits >> bit & 1 == 1 && offset.is_multiple_of(SLOT_BYTES);
        is_start.then(|| ObjectId(self.ranks[word] + (bits & !(u64::MAX << bit)).count_ones()))
    }

    /// Word that holds the bit of `object`, and its segment.
    fn locate(&self, object: ObjectId) -> (usize, usize) {
        let sample = object.index() / SAMPLE_IDS;
        let from = self.samples[sample].word as usize;
        let to = self.samples[sample + 1].word as usize;
        // The last word with at most `object` ids before it; empty words before it have the same rank.
        let in_range = self.ranks[from..(to + 1).min(self.ranks.len())].partition_point(|&rank| rank <= object.0);
        (from + in_range - 1, self.segment_index(object))
    }

    fn segment_index(&self, object: ObjectId) -> usize {
        let sample = object.index() / SAMPLE_IDS;
        let from = self.samples[sample].segment as usize;
        let to = (self.samples[sample + 1].segment as usize + 1).min(self.segments.len());
        from + self.segments[from..to].partition_point(|segment| segment.first_id + segment.n_ids <= object.0)
    }

    fn slot_address(&self, segment: usize, word: usize, bit: u32) -> Addr {
        let span = &self.spans[segment];
        Addr(span.start + (word - span.first_word) as u64 * WORD_BYTES + u64::from(bit) * SLOT_BYTES)
    }

    /// Where the next thing after this start begins, or its segment ends.
    fn next_start(&self, segment: usize, word: usize, bit: u32) -> Addr {
        let rest = self.bits[word] & (u64::MAX << bit << 1);
        if rest != 0 {
            return self.slot_address(segment, word, rest.trailing_zeros());
        }
        let last_word = self.spans[segment].first_word + SegmentRow::n_words(self.spans[segment].len);
        // Ids up to the end of this word: words with the same rank after it are empty (a big object covers them).
        let Some(&rank) = self.ranks.get(word + 1) else { return self.segments[segment].objects.end };
        let end = galloping_end(&self.ranks[word + 1..last_word.max(word + 1)], rank);
        let next_word = word + end;
        if next_word <= word || self.bits[next_word] == 0 {
            return self.segments[segment].objects.end;
        }
        self.slot_address(segment, next_word, self.bits[next_word].trailing_zeros())
    }
}

/// Number of leading elements of `ranks` (ascending) that equal `rank`: doubling steps, then a search, so that a small
/// object costs one look and a gigabyte array some thirty.
fn galloping_end(ranks: &[u32], rank: u32) -> usize {
    let mut step = 1;
    while step < ranks.len() && ranks[step] == rank {
        step *= 2;
    }
    let to = step.min(ranks.len());
    let from = (step / 2).min(to);
    from + ranks[from..to].partition_point(|&other| other == rank)
}

/// Position of the set bit with `n` set bits below it. `n` must be below the count of set bits.
fn nth_set_bit(mut bits: u64, n: u32) -> u32 {
    for _ in 0..n {
        bits &= bits.wrapping_sub(1);
    }
    bits.trailing_zeros()
}

/// Ids in sequence. See [`Objects::entries`].
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    objects: &'a Objects,
    next: u32,
    end: u32,
    segment: usize,
    /// Behind the last word of the segment.
    segment_last_word: usize,
    word: usize,
    /// Bits of `word` from the next start on.
    rest: u64,
    /// Address of the next start.
    at: u64,
}

impl Entries<'_> {
    fn seek(&mut self, object: ObjectId) {
        let (word, segment) = self.objects.locate(object);
        let bit = nth_set_bit(self.objects.bits[word], object.0 - self.objects.ranks[word]);
        self.enter(segment);
        self.word = word;
        self.rest = self.objects.bits[word] & (u64::MAX << bit);
        self.at = self.objects.slot_address(segment, word, bit).0;
    }

    fn enter(&mut self, segment: usize) {
        let span = self.objects.spans[segment];
        self.segment = segment;
        self.segment_last_word = span.first_word + SegmentRow::n_words(span.len);
    }

    /// Steps to the following start, and returns where the present one ends.
    fn step(&mut self) -> u64 {
        self.rest &= self.rest.wrapping_sub(1);
        let objects = self.objects;
        while self.rest == 0 {
            self.word += 1;
            if self.word >= self.segment_last_word {
                let end = objects.segments[self.segment].objects.end.0;
                // The next segment that holds ids, when this was not the last id.
                let mut segment = self.segment + 1;
                while segment < objects.segments.len() && objects.segments[segment].n_ids == 0 {
                    segment += 1;
                }
                if segment < objects.segments.len() {
                    self.enter(segment);
                    self.word = objects.spans[segment].first_word;
                    while objects.bits[self.word] == 0 {
                        self.word += 1;
                    }
                    self.rest = objects.bits[self.word];
                    self.at = objects.slot_address(segment, self.word, self.rest.trailing_zeros()).0;
                }
                return end;
            }
            self.rest = objects.bits[self.word];
        }
        self.at = objects.slot_address(self.segment, self.word, self.rest.trailing_zeros()).0;
        self.at
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if self.next >= self.end {
            return None;
        }
        let id = ObjectId(self.next);
        self.next += 1;
        let address = self.at;
        let end = self.step();
        Some(Entry { id, address: Addr(address), size: end - address, ty: self.objects.type_of(id) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.next.min(self.end)) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Entries<'_> {}

/// Address to segment in two look-ups: stretches of 64 GiB lead to tables of granules of 4 MiB (a region of the GC), and
/// a granule to the first segment that ends inside or behind it. Where addresses are too wild for tables, a search.
#[derive(Clone, Debug, Default)]
struct Granules {
    /// Per stretch: number of its table plus one, 0 = no segment there. Empty when tables do not serve.
    stretches: Vec<u16>,
    tables: Vec<u32>,
}

/// No segment begins in or reaches into the granule.
const NO_SEGMENT: u32 = u32::MAX;

impl Granules {
    const GRANULE_SHIFT: u32 = 22;
    const STRETCH_SHIFT: u32 = 36;
    const ADDRESS_BITS: u32 = 48;
    const TABLE_LEN: usize = 1 << (Self::STRETCH_SHIFT - Self::GRANULE_SHIFT);
    /// Tables at most: 16 MiB of memory.
    const MOST_TABLES: usize = 256;

    fn new(spans: &[Span]) -> Self {
        Self::tables(spans).unwrap_or_default()
    }

    fn tables(spans: &[Span]) -> Option<Self> {
        let mut stretches = vec![0_u16; 1 << (Self::ADDRESS_BITS - Self::STRETCH_SHIFT)];
        let mut tables: Vec<u32> = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            let Some(before_end) = span.len.checked_sub(1) else { continue };
            let last = span.start.checked_add(before_end)?;
            if last >> Self::ADDRESS_BITS != 0 {
                return None;
            }
            for granule in span.start >> Self::GRANULE_SHIFT..=last >> Self::GRANULE_SHIFT {
                let granule = granule as usize;
                let stretch = &mut stretches[granule / Self::TABLE_LEN];
                if *stretch == 0 {
                    let n_tables = tables.len() / Self::TABLE_LEN;
                    if n_tables == Self::MOST_TABLES {
                        return None;
                    }
                    tables.resize(tables.len() + Self::TABLE_LEN, NO_SEGMENT);
                    *stretch = n_tables as u16 + 1;
                }
                let entry = &mut tables[(usize::from(*stretch) - 1) * Self::TABLE_LEN + granule % Self::TABLE_LEN];
                if *entry == NO_SEGMENT {
                    *entry = index as u32;
                }
            }
        }
        Some(Self { stretches, tables })
    }

    fn segment_of(&self, at: u64, spans: &[Span]) -> Option<usize> {
        let mut index = if self.stretches.is_empty() {
            spans.partition_point(|span| span.start <= at).checked_sub(1)?
        } else {
            let stretch = *self.stretches.get((at >> Self::STRETCH_SHIFT) as usize)?;
            let table = usize::from(stretch).checked_sub(1)?;
            let granule = (at >> Self::GRANULE_SHIFT) as usize % Self::TABLE_LEN;
            let first = self.tables[table * Self::TABLE_LEN + granule];
            if first == NO_SEGMENT {
                return None;
            }
            first as usize
        };
        loop {
            let span = spans.get(index).filter(|span| span.start <= at)?;
            if at - span.start < span.len {
                return Some(index);
            }
            index += 1;
        }
    }

    fn heap_bytes(&self) -> u64 {
        (size_of_val(self.stretches.as_slice()) + size_of_val(self.tables.as_slice())) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(start: u64, len: u64) -> SegmentRow {
        let end = Addr(start + len);
        SegmentRow {
            address: Addr::NULL,
            kind: SegmentKind::Gen2,
            heap: 0,
            objects: AddrRange::new(Addr(start), end),
            committed_end: end,
            reserved_end: end,
            gen1_start: Addr::NULL,
            gen0_start: Addr::NULL,
            first_id: 0,
            n_ids: 0,
        }
    }

    /// Segments of objects with the given sizes (in slots), with `apart` bytes between segments.
    fn heap(segments: &[Vec<u64>], apart: u64) -> (Vec<SegmentRow>, Vec<Addr>, Vec<u64>) {
        let (mut rows, mut addresses, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = 0x7f00_0000_0028;
        for objects in segments {
            rows.push(segment(at, objects.iter().sum::<u64>() * 8));
            for slots in objects {
                addresses.push(Addr(at));
                sizes.push(slots * 8);
                at += slots * 8;
            }
            at += apart;
        }
        (rows, addresses, sizes)
    }

    /// Everything an id answers must be what the plain lists say.
    fn check(segments: &[Vec<u64>], apart: u64) {
        let (rows, addresses, sizes) = heap(segments, apart);
        let types: Vec<TypeId> = (0..addresses.len() as u32).map(|index| TypeId(index * 7 % 5)).collect();
        let objects = Objects::new(rows.clone(), addresses.clone(), types.clone());
        assert_eq!(objects.len(), addresses.len());
        for (id, (&at, &size)) in objects.ids().zip(addresses.iter().zip(&sizes)) {
            assert_eq!(objects.address(id), at);
            assert_eq!(objects.size(id), size, "size of {at}");
            assert_eq!(objects.type_of(id), types[id.index()]);
            assert!(objects.segment_of(id).objects.contains(at));
            for inside in [0, 1, 7, 8, size / 2, size - 1].into_iter().filter(|&inside| inside < size) {
                assert_eq!(
                    objects.at(at.plus(inside)),
                    (inside == 0).then_some(id).or(at_list(&addresses, at.0 + inside))
                );
                assert_eq!(objects.containing(at.plus(inside)), Some((id, inside)));
            }
        }
        for row in &rows {
            let before = row.objects.start.0 - 1;
            assert_eq!(
                objects.containing(Addr(before)).is_some(),
                rows.iter().any(|row| row.objects.contains(Addr(before)))
            );
            assert_eq!(objects.at(row.objects.end), at_list(&addresses, row.objects.end.0));
        }
        let asked: Vec<u64> = addresses
            .iter()
            .flat_map(|at| [at.0, at.0 + 8, at.0 + 4])
            .chain(rows.iter().flat_map(|row| [row.objects.end.0, row.objects.start.0.wrapping_sub(8)]))
            .chain([0, 8, u64::MAX])
            .collect();
        let mut answers = vec![7];
        objects.at_each(&asked, &mut Lookup::default(), &mut answers);
        let expected: Vec<u32> = asked.iter().map(|&at| objects.at(Addr(at)).map_or(NO_ID, |id| id.0)).collect();
        assert_eq!(answers, expected);
        assert_eq!(objects.at(Addr(0x8)), None);
        assert_eq!(objects.at(Addr(u64::MAX - 7)), None);
        let expected: Vec<Entry> = objects
            .ids()
            .map(|id| Entry { id, address: addresses[id.index()], size: sizes[id.index()], ty: types[id.index()] })
            .collect();
        assert_eq!(objects.all_entries().collect::<Vec<_>>(), expected);
        let n = addresses.len() as u32;
        for from in [0, 1, n / 3, n.saturating_sub(1), n, n + 4] {
            let to = from + n / 2;
            let slice = &expected[(from.min(n) as usize)..(to.min(n) as usize)];
            assert_eq!(objects.entries(from..to).collect::<Vec<_>>(), slice);
        }
    }

    fn at_list(addresses: &[Addr], at: u64) -> Option<ObjectId> {
        addresses.binary_search(&Addr(at)).ok().map(|index| ObjectId(index as u32))
    }

    #[test]
    fn columns_answer_like_plain_lists() {
        check(&[], 0);
        check(&[vec![3]], 0);
        check(&[vec![3; 200], vec![], vec![4, 5, 6]], 0x1000);
        // A big object covers many empty words; segments touch; a segment ends with a big one.
        check(&[vec![3, 70_000, 3, 64, 64, 200], vec![5000, 3], vec![1]], 0);
        // Many segments in one granule, and segments in stretches far apart.
        check(&vec![vec![3, 4]; 300], 0x40);
        check(&vec![vec![3, 4]; 20], 1 << 37);
        // Addresses too high for tables are searched.
        check(&vec![vec![3, 4]; 20], 1 << 46);
    }

    #[test]
    fn many_types_make_the_column_wide() {
        let (rows, addresses, _) = heap(&[vec![3, 3]], 0);
        let objects = Objects::new(rows, addresses, vec![TypeId(1), TypeId(70_000)]);
        assert_eq!(objects.type_of(ObjectId(1)), TypeId(70_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_heap_answers_like_plain_lists(
            segments in prop::collection::vec(prop::collection::vec(prop_oneof![8 => 3_u64..12, 1 => 1_u64..3000], 0..200), 0..6),
            apart in prop_oneof![Just(0_u64), Just(8), Just(0x40_0000), Just(1 << 40)],
        ) {
            check(&segments, apart);
        }
    }
}
