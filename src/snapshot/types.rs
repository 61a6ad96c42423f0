//! The type table: one row per MethodTable.

use super::{ModuleId, TypeId};
pub use crate::base::found::{ReferenceLayout, ReferenceRun};
use crate::base::{Addr, ElementType};

/// A type's name, or why it has none. A name that may be wrong is not a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeName {
    /// As C# developers read it: `System.Collections.Generic.Dictionary<System.String, Leaky.Worker>+Entry[]`.
    Known(Box<str>),
    /// No name, and the reason for a person: `module not in the dump`.
    Missing(Box<str>),
}

impl TypeName {
    /// The name, when there is one.
    #[must_use]
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(name) => Some(name),
            Self::Missing(_) => None,
        }
    }
}

/// What the instances of a type look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeShape {
    /// A class; instances have fields.
    Class,
    /// `System.String`.
    String,
    /// A delegate: a class whose fields name a method.
    Delegate,
    /// A boxed struct.
    Struct,
    /// A boxed enum, stored as the primitive.
    Enum(ElementType),
    /// A boxed primitive.
    Primitive(ElementType),
    /// A one-dimensional array from zero; elements begin at +16.
    Vector,
    /// An array with `rank` dimensions: lengths and lower bounds first.
    Array {
        /// Dimensions.
        rank: u8,
    },
    /// An interface: no instances.
    Interface,
    /// A free block between objects.
    Free,
    /// A stretch that is not an object: the unused part of an allocation context, or bytes that could not be walked.
    Gap,
}

/// An instance field, inherited ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRow {
    /// Its name; `None` without metadata.
    pub name: Option<Box<str>>,
    /// Class that declares it.
    pub declaring: TypeId,
    /// Bytes after the object's MethodTable pointer (after the struct's start, for a struct's own fields).
    pub offset: u32,
    /// What is stored there.
    pub element: ElementType,
    /// The struct's or class's type, when known.
    pub ty: Option<TypeId>,
}

/// One type.
#[derive(Clone, Debug)]
pub struct TypeRow {
    /// Its MethodTable. Null for the rows that stand for gaps.
    pub method_table: Addr,
    /// Its name, or why it has none.
    pub name: TypeName,
    /// Its defining module.
    pub module: Option<ModuleId>,
    /// TypeDef token, or 0.
    pub token: u32,
    /// What its instances look like.
    pub shape: TypeShape,
    /// Its base class.
    pub base: Option<TypeId>,
    /// Element type of an array.
    pub element: Option<TypeId>,
    /// How an array's elements are stored.
    pub element_kind: Option<ElementType>,
    /// Bytes of an instance without elements, as the MethodTable says (a string's is 22 or 26).
    pub base_bytes: u32,
    /// Bytes of one element, 0 for fixed-size types.
    pub component_bytes: u32,
    /// Instance fields with inherited ones, by offset.
    pub fields: Box<[FieldRow]>,
    /// Where its references stand.
    pub references: ReferenceLayout,
    /// Has a finalizer.
    pub finalizable: bool,
    /// Can be unloaded: its instances hold its LoaderAllocator.
    pub collectible: bool,
}

impl TypeRow {
    /// The name for a person: the real one, or the address of the MethodTable.
    #[must_use]
    pub fn display_name(&self) -> String {
        match &self.name {
            TypeName::Known(name) => name.to_string(),
            TypeName::Missing(_) => format!("{}", self.method_table),
        }
    }
}

/// Sums of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeTotals {
    /// Instances.
    pub count: u64,
    /// Bytes they occupy, each rounded up to the alignment.
    pub bytes: u64,
    /// SOS's sum: sizes before rounding.
    pub raw_bytes: u64,
    /// Bytes of the biggest instance.
    pub biggest: u64,
}

/// All types, in MethodTable order.
#[derive(Clone, Debug, Default)]
pub struct TypeTable {
    rows: Vec<TypeRow>,
}

impl TypeTable {
    /// A table of `rows`, which must be sorted by MethodTable.
    #[must_use]
    pub fn new(rows: Vec<TypeRow>) -> Self {
        debug_assert!(rows.is_sorted_by_key(|row| row.method_table));
        Self { rows }
    }

    /// The row of `id`.
    ///
    /// # Panics
    /// When `id` is of another table: ids are ours, never the dump's.
    #[must_use]
    pub fn row(&self, id: TypeId) -> &TypeRow {
        &self.rows[id.index()]
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Every type with its id, in MethodTable order.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &TypeRow)> {
        (0u32..).map(TypeId).zip(&self.rows)
    }

    /// The type whose MethodTable is at `method_table`. Binary search.
    #[must_use]
    pub fn by_method_table(&self, method_table: Addr) -> Option<TypeId> {
        let index = self.rows.binary_search_by_key(&method_table, |row| row.method_table).ok()?;
        u32::try_from(index).ok().map(TypeId)
    }
}
