//! The dead process's memory: stretches of files put together by address.
//!
//! Absent is absent: a read that touches a byte nobody wrote fails, and never answers zero.

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

    /// Adds stretches of another source *below* what is there: bytes already present win.
    pub fn add(&mut self, source: Arc<dyn ByteSource>, stretches: &[(Addr, u64, u64)]) {
        let available = source.bytes().len() as u64;
        let source_index = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        self.sources.push(source);
        let mut sorted: Vec<Piece> = stretches
            .iter()
            .filter_map(|&(at, offset, len)| {
                let len = len.min(available.checked_sub(offset)?);
                let end = at.0.checked_add(len)?;
                (len > 0).then_some(Piece { start: at.0, end, source: source_index, offset })
            })
            .collect();
        // Longest first, so that it claims its addresses before a shorter one does.
        sorted.sort_by_key(|piece| (std::cmp::Reverse(piece.end - piece.start), piece.start, piece.offset));
        let overlapping = {
            let mut by_start: Vec<(u64, u64)> = sorted.iter().chain(&self.pieces).map(|p| (p.start, p.end)).collect();
            by_start.sort_unstable();
            by_start.windows(2).any(|pair| pair[0].1 > pair[1].0)
        };
        if overlapping {
            for piece in sorted {
                self.insert_below(piece);
            }
        } else {
            self.pieces.extend(sorted);
        }
        self.pieces.sort_unstable_by_key(|piece| piece.start);
        self.merge_touching();
    }

    /// Adds the parts of `piece` that no present piece covers. Keeps `pieces` sorted.
    fn insert_below(&mut self, piece: Piece) {
        self.pieces.sort_unstable_by_key(|present| present.start);
        let mut at = piece.start;
        let mut gaps = Vec::new();
        for present in &self.pieces {
            if present.end <= at {
                continue;
            }
            if present.start >= piece.end {
                break;
            }
            if present.start > at {
                gaps.push((at, present.start));
            }
            at = present.end;
        }
        if at < piece.end {
            gaps.push((at, piece.end));
        }
        self.pieces.extend(gaps.into_iter().map(|(start, end)| Piece {
            start,
            end,
            source: piece.source,
            offset: piece.offset + (start - piece.start),
        }));
    }

    fn merge_touching(&mut self) {
        let mut merged: Vec<Piece> = Vec::with_capacity(self.pieces.len());
        for &piece in &self.pieces {
            match merged.last_mut() {
                Some(last)
                    if last.end == piece.start
                        && last.source == piece.source
                        && last.offset + (last.end - last.start) == piece.offset =>
                {
                    last.end = piece.end;
                }
                _ => merged.push(piece),
            }
        }
        merged.shrink_to_fit();
        self.pieces = merged;
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
        let skip = at.0 - piece.start;
        let from = usize::try_from(piece.offset + skip).ok()?;
        let len = usize::try_from(piece.end - at.0).ok()?;
        self.sources.get(piece.source as usize)?.bytes().get(from..from.checked_add(len)?)
    }
}
