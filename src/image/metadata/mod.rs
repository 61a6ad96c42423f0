//! Metadata of a managed module (ECMA-335 II.24): heaps, tables, and the rows a heap reader needs.
//!
//! ```text
//! BSJB | version | streams: #~ or #- (tables), #Strings, #Blob, #GUID
//! #~   | heap sizes | present tables | row counts | rows of table 0 | rows of table 1 | ...
//! ```
//!
//! Rows are decoded on demand from one shared copy of the bytes. Both the compressed form `#~` and the edited form `#-`
//! (with its pointer tables, as Reflection.Emit and edit-and-continue write it) are read.

pub mod signature;
pub mod tables;

use std::sync::Arc;

use super::ImageError;
use crate::base::{ByteReader, FileOffset};
pub use tables::{Coded, Table, TableToken};
use tables::{Layout, N_TABLES};

/// Most streams of one metadata root; five are standard.
const MOST_STREAMS: u16 = 32;

/// A range of the metadata's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: usize,
    len: usize,
}

/// A row of TypeDef (II.22.37).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeDef<'a> {
    /// `TypeAttributes`.
    pub flags: u32,
    /// Name without the enclosing types, with its generic arity: `` Dictionary`2 ``.
    pub name: &'a str,
    /// Namespace; empty for nested types.
    pub namespace: &'a str,
    /// Base type.
    pub extends: Option<TableToken>,
}

/// A row of Field (II.22.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// `FieldAttributes`.
    pub flags: u16,
    /// Name.
    pub name: &'a str,
    /// Signature (II.23.2.4).
    pub signature: &'a [u8],
}

impl Field<'_> {
    /// A constant: it has no storage (II.23.1.5, `Literal`).
    #[must_use]
    pub const fn is_literal(&self) -> bool {
        self.flags & 0x40 != 0
    }

    /// Static (II.23.1.5).
    #[must_use]
    pub const fn is_static(&self) -> bool {
        self.flags & 0x10 != 0
    }
}

/// A row of TypeRef (II.22.38).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeRef<'a> {
    /// Module, assembly or enclosing TypeRef.
    pub scope: Option<TableToken>,
    /// Name.
    pub name: &'a str,
    /// Namespace.
    pub namespace: &'a str,
}

/// Metadata of one module.
#[derive(Clone)]
pub struct Metadata {
    bytes: Arc<[u8]>,
    strings: Span,
    blobs: Span,
    guids: Span,
    layout: Layout,
    /// (nested, enclosing) by nested row: `#-` does not sort its table.
    enclosing: Vec<(u32, u32)>,
    /// (TypeDef row, generic parameters) by row.
    n_params: Vec<(u32, u32)>,
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metadata")
            .field("bytes", &self.bytes.len())
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

impl Metadata {
    /// Reads the root, the streams and the row counts. Rows are read later, on demand.
    ///
    /// # Errors
    /// [`ImageError`] when the bytes are no metadata, or the tables claim more rows than the bytes can hold.
    pub fn read(bytes: Arc<[u8]>) -> Result<Self, ImageError> {
        let mut reader = ByteReader::new(&bytes, FileOffset(0));
        let signature = reader.u32("metadata signature")?;
        if signature != 0x424a_5342 {
            return Err(ImageError::Malformed {
                what: "metadata signature",
                at: FileOffset(0),
                expected: "BSJB",
                found: format!("{signature:#010x}"),
            });
        }
        reader.skip("metadata version", 8)?;
        let version_bytes = reader.u32("length of the version")?;
        reader.skip("metadata version", usize::try_from(version_bytes).unwrap_or(usize::MAX))?;
        reader.skip("metadata flags", 2)?;
        let n_streams = reader.u16("number of streams")?;
        let n_streams = reader.count("number of streams", u64::from(n_streams), 12, u64::from(MOST_STREAMS))?;
        let mut strings = Span::default();
        let mut blobs = Span::default();
        let mut guids = Span::default();
        let mut tables = None;
        let mut all_wide = false;
        for _ in 0..n_streams {
            let start = usize::try_from(reader.u32("stream offset")?).unwrap_or(usize::MAX);
            let len = usize::try_from(reader.u32("stream size")?).unwrap_or(usize::MAX);
            let at = reader.at();
            let name = stream_name(&mut reader)?;
            let span = Span { start, len };
            if start.checked_add(len).is_none_or(|end| end > bytes.len()) {
                return Err(ImageError::Malformed {
                    what: "metadata stream",
                    at,
                    expected: "a stream inside the metadata",
                    found: format!("offset {start}, {len} bytes of {}", bytes.len()),
                });
            }
            match name.as_slice() {
                b"#~" | b"#-" => tables = Some(span),
                b"#Strings" => strings = span,
                b"#Blob" => blobs = span,
                b"#GUID" => guids = span,
                // Edit-and-continue's minimal delta: every index is wide.
                b"#JTD" => all_wide = true,
                _ => {}
            }
        }
        let tables = tables.ok_or(ImageError::Malformed {
            what: "metadata streams",
            at: FileOffset(0),
            expected: "a stream of tables",
            found: "none".to_owned(),
        })?;
        let table_bytes = bytes.get(tables.start..tables.start.saturating_add(tables.len)).unwrap_or(&[]);
        let layout = Layout::read(table_bytes, tables.start, all_wide)?;
        let mut metadata = Self { bytes, strings, blobs, guids, layout, enclosing: Vec::new(), n_params: Vec::new() };
        metadata.enclosing = metadata.read_enclosing();
        metadata.n_params = metadata.count_params();
        Ok(metadata)
    }

    fn read_enclosing(&self) -> Vec<(u32, u32)> {
        let mut pairs: Vec<(u32, u32)> = (1..=self.n_rows(Table::NestedClass))
            .filter_map(|row| Some((self.cell(Table::NestedClass, row, 0)?, self.cell(Table::NestedClass, row, 1)?)))
            .collect();
        pairs.sort_unstable();
        pairs
    }

    fn count_params(&self) -> Vec<(u32, u32)> {
        let mut counts = std::collections::BTreeMap::new();
        for row in 1..=self.n_rows(Table::GenericParam) {
            let owner = self.cell(Table::GenericParam, row, 2).and_then(|cell| Coded::TypeOrMethodDef.decode(cell));
            if let Some(TableToken { table: Table::TypeDef, row }) = owner {
                let count: &mut u32 = counts.entry(row).or_default();
                *count = count.saturating_add(1);
            }
        }
        counts.into_iter().collect()
    }

    /// Generic parameters of a TypeDef, those of its enclosing types included. Binary search.
    #[must_use]
    pub fn n_generic_params(&self, type_def: u32) -> usize {
        let index = self.n_params.partition_point(|&(row, _)| row < type_def);
        let found = self.n_params.get(index).filter(|&&(row, _)| row == type_def);
        found.and_then(|&(_, count)| usize::try_from(count).ok()).unwrap_or(0)
    }

    /// Rows of `table`.
    #[must_use]
    pub fn n_rows(&self, table: Table) -> u32 {
        self.layout.n_rows(table)
    }

    /// The number in a column of a row (rows count from 1); `None` outside the table. Constant time.
    #[must_use]
    pub fn cell(&self, table: Table, row: u32, column: usize) -> Option<u32> {
        let (at, wide) = self.layout.cell(table, row, column)?;
        let bytes = self.bytes.get(at..)?;
        if wide {
            bytes.first_chunk().copied().map(u32::from_le_bytes)
        } else {
            bytes.first_chunk().copied().map(u16::from_le_bytes).map(u32::from)
        }
    }

    /// The text at `index` of `#Strings`; `None` when outside, unended or not UTF-8.
    #[must_use]
    pub fn string(&self, index: u32) -> Option<&str> {
        let heap = self.bytes.get(self.strings.start..)?.get(..self.strings.len)?;
        let tail = heap.get(usize::try_from(index).ok()?..)?;
        let end = tail.iter().position(|&byte| byte == 0)?;
        std::str::from_utf8(tail.get(..end)?).ok()
    }

    /// The blob at `index` of `#Blob` (II.24.2.4); `None` when outside.
    #[must_use]
    pub fn blob(&self, index: u32) -> Option<&[u8]> {
        let heap = self.bytes.get(self.blobs.start..)?.get(..self.blobs.len)?;
        let tail = heap.get(usize::try_from(index).ok()?..)?;
        let (len, rest) = signature::compressed(tail)?;
        rest.get(..usize::try_from(len).ok()?)
    }

    /// The module's version id (II.22.30), the identity of a build.
    #[must_use]
    pub fn mvid(&self) -> Option<[u8; 16]> {
        let index = usize::try_from(self.cell(Table::Module, 1, 2)?).ok()?;
        let heap = self.bytes.get(self.guids.start..)?.get(..self.guids.len)?;
        heap.get(index.checked_sub(1)?.checked_mul(16)?..)?.first_chunk().copied()
    }

    /// The module's file name as its compiler wrote it.
    #[must_use]
    pub fn module_name(&self) -> Option<&str> {
        self.string(self.cell(Table::Module, 1, 1)?)
    }

    /// The assembly's simple name; `None` for a module without a manifest.
    #[must_use]
    pub fn assembly_name(&self) -> Option<&str> {
        self.string(self.cell(Table::Assembly, 1, 7)?)
    }

    /// The simple name of a referenced assembly.
    #[must_use]
    pub fn assembly_ref_name(&self, row: u32) -> Option<&str> {
        self.string(self.cell(Table::AssemblyRef, row, 6)?)
    }

    /// A TypeDef row.
    #[must_use]
    pub fn type_def(&self, row: u32) -> Option<TypeDef<'_>> {
        Some(TypeDef {
            flags: self.cell(Table::TypeDef, row, 0)?,
            name: self.string(self.cell(Table::TypeDef, row, 1)?)?,
            namespace: self.string(self.cell(Table::TypeDef, row, 2)?)?,
            extends: Coded::TypeDefOrRef.decode(self.cell(Table::TypeDef, row, 3)?),
        })
    }

    /// A TypeRef row.
    #[must_use]
    pub fn type_ref(&self, row: u32) -> Option<TypeRef<'_>> {
        Some(TypeRef {
            scope: Coded::ResolutionScope.decode(self.cell(Table::TypeRef, row, 0)?),
            name: self.string(self.cell(Table::TypeRef, row, 1)?)?,
            namespace: self.string(self.cell(Table::TypeRef, row, 2)?)?,
        })
    }

    /// The TypeDef row that encloses `row`. Binary search.
    #[must_use]
    pub fn enclosing(&self, row: u32) -> Option<u32> {
        let index = self.enclosing.partition_point(|&(nested, _)| nested < row);
        self.enclosing.get(index).filter(|&&(nested, _)| nested == row).map(|&(_, enclosing)| enclosing)
    }

    /// The rows from the outermost enclosing type down to `row` itself; `None` for a chain without an end.
    #[must_use]
    pub fn nesting(&self, row: u32) -> Option<Vec<u32>> {
        let mut chain = vec![row];
        let mut inner = row;
        while let Some(outer) = self.enclosing(inner) {
            if chain.len() > 64 || chain.contains(&outer) {
                return None;
            }
            chain.push(outer);
            inner = outer;
        }
        chain.reverse();
        Some(chain)
    }

    /// Namespace and name of a type with its enclosing types, as metadata writes them:
    /// `` System.Collections.Generic.Dictionary`2+Entry ``.
    #[must_use]
    pub fn full_name(&self, row: u32) -> Option<String> {
        let mut text = String::new();
        for (depth, row) in self.nesting(row)?.into_iter().enumerate() {
            let def = self.type_def(row)?;
            if depth > 0 {
                text.push('+');
            } else if !def.namespace.is_empty() {
                text.push_str(def.namespace);
                text.push('.');
            }
            text.push_str(def.name);
        }
        Some(text)
    }

    /// As [`Metadata::full_name`], for a TypeRef, with the AssemblyRef row of its outermost scope when it is one.
    #[must_use]
    pub fn type_ref_full_name(&self, row: u32) -> Option<(String, Option<TableToken>)> {
        let mut parts = Vec::new();
        let mut next = row;
        loop {
            if parts.len() > 64 {
                return None;
            }
            let reference = self.type_ref(next)?;
            parts.push(reference);
            match reference.scope {
                Some(TableToken { table: Table::TypeRef, row }) => next = row,
                scope => {
                    let mut text = String::new();
                    for (depth, part) in parts.iter().rev().enumerate() {
                        if depth > 0 {
                            text.push('+');
                        } else if !part.namespace.is_empty() {
                            text.push_str(part.namespace);
                            text.push('.');
                        }
                        text.push_str(part.name);
                    }
                    return Some((text, scope));
                }
            }
        }
    }

    /// Rows of Field that TypeDef `row` owns, through the pointer table when there is one.
    pub fn fields_of(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        self.list_of(row, 4, Table::FieldPtr, Table::Field)
    }

    /// Rows of MethodDef that TypeDef `row` owns, through the pointer table when there is one.
    pub fn methods_of(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        self.list_of(row, 5, Table::MethodPtr, Table::MethodDef)
    }

    /// A list column points at its first row; the list ends where the next row's begins (II.22.37).
    fn list_of(&self, row: u32, column: usize, pointers: Table, items: Table) -> impl Iterator<Item = u32> + '_ {
        let through = self.n_rows(pointers) > 0;
        let last = self.n_rows(if through { pointers } else { items }).saturating_add(1);
        let first = self.cell(Table::TypeDef, row, column).unwrap_or(last).clamp(1, last);
        let end = row.checked_add(1).and_then(|next| self.cell(Table::TypeDef, next, column)).unwrap_or(last).min(last);
        (first..end).filter_map(move |item| if through { self.cell(pointers, item, 0) } else { Some(item) })
    }

    /// A Field row.
    #[must_use]
    pub fn field(&self, row: u32) -> Option<Field<'_>> {
        Some(Field {
            flags: u16::try_from(self.cell(Table::Field, row, 0)?).ok()?,
            name: self.string(self.cell(Table::Field, row, 1)?)?,
            signature: self.blob(self.cell(Table::Field, row, 2)?)?,
        })
    }

    /// The name of a MethodDef row.
    #[must_use]
    pub fn method_name(&self, row: u32) -> Option<&str> {
        self.string(self.cell(Table::MethodDef, row, 3)?)
    }

    /// The signature of a MethodDef row (II.23.2.1).
    #[must_use]
    pub fn method_signature(&self, row: u32) -> Option<&[u8]> {
        self.blob(self.cell(Table::MethodDef, row, 4)?)
    }

    /// The signature of a TypeSpec row (II.23.2.14).
    #[must_use]
    pub fn type_spec(&self, row: u32) -> Option<&[u8]> {
        self.blob(self.cell(Table::TypeSpec, row, 0)?)
    }

    /// The name of a generic parameter, by row.
    #[must_use]
    pub fn generic_param_name(&self, row: u32) -> Option<&str> {
        self.string(self.cell(Table::GenericParam, row, 3)?)
    }

    /// Names of the generic parameters of a TypeDef, by their numbers; enclosing types' are repeated in it (II.22.20).
    /// One pass over GenericParam.
    #[must_use]
    pub fn generic_params_of(&self, type_def: u32) -> Vec<(u32, &str)> {
        let owner = TableToken { table: Table::TypeDef, row: type_def };
        let mut params: Vec<(u32, &str)> = (1..=self.n_rows(Table::GenericParam))
            .filter(|&row| {
                self.cell(Table::GenericParam, row, 2).and_then(|cell| Coded::TypeOrMethodDef.decode(cell))
                    == Some(owner)
            })
            .filter_map(|row| Some((self.cell(Table::GenericParam, row, 0)?, self.generic_param_name(row)?)))
            .collect();
        params.sort_unstable();
        params
    }
}

/// A stream's name: zero-ended ASCII, padded to four bytes, at most 32 (II.24.2.2).
fn stream_name(reader: &mut ByteReader<'_>) -> Result<Vec<u8>, ImageError> {
    let mut name = Vec::new();
    for _ in 0..8 {
        let four = reader.take("stream name", 4)?;
        let end = four.iter().position(|&byte| byte == 0);
        name.extend_from_slice(four.get(..end.unwrap_or(4)).unwrap_or(&[]));
        if end.is_some() {
            break;
        }
    }
    Ok(name)
}

/// Number of table numbers the format can have, for tests of other files.
pub const TABLE_NUMBERS: usize = N_TABLES;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Metadata with one namespace `N`, `Outer` with a field `f` (object), and `Inner` nested in it with a method `M`.
    pub(crate) fn tiny_metadata() -> Vec<u8> {
        let strings = b"\0N\0Outer\0Inner\0f\0M\0T.dll\0T\0".to_vec();
        let blobs = [0_u8, 2, 0x06, 0x1c, 3, 0x20, 0, 1].to_vec();
        let mut tables = Vec::new();
        tables.extend_from_slice(&[0, 0, 0, 0, 2, 0, 0, 1]);
        let valid: u64 = 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 0x20 | 1 << 0x29;
        tables.extend_from_slice(&valid.to_le_bytes());
        tables.extend_from_slice(&0_u64.to_le_bytes());
        for count in [1_u32, 3, 1, 1, 1, 1] {
            tables.extend_from_slice(&count.to_le_bytes());
        }
        let mut rows = |cells: &[u16]| cells.iter().for_each(|cell| tables.extend_from_slice(&cell.to_le_bytes()));
        // Module: generation, name, mvid, encid, encbaseid.
        rows(&[0, 19, 1, 0, 0]);
        // TypeDef: flags (4), name, namespace, extends, fields, methods.
        rows(&[0, 0, 0, 0, 0, 1, 1]);
        rows(&[1, 0, 3, 1, 0, 1, 1]);
        rows(&[2, 0, 9, 0, 2 << 2, 2, 1]);
        // Field, MethodDef (RVA 4, impl, flags, name, signature, params).
        rows(&[6, 15, 1]);
        rows(&[0, 0, 0, 6, 17, 4, 1]);
        // Assembly: hash (4), version (8), flags (4), key, name, culture.
        rows(&[0, 0, 1, 0, 0, 0, 0, 0, 0, 25, 0]);
        // NestedClass.
        rows(&[3, 2]);
        let guids: Vec<u8> = (1..=16).collect();
        let streams: [(&[u8], &[u8]); 4] =
            [(b"#~\0\0", &tables), (b"#Strings\0\0\0\0", &strings), (b"#Blob\0\0\0", &blobs), (b"#GUID\0\0\0", &guids)];
        let mut out = b"BSJB\x01\0\x01\0\0\0\0\0\x04\0\0\0v4\0\0\0\0\x04\0".to_vec();
        let mut at = out.len() + streams.iter().map(|(name, _)| 8 + name.len()).sum::<usize>();
        for (name, bytes) in streams {
            out.extend_from_slice(&(at as u32).to_le_bytes());
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(name);
            at += bytes.len();
        }
        for (_, bytes) in streams {
            out.extend_from_slice(bytes);
        }
        out
    }

    /// Touches everything a reader offers, so that a panic anywhere shows.
    fn touch(metadata: &Metadata) -> usize {
        let mut n = 0;
        n += usize::from(metadata.mvid().is_some()) + usize::from(metadata.assembly_name().is_some());
        for row in 0..=metadata.n_rows(Table::TypeDef).saturating_add(1).min(1000) {
            n += usize::from(metadata.full_name(row).is_some());
            for field in metadata.fields_of(row).take(1000) {
                if let Some(field) = metadata.field(field) {
                    n += usize::from(signature::field_type(field.signature).is_some());
                }
            }
            n += metadata.methods_of(row).take(1000).filter_map(|row| metadata.method_name(row)).count();
            n += metadata.generic_params_of(row).len();
        }
        for row in 0..=metadata.n_rows(Table::TypeRef).min(1000) {
            n += usize::from(metadata.type_ref_full_name(row).is_some());
        }
        n
    }

    #[test]
    fn names_nesting_lists_and_identity() {
        let metadata = Metadata::read(tiny_metadata().into()).unwrap();
        assert_eq!(metadata.full_name(2).as_deref(), Some("N.Outer"));
        assert_eq!(metadata.full_name(3).as_deref(), Some("N.Outer+Inner"));
        assert_eq!(metadata.full_name(4), None);
        assert_eq!(metadata.fields_of(2).collect::<Vec<_>>(), [1]);
        assert_eq!(metadata.fields_of(3).count(), 0);
        assert_eq!(metadata.methods_of(3).filter_map(|row| metadata.method_name(row)).collect::<Vec<_>>(), ["M"]);
        assert_eq!(metadata.field(1).map(|field| field.name), Some("f"));
        assert_eq!(metadata.mvid(), Some([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]));
        assert_eq!(metadata.assembly_name(), Some("T"));
        assert_eq!(metadata.module_name(), Some("T.dll"));
    }

    #[test]
    fn absurd_row_counts_are_refused_by_name() {
        let mut bytes = tiny_metadata();
        let tables = bytes.windows(8).position(|window| window == [0, 0, 0, 0, 2, 0, 0, 1]).unwrap();
        bytes[tables + 24..tables + 28].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Metadata::read(bytes.into()).unwrap_err();
        assert!(error.to_string().contains("rows"), "{error}");
    }

    #[test]
    fn a_circle_of_nested_types_has_no_name_and_no_hang() {
        let mut bytes = tiny_metadata();
        let end = bytes.len() - 16 - 8 - 27;
        assert_eq!(bytes[end - 4..end], [3, 0, 2, 0]);
        bytes[end - 2] = 3;
        let metadata = Metadata::read(bytes.into()).unwrap();
        assert_eq!(metadata.full_name(3), None);
        assert_eq!(metadata.full_name(2).as_deref(), Some("N.Outer"));
    }

    #[test]
    fn cut_metadata_never_panics() {
        let bytes = tiny_metadata();
        for len in 0..bytes.len() {
            assert!(Metadata::read(bytes[..len].into()).is_err());
        }
    }

    proptest! {
        #[test]
        fn bent_metadata_never_panics(changes in proptest::collection::vec((0_usize..400, any::<u8>()), 1..6)) {
            let mut bytes = tiny_metadata();
            for (at, value) in changes {
                let len = bytes.len();
                bytes[at % len] = value;
            }
            if let Ok(metadata) = Metadata::read(bytes.into()) {
                touch(&metadata);
            }
        }

        #[test]
        fn any_signature_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = signature::field_type(&bytes);
            let _ = signature::type_spec(&bytes);
            let _ = signature::method(&bytes);
        }
    }
}
