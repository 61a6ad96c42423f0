//! Described heaps, walked and compared.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::snapshot::GapReason;

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
    let walked: Walked<u16> =
        pool.install(|| walk_in_chunks(&memory, &ranges, &heap.contexts, &Shapes, chunk_bytes, &Job::new())).unwrap();
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
    check(&[Item::Context { words: 20, known: true }, Item::Fixed, Item::Context { words: 0, known: true }], 512, 2);
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
    let bytes: Vec<u8> = (0..70_000_u64).flat_map(|n| [0x10_0000 + n * 8, 0, 0]).flat_map(u64::to_le_bytes).collect();
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
