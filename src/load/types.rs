//! Types of the heap as rows: shape and references from the runtime, names and fields from metadata.

use std::collections::BTreeSet;

use super::OpenOptions;
use super::error::Error;
use crate::base::{Addr, ElementType, Job, Place, Skipped, Warnings};
use crate::clr::{MethodTable, Runtime};
use crate::snapshot::types::ReferenceLayout;
use crate::snapshot::{ModuleRow, TypeName, TypeRow, TypeShape, TypeTable};

/// Types and the modules that define them.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) types: TypeTable,
    pub(crate) modules: Vec<ModuleRow>,
}

/// Rows for `on_heap` (sorted), for what they refer to, and for holes.
pub(crate) fn describe(
    runtime: &Runtime,
    on_heap: &[Addr],
    _options: &OpenOptions,
    job: &Job,
    warnings: &mut Warnings,
) -> Result<Described, Error> {
    let mut tables: BTreeSet<Addr> = on_heap.iter().copied().collect();
    tables.extend(runtime.type_system.free_mt);
    let mut rows = vec![gap_row()];
    for at in tables {
        job.tick(0)?;
        rows.push(row(runtime, at, warnings));
    }
    Ok(Described { types: TypeTable::new(rows), modules: Vec::new() })
}

/// The row of holes: no MethodTable, no name.
pub(crate) fn gap_row() -> TypeRow {
    TypeRow {
        method_table: Addr::NULL,
        name: TypeName::Missing("not an object".into()),
        module: None,
        token: 0,
        shape: TypeShape::Gap,
        base: None,
        element: None,
        element_kind: None,
        base_bytes: 0,
        component_bytes: 0,
        fields: Box::default(),
        references: ReferenceLayout::None,
        finalizable: false,
        collectible: false,
    }
}

fn row(runtime: &Runtime, at: Addr, warnings: &mut Warnings) -> TypeRow {
    let types = &runtime.type_system;
    let table = types.method_table(at);
    let shape = types.shape(at);
    let references = types.reference_layout(at).unwrap_or_else(|err| {
        warnings.skip(Skipped::Type, Some(Place::Target(at)), err);
        ReferenceLayout::None
    });
    TypeRow {
        method_table: at,
        name: TypeName::Missing("metadata not read".into()),
        module: None,
        token: 0,
        shape: table.map_or(TypeShape::Class, |table| shape_of(runtime, &table)),
        base: None,
        element: None,
        element_kind: table.filter(MethodTable::is_array).map(|_| ElementType::ValueType),
        base_bytes: shape.map_or(0, |shape| shape.base_bytes),
        component_bytes: shape.map_or(0, |shape| shape.component_bytes),
        fields: Box::default(),
        references,
        finalizable: shape.is_some_and(|shape| shape.finalizable),
        collectible: shape.is_some_and(|shape| shape.collectible),
    }
}

fn shape_of(runtime: &Runtime, table: &MethodTable) -> TypeShape {
    let types = &runtime.type_system;
    if Some(table.at) == types.free_mt || types.shape(table.at).is_some_and(|shape| shape.is_free) {
        TypeShape::Free
    } else if Some(table.at) == types.string_mt {
        TypeShape::String
    } else if table.is_vector() {
        TypeShape::Vector
    } else if let Some(rank) = table.rank() {
        TypeShape::Array { rank }
    } else {
        TypeShape::Class
    }
}
