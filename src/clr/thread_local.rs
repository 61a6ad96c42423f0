//! Where thread-static fields are kept, and which of it no handle holds.
//!
//! ```text
//! 9 and later   Thread ─ data { i32 n, i32 n collectible, object[] *storage*, handles[], Thread, in flight }
//!               an element of the object[] is the storage of one class: an object[] or an SByte[]
//! 2.1 to 8      Thread ─ { table, count } ─ entry of a module ─ +10 handle ─ object[]
//! ```
//!
//! The object[] of 9 and later is held by nothing but the native data: it is a root of its own. In 2.1 to 8 handles hold
//! all of it.

use super::Runtime;
use super::gc_handle::Handles;
use super::thread::{Thread, Threads};
use super::words::{word, word32};
use crate::base::Addr;

/// Steps along a list of storage under construction.
const IN_FLIGHT: usize = 10_000;
/// Bytes of a Thread in which 2.1 to 8 keep the table (0x438 to 0x478 seen).
const TABLE_END: u64 = 0x600;

/// Thread-local storage of one thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadLocals {
    /// The runtime's thread-local data; null when the thread has none.
    pub data: Addr,
    /// The object[] with one element for each class that is not collectible (9 and later).
    pub storage: Option<Addr>,
    /// Handles of the storage of collectible classes (9 and later), by index.
    pub collectible: Vec<Addr>,
    /// Table of modules and its length (2.1 to 8).
    pub modules: Option<(Addr, u32)>,
}

impl Runtime {
    /// References to thread-static storage that no handle in the tables holds: the slot, and the object in it. Roots.
    #[must_use]
    pub fn thread_static_roots(&self, threads: &Threads, thread: &Thread) -> Vec<(Addr, Addr)> {
        let memory = &self.target.memory;
        let Some(data) = threads.layout.locals.and_then(|offset| word(memory, thread.address, offset)) else {
            return Vec::new();
        };
        if word(memory, data, 0x18) != Some(thread.address) {
            return Vec::new();
        }
        let mut roots = Vec::new();
        let mut add = |slot: Addr| {
            if let Some(object) = word(memory, slot, 0).filter(|&object| self.gc.segment_of(object).is_some()) {
                roots.push((slot, object));
            }
        };
        add(data.plus(8));
        for &handle in &self.collectible_handles(data) {
            add(handle);
        }
        let mut entry = word(memory, data, 0x20).unwrap_or_default();
        for _ in 0..IN_FLIGHT {
            if entry.is_null() {
                break;
            }
            if let Some(handle) = word(memory, entry, 0x10).filter(|handle| !handle.is_null()) {
                add(handle);
            }
            entry = word(memory, entry, 0).unwrap_or_default();
        }
        roots
    }

    /// What names of thread-static fields need: where the storage of each class is.
    #[must_use]
    pub fn thread_locals(&self, threads: &Threads, thread: &Thread, handles: &Handles) -> ThreadLocals {
        let memory = &self.target.memory;
        if let Some(offset) = threads.layout.locals {
            let data = word(memory, thread.address, offset)
                .filter(|&data| word(memory, data, 0x18) == Some(thread.address))
                .unwrap_or_default();
            if data.is_null() {
                return ThreadLocals::default();
            }
            return ThreadLocals {
                data,
                storage: word(memory, data, 8).filter(|&array| self.gc.segment_of(array).is_some()),
                collectible: self.collectible_handles(data),
                modules: None,
            };
        }
        match self.module_table(thread.address, handles) {
            Some((data, table, n)) => {
                ThreadLocals { data, storage: None, collectible: Vec::new(), modules: Some((table, n)) }
            }
            None => ThreadLocals::default(),
        }
    }

    fn collectible_handles(&self, data: Addr) -> Vec<Addr> {
        let memory = &self.target.memory;
        let n = word32(memory, data, 4).unwrap_or(0).min(1 << 20);
        let Some(array) = word(memory, data, 0x10).filter(|array| !array.is_null()) else { return Vec::new() };
        (0..u64::from(n)).map_while(|index| word(memory, array, index.wrapping_mul(8))).collect()
    }

    /// 2.1 to 8: the pair (table, number of modules) in a Thread, or behind a pointer in it, of which an entry's storage is
    /// held by a handle. Answers its place, the table and the number.
    fn module_table(&self, thread: Addr, handles: &Handles) -> Option<(Addr, Addr, u32)> {
        let memory = &self.target.memory;
        (0x200..TABLE_END).step_by(8).find_map(|offset| {
            let at = thread.plus(offset);
            let behind = word(memory, at, 0).filter(|at| at.is_aligned_to(8) && at.0 > 0xffff);
            [Some(at), behind].into_iter().flatten().find_map(|at| {
                let table = word(memory, at, 0).filter(|table| table.is_aligned_to(8) && table.0 > 0xffff)?;
                let n = word32(memory, at, 8).filter(|n| (1..=1 << 16).contains(n))?;
                let mut n_held = 0usize;
                for index in 0..u64::from(n) {
                    let entry = word(memory, table, index.wrapping_mul(8))?;
                    if entry.is_null() {
                        continue;
                    }
                    let handle = word(memory, entry, 0x10)?;
                    if handle.is_null() {
                        continue;
                    }
                    handles.at(handle)?;
                    n_held = n_held.saturating_add(1);
                }
                (n_held > 0).then_some((at, table, n))
            })
        })
    }
}

impl ThreadLocals {
    /// Storage of the module with `index` (2.1 to 8): its entry { dynamic classes, number of them, handle of object[], data },
    /// and the object[].
    #[must_use]
    pub fn of_module(&self, runtime: &Runtime, index: u64) -> Option<(Addr, Option<Addr>)> {
        let memory = &runtime.target.memory;
        let (table, n) = self.modules?;
        if index >= u64::from(n) {
            return None;
        }
        let entry = word(memory, table, index.wrapping_mul(8)).filter(|entry| !entry.is_null())?;
        let storage = word(memory, entry, 0x10)
            .filter(|handle| !handle.is_null())
            .and_then(|handle| word(memory, handle, 0))
            .filter(|&object| runtime.gc.segment_of(object).is_some());
        Some((entry, storage))
    }

    /// Storage of a class of 9 and later, from its TLS index (low 24 bits an offset, high 8 bits a kind): 0 an element of
    /// the object[] two places down, 1 a handle. `None` for the others and for classes the thread has not touched.
    #[must_use]
    pub fn of_index(&self, runtime: &Runtime, tls_index: u32) -> Option<Addr> {
        let memory = &runtime.target.memory;
        let offset = u64::from(tls_index & 0x00ff_ffff);
        let object = match tls_index >> 24 {
            0 => {
                let array = self.storage?;
                let element = offset.checked_sub(2)?;
                if element >= u64::from(word32(memory, array, 8)?) {
                    return None;
                }
                word(memory, array, element.checked_mul(8)?.checked_add(16)?)
            }
            1 => word(memory, *self.collectible.get(usize::try_from(offset).ok()?)?, 0),
            _ => None,
        }?;
        runtime.gc.segment_of(object).map(|_| object)
    }
}
