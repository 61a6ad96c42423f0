//! Which row of which module's metadata a type is, and back: row to MethodTable.
//!
//! ```text
//! Module: LookupMap { next, table, u32 count, flags }   table[row] = MethodTable, low bits are flags
//! ```
//!
//! The place of the row in a MethodTable changed with 9 and the place of the map changes with every build. Both are found
//! together: the right pair maps the row of every sampled type back to it (82 of 82, 76 of 76, 73 of 73, 1,227 of 1,227
//! on 2.1, 3.1, 9 and 10). No metadata is needed.

use std::collections::BTreeMap;

use super::runtime_type_system::{MethodTable, PointerStyle, TypeSystem};
use super::words::{word, word32};
use crate::base::Addr;
use crate::target::{SplicedMemory, TargetMemory};

/// Bytes of a Module that are searched for its map (0x1A8 to 0x320 were seen).
const MODULE_SPAN: u64 = 0x1000;
/// Types per module, and modules, that vote.
const VOTERS: (usize, usize) = (40, 12);
/// Blocks of one map that are followed.
const MOST_BLOCKS: usize = 4096;

/// Where a MethodTable keeps its TypeDef row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowScheme {
    /// A half word of its own (2.1 to 8).
    OwnWord,
    /// The upper 24 bits of the second flags word (9 and later).
    InFlags,
}

impl RowScheme {
    /// The row; `None` when the MethodTable says that it stands elsewhere.
    #[must_use]
    pub const fn row(self, table: &MethodTable) -> Option<u32> {
        match self {
            Self::OwnWord => match table.row_in_own_word() {
                0 | 0xffff => None,
                row => Some(row),
            },
            Self::InFlags => match table.row_in_flags() {
                0 => None,
                row => Some(row),
            },
        }
    }
}

/// How rows and MethodTables lead to each other in this dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeDefs {
    /// Where the row stands.
    pub scheme: RowScheme,
    /// Offset in a Module of the word that leads to its map's entries; `None` when no map was found.
    pub(crate) map: Option<u64>,
    /// How the entries are stored.
    entries: PointerStyle,
    /// Votes for the map, and against it.
    pub(crate) votes: (usize, usize),
}

impl TypeDefs {
    /// Finds scheme and map from types that are neither arrays nor generic.
    pub(crate) fn find(types: &TypeSystem, tables: &[MethodTable]) -> Self {
        let memory = types.memory();
        let mut by_module: BTreeMap<Addr, Vec<&MethodTable>> = BTreeMap::new();
        for table in tables.iter().filter(|table| !table.is_array() && table.generics() == 0 && table.is_canonical()) {
            by_module.entry(table.module).or_default().push(table);
        }
        let mut voters: Vec<(Addr, Vec<&MethodTable>)> = by_module.into_iter().collect();
        voters.sort_by_key(|(at, tables)| (std::cmp::Reverse(tables.len()), *at));
        voters.truncate(VOTERS.1);
        for (_, tables) in &mut voters {
            tables.truncate(VOTERS.0);
        }
        let n_voters: usize = voters.iter().map(|(_, tables)| tables.len()).sum();
        let mut votes: BTreeMap<(RowScheme, u64, bool), usize> = BTreeMap::new();
        for (module, tables) in &voters {
            for offset in (0..MODULE_SPAN).step_by(8) {
                let Some(entries) = word(memory, *module, offset) else { break };
                if entries.0 < 0x1_0000 || !entries.is_aligned_to(8) || !memory.contains(entries) {
                    continue;
                }
                for scheme in [RowScheme::OwnWord, RowScheme::InFlags] {
                    for table in tables {
                        let Some(at) = scheme.row(table).and_then(|row| entry_at(entries, row)) else { continue };
                        let Ok(raw) = memory.ptr(at) else { continue };
                        for (relative, value) in [(false, raw), (true, at.plus(raw.0))] {
                            if value.without_bits(7) == table.at {
                                let count = votes.entry((scheme, offset, relative)).or_default();
                                *count = count.saturating_add(1);
                            }
                        }
                    }
                }
            }
        }
        let best = votes.into_iter().max_by_key(|&(key, n)| (n, std::cmp::Reverse(key)));
        match best {
            // Types that are not in the map exist (dynamic ones in another module's heap); most must be.
            Some(((scheme, offset, relative), n)) if n.saturating_mul(2) > n_voters => Self {
                scheme,
                map: Some(offset),
                entries: if relative { PointerStyle::Relative } else { PointerStyle::Plain },
                votes: (n, n_voters.saturating_sub(n)),
            },
            _ => Self { scheme: RowScheme::OwnWord, map: None, entries: PointerStyle::Plain, votes: (0, n_voters) },
        }
    }

    /// Blocks of the map: entries and their number.
    fn blocks(&self, memory: &SplicedMemory, module: Addr) -> Option<Vec<(Addr, u32)>> {
        blocks_of_map(memory, module.checked_add(self.map?)?)
    }

    /// The MethodTable of `row` of `module`, when it was loaded. Generic rows give the open type.
    #[must_use]
    pub fn method_table(&self, memory: &SplicedMemory, module: Addr, row: u32) -> Option<Addr> {
        self.entry_of(memory, &self.blocks(memory, module)?, row)
    }

    /// Every loaded type of `module`: row and MethodTable. One pass over the map.
    pub(crate) fn loaded(&self, memory: &SplicedMemory, module: Addr) -> Vec<(u32, Addr)> {
        let Some(blocks) = self.blocks(memory, module) else { return Vec::new() };
        let mut found = Vec::new();
        let mut row = 0_u32;
        for (entries, count) in blocks {
            for index in 0..count {
                let Some(at) = entry_at(entries, index) else { break };
                // An absent page of the map ends the block: what is absent is not null.
                let Some(mt) = self.read_entry(memory, at) else { continue };
                if !mt.is_null() {
                    found.push((row.saturating_add(index), mt));
                }
            }
            row = row.saturating_add(count);
        }
        found
    }

    fn entry_of(&self, memory: &SplicedMemory, blocks: &[(Addr, u32)], row: u32) -> Option<Addr> {
        let mut left = row;
        for &(entries, count) in blocks {
            if left < count {
                return self.read_entry(memory, entry_at(entries, left)?).filter(|at| !at.is_null());
            }
            left = left.checked_sub(count)?;
        }
        None
    }

    fn read_entry(&self, memory: &SplicedMemory, at: Addr) -> Option<Addr> {
        self.entries.read(memory, at).map(|value| value.without_bits(7))
    }
}

fn entry_at(entries: Addr, row: u32) -> Option<Addr> {
    entries.checked_add(u64::from(row).checked_mul(8)?)
}

/// Blocks of the map whose word of entries stands at `field`: `next` is 8 before it, the count 8 behind.
fn blocks_of_map(memory: &SplicedMemory, field: Addr) -> Option<Vec<(Addr, u32)>> {
    let mut blocks = Vec::new();
    let mut map = field.checked_sub(8)?;
    while blocks.len() < MOST_BLOCKS {
        let entries = word(memory, map, 8)?;
        let count = word32(memory, map, 16)?;
        if count > 1 << 24 {
            return None;
        }
        blocks.push((entries, count));
        match word(memory, map, 0)? {
            Addr::NULL => return Some(blocks),
            next => map = next,
        }
    }
    None
}

/// The module whose metadata holds the type's row.
///
/// From 9 on it stands in the MethodTable. Before, the word at +18 is the module whose loader owns the type; for generic
/// instances and arrays the defining one is an optional member of the canonical MethodTable (methodtable.cpp, 3.1).
#[must_use]
pub fn defining_module(types: &TypeSystem, scheme: RowScheme, table: &MethodTable) -> Option<Addr> {
    if scheme == RowScheme::InFlags || (!table.has_components() && table.generics() == 0) {
        return Some(table.module);
    }
    let memory = types.memory();
    let canonical = if table.is_array() || table.is_canonical() {
        *table
    } else {
        super::type_handle::table(types, table.canonical)?
    };
    let flags2 = canonical.flags2;
    if flags2 & 0x10 == 0 {
        return Some(canonical.module);
    }
    let slot = multipurpose_slot(&canonical, 0x10)?;
    let at = types.pointer_style.read(memory, slot)?;
    // Bit 0: the word leads to a cell that holds the pointer.
    if at.0 & 1 == 1 { word(memory, at.without_bits(1), 0) } else { Some(at) }
}

/// Address of the slot of the optional member `bit` of flags2 (methodtable.h, up to 8).
pub(crate) fn multipurpose_slot(table: &MethodTable, bit: u32) -> Option<Addr> {
    let below = (table.flags2 & bit.checked_sub(1)?).count_ones();
    let index = if table.flags2 & 3 == 2 && below == 1 { 0 } else { below };
    Some(match index {
        0 => table.at.plus(0x30),
        1 => table.at.plus(0x38),
        more => table.after_virtuals().plus(u64::from(more).checked_sub(2)?.checked_mul(8)?),
    })
}
