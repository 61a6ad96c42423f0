//! The collector's heaps, generations and segments (or regions), and which memory holds objects.
//!
//! ```text
//! GcVars ─ generation table ─┬ gen 0 ─ segment ─ segment      workstation: one table
//!                            ├ gen 1 ─ …                      server: one table inside each gc_heap
//!                            ├ gen 2 ─ frozen ─ segment …
//!                            ├ large
//!                            └ pinned                         from 5.0 on
//! ```
//!
//! Layouts were measured on 2.1, 3.1, 8, 9 and 10, workstation and server, built-in and stand-alone collectors. Nothing
//! is chosen by a version: where a field's place is not published by the runtime, it is searched and checked.

use super::gc_segment::{RawSegment, list};
use super::gc_vars::{GcVars, Var};
use super::words::{int32, word, words};
use crate::base::found::{GcLayoutKind, GcMode};
use crate::base::{Addr, AddrRange, Limits, Place, SegmentKind, Skipped, Warnings};
use crate::target::SplicedMemory;

/// A segment or region and the objects in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Address of the runtime's `heap_segment`.
    pub address: Addr,
    /// What it holds.
    pub kind: SegmentKind,
    /// Index of its heap.
    pub heap: u32,
    /// From the first object to the end of the last: what to walk.
    pub objects: AddrRange,
    /// True when the end could not be read and committed memory is walked instead: a zero tail is no damage.
    pub end_is_committed: bool,
    /// End of committed memory.
    pub committed_end: Addr,
    /// End of reserved memory.
    pub reserved_end: Addr,
    /// In an ephemeral segment: where generation 1 begins.
    pub gen1_start: Addr,
    /// In an ephemeral segment: where generation 0 begins.
    pub gen0_start: Addr,
}

/// One heap: the only one of a workstation collector, or one of a server collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubHeap {
    /// Its number.
    pub index: u32,
    /// Address of its `gc_heap`; null with a workstation collector.
    pub address: Addr,
    /// Address of its table of generations.
    pub generation_table: Addr,
    /// The segment that generation 0 allocates in.
    pub ephemeral_segment: Addr,
    /// End of the objects of that segment.
    pub alloc_allocated: Addr,
    /// Its `CFinalize`; null when it could not be read.
    pub finalize_queue: Addr,
}

/// The managed heap.
#[derive(Clone, Debug)]
pub struct GcHeap {
    /// Workstation or server.
    pub mode: GcMode,
    /// Segments or regions.
    pub layout: GcLayoutKind,
    /// Heaps, by number.
    pub heaps: Vec<SubHeap>,
    /// Segments by address of their objects; they do not overlap.
    pub segments: Vec<Segment>,
    /// Unused parts of allocation contexts: from the next free byte to the limit, sorted. The next object begins 24
    /// bytes behind the limit.
    pub alloc_contexts: Vec<AddrRange>,
    /// Number of generations.
    pub n_generations: u64,
    /// A blocking collection was under way.
    pub in_progress: bool,
    /// A background collection was under way; `None` when it cannot be told.
    pub background: Option<bool>,
}

/// Where the fields of a `generation` stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GenerationLayout {
    pub(crate) bytes: u64,
    pub(crate) n: u64,
    pub(crate) start_segment: u64,
    /// `None` with regions.
    pub(crate) allocation_start: Option<u64>,
    /// The runtime's own array of offsets was readable.
    pub(crate) is_published: bool,
}

impl GenerationLayout {
    /// From the runtime's array of offsets, or the places that held in every version seen.
    fn new(memory: &SplicedMemory, vars: &GcVars) -> Self {
        let array = vars.generation_field_offsets;
        let read = |index: u64| if array.is_null() { None } else { int32(memory, array, index.wrapping_mul(4)) };
        let published = read(1).and_then(|offset| u64::try_from(offset).ok());
        Self {
            bytes: vars.generation_bytes,
            n: vars.generations(),
            start_segment: published.unwrap_or(0x38),
            allocation_start: match read(2) {
                Some(offset) => u64::try_from(offset).ok(),
                None => Some(0x40),
            },
            is_published: published.is_some(),
        }
    }

    /// Address of the entry of `generation`.
    pub(crate) fn entry(&self, table: Addr, generation: u64) -> Addr {
        table.plus(generation.wrapping_mul(self.bytes))
    }

    /// The segment that `generation` begins with.
    pub(crate) fn first_segment(&self, memory: &SplicedMemory, table: Addr, generation: u64) -> Option<Addr> {
        word(memory, self.entry(table, generation), self.start_segment)
    }

    /// True when every generation of a table at `table` begins with a sound segment, and the large one with a large
    /// one. The mark of the large objects' segments is what chance does not bring.
    fn is_table(&self, memory: &SplicedMemory, table: Addr) -> bool {
        (0..self.n).all(|generation| {
            self.first_segment(memory, table, generation)
                .and_then(|at| RawSegment::read(memory, at))
                .is_some_and(|segment| segment.is_sound() && (generation == 3) == segment.is_large())
        })
    }
}

impl GcHeap {
    /// Heaps and segments of the collector whose variables are `vars`. `None` when there is no heap with segments.
    pub(crate) fn read(
        memory: &SplicedMemory,
        vars: &GcVars,
        limits: &Limits,
        warnings: &mut Warnings,
    ) -> Option<Self> {
        let mut layout = GenerationLayout::new(memory, vars);
        let heaps = if vars.is_server() {
            server_heaps(memory, vars, &layout, limits, warnings)
        } else {
            vec![SubHeap {
                index: 0,
                address: Addr::NULL,
                generation_table: vars.address(Var::GenerationTable),
                ephemeral_segment: vars.value(memory, Var::EphemeralSegment).unwrap_or_default(),
                alloc_allocated: vars.value(memory, Var::AllocAllocated).unwrap_or_default(),
                finalize_queue: vars.value(memory, Var::FinalizeQueue).unwrap_or_default(),
            }]
        };
        let mut heaps = heaps;
        let first = heaps.first()?;
        if !layout.is_published && vars.n_generations.is_some() {
            // Without the published offsets: with regions every generation has its own first region.
            let gen0 = layout.first_segment(memory, first.generation_table, 0);
            let gen1 = layout.first_segment(memory, first.generation_table, 1);
            if gen0.is_some() && gen0 != gen1 {
                layout.allocation_start = None;
            }
        }
        for heap in heaps.iter_mut().filter(|heap| heap.ephemeral_segment.is_null()) {
            heap.ephemeral_segment = layout.first_segment(memory, heap.generation_table, 0).unwrap_or_default();
        }
        let mut heap = Self {
            mode: if vars.is_server() { GcMode::Server } else { GcMode::Workstation },
            layout: if layout.allocation_start.is_some() { GcLayoutKind::Segments } else { GcLayoutKind::Regions },
            heaps,
            segments: Vec::new(),
            alloc_contexts: Vec::new(),
            n_generations: layout.n,
            in_progress: vars.number(memory, Var::StructuresInvalid).is_some_and(|count| count > 0),
            // 0 marking, 1 sweeping, 2 at rest (c_gc_state, gcinterface.dac.h).
            background: vars.number(memory, Var::BackgroundState).map(|state| state != 2),
        };
        heap.read_segments(memory, &layout, limits, warnings);
        (!heap.segments.is_empty()).then_some(heap)
    }

    /// A heap made of a table of generations found without [`GcVars`].
    pub(crate) fn from_table(
        memory: &SplicedMemory,
        table: Addr,
        layout: &GenerationLayout,
        limits: &Limits,
        warnings: &mut Warnings,
    ) -> Option<Self> {
        let mut heap = Self {
            mode: GcMode::Workstation,
            layout: if layout.allocation_start.is_some() { GcLayoutKind::Segments } else { GcLayoutKind::Regions },
            heaps: vec![SubHeap {
                index: 0,
                address: Addr::NULL,
                generation_table: table,
                ephemeral_segment: layout.first_segment(memory, table, 0).unwrap_or_default(),
                alloc_allocated: Addr::NULL,
                finalize_queue: Addr::NULL,
            }],
            segments: Vec::new(),
            alloc_contexts: Vec::new(),
            n_generations: layout.n,
            in_progress: false,
            background: None,
        };
        heap.read_segments(memory, layout, limits, warnings);
        (!heap.segments.is_empty()).then_some(heap)
    }

    fn read_segments(
        &mut self,
        memory: &SplicedMemory,
        layout: &GenerationLayout,
        limits: &Limits,
        warnings: &mut Warnings,
    ) {
        let heaps = self.heaps.clone();
        let mut seen = std::collections::HashSet::new();
        for heap in &heaps {
            for generation in 0..layout.n {
                let Some(first) = layout.first_segment(memory, heap.generation_table, generation) else {
                    let at = layout.entry(heap.generation_table, generation);
                    warnings.skip(
                        Skipped::Segment,
                        Some(Place::Target(at)),
                        format_args!("generation {generation} of heap {} is not in the dump", heap.index),
                    );
                    continue;
                };
                for at in list(memory, first, limits.heap_segments, &mut seen, warnings) {
                    self.add_segment(memory, layout, heap, generation, at, warnings);
                }
            }
        }
        self.segments.sort_by_key(|segment| (segment.objects.start, segment.address));
        drop_overlapping(&mut self.segments, warnings);
        for heap in &heaps {
            for generation in 0..layout.n {
                self.add_context(memory, layout.entry(heap.generation_table, generation));
            }
        }
        self.alloc_contexts.sort_unstable();
        self.alloc_contexts.dedup();
    }

    fn add_segment(
        &mut self,
        memory: &SplicedMemory,
        layout: &GenerationLayout,
        heap: &SubHeap,
        generation: u64,
        at: Addr,
        warnings: &mut Warnings,
    ) {
        let Some(raw) = RawSegment::read(memory, at) else {
            warnings.skip(Skipped::Segment, Some(Place::Target(at)), "its record is not in the dump");
            return;
        };
        if raw.mem.is_null() || !raw.mem.is_aligned_to(8) {
            warnings.skip(Skipped::Segment, Some(Place::Target(at)), format_args!("first object at {}", raw.mem));
            return;
        }
        let is_ephemeral = at == heap.ephemeral_segment;
        let kind = match generation {
            _ if raw.is_frozen() => SegmentKind::Frozen,
            3 => SegmentKind::Large,
            4 => SegmentKind::Pinned,
            _ if layout.allocation_start.is_some() && is_ephemeral => SegmentKind::Ephemeral,
            0 if layout.allocation_start.is_none() => SegmentKind::Gen0,
            1 if layout.allocation_start.is_none() => SegmentKind::Gen1,
            _ => SegmentKind::Gen2,
        };
        // `allocated` of the segment being allocated into is stale; the heap keeps the end (2.1 to 10).
        let within = |end: Addr| end >= raw.mem && (end <= raw.reserved || end <= raw.committed);
        let (end, end_is_committed) = if is_ephemeral && within(heap.alloc_allocated) {
            (heap.alloc_allocated, false)
        } else if is_ephemeral {
            (raw.committed.max(raw.mem), true)
        } else if within(raw.allocated) {
            (raw.allocated, false)
        } else if raw.allocated >= raw.mem && raw.mem <= raw.committed && raw.committed <= raw.reserved {
            let why = format_args!("its objects end at {}, behind its memory: walked to its end", raw.allocated);
            warnings.skip(Skipped::Segment, Some(Place::Target(at)), why);
            (raw.committed, true)
        } else {
            warnings.skip(
                Skipped::Segment,
                Some(Place::Target(at)),
                format_args!(
                    "its objects begin at {} and end at {}, its memory ends at {}",
                    raw.mem, raw.allocated, raw.committed
                ),
            );
            return;
        };
        let start_of = |generation| {
            let offset = layout.allocation_start?;
            word(memory, layout.entry(heap.generation_table, generation), offset)
        };
        let (gen1_start, gen0_start) = if kind == SegmentKind::Ephemeral {
            let boundary = |at: Option<Addr>| at.filter(|at| *at >= raw.mem && *at <= end).unwrap_or(raw.mem);
            (boundary(start_of(1)), boundary(start_of(0)))
        } else {
            (Addr::NULL, Addr::NULL)
        };
        self.segments.push(Segment {
            address: at,
            kind,
            heap: heap.index,
            objects: AddrRange::new(raw.mem, end.without_bits(7)),
            end_is_committed,
            committed_end: raw.committed,
            reserved_end: raw.reserved,
            gen1_start,
            gen0_start,
        });
    }

    /// The allocation context that a generation itself holds.
    fn add_context(&mut self, memory: &SplicedMemory, generation: Addr) {
        if let (Some(next), Some(limit)) = (word(memory, generation, 0), word(memory, generation, 8)) {
            self.add_alloc_context(AddrRange::new(next, limit));
        }
    }

    /// Notes the unused part of an allocation context, if it lies in a segment. Keep the list sorted afterwards.
    pub(crate) fn add_alloc_context(&mut self, range: AddrRange) {
        if range.start <= range.end && !range.start.is_null() && self.segment_of(range.start).is_some() {
            self.alloc_contexts.push(range);
        }
    }

    /// The segment whose objects include `at`. Binary search once segments are sorted.
    #[must_use]
    pub fn segment_of(&self, at: Addr) -> Option<&Segment> {
        let index = self.segments.partition_point(|segment| segment.objects.start <= at).checked_sub(1)?;
        self.segments.get(index).filter(|segment| segment.objects.contains(at))
    }

    /// Bytes between first and last object of all segments.
    #[must_use]
    pub fn segment_bytes(&self) -> u64 {
        self.segments.iter().fold(0, |sum, segment| sum.saturating_add(segment.objects.len()))
    }
}

/// Segments that begin inside their neighbour are dropped: one byte belongs to one segment.
fn drop_overlapping(segments: &mut Vec<Segment>, warnings: &mut Warnings) {
    let mut end = Addr::NULL;
    segments.retain(|segment| {
        if segment.objects.start < end {
            warnings.skip(
                Skipped::Segment,
                Some(Place::Target(segment.address)),
                format_args!("its objects {} lie inside another segment", segment.objects),
            );
            return false;
        }
        end = segment.objects.end.max(end);
        true
    });
}

/// How to find the parts of a `gc_heap`.
#[derive(Clone, Copy, Debug)]
struct HeapLayout {
    alloc_allocated: u64,
    ephemeral_segment: u64,
    finalize_queue: u64,
    generation_table: u64,
}

fn server_heaps(
    memory: &SplicedMemory,
    vars: &GcVars,
    layout: &GenerationLayout,
    limits: &Limits,
    warnings: &mut Warnings,
) -> Vec<SubHeap> {
    let n = vars.number(memory, Var::NHeaps).and_then(|n| u64::try_from(n).ok()).unwrap_or(0).min(limits.gc_heaps);
    let Some(array) = vars.value(memory, Var::Heaps) else { return Vec::new() };
    let mut addresses = Vec::new();
    for index in 0..n {
        match word(memory, array, index.wrapping_mul(8)).filter(|at| !at.is_null()) {
            Some(at) => addresses.push((index, at)),
            None => {
                warnings.skip(
                    Skipped::Segment,
                    Some(Place::Target(array)),
                    format_args!("heap {index} is not in the dump"),
                );
            }
        }
    }
    let Some(&(_, first)) = addresses.first() else { return Vec::new() };
    let Some(fields) = heap_layout(memory, vars, layout, first, &addresses) else {
        warnings.skip(Skipped::Segment, Some(Place::Target(first)), "no table of generations in gc_heap");
        return Vec::new();
    };
    addresses
        .into_iter()
        .map(|(index, at)| SubHeap {
            index: u32::try_from(index).unwrap_or(u32::MAX),
            address: at,
            generation_table: at.plus(fields.generation_table),
            ephemeral_segment: word(memory, at, fields.ephemeral_segment).unwrap_or_default(),
            alloc_allocated: word(memory, at, fields.alloc_allocated).unwrap_or_default(),
            finalize_queue: word(memory, at, fields.finalize_queue).unwrap_or_default(),
        })
        .collect()
}

/// Bytes of a `gc_heap` that are searched (it was below 0x2000 in every version seen).
const HEAP_BYTES: u64 = 0x4000;

fn heap_layout(
    memory: &SplicedMemory,
    vars: &GcVars,
    layout: &GenerationLayout,
    first: Addr,
    heaps: &[(u64, Addr)],
) -> Option<HeapLayout> {
    let is_table_everywhere = |offset: u64| heaps.iter().all(|&(_, heap)| layout.is_table(memory, heap.plus(offset)));
    let scan = || (0x18..HEAP_BYTES).step_by(8).find(|&offset| is_table_everywhere(offset));
    let array = vars.heap_field_offsets;
    if array.is_null() {
        // Up to 5.0 the three fields head the structure.
        let generation_table = scan()?;
        return Some(HeapLayout { alloc_allocated: 0, ephemeral_segment: 8, finalize_queue: 0x10, generation_table });
    }
    let published = |index: u64| {
        let offset = u64::try_from(int32(memory, array, index.wrapping_mul(4))?).ok()?;
        (offset < HEAP_BYTES && offset.is_multiple_of(8)).then_some(offset)
    };
    let fields = (published(0), published(1), published(2));
    if let (Some(alloc_allocated), Some(ephemeral_segment), Some(finalize_queue)) = fields {
        // The table's place in the array moved (18, 20, 21 in sources): the highest that holds one.
        let generation_table =
            (3..40).rev().filter_map(published).find(|&offset| is_table_everywhere(offset)).or_else(scan)?;
        return Some(HeapLayout { alloc_allocated, ephemeral_segment, finalize_queue, generation_table });
    }
    let generation_table = scan()?;
    let start = (0..HEAP_BYTES).step_by(8).find(|&offset| {
        heaps.iter().all(|&(_, heap)| is_allocation_state(memory, layout, heap, generation_table, offset))
    })?;
    let _ = first;
    Some(HeapLayout {
        alloc_allocated: start,
        ephemeral_segment: start.wrapping_add(8),
        finalize_queue: start.wrapping_add(0x10),
        generation_table,
    })
}

/// True when `offset` of `heap` holds the end of the objects in a segment of generation 0, that segment, and a finalizer
/// queue: the three fields in a row (seen at 0x1460, 0x1468 and 0x1798).
fn is_allocation_state(
    memory: &SplicedMemory,
    layout: &GenerationLayout,
    heap: Addr,
    generation_table: u64,
    offset: u64,
) -> bool {
    let check = || {
        let end = word(memory, heap, offset)?;
        let ephemeral = word(memory, heap, offset.wrapping_add(8))?;
        let queue = word(memory, heap, offset.wrapping_add(0x10))?;
        let segment = RawSegment::read(memory, ephemeral)?;
        if !segment.is_sound() || end < segment.mem || end > segment.reserved {
            return None;
        }
        let first = layout.first_segment(memory, heap.plus(generation_table), 0)?;
        let mut seen = std::collections::HashSet::new();
        let mut unheard = Warnings::new();
        list(memory, first, 1 << 16, &mut seen, &mut unheard).contains(&ephemeral).then_some(())?;
        super::finalizer::Queue::read(memory, queue, layout.n).map(|_| ())
    };
    check().is_some()
}

/// A table of generations by the shape of its column of first segments, in the writable `spans`, without [`GcVars`].
pub(crate) fn find_table(memory: &SplicedMemory, spans: &[AddrRange]) -> Option<(Addr, GenerationLayout)> {
    spans.iter().flat_map(|&span| words(memory, span)).find_map(|(at, value)| {
        let first = RawSegment::read(memory, Addr(value)).filter(RawSegment::is_sound)?;
        if first.is_large() {
            return None;
        }
        (0x40..=0x200u64).step_by(8).find_map(|stride| column(memory, at, stride))
    })
}

fn column(memory: &SplicedMemory, at: Addr, stride: u64) -> Option<(Addr, GenerationLayout)> {
    let nth = |index: u64| {
        let segment = word(memory, at, stride.wrapping_mul(index))?;
        RawSegment::read(memory, segment).filter(RawSegment::is_sound).map(|raw| (segment, raw))
    };
    let large = nth(3).filter(|(_, raw)| raw.is_large())?;
    let (gen0, gen1, gen2) = (nth(0)?, nth(1)?, nth(2)?);
    let is_segments = gen0.0 == gen1.0;
    let is_regions = gen0.0 != gen1.0 && gen1.0 != gen2.0 && gen2.0 != large.0;
    if !is_segments && !is_regions {
        return None;
    }
    let n = if nth(4).is_some_and(|(_, raw)| raw.is_pinned()) { 5 } else { 4 };
    let layout = GenerationLayout {
        bytes: stride,
        n,
        start_segment: 0x38,
        allocation_start: is_segments.then_some(0x40),
        is_published: false,
    };
    Some((at.minus(0x38), layout))
}
