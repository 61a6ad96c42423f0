//! Type handles: a MethodTable, or a TypeDesc for what has none (pointers, type variables, function pointers).
//!
//! Other than on the heap, a type met as an argument or a map's entry can be an interface, whose base size is below any
//! object's. The class that points back at its canonical MethodTable is the proof here as there.

use super::runtime_type_system::{MethodTable, TypeSystem};
use super::words::{word, word32};
use crate::base::Addr;
use crate::target::{SplicedMemory, TargetMemory};

/// What a type handle leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeHandle {
    /// A MethodTable.
    Table(Addr),
    /// A TypeDesc: bit 1 of the handle is set (typehandle.h).
    Desc(Addr),
}

impl TypeHandle {
    /// From the word of a dictionary or an array's element slot.
    pub(crate) const fn from_word(word: Addr) -> Self {
        if word.0 & 2 != 0 { Self::Desc(word.without_bits(3)) } else { Self::Table(word.without_bits(1)) }
    }
}

/// The MethodTable at `mt`, interfaces included; `None` unless its class points back. Reads the dump.
pub(crate) fn table(types: &TypeSystem, mt: Addr) -> Option<MethodTable> {
    if mt.is_null() || !mt.is_aligned_to(8) {
        return None;
    }
    let memory = types.memory();
    let head: [u8; 0x40] = memory.array(mt).ok()?;
    let half = |at: usize| head.get(at..)?.first_chunk::<2>().map(|bytes| u16::from_le_bytes(*bytes));
    let number = |at: usize| head.get(at..)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    let address = |at: usize| head.get(at..)?.first_chunk::<8>().map(|bytes| Addr(u64::from_le_bytes(*bytes)));
    let (canonical, class) = class_of(types, mt, address(0x28)?)?;
    Some(MethodTable {
        at: mt,
        flags: number(0)?,
        base_bytes: number(4)?,
        flags2: number(8)?,
        n_virtuals: half(0xc)?,
        n_interfaces: half(0xe)?,
        parent: parent(types, number(0)?, address(0x10)?),
        module: types.pointer_style.read(memory, mt.checked_add(0x18)?)?,
        auxiliary: address(0x20)?,
        canonical,
        class,
        slot1: address(0x30)?,
        slot2: address(0x38)?,
    })
}

/// The parent may stand in a cell of its own (flag 0x00800000, up to 6; methodtable.h).
fn parent(types: &TypeSystem, flags: u32, at: Addr) -> Addr {
    if flags & 0x0080_0000 != 0 && !at.is_null() && types.shape(at).is_none() {
        return word(types.memory(), at, 0).filter(|&cell| types.shape(cell).is_some()).unwrap_or(at);
    }
    at
}

/// Canonical MethodTable and class, when the class points back at the canonical one.
fn class_of(types: &TypeSystem, mt: Addr, union: Addr) -> Option<(Addr, Addr)> {
    let memory = types.memory();
    let canonical = match union.0 & 3 {
        0 => mt,
        1 | 2 => union.without_bits(3),
        _ => word(memory, union.without_bits(3), 0)?,
    };
    let class = if canonical == mt { union } else { word(memory, canonical, 0x28)? };
    if class.is_null() || !class.is_aligned_to(4) || !canonical.is_aligned_to(8) {
        return None;
    }
    let back = types.pointer_style.read(memory, class.checked_add(0x10)?)?;
    (back == canonical).then_some((canonical, class))
}

/// Arguments of a generic instance, enclosing types' first; empty for other types; `None` when the dictionary is absent
/// or makes no sense.
///
/// ```text
/// MethodTable+30 -> dictionary pointers; in front of them u32, u16 dictionaries, u16 arguments
/// last dictionary -> type handles
/// ```
pub(crate) fn generic_args(memory: &SplicedMemory, table: &MethodTable) -> Option<Vec<Addr>> {
    if table.generics() == 0 {
        return Some(Vec::new());
    }
    let dictionaries = table.slot1;
    let n_dictionaries = u64::from(memory.u16(dictionaries.checked_sub(4)?).ok()?);
    let n_args = u64::from(memory.u16(dictionaries.checked_sub(2)?).ok()?);
    if !(1..=64).contains(&n_dictionaries) || !(1..=256).contains(&n_args) {
        return None;
    }
    let last = n_dictionaries.checked_sub(1)?.checked_mul(8)?;
    let dictionary = word(memory, dictionaries, last)?;
    (0..n_args).map(|index| word(memory, dictionary, index.checked_mul(8)?).filter(|at| !at.is_null())).collect()
}

/// What a TypeDesc describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TypeDesc {
    /// An unmanaged pointer to the handle.
    Pointer(Addr),
    /// A managed pointer to the handle.
    ByRef(Addr),
    /// An array of the handle; the rank of the MethodTable that stands for it, when known (up to 3.1).
    Array(Addr, Addr),
    /// A type variable: module and GenericParam row.
    Variable(Vec<Addr>, u32),
    /// A function pointer: return type, then parameters.
    Function(Vec<Addr>),
}

/// The TypeDesc at `at` (typedesc.h).
pub(crate) fn desc(memory: &SplicedMemory, at: Addr) -> Option<TypeDesc> {
    let kind = word32(memory, at, 0)? & 0xff;
    Some(match kind {
        0x0f => TypeDesc::Pointer(word(memory, at, 16)?),
        0x10 => TypeDesc::ByRef(word(memory, at, 16)?),
        0x14 | 0x1d => TypeDesc::Array(word(memory, at, 16)?, word(memory, at, 8)?),
        0x13 | 0x1e => {
            // The variable's token moved between versions (+40 in 9 and 10): table 0x2A in the high byte finds it.
            let row = (8..0x40).step_by(4).find_map(|offset| {
                let token = word32(memory, at, offset)?;
                (token >> 24 == 0x2a && token & 0x00ff_ffff != 0).then_some(token & 0x00ff_ffff)
            })?;
            let words = (8..0x30).step_by(8).filter_map(|offset| word(memory, at, offset)).collect();
            TypeDesc::Variable(words, row)
        }
        0x1b => {
            let n_args = word32(memory, at, 24).filter(|&n| n <= 256)?;
            let handles: Option<Vec<Addr>> = (0..=u64::from(n_args))
                .map(|index| word(memory, at, index.checked_mul(8)?.checked_add(32)?).filter(|at| !at.is_null()))
                .collect();
            TypeDesc::Function(handles?)
        }
        _ => return None,
    })
}
