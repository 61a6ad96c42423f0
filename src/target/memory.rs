//! The dead process's memory: stretches of files put together by address.
//!
//! Absent is absent: a read that touches a byte nobody wrote fails, and never answers zero.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use crate::base::{Addr, AddrRange};

/// A read touched memory that is not in the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes at {at} are not in the dump")]
pub struct MemoryError {
    /// Where the read began.
    pub at: Addr,
    /// Bytes wanted.
    pub len: u64,
}

/// Memory of the dead process, read by address.
pub trait TargetMemory: Send + Sync + Debug {
    /// The bytes from `at` to the end of the stretch that holds it, without a copy; `None` when `at` is absent.
    /// Never empty. Cost: a search in the table of stretches.
    fn bytes_at(&self, at: Addr) -> Option<&[u8]>;

    /// Fills `into` from `at`, crossing stretches that touch.
    ///
    /// # Errors
    /// [`MemoryError`] when any byte is absent.
    fn read(&self, at: Addr, into: &mut [u8]) -> Result<(), MemoryError> {
        let absent = MemoryError { at, len: into.len() as u64 };
        let mut next = at;
        let mut rest = into;
        while !rest.is_empty() {
            let bytes = self.bytes_at(next).ok_or(absent)?;
            let len = bytes.len().min(rest.len());
            let (now, later) = rest.split_at_mut_checked(len).ok_or(absent)?;
            now.copy_from_slice(bytes.get(..len).ok_or(absent)?);
            next = next.checked_add(len as u64).filter(|_| len > 0).ok_or(absent)?;
            rest = later;
        }
        Ok(())
    }

    /// `N` bytes at `at`.
    ///
    /// # Errors
    /// [`MemoryError`] when any byte is absent.
    fn array<const N: usize>(&self, at: Addr) -> Result<[u8; N], MemoryError>
    where
        Self: Sized,
    {
        if let Some(array) = self.bytes_at(at).and_then(|bytes| bytes.first_chunk::<N>()) {
            return Ok(*array);
        }
        let mut array = [0; N];
        self.read(at, &mut array)?;
        Ok(array)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`MemoryError`] when absent.
    fn u8(&self, at: Addr) -> Result<u8, MemoryError>
    where
        Self: Sized,
    {
        self.array::<1>(at).map(|[byte]| byte)
    }

    /// Two bytes, little-endian.
    ///
    /// # Errors
    /// [`MemoryError`] when absent.
    fn u16(&self, at: Addr) -> Result<u16, MemoryError>
    where
        Self: Sized,
    {
        self.array(at).map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// [`MemoryError`] when absent.
    fn u32(&self, at: Addr) -> Result<u32, MemoryError>
    where
        Self: Sized,
    {
        self.array(at).map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// [`MemoryError`] when absent.
    fn u64(&self, at: Addr) -> Result<u64, MemoryError>
    where
        Self: Sized,
    {
        self.array(at).map(u64::from_le_bytes)
    }

    /// An address stored at `at` (64-bit targets).
    ///
    /// # Errors
    /// [`MemoryError`] when absent.
    fn ptr(&self, at: Addr) -> Result<Addr, MemoryError>
    where
        Self: Sized,
    {
        self.u64(at).map(Addr)
    }

    /// `len` bytes at `at`, copied.
    ///
    /// # Errors
    /// [`MemoryError`] when any byte is absent. The caller bounds `len` first.
    fn vec(&self, at: Addr, len: usize) -> Result<Vec<u8>, MemoryError>
    where
        Self: Sized,
    {
        let mut bytes = vec![0; len];
        self.read(at, &mut bytes)?;
        Ok(bytes)
    }

    /// The zero-ended UTF-8 text at `at`; `None` when absent, unended within `most` bytes, or not UTF-8.
    fn c_str(&self, at: Addr, most: usize) -> Option<String>
    where
        Self: Sized,
    {
        let mut text = Vec::new();
        for index in 0..most {
            match self.u8(at.checked_add(index as u64)?).ok()? {
                0 => return String::from_utf8(text).ok(),
                byte => text.push(byte),
            }
        }
        None
    }

    /// The zero-ended UTF-16 text at `at`; `None` when absent or unended within `most` units.
    fn utf16(&self, at: Addr, most: usize) -> Option<String>
    where
        Self: Sized,
    {
        let mut units = Vec::new();
        for index in 0..most {
            match self.u16(at.checked_add((index as u64).checked_mul(2)?)?).ok()? {
                0 => return Some(String::from_utf16_lossy(&units)),
                unit => units.push(unit),
            }
        }
        None
    }
}

/// Bytes of a file that memory can be spliced from.
pub trait ByteSource: Send + Sync + Debug {
    /// All bytes.
    fn bytes(&self) -> &[u8];
}

impl ByteSource for crate::dump::map::FileMap {
    fn bytes(&self) -> &[u8] {
        Self::bytes(self)
    }
}

impl ByteSource for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

/// A stretch of target memory and where its bytes stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: u64,
    end: u64,
    /// Index into `sources`.
    source: u32,
    /// Offset of `start` in the source.
    offset: u64,
}

impl Piece {
    const fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The part from `start` to `end`, which lie inside.
    const fn part(&self, start: u64, end: u64) -> Self {
        let offset = self.offset.saturating_add(start.saturating_sub(self.start));
        Self { start, end, source: self.source, offset }
    }
}

/// True when two pieces share an address.
fn overlapping<'a>(pieces: impl Iterator<Item = &'a Piece>) -> bool {
    let mut ranges: Vec<(u64, u64)> = pieces.map(|piece| (piece.start, piece.end)).collect();
    ranges.sort_unstable();
    let mut end = 0;
    ranges.into_iter().any(|range| range.0 < std::mem::replace(&mut end, range.1))
}

/// Adds the parts of `piece` that nothing in `present`, which is disjoint, covers.
fn insert_below(present: &mut BTreeMap<u64, Piece>, piece: Piece) {
    let mut at = piece.start;
    let before = present.range(..=piece.start).next_back().map(|(_, before)| before.end);
    if let Some(end) = before {
        at = at.max(end);
    }
    let mut gaps = Vec::new();
    for (&start, inside) in present.range(piece.start..piece.end) {
        if start > at {
            gaps.push(piece.part(at, start));
        }
        at = at.max(inside.end);
    }
    if at < piece.end {
        gaps.push(piece.part(at, piece.end));
    }
    present.extend(gaps.into_iter().map(|gap| (gap.start, gap)));
}

/// Memory put together from stretches of files. Stretches never overlap; those that touch in both address and file are
/// one.
#[derive(Clone, Debug, Default)]
pub struct SplicedMemory {
    sources: Vec<Arc<dyn ByteSource>>,
    /// Sorted by address.
    pieces: Vec<Piece>,
}

impl SplicedMemory {
    /// Memory made of `stretches` (address, offset in the source, length) of one source. They may be unsorted and
    /// overlap; where two hold the same address the longer one wins. A stretch past the end of the source is clamped.
    #[must_use]
    pub fn new(source: Arc<dyn ByteSource>, stretches: &[(Addr, u64, u64)]) -> Self {
        let mut memory = Self::default();
        memory.add(source, stretches);
        memory
    }

    /// Adds stretches of another source *below* what is there: bytes already present win. Cost: a sort, and where
    /// stretches overlap one ordered map.
    pub fn add(&mut self, source: Arc<dyn ByteSource>, stretches: &[(Addr, u64, u64)]) {
        let available = source.bytes().len() as u64;
        let Ok(source_index) = u32::try_from(self.sources.len()) else { return };
        self.sources.push(source);
        let mut added: Vec<Piece> = stretches
            .iter()
            .filter_map(|&(at, offset, len)| {
                let len = len.min(available.checked_sub(offset)?).min(u64::MAX.checked_sub(at.0)?);
                let end = at.0.checked_add(len)?;
                (len > 0).then_some(Piece { start: at.0, end, source: source_index, offset })
            })
            .collect();
        if overlapping(added.iter().chain(&self.pieces)) {
            // Longest first, so that it claims its addresses before a shorter one does.
            added.sort_by_key(|piece| (std::cmp::Reverse(piece.len()), piece.start, piece.offset));
            let mut present: BTreeMap<u64, Piece> = self.pieces.iter().map(|&piece| (piece.start, piece)).collect();
            for piece in added {
                insert_below(&mut present, piece);
            }
            self.pieces = present.into_values().collect();
        } else {
            self.pieces.append(&mut added);
            self.pieces.sort_unstable_by_key(|piece| piece.start);
        }
        self.merge_touching();
    }

    fn merge_touching(&mut self) {
        let mut merged: Vec<Piece> = Vec::with_capacity(self.pieces.len());
        for &piece in &self.pieces {
            match merged.last_mut() {
                Some(last)
                    if last.end == piece.start
                        && last.source == piece.source
                        && last.offset.checked_add(last.len()) == Some(piece.offset) =>
                {
                    last.end = piece.end;
                }
                _ => merged.push(piece),
            }
        }
        merged.shrink_to_fit();
        self.pieces = merged;
    }

    /// True when not one byte is present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    fn piece_index(&self, at: Addr) -> Option<usize> {
        let index = self.pieces.partition_point(|piece| piece.start <= at.0).checked_sub(1)?;
        self.pieces.get(index).filter(|piece| at.0 < piece.end).map(|_| index)
    }

    /// True when the byte at `at` is present.
    #[must_use]
    pub fn contains(&self, at: Addr) -> bool {
        self.piece_index(at).is_some()
    }

    /// The present stretches inside `range`, clipped to it, in address order; touching stretches of different files
    /// come separately.
    pub fn stretches(&self, range: AddrRange) -> impl Iterator<Item = AddrRange> + '_ {
        let first = self.pieces.partition_point(|piece| piece.end <= range.start.0);
        self.pieces
            .iter()
            .skip(first)
            .take_while(move |piece| piece.start < range.end.0)
            .map(move |piece| AddrRange::new(Addr(piece.start.max(range.start.0)), Addr(piece.end.min(range.end.0))))
    }

    /// Bytes of `range` that are present.
    #[must_use]
    pub fn present_bytes(&self, range: AddrRange) -> u64 {
        self.stretches(range).map(AddrRange::len).sum()
    }
}

impl TargetMemory for SplicedMemory {
    fn bytes_at(&self, at: Addr) -> Option<&[u8]> {
        let piece = self.pieces.get(self.piece_index(at)?)?;
        let from = usize::try_from(piece.offset.checked_add(at.0.checked_sub(piece.start)?)?).ok()?;
        let len = usize::try_from(piece.end.checked_sub(at.0)?).ok()?;
        self.sources.get(usize::try_from(piece.source).ok()?)?.bytes().get(from..from.checked_add(len)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn source(first: u8) -> Arc<Vec<u8>> {
        Arc::new((0..64).map(|index| first.wrapping_add(index)).collect())
    }

    fn read(memory: &SplicedMemory, range: std::ops::Range<u64>) -> Vec<Option<u8>> {
        range.map(|at| memory.u8(Addr(at)).ok()).collect()
    }

    #[test]
    fn what_is_absent_fails_and_what_touches_is_crossed() {
        let memory = SplicedMemory::new(source(0), &[(Addr(0x1008), 8, 8), (Addr(0x1000), 32, 8)]);
        assert_eq!(memory.u64(Addr(0x1004)), Ok(u64::from_le_bytes([36, 37, 38, 39, 8, 9, 10, 11])));
        assert_eq!(memory.u64(Addr(0x100c)), Err(MemoryError { at: Addr(0x100c), len: 8 }));
        assert_eq!(memory.u8(Addr(0xfff)), Err(MemoryError { at: Addr(0xfff), len: 1 }));
        assert_eq!(memory.present_bytes(AddrRange::new(Addr(0), Addr(u64::MAX))), 16);
    }

    #[test]
    fn stretches_past_the_source_are_clamped_and_the_end_of_the_address_space_is_safe() {
        let stretches = [(Addr(0x1000), 60, 100), (Addr(u64::MAX - 3), 0, 64), (Addr(0x2000), u64::MAX, 8)];
        let memory = SplicedMemory::new(source(0), &stretches);
        assert_eq!(memory.present_bytes(AddrRange::new(Addr(0), Addr(0x3000))), 4);
        assert_eq!(memory.u8(Addr(u64::MAX - 1)), Ok(2));
        assert!(memory.u32(Addr(u64::MAX - 2)).is_err());
    }

    #[test]
    fn the_longer_of_two_stretches_wins_and_the_first_source_wins() {
        let mut memory = SplicedMemory::new(source(0), &[(Addr(10), 0, 4), (Addr(8), 20, 8)]);
        assert_eq!(read(&memory, 8..16), (20..28).map(Some).collect::<Vec<_>>());
        memory.add(source(100), &[(Addr(6), 0, 20)]);
        assert_eq!(read(&memory, 6..8), [Some(100), Some(101)]);
        assert_eq!(read(&memory, 15..17), [Some(27), Some(110)]);
    }

    #[test]
    fn seventy_thousand_stretches_are_no_burden() {
        let bytes = Arc::new(vec![1; 1 << 20]);
        // Every one overlaps its neighbour, in the worst order.
        let stretches: Vec<_> = (0..70_000_u64).rev().map(|index| (Addr(index * 8), index * 8, 12)).collect();
        let started = std::time::Instant::now();
        let memory = SplicedMemory::new(bytes, &stretches);
        assert_eq!(memory.present_bytes(AddrRange::new(Addr(0), Addr(1 << 30))), 70_000 * 8 + 4);
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }

    proptest! {
        /// Against a map of bytes: insert, overwrite an end, punch a hole, overlap two.
        #[test]
        fn spliced_memory_is_a_map_of_bytes(
            sources in prop::collection::vec(prop::collection::vec((0_u64..96, 0_u64..80, 0_u64..40), 0..12), 1..4)
        ) {
            let mut memory = SplicedMemory::default();
            let mut model: BTreeMap<u64, u8> = BTreeMap::new();
            for (index, stretches) in sources.iter().enumerate() {
                let bytes = source(index as u8 * 64);
                let mut ordered: Vec<(u64, u64, u64)> = stretches
                    .iter()
                    .map(|&(at, offset, len)| (at, offset, len.min(64_u64.saturating_sub(offset))))
                    .filter(|&(_, _, len)| len > 0)
                    .collect();
                ordered.sort_by_key(|&(at, offset, len)| (std::cmp::Reverse(len), at, offset));
                for (at, offset, len) in ordered {
                    for step in 0..len {
                        model.entry(at + step).or_insert(bytes[(offset + step) as usize]);
                    }
                }
                let given: Vec<_> = stretches.iter().map(|&(at, offset, len)| (Addr(at), offset, len)).collect();
                memory.add(bytes, &given);
            }
            for at in 0..160 {
                prop_assert_eq!(memory.u8(Addr(at)).ok(), model.get(&at).copied());
                let word: Option<Vec<u8>> = (at..at + 8).map(|at| model.get(&at).copied()).collect();
                prop_assert_eq!(memory.array::<8>(Addr(at)).ok().map(Vec::from), word);
            }
            let present: u64 = memory.stretches(AddrRange::new(Addr(0), Addr(1000))).map(AddrRange::len).sum();
            prop_assert_eq!(present, model.len() as u64);
            prop_assert!(memory.pieces.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }
    }
}
