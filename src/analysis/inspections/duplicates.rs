//! Equal strings and equal boxes: the same content many times over.

use super::{Description, Inspection, Item, Reader, Subject, times};
use crate::base::{Cancelled, Job, number};
use crate::snapshot::{ObjectId, TypeShape};

const STRINGS: Description = Description {
    name: "duplicate-strings",
    title: "Duplicate strings",
    definition: "strings with the same text; all copies but one are waste",
    threshold: "copies cost 1 % or more",
    remedy: "intern or share the texts where they are read in, or keep an index instead of a copy",
};

const BOXES: Description = Description {
    name: "boxed-duplicates",
    title: "Boxed duplicates",
    definition: "boxes of one value type with the same value",
    threshold: "1,000 or more equal boxes",
    remedy: "keep values in generic collections, or cache the common boxes",
};

/// Fewest equal boxes that are called a finding.
const MIN_EQUAL_BOXES: u64 = 1_000;

/// A run of equal objects.
struct Group {
    first: ObjectId,
    n: u64,
    bytes: u64,
}

impl Group {
    /// Bytes of all copies but one.
    fn waste(&self) -> u64 {
        self.bytes - self.bytes / self.n.max(1)
    }
}

pub(super) fn strings(subject: &Subject<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let groups = equal_groups(subject, job, |shape| shape == TypeShape::String)?;
    let waste: u64 = groups.iter().map(Group::waste).sum();
    let copies: u64 = groups.iter().map(|group| group.n).sum();
    if groups.is_empty() {
        return Ok(STRINGS.nothing());
    }
    let reader = Reader::new(subject.snapshot);
    let found = subject.is_notable(waste);
    let texts = number::counted(groups.len() as u64, "text", "texts");
    let result =
        if found { format!("{texts} in {} copies", number::count(copies)) } else { format!("{texts}, under 1 %") };
    let items = top(groups)
        .into_iter()
        .map(|group| Item {
            text: times(group.n, &quoted(&reader.text(group.first, 60).unwrap_or_default())),
            objects: group.n,
            bytes: group.waste(),
            example: Some(group.first),
        })
        .collect();
    let mut inspection = STRINGS.answer(found, result, items);
    inspection.objects = copies;
    inspection.bytes = waste;
    Ok(inspection)
}

pub(super) fn boxes(subject: &Subject<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let is_box = |shape| matches!(shape, TypeShape::Struct | TypeShape::Enum(_) | TypeShape::Primitive(_));
    let mut groups = equal_groups(subject, job, is_box)?;
    groups.retain(|group| group.n >= MIN_EQUAL_BOXES);
    if groups.is_empty() {
        return Ok(BOXES.nothing());
    }
    let result = number::counted(groups.len() as u64, "value boxed over and over", "values boxed over and over");
    let items = top(groups)
        .into_iter()
        .map(|group| Item {
            text: times(group.n, &box_text(subject, group.first)),
            objects: group.n,
            bytes: group.waste(),
            example: Some(group.first),
        })
        .collect();
    Ok(BOXES.answer(true, result, items))
}

/// Live objects of the wanted shapes with equal type and content, two or more each. Sorts one (hash, id) pair per
/// candidate, then compares contents, so that a collision of hashes never makes strangers equal.
fn equal_groups(subject: &Subject<'_>, job: &Job, wanted: impl Fn(TypeShape) -> bool) -> Result<Vec<Group>, Cancelled> {
    let snapshot = subject.snapshot;
    let wanted: Vec<bool> = snapshot.types.iter().map(|(_, row)| wanted(row.shape)).collect();
    let mut hashed: Vec<(u64, ObjectId)> = Vec::new();
    for (index, object) in snapshot.objects.ids().enumerate() {
        if index.is_multiple_of(65_536) {
            job.tick(0)?;
        }
        let ty = snapshot.objects.type_of(object);
        if wanted[ty.index()]
            && subject.live(object)
            && let Some(content) = content(subject, object)
        {
            hashed.push((hash(content, u64::from(ty.0)), object));
        }
    }
    hashed.sort_unstable();
    let mut groups = Vec::new();
    for equal_hash in hashed.chunk_by(|a, b| a.0 == b.0).filter(|chunk| chunk.len() > 1) {
        job.tick(0)?;
        let mut rest: Vec<ObjectId> = equal_hash.iter().map(|&(_, object)| object).collect();
        while let Some(&first) = rest.first() {
            let (same, other): (Vec<_>, Vec<_>) = rest.into_iter().partition(|&object| is_same(subject, first, object));
            if same.len() > 1 {
                let bytes = same.iter().map(|&object| snapshot.objects.size(object)).sum();
                groups.push(Group { first, n: same.len() as u64, bytes });
            }
            rest = other;
        }
    }
    Ok(groups)
}

fn is_same(subject: &Subject<'_>, a: ObjectId, b: ObjectId) -> bool {
    subject.snapshot.objects.type_of(a) == subject.snapshot.objects.type_of(b)
        && content(subject, a) == content(subject, b)
}

/// The bytes that make an object what it is: a string's length and text, a box's value.
fn content<'a>(subject: &Subject<'a>, object: ObjectId) -> Option<&'a [u8]> {
    let row = subject.snapshot.type_of(object);
    let at = subject.snapshot.objects.address(object).checked_add(8)?;
    let bytes = subject.snapshot.values.bytes_at(at)?;
    let len = if row.shape == TypeShape::String {
        let chars = u64::from(u32::from_le_bytes(*bytes.first_chunk::<4>()?));
        4 + 2 * chars
    } else {
        // A box is MethodTable, value, and the padding and header word that every object's size includes.
        u64::from(row.base_bytes).checked_sub(16)?
    };
    (len + 8 <= subject.snapshot.objects.size(object)).then_some(())?;
    bytes.get(..usize::try_from(len).ok()?)
}

/// FNV-1a over eight bytes at a time: quick enough for gigabytes of text, and collisions are compared afterwards.
fn hash(bytes: &[u8], seed: u64) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for word in words {
        hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(PRIME);
        hash ^= hash >> 32;
    }
    for &byte in rest {
        hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    }
    hash ^ (hash >> 29)
}

fn top(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by_key(|group| (std::cmp::Reverse(group.waste()), group.first));
    groups.truncate(super::MAX_ITEMS);
    groups
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn box_text(subject: &Subject<'_>, object: ObjectId) -> String {
    let row = subject.snapshot.type_of(object);
    let name = row.display_name();
    let value = content(subject, object).and_then(|bytes| match row.shape {
        TypeShape::Primitive(kind) | TypeShape::Enum(kind) => primitive_text(kind, bytes),
        _ => None,
    });
    value.map_or_else(|| name.clone(), |value| format!("{name} = {value}"))
}

fn primitive_text(kind: crate::base::ElementType, bytes: &[u8]) -> Option<String> {
    use crate::base::ElementType as E;
    Some(match kind {
        E::Boolean => (*bytes.first()? != 0).to_string(),
        E::Char => char::from_u32(u32::from(u16::from_le_bytes(*bytes.first_chunk()?)))
            .map_or_else(|| "?".to_owned(), |char| format!("{char:?}")),
        E::I1 => i8::from_le_bytes(*bytes.first_chunk()?).to_string(),
        E::U1 => bytes.first()?.to_string(),
        E::I2 => i16::from_le_bytes(*bytes.first_chunk()?).to_string(),
        E::U2 => u16::from_le_bytes(*bytes.first_chunk()?).to_string(),
        E::I4 => i32::from_le_bytes(*bytes.first_chunk()?).to_string(),
        E::U4 => u32::from_le_bytes(*bytes.first_chunk()?).to_string(),
        E::I8 | E::I => i64::from_le_bytes(*bytes.first_chunk()?).to_string(),
        E::U8 | E::U => u64::from_le_bytes(*bytes.first_chunk()?).to_string(),
        E::R4 => f32::from_le_bytes(*bytes.first_chunk()?).to_string(),
        E::R8 => f64::from_le_bytes(*bytes.first_chunk()?).to_string(),
        E::Pointer | E::ByRef | E::Class => format!("{:#x}", u64::from_le_bytes(*bytes.first_chunk()?)),
        E::ValueType => return None,
    })
}
