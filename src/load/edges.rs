//! Second pass, the kernel: every reference slot of every object to an id, compressed as it is read.
//!
//! Object starts are known from the first pass, so ids are cut into chunks and each is read on its own: no chain of sizes
//! to follow any more.

use rayon::prelude::*;

use crate::base::{Addr, Cancelled, Job};
use crate::snapshot::types::{ReferenceLayout, ReferenceRun};
use crate::snapshot::{
    Entry, ExtraEdge, ExtraEdgeKind, Lookup, NO_ID, ObjectId, Objects, ReferenceChecksum, References, RowChunk,
    TypeShape, TypeTable,
};
use crate::target::{SplicedMemory, TargetMemory};

/// Objects larger than this with absent bytes are given up whole instead of being put together in memory.
const MOST_PIECED_BYTES: u64 = 256 << 20;

/// What references are read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EdgeSource<'a> {
    pub(crate) memory: &'a SplicedMemory,
    pub(crate) objects: &'a Objects,
    pub(crate) types: &'a TypeTable,
    /// Per type: the LoaderAllocator that its instances hold; shorter when none does.
    pub(crate) loader_allocators: &'a [Option<ObjectId>],
    /// Dependent handles, (primary, secondary), sorted.
    pub(crate) dependents: &'a [(ObjectId, ObjectId)],
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Edges {
    pub(crate) references: References,
    /// Edges that no field holds, sorted; `references` holds them, too.
    pub(crate) extra: Vec<ExtraEdge>,
    pub(crate) checksums: Vec<ReferenceChecksum>,
    /// Non-null slots whose target is no object.
    pub(crate) n_dangling: u64,
    /// Bytes of objects with references that are absent.
    pub(crate) absent_bytes: u64,
    /// First object with absent bytes.
    pub(crate) first_absent: Option<Addr>,
}

/// Reads every reference.
pub(crate) fn read_edges(source: &EdgeSource<'_>, job: &Job) -> Result<Edges, Cancelled> {
    let n_ids = source.objects.len();
    let reader = Reader::new(source);
    let n_chunks = n_ids.div_ceil(References::CHUNK_IDS);
    let sums = (0..n_chunks)
        .into_par_iter()
        .try_fold(
            || Sums::new(source.types.len()),
            |mut sums, chunk| {
                let first = chunk * References::CHUNK_IDS;
                let end = (first + References::CHUNK_IDS).min(n_ids);
                let rows = reader.read_chunk(first as u32..end as u32, &mut sums);
                sums.chunks.push((chunk, rows));
                job.tick((end - first) as u64)?;
                Ok(sums)
            },
        )
        .try_reduce(|| Sums::new(0), |a, b| Ok(a.merge(b)))?;
    let Sums { mut chunks, mut extra, mut checksums, n_dangling, absent_bytes, first_absent } = sums;
    chunks.sort_by_key(|(index, _)| *index);
    extra.sort_unstable();
    checksums.resize(source.types.len(), ReferenceChecksum::default());
    let references = References::from_chunks(chunks.into_iter().map(|(_, rows)| rows).collect());
    Ok(Edges { references, extra, checksums, n_dangling, absent_bytes, first_absent })
}

/// What one thread has gathered.
#[derive(Debug)]
struct Sums {
    chunks: Vec<(usize, RowChunk)>,
    extra: Vec<ExtraEdge>,
    checksums: Vec<ReferenceChecksum>,
    n_dangling: u64,
    absent_bytes: u64,
    first_absent: Option<Addr>,
}

impl Sums {
    fn new(n_types: usize) -> Self {
        Self {
            chunks: Vec::new(),
            extra: Vec::new(),
            checksums: vec![ReferenceChecksum::default(); n_types],
            n_dangling: 0,
            absent_bytes: 0,
            first_absent: None,
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.chunks.extend(other.chunks);
        self.extra.extend(other.extra);
        if self.checksums.len() < other.checksums.len() {
            self.checksums.resize(other.checksums.len(), ReferenceChecksum::default());
        }
        for (into, from) in self.checksums.iter_mut().zip(&other.checksums) {
            into.count += from.count;
            into.xor ^= from.xor;
            into.sum = into.sum.wrapping_add(from.sum);
        }
        self.n_dangling += other.n_dangling;
        self.absent_bytes += other.absent_bytes;
        self.first_absent = match (self.first_absent, other.first_absent) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }
}

/// Slots of some hundred objects on their way to ids. Turning an address into an id misses the cache, and coding an id
/// takes a branch that cannot be foretold: one after the other, every branch would wait for its miss. In batches the
/// misses overlap. Measured on ten million objects with far references: 3 times as fast.
#[derive(Debug, Default)]
struct Batch {
    /// Non-null words of slots.
    words: Vec<u64>,
    /// Their ids, [`NO_ID`] where no object begins.
    targets: Vec<u32>,
    /// Objects of the batch: end of their words, and their types.
    rows: Vec<(u32, Entry)>,
}

/// Slots that fill a batch: 24 KiB of words and ids, within the first-level cache.
const BATCH_SLOTS: usize = 2048;

impl Batch {
    /// The non-null ones of a stretch of slots.
    #[inline]
    fn take(&mut self, slots: &[u8]) {
        for slot in slots.as_chunks::<8>().0 {
            let word = u64::from_le_bytes(*slot);
            if word != 0 {
                self.words.push(word);
            }
        }
    }
}

#[derive(Debug)]
struct Reader<'a> {
    source: &'a EdgeSource<'a>,
    /// Per type: where its references stand.
    layouts: Vec<&'a ReferenceLayout>,
    /// A bit per id: set for free blocks and holes. Small enough for the cache, unlike the types themselves.
    no_objects: Vec<u64>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a EdgeSource<'a>) -> Self {
        let rows = || source.types.iter().map(|(_, row)| row);
        Self { source, layouts: rows().map(|row| &row.references).collect(), no_objects: no_objects(source) }
    }

    fn read_chunk(&self, ids: std::ops::Range<u32>, sums: &mut Sums) -> RowChunk {
        let EdgeSource { memory, objects, dependents, .. } = *self.source;
        let mut rows = RowChunk::new(ids.start);
        rows.reserve(ids.len(), ids.len() * 4);
        let first = dependents.partition_point(|pair| pair.0.0 < ids.start);
        let mut out =
            Out { rows, sums, dependents: dependents.get(first..).unwrap_or_default(), lookup: Lookup::default() };
        let mut piece = Piece { start: Addr::NULL, bytes: &[] };
        let mut batch = Batch::default();
        for entry in objects.entries(ids) {
            let layout = self.layouts[entry.ty.index()];
            if *layout != ReferenceLayout::None {
                match piece.object(memory, &entry) {
                    Some(bytes) => read_slots(layout, bytes, |slots| batch.take(slots)),
                    None => {
                        let (bytes, absent) = put_together(memory, &entry);
                        out.sums.absent_bytes += absent;
                        out.sums.first_absent = out.sums.first_absent.or(Some(entry.address));
                        read_slots(layout, &bytes, |slots| batch.take(slots));
                    }
                }
            }
            batch.rows.push((batch.words.len() as u32, entry));
            if batch.words.len() >= BATCH_SLOTS || batch.rows.len() >= BATCH_SLOTS {
                self.empty(&mut batch, &mut out);
            }
        }
        self.empty(&mut batch, &mut out);
        out.rows.finish()
    }

    /// Turns the words of a batch into ids, then writes its rows.
    fn empty(&self, batch: &mut Batch, out: &mut Out<'_>) {
        let objects = self.source.objects;
        objects.at_each(&batch.words, &mut out.lookup, &mut batch.targets);
        for target in &mut batch.targets {
            let word = self.no_objects.get((*target / 64) as usize).copied().unwrap_or(u64::MAX);
            if word >> (*target % 64) & 1 == 1 {
                *target = NO_ID;
            }
        }
        let mut from = 0;
        for &(to, ref entry) in &batch.rows {
            let slots = from..to as usize;
            from = to as usize;
            if !slots.is_empty() {
                self.write_row(batch, slots, entry, out);
            }
            self.write_extra(entry, out);
            out.rows.end_row();
        }
        batch.words.clear();
        batch.rows.clear();
    }

    fn write_row(&self, batch: &Batch, slots: std::ops::Range<usize>, entry: &Entry, out: &mut Out<'_>) {
        let words = batch.words.get(slots.clone()).unwrap_or_default();
        let targets = batch.targets.get(slots).unwrap_or_default();
        let Some(sum) = out.sums.checksums.get_mut(entry.ty.index()) else { return };
        for (&word, &target) in words.iter().zip(targets) {
            sum.count += 1;
            sum.xor ^= word;
            sum.sum = sum.sum.wrapping_add(word);
            if target == NO_ID {
                out.sums.n_dangling += 1;
            } else {
                out.rows.push(ObjectId(target));
            }
        }
    }

    /// The edges that no field holds.
    fn write_extra(&self, entry: &Entry, out: &mut Out<'_>) {
        if let Some(&Some(to)) = self.source.loader_allocators.get(entry.ty.index()) {
            out.rows.push(to);
            out.sums.extra.push(ExtraEdge { from: entry.id, to, kind: ExtraEdgeKind::LoaderAllocator });
        }
        while let Some((&(from, to), later)) = out.dependents.split_first()
            && from == entry.id
        {
            out.dependents = later;
            out.rows.push(to);
            out.sums.extra.push(ExtraEdge { from, to, kind: ExtraEdgeKind::DependentHandle });
        }
    }
}

/// A bit per id, set for free blocks and holes.
fn no_objects(source: &EdgeSource<'_>) -> Vec<u64> {
    let is_object: Vec<bool> =
        source.types.iter().map(|(_, row)| !matches!(row.shape, TypeShape::Free | TypeShape::Gap)).collect();
    let n_ids = source.objects.len();
    (0..n_ids.div_ceil(64))
        .into_par_iter()
        .with_min_len(1 << 10)
        .map(|word| {
            let ids = word * 64..(word * 64 + 64).min(n_ids);
            ids.fold(0, |bits, id| {
                let ty = source.objects.type_of(ObjectId(id as u32));
                bits | u64::from(!is_object[ty.index()]) << (id % 64)
            })
        })
        .collect()
}

/// Where rows go.
struct Out<'a> {
    rows: RowChunk,
    sums: &'a mut Sums,
    /// Those not yet written, by primary.
    dependents: &'a [(ObjectId, ObjectId)],
    lookup: Lookup,
}

/// Calls `take` for every stretch of reference slots of an object with `bytes`, in address order. What a layout says
/// beyond the object's end is left out.
pub(crate) fn read_slots<'b>(layout: &ReferenceLayout, bytes: &'b [u8], mut take: impl FnMut(&'b [u8])) {
    match layout {
        ReferenceLayout::None => {}
        ReferenceLayout::Runs(runs) => {
            for run in runs {
                take(run_bytes(*run, bytes));
            }
        }
        ReferenceLayout::Repeat { start, items } => {
            // The items repeat up to the last word of the object (gcdesc.h, go_through_object).
            let step: u64 = items.iter().map(|&(n, skip)| u64::from(n) * 8 + u64::from(skip)).sum();
            let end = bytes.len().saturating_sub(8);
            let mut at = *start as usize;
            while step > 0 && at < end {
                for &(n, skip) in items {
                    let to = at.saturating_add(n as usize * 8);
                    take(bytes.get(at..to.min(bytes.len())).unwrap_or_default());
                    at = to.saturating_add(skip as usize);
                }
            }
        }
    }
}

fn run_bytes(run: ReferenceRun, bytes: &[u8]) -> &[u8] {
    let len = (bytes.len() as i64).saturating_add(run.size_minus_object);
    let from = run.offset as usize;
    let to = from.saturating_add(usize::try_from(len).unwrap_or(0)).min(bytes.len());
    bytes.get(from..to).unwrap_or_default()
}

/// The stretch of memory last looked into.
struct Piece<'a> {
    start: Addr,
    bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    /// All bytes of an object, when one stretch holds them.
    #[inline]
    fn object(&mut self, memory: &'a SplicedMemory, entry: &Entry) -> Option<&'a [u8]> {
        let size = usize::try_from(entry.size).ok()?;
        if let Some(bytes) = self.slice(entry.address, size) {
            return Some(bytes);
        }
        *self = Self { start: entry.address, bytes: memory.bytes_at(entry.address)? };
        self.slice(entry.address, size)
    }

    fn slice(&self, at: Addr, size: usize) -> Option<&'a [u8]> {
        let offset = at.0.wrapping_sub(self.start.0) as usize;
        self.bytes.get(offset..)?.get(..size)
    }
}

/// The bytes of an object from several stretches, absent ones as zero, and how many those are.
fn put_together(memory: &SplicedMemory, entry: &Entry) -> (Vec<u8>, u64) {
    let range = crate::base::AddrRange::new(entry.address, entry.address.plus(entry.size));
    let absent = entry.size.saturating_sub(memory.present_bytes(range));
    if entry.size > MOST_PIECED_BYTES && absent > 0 {
        return (Vec::new(), entry.size);
    }
    let mut bytes = vec![0; entry.size as usize];
    for stretch in memory.stretches(range) {
        let from = (stretch.start.0 - range.start.0) as usize;
        let into = bytes.get_mut(from..from + stretch.len() as usize).unwrap_or_default();
        if memory.read(stretch.start, into).is_err() {
            break;
        }
    }
    (bytes, absent)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::base::{AddrRange, SegmentKind};
    use crate::snapshot::{SegmentRow, TypeId, TypeName, TypeRow};

    const BASE: u64 = 0x7f00_0000_0000;

    fn row(method_table: u64, shape: TypeShape, references: ReferenceLayout) -> TypeRow {
        TypeRow {
            method_table: Addr(method_table),
            name: TypeName::Missing("none".into()),
            module: None,
            token: 0,
            shape,
            base: None,
            element: None,
            element_kind: None,
            base_bytes: 24,
            component_bytes: 0,
            fields: Box::default(),
            references,
            finalizable: false,
            collectible: false,
        }
    }

    /// Types: hole, free, no references, a class with two runs, object[], an array of structs {ref, ref, 8 bytes}.
    fn types() -> TypeTable {
        let run = |offset, size_minus_object| ReferenceRun { offset, size_minus_object };
        TypeTable::new(vec![
            row(0, TypeShape::Gap, ReferenceLayout::None),
            row(8, TypeShape::Free, ReferenceLayout::None),
            row(16, TypeShape::Class, ReferenceLayout::None),
            row(24, TypeShape::Class, ReferenceLayout::Runs(Box::new([run(8, 8 - 56), run(32, 16 - 56)]))),
            row(32, TypeShape::Vector, ReferenceLayout::Runs(Box::new([run(16, -24)]))),
            row(40, TypeShape::Vector, ReferenceLayout::Repeat { start: 16, items: Box::new([(2, 8)]) }),
        ])
    }

    /// Words of an object of each type that are slots, for `n` elements.
    fn slots_of(ty: u32, n: u64) -> (u64, Vec<u64>) {
        match ty {
            3 => (7, vec![1, 4, 5]),
            4 => (3 + n, (2..2 + n).collect()),
            5 => (3 + 3 * n, (0..n).flat_map(|item| [2 + 3 * item, 3 + 3 * item]).collect()),
            _ => (3 + n, vec![]),
        }
    }

    fn check(described: &[(u32, u64, Vec<u32>)], cut: Option<u64>) {
        let n = described.len() as u32;
        let mut starts = Vec::new();
        let mut at = BASE;
        for (ty, len, _) in described {
            starts.push(at);
            at += slots_of(*ty, *len).0 * 8;
        }
        let end = at;
        let mut words: Vec<u64> = Vec::new();
        let mut expected: Vec<Vec<ObjectId>> = Vec::new();
        let mut sums = vec![ReferenceChecksum::default(); 6];
        let mut n_dangling = 0;
        for (ty, len, targets) in described {
            let (n_words, slots) = slots_of(*ty, *len);
            // What is no slot looks like a reference, and must not be taken for one.
            let mut object = vec![starts[0]; n_words as usize];
            let mut row = Vec::new();
            for (&slot, target) in slots.iter().zip(targets.iter().cycle()) {
                let word = match target % (n + 3) {
                    id if id < n => starts[id as usize],
                    id if id == n => starts[0] + 4,
                    id if id == n + 1 => 0x1234,
                    _ => 0,
                };
                object[slot as usize] = word;
                if word == 0 {
                    continue;
                }
                let sum = &mut sums[*ty as usize];
                *sum = ReferenceChecksum { count: sum.count + 1, xor: sum.xor ^ word, sum: sum.sum.wrapping_add(word) };
                match starts.binary_search(&word) {
                    Ok(id) if described[id].0 > 1 => row.push(ObjectId(id as u32)),
                    _ => n_dangling += 1,
                }
            }
            words.extend(object);
            expected.push(row);
        }
        let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        let len = bytes.len() as u64;
        // Cut into two files at `cut`: the same bytes, so the same answers.
        let cut = cut.map_or(len, |cut| cut % len.max(1));
        let mut memory = SplicedMemory::new(Arc::new(bytes.clone()), &[(Addr(BASE), 0, cut)]);
        memory.add(Arc::new(bytes), &[(Addr(BASE + cut), cut, len - cut)]);
        let segment = SegmentRow {
            address: Addr::NULL,
            kind: SegmentKind::Gen2,
            heap: 0,
            objects: AddrRange::new(Addr(BASE), Addr(end)),
            committed_end: Addr(end),
            reserved_end: Addr(end),
            gen1_start: Addr::NULL,
            gen0_start: Addr::NULL,
            first_id: 0,
            n_ids: 0,
        };
        let types = types();
        let objects = Objects::new(
            vec![segment],
            starts.iter().copied().map(Addr).collect(),
            described.iter().map(|item| TypeId(item.0)).collect(),
        );
        let dependents =
            if n > 1 { vec![(ObjectId(n / 2), ObjectId(0)), (ObjectId(n - 1), ObjectId(1))] } else { vec![] };
        let loader_allocators = vec![None, None, Some(ObjectId(0))];
        let source = EdgeSource {
            memory: &memory,
            objects: &objects,
            types: &types,
            loader_allocators: &loader_allocators,
            dependents: &dependents,
        };
        let edges = read_edges(&source, &Job::new()).unwrap();
        let mut extra = Vec::new();
        for (id, row) in expected.iter_mut().enumerate() {
            let from = ObjectId(id as u32);
            if described[id].0 == 2 {
                row.push(ObjectId(0));
                extra.push(ExtraEdge { from, to: ObjectId(0), kind: ExtraEdgeKind::LoaderAllocator });
            }
            for &(_, to) in dependents.iter().filter(|pair| pair.0 == from) {
                row.push(to);
                extra.push(ExtraEdge { from, to, kind: ExtraEdgeKind::DependentHandle });
            }
        }
        extra.sort();
        for (id, row) in objects.ids().zip(&expected) {
            assert_eq!(edges.references.of(id).collect::<Vec<_>>(), *row, "row of {id:?}");
        }
        assert_eq!(edges.extra, extra);
        assert_eq!(edges.checksums, sums);
        assert_eq!(edges.n_dangling, n_dangling);
        assert_eq!(edges.absent_bytes, 0);
    }

    #[test]
    fn every_layout_is_read() {
        check(&[], None);
        let all =
            [(3, 0, vec![1, 2, 0]), (4, 5, vec![0, 1, 5, 6, 7]), (5, 4, vec![2, 1, 0]), (2, 9, vec![]), (1, 2, vec![])];
        check(&all, None);
        (0..60).for_each(|cut| check(&all, Some(cut * 8)));
    }

    #[test]
    fn a_layout_beyond_the_object_is_cut_off() {
        let bytes = [1_u8; 40];
        let mut taken = 0;
        let run = |offset, size_minus_object| ReferenceRun { offset, size_minus_object };
        let runs =
            ReferenceLayout::Runs(Box::new([run(16, 1 << 40), run(400, 0), run(0, -400), run(u32::MAX, i64::MAX)]));
        read_slots(&runs, &bytes, |slots| taken += slots.len());
        assert_eq!(taken, 24);
        // Items without length end at once.
        read_slots(&ReferenceLayout::Repeat { start: 16, items: Box::new([(0, 0)]) }, &bytes, |_| panic!("a slot"));
        read_slots(&ReferenceLayout::Repeat { start: 16, items: Box::new([]) }, &bytes, |_| panic!("a slot"));
    }

    #[test]
    fn absent_slots_are_counted_not_invented() {
        let memory = SplicedMemory::new(Arc::new(vec![8_u8; 64]), &[(Addr(BASE), 0, 32)]);
        let entry = Entry { id: ObjectId(0), address: Addr(BASE + 16), size: 64, ty: TypeId(4) };
        let (bytes, absent) = put_together(&memory, &entry);
        assert_eq!(absent, 48);
        assert!(bytes[16..].iter().all(|&byte| byte == 0));
    }

    proptest! {
        #[test]
        fn any_heap_is_read(
            described in prop::collection::vec((1_u32..6, 0_u64..30, prop::collection::vec(any::<u32>(), 1..20)), 1..80),
            cut in prop::option::of(0_u64..10_000),
        ) {
            check(&described, cut.map(|cut| cut & !7));
        }
    }
}
