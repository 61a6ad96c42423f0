//! Fields of objects by name, bounded and by type: a name is looked up once per type, then it is an offset.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::base::{Addr, ElementType};
use crate::snapshot::{HeapSnapshot, MethodName, ModuleRow, ObjectId, TypeId, TypeShape};

/// The runtime's own library.
const CORE_LIBRARY: &str = "System.Private.CoreLib.dll";

/// Bytes from the object's address to a field, and what is stored there.
type Place = (u64, ElementType);

/// Reads fields of objects by their names in any of the runtime's versions.
#[derive(Debug)]
pub struct Reader<'a> {
    snapshot: &'a HeapSnapshot,
    /// Offset from the object's address and kind, by type and list of names. Few types are ever asked for.
    offsets: Mutex<HashMap<(TypeId, &'static str), Option<Place>>>,
}

impl<'a> Reader<'a> {
    /// A reader of `snapshot`.
    #[must_use]
    pub fn new(snapshot: &'a HeapSnapshot) -> Self {
        Self { snapshot, offsets: Mutex::default() }
    }

    /// The snapshot it reads.
    #[must_use]
    pub fn snapshot(&self) -> &'a HeapSnapshot {
        self.snapshot
    }

    /// True when the types of the runtime's own library have their names, so that one that is not found is not there.
    #[must_use]
    pub fn has_runtime_names(&self) -> bool {
        let is_nameless = |module: &ModuleRow| module.name == CORE_LIBRARY && module.metadata.is_err();
        !self.snapshot.modules.iter().any(is_nameless)
    }

    /// Types whose name `matches`, as a column by type id. One pass over the type table.
    pub fn types_where(&self, matches: impl Fn(&str) -> bool) -> Vec<bool> {
        self.snapshot.types.iter().map(|(_, row)| row.name.known().is_some_and(&matches)).collect()
    }

    /// True when `ty` or one of its bases is in `types`.
    #[must_use]
    pub fn derives(&self, ty: TypeId, types: &[bool]) -> bool {
        let mut next = Some(ty);
        // Class hierarchies are short; the bound only matters for a bent dump with a cycle in it.
        for _ in 0..64 {
            let Some(ty) = next else { return false };
            if types.get(ty.index()).copied().unwrap_or(false) {
                return true;
            }
            next = self.snapshot.types.row(ty).base;
        }
        false
    }

    /// Offset from the object's address of the first of `names` (separated by `|`) that `ty` has, and its kind.
    pub fn field(&self, ty: TypeId, names: &'static str) -> Option<Place> {
        let mut offsets = self.offsets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *offsets.entry((ty, names)).or_insert_with(|| {
            let row = self.snapshot.types.row(ty);
            names.split('|').find_map(|name| {
                let field = row.fields.iter().rev().find(|field| field.name.as_deref() == Some(name))?;
                Some((u64::from(field.offset) + 8, field.element))
            })
        })
    }

    /// True when `ty` has one of `names`.
    pub fn has(&self, ty: TypeId, names: &'static str) -> bool {
        self.field(ty, names).is_some()
    }

    fn place(&self, object: ObjectId, names: &'static str) -> Option<Addr> {
        let (offset, _) = self.field(self.snapshot.objects.type_of(object), names)?;
        self.snapshot.objects.address(object).checked_add(offset)
    }

    /// Eight bytes at an address.
    #[must_use]
    pub fn word(&self, at: Addr) -> Option<u64> {
        self.snapshot.values.bytes_at(at)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// Four bytes at an address.
    #[must_use]
    pub fn int_at(&self, at: Addr) -> Option<i32> {
        self.snapshot.values.bytes_at(at)?.first_chunk().map(|bytes| i32::from_le_bytes(*bytes))
    }

    /// The object a reference field holds; `None` for null, a missing field or unreadable memory.
    pub fn object(&self, object: ObjectId, names: &'static str) -> Option<ObjectId> {
        let target = self.word(self.place(object, names)?)?;
        self.snapshot.objects.at(Addr(target))
    }

    /// A 32-bit field.
    pub fn int(&self, object: ObjectId, names: &'static str) -> Option<i32> {
        self.int_at(self.place(object, names)?)
    }

    /// A 64-bit field.
    pub fn long(&self, object: ObjectId, names: &'static str) -> Option<u64> {
        self.word(self.place(object, names)?)
    }

    /// A one-byte field as truth.
    pub fn flag(&self, object: ObjectId, names: &'static str) -> Option<bool> {
        self.snapshot.values.bytes_at(self.place(object, names)?)?.first().map(|&byte| byte != 0)
    }

    /// Text of a string object, cut at `most` characters.
    #[must_use]
    pub fn text(&self, string: ObjectId, most: usize) -> Option<String> {
        if self.snapshot.type_of(string).shape != TypeShape::String {
            return None;
        }
        let at = self.snapshot.objects.address(string);
        let len = usize::try_from(self.int_at(at.checked_add(8)?)?).ok()?.min(most);
        let bytes = self.snapshot.values.bytes_at(at.checked_add(12)?)?.get(..len.checked_mul(2)?)?;
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        Some(String::from_utf16_lossy(&units))
    }

    /// Elements of an array (or characters of a string).
    #[must_use]
    pub fn len(&self, array: ObjectId) -> Option<u64> {
        let at = self.snapshot.objects.address(array).checked_add(8)?;
        self.int_at(at).map(|len| u64::from(len.cast_unsigned()))
    }

    /// Bytes of a vector's elements; `None` when they are not wholly in one stretch of the dump.
    #[must_use]
    pub fn elements(&self, vector: ObjectId) -> Option<&'a [u8]> {
        let row = self.snapshot.type_of(vector);
        if row.shape != TypeShape::Vector {
            return None;
        }
        let bytes = self.len(vector)?.checked_mul(u64::from(row.component_bytes))?;
        if bytes.checked_add(16)? > self.snapshot.objects.size(vector) {
            return None;
        }
        let at = self.snapshot.objects.address(vector).checked_add(16)?;
        self.snapshot.values.bytes_at(at)?.get(..usize::try_from(bytes).ok()?)
    }

    /// The `index`-th reference of a vector of references.
    #[must_use]
    pub fn element(&self, vector: ObjectId, index: u64) -> Option<ObjectId> {
        let at = self.snapshot.objects.address(vector).checked_add(16)?.checked_add(index.checked_mul(8)?)?;
        self.snapshot.objects.at(Addr(self.word(at)?))
    }

    /// Name of the object's type, or its MethodTable.
    #[must_use]
    pub fn type_name(&self, object: ObjectId) -> String {
        self.snapshot.type_of(object).display_name()
    }

    /// The object a delegate calls on, and the method, seen through the runtime's open-static form (where the target is
    /// the delegate itself).
    pub fn delegate(&self, delegate: ObjectId) -> (Option<ObjectId>, Option<MethodName>) {
        let target = self.object(delegate, "_target").filter(|&target| target != delegate);
        let direct = self.long(delegate, "_methodPtr").unwrap_or(0);
        let code = self.long(delegate, "_methodPtrAux").filter(|&code| code != 0).unwrap_or(direct);
        (target, (code != 0).then(|| self.snapshot.values.method_at(Addr(code))).flatten())
    }

    /// `Type.Method` of what a delegate calls; the target's type when the method has no name.
    pub fn delegate_text(&self, delegate: ObjectId) -> String {
        match self.delegate(delegate) {
            (_, Some(method)) if method.type_name.is_empty() => method.name,
            (_, Some(method)) => format!("{}.{}", method.type_name, method.name),
            (Some(target), None) => self.type_name(target),
            (None, None) => self.type_name(delegate),
        }
    }
}
