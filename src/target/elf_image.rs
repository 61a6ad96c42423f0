//! An ELF image in the dead process's memory: its program headers, extent, writable spans and build id (gABI chapter 5).
//!
//! Only what the page of the header and the notes hold is read; in most dumps it is the only page of an image's file that
//! is there.

use super::memory::{SplicedMemory, TargetMemory};
use crate::base::{Addr, AddrRange};

/// Program headers believed of one image; real ones have about ten.
const MOST_PROGRAM_HEADERS: u16 = 256;
/// Bytes of notes looked through for a build id.
const MOST_NOTE_BYTES: u64 = 1 << 16;
const PROGRAM_HEADER_BYTES: u64 = 56;

/// `PT_DYNAMIC`.
pub(super) const PT_DYNAMIC: u32 = 2;
const PT_LOAD: u32 = 1;
/// `PT_INTERP`.
pub(super) const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;
/// `PT_PHDR`.
pub(super) const PT_PHDR: u32 = 6;
const PF_W: u32 = 2;
/// `NT_GNU_BUILD_ID`.
const NT_GNU_BUILD_ID: u32 = 3;

/// A program header of an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) file_bytes: u64,
    pub(super) memory_bytes: u64,
}

/// An image whose header is in memory.
#[derive(Clone, Debug)]
pub(super) struct ElfImage {
    /// Where the header is mapped.
    pub(super) base: Addr,
    /// What is added to an address of the file to get one of the process; wraps like the processor's sum. Not the base
    /// for programs that are not position-independent: theirs is 0.
    pub(super) bias: u64,
    pub(super) segments: Vec<Segment>,
}

/// True when the four bytes of the ELF signature stand at `at`.
pub(super) fn is_elf(memory: &SplicedMemory, at: Addr) -> bool {
    memory.u32(at).is_ok_and(|magic| magic == 0x464c_457f)
}

impl ElfImage {
    /// Reads the image whose header is at `base`; `None` when there is no 64-bit header or its program headers are not
    /// in the dump.
    pub(super) fn read(memory: &SplicedMemory, base: Addr) -> Option<Self> {
        if !is_elf(memory, base) || memory.u8(base.checked_add(4)?).ok()? != 2 {
            return None;
        }
        let headers_at = base.checked_add(memory.u64(base.checked_add(32)?).ok()?)?;
        let entry_bytes = memory.u16(base.checked_add(54)?).ok()?;
        let count = memory.u16(base.checked_add(56)?).ok()?;
        if u64::from(entry_bytes) != PROGRAM_HEADER_BYTES || count > MOST_PROGRAM_HEADERS {
            return None;
        }
        let segments = segments(memory, headers_at, count)?;
        // The header is at file offset 0, so the segment that holds this offset tells what was added.
        let first = segments
            .iter()
            .filter(|segment| segment.kind == PT_LOAD && segment.offset == 0)
            .map(|segment| segment.address)
            .min()
            .unwrap_or(0);
        Some(Self { base, bias: base.0.wrapping_sub(first), segments })
    }

    /// The place in the process of an address of the file.
    pub(super) fn at(&self, address: u64) -> Addr {
        Addr(self.bias).plus(address)
    }

    fn loaded(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.kind == PT_LOAD)
    }

    fn range_of(&self, segment: &Segment) -> Option<AddrRange> {
        let start = self.at(segment.address);
        Some(AddrRange::new(start, start.checked_add(segment.memory_bytes)?))
    }

    /// From the header to the end of the last segment, gaps included.
    pub(super) fn range(&self) -> AddrRange {
        let end = self.loaded().filter_map(|segment| self.range_of(segment)).map(|range| range.end).max();
        AddrRange::new(self.base, end.unwrap_or(self.base).max(self.base))
    }

    /// `.data` and `.bss`: the writable segments with their length in memory.
    pub(super) fn writable(&self) -> Vec<AddrRange> {
        self.loaded()
            .filter(|segment| segment.flags & PF_W != 0)
            .filter_map(|segment| self.range_of(segment))
            .filter(|range| !range.is_empty())
            .collect()
    }

    /// Parts that are never written: range in the process and offset in the file. Pages shared with writable data are
    /// left out by the caller's memory, which already holds them.
    pub(super) fn read_only(&self) -> impl Iterator<Item = (Addr, u64, u64)> + '_ {
        self.loaded()
            .filter(|segment| segment.flags & PF_W == 0)
            .map(|segment| (self.at(segment.address), segment.offset, segment.file_bytes))
    }

    /// The GNU build id, from all notes: a property note often comes first.
    pub(super) fn build_id(&self, memory: &SplicedMemory) -> Vec<u8> {
        self.segments
            .iter()
            .filter(|segment| segment.kind == PT_NOTE)
            .find_map(|segment| build_id_in(memory, self.at(segment.address), segment.memory_bytes))
            .unwrap_or_default()
    }

    /// Path of the program interpreter, when there is one and its page is in the dump.
    pub(super) fn interpreter(&self, memory: &SplicedMemory) -> Option<String> {
        let segment = self.segments.iter().find(|segment| segment.kind == PT_INTERP)?;
        memory.c_str(self.at(segment.address), 4096)
    }
}

/// Reads `count` program headers at `at`.
pub(super) fn segments(memory: &SplicedMemory, at: Addr, count: u16) -> Option<Vec<Segment>> {
    (0..u64::from(count))
        .map(|index| {
            let at = at.checked_add(index.checked_mul(PROGRAM_HEADER_BYTES)?)?;
            let word = |offset: u64| memory.u64(at.checked_add(offset)?).ok();
            Some(Segment {
                kind: memory.u32(at).ok()?,
                flags: memory.u32(at.checked_add(4)?).ok()?,
                offset: word(8)?,
                address: word(16)?,
                file_bytes: word(32)?,
                memory_bytes: word(40)?,
            })
        })
        .collect()
}

fn build_id_in(memory: &SplicedMemory, start: Addr, bytes: u64) -> Option<Vec<u8>> {
    let end = start.checked_add(bytes.min(MOST_NOTE_BYTES))?;
    let mut at = start;
    while at.checked_add(12)? <= end {
        let name_bytes = u64::from(memory.u32(at).ok()?);
        let descriptor_bytes = u64::from(memory.u32(at.checked_add(4)?).ok()?);
        let kind = memory.u32(at.checked_add(8)?).ok()?;
        let name_at = at.checked_add(12)?;
        let descriptor_at = name_at.checked_add(name_bytes.checked_next_multiple_of(4)?)?;
        if kind == NT_GNU_BUILD_ID && name_bytes == 4 && memory.array::<4>(name_at).ok()? == *b"GNU\0" {
            return memory.vec(descriptor_at, usize::try_from(descriptor_bytes.min(64)).ok()?).ok();
        }
        at = descriptor_at.checked_add(descriptor_bytes.checked_next_multiple_of(4)?)?;
    }
    None
}
