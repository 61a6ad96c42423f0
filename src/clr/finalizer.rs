//! `CFinalize`: one array of objects with finalizers per heap, cut by fill pointers.
//!
//! ```text
//! +0            fill pointers, generations + 2      gen G-1 … gen 0 | critical ready | ready
//! +8*(G+2)      start of the array
//! +8*(G+3)      its end
//! ```
//! Same from 2.1 to 10 (finalizerqueue in gc.cpp); G is 4 before 5.0 and 5 from then on.

use super::words::{word, words};
use crate::base::{Addr, AddrRange};
use crate::target::SplicedMemory;

/// A heap's finalizer queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its address.
    pub at: Addr,
    /// Slots of objects that wait to become garbage: no roots.
    pub registered: AddrRange,
    /// Slots of dead objects whose finalizer waits to run, critical ones first: roots.
    pub ready: AddrRange,
}

impl Queue {
    /// The queue at `at` of a heap with `n_generations`; `None` unless its pointers ascend inside its array.
    #[must_use]
    pub fn read(memory: &SplicedMemory, at: Addr, n_generations: u64) -> Option<Self> {
        if at.is_null() || !at.is_aligned_to(8) {
            return None;
        }
        let n_fill = n_generations.checked_add(2)?;
        let start = word(memory, at, n_fill.checked_mul(8)?)?;
        let end = word(memory, at, n_fill.checked_add(1)?.checked_mul(8)?)?;
        let mut last = start;
        for index in 0..n_fill {
            let fill = word(memory, at, index.checked_mul(8)?)?;
            if fill < last || fill > end || !fill.is_aligned_to(8) {
                return None;
            }
            last = fill;
        }
        if start.is_null() || !start.is_aligned_to(8) || start >= end {
            return None;
        }
        let split = word(memory, at, n_generations.checked_sub(1)?.checked_mul(8)?)?;
        Some(Self { at, registered: AddrRange::new(start, split), ready: AddrRange::new(split, last) })
    }

    /// Slots and the objects in them, of one of the two ranges; absent slots are left out. One pass.
    pub fn objects<'a>(memory: &'a SplicedMemory, range: AddrRange) -> impl Iterator<Item = (Addr, Addr)> + 'a {
        words(memory, range).map(|(slot, object)| (slot, Addr(object)))
    }
}
