//! The handle table: every GC handle of the process, of every kind.
//!
//! ```text
//! map    { buckets[10], next map, u32 }            bucket { tables[], u32 }     one table per processor (server) or one
//! table  … pointer to the first segment …          searched: its place moves with the size of a lock
//! segment of 64 KiB, 120 blocks of 64 handles
//! +0258  free mask, 64 bits a block, 1 = free      +0618 kind of each block, ff = unused
//! +0690  block that holds a block's user data      +0780 tails and hints (N each), counts (4 N), N = kinds
//! +0780+6N  next segment, table, …                 +1000 handles, 512 bytes a block
//! ```
//! N is 12 to 9 and 13 in 10; it is found by the pointer back to the table (handletablepriv.h; measured on 2.1 to 10).

use std::collections::HashSet;

use super::Runtime;
use super::gc_vars::Var;
use super::words::word;
use crate::base::{Addr, HandleKind, Limits, Place, Skipped, Warnings};
use crate::target::{SplicedMemory, TargetMemory};

/// A GC handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// What kind.
    pub kind: HandleKind,
    /// The handle itself: the slot that holds the reference.
    pub address: Addr,
    /// The object, never null.
    pub target: Addr,
    /// The word beside it: the context of a kind that has one.
    pub user_data: Option<u64>,
    /// Secondary of a dependent handle; null when it has none.
    pub dependent: Option<Addr>,
    /// Keeps its object alive. Ref-counted handles are believed to: their count is the COM object's own.
    pub is_strong: bool,
}

/// Every handle with an object, by address.
#[derive(Clone, Debug, Default)]
pub struct Handles {
    list: Vec<Handle>,
    /// Handle tables found.
    pub n_tables: u64,
    /// Segments of them.
    pub n_segments: u64,
    /// Handles whose slot is not in the dump.
    pub n_absent: u64,
}

impl Handles {
    /// All of them, by address.
    #[must_use]
    pub fn list(&self) -> &[Handle] {
        &self.list
    }

    /// The handle at `address`. Binary search.
    #[must_use]
    pub fn at(&self, address: Addr) -> Option<&Handle> {
        let index = self.list.binary_search_by_key(&address, |handle| handle.address).ok()?;
        self.list.get(index)
    }
}

/// Blocks of a segment.
const BLOCKS: u64 = 120;
/// Handles of a block.
const SLOTS: u64 = 64;
/// Bytes of the header, before the handles.
const HEADER_BYTES: usize = 0x1000;
const FREE_MASKS: u64 = 0x258;
const BLOCK_KINDS: u64 = 0x618;
const USER_BLOCKS: u64 = 0x690;
const BY_KIND: u64 = 0x780;
/// A block that is not in use.
const UNUSED: u8 = 0xff;
/// Pointers to buckets in a map (INITIAL_HANDLE_TABLE_ARRAY_SIZE, objecthandle.h).
const BUCKETS: u64 = 10;
/// Processors, so tables of a bucket, that are looked for.
const TABLES: u64 = 4096;

impl Runtime {
    /// Every handle that holds an object, by address. Reads the handle table. Empty, with a warning, when it is absent.
    #[must_use]
    pub fn handles(&self, warnings: &mut Warnings) -> Handles {
        let mut found = Handles::default();
        let Some(vars) = &self.vars else {
            warnings.skip(
                Skipped::Handle,
                None,
                "the handle table is known from the GC variables, which were not found",
            );
            return found;
        };
        read_maps(&self.target.memory, vars.address(Var::HandleTableMap), &self.limits, warnings, &mut found);
        found.list.sort_unstable_by_key(|handle| handle.address);
        found.list.dedup_by_key(|handle| handle.address);
        if found.n_tables == 0 {
            warnings.skip(
                Skipped::Handle,
                Some(Place::Target(vars.address(Var::HandleTableMap))),
                "no handle table could be read: handles, and what only they keep alive, are missing",
            );
        }
        if found.n_absent > 0 {
            warnings.skip(Skipped::Handle, None, format_args!("{} handles are not in the dump", found.n_absent));
        }
        found
    }
}

fn read_maps(memory: &SplicedMemory, first: Addr, limits: &Limits, warnings: &mut Warnings, found: &mut Handles) {
    let mut map = first;
    let mut seen_maps = HashSet::new();
    let mut seen = HashSet::new();
    while !map.is_null() && seen_maps.insert(map) && seen_maps.len() as u64 <= limits.handle_segments {
        let Some(buckets) = word(memory, map, 0) else {
            warnings.skip(Skipped::Handle, Some(Place::Target(map)), "a map of handle tables is not in the dump");
            return;
        };
        for index in 0..BUCKETS {
            let Some(bucket) = word(memory, buckets, index.wrapping_mul(8)) else { break };
            let Some(tables) = word(memory, bucket, 0).filter(|tables| !tables.is_null()) else { continue };
            // The array has no length: it ends where something else begins.
            for index in 0..TABLES {
                let Some(table) = word(memory, tables, index.wrapping_mul(8)) else { break };
                let Some((segment, n_kinds)) = first_segment(memory, table) else { break };
                if !seen.insert(table) {
                    break;
                }
                found.n_tables = found.n_tables.saturating_add(1);
                read_table(memory, segment, n_kinds, limits, warnings, found);
            }
        }
        map = word(memory, map, 8).unwrap_or_default();
    }
}

/// The first segment of `table` and its number of kinds: the pointer in its head that leads to a segment that leads back.
fn first_segment(memory: &SplicedMemory, table: Addr) -> Option<(Addr, u64)> {
    if table.is_null() || !table.is_aligned_to(8) {
        return None;
    }
    (0x20..0x180u64).step_by(8).find_map(|offset| {
        let segment = word(memory, table, offset).filter(|at| !at.is_null() && at.is_aligned_to(0x1_0000))?;
        let n_kinds = (8..24u64).find(|n| word(memory, segment, after_kinds(*n).wrapping_add(8)) == Some(table))?;
        Some((segment, n_kinds))
    })
}

/// Offset of the pointer to the next segment.
const fn after_kinds(n_kinds: u64) -> u64 {
    n_kinds.wrapping_mul(6).wrapping_add(BY_KIND)
}

fn read_table(
    memory: &SplicedMemory,
    first: Addr,
    n_kinds: u64,
    limits: &Limits,
    warnings: &mut Warnings,
    found: &mut Handles,
) {
    let mut segment = first;
    let mut seen = HashSet::new();
    while !segment.is_null() && seen.insert(segment) {
        found.n_segments = found.n_segments.saturating_add(1);
        if found.n_segments > limits.handle_segments {
            warnings.skip(Skipped::Handle, Some(Place::Target(segment)), "more segments than the limit");
            return;
        }
        match memory.vec(segment, HEADER_BYTES) {
            Ok(header) => read_segment(memory, segment, &header, n_kinds, warnings, found),
            Err(err) => {
                warnings.skip(Skipped::Handle, Some(Place::Target(segment)), err);
                return;
            }
        }
        segment = word(memory, segment, after_kinds(n_kinds)).unwrap_or_default();
        if seen.contains(&segment) {
            let why = "the list of segments runs in a circle: handles that should follow are unknown";
            warnings.skip(Skipped::Handle, Some(Place::Target(segment)), why);
        }
    }
}

fn byte(header: &[u8], at: u64) -> Option<u8> {
    header.get(usize::try_from(at).ok()?).copied()
}

fn read_segment(
    memory: &SplicedMemory,
    segment: Addr,
    header: &[u8],
    n_kinds: u64,
    warnings: &mut Warnings,
    found: &mut Handles,
) {
    // Blocks from here on were never used.
    let n_blocks = byte(header, after_kinds(n_kinds).wrapping_add(18)).map_or(BLOCKS, u64::from).min(BLOCKS);
    for block in 0..n_blocks {
        let number = byte(header, BLOCK_KINDS.wrapping_add(block)).unwrap_or(UNUSED);
        if number == UNUSED || u64::from(number).wrapping_add(1) == n_kinds {
            continue;
        }
        let Some(kind) = HandleKind::from_number(number) else {
            warnings.skip(
                Skipped::Handle,
                Some(Place::Target(segment)),
                format_args!("64 handles of kind {number}, which is not known"),
            );
            continue;
        };
        let mask_at = usize::try_from(FREE_MASKS.wrapping_add(block.wrapping_mul(8))).unwrap_or(usize::MAX);
        let free = header.get(mask_at..).and_then(|rest| rest.first_chunk::<8>()).map_or(0, |b| u64::from_le_bytes(*b));
        let user_block = byte(header, USER_BLOCKS.wrapping_add(block)).filter(|&block| u64::from(block) < BLOCKS);
        for slot in (0..SLOTS).filter(|slot| free & (1u64 << slot) == 0) {
            let at = |block: u64| segment.plus(0x1000).plus(block.wrapping_mul(512)).plus(slot.wrapping_mul(8));
            let Some(target) = word(memory, at(block), 0) else {
                found.n_absent = found.n_absent.saturating_add(1);
                continue;
            };
            // Allocated, and empty or in the allocator's cache.
            if target.is_null() {
                continue;
            }
            let user_data = user_block.and_then(|block| word(memory, at(u64::from(block)), 0)).map(|value| value.0);
            found.list.push(Handle {
                kind,
                address: at(block),
                target,
                user_data,
                dependent: (kind == HandleKind::Dependent).then(|| Addr(user_data.unwrap_or(0))),
                is_strong: match kind {
                    // The word beside it says what it is: 4 strong, 8 pinned (gcinterface.h).
                    HandleKind::Variable => user_data.is_some_and(|value| value & 0xc != 0),
                    kind => kind.is_strong(),
                },
            });
        }
    }
}
