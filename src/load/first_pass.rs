//! First pass: segments to objects, sums and coverage.

use rayon::prelude::*;

use super::error::Error;
use super::walk::{RangeSums, ShapeSource, TypeIndex, WalkRange, WalkShape, WalkStop, Walked, walk};
use crate::base::job::Unit;
use crate::base::{Addr, AddrRange, Generation, Job, Limits, Place, SegmentKind, Skipped, Warnings};
use crate::clr::{Runtime, Segment, TypeSystem};
use crate::snapshot::{
    Coverage, Gap, GapReason, GenerationTotals, Objects, SegmentRow, TypeColumn, TypeId, TypeShape, TypeTable,
    TypeTotals,
};
use crate::target::SplicedMemory;

/// Segments may claim this many times the bytes that are present, and a little more: the bitmap covers absent memory,
/// too, and a bent dump must not make it big.
const SPARSEST: u64 = 64;
/// See [`SPARSEST`].
const SPARSE_FLOOR: u64 = 64 << 20;
/// Ids per step of the count by generation.
const COUNT_IDS: u32 = 1 << 16;

impl ShapeSource for TypeSystem {
    fn shape(&self, method_table: Addr) -> Option<WalkShape> {
        let shape = Self::shape(self, method_table)?;
        Some(WalkShape {
            base_bytes: shape.base_bytes,
            component_bytes: u16::try_from(shape.component_bytes).ok()?,
            is_free: shape.is_free,
        })
    }
}

/// The heap walked, before its types have names and ids.
#[derive(Debug)]
pub(crate) struct FirstPass {
    segments: Vec<SegmentRow>,
    columns: WalkedColumns,
    clipped: Vec<Gap>,
}

#[derive(Debug)]
enum WalkedColumns {
    Narrow(Walked<u16>),
    Wide(Walked<u32>),
}

/// Objects, sums per type, coverage.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) objects: Objects,
    pub(crate) totals: Vec<TypeTotals>,
    pub(crate) coverage: Coverage,
}

/// Walks every segment of the runtime's heap.
pub(crate) fn walk_heap(
    runtime: &Runtime,
    limits: &Limits,
    job: &Job,
    warnings: &mut Warnings,
) -> Result<FirstPass, Error> {
    let memory = &runtime.target.memory;
    let (segments, ranges, clipped) = ranges_of(memory, &runtime.gc.segments, limits, warnings);
    let n_bytes = ranges.iter().map(|range| range.objects.len()).sum();
    let contexts = &runtime.gc.alloc_contexts;
    job.stage("Reading the heap", Unit::Bytes, Some(n_bytes));
    let columns = match walk::<u16, _>(memory, &ranges, contexts, &runtime.type_system, job) {
        Ok(walked) => WalkedColumns::Narrow(walked),
        Err(WalkStop::TooManyTypes) => {
            job.stage("Reading the heap", Unit::Bytes, Some(n_bytes));
            WalkedColumns::Wide(walk::<u32, _>(memory, &ranges, contexts, &runtime.type_system, job)?)
        }
        Err(stop) => return Err(stop.into()),
    };
    Ok(FirstPass { segments, columns, clipped })
}

impl FirstPass {
    /// MethodTables with instances, sorted. Null, which stands for holes, is left out.
    pub(crate) fn method_tables(&self) -> Vec<Addr> {
        let mut tables: Vec<Addr> =
            self.all_method_tables().iter().copied().filter(|method_table| !method_table.is_null()).collect();
        tables.sort_unstable();
        tables
    }

    fn all_method_tables(&self) -> &[Addr] {
        match &self.columns {
            WalkedColumns::Narrow(walked) => &walked.method_tables,
            WalkedColumns::Wide(walked) => &walked.method_tables,
        }
    }

    /// Gives every object the id of its type in `types`, which has a row for each of [`FirstPass::method_tables`] and
    /// the row of holes.
    pub(crate) fn finish(self, types: &TypeTable, job: &Job) -> Result<Counted, Error> {
        let missing = |at: &Addr| types.by_method_table(*at).ok_or(Error::TypeWithoutRow { method_table: *at });
        let ids = self.all_method_tables().iter().map(missing).collect::<Result<Vec<TypeId>, Error>>()?;
        let parts = match self.columns {
            WalkedColumns::Narrow(walked) => take(walked, &ids, types.len()),
            WalkedColumns::Wide(walked) => take(walked, &ids, types.len()),
        };
        let Parts { bits, types: column, totals, ranges, mut gaps, n_marked } = parts;
        let segment_bytes: u64 = self.segments.iter().map(|segment| segment.objects.len()).sum();
        let objects = Objects::from_bits(self.segments, bits, column);
        let generations = generation_totals(&objects, &ranges, types, job)?;
        gaps.extend(self.clipped);
        gaps.sort_by_key(|gap| gap.range.start);
        let coverage = coverage(segment_bytes, generations, gaps, n_marked);
        Ok(Counted { objects, totals, coverage })
    }
}

struct Parts {
    bits: Vec<u64>,
    types: TypeColumn,
    totals: Vec<TypeTotals>,
    ranges: Vec<RangeSums>,
    gaps: Vec<Gap>,
    n_marked: u64,
}

fn take<T: TypeIndex>(mut walked: Walked<T>, ids: &[TypeId], n_types: usize) -> Parts {
    let ranges = std::mem::take(&mut walked.ranges);
    let gaps = std::mem::take(&mut walked.gaps);
    let n_marked = walked.n_marked;
    let (bits, types, totals) = walked.into_columns(ids, n_types);
    Parts { bits, types, totals, ranges, gaps, n_marked }
}

/// Rows and ranges of the segments, by address; what cannot be walked is left out with a warning, what is absent at
/// the end of a bent segment is clipped.
fn ranges_of(
    memory: &SplicedMemory,
    segments: &[Segment],
    limits: &Limits,
    warnings: &mut Warnings,
) -> (Vec<SegmentRow>, Vec<WalkRange>, Vec<Gap>) {
    let mut sorted: Vec<&Segment> = segments.iter().collect();
    sorted.sort_by_key(|segment| (segment.objects.start, segment.objects.end, segment.address));
    let (mut rows, mut ranges, mut clipped) = (Vec::new(), Vec::new(), Vec::new());
    let mut walked_to = Addr::NULL;
    for segment in sorted.into_iter().take(usize::try_from(limits.heap_segments).unwrap_or(usize::MAX)) {
        let start = segment.objects.start;
        let mut objects = AddrRange::new(start, Addr(segment.objects.end.0 & !7).max(start));
        if !start.is_aligned_to(8) || start < walked_to {
            let place = Some(Place::Target(segment.address));
            warnings.skip(
                Skipped::Segment,
                place,
                format!("{} is unaligned or lies in another segment", segment.objects),
            );
            continue;
        }
        if let Some(rest) = clip(memory, &mut objects) {
            let place = Some(Place::Target(rest.start));
            warnings.skip(Skipped::Segment, place, format!("{} bytes at its end are not in the dump", rest.len()));
            clipped.push(Gap { range: rest, reason: GapReason::Absent });
        }
        walked_to = objects.end;
        rows.push(SegmentRow {
            address: segment.address,
            kind: segment.kind,
            heap: segment.heap,
            objects,
            committed_end: segment.committed_end,
            reserved_end: segment.reserved_end,
            gen1_start: segment.gen1_start,
            gen0_start: segment.gen0_start,
            first_id: 0,
            n_ids: 0,
        });
        // Large objects are few: one walk steps over them fast.
        let cut = segment.kind != SegmentKind::Large;
        ranges.push(WalkRange { objects, cut, zero_tail: segment.end_is_committed });
    }
    (rows, ranges, clipped)
}

/// Cuts off what is absent at the end of a range that claims far more than is present; returns what was cut off.
fn clip(memory: &SplicedMemory, objects: &mut AddrRange) -> Option<AddrRange> {
    let allowed = memory.present_bytes(*objects).saturating_mul(SPARSEST).saturating_add(SPARSE_FLOOR);
    if objects.len() <= allowed {
        return None;
    }
    let last = memory.stretches(*objects).last().map_or(objects.start, |stretch| stretch.end);
    let end = Addr(last.0.next_multiple_of(8)).min(objects.start.plus(allowed & !7)).min(objects.end);
    let rest = AddrRange::new(end, objects.end);
    objects.end = end;
    Some(rest)
}

/// Objects and free blocks per generation: by segment where it is all of one, else object by object.
fn generation_totals(
    objects: &Objects,
    ranges: &[RangeSums],
    types: &TypeTable,
    job: &Job,
) -> Result<Vec<GenerationTotals>, Error> {
    let mut totals = zero_generations();
    for (segment, sums) in objects.segments().iter().zip(ranges) {
        if segment.kind == SegmentKind::Ephemeral {
            let mixed = count_mixed(objects, segment, types);
            totals.iter_mut().zip(&mixed).for_each(|(into, from)| add_generation(into, from));
            job.tick(0)?;
            continue;
        }
        let generation = segment.generation(segment.objects.start);
        let bytes = segment.objects.len() - sums.free_bytes - sums.gap_bytes;
        let sums = GenerationTotals {
            generation,
            n_objects: sums.n_ids - sums.n_free - sums.n_gaps,
            object_bytes: bytes,
            n_free: sums.n_free,
            free_bytes: sums.free_bytes,
        };
        totals.iter_mut().filter(|row| row.generation == generation).for_each(|row| add_generation(row, &sums));
    }
    Ok(totals)
}

fn count_mixed(objects: &Objects, segment: &SegmentRow, types: &TypeTable) -> Vec<GenerationTotals> {
    let ids = segment.ids();
    let n_steps = (ids.end - ids.start).div_ceil(COUNT_IDS);
    (0..n_steps)
        .into_par_iter()
        .map(|step| {
            let from = ids.start + step * COUNT_IDS;
            let mut totals = zero_generations();
            for entry in objects.entries(from..ids.end.min(from.saturating_add(COUNT_IDS))) {
                let generation = segment.generation(entry.address);
                let Some(row) = totals.iter_mut().find(|row| row.generation == generation) else { continue };
                match types.row(entry.ty).shape {
                    TypeShape::Gap => {}
                    TypeShape::Free => {
                        row.n_free += 1;
                        row.free_bytes += entry.size;
                    }
                    _ => {
                        row.n_objects += 1;
                        row.object_bytes += entry.size;
                    }
                }
            }
            totals
        })
        .reduce(zero_generations, |mut a, b| {
            a.iter_mut().zip(&b).for_each(|(into, from)| add_generation(into, from));
            a
        })
}

fn zero_generations() -> Vec<GenerationTotals> {
    Generation::ALL
        .into_iter()
        .map(|generation| GenerationTotals { generation, n_objects: 0, object_bytes: 0, n_free: 0, free_bytes: 0 })
        .collect()
}

fn add_generation(into: &mut GenerationTotals, from: &GenerationTotals) {
    into.n_objects += from.n_objects;
    into.object_bytes += from.object_bytes;
    into.n_free += from.n_free;
    into.free_bytes += from.free_bytes;
}

fn coverage(segment_bytes: u64, generations: Vec<GenerationTotals>, mut gaps: Vec<Gap>, n_marked: u64) -> Coverage {
    let mut coverage = Coverage { generations, segment_bytes, n_marked, ..Coverage::default() };
    for gap in &gaps {
        let reason = match gap.reason {
            GapReason::AllocationContext => 0,
            GapReason::Absent => 1,
            GapReason::Damaged => 2,
        };
        coverage.unwalked_bytes[reason] += gap.range.len();
        coverage.n_unwalked[reason] += 1;
    }
    coverage.walked_bytes = coverage.generations.iter().map(|row| row.object_bytes + row.free_bytes).sum();
    if gaps.len() > Coverage::GAPS_KEPT {
        gaps.sort_by_key(|gap| (std::cmp::Reverse(gap.range.len()), gap.range.start));
        gaps.truncate(Coverage::GAPS_KEPT);
        gaps.sort_by_key(|gap| gap.range.start);
    }
    coverage.gaps = gaps;
    coverage
}
