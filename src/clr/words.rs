//! Reading words of the target: the few lines that every search for a structure needs.
//!
//! Everything here answers `None` for absent memory; nothing here panics or allocates by a number from the dump.

use crate::base::{Addr, AddrRange};
use crate::target::{Module, SplicedMemory, TargetMemory};

/// The word at `at + offset`.
pub(crate) fn word(memory: &SplicedMemory, at: Addr, offset: u64) -> Option<Addr> {
    memory.ptr(at.checked_add(offset)?).ok()
}

/// The 32-bit number at `at + offset`.
pub(crate) fn word32(memory: &SplicedMemory, at: Addr, offset: u64) -> Option<u32> {
    memory.u32(at.checked_add(offset)?).ok()
}

/// The signed 32-bit number at `at + offset`.
pub(crate) fn int32(memory: &SplicedMemory, at: Addr, offset: u64) -> Option<i32> {
    word32(memory, at, offset).map(u32::cast_signed)
}

/// Every present word of `range` on an 8-byte boundary, with its address, in order. One pass over the bytes.
pub(crate) fn words(memory: &SplicedMemory, range: AddrRange) -> impl Iterator<Item = (Addr, u64)> + '_ {
    memory.stretches(range).flat_map(move |stretch| {
        let start = Addr(stretch.start.0.saturating_add(7) & !7);
        let bytes = present(memory, AddrRange::new(start, stretch.end));
        let (chunks, _) = bytes.as_chunks::<8>();
        (0u64..).zip(chunks).map(move |(index, chunk)| (start.plus(index.wrapping_mul(8)), u64::from_le_bytes(*chunk)))
    })
}

/// The bytes of `range` that are present without a break from its start.
pub(crate) fn present(memory: &SplicedMemory, range: AddrRange) -> &[u8] {
    let bytes = memory.bytes_at(range.start).unwrap_or_default();
    let len = usize::try_from(range.len()).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(..len).unwrap_or_default()
}

/// Which module's writable data an address lies in.
#[derive(Clone, Debug, Default)]
pub(crate) struct WritableSpans {
    /// Sorted by start: range and index of the module.
    spans: Vec<(AddrRange, usize)>,
}

impl WritableSpans {
    /// The writable spans of all `modules`.
    pub(crate) fn new(modules: &[Module]) -> Self {
        let mut spans: Vec<(AddrRange, usize)> = modules
            .iter()
            .enumerate()
            .flat_map(|(index, module)| module.writable.iter().map(move |&span| (span, index)))
            .filter(|(span, _)| !span.is_empty())
            .collect();
        spans.sort_unstable_by_key(|(span, index)| (span.start, *index));
        Self { spans }
    }

    /// Index of the module whose writable data holds `at`. Binary search.
    pub(crate) fn owner(&self, at: Addr) -> Option<usize> {
        let index = self.spans.partition_point(|(span, _)| span.start <= at).checked_sub(1)?;
        self.spans.get(index).filter(|(span, _)| span.contains(at)).map(|&(_, module)| module)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn words_skip_what_is_absent_and_unaligned() {
        let bytes: Vec<u8> = (0u8..40).collect();
        let memory = SplicedMemory::new(Arc::new(bytes), &[(Addr(0x1004), 0, 20), (Addr(0x1020), 24, 16)]);
        let found: Vec<u64> = words(&memory, AddrRange::new(Addr(0x1000), Addr(0x1100))).map(|(at, _)| at.0).collect();
        assert_eq!(found, [0x1008, 0x1010, 0x1020, 0x1028]);
    }
}
