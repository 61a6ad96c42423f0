//! MethodTables as the hot loop wants them: one table per thread, one registry for all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{GAP_INDEX, MARK_BITS, ShapeSource, WalkShape};
use crate::base::Addr;

/// A MethodTable as the hot loop wants it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) method_table: u64,
    pub(super) base_bytes: u32,
    pub(super) index: u32,
    pub(super) component_bytes: u16,
    pub(super) is_free: bool,
}

impl Slot {
    /// No MethodTable has mark bits set.
    pub(super) const EMPTY: Self =
        Self { method_table: u64::MAX, base_bytes: 0, index: 0, component_bytes: 0, is_free: false };
}

/// MethodTables that one thread has met. Open addressing, at most a quarter full.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) slots: Vec<Slot>,
    pub(super) shift: u32,
    pub(super) len: usize,
    /// Words found to be no MethodTable, by the same hash: a stretch of damage asks for few words many times.
    pub(super) rejected: Vec<u64>,
}

impl Table {
    pub(super) const REJECTED_BITS: u32 = 12;

    pub(super) fn new() -> Self {
        let bits = 12;
        Self {
            slots: vec![Slot::EMPTY; 1 << bits],
            shift: 64 - bits,
            len: 0,
            rejected: vec![0; 1 << Self::REJECTED_BITS],
        }
    }

    pub(super) fn hash(method_table: u64) -> u64 {
        // Fibonacci hashing: MethodTables are multiples of 8 and close together.
        (method_table >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[inline(always)]
    pub(super) fn find(&self, method_table: u64) -> Option<Slot> {
        let mask = self.slots.len() - 1;
        let mut at = (Self::hash(method_table) >> self.shift) as usize;
        loop {
            let slot = self.slots[at & mask];
            if slot.method_table == method_table {
                return Some(slot);
            }
            if slot.method_table == u64::MAX {
                return None;
            }
            at += 1;
        }
    }

    pub(super) fn insert(&mut self, slot: Slot) {
        if (self.len + 1) * 4 > self.slots.len() {
            let old = std::mem::take(&mut self.slots);
            self.shift -= 1;
            self.slots = vec![Slot::EMPTY; old.len() * 2];
            old.into_iter().filter(|slot| slot.method_table != u64::MAX).for_each(|slot| self.place(slot));
        }
        self.len += 1;
        self.place(slot);
    }

    pub(super) fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = (Self::hash(slot.method_table) >> self.shift) as usize & mask;
        while self.slots[at].method_table != u64::MAX {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    /// The MethodTable that `word` leads to, asking the registry for a new one.
    pub(super) fn find_or_ask<S: ShapeSource>(&mut self, word: u64, registry: &Registry<'_, S>) -> Option<Slot> {
        let method_table = word & !MARK_BITS;
        if method_table == 0 {
            return None;
        }
        if let Some(slot) = self.find(method_table) {
            return Some(slot);
        }
        let rejected = (Self::hash(method_table) >> (64 - Self::REJECTED_BITS)) as usize;
        if self.rejected[rejected] == method_table {
            return None;
        }
        match registry.slot(method_table) {
            Some(slot) => {
                self.insert(slot);
                Some(slot)
            }
            None => {
                self.rejected[rejected] = method_table;
                None
            }
        }
    }
}

/// MethodTables that any thread has met.
#[derive(Debug)]
pub(super) struct Registry<'a, S> {
    pub(super) shapes: &'a S,
    pub(super) most: u32,
    pub(super) overflowed: AtomicBool,
    pub(super) known: Mutex<Known>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) by_address: HashMap<u64, Slot>,
    pub(super) method_tables: Vec<Addr>,
}

impl<'a, S: ShapeSource> Registry<'a, S> {
    pub(super) fn new(shapes: &'a S, most: u32) -> Self {
        let known = Known { by_address: HashMap::new(), method_tables: vec![Addr::NULL] };
        Self { shapes, most, overflowed: AtomicBool::new(false), known: Mutex::new(known) }
    }

    pub(super) fn slot(&self, method_table: u64) -> Option<Slot> {
        if let Some(slot) = self.lock().by_address.get(&method_table) {
            return Some(*slot);
        }
        let shape = self.shapes.shape(Addr(method_table))?;
        let mut known = self.lock();
        if let Some(slot) = known.by_address.get(&method_table) {
            return Some(*slot);
        }
        let mut index = known.method_tables.len() as u32;
        if index > self.most {
            self.overflowed.store(true, Ordering::Relaxed);
            index = GAP_INDEX;
        } else {
            known.method_tables.push(Addr(method_table));
        }
        let WalkShape { base_bytes, component_bytes, is_free } = shape;
        let slot = Slot { method_table, base_bytes, index, component_bytes, is_free };
        known.by_address.insert(method_table, slot);
        Some(slot)
    }

    pub(super) fn overflowed(&self) -> bool {
        self.overflowed.load(Ordering::Relaxed)
    }

    pub(super) fn into_method_tables(self) -> Vec<Addr> {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner).method_tables
    }

    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
