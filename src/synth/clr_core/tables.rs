//! What stands around the heap of a synthetic process: region records, handles, finalizer queue, and the runtime's image.

use super::heap::{FREE_METHOD_TABLE, Heap, Region};
use super::{BUILD_ID, DATA_BYTES, DATA_OFFSET, NATIVE, RUNTIME};

pub(super) fn put(bytes: &mut [u8], at: usize, word: u64) {
    if let Some(place) = bytes.get_mut(at..at + 8) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}

pub(super) fn put32(bytes: &mut [u8], at: usize, word: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}
pub(super) const SEGMENTS_AT: u64 = NATIVE + 0x4_0000;
pub(super) const SEGMENT_STRIDE: u64 = 0x100;
pub(super) const HANDLE_TABLE: u64 = NATIVE + 0x1000;
pub(super) const HANDLE_SEGMENT: u64 = NATIVE + 0x2_0000;
pub(super) const FINALIZE: u64 = NATIVE + 0x2000;
pub(super) const FINALIZE_ARRAY: u64 = NATIVE + 0x2100;

/// Region records, handles, finalizer queue, and the method table of free objects.
pub(super) fn native_heap(heap: &Heap) -> Vec<u8> {
    let n_records = heap.regions.len() + heap.special.len();
    let len = SEGMENTS_AT - NATIVE + SEGMENT_STRIDE * n_records as u64;
    let mut bytes = vec![0; len.next_multiple_of(4096) as usize];
    let at = |address: u64| (address - NATIVE) as usize;

    put32(&mut bytes, at(FREE_METHOD_TABLE), 0x8000_0001);
    put32(&mut bytes, at(FREE_METHOD_TABLE) + 4, 24);

    // Chains: generation by generation; the frozen region heads generation 2.
    let all: Vec<&Region> = heap.regions.iter().chain(&heap.special).collect();
    for (index, region) in all.iter().enumerate() {
        let record = at(segment_record(index));
        let is_frozen = index == heap.regions.len() + 1;
        let follows = if is_frozen {
            Some(0)
        } else {
            let next = index + 1;
            all.get(next)
                .filter(|next| next.generation == region.generation && index < heap.regions.len())
                .map(|_| next)
        };
        let follows = follows.filter(|&next| next < heap.regions.len());
        let youngest = region.generation == 0 && follows.is_none();
        // The record of the region being allocated into is stale: the real end stands in a variable.
        let allocated = if youngest { region.mem() } else { region.end_of_objects };
        let flags = match (is_frozen, region.generation) {
            (true, _) => 1,
            (_, 3) => 8,
            (_, 4) => 0x200,
            _ => 0,
        };
        let words = [
            allocated,
            region.end,
            region.end,
            region.end_of_objects,
            region.mem(),
            flags,
            follows.map_or(0, segment_record),
            0,
        ];
        for (nth, word) in words.into_iter().enumerate() {
            put(&mut bytes, record + 8 * nth, word);
        }
    }

    // Handles: one map, one bucket, one table, one segment with a block of strong and one of pinned handles.
    let table = at(HANDLE_TABLE);
    let (buckets, bucket, array, handle_table) = (table, table + 0x80, table + 0xa0, table + 0x100);
    put(&mut bytes, buckets, NATIVE + bucket as u64);
    put(&mut bytes, bucket, NATIVE + array as u64);
    put(&mut bytes, array, NATIVE + handle_table as u64);
    put(&mut bytes, handle_table + 0x38, HANDLE_SEGMENT);
    let segment = at(HANDLE_SEGMENT);
    if let Some(kinds) = bytes.get_mut(segment + 0x618..segment + 0x618 + 240) {
        kinds.fill(0xff);
    }
    // Kinds of the two blocks, and the first block that was never used.
    for (place, kind) in [(segment + 0x618, 2), (segment + 0x619, 3), (segment + 0x780 + 6 * 13 + 18, 2)] {
        if let Some(place) = bytes.get_mut(place) {
            *place = kind;
        }
    }
    put(&mut bytes, segment + 0x780 + 6 * 13 + 8, NATIVE + handle_table as u64);
    put(&mut bytes, segment + 0x1000, heap.table());
    let [_, _, pinned] = &heap.special;
    put(&mut bytes, segment + 0x1000 + 512, pinned.mem());

    // Finalizer queue: seven fill pointers, then the array; four objects of generation 2 in it.
    let fill = [0, 0, 4, 4, 4, 4, 4];
    for (nth, filled) in fill.into_iter().enumerate() {
        put(&mut bytes, at(FINALIZE) + 8 * nth, FINALIZE_ARRAY + 8 * filled);
    }
    put(&mut bytes, at(FINALIZE) + 0x38, FINALIZE_ARRAY);
    put(&mut bytes, at(FINALIZE) + 0x40, FINALIZE_ARRAY + 8 * 100);
    for nth in 0..4 {
        put(&mut bytes, at(FINALIZE_ARRAY) + 8 * nth, heap.address(nth as u64 * 2));
    }
    bytes
}

pub(super) const fn segment_record(index: usize) -> u64 {
    SEGMENTS_AT + SEGMENT_STRIDE * index as u64
}

/// The image's header page: program headers and a build id behind a property note.
pub(super) fn header_page() -> Vec<u8> {
    let mut page = vec![0; 4096];
    let headers: [(u32, u32, u64, u64, u64); 5] = [
        (6, 4, 0x40, 0x40, 5 * 56),
        (1, 4, 0, 0x1000, 0x1000),
        (1, 5, 0x1000, 0x8000, 0x8000),
        (1, 6, DATA_OFFSET, 0x1000, DATA_BYTES),
        (4, 4, 0x400, 0x60, 0x60),
    ];
    for (at, bytes) in [
        (0, &b"\x7fELF\x02\x01\x01\x03"[..]),
        (16, &[3, 0, 62, 0, 1, 0, 0, 0]),
        (52, &[64, 0, 56, 0, headers.len() as u8, 0]),
    ] {
        if let Some(place) = page.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    put(&mut page, 32, 0x40);
    for (index, (kind, flags, address, file_bytes, memory_bytes)) in headers.into_iter().enumerate() {
        let at = 0x40 + 56 * index;
        put32(&mut page, at, kind);
        put32(&mut page, at + 4, flags);
        for (nth, word) in [address, address, address, file_bytes, memory_bytes, 4096].into_iter().enumerate() {
            put(&mut page, at + 8 + 8 * nth, word);
        }
    }
    let mut notes = Vec::new();
    for (kind, descriptor) in [(5_u32, &[0_u8; 16][..]), (3, &BUILD_ID)] {
        notes.extend(4_u32.to_le_bytes());
        notes.extend((descriptor.len() as u32).to_le_bytes());
        notes.extend(kind.to_le_bytes());
        notes.extend(b"GNU\0");
        notes.extend(descriptor);
    }
    if let Some(place) = page.get_mut(0x400..0x400 + notes.len()) {
        place.copy_from_slice(&notes);
    }
    page
}

/// The runtime's variables: the GC's list of them, and what it points to.
pub(super) fn data_pages(heap: &Heap) -> Vec<u8> {
    let mut data = vec![0; DATA_BYTES as usize];
    let address = |at: usize| RUNTIME + DATA_OFFSET + at as u64;
    let (list, generations, handle_map, offsets) = (0x100, 0x2000, 0x2800, 0x2900);
    let slot = |nth: usize| 0x1000 + 16 * nth;

    put32(&mut data, list, 0x0402);
    put(&mut data, list + 8, 0x100);
    put(&mut data, list + 16, 5);
    for nth in 0..35 {
        let value = match nth {
            3 => address(generations),
            19 | 20 => 0,
            26 => address(handle_map),
            28 => address(offsets),
            _ => address(slot(nth)),
        };
        put(&mut data, list + 24 + 8 * nth, value);
    }
    put32(&mut data, list + 24 + 8 * 35, 7);
    put32(&mut data, list + 28 + 8 * 35, 3);
    put(&mut data, list + 32 + 8 * 35, 0x40);
    // The pointer that the list itself hangs on.
    put(&mut data, 0x80, address(list));

    let youngest = heap.regions.iter().rposition(|region| region.generation == 0).unwrap_or(0);
    put32(&mut data, slot(4), 2);
    put32(&mut data, slot(6), 2);
    put(&mut data, slot(7), segment_record(youngest));
    put(&mut data, slot(12), heap.regions.get(youngest).map_or(0, |region| region.end_of_objects));
    put(&mut data, slot(15), FINALIZE);
    put(&mut data, handle_map, HANDLE_TABLE);
    put32(&mut data, handle_map + 16, 10);
    for (nth, offset) in [0_u32, 0x38, u32::MAX, 0x48, 0x50, 0x58].into_iter().enumerate() {
        put32(&mut data, offsets + 4 * nth, offset);
    }

    let first = |generation: usize| heap.regions.iter().position(|region| region.generation == generation).unwrap_or(0);
    let n = heap.regions.len();
    // Generation 2 begins with the frozen region.
    for (generation, record) in [first(0), first(1), n + 1, n, n + 2].into_iter().enumerate() {
        put(&mut data, generations + 0x100 * generation + 0x38, segment_record(record));
    }
    put(&mut data, generations, heap.context.0);
    put(&mut data, generations + 8, heap.context.1);
    data
}
