//! Fields: where each one stands in an instance, or in the storage of statics (field.h, unchanged from 2.1 to 10).
//!
//! ```text
//! EEClass+18 -> FieldDesc[]     one per field that is no constant, instance fields first
//! +0  canonical MethodTable of the class (relative to its own place in 2.1)
//! +8  u32: bits 0-23 Field row, 24 static, 25 thread static, 26 in the image, 27-29 protection, 30 the row is whole
//! +c  u32: bits 0-26 offset, bits 27-31 element type
//! ```

use super::runtime_type_system::{MethodTable, TypeSystem};
use super::words::word32;
use crate::base::{Addr, ElementType};
use crate::image::metadata::Metadata;

/// Bytes of a FieldDesc.
const FIELD_DESC_BYTES: u64 = 16;
/// Most fields of one class: metadata's own bound is 65,535 for the count of statics and of instance fields.
const MOST_FIELDS: u64 = 1 << 17;

/// A FieldDesc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawField {
    word1: u32,
    word2: u32,
}

impl RawField {
    /// Static, of the process or of each thread.
    pub(crate) const fn is_static(self) -> bool {
        self.word1 & 0x0100_0000 != 0
    }

    /// One value per thread.
    pub(crate) const fn is_thread_static(self) -> bool {
        self.word1 & 0x0200_0000 != 0
    }

    /// The value stands in the image.
    pub(crate) const fn is_rva(self) -> bool {
        self.word1 & 0x0400_0000 != 0
    }

    /// Offset: of an instance field from the first byte behind the MethodTable pointer; of a static one in its storage.
    pub(crate) const fn offset(self) -> u32 {
        self.word2 & 0x07ff_ffff
    }

    /// What is stored.
    pub(crate) fn element(self) -> Option<ElementType> {
        u8::try_from(self.word2 >> 27).ok().and_then(ElementType::from_byte)
    }

    /// Field row. Up to 5, a clear bit 30 says that only 17 bits are the row and the rest is a hash of the name.
    pub(crate) fn row(self, own_rows: impl Fn(u32) -> bool) -> Option<u32> {
        let whole = self.word1 & 0x00ff_ffff;
        let short = self.word1 & 0x0001_ffff;
        let rows = if self.word1 & 0x4000_0000 != 0 { [whole, whole] } else { [short, whole] };
        rows.into_iter().find(|&row| own_rows(row))
    }
}

/// The FieldDescs of the class of `table`, without the inherited ones. Ends at the first that belongs to another class:
/// without metadata the number is not known, so an entry behind the last can slip through.
pub(crate) fn raw_fields(types: &TypeSystem, table: &MethodTable) -> impl Iterator<Item = RawField> {
    let memory = types.memory();
    let list = if table.class.is_null() {
        None
    } else {
        table.class.checked_add(0x18).and_then(|at| types.pointer_style.read(memory, at)).filter(|at| !at.is_null())
    };
    list.into_iter().flat_map(|list| raw_fields_at(types, list, [table.canonical; 2]))
}

/// The FieldDescs from `list` on, as far as they belong to one of `owners`.
pub(crate) fn raw_fields_at(types: &TypeSystem, list: Addr, owners: [Addr; 2]) -> impl Iterator<Item = RawField> {
    let memory = types.memory();
    (0..MOST_FIELDS).map_while(move |index| {
        let at = list.checked_add(index.checked_mul(FIELD_DESC_BYTES)?)?;
        if !owners.contains(&types.pointer_style.read(memory, at)?) {
            return None;
        }
        Some(RawField { word1: word32(memory, at, 8)?, word2: word32(memory, at, 12)? })
    })
}

/// Rows of the fields of TypeDef `row` that have storage.
pub(crate) fn stored_rows(metadata: &Metadata, row: u32) -> Vec<u32> {
    metadata.fields_of(row).filter(|&field| metadata.field(field).is_none_or(|field| !field.is_literal())).collect()
}

/// How many FieldDescs of `table` agree with TypeDef `row` of `metadata`.
///
/// # Errors
/// What disagrees, in words.
pub(crate) fn agree(types: &TypeSystem, table: &MethodTable, metadata: &Metadata, row: u32) -> Result<usize, String> {
    if metadata.type_def(row).is_none() {
        return Err(format!("without a type at row {row}"));
    }
    let rows = stored_rows(metadata, row);
    let found: Vec<RawField> = raw_fields(types, table).take(rows.len()).collect();
    if found.len() != rows.len() {
        return Err(format!("whose type at row {row} has {1} fields and not {0}", found.len(), rows.len()));
    }
    for field in &found {
        let known = field.row(|row| rows.contains(&row)).and_then(|row| metadata.field(row));
        if known.is_none_or(|known| known.is_static() != field.is_static()) {
            return Err(format!("whose type at row {row} has other fields"));
        }
    }
    Ok(found.len())
}

/// An instance field or a static one, by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name; `None` without metadata.
    pub name: Option<String>,
    /// MethodTable of the class that declares it.
    pub declaring: Addr,
    /// Bytes behind the MethodTable pointer (behind the start, for a struct's own fields).
    pub offset: u32,
    /// What is stored there.
    pub element: ElementType,
    /// MethodTable of the field's type, when it is known.
    pub ty: Option<Addr>,
    /// Field row, 0 when unknown.
    pub row: u32,
}
