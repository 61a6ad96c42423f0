//! Which managed field owns a GC handle: the `GCHandle`, `WeakReference`, dependent handle or plain pointer that holds its
//! address.
//!
//! The runtime keeps no way back from a handle to whoever made it. But whoever made it keeps the handle's address in a
//! field of the size of a pointer, perhaps with its lowest bits as marks of its own. Such fields are looked through, and
//! a word that is the address of a handle is the proof. Nothing is known of handles that native code holds alone.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::roots::static_name;
use crate::base::{Addr, Cancelled, ElementType, Job};
use crate::snapshot::read::FIELDS_AT;
use crate::snapshot::{HeapGraph, HeapSnapshot, ObjectId, TypeId, TypeRow, TypeShape};

/// Who holds the address of a handle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HandleOwner {
    /// A field of an object.
    Field {
        /// Which object.
        object: ObjectId,
        /// Bytes from its address.
        offset: u64,
    },
    /// A static field: its name, `App.Server.s_self`.
    Static(String),
}

/// Owners by handle.
#[derive(Clone, Debug, Default)]
pub struct HandleOwners {
    by_address: BTreeMap<Addr, HandleOwner>,
}

impl HandleOwners {
    /// Who holds the handle at `address`; of several the first.
    #[must_use]
    pub fn of(&self, address: Addr) -> Option<&HandleOwner> {
        self.by_address.get(&address)
    }

    /// Handles with an owner.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_address.len()
    }

    /// True without any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }
}

/// Low bits of a handle's address that are free for marks: a handle is a word.
const MARKS: u64 = 7;
/// Structs inside structs that pointers are looked for in, and pointers of one type.
const MOST_NESTED: usize = 8;
/// See [`MOST_NESTED`].
const MOST_PLACES: usize = 256;

/// Where the pointers of a type stand.
#[derive(Clone, Debug, Default)]
struct Places {
    /// Bytes from the object, or from each element.
    offsets: Vec<u32>,
    /// First element and bytes of one, for an array.
    elements: Option<(u64, u64)>,
}

/// Finds the owner of every handle. One parallel pass over the types of all objects; reads those from the dump that have
/// a field of the size of a pointer.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn handle_owners(snapshot: &HeapSnapshot, graph: &HeapGraph, job: &Job) -> Result<HandleOwners, Cancelled> {
    const CHUNK_IDS: u32 = 1 << 16;
    let mut handles: Vec<u64> = graph.roots.handles.iter().map(|handle| handle.address.0).collect();
    handles.sort_unstable();
    let (Some(&least), Some(&most)) = (handles.first(), handles.last()) else { return Ok(HandleOwners::default()) };
    let is_handle = |word: u64| {
        let bare = word & !MARKS;
        (least..=most).contains(&bare) && handles.binary_search(&bare).is_ok()
    };
    let places: Vec<Option<Places>> = snapshot.types.iter().map(|(ty, row)| places(snapshot, ty, row)).collect();
    let n = snapshot.objects.len() as u32;
    let found: Vec<Vec<(Addr, HandleOwner)>> = (0..n.div_ceil(CHUNK_IDS))
        .into_par_iter()
        .map(|chunk| {
            job.tick(0)?;
            let mut found = Vec::new();
            for object in (chunk * CHUNK_IDS..n.min((chunk + 1).saturating_mul(CHUNK_IDS))).map(ObjectId) {
                let Some(places) = &places[snapshot.objects.type_of(object).index()] else { continue };
                each_place(snapshot, object, places, |offset| {
                    let word = snapshot.word(snapshot.objects.address(object).plus(offset));
                    if let Some(word) = word.filter(|&word| is_handle(word)) {
                        found.push((Addr(word & !MARKS), HandleOwner::Field { object, offset }));
                    }
                });
            }
            Ok(found)
        })
        .collect::<Result<_, Cancelled>>()?;
    let mut owners = HandleOwners::default();
    // A static struct is an object of its own; the field is what a person knows it by.
    let boxes: BTreeMap<ObjectId, String> = graph
        .roots
        .statics
        .iter()
        .filter(|row| row.element == ElementType::ValueType)
        .filter_map(|row| Some((row.object?, static_name(snapshot, row))))
        .collect();
    for row in graph.roots.statics.iter().filter(|row| is_pointer(row.element) && is_handle(row.value)) {
        owners.by_address.insert(Addr(row.value & !MARKS), HandleOwner::Static(static_name(snapshot, row)));
    }
    for (handle, owner) in found.into_iter().flatten() {
        let name = match &owner {
            HandleOwner::Field { object, .. } => boxes.get(object).cloned(),
            HandleOwner::Static(_) => None,
        };
        owners.by_address.entry(handle).or_insert_with(|| name.map_or(owner, HandleOwner::Static));
    }
    Ok(owners)
}

/// `_self of App.Server`, with the field inside a struct: `_self._handle` reads as `_self`.
#[must_use]
pub fn owner_text(snapshot: &HeapSnapshot, owner: &HandleOwner) -> String {
    match owner {
        HandleOwner::Static(name) => format!("static {name}"),
        HandleOwner::Field { object, offset } => {
            let name = snapshot.slot_name(*object, *offset);
            let bare = name.strip_suffix("._handle").unwrap_or(&name);
            let type_name = snapshot.type_of(*object).display_name();
            match type_name.strip_suffix("[]").filter(|_| bare.starts_with('[')) {
                Some(element) => format!("{element}{bare}"),
                None => format!("{type_name}.{bare}"),
            }
        }
    }
}

const fn is_pointer(element: ElementType) -> bool {
    matches!(element, ElementType::I | ElementType::U | ElementType::Pointer)
}

/// Where instances of a type have pointers; `None` when nowhere. Delegates have some to code in every instance.
fn places(snapshot: &HeapSnapshot, ty: TypeId, row: &TypeRow) -> Option<Places> {
    let mut offsets = Vec::new();
    let elements = match row.shape {
        TypeShape::Class | TypeShape::Struct => {
            gather(snapshot, ty, FIELDS_AT as u32, 0, &mut offsets);
            None
        }
        TypeShape::Vector if row.element_kind == Some(ElementType::ValueType) => {
            gather(snapshot, row.element?, 0, 0, &mut offsets);
            Some((row.elements_at(), u64::from(row.component_bytes)))
        }
        TypeShape::Vector if row.element_kind.is_some_and(is_pointer) => {
            offsets.push(0);
            Some((row.elements_at(), u64::from(row.component_bytes)))
        }
        _ => None,
    };
    (!offsets.is_empty()).then_some(Places { offsets, elements })
}

fn gather(snapshot: &HeapSnapshot, ty: TypeId, base: u32, depth: usize, into: &mut Vec<u32>) {
    for field in &snapshot.types.row(ty).fields {
        let offset = base.saturating_add(field.offset);
        match (field.element, field.ty) {
            _ if into.len() >= MOST_PLACES => return,
            (ElementType::ValueType, Some(inner)) if inner != ty && depth < MOST_NESTED => {
                gather(snapshot, inner, offset, depth + 1, into);
            }
            (element, _) if is_pointer(element) => into.push(offset),
            _ => {}
        }
    }
}

fn each_place(snapshot: &HeapSnapshot, object: ObjectId, places: &Places, mut each: impl FnMut(u64)) {
    let Some((start, step)) = places.elements else {
        return places.offsets.iter().for_each(|&offset| each(u64::from(offset)));
    };
    let room = snapshot.objects.size(object).saturating_sub(start);
    let claimed = snapshot.array_length(object).map_or(0, u64::from);
    let n = room.checked_div(step).unwrap_or(0).min(claimed);
    for element in 0..n {
        places.offsets.iter().for_each(|&offset| each(start + element * step + u64::from(offset)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::HandleKind;
    use crate::synth::heap::{HeapBuilder, Kind};

    #[test]
    fn fields_structs_and_arrays_of_structs_own_handles() {
        let mut heap = HeapBuilder::new();
        let pointer = Kind::Number(ElementType::I);
        let gc_handle = heap.structure("System.Runtime.InteropServices.GCHandle", &[("_handle", pointer)]);
        let server = heap.class("App.Server", &[("port", pointer), ("self", Kind::Struct(gc_handle))]);
        let weak = heap.class("System.WeakReference", &[("m_handle", pointer)]);
        let entry = heap.structure("App.Entry", &[("key", Kind::Reference), ("handle", Kind::Struct(gc_handle))]);
        let entries = heap.vector("App.Entry[]", Kind::Struct(entry));
        let (a, w, list) = (heap.object(server), heap.object(weak), heap.array(entries, 4));
        for _ in 0..4 {
            heap.handle(HandleKind::Pinned, a);
        }
        let handle = |n: i64| 0x7d00_0000_0000 + n * 8;
        heap.set_number(a, "port", 8080);
        // A pinned handle is marked in its lowest bit.
        heap.set_number(a, "self._handle", handle(0) | 1);
        heap.set_number(w, "m_handle", handle(1));
        heap.set_number_in_element(list, 3, "handle._handle", handle(2));
        let (snapshot, graph) = heap.build();
        let owners = handle_owners(&snapshot, &graph, &Job::new()).unwrap();
        let text = |n: i64| owners.of(Addr(handle(n) as u64)).map(|owner| owner_text(&snapshot, owner));
        assert_eq!(text(0).as_deref(), Some("App.Server.self"));
        assert_eq!(text(1).as_deref(), Some("System.WeakReference.m_handle"));
        assert_eq!(text(2).as_deref(), Some("App.Entry[3].handle"));
        assert_eq!((text(3), owners.len()), (None, 3));
    }
}
