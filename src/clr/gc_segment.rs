//! `heap_segment`: the record of a segment or region, with the same head from 2.1 to 10.
//!
//! ```text
//! +00 allocated   +08 committed   +10 reserved   +18 used   +20 mem   +28 flags   +30 next
//! ```

use std::collections::HashSet;

use super::words::word;
use crate::base::{Addr, Place, Skipped, Warnings};
use crate::target::SplicedMemory;

/// Objects that nothing may write (heap_segment_flags_readonly, gcpriv.h).
const READ_ONLY: u64 = 1;
/// Large objects.
const LARGE: u64 = 8;
/// Pinned objects, from 5.0 on.
const PINNED: u64 = 0x200;

/// The head of a `heap_segment`, as it stands there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawSegment {
    pub(crate) allocated: Addr,
    pub(crate) committed: Addr,
    pub(crate) reserved: Addr,
    pub(crate) mem: Addr,
    pub(crate) flags: u64,
    pub(crate) next: Addr,
}

impl RawSegment {
    pub(crate) fn read(memory: &SplicedMemory, at: Addr) -> Option<Self> {
        if at.is_null() || !at.is_aligned_to(8) {
            return None;
        }
        Some(Self {
            allocated: word(memory, at, 0)?,
            committed: word(memory, at, 8)?,
            reserved: word(memory, at, 0x10)?,
            mem: word(memory, at, 0x20)?,
            flags: word(memory, at, 0x28)?.0,
            next: word(memory, at, 0x30)?,
        })
    }

    /// Its ends are in order.
    pub(crate) fn is_sound(&self) -> bool {
        !self.mem.is_null()
            && self.mem.is_aligned_to(8)
            && self.mem <= self.allocated
            && self.allocated <= self.committed
            && self.committed <= self.reserved
    }

    pub(crate) const fn is_frozen(&self) -> bool {
        self.flags & READ_ONLY != 0
    }

    pub(crate) const fn is_large(&self) -> bool {
        self.flags & LARGE != 0
    }

    pub(crate) const fn is_pinned(&self) -> bool {
        self.flags & PINNED != 0
    }
}

/// Addresses of the segments from `first` on that are not in `seen` yet. Ends at a null, a segment met before, an absent
/// record, or after `most`.
pub(crate) fn list(
    memory: &SplicedMemory,
    first: Addr,
    most: u64,
    seen: &mut HashSet<Addr>,
    warnings: &mut Warnings,
) -> Vec<Addr> {
    let mut found = Vec::new();
    let mut at = first;
    while !at.is_null() {
        if seen.len() as u64 >= most {
            warnings.skip(Skipped::Segment, Some(Place::Target(at)), format_args!("more than {most} segments"));
            break;
        }
        if !seen.insert(at) {
            // Generations of the segments model share segments; within one list a second visit is a circle.
            if found.contains(&at) {
                let why = "a list of segments runs in a circle: those that should follow are unknown";
                warnings.skip(Skipped::Segment, Some(Place::Target(at)), why);
            }
            break;
        }
        let Some(raw) = RawSegment::read(memory, at) else {
            warnings.skip(Skipped::Segment, Some(Place::Target(at)), "the record of a segment is not in the dump");
            break;
        };
        found.push(at);
        at = raw.next;
    }
    found
}
