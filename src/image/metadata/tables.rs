//! The tables of `#~` (ECMA-335 II.22, II.24.2.6): columns, widths, row places.

use crate::base::{ByteReader, FileOffset};
use crate::image::ImageError;

/// Table numbers that have a known layout: 0 to 0x2C.
pub(super) const N_TABLES: usize = 0x2d;

/// Metadata tables by their numbers (II.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names of ECMA-335 II.22")]
pub enum Table {
    Module = 0x00,
    TypeRef = 0x01,
    TypeDef = 0x02,
    FieldPtr = 0x03,
    Field = 0x04,
    MethodPtr = 0x05,
    MethodDef = 0x06,
    ParamPtr = 0x07,
    Param = 0x08,
    InterfaceImpl = 0x09,
    MemberRef = 0x0a,
    Constant = 0x0b,
    CustomAttribute = 0x0c,
    FieldMarshal = 0x0d,
    DeclSecurity = 0x0e,
    ClassLayout = 0x0f,
    FieldLayout = 0x10,
    StandAloneSig = 0x11,
    EventMap = 0x12,
    EventPtr = 0x13,
    Event = 0x14,
    PropertyMap = 0x15,
    PropertyPtr = 0x16,
    Property = 0x17,
    MethodSemantics = 0x18,
    MethodImpl = 0x19,
    ModuleRef = 0x1a,
    TypeSpec = 0x1b,
    ImplMap = 0x1c,
    FieldRva = 0x1d,
    EncLog = 0x1e,
    EncMap = 0x1f,
    Assembly = 0x20,
    AssemblyProcessor = 0x21,
    AssemblyOs = 0x22,
    AssemblyRef = 0x23,
    AssemblyRefProcessor = 0x24,
    AssemblyRefOs = 0x25,
    File = 0x26,
    ExportedType = 0x27,
    ManifestResource = 0x28,
    NestedClass = 0x29,
    GenericParam = 0x2a,
    MethodSpec = 0x2b,
    GenericParamConstraint = 0x2c,
}

/// A row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableToken {
    /// Table.
    pub table: Table,
    /// Row, from 1.
    pub row: u32,
}

/// Coded indexes (II.24.2.6): a table's number in the low bits, its row above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of ECMA-335 II.24.2.6")]
pub enum Coded {
    TypeDefOrRef,
    HasConstant,
    HasCustomAttribute,
    HasFieldMarshal,
    HasDeclSecurity,
    MemberRefParent,
    HasSemantics,
    MethodDefOrRef,
    MemberForwarded,
    Implementation,
    CustomAttributeType,
    ResolutionScope,
    TypeOrMethodDef,
}

use Table as T;

impl Coded {
    /// Bits of the table's number, and the tables by it; `None` for unused numbers.
    const fn tables(self) -> (u32, &'static [Option<Table>]) {
        match self {
            Self::TypeDefOrRef => (2, &[Some(T::TypeDef), Some(T::TypeRef), Some(T::TypeSpec)]),
            Self::HasConstant => (2, &[Some(T::Field), Some(T::Param), Some(T::Property)]),
            Self::HasCustomAttribute => (
                5,
                &[
                    Some(T::MethodDef),
                    Some(T::Field),
                    Some(T::TypeRef),
                    Some(T::TypeDef),
                    Some(T::Param),
                    Some(T::InterfaceImpl),
                    Some(T::MemberRef),
                    Some(T::Module),
                    Some(T::DeclSecurity),
                    Some(T::Property),
                    Some(T::Event),
                    Some(T::StandAloneSig),
                    Some(T::ModuleRef),
                    Some(T::TypeSpec),
                    Some(T::Assembly),
                    Some(T::AssemblyRef),
                    Some(T::File),
                    Some(T::ExportedType),
                    Some(T::ManifestResource),
                    Some(T::GenericParam),
                    Some(T::GenericParamConstraint),
                    Some(T::MethodSpec),
                ],
            ),
            Self::HasFieldMarshal => (1, &[Some(T::Field), Some(T::Param)]),
            Self::HasDeclSecurity => (2, &[Some(T::TypeDef), Some(T::MethodDef), Some(T::Assembly)]),
            Self::MemberRefParent => {
                (3, &[Some(T::TypeDef), Some(T::TypeRef), Some(T::ModuleRef), Some(T::MethodDef), Some(T::TypeSpec)])
            }
            Self::HasSemantics => (1, &[Some(T::Event), Some(T::Property)]),
            Self::MethodDefOrRef => (1, &[Some(T::MethodDef), Some(T::MemberRef)]),
            Self::MemberForwarded => (1, &[Some(T::Field), Some(T::MethodDef)]),
            Self::Implementation => (2, &[Some(T::File), Some(T::AssemblyRef), Some(T::ExportedType)]),
            Self::CustomAttributeType => (3, &[None, None, Some(T::MethodDef), Some(T::MemberRef)]),
            Self::ResolutionScope => {
                (2, &[Some(T::Module), Some(T::ModuleRef), Some(T::AssemblyRef), Some(T::TypeRef)])
            }
            Self::TypeOrMethodDef => (1, &[Some(T::TypeDef), Some(T::MethodDef)]),
        }
    }

    /// The row that a cell of this kind names; `None` for row 0 and unused table numbers.
    #[must_use]
    pub fn decode(self, cell: u32) -> Option<TableToken> {
        let (bits, tables) = self.tables();
        let tag = cell & 1_u32.checked_shl(bits)?.wrapping_sub(1);
        let table = tables.get(usize::try_from(tag).ok()?).copied()??;
        let row = cell.checked_shr(bits)?;
        (row != 0).then_some(TableToken { table, row })
    }
}

/// A column's kind, which decides its width.
#[derive(Clone, Copy, Debug)]
enum Column {
    U16,
    U32,
    Strings,
    Guids,
    Blobs,
    Row(Table),
    Coded(Coded),
}

use Column::{Blobs as B, Guids as G, Row as R, Strings as S, U16, U32};

/// Columns of each table (II.22), by number.
const SCHEMA: [&[Column]; N_TABLES] = [
    &[U16, S, G, G, G],
    &[Column::Coded(Coded::ResolutionScope), S, S],
    &[U32, S, S, Column::Coded(Coded::TypeDefOrRef), R(T::Field), R(T::MethodDef)],
    &[R(T::Field)],
    &[U16, S, B],
    &[R(T::MethodDef)],
    &[U32, U16, U16, S, B, R(T::Param)],
    &[R(T::Param)],
    &[U16, U16, S],
    &[R(T::TypeDef), Column::Coded(Coded::TypeDefOrRef)],
    &[Column::Coded(Coded::MemberRefParent), S, B],
    &[U16, Column::Coded(Coded::HasConstant), B],
    &[Column::Coded(Coded::HasCustomAttribute), Column::Coded(Coded::CustomAttributeType), B],
    &[Column::Coded(Coded::HasFieldMarshal), B],
    &[U16, Column::Coded(Coded::HasDeclSecurity), B],
    &[U16, U32, R(T::TypeDef)],
    &[U32, R(T::Field)],
    &[B],
    &[R(T::TypeDef), R(T::Event)],
    &[R(T::Event)],
    &[U16, S, Column::Coded(Coded::TypeDefOrRef)],
    &[R(T::TypeDef), R(T::Property)],
    &[R(T::Property)],
    &[U16, S, B],
    &[U16, R(T::MethodDef), Column::Coded(Coded::HasSemantics)],
    &[R(T::TypeDef), Column::Coded(Coded::MethodDefOrRef), Column::Coded(Coded::MethodDefOrRef)],
    &[S],
    &[B],
    &[U16, Column::Coded(Coded::MemberForwarded), S, R(T::ModuleRef)],
    &[U32, R(T::Field)],
    &[U32, U32],
    &[U32],
    &[U32, U16, U16, U16, U16, U32, B, S, S],
    &[U32],
    &[U32, U32, U32],
    &[U16, U16, U16, U16, U32, B, S, S, B],
    &[U32, R(T::AssemblyRef)],
    &[U32, U32, U32, R(T::AssemblyRef)],
    &[U32, S, B],
    &[U32, U32, S, S, Column::Coded(Coded::Implementation)],
    &[U32, U32, S, Column::Coded(Coded::Implementation)],
    &[R(T::TypeDef), R(T::TypeDef)],
    &[U16, U16, Column::Coded(Coded::TypeOrMethodDef), S],
    &[Column::Coded(Coded::MethodDefOrRef), B],
    &[R(T::GenericParam), Column::Coded(Coded::TypeDefOrRef)],
];

/// Most columns of a table (Assembly, AssemblyRef).
const MOST_COLUMNS: usize = 9;

/// Where one table's rows stand.
#[derive(Clone, Copy, Debug, Default)]
struct TablePlace {
    n_rows: u32,
    /// First row, from the metadata's first byte.
    start: usize,
    row_bytes: usize,
    /// Column offsets within a row.
    offsets: [u8; MOST_COLUMNS],
    /// Bit per column: four bytes wide.
    wide: u16,
    n_columns: u8,
}

/// Where all tables' rows stand.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    tables: [TablePlace; N_TABLES],
}

impl Layout {
    /// Reads the header of a table stream that begins at byte `start` of the metadata.
    pub(super) fn read(bytes: &[u8], start: usize, all_wide: bool) -> Result<Self, ImageError> {
        let origin = FileOffset(start as u64);
        let mut reader = ByteReader::new(bytes, origin);
        reader.skip("table stream header", 6)?;
        let heap_sizes = reader.u8("heap sizes")?;
        reader.skip("table stream header", 1)?;
        let valid = reader.u64("present tables")?;
        reader.skip("sorted tables", 8)?;
        let mut n_rows = [0_u32; 64];
        for (number, rows) in n_rows.iter_mut().enumerate() {
            let present = u32::try_from(number).ok().and_then(|bit| valid.checked_shr(bit)).unwrap_or(0) & 1;
            if present == 1 {
                *rows = reader.u32("number of rows")?;
            }
        }
        // Bit 6: four bytes of extra data follow the counts (CLR's own extension, metamodel.h).
        if heap_sizes & 0x40 != 0 {
            reader.skip("extra data", 4)?;
        }
        let rows_of = |table: Table| n_rows.get(table as usize).copied().unwrap_or(0);
        let is_wide = |column: Column| match column {
            U16 => false,
            U32 => true,
            S => all_wide || heap_sizes & 1 != 0,
            G => all_wide || heap_sizes & 2 != 0,
            B => all_wide || heap_sizes & 4 != 0,
            R(table) => all_wide || rows_of(table) > 0xffff || rows_of(pointer_table(table)) > 0xffff,
            Column::Coded(coded) => {
                let (bits, tables) = coded.tables();
                let most = 0xffff_u32.checked_shr(bits).unwrap_or(0);
                all_wide || tables.iter().flatten().any(|&table| rows_of(table) > most)
            }
        };
        let mut tables = [TablePlace::default(); N_TABLES];
        for ((place, columns), &n_rows) in tables.iter_mut().zip(SCHEMA).zip(&n_rows) {
            let mut row_bytes = 0_u8;
            for (index, &column) in columns.iter().enumerate() {
                if let Some(offset) = place.offsets.get_mut(index) {
                    *offset = row_bytes;
                }
                if is_wide(column) {
                    place.wide |= 1_u16.wrapping_shl(u32::try_from(index).unwrap_or(0));
                    row_bytes = row_bytes.saturating_add(4);
                } else {
                    row_bytes = row_bytes.saturating_add(2);
                }
            }
            let n = reader.count("number of rows", u64::from(n_rows), u64::from(row_bytes), 0x00ff_ffff)?;
            place.n_rows = n_rows;
            place.row_bytes = usize::from(row_bytes);
            place.n_columns = u8::try_from(columns.len()).unwrap_or(0);
            place.start = start.saturating_add(bytes.len().saturating_sub(reader.left()));
            reader.skip("rows", n.saturating_mul(usize::from(row_bytes)))?;
        }
        Ok(Self { tables })
    }

    /// Rows of `table`.
    pub(super) fn n_rows(&self, table: Table) -> u32 {
        self.tables.get(table as usize).map_or(0, |place| place.n_rows)
    }

    /// Byte of a cell and whether it is four bytes wide.
    pub(super) fn cell(&self, table: Table, row: u32, column: usize) -> Option<(usize, bool)> {
        let place = self.tables.get(table as usize)?;
        if row == 0 || row > place.n_rows || column >= usize::from(place.n_columns) {
            return None;
        }
        let index = usize::try_from(row.checked_sub(1)?).ok()?;
        let offset = usize::from(*place.offsets.get(column)?);
        let at = place.start.checked_add(index.checked_mul(place.row_bytes)?)?.checked_add(offset)?;
        let wide = place.wide.checked_shr(u32::try_from(column).ok()?)? & 1 == 1;
        Some((at, wide))
    }
}

/// The table that `#-` may put between a list column and its rows; the table itself when there is none.
const fn pointer_table(table: Table) -> Table {
    match table {
        T::Field => T::FieldPtr,
        T::MethodDef => T::MethodPtr,
        T::Param => T::ParamPtr,
        T::Event => T::EventPtr,
        T::Property => T::PropertyPtr,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coded_indexes_name_their_tables() {
        let token = |table, row| Some(TableToken { table, row });
        assert_eq!(Coded::TypeDefOrRef.decode(5 << 2 | 1), token(T::TypeRef, 5));
        assert_eq!(Coded::ResolutionScope.decode(7 << 2 | 2), token(T::AssemblyRef, 7));
        assert_eq!(Coded::TypeOrMethodDef.decode(9 << 1 | 1), token(T::MethodDef, 9));
        assert_eq!(Coded::TypeDefOrRef.decode(1 << 2 | 3), None);
        assert_eq!(Coded::TypeDefOrRef.decode(0), None);
        assert_eq!(Coded::CustomAttributeType.decode(1 << 3), None);
    }
}
