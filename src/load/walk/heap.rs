//! Closer looks: what stands at one place, where a hole ends, where a chunk's walk may begin.

use super::chunks::{Cut, object_bytes, split_header};
use super::tables::{Registry, Slot, Table};
use super::{GUESS_BYTES, MARK_BITS, MIN_OBJECT_BYTES, ShapeSource, ZERO_HOLE_BYTES};
use crate::base::{Addr, AddrRange};
use crate::snapshot::GapReason;
use crate::target::{SplicedMemory, TargetMemory};

/// The heap's bytes and what gives them meaning.
#[derive(Debug)]
pub(super) struct Heap<'m, S> {
    pub(super) memory: &'m SplicedMemory,
    /// Unused parts of allocation contexts, sorted.
    pub(super) contexts: &'m [AddrRange],
    pub(super) registry: &'m Registry<'m, S>,
}

/// An object met by a closer look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    pub(super) slot: Slot,
    pub(super) word: u64,
    pub(super) raw: u64,
    pub(super) size: u64,
}

impl<S: ShapeSource> Heap<'_, S> {
    /// The object at `at` bytes from the start of `objects`: a MethodTable, and a size that fits.
    pub(super) fn object_at(&self, objects: AddrRange, at: u64, table: &mut Table) -> Option<Object> {
        let room = objects.len().checked_sub(at).filter(|&room| room >= MIN_OBJECT_BYTES)?;
        let header: [u8; 16] = self.memory.array(objects.start.plus(at)).ok()?;
        let (word, count) = split_header(&header);
        let slot = table.find_or_ask(word, self.registry)?;
        let (raw, size) = object_bytes(&slot, count);
        (size <= room).then_some(Object { slot, word, raw, size })
    }

    /// True when an object stands at `at` and its followers are plausible: two more objects, or the end of the range, or
    /// a hole. One look is not enough here: a field may hold the address of a MethodTable.
    pub(super) fn chain_at(&self, objects: AddrRange, at: u64, table: &mut Table) -> bool {
        let mut next = at;
        for depth in 0..3 {
            if depth > 0 && (next == objects.len() || self.context_at(objects.start.plus(next)).is_some()) {
                return true;
            }
            match self.object_at(objects, next, table) {
                Some(object) => next += object.size,
                None => return depth > 0 && self.hole_follows(objects, next, table),
            }
        }
        true
    }

    /// After an object that is not followed by another one: zeros (an allocation context we do not know), or up to 32
    /// bytes overwritten by a collection under way, with an object behind them.
    pub(super) fn hole_follows(&self, objects: AddrRange, at: u64, table: &mut Table) -> bool {
        if self.memory.u64(objects.start.plus(at)).is_ok_and(|word| word == 0) {
            return true;
        }
        (1..=4).any(|words| self.object_at(objects, at + words * 8, table).is_some())
    }

    /// First object chain at or behind `from`, looking as far as `to`; bytes that are absent are stepped over.
    pub(super) fn scan(&self, objects: AddrRange, from: u64, to: u64, table: &mut Table) -> Option<u64> {
        let mut at = from;
        while at < to {
            let here = objects.start.plus(at);
            let Some(bytes) = self.memory.bytes_at(here) else {
                at = self.next_present(objects, at)?;
                continue;
            };
            let stretch = bytes.len().min((to - at) as usize);
            let mut words = bytes.get(..stretch).unwrap_or_default().chunks_exact(8);
            for word in words.by_ref() {
                let is_zero = word.first_chunk::<8>().is_none_or(|word| u64::from_le_bytes(*word) & !MARK_BITS == 0);
                if !is_zero && self.chain_at(objects, at, table) {
                    return Some(at);
                }
                at += 8;
            }
            if stretch < 8 || stretch % 8 != 0 {
                at += 8;
            }
        }
        None
    }

    /// The next byte that is present, at or behind `at`, rounded up to 8.
    pub(super) fn next_present(&self, objects: AddrRange, at: u64) -> Option<u64> {
        let rest = AddrRange::new(objects.start.plus(at), objects.end);
        let next = self.memory.stretches(rest).next()?.start.offset_from(objects.start)?;
        Some(next.next_multiple_of(8).max(at))
    }

    /// End of the hole that begins at `at`, and why there is one.
    pub(super) fn hole(&self, cut: &Cut, at: u64, table: &mut Table) -> (u64, GapReason) {
        let objects = cut.objects;
        let here = objects.start.plus(at);
        if let Some(context) = self.context_at(here) {
            // The runtime keeps room for one smallest object behind the limit, for the free block that fills the rest.
            let to = context.end.0.saturating_add(MIN_OBJECT_BYTES).saturating_sub(objects.start.0);
            if to >= objects.len() {
                return (objects.len(), GapReason::AllocationContext);
            }
            if self.object_at(objects, to, table).is_some() {
                return (to, GapReason::AllocationContext);
            }
        }
        let to = self.scan(objects, at + 8, objects.len(), table).unwrap_or(objects.len());
        let range = AddrRange::new(here, objects.start.plus(to));
        let reason = if self.memory.present_bytes(range) < range.len() {
            GapReason::Absent
        } else if self.context_at(here).is_some()
            || ((range.len() <= ZERO_HOLE_BYTES || (cut.zero_tail && to == objects.len())) && self.is_zeros(range))
        {
            GapReason::AllocationContext
        } else {
            GapReason::Damaged
        };
        (to, reason)
    }

    pub(super) fn context_at(&self, at: Addr) -> Option<AddrRange> {
        let index = self.contexts.partition_point(|context| context.start < at);
        self.contexts.get(index).copied().filter(|context| context.start == at)
    }

    /// Nothing but zeros up to the last word, which may be the header of the next object.
    pub(super) fn is_zeros(&self, range: AddrRange) -> bool {
        let len = range.len().saturating_sub(8).max(8);
        let mut at = range.start;
        let end = range.start.plus(len);
        while at < end {
            let Some(bytes) = self.memory.bytes_at(at) else { return false };
            let stretch = bytes.len().min((end.0 - at.0) as usize);
            if bytes.iter().take(stretch).any(|&byte| byte != 0) {
                return false;
            }
            at = at.plus(stretch as u64);
        }
        true
    }

    /// Where a chunk's walk may begin.
    pub(super) fn guess(&self, cut: &Cut, table: &mut Table) -> Option<u64> {
        self.scan(cut.objects, cut.from, cut.to.min(cut.from + GUESS_BYTES), table)
    }
}
