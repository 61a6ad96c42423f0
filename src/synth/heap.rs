//! Heaps made by hand: types, objects, named edges, roots of every kind, and the bytes behind them.
//!
//! What comes out has the shape of a real snapshot (statics in a storage array of the runtime, delegates with code
//! pointers, strings with text), so that everything above the snapshot can be tested without a dump.
//! [`sample`](super::sample) has ready-made ones.
//!
//! Offsets, sizes and array layouts follow what the runtime does on 64 bits: the MethodTable at +0, fields from +8,
//! elements of a vector from +16, characters of a string from +12.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Addr, AddrRange, ElementType, Generation, HandleKind, RootKind, SegmentKind, Warnings};
use crate::snapshot::graph::ReferenceChecksum;
use crate::snapshot::types::{ReferenceLayout, ReferenceRun};
use crate::snapshot::{
    Coverage, ExtraEdge, ExtraEdgeKind, Facts, FieldRow, Finalizers, GcFacts, GcLayoutKind, GcMode, GenerationTotals,
    HandleRow, HeapGraph, HeapSnapshot, MethodName, ModuleId, ModuleRow, ObjectId, ObjectValues, Objects, References,
    Root, RootTables, RuntimeFacts, SegmentRow, StaticRow, ThreadRow, TypeId, TypeName, TypeRow, TypeShape, TypeTable,
    TypeTotals,
};

/// Address of the first type; the others follow at distances of 0x100.
const FIRST_TYPE: u64 = 0x7e00_0000_1000;
/// Address of the first segment; the others follow at distances of 4 GiB.
const FIRST_SEGMENT: u64 = 0x7f00_0000_0000;
/// Address of the first handle.
const HANDLES: u64 = 0x7d00_0000_0000;
/// Address of the first stack.
const STACKS: u64 = 0x7c00_0000_0000;
/// Address of the first method's code.
const CODE: u64 = 0x7b00_0000_0000;

/// What a field stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A reference.
    Reference,
    /// A number or truth value of the given type.
    Number(ElementType),
    /// A struct in place.
    Struct(TypeId),
}

/// Builds a snapshot. Types and objects are numbered in the order they are made.
#[derive(Debug)]
pub struct HeapBuilder {
    modules: Vec<String>,
    types: Vec<TypeRow>,
    by_name: BTreeMap<String, TypeId>,
    segments: Vec<(SegmentKind, u32)>,
    objects: Vec<Made>,
    handles: Vec<(HandleKind, ObjectId, Option<ObjectId>)>,
    statics: Vec<(TypeId, String, Option<ObjectId>)>,
    literals: Vec<ObjectId>,
    threads: Vec<String>,
    thread_statics: Vec<(u32, TypeId, String, ObjectId)>,
    stack: Vec<(u32, ObjectId)>,
    finalizers: Finalizers,
    extra: Vec<ExtraEdge>,
    methods: Vec<MethodName>,
}

#[derive(Debug)]
struct Made {
    ty: TypeId,
    size: u64,
    /// Reference slots, by byte offset from the object.
    slots: BTreeMap<u32, ObjectId>,
    /// Everything else, by byte offset from the object.
    bytes: Vec<(u32, Vec<u8>)>,
}

impl Default for HeapBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl HeapBuilder {
    /// An empty heap with the types that every heap has.
    #[must_use]
    pub fn new() -> Self {
        let mut builder = Self {
            modules: Vec::new(),
            types: Vec::new(),
            by_name: BTreeMap::new(),
            segments: vec![(SegmentKind::Gen2, 0)],
            objects: Vec::new(),
            handles: Vec::new(),
            statics: Vec::new(),
            literals: Vec::new(),
            threads: Vec::new(),
            thread_statics: Vec::new(),
            stack: Vec::new(),
            finalizers: Finalizers::default(),
            extra: Vec::new(),
            methods: Vec::new(),
        };
        builder.module("System.Private.CoreLib.dll");
        builder.add_type("Free", TypeShape::Free, 24);
        builder.add_type("System.Object", TypeShape::Class, 24);
        let string = builder.add_type("System.String", TypeShape::String, 22);
        builder.types[string.index()].component_bytes = 2;
        builder.vector("System.Object[]", Kind::Reference);
        builder.vector("System.Byte[]", Kind::Number(ElementType::U1));
        builder
    }

    /// A module; types made after it belong to it.
    pub fn module(&mut self, file_name: &str) -> ModuleId {
        self.modules.push(file_name.to_owned());
        ModuleId(self.modules.len() as u32 - 1)
    }

    /// The type of this name, which must have been made.
    ///
    /// # Panics
    /// When there is none: a test's own mistake.
    #[must_use]
    pub fn type_named(&self, name: &str) -> TypeId {
        *self.by_name.get(name).unwrap_or_else(|| panic!("no type {name}"))
    }

    fn add_type(&mut self, name: &str, shape: TypeShape, base_bytes: u32) -> TypeId {
        let id = TypeId(self.types.len() as u32);
        self.types.push(TypeRow {
            method_table: Addr(FIRST_TYPE + u64::from(id.0) * 0x100),
            name: TypeName::Known(name.into()),
            module: Some(ModuleId(self.modules.len() as u32 - 1)),
            token: 0x0200_0002 + id.0,
            shape,
            base: None,
            element: None,
            element_kind: None,
            base_bytes,
            component_bytes: 0,
            fields: Box::default(),
            references: ReferenceLayout::None,
            finalizable: false,
            collectible: false,
        });
        self.by_name.insert(name.to_owned(), id);
        id
    }

    /// A row to change what no method here sets: base, shape, missing name, finalizable.
    pub fn row_mut(&mut self, ty: TypeId) -> &mut TypeRow {
        &mut self.types[ty.index()]
    }

    /// A class with `fields` at +8, +16 … in this order.
    pub fn class(&mut self, name: &str, fields: &[(&str, Kind)]) -> TypeId {
        self.composite(name, TypeShape::Class, fields)
    }

    /// A struct with `fields`; as a boxed object it is a type like any other.
    pub fn structure(&mut self, name: &str, fields: &[(&str, Kind)]) -> TypeId {
        self.composite(name, TypeShape::Struct, fields)
    }

    /// A delegate type with the fields of `System.MulticastDelegate`.
    pub fn delegate_type(&mut self, name: &str) -> TypeId {
        let number = Kind::Number(ElementType::I);
        self.composite(
            name,
            TypeShape::Delegate,
            &[
                ("_target", Kind::Reference),
                ("_methodBase", Kind::Reference),
                ("_methodPtr", number),
                ("_methodPtrAux", number),
                ("_invocationList", Kind::Reference),
                ("_invocationCount", number),
            ],
        )
    }

    fn composite(&mut self, name: &str, shape: TypeShape, fields: &[(&str, Kind)]) -> TypeId {
        let id = self.add_type(name, shape, 24);
        let mut rows = Vec::new();
        let mut at = 0;
        for &(field, kind) in fields {
            let (element, ty, len) = match kind {
                Kind::Reference => (ElementType::Class, None, 8),
                Kind::Number(element) => (element, None, 8),
                Kind::Struct(ty) => (ElementType::ValueType, Some(ty), self.struct_bytes(ty)),
            };
            rows.push(FieldRow { name: Some(field.into()), declaring: id, offset: at, element, ty });
            at += len;
        }
        let base_bytes = (16 + at).max(24);
        self.types[id.index()].fields = rows.into();
        self.types[id.index()].base_bytes = base_bytes;
        let runs: Box<[ReferenceRun]> = self
            .reference_offsets(id)
            .into_iter()
            .map(|offset| ReferenceRun { offset: offset + 8, size_minus_object: 8 - i64::from(base_bytes) })
            .collect();
        if !runs.is_empty() {
            self.types[id.index()].references = ReferenceLayout::Runs(runs);
        }
        id
    }

    fn struct_bytes(&self, ty: TypeId) -> u32 {
        self.types[ty.index()].base_bytes - 16
    }

    /// Offsets of references after the start of the struct or the first field.
    fn reference_offsets(&self, ty: TypeId) -> Vec<u32> {
        let mut offsets = Vec::new();
        for field in &self.types[ty.index()].fields {
            match (field.element, field.ty) {
                (ElementType::Class, _) => offsets.push(field.offset),
                (ElementType::ValueType, Some(inner)) => {
                    offsets.extend(self.reference_offsets(inner).into_iter().map(|offset| offset + field.offset));
                }
                _ => {}
            }
        }
        offsets
    }

    /// A one-dimensional array type.
    pub fn vector(&mut self, name: &str, element: Kind) -> TypeId {
        let id = self.add_type(name, TypeShape::Vector, 24);
        let (kind, ty, component, references) = match element {
            Kind::Reference => {
                let runs: Box<[ReferenceRun]> = [ReferenceRun { offset: 16, size_minus_object: -24 }].into();
                (ElementType::Class, None, 8, ReferenceLayout::Runs(runs))
            }
            Kind::Number(element) => (element, None, element.size_bytes().unwrap_or(8) as u32, ReferenceLayout::None),
            Kind::Struct(ty) => (ElementType::ValueType, Some(ty), self.struct_bytes(ty), self.repeat(ty)),
        };
        let row = &mut self.types[id.index()];
        row.element_kind = Some(kind);
        row.element = ty;
        row.component_bytes = component;
        row.references = references;
        id
    }

    /// The layout of an array of structs: one item per reference.
    fn repeat(&self, ty: TypeId) -> ReferenceLayout {
        let offsets = self.reference_offsets(ty);
        let Some(&first) = offsets.first() else { return ReferenceLayout::None };
        let bytes = self.struct_bytes(ty);
        let next = offsets.iter().skip(1).copied().chain([bytes + first]);
        let items = offsets.iter().zip(next).map(|(&offset, next)| (1, next - offset - 8)).collect();
        ReferenceLayout::Repeat { start: 16 + first, items }
    }

    /// Objects made after this stand in a new segment of `kind`.
    pub fn segment(&mut self, kind: SegmentKind) {
        self.segments.push((kind, self.objects.len() as u32));
    }

    /// An instance of a class, boxed struct or delegate, all null and zero.
    pub fn object(&mut self, ty: TypeId) -> ObjectId {
        let size = u64::from(self.types[ty.index()].base_bytes).next_multiple_of(8);
        self.push(ty, size)
    }

    fn push(&mut self, ty: TypeId, size: u64) -> ObjectId {
        self.objects.push(Made { ty, size, slots: BTreeMap::new(), bytes: Vec::new() });
        ObjectId(self.objects.len() as u32 - 1)
    }

    /// An array of `len` elements, all null or zero.
    pub fn array(&mut self, ty: TypeId, len: u32) -> ObjectId {
        let row = &self.types[ty.index()];
        let size = u64::from(row.base_bytes) + u64::from(row.component_bytes) * u64::from(len);
        let array = self.push(ty, size.next_multiple_of(8));
        self.put(array, 8, &len.to_le_bytes());
        array
    }

    /// A `byte[]`.
    pub fn bytes(&mut self, len: u32) -> ObjectId {
        self.array(self.type_named("System.Byte[]"), len)
    }

    /// A string.
    pub fn string(&mut self, text: &str) -> ObjectId {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let size = (22 + units.len() as u64).next_multiple_of(8).max(24);
        let string = self.push(self.type_named("System.String"), size);
        self.put(string, 8, &(units.len() as u32 / 2).to_le_bytes());
        self.put(string, 12, &units);
        string
    }

    /// A free block of `size` bytes.
    pub fn free(&mut self, size: u64) -> ObjectId {
        self.push(self.type_named("Free"), size.next_multiple_of(8).max(24))
    }

    fn put(&mut self, object: ObjectId, at: u32, bytes: &[u8]) {
        self.objects[object.index()].bytes.push((at, bytes.to_vec()));
    }

    /// Byte offset from the object of `path`: `field`, or `field.inner` through structs.
    fn offset(&self, ty: TypeId, path: &str) -> u32 {
        let mut ty = ty;
        let mut at = 0;
        for name in path.split('.') {
            let row = &self.types[ty.index()];
            let field = row.fields.iter().find(|field| field.name.as_deref() == Some(name));
            let field = field.unwrap_or_else(|| panic!("no field {name} in {}", row.display_name()));
            at += field.offset;
            ty = field.ty.unwrap_or(ty);
        }
        at
    }

    /// Sets a reference field: `_items`, or `_state.value` through a struct.
    pub fn set(&mut self, object: ObjectId, field: &str, target: ObjectId) {
        let at = 8 + self.offset(self.objects[object.index()].ty, field);
        self.objects[object.index()].slots.insert(at, target);
    }

    /// Sets a number field.
    pub fn set_number(&mut self, object: ObjectId, field: &str, value: i64) {
        let at = 8 + self.offset(self.objects[object.index()].ty, field);
        self.put(object, at, &value.to_le_bytes());
    }

    /// Sets an element of an array of references.
    pub fn set_element(&mut self, array: ObjectId, index: u32, target: ObjectId) {
        self.objects[array.index()].slots.insert(16 + index * 8, target);
    }

    /// Sets a reference in an element of an array of structs.
    pub fn set_in_element(&mut self, array: ObjectId, index: u32, field: &str, target: ObjectId) {
        let at = self.element_offset(array, index, field);
        self.objects[array.index()].slots.insert(at, target);
    }

    /// Sets a number in an element of an array of structs.
    pub fn set_number_in_element(&mut self, array: ObjectId, index: u32, field: &str, value: i64) {
        let at = self.element_offset(array, index, field);
        self.put(array, at, &value.to_le_bytes());
    }

    fn element_offset(&self, array: ObjectId, index: u32, field: &str) -> u32 {
        let row = &self.types[self.objects[array.index()].ty.index()];
        let element = row.element.unwrap_or_else(|| panic!("{} has no struct elements", row.display_name()));
        16 + index * row.component_bytes + self.offset(element, field)
    }

    /// A method's code, for delegates.
    pub fn method(&mut self, type_name: &str, name: &str, is_static: bool) -> Addr {
        let method = MethodName { type_name: type_name.to_owned(), name: name.to_owned(), is_static };
        self.methods.push(method);
        Addr(CODE + (self.methods.len() as u64 - 1) * 0x40)
    }

    /// A delegate on `target`; without a target it is an open static one, whose target is itself (MulticastDelegate).
    pub fn delegate(&mut self, ty: TypeId, target: Option<ObjectId>, code: Addr) -> ObjectId {
        let delegate = self.object(ty);
        match target {
            Some(target) => {
                self.set(delegate, "_target", target);
                self.set_number(delegate, "_methodPtr", code.0 as i64);
            }
            None => {
                self.set(delegate, "_target", delegate);
                self.set_number(delegate, "_methodPtr", 0x10);
                self.set_number(delegate, "_methodPtrAux", code.0 as i64);
            }
        }
        delegate
    }

    /// A multicast delegate over `delegates`, with an invocation list that has room to grow, as the runtime makes it.
    pub fn multicast(&mut self, ty: TypeId, delegates: &[ObjectId]) -> ObjectId {
        let list = self.array(self.type_named("System.Object[]"), (delegates.len() as u32).next_power_of_two());
        for (index, &delegate) in (0..).zip(delegates) {
            self.set_element(list, index, delegate);
        }
        let multicast = self.object(ty);
        self.set(multicast, "_target", multicast);
        self.set(multicast, "_invocationList", list);
        self.set_number(multicast, "_invocationCount", delegates.len() as i64);
        multicast
    }

    /// A static field with a value, in the runtime's storage array.
    pub fn static_field(&mut self, declaring: TypeId, name: &str, value: Option<ObjectId>) {
        self.statics.push((declaring, name.to_owned(), value));
    }

    /// An object in the runtime's storage array that no field owns: an interned literal, a type object.
    pub fn literal(&mut self, object: ObjectId) {
        self.literals.push(object);
    }

    /// A handle.
    pub fn handle(&mut self, kind: HandleKind, object: ObjectId) {
        self.handles.push((kind, object, None));
    }

    /// A dependent handle: `secondary` lives as long as `primary`.
    pub fn dependent(&mut self, primary: ObjectId, secondary: ObjectId) {
        self.handles.push((HandleKind::Dependent, primary, Some(secondary)));
        self.extra.push(ExtraEdge { from: primary, to: secondary, kind: ExtraEdgeKind::DependentHandle });
    }

    /// A thread; the answer is its managed id.
    pub fn thread(&mut self, name: &str) -> u32 {
        self.threads.push(name.to_owned());
        self.threads.len() as u32
    }

    /// A thread-static field with a value.
    pub fn thread_static(&mut self, thread: u32, declaring: TypeId, name: &str, value: ObjectId) {
        self.thread_statics.push((thread, declaring, name.to_owned(), value));
    }

    /// A word on a thread's stack.
    pub fn stack(&mut self, thread: u32, object: ObjectId) {
        self.stack.push((thread, object));
    }

    /// An object whose finalizer waits to run.
    pub fn finalizer_ready(&mut self, object: ObjectId) {
        self.finalizers.ready.push(object);
    }

    /// An object with a finalizer that is not due.
    pub fn finalizer_registered(&mut self, object: ObjectId) {
        self.finalizers.registered.push(object);
    }

    /// The finished heap.
    #[must_use]
    pub fn build(mut self) -> (HeapSnapshot, HeapGraph) {
        let storage = self.make_storage();
        let (segments, addresses) = self.lay_out();
        let mut extra = std::mem::take(&mut self.extra);
        extra.sort_unstable();
        let lists: Vec<Vec<ObjectId>> = (0..)
            .zip(&self.objects)
            .map(|(id, made)| {
                let from = ObjectId(id);
                let held = extra.iter().filter(|edge| edge.from == from).map(|edge| edge.to);
                made.slots.values().copied().chain(held).collect()
            })
            .collect();
        let roots = self.roots(&addresses, storage);
        let checksums = self.checksums(&addresses);
        let values = Arc::new(self.values(&addresses));
        let types: Vec<TypeId> = self.objects.iter().map(|made| made.ty).collect();
        let (totals, coverage) = self.sums(&segments, &addresses);
        let snapshot = HeapSnapshot {
            facts: facts("handmade", addresses.len() as u64),
            modules: self.module_rows(),
            types: TypeTable::new(self.types),
            totals,
            objects: Objects::new(segments, addresses, types),
            coverage,
            warnings: Warnings::new(),
            values,
        };
        let graph = HeapGraph {
            references: References::from_lists(&lists),
            extra,
            checksums,
            n_dangling: 0,
            roots,
            warnings: Warnings::new(),
        };
        (snapshot, graph)
    }

    /// The array behind static fields and literals, held by a strong handle.
    fn make_storage(&mut self) -> Option<ObjectId> {
        let n = self.statics.len() + self.literals.len();
        if n == 0 {
            return None;
        }
        self.segment(SegmentKind::Pinned);
        let storage = self.array(self.type_named("System.Object[]"), n as u32);
        let values: Vec<Option<ObjectId>> =
            self.statics.iter().map(|row| row.2).chain(self.literals.iter().copied().map(Some)).collect();
        for (index, value) in (0..).zip(values) {
            if let Some(value) = value {
                self.set_element(storage, index, value);
            }
        }
        self.handle(HandleKind::Strong, storage);
        Some(storage)
    }

    fn lay_out(&self) -> (Vec<SegmentRow>, Vec<Addr>) {
        let mut rows = Vec::new();
        let mut addresses = Vec::new();
        for (index, &(kind, first)) in self.segments.iter().enumerate() {
            let end = self.segments.get(index + 1).map_or(self.objects.len(), |next| next.1 as usize);
            let start = FIRST_SEGMENT + ((index as u64) << 32);
            let mut at = start + 0x28;
            for made in &self.objects[first as usize..end] {
                addresses.push(Addr(at));
                at += made.size;
            }
            rows.push(SegmentRow {
                address: Addr(0x7a00_0000_0000 + index as u64 * 0x100),
                kind,
                heap: 0,
                objects: AddrRange::new(Addr(start + 0x28), Addr(at)),
                committed_end: Addr(at.next_multiple_of(0x1000)),
                reserved_end: Addr(at.next_multiple_of(0x40_0000)),
                gen1_start: Addr(at),
                gen0_start: Addr(at),
                first_id: first,
                n_ids: end as u32 - first,
            });
        }
        (rows, addresses)
    }

    fn roots(&self, addresses: &[Addr], storage: Option<ObjectId>) -> RootTables {
        let mut tables = RootTables {
            finalizers: self.finalizers.clone(),
            static_storage: storage.into_iter().collect(),
            ..RootTables::default()
        };
        let address = |object: ObjectId| addresses[object.index()];
        let root = |kind, object, address, row| Root { kind, object, address, row, is_interior: false, register: None };
        for (row, &(kind, object, dependent)) in (0..).zip(&self.handles) {
            let at = Addr(HANDLES + u64::from(row) * 8);
            tables.handles.push(HandleRow {
                kind,
                address: at,
                target: address(object),
                object: Some(object),
                dependent: dependent.map(address),
                ref_count: None,
                is_strong: kind.is_strong(),
                note: (Some(object) == storage).then(|| "storage of static fields".to_owned()),
            });
            if let Some(kind) = handle_root(kind) {
                tables.roots.push(root(kind, object, at, Some(row)));
            }
        }
        for (row, (declaring, name, value)) in (0..).zip(&self.statics) {
            let offset = 16 + row * 8;
            let slot = storage.map_or(Addr::NULL, |storage| address(storage).plus(u64::from(offset)));
            tables.statics.push(StaticRow {
                declaring: *declaring,
                name: Some(name.as_str().into()),
                slot,
                element: ElementType::Class,
                value: value.map_or(0, |value| address(value).0),
                object: *value,
                storage: storage.map(|storage| (storage, offset)),
                thread: None,
            });
            if let Some(value) = *value {
                tables.roots.push(root(RootKind::Static, value, slot, Some(row)));
            }
        }
        for (row, name) in (0..).zip(&self.threads) {
            tables.threads.push(ThreadRow {
                address: Addr(0x7900_0000_0000 + u64::from(row) * 0x1000),
                managed_id: row + 1,
                os_id: 1000 + row,
                name: Some(name.clone()),
                is_alive: true,
                stack_base: Addr(STACKS + (u64::from(row) + 1) * 0x10_0000),
                stack_limit: Addr(STACKS + u64::from(row) * 0x10_0000),
                stack_pointer: Addr(STACKS + (u64::from(row) + 1) * 0x10_0000 - 0x1000),
                ..ThreadRow::default()
            });
        }
        for (row, (thread, declaring, name, value)) in (0..).zip(&self.thread_statics) {
            let slot = Addr(0x7800_0000_0000 + u64::from(row) * 8);
            tables.thread_statics.push(StaticRow {
                declaring: *declaring,
                name: Some(name.as_str().into()),
                slot,
                element: ElementType::Class,
                value: address(*value).0,
                object: Some(*value),
                storage: None,
                thread: Some(*thread),
            });
            tables.roots.push(root(RootKind::ThreadStatic, *value, slot, Some(row)));
        }
        for (index, &(thread, object)) in (0..).zip(&self.stack) {
            let at = Addr(STACKS + u64::from(thread) * 0x10_0000 - 0x800 + index * 8);
            tables.roots.push(root(RootKind::Stack, object, at, Some(thread - 1)));
        }
        for &object in &self.finalizers.ready {
            tables.roots.push(root(RootKind::FinalizerQueue, object, Addr::NULL, None));
        }
        tables.roots.sort_by_key(|root| (root.kind, root.address, root.object));
        tables
    }

    fn checksums(&self, addresses: &[Addr]) -> Vec<ReferenceChecksum> {
        let mut sums = vec![ReferenceChecksum::default(); self.types.len()];
        for made in &self.objects {
            let sum = &mut sums[made.ty.index()];
            for target in made.slots.values() {
                sum.count += 1;
                sum.xor ^= addresses[target.index()].0;
                sum.sum = sum.sum.wrapping_add(addresses[target.index()].0);
            }
        }
        sums
    }

    fn values(&self, addresses: &[Addr]) -> SynthValues {
        let mut blocks = BTreeMap::new();
        for (made, &at) in self.objects.iter().zip(addresses) {
            // The last eight bytes belong to the next object's header.
            let mut bytes = vec![0; made.size as usize];
            let mut write = |at: u32, part: &[u8]| {
                if let Some(place) = bytes.get_mut(at as usize..at as usize + part.len()) {
                    place.copy_from_slice(part);
                }
            };
            write(0, &self.types[made.ty.index()].method_table.0.to_le_bytes());
            made.bytes.iter().for_each(|(at, part)| write(*at, part));
            made.slots.iter().for_each(|(&at, target)| write(at, &addresses[target.index()].0.to_le_bytes()));
            blocks.insert(at, bytes);
        }
        let methods = self.methods.iter().enumerate();
        let methods = methods.map(|(index, name)| (Addr(CODE + index as u64 * 0x40), name.clone())).collect();
        SynthValues { blocks, methods }
    }

    fn sums(&self, segments: &[SegmentRow], addresses: &[Addr]) -> (Vec<TypeTotals>, Coverage) {
        let mut totals = vec![TypeTotals::default(); self.types.len()];
        let mut generations = Generation::ALL.map(|generation| GenerationTotals {
            generation,
            n_objects: 0,
            object_bytes: 0,
            n_free: 0,
            free_bytes: 0,
        });
        for segment in segments {
            for id in segment.ids() {
                let made = &self.objects[id as usize];
                let sum = &mut totals[made.ty.index()];
                sum.count += 1;
                sum.bytes += made.size;
                sum.raw_bytes += made.size;
                sum.biggest = sum.biggest.max(made.size);
                let generation = segment.generation(addresses[id as usize]);
                for row in generations.iter_mut().filter(|row| row.generation == generation) {
                    if self.types[made.ty.index()].shape == TypeShape::Free {
                        row.n_free += 1;
                        row.free_bytes += made.size;
                    } else {
                        row.n_objects += 1;
                        row.object_bytes += made.size;
                    }
                }
            }
        }
        let bytes = self.objects.iter().map(|made| made.size).sum();
        let coverage = Coverage {
            generations: generations.into(),
            segment_bytes: bytes,
            walked_bytes: bytes,
            ..Coverage::default()
        };
        (totals, coverage)
    }

    fn module_rows(&self) -> Vec<ModuleRow> {
        let rows = self.modules.iter().enumerate().map(|(index, name)| ModuleRow {
            address: Addr(0x7700_0000_0000 + index as u64 * 0x1000),
            name: name.clone(),
            path: format!("/app/{name}"),
            image_base: Addr(0x7600_0000_0000 + index as u64 * 0x10_0000),
            is_dynamic: false,
            load_context: None,
            mvid: None,
            metadata: Ok("dump".to_owned()),
        });
        rows.collect()
    }
}

/// Facts of a heap that no process ever had: marked as synthetic wherever they are shown.
#[must_use]
pub fn facts(name: &str, n_objects: u64) -> Facts {
    Facts {
        file_name: format!("{name}.synthetic"),
        file_bytes: n_objects * 64,
        format: "synthetic heap",
        writer: "none (made by hand)",
        arch: None,
        os: None,
        process_id: None,
        process_name: format!("{name} (synthetic)"),
        command_line: String::new(),
        runtime: RuntimeFacts {
            name: "synthetic".to_owned(),
            version: String::new(),
            version_source: "made by hand".to_owned(),
            ..RuntimeFacts::default()
        },
        gc: GcFacts {
            mode: GcMode::Workstation,
            n_heaps: 1,
            layout: GcLayoutKind::Regions,
            standalone: None,
            in_progress: false,
            background: false,
        },
        evidence: Vec::new(),
    }
}

fn handle_root(kind: HandleKind) -> Option<RootKind> {
    Some(match kind {
        HandleKind::Strong => RootKind::StrongHandle,
        HandleKind::Pinned => RootKind::PinnedHandle,
        HandleKind::RefCounted => RootKind::RefCountedHandle,
        HandleKind::AsyncPinned => RootKind::AsyncPinnedHandle,
        HandleKind::SizedRef => RootKind::SizedRefHandle,
        _ => return None,
    })
}

/// Bytes of hand-made objects, and names of hand-made code.
#[derive(Clone, Debug, Default)]
pub struct SynthValues {
    blocks: BTreeMap<Addr, Vec<u8>>,
    methods: BTreeMap<Addr, MethodName>,
}

impl ObjectValues for SynthValues {
    fn bytes_at(&self, at: Addr) -> Option<&[u8]> {
        let (&start, bytes) = self.blocks.range(..=at).next_back()?;
        let offset = usize::try_from(at.offset_from(start)?).ok()?;
        bytes.get(offset..).filter(|bytes| !bytes.is_empty())
    }

    fn method_at(&self, code: Addr) -> Option<MethodName> {
        self.methods.get(&code).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_made_heap_is_consistent() {
        let mut heap = HeapBuilder::new();
        let entry = heap.structure("Entry", &[("hash", Kind::Number(ElementType::I4)), ("value", Kind::Reference)]);
        let entries = heap.vector("Entry[]", Kind::Struct(entry));
        let holder = heap.class("Holder", &[("items", Kind::Reference), ("inner", Kind::Struct(entry))]);
        let text = heap.string("héllo");
        let array = heap.array(entries, 3);
        heap.set_in_element(array, 2, "value", text);
        let object = heap.object(holder);
        heap.set(object, "items", array);
        heap.set(object, "inner.value", text);
        heap.static_field(holder, "Instance", Some(object));
        let (snapshot, graph) = heap.build();
        assert_eq!(graph.references.of(object).collect::<Vec<_>>(), [array, text]);
        assert_eq!(graph.references.of(array).collect::<Vec<_>>(), [text]);
        let at = snapshot.objects.address(array);
        let slot = snapshot.values.bytes_at(at.plus(16 + 2 * 16 + 8)).and_then(|bytes| bytes.first_chunk()).copied();
        assert_eq!(slot.map(u64::from_le_bytes), Some(snapshot.objects.address(text).0));
        assert_eq!(snapshot.n_objects(), 4);
        assert_eq!(snapshot.objects.size(object), 40);
        assert_eq!(graph.roots.roots.len(), 2);
        let ReferenceLayout::Repeat { start, items } = &snapshot.types.row(entries).references else { panic!() };
        assert_eq!((*start, &**items), (24, [(1, 8)].as_slice()));
    }
}
