//! Columns of numbers in memory of their own, for what is read and written at random places.
//!
//! A table of forty megabytes spans ten thousand small pages, far more than a processor keeps the addresses of: every
//! look-up at a random place then waits for the address before it waits for the number. Huge pages (2 MiB, Linux) take a
//! third off a search without locality; other systems give small ones, and everything else is the same. The first touch
//! of fresh memory costs more than most passes over it, so a column that has served is used again as another.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::Pod;
use memmap2::MmapMut;

/// Columns below this many bytes are plain vectors.
const LEAST_BYTES: usize = 4 << 20;

/// A column of fixed length that begins as zeros. Pages that are never written take no memory.
pub(crate) struct Pages<T> {
    memory: Memory,
    len: usize,
    of: PhantomData<T>,
}

enum Memory {
    /// Words, so that every number is aligned.
    Small(Vec<u64>),
    Mapped(MmapMut),
}

impl<T: Pod> Pages<T> {
    /// `len` zeros. Where the system refuses a map, a vector takes its place.
    pub(crate) fn zeroed(len: usize) -> Self {
        const { assert!(align_of::<T>() <= align_of::<u64>(), "words are the widest") };
        let bytes = len.saturating_mul(size_of::<T>());
        let map = if bytes < LEAST_BYTES { None } else { MmapMut::map_anon(bytes).ok() };
        let memory = match map {
            Some(map) => {
                // Refused advice leaves small pages, which are slower and not wrong.
                #[cfg(target_os = "linux")]
                let _ = map.advise(memmap2::Advice::HugePage);
                Memory::Mapped(map)
            }
            None => Memory::Small(vec![0; bytes.div_ceil(size_of::<u64>())]),
        };
        Self { memory, len, of: PhantomData }
    }

    /// The same memory as `len` other numbers, whose values mean nothing yet. It must be large enough.
    pub(crate) fn reuse<U: Pod>(self, len: usize) -> Pages<U> {
        debug_assert!(len * size_of::<U>() <= self.memory.bytes().len(), "a column is used again for as much or less");
        Pages { memory: self.memory, len, of: PhantomData }
    }

    /// Bytes it takes once every page was written.
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.memory.bytes().len() as u64
    }
}

impl Memory {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Small(words) => bytemuck::cast_slice(words),
            Self::Mapped(map) => map,
        }
    }
}

impl<T: Pod> Deref for Pages<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        bytemuck::cast_slice(&self.memory.bytes()[..self.len * size_of::<T>()])
    }
}

impl<T: Pod> DerefMut for Pages<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let bytes: &mut [u8] = match &mut self.memory {
            Memory::Small(words) => bytemuck::cast_slice_mut(words),
            Memory::Mapped(map) => map,
        };
        bytemuck::cast_slice_mut(&mut bytes[..self.len * size_of::<T>()])
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pages({})", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_mapped_columns_begin_as_zeros_and_keep_what_is_written() {
        for len in [0, 1, 3, LEAST_BYTES / 4 - 1, LEAST_BYTES / 4, LEAST_BYTES] {
            let mut pages: Pages<u32> = Pages::zeroed(len);
            assert_eq!(pages.len(), len);
            assert!(pages.iter().all(|&number| number == 0));
            if let Some(last) = pages.last_mut() {
                *last = 7;
            }
            assert_eq!(pages.last().copied(), (len > 0).then_some(7));
            assert!((4 * len as u64..4 * len as u64 + 8).contains(&pages.heap_bytes()));
            let mut other: Pages<u64> = pages.reuse(len / 2);
            other.fill(9);
            assert_eq!(other.iter().sum::<u64>(), 9 * (len as u64 / 2));
        }
    }
}
