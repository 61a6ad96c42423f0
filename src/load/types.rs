//! Types of the heap as rows: shape and references from the runtime, names and fields through its metadata.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::OpenOptions;
use super::error::Error;
use crate::base::job::Unit;
use crate::base::{Addr, ElementType, Job, Place, Skipped, Warnings};
use crate::clr::fields::Field;
use crate::clr::instance_fields::TypeFinder;
use crate::clr::types::TypeDescription;
use crate::clr::{Runtime, Types};
use crate::snapshot::types::ReferenceLayout;
use crate::snapshot::{FieldRow, ModuleId, ModuleRow, TypeId, TypeName, TypeRow, TypeShape, TypeTable};
use crate::target::images::ImageFolders;

/// Kinds of a MethodTable's flags (methodtable.h, the same from 2.1 to 10).
mod category {
    pub(super) const VALUE_TYPE: u32 = 0x4_0000;
    pub(super) const NULLABLE: u32 = 0x5_0000;
    /// A struct stored as a primitive: an enum.
    pub(super) const PRIMITIVE_VALUE_TYPE: u32 = 0x6_0000;
    pub(super) const PRIMITIVE: u32 = 0x7_0000;
    pub(super) const INTERFACE: u32 = 0xc_0000;
}

/// Types and the modules that define them.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) types: TypeTable,
    pub(crate) modules: Vec<ModuleRow>,
    /// What more can be asked of them.
    pub(crate) clr: Arc<Types>,
}

/// Rows for `on_heap` (sorted), for what they are made of, and for holes.
pub(crate) fn describe(
    runtime: &Runtime,
    on_heap: &[Addr],
    options: &OpenOptions,
    job: &Job,
    warnings: &mut Warnings,
) -> Result<Described, Error> {
    let folders = ImageFolders::list(&options.module_folders, job, warnings)?;
    let clr = Types::open(runtime, on_heap, &folders, job, warnings)?;
    job.stage("Naming types", Unit::Steps, Some(on_heap.len() as u64));
    let mut known = on_heap.to_vec();
    known.extend(clr.static_types(on_heap, job)?);
    known.sort_unstable();
    known.dedup();
    let described = Closure::of(runtime, &clr, &known, options, job)?;
    let ids: BTreeMap<Addr, TypeId> = (1_u32..).zip(described.keys()).map(|(id, &at)| (at, TypeId(id))).collect();
    let on_heap: BTreeSet<Addr> = on_heap.iter().copied().collect();
    let mut rows = vec![gap_row()];
    for (&at, found) in &described {
        job.tick(0)?;
        rows.push(row(runtime, &described, &ids, at, found, on_heap.contains(&at), warnings));
    }
    let modules = clr.modules.iter().map(module_row).collect();
    Ok(Described { types: TypeTable::new(rows), modules, clr: Arc::new(clr) })
}

/// What is known of one MethodTable.
#[derive(Debug)]
struct Found {
    /// `None` for a MethodTable that was believed on the heap and cannot be read as a type.
    description: Option<TypeDescription>,
    fields: Vec<Field>,
}

/// Types, and the types they are made of: bases, elements, types of fields.
struct Closure;

impl Closure {
    fn of(
        runtime: &Runtime,
        clr: &Types,
        known: &[Addr],
        options: &OpenOptions,
        job: &Job,
    ) -> Result<BTreeMap<Addr, Found>, Error> {
        let most = usize::try_from(options.limits.method_tables).unwrap_or(usize::MAX);
        let mut found: BTreeMap<Addr, Found> = BTreeMap::new();
        let mut finder = TypeFinder::new(clr, known);
        let mut next: Vec<Addr> = runtime.type_system.free_mt.into_iter().collect();
        next.extend(known.iter().rev());
        while let Some(at) = next.pop() {
            if at.is_null() || found.contains_key(&at) || found.len() >= most {
                continue;
            }
            job.tick(1)?;
            let description = clr.describe(at);
            finder.learn(at);
            let fields = match &description {
                Some(description) if !description.table.is_array() => finder.fields(at),
                _ => Vec::new(),
            };
            if let Some(description) = &description {
                next.extend(description.base.into_iter().chain(description.element));
                next.extend(fields.iter().map(|field| field.declaring));
                // A struct's own fields name the slots inside it.
                let structs = fields.iter().filter(|field| field.element == ElementType::ValueType);
                next.extend(structs.filter_map(|field| field.ty));
            } else if known.binary_search(&at).is_err() {
                // Not on the heap and no type: something pointed at it, nothing needs it.
                continue;
            }
            found.insert(at, Found { description, fields });
        }
        Ok(found)
    }
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

fn row(
    runtime: &Runtime,
    described: &BTreeMap<Addr, Found>,
    ids: &BTreeMap<Addr, TypeId>,
    at: Addr,
    found: &Found,
    is_on_heap: bool,
    warnings: &mut Warnings,
) -> TypeRow {
    let system = &runtime.type_system;
    let instance = system.shape(at);
    let references = match system.reference_layout(at) {
        Ok(layout) => layout,
        Err(err) => {
            if is_on_heap {
                warnings.skip(Skipped::Reference, Some(Place::Target(at)), err);
            }
            ReferenceLayout::None
        }
    };
    let description = found.description.as_ref();
    let shape = match description {
        // The free block's MethodTable has no class: it is no type to the runtime either.
        _ if instance.is_some_and(|instance| instance.is_free) => TypeShape::Free,
        Some(description) => shape_of(runtime, described, description, found),
        None => TypeShape::Class,
    };
    let name = match (shape, description) {
        (TypeShape::Free, _) => TypeName::Known("Free".into()),
        (_, Some(TypeDescription { name: Ok(name), .. })) => TypeName::Known(name.as_str().into()),
        (_, Some(TypeDescription { name: Err(reason), .. })) => TypeName::Missing(reason.as_str().into()),
        (_, None) => TypeName::Missing("its MethodTable cannot be read".into()),
    };
    let id = |at: Option<Addr>| at.and_then(|at| ids.get(&at).copied());
    let element = description.and_then(|description| description.element);
    TypeRow {
        method_table: at,
        name,
        module: description.and_then(|description| u32::try_from(description.module?).ok()).map(ModuleId),
        token: description.map_or(0, |description| description.token),
        shape,
        base: id(description.and_then(|description| description.base)),
        element: id(element),
        element_kind: description
            .filter(|description| description.table.is_array())
            .map(|_| element_kind(runtime, described, element)),
        base_bytes: instance.map_or(0, |instance| instance.base_bytes),
        component_bytes: instance.map_or(0, |instance| instance.component_bytes),
        fields: found.fields.iter().filter_map(|field| field_row(field, ids)).collect(),
        references,
        finalizable: instance.is_some_and(|instance| instance.finalizable),
        collectible: instance.is_some_and(|instance| instance.collectible),
    }
}

fn field_row(field: &Field, ids: &BTreeMap<Addr, TypeId>) -> Option<FieldRow> {
    Some(FieldRow {
        name: field.name.as_deref().map(Into::into),
        declaring: *ids.get(&field.declaring)?,
        offset: field.offset,
        element: field.element,
        ty: field.ty.and_then(|at| ids.get(&at).copied()),
    })
}

fn shape_of(
    runtime: &Runtime,
    described: &BTreeMap<Addr, Found>,
    description: &TypeDescription,
    found: &Found,
) -> TypeShape {
    let system = &runtime.type_system;
    let table = &description.table;
    if Some(table.at) == system.string_mt {
        return TypeShape::String;
    }
    if table.is_vector() {
        return TypeShape::Vector;
    }
    if let Some(rank) = table.rank() {
        return TypeShape::Array { rank };
    }
    match table.category() {
        category::INTERFACE => TypeShape::Interface,
        category::PRIMITIVE => primitive_of(description, found).map_or(TypeShape::Struct, TypeShape::Primitive),
        category::PRIMITIVE_VALUE_TYPE => match single_field(found) {
            // Enum -> ValueType -> Object; any other struct is one step nearer.
            Some(element) if bases(described, description).count() == 3 => TypeShape::Enum(element),
            _ => TypeShape::Struct,
        },
        category::VALUE_TYPE | category::NULLABLE => TypeShape::Struct,
        _ if is_delegate(runtime, described, description, found) => TypeShape::Delegate,
        _ => TypeShape::Class,
    }
}

/// Base classes, the nearest first; bounded.
fn bases<'a>(
    described: &'a BTreeMap<Addr, Found>,
    description: &'a TypeDescription,
) -> impl Iterator<Item = (Addr, &'a Found)> {
    let mut next = description.base;
    std::iter::from_fn(move || {
        let at = next?;
        let found = described.get(&at)?;
        next = found.description.as_ref().and_then(|base| base.base);
        Some((at, found))
    })
    .take(256)
}

/// A class without fields of its own over MulticastDelegate over Delegate over Object. Names may be missing; the two
/// are told by where they are defined and by the fields they add: two references and two code pointers, then a reference
/// and a number (the same from 2.1 to 10).
fn is_delegate(
    runtime: &Runtime,
    described: &BTreeMap<Addr, Found>,
    description: &TypeDescription,
    found: &Found,
) -> bool {
    use ElementType::{Class, I};
    let chain: Vec<(Addr, &Found)> = bases(described, description).take(4).collect();
    let [(multicast, base), (delegate, _), (object, root)] = chain.as_slice() else { return false };
    let module = |found: &Found| found.description.as_ref().and_then(|description| description.module);
    let layout: Vec<(Addr, ElementType)> = found.fields.iter().map(|field| (field.declaring, field.element)).collect();
    let (m, d) = (*multicast, *delegate);
    Some(*object) == runtime.type_system.object_mt
        && module(base) == module(root)
        && layout == [(d, Class), (d, Class), (d, I), (d, I), (m, Class), (m, I)]
}

/// The only field of a struct that is stored as a primitive.
fn single_field(found: &Found) -> Option<ElementType> {
    match found.fields.as_slice() {
        [field] => Some(field.element).filter(|element| element.size_bytes().is_some()),
        _ => None,
    }
}

/// What a boxed primitive holds: by its only field, or by its name.
fn primitive_of(description: &TypeDescription, found: &Found) -> Option<ElementType> {
    let by_name = |name: &str| {
        Some(match name {
            "System.Boolean" => ElementType::Boolean,
            "System.Char" => ElementType::Char,
            "System.SByte" => ElementType::I1,
            "System.Byte" => ElementType::U1,
            "System.Int16" => ElementType::I2,
            "System.UInt16" => ElementType::U2,
            "System.Int32" => ElementType::I4,
            "System.UInt32" => ElementType::U4,
            "System.Int64" => ElementType::I8,
            "System.UInt64" => ElementType::U8,
            "System.Single" => ElementType::R4,
            "System.Double" => ElementType::R8,
            "System.IntPtr" => ElementType::I,
            "System.UIntPtr" => ElementType::U,
            _ => return None,
        })
    };
    description.name.as_deref().ok().and_then(by_name).or_else(|| single_field(found))
}

/// How the elements of an array are stored; a pointer when their type is none (`Int32*[]`).
fn element_kind(runtime: &Runtime, described: &BTreeMap<Addr, Found>, element: Option<Addr>) -> ElementType {
    let Some(element) = element else { return ElementType::Pointer };
    let Some(found) = described.get(&element) else { return ElementType::ValueType };
    let Some(description) = &found.description else { return ElementType::ValueType };
    match shape_of(runtime, described, description, found) {
        TypeShape::Primitive(primitive) | TypeShape::Enum(primitive) => primitive,
        TypeShape::Struct => ElementType::ValueType,
        _ => ElementType::Class,
    }
}

fn module_row(module: &crate::clr::modules::LoadedModule) -> ModuleRow {
    ModuleRow {
        address: module.at,
        name: module.name.clone(),
        path: module.path.clone(),
        image_base: module.image_base,
        is_dynamic: module.is_dynamic,
        load_context: None,
        mvid: module.mvid(),
        metadata: match &module.metadata {
            Ok(_) => Ok(module.source.as_ref().map_or_else(String::new, |source| source.label())),
            Err(reason) => Err(reason.clone()),
        },
    }
}
