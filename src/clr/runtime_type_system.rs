//! MethodTables: which addresses are one, what an instance looks like, and where the well-known ones are.
//!
//! ```text
//! -8   GCDesc series count (gc_desc.rs)
//! +00  u32 flags       low half = component size when bit 31 is set
//! +04  u32 base size   need not be a multiple of 8: a string's is 22
//! +08  u16 flags2, u16 TypeDef row (to 8)   or   u32 flags2 with the row in bits 8 to 31 (9 and later)
//! +0c  u16 virtuals, u16 interfaces
//! +10  parent
//! +18  module: the loader's (to 8), the defining one (9 and later)
//! +20  writeable or auxiliary data
//! +28  EEClass, or the canonical MethodTable with the low bits marked
//! +30  element type of an array, dictionaries of a generic instance, or a multi-purpose slot
//! +38  interface map, or a multi-purpose slot
//! ```
//!
//! Offsets are the same from 2.1 to 10 (methodtable.h); pointers to EEClass, module and field lists are relative to
//! their own place in 2.1. A MethodTable is believed when its class points back at it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::gc::GcHeap;
use super::gc_desc;
use super::object::{self, ShapeCache};
use super::words::{word, word32};
use crate::base::Addr;
use crate::base::found::ReferenceLayout;
use crate::target::{SplicedMemory, Target, TargetMemory};

/// How pointers are stored in the runtime's structures that may hold relative ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerStyle {
    /// As addresses.
    Plain,
    /// Relative to their own place (2.1).
    Relative,
}

impl PointerStyle {
    /// The pointer stored at `field`; `None` when absent.
    #[must_use]
    pub fn read(self, memory: &SplicedMemory, field: Addr) -> Option<Addr> {
        let raw = memory.ptr(field).ok()?;
        Some(match self {
            Self::Relative if !raw.is_null() => field.plus(raw.0),
            _ => raw,
        })
    }
}

/// Bits of a MethodTable's first word (methodtable.h).
mod flag {
    pub(super) const HAS_COMPONENTS: u32 = 0x8000_0000;
    pub(super) const HAS_REFERENCES: u32 = 0x0100_0000;
    pub(super) const HAS_FINALIZER: u32 = 0x0010_0000;
    pub(super) const PARENT_IN_CELL: u32 = 0x0080_0000;
    /// Up to 3.1 and at 9.
    pub(super) const COLLECTIBLE_OLD: u32 = 0x1000_0000;
    pub(super) const COLLECTIBLE_NEW: u32 = 0x0020_0000;
    pub(super) const CATEGORY: u32 = 0x000f_0000;
    pub(super) const CATEGORY_VECTOR: u32 = 0x000a_0000;
    pub(super) const CATEGORY_ARRAY: u32 = 0x0008_0000;
    pub(super) const GENERICS: u32 = 0x30;
    /// All that a free block has.
    pub(super) const FREE: u32 = 0x8000_0001;
}

/// What is needed of a type to step over its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceShape {
    /// Bytes of an instance without elements.
    pub base_bytes: u32,
    /// Bytes of an element; 0 for a fixed-size type.
    pub component_bytes: u32,
    /// Has references, so a GCDesc.
    pub has_references: bool,
    /// Can be unloaded.
    pub collectible: bool,
    /// Has a finalizer.
    pub finalizable: bool,
    /// The free block.
    pub is_free: bool,
}

impl InstanceShape {
    /// Bytes an instance with `n_elements` occupies: rounded up to 8, at least 24. `None` past 64 bits.
    #[must_use]
    pub fn size_bytes(self, n_elements: u32) -> Option<u64> {
        let raw = self.raw_bytes(n_elements)?;
        Some((raw.checked_add(7)? & !7).max(24))
    }

    /// The same before rounding, as SOS prints it.
    #[must_use]
    pub fn raw_bytes(self, n_elements: u32) -> Option<u64> {
        u64::from(self.component_bytes).checked_mul(u64::from(n_elements))?.checked_add(u64::from(self.base_bytes))
    }
}

/// A MethodTable, read and believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodTable {
    /// Its address.
    pub at: Addr,
    /// First word.
    pub flags: u32,
    /// Bytes of an instance without elements.
    pub base_bytes: u32,
    /// The 32 bits at +8: `flags2` and, by version, the TypeDef row.
    pub flags2: u32,
    /// Number of virtual methods.
    pub n_virtuals: u16,
    /// Number of interfaces.
    pub n_interfaces: u16,
    /// Base class; null for `System.Object`, interfaces and the free block.
    pub parent: Addr,
    /// The module at +18: the loader's up to 8, the defining one from 9 on.
    pub module: Addr,
    /// Writeable or auxiliary data, at +20.
    pub auxiliary: Addr,
    /// The MethodTable that shares its class.
    pub canonical: Addr,
    /// Its class; null for the free block.
    pub class: Addr,
    /// The word at +30: element type handle of an array, dictionaries of a generic instance.
    pub slot1: Addr,
    /// The word at +38.
    pub slot2: Addr,
}

impl MethodTable {
    /// Instances have elements: arrays, strings, the free block.
    #[must_use]
    pub const fn has_components(&self) -> bool {
        self.flags & flag::HAS_COMPONENTS != 0
    }

    /// Bytes of an element; 0 without.
    #[must_use]
    pub const fn component_bytes(&self) -> u32 {
        if self.has_components() { self.flags & 0xffff } else { 0 }
    }

    /// The four bits that say class, struct, array or interface (0x000f0000).
    #[must_use]
    pub const fn category(&self) -> u32 {
        self.flags & flag::CATEGORY
    }

    /// An array with one dimension from zero.
    #[must_use]
    pub const fn is_vector(&self) -> bool {
        self.category() == flag::CATEGORY_VECTOR
    }

    /// Any array.
    #[must_use]
    pub const fn is_array(&self) -> bool {
        self.is_vector() || self.category() == flag::CATEGORY_ARRAY
    }

    /// Dimensions of an array; `None` for anything else.
    #[must_use]
    pub fn rank(&self) -> Option<u8> {
        if self.is_vector() {
            return Some(1);
        }
        if !self.is_array() {
            return None;
        }
        // Every dimension has a length and a lower bound of 4 bytes each.
        u8::try_from(self.base_bytes.checked_sub(24)?.checked_div(8)?).ok()
    }

    /// Type handle of an array's elements.
    #[must_use]
    pub const fn element_handle(&self) -> Option<Addr> {
        if self.is_array() { Some(self.slot1) } else { None }
    }

    /// Generics bits: 0 none, 0x10 exact instance, 0x20 shared, 0x30 open. 0 for types with elements.
    #[must_use]
    pub const fn generics(&self) -> u32 {
        if self.has_components() { 0 } else { self.flags & flag::GENERICS }
    }

    /// TypeDef row where flags2 is a half word and the row the next (up to 8). 0xffff: the row is in an optional member.
    #[must_use]
    pub const fn row_in_own_word(&self) -> u32 {
        self.flags2 >> 16
    }

    /// TypeDef row where it shares the word with flags2 (9 and later).
    #[must_use]
    pub const fn row_in_flags(&self) -> u32 {
        self.flags2 >> 8
    }

    /// Shares its class with the canonical one.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        self.canonical == self.at
    }

    /// Address of its `n`th virtual method's chunk slot area end: where the optional members of 2.1 to 8 begin.
    #[must_use]
    pub fn after_virtuals(&self) -> Addr {
        let chunks = u64::from(self.n_virtuals).div_ceil(8);
        self.at.plus(0x40).plus(chunks.wrapping_mul(8))
    }
}

/// The types of a runtime, by address.
#[derive(Clone, Debug)]
pub struct TypeSystem {
    target: Arc<Target>,
    /// How EEClass, module and field-list pointers are stored.
    pub pointer_style: PointerStyle,
    /// `System.Object`.
    pub object_mt: Option<Addr>,
    /// `System.String`.
    pub string_mt: Option<Addr>,
    /// `System.Object[]`.
    pub object_array_mt: Option<Addr>,
    /// The free block, the one most used.
    pub free_mt: Option<Addr>,
    collectible: u32,
}

/// Objects looked at to calibrate, in all segments together.
const SAMPLE: usize = 200_000;
/// Objects looked at in one segment.
const SAMPLE_PER_SEGMENT: usize = 20_000;

/// What the sample said, for refusals and evidence.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Objects stepped over.
    pub(crate) n_objects: usize,
    /// Of them, with a class that points back.
    pub(crate) n_believed: usize,
    /// Types.
    pub(crate) n_types: usize,
    /// Bytes of segments that are in the dump.
    pub(crate) present_bytes: u64,
}

impl TypeSystem {
    /// A type system that believes either style of pointer.
    fn unsettled(target: Arc<Target>) -> Self {
        Self {
            target,
            pointer_style: PointerStyle::Plain,
            object_mt: None,
            string_mt: None,
            object_array_mt: None,
            free_mt: None,
            collectible: flag::COLLECTIBLE_OLD,
        }
    }

    /// Looks at some objects of every segment and settles what the versions differ in.
    pub(crate) fn discover(target: &Arc<Target>, heap: &GcHeap) -> (Self, Sample) {
        let mut plain = Self::unsettled(Arc::clone(target));
        let (mut sample, mut counts) = plain.sample(heap);
        if sample.n_believed == 0 {
            let mut relative = Self { pointer_style: PointerStyle::Relative, ..Self::unsettled(Arc::clone(target)) };
            let (other, other_counts) = relative.sample(heap);
            if other.n_believed > 0 {
                std::mem::swap(&mut plain, &mut relative);
                sample = other;
                counts = other_counts;
            }
        }
        plain.settle(&counts);
        (plain, sample)
    }

    fn sample(&self, heap: &GcHeap) -> (Sample, BTreeMap<Addr, u64>) {
        let mut counts: BTreeMap<Addr, u64> = BTreeMap::new();
        let mut sample = Sample::default();
        let mut cache = ShapeCache::default();
        for segment in &heap.segments {
            let memory = &self.target.memory;
            sample.present_bytes = sample.present_bytes.saturating_add(memory.present_bytes(segment.objects));
            let left = SAMPLE.saturating_sub(sample.n_objects).min(SAMPLE_PER_SEGMENT);
            let mut shape = |mt| cache.get(mt, || self.shape(mt));
            let walk = object::Walk::new(memory, segment.objects, &heap.alloc_contexts, &mut shape);
            for step in walk.take(left) {
                if let object::Step::Object { method_table, shape, .. } = step {
                    sample.n_objects = sample.n_objects.saturating_add(1);
                    sample.n_believed = sample.n_believed.saturating_add(usize::from(!shape.is_free));
                    let count = counts.entry(method_table).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        sample.n_types = counts.len();
        (sample, counts)
    }

    /// The well-known types, from the numbers of instances.
    fn settle(&mut self, counts: &BTreeMap<Addr, u64>) {
        let most = |votes: &BTreeMap<Addr, u64>| {
            votes.iter().max_by_key(|(at, n)| (**n, std::cmp::Reverse(**at))).map(|(at, _)| *at)
        };
        let mut roots: BTreeMap<Addr, u64> = BTreeMap::new();
        let mut free: BTreeMap<Addr, u64> = BTreeMap::new();
        let tables: HashMap<Addr, MethodTable> =
            counts.keys().filter_map(|&at| Some((at, self.method_table(at)?))).collect();
        for (at, n) in counts {
            if self.shape(*at).is_some_and(|shape| shape.is_free) {
                free.insert(*at, *n);
            } else if let Some(root) = self.chain(*at).last()
                && root.base_bytes == 24
                && !root.has_components()
            {
                let votes = roots.entry(root.at).or_default();
                *votes = votes.saturating_add(1);
            }
        }
        self.free_mt = most(&free);
        self.object_mt = most(&roots);
        let Some(object) = self.object_mt else { return };
        let strings: BTreeMap<Addr, u64> = tables
            .values()
            .filter(|table| {
                table.component_bytes() == 2
                    && matches!(table.base_bytes, 22 | 26)
                    && !table.is_array()
                    && table.parent == object
            })
            .filter_map(|table| Some((table.at, *counts.get(&table.at)?)))
            .collect();
        self.string_mt = most(&strings);
        let arrays: BTreeMap<Addr, u64> = tables
            .values()
            .filter(|table| table.is_vector() && table.component_bytes() == 8 && table.slot1 == object)
            .filter_map(|table| Some((table.at, *counts.get(&table.at)?)))
            .collect();
        self.object_array_mt = most(&arrays);
    }

    /// Says which bit marks types that can be unloaded: the new one when the TypeDef row shares a word with flags2 (both
    /// changed with 9), else the old one.
    pub(crate) const fn set_collectible_bit(&mut self, is_new: bool) {
        self.collectible = if is_new { flag::COLLECTIBLE_NEW } else { flag::COLLECTIBLE_OLD };
    }

    /// The memory that all this is read from.
    #[must_use]
    pub fn memory(&self) -> &SplicedMemory {
        &self.target.memory
    }

    /// What instances of the type at `mt` look like; `None` unless it is a MethodTable. Reads the dump: ask once per type.
    #[must_use]
    pub fn shape(&self, mt: Addr) -> Option<InstanceShape> {
        // One check rejects most words that are no pointer.
        if mt.is_null() || !mt.is_aligned_to(8) {
            return None;
        }
        let memory = self.memory();
        let head: [u8; 0x40] = memory.array(mt).ok()?;
        let number =
            |at: usize| head.get(at..).and_then(|rest| rest.first_chunk::<4>()).map(|b| u32::from_le_bytes(*b));
        let (flags, base_bytes) = (number(0)?, number(4)?);
        if !base_bytes.is_multiple_of(2) || !(20..=256 << 20).contains(&base_bytes) {
            return None;
        }
        let is_free = is_free_block(&head, flags, base_bytes);
        if !is_free {
            self.class_of(mt)?;
        }
        let has_components = flags & flag::HAS_COMPONENTS != 0;
        Some(InstanceShape {
            base_bytes,
            component_bytes: if has_components { flags & 0xffff } else { 0 },
            has_references: flags & flag::HAS_REFERENCES != 0,
            collectible: flags & self.collectible != 0,
            finalizable: flags & flag::HAS_FINALIZER != 0,
            is_free,
        })
    }

    /// The MethodTable at `mt`; `None` unless it is one. Reads the dump.
    #[must_use]
    pub fn method_table(&self, mt: Addr) -> Option<MethodTable> {
        let shape = self.shape(mt)?;
        let memory = self.memory();
        let flags = word32(memory, mt, 0)?;
        let (canonical, class) = if shape.is_free { (mt, Addr::NULL) } else { self.class_of(mt)? };
        let counts = word32(memory, mt, 0xc)?;
        let parent = word(memory, mt, 0x10)?;
        let parent = if flags & flag::PARENT_IN_CELL != 0 && self.shape(parent).is_none() {
            word(memory, parent, 0).filter(|&at| self.shape(at).is_some()).unwrap_or(parent)
        } else {
            parent
        };
        Some(MethodTable {
            at: mt,
            flags,
            base_bytes: shape.base_bytes,
            flags2: word32(memory, mt, 8)?,
            n_virtuals: u16::try_from(counts & 0xffff).unwrap_or(u16::MAX),
            n_interfaces: u16::try_from(counts >> 16).unwrap_or(u16::MAX),
            parent,
            module: self.pointer_style.read(memory, mt.plus(0x18))?,
            auxiliary: word(memory, mt, 0x20)?,
            canonical,
            class,
            slot1: word(memory, mt, 0x30)?,
            slot2: word(memory, mt, 0x38)?,
        })
    }

    /// The type and its base classes, `mt` first. Ends at a class without a base, a MethodTable that is none, or after
    /// 1,000 steps.
    pub fn chain(&self, mt: Addr) -> impl Iterator<Item = MethodTable> + '_ {
        let mut next = mt;
        std::iter::from_fn(move || {
            let table = if next.is_null() { None } else { self.method_table(next) }?;
            next = table.parent;
            Some(table)
        })
        .take(1000)
    }

    /// Where the references of instances stand; [`ReferenceLayout::None`] also when the GCDesc is not readable
    /// ([`TypeSystem::reference_layout`] tells the difference).
    #[must_use]
    pub fn references(&self, mt: Addr) -> ReferenceLayout {
        self.reference_layout(mt).unwrap_or_default()
    }

    /// Where the references of instances stand, from the GCDesc in front of the MethodTable.
    ///
    /// # Errors
    /// The reason, when the type has references and its GCDesc is absent or makes no sense.
    pub fn reference_layout(&self, mt: Addr) -> Result<ReferenceLayout, gc_desc::GcDescError> {
        match self.shape(mt) {
            Some(shape) if shape.has_references => gc_desc::read(self.memory(), mt, shape),
            Some(_) => Ok(ReferenceLayout::None),
            None => Err(gc_desc::GcDescError::Absent { at: mt }),
        }
    }

    /// Canonical MethodTable and class of `mt`, when the class points back at the canonical one.
    fn class_of(&self, mt: Addr) -> Option<(Addr, Addr)> {
        let memory = self.memory();
        let union = word(memory, mt, 0x28)?;
        let canonical = match union.0 & 3 {
            0 => mt,
            // 2 marks the canonical MethodTable up to 6, 1 from 7 on.
            1 | 2 => union.without_bits(3),
            // Up to 6: a cell that holds it.
            _ => word(memory, union.without_bits(3), 0)?,
        };
        let class = if canonical == mt { union } else { word(memory, canonical, 0x28)? };
        if class.0 & 3 != 0 || class.is_null() || !canonical.is_aligned_to(8) {
            return None;
        }
        let back = self.pointer_style.read(memory, class.checked_add(0x10)?)?;
        (back == canonical).then_some((canonical, class))
    }
}

/// The free block's MethodTable has a size, an element of one byte, and nothing else: no parent, module, class.
fn is_free_block(head: &[u8; 0x40], flags: u32, base_bytes: u32) -> bool {
    let is_zero = |from: usize, to: usize| head.get(from..to).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0));
    flags == flag::FREE && base_bytes == 24 && is_zero(0x10, 0x20) && is_zero(0x28, 0x30)
}
