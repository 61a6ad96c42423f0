//! A .NET 10 process without a runtime: a core file that holds what a reader of the heap looks for, and nothing else.
//!
//! Laid out by the published shapes (runtime image with its GC variables, regions, method tables with their reference
//! layouts, objects, a handle table, a finalizer queue), written out here once more and sharing nothing with the reader.
//! Types have no metadata, so they have no names. Workstation GC with regions.
//!
//! ```text
//! 0x5600…  native heap: region records, table of handles, finalizer queue, method table of free objects
//! 0x7d00…  regions: gen 2, gen 1, gen 0 (with an allocation context), frozen, pinned, large
//! 0x7e00…  loader heap: method tables, classes, module
//! 0x7f00…  libcoreclr.so: header page with a build id, code (absent), data
//! 0x7ffd…  one stack
//! ```
//!
//! Memory while writing: four bytes per object, for the addresses references point to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::core::{Content, Core, Machine, Mapping, Places, Segment, Thread};

const NATIVE: u64 = 0x5600_0000_0000;
const HEAP: u64 = 0x7d00_0000_0000;
const LOADER: u64 = 0x7e00_0000_0000;
const RUNTIME: u64 = 0x7f00_0000_0000;
const STACK: u64 = 0x7ffd_0000_0000;
/// From the image's base to its data.
const DATA_OFFSET: u64 = 0x10000;
const DATA_BYTES: u64 = 0x4000;
const RUNTIME_PATH: &str = "/usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.0/libcoreclr.so";

/// Build id of the synthetic runtime.
pub const BUILD_ID: [u8; 20] = *b"synthetic-runtime-10";

/// Shape of the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Strings, byte arrays, arrays of references and small classes, 64 bytes on average; a table of every hundredth.
    Typical,
    /// One list of all objects.
    DeepList,
    /// One array that refers to all objects, each of which refers to the first.
    Hub,
}

/// A process to be written.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// Shape of its heap.
    pub profile: Profile,
    /// Objects in generations 0 to 2; some few more stand in the other regions.
    pub n_objects: u64,
    /// Bytes of a region of small objects.
    pub region_bytes: u64,
    /// Seed of sizes and references.
    pub seed: u64,
}

impl Process {
    /// A process with regions of 4 MiB.
    #[must_use]
    pub const fn new(profile: Profile, n_objects: u64) -> Self {
        Self { profile, n_objects, region_bytes: 4 << 20, seed: 1 }
    }
}

/// What was written, for comparison with what is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// By address of the method table: objects and their bytes, rounded up.
    pub types: BTreeMap<u64, (u64, u64)>,
    /// Method table of free objects, which are not among the types.
    pub free_method_table: u64,
    /// Free objects and their bytes.
    pub free: (u64, u64),
    /// References that are not null.
    pub n_references: u64,
    /// Addresses of the objects that strong handles hold.
    pub strong_handles: Vec<u64>,
    /// The allocation context of generation 0: first unused byte and limit.
    pub allocation_context: (u64, u64),
}

impl Truth {
    /// Objects of all types.
    #[must_use]
    pub fn n_objects(&self) -> u64 {
        self.types.values().map(|row| row.0).sum()
    }

    /// Bytes of all types.
    #[must_use]
    pub fn object_bytes(&self) -> u64 {
        self.types.values().map(|row| row.1).sum()
    }
}

/// A class or array: what its method table says.
#[derive(Clone, Debug)]
struct Type {
    base_bytes: u32,
    component_bytes: u16,
    /// Offsets of reference fields, ascending; for arrays of references the whole of the elements.
    reference_offsets: Vec<u64>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Class,
    Text,
    /// An array of the type with this index.
    Array(usize),
    /// A primitive with this element type.
    Primitive(u8),
}

const OBJECT: usize = 0;
const STRING: usize = 1;
const OBJECTS: usize = 2;
const BYTE: usize = 3;
const BYTES: usize = 4;
const NODE: usize = 5;
/// Small classes follow: of 1 to 7 words, with one to three references.
const CLASSES: usize = 6;
const N_CLASSES: usize = 58;
/// From one type to the next in the loader heap.
const TYPE_STRIDE: u64 = 0x140;
const TYPES_AT: u64 = LOADER + 0x1000;

fn method_table(index: usize) -> u64 {
    TYPES_AT + TYPE_STRIDE * index as u64 + 0x40
}

fn types() -> Vec<Type> {
    let class = |words: u32, references: &[u64]| Type {
        base_bytes: 16 + 8 * words.max(1),
        component_bytes: 0,
        reference_offsets: references.to_vec(),
        kind: Kind::Class,
    };
    let array = |component_bytes: u16, element: usize| Type {
        base_bytes: 24,
        component_bytes,
        reference_offsets: Vec::new(),
        kind: Kind::Array(element),
    };
    let mut types = vec![
        class(1, &[]),
        Type { base_bytes: 22, component_bytes: 2, reference_offsets: Vec::new(), kind: Kind::Text },
        array(8, OBJECT),
        Type { base_bytes: 24, component_bytes: 0, reference_offsets: Vec::new(), kind: Kind::Primitive(5) },
        array(1, BYTE),
        class(2, &[8, 16]),
    ];
    for index in 0..N_CLASSES as u32 {
        let words = 1 + index % 7;
        let references = [8, 24, 32];
        let fitting = references.iter().copied().filter(|offset| offset / 8 <= u64::from(words));
        types.push(class(words, &fitting.take(1 + index as usize % 3).collect::<Vec<_>>()));
    }
    types
}

/// What an object is, before its address is known.
#[derive(Clone, Copy, Debug)]
struct Shape {
    type_index: usize,
    /// Elements of an array or letters of a text.
    length: u32,
    bytes: u64,
}

fn mix(seed: u64) -> u64 {
    let mut value = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A run of objects in one region.
#[derive(Clone, Debug)]
struct Region {
    start: u64,
    /// Index of the first object; the next region's is the end.
    first: u64,
    end_of_objects: u64,
    end: u64,
    generation: usize,
}

impl Region {
    const fn mem(&self) -> u64 {
        self.start + 0x28
    }
}

/// A heap that is laid out and not yet written.
struct Heap {
    process: Process,
    types: Vec<Type>,
    /// Offsets from [`HEAP`] in units of 8 bytes.
    addresses: Vec<u32>,
    regions: Vec<Region>,
    /// Region of the table or hub, of frozen texts, of one pinned array.
    special: [Region; 3],
    /// Elements of the table or hub.
    table_length: u64,
    context: (u64, u64),
}

/// Every so many objects a free one stands in generation 2.
const FREE_EVERY: u64 = 1000;
const FREE_BYTES: u64 = 64;
const FREE_METHOD_TABLE: u64 = NATIVE + 0x100;
const CONTEXT_BYTES: u64 = 8192;
const N_FROZEN: u64 = 16;
const FROZEN_BYTES: u64 = 32;

impl Heap {
    fn lay_out(process: Process) -> Self {
        let types = types();
        let mut heap = Self {
            process,
            types,
            addresses: Vec::with_capacity(process.n_objects as usize),
            regions: Vec::new(),
            special: std::array::from_fn(|_| Region { start: 0, first: 0, end_of_objects: 0, end: 0, generation: 0 }),
            table_length: match process.profile {
                Profile::Typical => process.n_objects / 100,
                Profile::DeepList => 1,
                Profile::Hub => process.n_objects,
            },
            context: (0, 0),
        };
        let n = process.n_objects;
        let bounds = [0, n - n / 10, n - n / 20, n];
        let mut next = HEAP;
        for (generation, pair) in bounds.windows(2).enumerate() {
            // Oldest first: generation 2 holds nine tenths.
            next = heap.lay_out_generation(2 - generation, pair[0]..pair[1], next);
        }
        let mut special = |bytes: u64, generation: usize| {
            let start = next;
            let end_of_objects = start + 0x28 + bytes;
            next = end_of_objects.next_multiple_of(0x10000);
            Region { start, first: n, end_of_objects, end: next, generation }
        };
        heap.special =
            [special(24 + 8 * heap.table_length, 3), special(N_FROZEN * FROZEN_BYTES, 2), special(24 + 64, 4)];
        heap
    }

    fn lay_out_generation(&mut self, generation: usize, objects: std::ops::Range<u64>, start: u64) -> u64 {
        let size = self.process.region_bytes;
        let mut region = Region { start, first: objects.start, end_of_objects: 0, end: start + size, generation };
        let mut at = region.mem();
        for index in objects.clone() {
            // The unused part of an allocation context: in the middle of the youngest generation, where the next object
            // begins one smallest object behind the limit.
            let hole = self.is_hole_before(index);
            let free = if generation == 2 && index % FREE_EVERY == FREE_EVERY - 1 { FREE_BYTES } else { 0 };
            let bytes = self.shape(index).bytes;
            let needed = bytes + free + if hole { CONTEXT_BYTES + 24 } else { 0 };
            if at + needed > region.end {
                region.end_of_objects = at;
                let next =
                    Region { start: region.end, first: index, end_of_objects: 0, end: region.end + size, generation };
                self.regions.push(std::mem::replace(&mut region, next));
                at = region.mem();
            }
            if hole {
                self.context = (at, at + CONTEXT_BYTES);
                at += CONTEXT_BYTES + 24;
            }
            at += free;
            self.addresses.push(((at - HEAP) / 8) as u32);
            at += bytes;
        }
        region.end_of_objects = at;
        let end = region.end;
        self.regions.push(region);
        end
    }

    fn is_hole_before(&self, index: u64) -> bool {
        let n = self.process.n_objects;
        index == n - n / 40 - 1
    }

    fn address(&self, index: u64) -> u64 {
        HEAP + 8 * u64::from(self.addresses.get(index as usize).copied().unwrap_or_default())
    }

    fn random(&self, index: u64, purpose: u64) -> u64 {
        mix(mix(self.process.seed ^ index) ^ purpose)
    }

    fn shape(&self, index: u64) -> Shape {
        let random = self.random(index, 0);
        let (type_index, length) = match self.process.profile {
            Profile::DeepList | Profile::Hub => (NODE, 0),
            Profile::Typical => match random % 100 {
                0..25 => (STRING, (random >> 8) as u32 % 40),
                25..40 => (BYTES, (random >> 8) as u32 % 128),
                40..50 => (OBJECTS, 1 + (random >> 8) as u32 % 16),
                50..55 => (NODE, 0),
                _ => (CLASSES + (random >> 8) as usize % N_CLASSES, 0),
            },
        };
        self.shape_of(type_index, length)
    }

    fn shape_of(&self, type_index: usize, length: u32) -> Shape {
        let (base, component) =
            self.types.get(type_index).map_or((24, 0), |found| (found.base_bytes, found.component_bytes));
        let bytes = (u64::from(base) + u64::from(component) * u64::from(length)).next_multiple_of(8).max(24);
        Shape { type_index, length, bytes }
    }

    /// What the `slot`-th reference of an object points to; 0 is null.
    fn target(&self, index: u64, slot: u64) -> u64 {
        let n = self.process.n_objects;
        match self.process.profile {
            Profile::DeepList if slot == 0 && index + 1 < n => self.address(index + 1),
            Profile::DeepList => 0,
            Profile::Hub if slot == 0 => self.address(0),
            Profile::Hub => 0,
            Profile::Typical => {
                let random = self.random(index, slot + 1);
                match random % 10 {
                    0 => 0,
                    1..8 => self.address((index + 1 + (random >> 8) % 1000) % n),
                    _ => self.address((random >> 8) % n),
                }
            }
        }
    }

    /// Element of the table or hub.
    fn element(&self, slot: u64) -> u64 {
        match self.process.profile {
            Profile::Typical => self.address(slot * 100),
            Profile::DeepList | Profile::Hub => self.address(slot),
        }
    }

    fn write_object(&self, out: &mut dyn Write, index: u64, truth: &mut Option<&mut Truth>) -> io::Result<()> {
        let shape = self.shape(index);
        let mut bytes = vec![0; shape.bytes as usize];
        put(&mut bytes, 0, method_table(shape.type_index));
        let mut n_references = 0;
        let offsets: Vec<u64> = match self.types.get(shape.type_index).map(|found| (found.kind, found)) {
            Some((Kind::Text | Kind::Array(_), _)) => {
                put(&mut bytes, 8, u64::from(shape.length));
                if shape.type_index == OBJECTS {
                    (0..u64::from(shape.length)).map(|slot| 16 + 8 * slot).collect()
                } else {
                    Vec::new()
                }
            }
            Some((_, found)) => found.reference_offsets.clone(),
            None => Vec::new(),
        };
        for (slot, offset) in offsets.into_iter().enumerate() {
            let target = self.target(index, slot as u64);
            n_references += u64::from(target != 0);
            put(&mut bytes, offset as usize, target);
        }
        if shape.type_index == STRING {
            for (letter, place) in bytes.iter_mut().skip(12).step_by(2).take(shape.length as usize).enumerate() {
                *place = b'a' + (letter % 26) as u8;
            }
        }
        if let Some(truth) = truth {
            let row = truth.types.entry(method_table(shape.type_index)).or_default();
            row.0 += 1;
            row.1 += shape.bytes;
            truth.n_references += n_references;
        }
        out.write_all(&bytes)
    }

    /// The bytes of a region from its start to its end. With a truth, counts instead of writing only.
    fn write_region(
        &self,
        region: &Region,
        end: u64,
        out: &mut dyn Write,
        mut truth: Option<&mut Truth>,
    ) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 20, out);
        let mut at = region.start;
        for index in region.first..end {
            let address = self.address(index);
            let gap = (address - at) as usize;
            let is_free = region.generation == 2 && index % FREE_EVERY == FREE_EVERY - 1;
            if is_free {
                out.write_all(&vec![0; gap - FREE_BYTES as usize])?;
                let mut free = vec![0; FREE_BYTES as usize];
                put(&mut free, 0, FREE_METHOD_TABLE);
                put(&mut free, 8, FREE_BYTES - 24);
                out.write_all(&free)?;
                if let Some(truth) = &mut truth {
                    truth.free.0 += 1;
                    truth.free.1 += FREE_BYTES;
                }
            } else {
                out.write_all(&vec![0; gap])?;
            }
            self.write_object(&mut out, index, &mut truth)?;
            at = address + self.shape(index).bytes;
        }
        out.write_all(&vec![0; (region.end - at) as usize])?;
        out.flush()
    }

    fn write_special(&self, which: usize, out: &mut dyn Write) -> io::Result<()> {
        let Some(region) = self.special.get(which) else { return Ok(()) };
        let mut out = BufWriter::with_capacity(1 << 20, out);
        out.write_all(&[0; 0x28])?;
        match which {
            0 => {
                out.write_all(&method_table(OBJECTS).to_le_bytes())?;
                out.write_all(&self.table_length.to_le_bytes())?;
                for slot in 0..self.table_length {
                    out.write_all(&self.element(slot).to_le_bytes())?;
                }
                out.write_all(&[0; 8])?;
            }
            1 => {
                for letter in 0..N_FROZEN {
                    let mut text = vec![0; FROZEN_BYTES as usize];
                    put(&mut text, 0, method_table(STRING));
                    put(&mut text, 8, 4 | (u64::from(b'a') + letter) << 32);
                    out.write_all(&text)?;
                }
            }
            _ => {
                let mut bytes = vec![0; 24 + 64];
                put(&mut bytes, 0, method_table(BYTES));
                put(&mut bytes, 8, 64);
                out.write_all(&bytes)?;
            }
        }
        out.write_all(&vec![0; (region.end - region.end_of_objects) as usize])?;
        out.flush()
    }

    fn truth(&self) -> io::Result<Truth> {
        let mut truth = Truth {
            free_method_table: FREE_METHOD_TABLE,
            strong_handles: vec![self.table()],
            allocation_context: self.context,
            ..Truth::default()
        };
        for (index, region) in self.regions.iter().enumerate() {
            self.write_region(region, self.end_of(index), &mut io::sink(), Some(&mut truth))?;
        }
        let mut add = |type_index: usize, count: u64, bytes: u64| {
            let row = truth.types.entry(method_table(type_index)).or_default();
            row.0 += count;
            row.1 += bytes;
        };
        add(OBJECTS, 1, 24 + 8 * self.table_length);
        add(STRING, N_FROZEN, FROZEN_BYTES * N_FROZEN);
        add(BYTES, 1, 24 + 64);
        truth.n_references += self.table_length;
        Ok(truth)
    }

    fn table(&self) -> u64 {
        let [table, ..] = &self.special;
        table.mem()
    }

    /// Index behind the last object of the `index`-th region.
    fn end_of(&self, index: usize) -> u64 {
        self.regions.get(index + 1).map_or(self.process.n_objects, |next| next.first)
    }
}

fn put(bytes: &mut [u8], at: usize, word: u64) {
    if let Some(place) = bytes.get_mut(at..at + 8) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}

fn put32(bytes: &mut [u8], at: usize, word: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}

/// Method tables, classes, auxiliary data, and one module.
fn loader_heap(types: &[Type]) -> Vec<u8> {
    let mut bytes = vec![0; (0x1000 + TYPE_STRIDE * types.len() as u64).next_multiple_of(4096) as usize];
    let module = LOADER + 0x100;
    for (index, found) in types.iter().enumerate() {
        let at = (method_table(index) - LOADER) as usize;
        let (class_at, auxiliary_at) = (at + 0x80, at + 0xc0);
        let mut flags = u32::from(found.component_bytes);
        match found.kind {
            Kind::Class => {}
            Kind::Text => flags |= 0x8000_0000,
            Kind::Array(_) => flags |= 0x800a_0000,
            Kind::Primitive(_) => flags |= 0x0007_0000,
        }
        let series = reference_series(found, index);
        if !series.is_empty() {
            flags |= 0x0100_0000;
            put(&mut bytes, at - 8, series.len() as u64);
            for (nth, (size, offset)) in series.iter().enumerate() {
                put(&mut bytes, at - 8 - 16 * (nth + 1), *size);
                put(&mut bytes, at - 16 * (nth + 1), *offset);
            }
        }
        put32(&mut bytes, at, flags);
        put32(&mut bytes, at + 4, found.base_bytes);
        put32(&mut bytes, at + 8, (index as u32 + 2) << 8);
        put32(&mut bytes, at + 12, 4);
        put(&mut bytes, at + 0x10, if index == OBJECT { 0 } else { method_table(OBJECT) });
        put(&mut bytes, at + 0x18, module);
        put(&mut bytes, at + 0x20, LOADER + auxiliary_at as u64);
        put(&mut bytes, at + 0x28, LOADER + class_at as u64);
        if let Kind::Array(element) = found.kind {
            put(&mut bytes, at + 0x30, method_table(element));
        }
        put(&mut bytes, auxiliary_at + 8, module);
        put(&mut bytes, class_at + 0x10, method_table(index));
        if let (Kind::Primitive(element), Some(place)) = (found.kind, bytes.get_mut(class_at + 0x30)) {
            *place = element;
        }
    }
    bytes
}

/// Size less the object's base size, and offset, of each run of references.
fn reference_series(found: &Type, index: usize) -> Vec<(u64, u64)> {
    if index == OBJECTS {
        return vec![(24_u64.wrapping_neg(), 16)];
    }
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &offset in &found.reference_offsets {
        match runs.last_mut() {
            Some(last) if last.1 + last.0 == offset => last.0 += 8,
            _ => runs.push((8, offset)),
        }
    }
    // Stored with the highest offset nearest to the method table.
    runs.iter().rev().map(|&(len, offset)| (len.wrapping_sub(u64::from(found.base_bytes)), offset)).collect()
}

const SEGMENTS_AT: u64 = NATIVE + 0x4_0000;
const SEGMENT_STRIDE: u64 = 0x100;
const HANDLE_TABLE: u64 = NATIVE + 0x1000;
const HANDLE_SEGMENT: u64 = NATIVE + 0x2_0000;
const FINALIZE: u64 = NATIVE + 0x2000;
const FINALIZE_ARRAY: u64 = NATIVE + 0x2100;

/// Region records, handles, finalizer queue, and the method table of free objects.
fn native_heap(heap: &Heap) -> Vec<u8> {
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

const fn segment_record(index: usize) -> u64 {
    SEGMENTS_AT + SEGMENT_STRIDE * index as u64
}

/// The image's header page: program headers and a build id behind a property note.
fn header_page() -> Vec<u8> {
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
fn data_pages(heap: &Heap) -> Vec<u8> {
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

/// Addresses of what a test may want to damage.
pub mod place {
    use super::{DATA_OFFSET, FINALIZE, HANDLE_SEGMENT, HANDLE_TABLE, NODE, OBJECTS, RUNTIME, SEGMENTS_AT};

    /// The list of the GC's variables.
    pub const GC_VARIABLES: u64 = RUNTIME + DATA_OFFSET + 0x100;
    /// The table of generations; a generation takes 0x100 bytes, its first region stands at +0x38.
    pub const GENERATIONS: u64 = RUNTIME + DATA_OFFSET + 0x2000;
    /// First region record: allocated, committed, reserved, used, first object, flags, next.
    pub const REGION_RECORD: u64 = SEGMENTS_AT;
    /// Table of handles; its list of segments stands at +0x138.
    pub const HANDLES: u64 = HANDLE_TABLE;
    /// The segment of handles; the next one stands at +0x7ce.
    pub const HANDLES_SEGMENT: u64 = HANDLE_SEGMENT;
    /// Finalizer queue: seven fill pointers, then start and end of its array.
    pub const FINALIZER_QUEUE: u64 = FINALIZE;
    /// Method table of the arrays of references.
    #[must_use]
    pub fn array_type() -> u64 {
        super::method_table(OBJECTS)
    }
    /// Method table of the small class with two references.
    #[must_use]
    pub fn node_type() -> u64 {
        super::method_table(NODE)
    }
}

impl Process {
    /// Writes the core of the process to `path`, streamed: ten million objects take some seconds and 640 MB of disk.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, path: &Path) -> io::Result<Truth> {
        let heap = Heap::lay_out(self.at_least());
        let truth = heap.truth()?;
        describe(&heap).write(&mut File::create(path)?)?;
        Ok(truth)
    }

    /// The core of a small process in memory, where its parts stand, and what it holds.
    ///
    /// # Errors
    /// None that memory gives.
    pub fn bytes(&self) -> io::Result<(Vec<u8>, Places, Truth)> {
        let heap = Heap::lay_out(self.at_least());
        let truth = heap.truth()?;
        let (bytes, places) = describe(&heap).bytes()?;
        Ok((bytes, places, truth))
    }

    /// Every generation needs its objects.
    fn at_least(self) -> Self {
        Self { n_objects: self.n_objects.max(100), ..self }
    }
}

/// The process as a core file.
fn describe(heap: &Heap) -> Core<'_> {
    let mut core = Core::new(Machine::X64);
    core.process = (4242, "synthetic".to_owned(), "/app/synthetic".to_owned());
    let mut registers = vec![0; 27];
    if let Some(place) = registers.get_mut(19) {
        *place = STACK + 0x1000;
    }
    core.threads.push(Thread { id: 4242, registers });
    let rows = [(0, 0x1000, 0), (0x1000, 0x9000, 0x1000), (DATA_OFFSET, DATA_OFFSET + 0x1000, DATA_OFFSET)];
    core.mappings.extend(rows.map(|(start, end, offset)| Mapping {
        start: RUNTIME + start,
        end: RUNTIME + end,
        offset,
        path: RUNTIME_PATH.to_owned(),
    }));
    core.memory(NATIVE, 6, native_heap(heap));
    for (index, region) in heap.regions.iter().enumerate() {
        let len = region.end - region.start;
        let end = heap.end_of(index);
        let stream = move |out: &mut dyn Write| heap.write_region(region, end, out, None);
        let content = Content::Streamed(len, Box::new(stream));
        core.segments.push(Segment { address: region.start, memory_bytes: len, flags: 6, content });
    }
    for (which, region) in heap.special.iter().enumerate() {
        let len = region.end - region.start;
        let content = Content::Streamed(len, Box::new(move |out: &mut dyn Write| heap.write_special(which, out)));
        core.segments.push(Segment { address: region.start, memory_bytes: len, flags: 6, content });
    }
    core.memory(LOADER, 6, loader_heap(&heap.types));
    core.memory(RUNTIME, 4, header_page());
    core.segments.push(Segment { address: RUNTIME + 0x1000, memory_bytes: 0x8000, flags: 5, content: Content::Absent });
    core.memory(RUNTIME + DATA_OFFSET, 6, data_pages(heap));
    core.memory(STACK, 6, vec![0; 0x4000]);
    core
}
