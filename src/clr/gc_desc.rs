//! GCDesc: where the references of a type's instances stand, written in front of its MethodTable (gcdesc.h).
//!
//! ```text
//! n > 0 (runs)                               n < 0 (array of structs)
//! MT - 8           n                         MT - 8              n
//! MT - 8 - 16*i    size, offset of run i     MT - 16             start of the elements
//!                                            MT - 24 - 8*i       u32 references, u32 bytes to skip
//! ```
//!
//! A run stores its length minus the object's size, so that one entry serves arrays of any length.

use super::runtime_type_system::InstanceShape;
use super::words::{word, word32};
use crate::base::Addr;
use crate::base::found::{ReferenceLayout, ReferenceRun};
use crate::target::SplicedMemory;

/// A GCDesc that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GcDescError {
    /// Its bytes are not in the dump.
    #[error("the reference layout in front of {at} is not in the dump")]
    Absent {
        /// The MethodTable.
        at: Addr,
    },
    /// Its numbers contradict the type's size.
    #[error("the reference layout in front of {at} does not fit the type: {what} is {value}")]
    Senseless {
        /// The MethodTable.
        at: Addr,
        /// Which number.
        what: &'static str,
        /// What stands there.
        value: i64,
    },
}

/// The layout in front of the MethodTable `mt` of a type that has references.
///
/// # Errors
/// When bytes are absent or do not fit the type.
pub(crate) fn read(memory: &SplicedMemory, mt: Addr, shape: InstanceShape) -> Result<ReferenceLayout, GcDescError> {
    let absent = GcDescError::Absent { at: mt };
    let senseless = |what, value| GcDescError::Senseless { at: mt, what, value };
    let field = |back: u64| mt.checked_sub(back).and_then(|at| word(memory, at, 0)).ok_or(absent);
    let n = field(8)?.0.cast_signed();
    // A run or item takes at least one word of the object.
    let most = i64::from(shape.base_bytes.max(shape.component_bytes).max(24)) / 8;
    if n == 0 || n.unsigned_abs() > most.unsigned_abs() {
        return Err(senseless("the number of series", n));
    }
    let count = n.unsigned_abs();
    if n > 0 {
        let mut runs = Vec::new();
        for index in 0..count {
            let back = index.wrapping_add(1).wrapping_mul(16).wrapping_add(8);
            let size_minus_object = field(back)?.0.cast_signed();
            let raw_offset = field(back.wrapping_sub(8))?;
            let offset = u32::try_from(raw_offset.0)
                .ok()
                .filter(|offset| *offset >= 8 && offset.is_multiple_of(8) && *offset <= shape.base_bytes)
                .ok_or_else(|| senseless("the offset of a run", raw_offset.0.cast_signed()))?;
            let least = i64::from(shape.base_bytes).checked_neg().unwrap_or(i64::MIN);
            if size_minus_object > 0 || size_minus_object < least {
                return Err(senseless("the length of a run", size_minus_object));
            }
            runs.push(ReferenceRun { offset, size_minus_object });
        }
        runs.sort_unstable_by_key(|run| run.offset);
        return Ok(ReferenceLayout::Runs(runs.into()));
    }
    let start = field(16)?;
    let start = u32::try_from(start.0)
        .ok()
        // The first reference of the first element: anywhere inside it.
        .filter(|start| {
            let end = shape.base_bytes.saturating_add(shape.component_bytes);
            *start >= 8 && start.is_multiple_of(8) && *start < end
        })
        .ok_or_else(|| senseless("the start of the elements", start.0.cast_signed()))?;
    let mut items = Vec::new();
    for index in 0..count {
        let at = mt.checked_sub(index.wrapping_mul(8).wrapping_add(24)).ok_or(absent)?;
        let n_references = word32(memory, at, 0).ok_or(absent)?;
        let skip = word32(memory, at, 4).ok_or(absent)?;
        if n_references == 0 || n_references > shape.component_bytes / 8 || skip > shape.component_bytes {
            return Err(senseless("the references of an item", i64::from(n_references)));
        }
        items.push((n_references, skip));
    }
    Ok(ReferenceLayout::Repeat { start, items: items.into() })
}
