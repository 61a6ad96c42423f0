//! Static and thread-static fields: where each one's value stands.
//!
//! ```text
//! 9 and later   MethodTable+20 -> A    A-18 base of references, A-10 base of others (bit 0: not initialised), A-8 MethodTable
//!                                      A-28 u32 thread index of others, A-24 u32 thread index of references
//! 2.1 to 8      Module+? -> statics of the module { +8 dynamic classes, +10 their number, +20 base of references,
//!                                                   +28 module index, values of others from its own start }
//!               a generic class: dynamic classes[id] -> { base of references, values of others from its own start }
//! ```
//!
//! References and structs (as a reference to a boxed copy) lie in the arrays of the runtime that handles hold; the place
//! of the pointer in a Module is found by that (appdomain.hpp, methodtable.h; measured on 2.1, 3.1, 8, 9, 10).

use std::collections::BTreeMap;

use super::Runtime;
use super::fields::{RawField, raw_fields, raw_fields_at, stored_rows};
use super::gc_handle::Handles;
use super::runtime_type_system::MethodTable;
use super::thread_local::ThreadLocals;
use super::type_defs::RowScheme;
use super::types::Types;
use super::words::{word, word32};
use crate::base::{Addr, AddrRange, Cancelled, ElementType, Job};
use crate::target::{SplicedMemory, TargetMemory};

/// Bytes of a Module that are searched for the pointer to its statics (0x4C8 to 0x748 were seen).
const MODULE_SPAN: u64 = 0x800;
/// Dynamic classes of one module.
const MOST_CLASSES: u32 = 1 << 20;

/// A static or thread-static field and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticField {
    /// MethodTable of the exact class that declares it.
    pub declaring: Addr,
    /// Its name; `None` without metadata.
    pub name: Option<String>,
    /// Where its value stands.
    pub slot: Addr,
    /// What is stored: a struct as a reference to its boxed copy.
    pub element: ElementType,
    /// The value as it stands there.
    pub value: u64,
}

/// Where statics of 2.1 to 8 are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ModuleStatics {
    /// Offset in a Module of the pointer to its statics.
    offset: u64,
}

/// Bases of one class.
#[derive(Clone, Copy, Debug, Default)]
struct Bases {
    /// Of references and boxed structs.
    references: Option<Addr>,
    /// Where those end, when that is known.
    references_end: Option<Addr>,
    /// Of everything else.
    others: Option<Addr>,
}

impl Types {
    /// Loaded types that have static fields with storage: all of the modules' own, and generic instances in `known`.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn static_types(&self, known: &[Addr], job: &Job) -> Result<Vec<Addr>, Cancelled> {
        let system = &self.runtime().type_system;
        let mut found = Vec::new();
        for module in self.modules.iter() {
            job.tick(0)?;
            let loaded = self.type_defs.loaded(system.memory(), module.at);
            found.extend(loaded.into_iter().map(|(_, mt)| mt).filter(|&mt| self.has_statics(mt)));
        }
        found.extend(known.iter().copied().filter(|&mt| self.has_statics(mt)));
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn has_statics(&self, mt: Addr) -> bool {
        let system = &self.runtime().type_system;
        let Some(table) = self.table(mt) else { return false };
        // 0x20 is shared between instances, 0x30 is open: neither has values.
        let is_exact = !table.is_array() && table.generics() < 0x20;
        is_exact && raw_fields(system, &table).any(|field| field.is_static() && !field.is_rva())
    }

    /// Static fields of `tables` (see [`Types::static_types`]) by class, then slot. A class whose storage was never made
    /// has none. `handles` are those of [`Runtime::handles`].
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn statics(&self, tables: &[Addr], handles: &Handles, job: &Job) -> Result<Vec<StaticField>, Cancelled> {
        let module_statics = self.module_statics(tables, handles);
        let mut found = Vec::new();
        for &mt in tables {
            job.tick(0)?;
            let Some(table) = self.table(mt) else { continue };
            let bases = self.bases(&table, module_statics);
            self.collect(&table, bases, false, &mut found);
        }
        sort(&mut found);
        Ok(found)
    }

    /// Thread-static fields of `tables` for one thread, by class, then slot.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn thread_statics(
        &self,
        tables: &[Addr],
        locals: &ThreadLocals,
        handles: &Handles,
        job: &Job,
    ) -> Result<Vec<StaticField>, Cancelled> {
        let module_statics = self.module_statics(tables, handles);
        let mut found = Vec::new();
        for &mt in tables {
            job.tick(0)?;
            let Some(table) = self.table(mt) else { continue };
            let bases = self.thread_bases(&table, locals, module_statics);
            self.collect(&table, bases, true, &mut found);
        }
        sort(&mut found);
        Ok(found)
    }

    /// Adds the fields of one class that have storage in `bases`.
    fn collect(&self, table: &MethodTable, bases: Bases, of_threads: bool, into: &mut Vec<StaticField>) {
        if bases.references.is_none() && bases.others.is_none() {
            return;
        }
        let memory = self.runtime().type_system.memory();
        let row = self.type_defs.scheme.row(table);
        let metadata = self.module_of(table).and_then(|module| module.metadata.as_ref().ok());
        let rows = metadata.zip(row).map(|(metadata, row)| stored_rows(metadata, row));
        let most = rows.as_ref().map_or(usize::MAX, Vec::len);
        for raw in self.static_fields(table).take(most) {
            if !raw.is_static() || raw.is_rva() || raw.is_thread_static() != of_threads {
                continue;
            }
            let Some(element) = raw.element() else { continue };
            let is_reference = matches!(element, ElementType::Class | ElementType::ValueType);
            let Some(base) = (if is_reference { bases.references } else { bases.others }) else { continue };
            let slot = base.plus(u64::from(raw.offset()));
            // A thread that has not touched a class has no room for its fields yet.
            if is_reference && bases.references_end.is_some_and(|end| slot >= end) {
                continue;
            }
            let Some(value) = value_at(memory, slot, element) else { continue };
            let name = rows
                .as_ref()
                .and_then(|rows| raw.row(|row| rows.contains(&row)))
                .and_then(|row| metadata?.field(row))
                .map(|field| field.name.to_owned());
            into.push(StaticField { declaring: table.at, name, slot, element, value });
        }
    }

    /// FieldDescs of a class: a generic instance of 2.1 to 8 has static ones of its own.
    fn static_fields(&self, table: &MethodTable) -> Box<dyn Iterator<Item = RawField> + '_> {
        let system = &self.runtime().type_system;
        match self.generic_info(table).and_then(|at| system.pointer_style.read(system.memory(), at)) {
            Some(list) => Box::new(raw_fields_at(system, list, [table.canonical, table.at])),
            None => {
                let fields: Vec<RawField> = raw_fields(system, table).collect();
                Box::new(fields.into_iter())
            }
        }
    }

    /// Where a generic instance of 2.1 to 8 keeps { its static FieldDescs, its id } (methodtable.h, GenericsStaticsInfo).
    fn generic_info(&self, table: &MethodTable) -> Option<Addr> {
        if self.type_defs.scheme != RowScheme::OwnWord || table.has_components() || table.flags & 6 != 4 {
            return None;
        }
        let slots = u64::from((table.flags2 & 0x1f).count_ones()).saturating_sub(2);
        Some(table.after_virtuals().plus(slots.wrapping_mul(8)))
    }

    fn bases(&self, table: &MethodTable, module_statics: Option<ModuleStatics>) -> Bases {
        let memory = self.runtime().type_system.memory();
        if self.type_defs.scheme == RowScheme::InFlags {
            let Some(block) = own_block(memory, table) else { return Bases::default() };
            // Bit 0 says that the class constructor has not run: what stands there is the default.
            let base = |back| {
                let at = word(memory, block.minus(back), 0)?.without_bits(1);
                (!at.is_null()).then_some(at)
            };
            return Bases { references: base(0x18), others: base(0x10), references_end: None };
        }
        let Some(statics) = module_statics.and_then(|place| module_storage(memory, table.module, place)) else {
            return Bases::default();
        };
        if table.generics() == 0 {
            let references = word(memory, statics, 0x20).filter(|at| !at.is_null());
            return Bases { references, others: Some(statics), references_end: None };
        }
        let entry = self.generic_id(table).and_then(|id| dynamic_entry(memory, statics.plus(8), id));
        match entry {
            Some(entry) => Bases {
                references: word(memory, entry, 0).filter(|at| !at.is_null()),
                others: Some(entry),
                references_end: None,
            },
            None => Bases::default(),
        }
    }

    fn thread_bases(&self, table: &MethodTable, locals: &ThreadLocals, module_statics: Option<ModuleStatics>) -> Bases {
        let runtime = self.runtime();
        let memory = runtime.type_system.memory();
        if self.type_defs.scheme == RowScheme::InFlags {
            let Some(block) = own_block(memory, table) else { return Bases::default() };
            let storage = |back| {
                let index = word32(memory, block.minus(back), 0).filter(|&index| index != u32::MAX)?;
                locals.of_index(runtime, index)
            };
            return Bases { references: storage(0x24), others: storage(0x28), references_end: None };
        }
        let storage = || {
            let statics = module_storage(memory, table.module, module_statics?)?;
            let (entry, storage) = locals.of_module(runtime, word(memory, statics, 0x28)?.0)?;
            if table.generics() == 0 {
                return Some(in_array(memory, storage, entry));
            }
            let own = dynamic_entry(memory, entry, self.generic_id(table)?)?;
            let array = word(memory, own, 0)
                .filter(|handle| !handle.is_null())
                .and_then(|handle| word(memory, handle, 0))
                .filter(|&array| runtime.gc.segment_of(array).is_some());
            Some(in_array(memory, array, own))
        };
        storage().unwrap_or_default()
    }

    fn generic_id(&self, table: &MethodTable) -> Option<u32> {
        let info = self.generic_info(table)?;
        u32::try_from(word(self.runtime().type_system.memory(), info, 8)?.0).ok()
    }

    /// 2.1 to 8: the offset of a Module's word that leads to statics whose base of references lies inside an array that a
    /// handle holds. Every module with reference statics votes.
    fn module_statics(&self, tables: &[Addr], handles: &Handles) -> Option<ModuleStatics> {
        if self.type_defs.scheme == RowScheme::InFlags {
            return None;
        }
        let memory = self.runtime().type_system.memory();
        let arrays = storage_arrays(self.runtime(), handles);
        let is_inside = |at: Addr| {
            let before = arrays.partition_point(|array| array.start <= at);
            before.checked_sub(1).and_then(|index| arrays.get(index)).is_some_and(|array| array.contains(at))
        };
        let mut modules: Vec<Addr> = tables.iter().filter_map(|&mt| Some(self.table(mt)?.module)).collect();
        modules.sort_unstable();
        modules.dedup();
        let mut votes: BTreeMap<u64, usize> = BTreeMap::new();
        for &module in &modules {
            for offset in (0..MODULE_SPAN).step_by(8) {
                let base = module_storage(memory, module, ModuleStatics { offset })
                    .and_then(|statics| word(memory, statics, 0x20));
                if base.is_some_and(is_inside) {
                    let count = votes.entry(offset).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        votes
            .into_iter()
            .max_by_key(|&(offset, n)| (n, std::cmp::Reverse(offset)))
            .map(|(offset, _)| ModuleStatics { offset })
    }
}

/// Bases of thread statics of 2.1 to 8: references in the elements of `array`, the rest from `others` on.
fn in_array(memory: &SplicedMemory, array: Option<Addr>, others: Addr) -> Bases {
    let references = array.map(|array| array.plus(16));
    let bytes = array.and_then(|array| word32(memory, array, 8)).map(|n| u64::from(n).wrapping_mul(8));
    let references_end = references.zip(bytes).map(|(start, bytes)| start.plus(bytes));
    Bases { references, others: Some(others), references_end }
}

/// 9 and later: the auxiliary data, when a block of statics stands before it.
fn own_block(memory: &SplicedMemory, table: &MethodTable) -> Option<Addr> {
    let block = table.auxiliary;
    (word(memory, block.checked_sub(8)?, 0)? == table.at).then_some(block)
}

fn module_storage(memory: &SplicedMemory, module: Addr, place: ModuleStatics) -> Option<Addr> {
    word(memory, module, place.offset).filter(|at| at.is_aligned_to(8) && at.0 > 0xffff)
}

/// Entry `id` of the table whose pointer and length stand at `at`: { entry, u32 flags } each.
fn dynamic_entry(memory: &SplicedMemory, at: Addr, id: u32) -> Option<Addr> {
    let table = word(memory, at, 0)?;
    let n = word32(memory, at, 8)?.min(MOST_CLASSES);
    if table.is_null() || id >= n {
        return None;
    }
    word(memory, table, u64::from(id).checked_mul(16)?).filter(|entry| !entry.is_null())
}

/// Elements of the object[] that handles hold, sorted.
fn storage_arrays(runtime: &Runtime, handles: &Handles) -> Vec<AddrRange> {
    let memory = &runtime.target.memory;
    let mut arrays: Vec<AddrRange> = handles
        .list()
        .iter()
        .filter(|handle| handle.is_strong)
        .filter_map(|handle| {
            let mt = word(memory, handle.target, 0)?.without_bits(7);
            if Some(mt) != runtime.type_system.object_array_mt {
                return None;
            }
            let bytes = u64::from(word32(memory, handle.target, 8)?).checked_mul(8)?;
            let start = handle.target.checked_add(16)?;
            Some(AddrRange::new(start, start.checked_add(bytes)?))
        })
        .collect();
    arrays.sort_unstable();
    arrays.dedup();
    arrays
}

fn value_at(memory: &SplicedMemory, slot: Addr, element: ElementType) -> Option<u64> {
    match element.size_bytes().unwrap_or(8) {
        1 => memory.u8(slot).ok().map(u64::from),
        2 => memory.u16(slot).ok().map(u64::from),
        4 => memory.u32(slot).ok().map(u64::from),
        _ => memory.u64(slot).ok(),
    }
}

fn sort(fields: &mut Vec<StaticField>) {
    fields.sort_by(|a, b| (a.declaring, a.slot, &a.name).cmp(&(b.declaring, b.slot, &b.name)));
    fields.dedup();
}
