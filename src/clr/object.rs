//! Objects, one behind the other: sizes, holes, and how to go on where no object stands.
//!
//! ```text
//! -4  u32 sync block index and bits
//!  0  MethodTable, low three bits used by the collector
//! +8  u32 number of elements (arrays and strings), or the first field
//! ```
//!
//! Inside a segment objects follow each other without a break, apart from the unused part of an allocation context (zero
//! bytes; the next object begins 24 bytes, one smallest object, behind its limit) and damage. Measured on 2.1 to 10.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::runtime_type_system::InstanceShape;
use super::words::present;
use crate::base::found::GapReason;
use crate::base::{Addr, AddrRange};
use crate::target::{SplicedMemory, TargetMemory};

/// Bits of a MethodTable word that the collector uses: mark, and from 6 on background mark and "make free".
pub const MARK_BITS: u64 = 7;
/// Bytes of the smallest object.
pub const SMALLEST_BYTES: u64 = 24;
/// Objects that must follow each other before a place in a damaged stretch is believed.
const CHAINED: u32 = 3;

/// Answers about MethodTables, kept: a heap asks about few thousand of them, and about each millions of times.
#[derive(Clone, Debug, Default)]
pub struct ShapeCache {
    known: HashMap<Addr, Option<InstanceShape>>,
    n_rejected: usize,
}

impl ShapeCache {
    /// Rejected words kept: a damaged heap offers any number of them.
    const REJECTED: usize = 1 << 16;

    /// The shape of `mt`, from `ask` the first time.
    pub fn get(&mut self, mt: Addr, ask: impl FnOnce() -> Option<InstanceShape>) -> Option<InstanceShape> {
        let full = self.n_rejected >= Self::REJECTED;
        match self.known.entry(mt) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let shape = ask();
                if shape.is_some() || !full {
                    self.n_rejected = self.n_rejected.saturating_add(usize::from(shape.is_none()));
                    entry.insert(shape);
                }
                shape
            }
        }
    }
}

/// Where the walk goes on after a place without an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The stretch without objects. Its end is the next object, or the end of the segment.
    pub range: AddrRange,
    /// Why there is none.
    pub reason: GapReason,
}

/// The object at `at`: its MethodTable, shape and size. `None` when no object that ends by `end` begins there.
pub fn object_at(
    memory: &SplicedMemory,
    at: Addr,
    end: Addr,
    shape: &mut dyn FnMut(Addr) -> Option<InstanceShape>,
) -> Option<(Addr, InstanceShape, u64)> {
    let method_table = memory.ptr(at).ok()?.without_bits(MARK_BITS);
    if method_table.is_null() {
        return None;
    }
    let found = shape(method_table)?;
    let n_elements = if found.component_bytes == 0 { 0 } else { memory.u32(at.checked_add(8)?).ok()? };
    let size = found.size_bytes(n_elements)?;
    (at.checked_add(size)? <= end).then_some((method_table, found, size))
}

/// Where to go on from `range.start`, where no object begins. `contexts` are sorted allocation contexts. Cost: one pass
/// over the stretch that is skipped.
pub fn next_object(
    memory: &SplicedMemory,
    range: AddrRange,
    contexts: &[AddrRange],
    shape: &mut dyn FnMut(Addr) -> Option<InstanceShape>,
) -> Gap {
    let at = range.start;
    let from = contexts.partition_point(|context| context.start < at);
    for context in contexts.iter().skip(from).take_while(|context| context.start == at) {
        let resume = context.end.plus(SMALLEST_BYTES);
        if resume == range.end || (resume < range.end && object_at(memory, resume, range.end, shape).is_some()) {
            return Gap { range: AddrRange::new(at, resume), reason: GapReason::AllocationContext };
        }
    }
    search(memory, range, shape)
}

/// The next place from which objects chain.
fn search(memory: &SplicedMemory, range: AddrRange, shape: &mut dyn FnMut(Addr) -> Option<InstanceShape>) -> Gap {
    let start = range.start;
    let gap = |end, reason| Gap { range: AddrRange::new(start, end), reason };
    if memory.bytes_at(start).is_none() {
        // Absent: go on where bytes are. Objects may begin inside the stretch before, so what follows is searched too.
        let next = memory.stretches(range).next().map_or(range.end, |stretch| stretch.start);
        return gap(Addr(next.0.saturating_add(7) & !7).min(range.end), GapReason::Absent);
    }
    // The header word of the next object may be non-zero: it is no damage.
    let mut non_zero = 0u64;
    let mut last_is_zero = true;
    let mut at = start;
    while at < range.end {
        let bytes = present(memory, AddrRange::new(at, range.end));
        let (chunks, _) = bytes.as_chunks::<8>();
        if chunks.is_empty() {
            break;
        }
        for chunk in chunks {
            let value = u64::from_le_bytes(*chunk);
            if value != 0 {
                let method_table = Addr(value).without_bits(MARK_BITS);
                if at != start
                    && !range.contains(method_table)
                    && shape(method_table).is_some()
                    && chains(memory, at, range.end, shape)
                {
                    let zero = non_zero == 0 || (non_zero == 1 && !last_is_zero);
                    return gap(at, if zero { GapReason::AllocationContext } else { GapReason::Damaged });
                }
                non_zero = non_zero.saturating_add(1);
            }
            last_is_zero = value == 0;
            at = at.plus(8);
        }
    }
    let reason = if non_zero == 0 && at >= range.end { GapReason::AllocationContext } else { GapReason::Damaged };
    gap(at.min(range.end), reason)
}

/// True when objects follow each other from `at`, or reach the end.
fn chains(memory: &SplicedMemory, at: Addr, end: Addr, shape: &mut dyn FnMut(Addr) -> Option<InstanceShape>) -> bool {
    let mut at = at;
    for index in 0..CHAINED {
        if at == end {
            return true;
        }
        match object_at(memory, at, end, shape) {
            Some((_, _, size)) => at = at.plus(size),
            // The last objects before an allocation context chain with zeros.
            None => return index > 0 && memory.u64(at).is_ok_and(|value| value == 0),
        }
    }
    true
}

/// One step of a [`Walk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An object or free block.
    Object {
        /// Its address.
        at: Addr,
        /// Its MethodTable, without mark bits.
        method_table: Addr,
        /// What it looks like.
        shape: InstanceShape,
        /// Bytes it occupies.
        size_bytes: u64,
        /// The collector's bits in its MethodTable word.
        mark_bits: u64,
    },
    /// A stretch without objects.
    Gap(Gap),
}

/// Walks a segment object by object. The plain form; `load` has the fast one.
pub struct Walk<'a> {
    memory: &'a SplicedMemory,
    at: Addr,
    end: Addr,
    contexts: &'a [AddrRange],
    shape: &'a mut dyn FnMut(Addr) -> Option<InstanceShape>,
}

impl std::fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk").field("at", &self.at).field("end", &self.end).finish_non_exhaustive()
    }
}

impl<'a> Walk<'a> {
    /// A walk of `objects`; `contexts` are all allocation contexts, sorted; `shape` answers for a MethodTable.
    pub fn new(
        memory: &'a SplicedMemory,
        objects: AddrRange,
        contexts: &'a [AddrRange],
        shape: &'a mut dyn FnMut(Addr) -> Option<InstanceShape>,
    ) -> Self {
        Self { memory, at: objects.start, end: objects.end, contexts, shape }
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.at >= self.end {
            return None;
        }
        let at = self.at;
        if let Some((method_table, shape, size_bytes)) = object_at(self.memory, at, self.end, self.shape) {
            let mark_bits = self.memory.u64(at).unwrap_or(0) & MARK_BITS;
            self.at = at.plus(size_bytes);
            return Some(Step::Object { at, method_table, shape, size_bytes, mark_bits });
        }
        let gap = next_object(self.memory, AddrRange::new(at, self.end), self.contexts, self.shape);
        // Always forward, whatever the search said.
        self.at = gap.range.end.max(at.plus(8));
        Some(Step::Gap(Gap { range: AddrRange::new(at, self.at.min(self.end)), reason: gap.reason }))
    }
}
