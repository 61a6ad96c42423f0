//! The heap of a synthetic process: regions laid out object by object, and their bytes.

use std::io::{self, BufWriter, Write};

use super::tables::put;
use super::types::{BYTES, CLASSES, Kind, N_CLASSES, NODE, OBJECTS, STRING, Type, method_table, types};
use super::{HEAP, NATIVE, Process, Profile, Truth};

/// What an object is, before its address is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) type_index: usize,
    /// Elements of an array or letters of a text.
    pub(super) length: u32,
    pub(super) bytes: u64,
}

pub(super) fn mix(seed: u64) -> u64 {
    let mut value = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A run of objects in one region.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) start: u64,
    /// Index of the first object; the next region's is the end.
    pub(super) first: u64,
    pub(super) end_of_objects: u64,
    pub(super) end: u64,
    pub(super) generation: usize,
}

impl Region {
    pub(super) const fn mem(&self) -> u64 {
        self.start + 0x28
    }
}

/// A heap that is laid out and not yet written.
pub(super) struct Heap {
    pub(super) process: Process,
    pub(super) types: Vec<Type>,
    /// Offsets from [`HEAP`] in units of 8 bytes.
    pub(super) addresses: Vec<u32>,
    pub(super) regions: Vec<Region>,
    /// Region of the table or hub, of frozen texts, of one pinned array.
    pub(super) special: [Region; 3],
    /// Elements of the table or hub.
    pub(super) table_length: u64,
    pub(super) context: (u64, u64),
}

/// Every so many objects a free one stands in generation 2.
pub(super) const FREE_EVERY: u64 = 1000;
pub(super) const FREE_BYTES: u64 = 64;
pub(super) const FREE_METHOD_TABLE: u64 = NATIVE + 0x100;
pub(super) const CONTEXT_BYTES: u64 = 8192;
pub(super) const N_FROZEN: u64 = 16;
pub(super) const FROZEN_BYTES: u64 = 32;

impl Heap {
    pub(super) fn lay_out(process: Process) -> Self {
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

    pub(super) fn address(&self, index: u64) -> u64 {
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
    pub(super) fn write_region(
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

    pub(super) fn write_special(&self, which: usize, out: &mut dyn Write) -> io::Result<()> {
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

    pub(super) fn truth(&self) -> io::Result<Truth> {
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

    pub(super) fn table(&self) -> u64 {
        let [table, ..] = &self.special;
        table.mem()
    }

    /// Index behind the last object of the `index`-th region.
    pub(super) fn end_of(&self, index: usize) -> u64 {
        self.regions.get(index + 1).map_or(self.process.n_objects, |next| next.first)
    }
}
