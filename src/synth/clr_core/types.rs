//! The types of a synthetic process: what their method tables say, and the loader heap that holds them.

use super::LOADER;
use super::tables::{put, put32};

/// A class or array: what its method table says.
#[derive(Clone, Debug)]
pub(super) struct Type {
    pub(super) base_bytes: u32,
    pub(super) component_bytes: u16,
    /// Offsets of reference fields, ascending; for arrays of references the whole of the elements.
    pub(super) reference_offsets: Vec<u64>,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Class,
    Text,
    /// An array of the type with this index.
    Array(usize),
    /// A primitive with this element type.
    Primitive(u8),
}

pub(super) const OBJECT: usize = 0;
pub(super) const STRING: usize = 1;
pub(super) const OBJECTS: usize = 2;
pub(super) const BYTE: usize = 3;
pub(super) const BYTES: usize = 4;
pub(super) const NODE: usize = 5;
/// Small classes follow: of 1 to 7 words, with one to three references.
pub(super) const CLASSES: usize = 6;
pub(super) const N_CLASSES: usize = 58;
/// From one type to the next in the loader heap.
pub(super) const TYPE_STRIDE: u64 = 0x140;
pub(super) const TYPES_AT: u64 = LOADER + 0x1000;

pub(super) fn method_table(index: usize) -> u64 {
    TYPES_AT + TYPE_STRIDE * index as u64 + 0x40
}

pub(super) fn types() -> Vec<Type> {
    let class = |words: u32, references: &[u64]| Type {
        base_bytes: 16 + 8 * words.max(1),
        component_bytes: 0,
        reference_offsets: references.to_vec(),
        kind: Kind::Class,
    };
    let array = |component_bytes: u16, element: usize| Type {
        base_bytes: 24,
        component_bytes,
        reference_offsets: Vec::new(),
        kind: Kind::Array(element),
    };
    let mut types = vec![
        class(1, &[]),
        Type { base_bytes: 22, component_bytes: 2, reference_offsets: Vec::new(), kind: Kind::Text },
        array(8, OBJECT),
        Type { base_bytes: 24, component_bytes: 0, reference_offsets: Vec::new(), kind: Kind::Primitive(5) },
        array(1, BYTE),
        class(2, &[8, 16]),
    ];
    for index in 0..N_CLASSES as u32 {
        let words = 1 + index % 7;
        let references = [8, 24, 32];
        let fitting = references.iter().copied().filter(|offset| offset / 8 <= u64::from(words));
        types.push(class(words, &fitting.take(1 + index as usize % 3).collect::<Vec<_>>()));
    }
    types
}
/// Method tables, classes, auxiliary data, and one module.
pub(super) fn loader_heap(types: &[Type]) -> Vec<u8> {
    let mut bytes = vec![0; (0x1000 + TYPE_STRIDE * types.len() as u64).next_multiple_of(4096) as usize];
    let module = LOADER + 0x100;
    for (index, found) in types.iter().enumerate() {
        let at = (method_table(index) - LOADER) as usize;
        let (class_at, auxiliary_at) = (at + 0x80, at + 0xc0);
        let mut flags = u32::from(found.component_bytes);
        match found.kind {
            Kind::Class => {}
            Kind::Text => flags |= 0x8000_0000,
            Kind::Array(_) => flags |= 0x800a_0000,
            Kind::Primitive(_) => flags |= 0x0007_0000,
        }
        let series = reference_series(found, index);
        if !series.is_empty() {
            flags |= 0x0100_0000;
            put(&mut bytes, at - 8, series.len() as u64);
            for (nth, (size, offset)) in series.iter().enumerate() {
                put(&mut bytes, at - 8 - 16 * (nth + 1), *size);
                put(&mut bytes, at - 16 * (nth + 1), *offset);
            }
        }
        put32(&mut bytes, at, flags);
        put32(&mut bytes, at + 4, found.base_bytes);
        put32(&mut bytes, at + 8, (index as u32 + 2) << 8);
        put32(&mut bytes, at + 12, 4);
        put(&mut bytes, at + 0x10, if index == OBJECT { 0 } else { method_table(OBJECT) });
        put(&mut bytes, at + 0x18, module);
        put(&mut bytes, at + 0x20, LOADER + auxiliary_at as u64);
        put(&mut bytes, at + 0x28, LOADER + class_at as u64);
        if let Kind::Array(element) = found.kind {
            put(&mut bytes, at + 0x30, method_table(element));
        }
        put(&mut bytes, auxiliary_at + 8, module);
        put(&mut bytes, class_at + 0x10, method_table(index));
        if let (Kind::Primitive(element), Some(place)) = (found.kind, bytes.get_mut(class_at + 0x30)) {
            *place = element;
        }
    }
    bytes
}

/// Size less the object's base size, and offset, of each run of references.
pub(super) fn reference_series(found: &Type, index: usize) -> Vec<(u64, u64)> {
    if index == OBJECTS {
        return vec![(24_u64.wrapping_neg(), 16)];
    }
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &offset in &found.reference_offsets {
        match runs.last_mut() {
            Some(last) if last.1 + last.0 == offset => last.0 += 8,
            _ => runs.push((8, offset)),
        }
    }
    // Stored with the highest offset nearest to the method table.
    runs.iter().rev().map(|&(len, offset)| (len.wrapping_sub(u64::from(found.base_bytes)), offset)).collect()
}
