//! Contents of single objects, read from the dump's bytes on demand: text, lengths, fields, delegates.
//!
//! Layouts are those of 64-bit CoreCLR 2.1 to 10: the MethodTable at +0, fields from +8, a string's or array's length at
//! +8, characters at +12, elements at the array's base size minus 8. Everything here is bounded by the object's size and
//! by an explicit most; an absent byte is `None`, never zero.

use super::types::FieldRow;
use super::{HeapSnapshot, ObjectId, TypeId, TypeRow, TypeShape};
use crate::base::{Addr, ElementType};

/// Bytes from an object's address to its fields.
pub const FIELDS_AT: u64 = 8;

/// Characters of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The characters, or the first of them; lone surrogates replaced.
    pub text: String,
    /// Characters (UTF-16 units) of the whole string.
    pub length: u32,
    /// Only the first are in `text`.
    pub is_cut: bool,
}

/// What a field or an array's element holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// `bool`.
    Boolean(bool),
    /// `char`: a UTF-16 unit.
    Char(u16),
    /// A signed number.
    Signed(i64),
    /// An unsigned number.
    Unsigned(u64),
    /// `float`.
    Single(f32),
    /// `double`.
    Double(f64),
    /// An unmanaged or interior pointer.
    Pointer(u64),
    /// A null reference.
    Null,
    /// A reference to an object.
    Object(ObjectId),
    /// A reference to an address where no object begins.
    Dangling(Addr),
    /// A struct in place, at its address.
    Struct(Addr),
}

/// The parts of a delegate object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DelegateParts {
    /// Receiver; the delegate itself for open ones; null for none.
    pub target: Addr,
    /// Code, or a thunk that shuffles arguments.
    pub method_ptr: Addr,
    /// The real code of an open delegate.
    pub method_ptr_aux: Addr,
    /// Array of delegates of a multicast one.
    pub invocation_list: Addr,
    /// Used elements of that array.
    pub invocation_count: u64,
}

impl DelegateParts {
    /// Address of the code it calls.
    #[must_use]
    pub fn code(&self) -> Addr {
        if self.method_ptr_aux.is_null() { self.method_ptr } else { self.method_ptr_aux }
    }
}

impl HeapSnapshot {
    /// `N` bytes at `at`; `None` when any is absent.
    #[must_use]
    pub fn read<const N: usize>(&self, at: Addr) -> Option<[u8; N]> {
        let bytes = self.values.bytes_at(at)?;
        if let Some(array) = bytes.first_chunk::<N>() {
            return Some(*array);
        }
        let mut array = [0; N];
        self.read_into(at, &mut array)?;
        Some(array)
    }

    /// Fills `into` from `at`, across stretches of memory that touch; `None` when any byte is absent.
    fn read_into(&self, at: Addr, into: &mut [u8]) -> Option<()> {
        let mut done = 0;
        while done < into.len() {
            let bytes = self.values.bytes_at(at.checked_add(done as u64)?)?;
            let len = bytes.len().min(into.len() - done);
            if len == 0 {
                return None;
            }
            into[done..done + len].copy_from_slice(&bytes[..len]);
            done += len;
        }
        Some(())
    }

    /// A word at `at`.
    #[must_use]
    pub fn word(&self, at: Addr) -> Option<u64> {
        self.read(at).map(u64::from_le_bytes)
    }

    /// The characters of the string `object`, the first `most` of them; `None` when it is no string or its bytes are
    /// absent.
    #[must_use]
    pub fn string(&self, object: ObjectId, most: usize) -> Option<Text> {
        if self.type_of(object).shape != TypeShape::String {
            return None;
        }
        let at = self.objects.address(object);
        let length = u32::from_le_bytes(self.read(at.plus(8))?);
        // The size bounds what a damaged length may claim.
        let room = self.objects.size(object).saturating_sub(12) / 2;
        let shown = (length as usize).min(most).min(usize::try_from(room).ok()?);
        let mut bytes = vec![0; shown * 2];
        self.read_into(at.plus(12), &mut bytes)?;
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        Some(Text { text: String::from_utf16_lossy(&units), length, is_cut: shown < length as usize })
    }

    /// Elements of the array `object`; `None` when it is no array.
    #[must_use]
    pub fn array_length(&self, object: ObjectId) -> Option<u32> {
        match self.type_of(object).shape {
            TypeShape::Vector | TypeShape::Array { .. } => {
                self.read(self.objects.address(object).plus(8)).map(u32::from_le_bytes)
            }
            _ => None,
        }
    }

    /// Lengths and lower bounds of each dimension of the array `object`.
    #[must_use]
    pub fn array_dimensions(&self, object: ObjectId) -> Option<Vec<(u32, i32)>> {
        match self.type_of(object).shape {
            TypeShape::Vector => Some(vec![(self.array_length(object)?, 0)]),
            TypeShape::Array { rank } => {
                let at = self.objects.address(object).plus(16);
                let bounds = at.plus(u64::from(rank) * 4);
                (0..u64::from(rank))
                    .map(|index| {
                        let length = u32::from_le_bytes(self.read(at.plus(index * 4))?);
                        Some((length, i32::from_le_bytes(self.read(bounds.plus(index * 4))?)))
                    })
                    .collect()
            }
            _ => None,
        }
    }

    /// Element `index` of the array `object`, in memory order.
    #[must_use]
    pub fn array_element(&self, object: ObjectId, index: u32) -> Option<Value> {
        let row = self.type_of(object);
        if index >= self.array_length(object)? {
            return None;
        }
        let offset = row.elements_at() + u64::from(index) * u64::from(row.component_bytes);
        if offset + u64::from(row.component_bytes) > self.objects.size(object) {
            return None;
        }
        self.value_at(self.objects.address(object).plus(offset), row.element_kind?)
    }

    /// What stands at `at`, read as `element`; `None` when absent.
    #[must_use]
    pub fn value_at(&self, at: Addr, element: ElementType) -> Option<Value> {
        Some(match element {
            ElementType::Boolean => Value::Boolean(u8::from_le_bytes(self.read(at)?) != 0),
            ElementType::Char => Value::Char(u16::from_le_bytes(self.read(at)?)),
            ElementType::I1 => Value::Signed(i8::from_le_bytes(self.read(at)?).into()),
            ElementType::U1 => Value::Unsigned(u8::from_le_bytes(self.read(at)?).into()),
            ElementType::I2 => Value::Signed(i16::from_le_bytes(self.read(at)?).into()),
            ElementType::U2 => Value::Unsigned(u16::from_le_bytes(self.read(at)?).into()),
            ElementType::I4 => Value::Signed(i32::from_le_bytes(self.read(at)?).into()),
            ElementType::U4 => Value::Unsigned(u32::from_le_bytes(self.read(at)?).into()),
            ElementType::I8 | ElementType::I => Value::Signed(i64::from_le_bytes(self.read(at)?)),
            ElementType::U8 | ElementType::U => Value::Unsigned(u64::from_le_bytes(self.read(at)?)),
            ElementType::R4 => Value::Single(f32::from_le_bytes(self.read(at)?)),
            ElementType::R8 => Value::Double(f64::from_le_bytes(self.read(at)?)),
            ElementType::Pointer | ElementType::ByRef => Value::Pointer(self.word(at)?),
            ElementType::ValueType => Value::Struct(at),
            ElementType::Class => {
                let target = Addr(self.word(at)?);
                match self.objects.at(target) {
                    _ if target.is_null() => Value::Null,
                    Some(object) if self.is_object(object) => Value::Object(object),
                    _ => Value::Dangling(target),
                }
            }
        })
    }

    /// What `field` of `object` holds.
    #[must_use]
    pub fn field(&self, object: ObjectId, field: &FieldRow) -> Option<Value> {
        self.value_at(self.objects.address(object).plus(FIELDS_AT + u64::from(field.offset)), field.element)
    }

    /// The field called `name` of `object`, the most derived one.
    #[must_use]
    pub fn field_named(&self, object: ObjectId, name: &str) -> Option<Value> {
        let row = self.type_of(object);
        let field = row.fields.iter().rev().find(|field| field.name.as_deref() == Some(name))?;
        self.field(object, field)
    }

    /// The object that the field called `name` refers to.
    #[must_use]
    pub fn field_object(&self, object: ObjectId, name: &str) -> Option<ObjectId> {
        match self.field_named(object, name)? {
            Value::Object(target) => Some(target),
            _ => None,
        }
    }

    /// The value of a boxed primitive or enum.
    #[must_use]
    pub fn boxed_value(&self, object: ObjectId) -> Option<Value> {
        match self.type_of(object).shape {
            TypeShape::Primitive(element) | TypeShape::Enum(element) => {
                self.value_at(self.objects.address(object).plus(FIELDS_AT), element)
            }
            _ => None,
        }
    }

    /// The parts of the delegate `object`; `None` when it is none or its bytes are absent.
    #[must_use]
    pub fn delegate(&self, object: ObjectId) -> Option<DelegateParts> {
        let row = self.type_of(object);
        if row.shape != TypeShape::Delegate {
            return None;
        }
        let at = self.objects.address(object);
        let part = |name: &str, usual: u64| {
            let field = row.fields.iter().find(|field| field.name.as_deref() == Some(name));
            // Without metadata: the order was the same in every version from 2.1 to 10.
            self.word(at.plus(field.map_or(usual, |field| FIELDS_AT + u64::from(field.offset))))
        };
        Some(DelegateParts {
            target: Addr(part("_target", 0x08)?),
            method_ptr: Addr(part("_methodPtr", 0x18)?),
            method_ptr_aux: Addr(part("_methodPtrAux", 0x20)?),
            invocation_list: Addr(part("_invocationList", 0x28)?),
            invocation_count: part("_invocationCount", 0x30)?,
        })
    }

    /// The delegates of a multicast delegate, at most `most`; empty for a single one.
    #[must_use]
    pub fn invocation_list(&self, parts: &DelegateParts, most: usize) -> Vec<ObjectId> {
        let Some(list) = self.objects.at(parts.invocation_list) else { return Vec::new() };
        let Some(length) = self.array_length(list) else { return Vec::new() };
        // The array is shared between copies and longer than what one of them uses.
        let used = parts.invocation_count.min(u64::from(length)).min(most as u64) as u32;
        (0..used)
            .filter_map(|index| match self.array_element(list, index)? {
                Value::Object(delegate) => Some(delegate),
                _ => None,
            })
            .collect()
    }
}

impl TypeRow {
    /// Bytes from an array's address to its first element: the base size holds them, and the header word before the
    /// next object.
    #[must_use]
    pub fn elements_at(&self) -> u64 {
        u64::from(self.base_bytes.max(24) - 8)
    }

    /// The field that holds byte `offset` (after the MethodTable pointer or the struct's start): the reference that
    /// begins there, else the last that begins at or before it.
    #[must_use]
    pub fn field_at(&self, offset: u32) -> Option<&FieldRow> {
        let end = self.fields.partition_point(|field| field.offset <= offset);
        let before = self.fields.get(..end)?;
        let exact = before.iter().rev().take_while(|field| field.offset == offset);
        exact.clone().find(|field| field.element == ElementType::Class).or_else(|| before.last())
    }

    /// True for arrays.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self.shape, TypeShape::Vector | TypeShape::Array { .. })
    }

    /// True when `base` is among the base classes given by `row_of`; bounded, so that a bent chain ends.
    #[must_use]
    pub fn derives_from<'a>(&'a self, base: TypeId, row_of: impl Fn(TypeId) -> &'a TypeRow) -> bool {
        let mut next = self.base;
        for _ in 0..256 {
            match next {
                Some(id) if id == base => return true,
                Some(id) => next = row_of(id).base,
                None => return false,
            }
        }
        false
    }
}
