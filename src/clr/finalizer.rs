//! `CFinalize`: one array of objects with finalizers per heap, cut by fill pointers.
//!
//! ```text
//! +0            fill pointers, generations + 2      gen G-1 … gen 0 | critical ready | ready
//! +8*(G+2)      start of the array
//! +8*(G+3)      its end
//! ```
//! Same from 2.1 to 10 (finalizerqueue in gc.cpp); G is 4 before 5.0 and 5 from then on.

use super::Runtime;
use super::words::{word, words};
use crate::base::{Addr, AddrRange, Place, Skipped, Warnings};
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

/// Objects in finalizer queues, by address of the object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinalizerQueues {
    /// Objects whose finalizer has not been called for: no roots.
    pub registered: Vec<Addr>,
    /// Slot and object of dead objects whose finalizer waits to run: roots.
    pub ready: Vec<(Addr, Addr)>,
    /// Queues read.
    pub n_queues: u64,
}

impl Runtime {
    /// The finalizer queues of all heaps. One pass over them. A queue that cannot be read is a warning.
    #[must_use]
    pub fn finalizers(&self, warnings: &mut Warnings) -> FinalizerQueues {
        let memory = &self.target.memory;
        let mut found = FinalizerQueues::default();
        for heap in &self.gc.heaps {
            let place = Some(Place::Target(heap.finalize_queue));
            let Some(queue) = Queue::read(memory, heap.finalize_queue, self.gc.n_generations) else {
                warnings.skip(
                    Skipped::Finalizer,
                    place,
                    format_args!("the queue of heap {} is not in the dump or not one", heap.index),
                );
                continue;
            };
            found.n_queues = found.n_queues.saturating_add(1);
            let n = queue.registered.len().saturating_add(queue.ready.len()) / 8;
            if n > self.limits.finalizer_entries {
                warnings.skip(Skipped::Finalizer, place, format_args!("{n} entries, more than the limit"));
                continue;
            }
            let present = memory.present_bytes(queue.registered).saturating_add(memory.present_bytes(queue.ready)) / 8;
            if present < n {
                warnings.skip(
                    Skipped::Finalizer,
                    place,
                    format_args!("{} entries are not in the dump", n.saturating_sub(present)),
                );
            }
            let objects =
                |range| Queue::objects(memory, range).filter(|(_, object)| self.gc.segment_of(*object).is_some());
            found.registered.extend(objects(queue.registered).map(|(_, object)| object));
            found.ready.extend(objects(queue.ready));
        }
        found.registered.sort_unstable();
        found.ready.sort_unstable_by_key(|&(slot, object)| (object, slot));
        found
    }
}
