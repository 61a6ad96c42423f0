//! Room that is paid for and not used: collections, arrays, large objects.
//!
//! Where a collection keeps its items and its count is the class library's business; the names below hold from 2.1 to
//! 10 (read in the metadata of 2.1, 3.1, 8, 9 and 10) and are looked up in the dump's own metadata.

use std::collections::BTreeMap;

use super::{Description, Inspection, Item, Reader, Subject, times};
use crate::base::{Cancelled, ElementType, Generation, Job, number};
use crate::snapshot::{ObjectId, TypeId, TypeRow, TypeShape};

const SPARSE: Description = Description {
    name: "sparse-collections",
    title: "Sparse collections",
    definition: "collections whose backing store is more than half empty",
    threshold: "half empty and 1 % or more",
    remedy: "give the collection its size when it is made, or TrimExcess when it is filled",
};

const EMPTY: Description = Description {
    name: "empty-collections",
    title: "Empty collections",
    definition: "collections without an item, with the stores they keep, and arrays of length 0 beyond the first of a type",
    threshold: "1,000 of one type, or 1 % or more",
    remedy: "make a collection when its first item comes; share one empty array (Array.Empty)",
};

const ARRAYS: Description = Description {
    name: "sparse-arrays",
    title: "Sparse arrays",
    definition: "arrays of 1 KiB or more that are nine tenths zero or null",
    threshold: "1 % or more",
    remedy: "allocate when needed, rent from ArrayPool, or use a sparse structure",
};

const LARGE: Description = Description {
    name: "large-objects",
    title: "Large objects",
    definition: "arrays of the large object heap whose end is all zero, and the free space between them",
    threshold: "unused part 1 % or more",
    remedy: "size large buffers to their content, or reuse them",
};

/// How full a collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Occupancy {
    /// Items.
    pub(super) count: u64,
    /// Places for items.
    pub(super) capacity: u64,
    /// The array that holds them, when there is one.
    pub(super) store: Option<ObjectId>,
}

/// Where a kind of collection keeps its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An array and a size: `List`, `Queue`, `Stack`, `ArrayList`, `PriorityQueue`.
    Array,
    /// Entries with a free list: `Dictionary`, `HashSet`.
    Entries,
    /// `ConcurrentDictionary`: a count per lock.
    Concurrent,
    /// `Hashtable`.
    Hashtable,
    /// A count alone: `LinkedList`, `SortedSet`.
    Counted,
}

/// The kind of each type, by type id.
pub(super) fn kinds(reader: &Reader<'_>) -> Vec<Option<Kind>> {
    reader.snapshot().types.iter().map(|(_, row)| row.name.known().and_then(kind_of)).collect()
}

fn kind_of(name: &str) -> Option<Kind> {
    // Nested types (`List<T>+Enumerator`) are no collections.
    let (outer, rest) = name.split_once('<').unwrap_or((name, ""));
    if rest.rsplit_once('>').is_some_and(|(_, after)| !after.is_empty()) {
        return None;
    }
    Some(match outer {
        "System.Collections.Generic.List"
        | "System.Collections.Generic.Queue"
        | "System.Collections.Generic.Stack"
        | "System.Collections.Generic.PriorityQueue"
        | "System.Collections.ArrayList"
        | "System.Collections.Queue"
        | "System.Collections.Stack" => Kind::Array,
        "System.Collections.Generic.Dictionary" | "System.Collections.Generic.HashSet" => Kind::Entries,
        "System.Collections.Concurrent.ConcurrentDictionary" => Kind::Concurrent,
        "System.Collections.Hashtable" => Kind::Hashtable,
        "System.Collections.Generic.LinkedList" | "System.Collections.Generic.SortedSet" => Kind::Counted,
        _ => return None,
    })
}

/// How full `collection` is; `None` when its fields cannot be read.
pub(super) fn occupancy(reader: &Reader<'_>, collection: ObjectId, kind: Kind) -> Option<Occupancy> {
    let int = |names| reader.int(collection, names).map(|n| u64::from(n.max(0).cast_unsigned()));
    let (count, store) = match kind {
        Kind::Array => (int("_size")?, reader.object(collection, "_items|_array|_nodes")),
        Kind::Entries => {
            let used = int("_count|count")?;
            (
                used.saturating_sub(int("_freeCount|freeCount").unwrap_or(0)),
                reader.object(collection, "_entries|entries|_slots"),
            )
        }
        Kind::Concurrent => {
            let tables = reader.object(collection, "_tables|m_tables")?;
            let counts = reader.elements(reader.object(tables, "_countPerLock|m_countPerLock")?)?;
            let sum = counts.as_chunks::<4>().0.iter().map(|n| u64::from(u32::from_le_bytes(*n))).sum();
            (sum, None)
        }
        Kind::Hashtable => (int("_count|count")?, reader.object(collection, "_buckets|buckets")),
        Kind::Counted => (int("count|_count")?, None),
    };
    let capacity = match store {
        Some(store) => reader.len(store)?,
        None => count,
    };
    Some(Occupancy { count: count.min(capacity), capacity, store })
}

pub(super) fn inspect(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let kinds = kinds(reader);
    if kinds.iter().all(Option::is_none) {
        return Ok(SPARSE.absent(reader));
    }
    /// Collections of one type.
    #[derive(Default)]
    struct Sum {
        n: u64,
        n_empty: u64,
        used: u64,
        room: u64,
        waste: u64,
        worst: Option<(u64, ObjectId)>,
    }
    let mut by_type: BTreeMap<TypeId, Sum> = BTreeMap::new();
    for (index, object) in subject.snapshot.objects.ids().enumerate() {
        if index.is_multiple_of(65_536) {
            job.tick(0)?;
        }
        let ty = subject.snapshot.objects.type_of(object);
        let Some(kind) = kinds[ty.index()] else { continue };
        if !subject.live(object) {
            continue;
        }
        let Some(Occupancy { count, capacity, store: Some(store) }) = occupancy(reader, object, kind) else { continue };
        if count * 2 > capacity || capacity == 0 {
            continue;
        }
        let bytes = (capacity - count) * u64::from(subject.snapshot.type_of(store).component_bytes);
        let sum = by_type.entry(ty).or_default();
        sum.n += 1;
        sum.n_empty += u64::from(count == 0);
        sum.used += count;
        sum.room += capacity;
        sum.waste += bytes;
        if sum.worst.is_none_or(|(worst, _)| bytes > worst) {
            sum.worst = Some((bytes, object));
        }
    }
    let waste: u64 = by_type.values().map(|sum| sum.waste).sum();
    let found = subject.is_notable(waste);
    let n: u64 = by_type.values().map(|sum| sum.n).sum();
    let items = by_type
        .into_iter()
        .map(|(ty, sum)| {
            let name = subject.snapshot.types.row(ty).display_name();
            let empty = if sum.n_empty > 0 { format!(", {} empty", number::count(sum.n_empty)) } else { String::new() };
            Item {
                text: format!(
                    "{}: {} of {} places used{empty}",
                    times(sum.n, &name),
                    number::count(sum.used),
                    number::count(sum.room)
                ),
                objects: sum.n,
                bytes: sum.waste,
                example: sum.worst.map(|(_, object)| object),
            }
        })
        .collect();
    let result = match (n, found) {
        (0, _) => "nothing found".to_owned(),
        (n, true) => number::counted(n, "collection", "collections"),
        (n, false) => format!("{}, under 1 %", number::counted(n, "collection", "collections")),
    };
    Ok(SPARSE.answer(found, result, items))
}

/// So many empty collections of one type are a habit.
const MANY_EMPTY: u64 = 1_000;

pub(super) fn empty(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    /// Objects of one type.
    #[derive(Default)]
    struct Sum {
        n: u64,
        bytes: u64,
        first: Option<ObjectId>,
    }
    let kinds = kinds(reader);
    if kinds.iter().all(Option::is_none) && !reader.has_runtime_names() {
        return Ok(EMPTY.absent(reader));
    }
    let mut by_type: BTreeMap<TypeId, Sum> = BTreeMap::new();
    for (index, object) in subject.snapshot.objects.ids().enumerate() {
        if index.is_multiple_of(65_536) {
            job.tick(0)?;
        }
        let ty = subject.snapshot.objects.type_of(object);
        let is_vector = subject.snapshot.types.row(ty).shape == TypeShape::Vector;
        if !(is_vector || kinds[ty.index()].is_some()) || !subject.live(object) {
            continue;
        }
        let bytes = match kinds[ty.index()] {
            None if reader.len(object) == Some(0) => subject.snapshot.objects.size(object),
            // What it alone keeps: itself, and its store unless that is shared.
            Some(kind) if occupancy(reader, object, kind).is_some_and(|full| full.count == 0) => {
                subject.retained(object)
            }
            _ => continue,
        };
        let sum = by_type.entry(ty).or_default();
        // The first empty array of a type is the one to share.
        if is_vector && sum.first.is_none() {
            sum.first = Some(object);
            continue;
        }
        sum.n += 1;
        sum.bytes += bytes;
        sum.first = sum.first.or(Some(object));
    }
    by_type.retain(|_, sum| sum.n > 0);
    let bytes: u64 = by_type.values().map(|sum| sum.bytes).sum();
    let n: u64 = by_type.values().map(|sum| sum.n).sum();
    let found = by_type.values().any(|sum| sum.n >= MANY_EMPTY) || subject.is_notable(bytes);
    let items = by_type.into_iter().map(|(ty, sum)| {
        let text = format!("{} without an item", times(sum.n, &subject.snapshot.types.row(ty).display_name()));
        Item { text, objects: sum.n, bytes: sum.bytes, example: sum.first }
    });
    let result = match n {
        0 => "nothing found".to_owned(),
        n => format!("{}, {}", number::counted(n, "object", "objects"), number::size(bytes)),
    };
    Ok(EMPTY.answer(found, result, items.collect()))
}

/// Arrays smaller than this are not looked into.
const MIN_ARRAY: u64 = 1024;

pub(super) fn arrays(subject: &Subject<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let reader = Reader::new(subject.snapshot);
    let stores = collection_stores(subject, &reader, job)?;
    /// Arrays of one type.
    #[derive(Default)]
    struct Sum {
        n: u64,
        waste: u64,
        worst: Option<(u64, ObjectId)>,
    }
    let mut by_type: BTreeMap<(TypeId, bool), Sum> = BTreeMap::new();
    for_each_live_vector(subject, job, |object, row, size| {
        if size < MIN_ARRAY || stores.contains(object) {
            return;
        }
        let Some(elements) = reader.elements(object) else { return };
        let unit = usize::try_from(row.component_bytes).unwrap_or(1).max(1);
        let filled = elements.chunks_exact(unit).filter(|element| element.iter().any(|&byte| byte != 0)).count() as u64;
        let n = (elements.len() / unit) as u64;
        if filled * 10 > n {
            return;
        }
        let waste = (n - filled) * u64::from(row.component_bytes);
        let sum = by_type.entry((subject.snapshot.objects.type_of(object), filled == 0)).or_default();
        sum.n += 1;
        sum.waste += waste;
        if sum.worst.is_none_or(|(worst, _)| waste > worst) {
            sum.worst = Some((waste, object));
        }
    })?;
    let waste: u64 = by_type.values().map(|sum| sum.waste).sum();
    let n: u64 = by_type.values().map(|sum| sum.n).sum();
    let items = by_type
        .into_iter()
        .map(|((ty, is_zero), Sum { n, waste, worst })| {
            let row = subject.snapshot.types.row(ty);
            let state = match (is_zero, row.element_kind) {
                (true, Some(ElementType::Class)) => "all null",
                (true, _) => "all zero",
                (false, Some(ElementType::Class)) => "nine tenths null",
                (false, _) => "nine tenths zero",
            };
            Item {
                text: format!("{}, {state}", times(n, &row.display_name())),
                objects: n,
                bytes: waste,
                example: worst.map(|(_, object)| object),
            }
        })
        .collect();
    let found = subject.is_notable(waste);
    let result = match (n, found) {
        (0, _) => "nothing found".to_owned(),
        (n, true) => number::counted(n, "array", "arrays"),
        (n, false) => format!("{}, under 1 %", number::counted(n, "array", "arrays")),
    };
    Ok(ARRAYS.answer(found, result, items))
}

pub(super) fn large(subject: &Subject<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let reader = Reader::new(subject.snapshot);
    let mut items = Vec::new();
    let (mut n_large, mut tails) = (0u64, 0u64);
    for_each_live_vector(subject, job, |object, row, size| {
        if subject.snapshot.objects.generation(object) != Generation::Large {
            return;
        }
        n_large += 1;
        let Some(elements) = reader.elements(object) else { return };
        let tail = elements.iter().rev().take_while(|&&byte| byte == 0).count() as u64;
        if tail * 2 < size {
            return;
        }
        tails += tail;
        let used = number::share(size - tail, size);
        items.push(Item {
            text: format!("{} of {}, {used} used", row.display_name(), number::size(size)),
            objects: 1,
            bytes: tail,
            example: Some(object),
        });
    })?;
    let free = subject.snapshot.coverage.generations.iter().find(|totals| totals.generation == Generation::Large);
    let (n_free, free_bytes) = free.map_or((0, 0), |totals| (totals.n_free, totals.free_bytes));
    if n_large == 0 && free_bytes == 0 {
        return Ok(LARGE.answer(false, "no large objects".to_owned(), Vec::new()));
    }
    if free_bytes > 0 {
        let text = format!("free space in {}", number::counted(n_free, "block", "blocks"));
        items.push(Item { text, objects: n_free, bytes: free_bytes, example: None });
    }
    let found = subject.is_notable(tails + free_bytes);
    let result = format!(
        "{}, {} unused, {} free",
        number::counted(n_large, "array", "arrays"),
        number::size(tails),
        number::size(free_bytes)
    );
    Ok(LARGE.answer(found, result, items))
}

/// Arrays that are the store of a collection: the collection's own line speaks for them.
fn collection_stores(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<super::ObjectSet, Cancelled> {
    let kinds = kinds(reader);
    let mut stores = super::ObjectSet::new(subject.snapshot.objects.len());
    for (index, object) in subject.snapshot.objects.ids().enumerate() {
        if index.is_multiple_of(65_536) {
            job.tick(0)?;
        }
        let kind = kinds[subject.snapshot.objects.type_of(object).index()];
        if let Some(store) = kind.and_then(|kind| occupancy(reader, object, kind)).and_then(|full| full.store) {
            stores.insert(store);
        }
    }
    for &storage in &subject.graph.roots.static_storage {
        stores.insert(storage);
    }
    Ok(stores)
}

fn for_each_live_vector(
    subject: &Subject<'_>,
    job: &Job,
    mut visit: impl FnMut(ObjectId, &TypeRow, u64),
) -> Result<(), Cancelled> {
    for (index, object) in subject.snapshot.objects.ids().enumerate() {
        if index.is_multiple_of(65_536) {
            job.tick(0)?;
        }
        let row = subject.snapshot.type_of(object);
        if row.shape == TypeShape::Vector && subject.live(object) {
            visit(object, row, subject.snapshot.objects.size(object));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_are_told_by_name_and_nested_types_are_not() {
        let check = |name: &str, expected: Option<Kind>| assert_eq!(kind_of(name), expected, "{name}");
        check("System.Collections.Generic.List<System.String>", Some(Kind::Array));
        check("System.Collections.Generic.List<System.Collections.Generic.List<System.Int32>>", Some(Kind::Array));
        check("System.Collections.Generic.List<System.String>+Enumerator", None);
        check("System.Collections.Generic.List<System.String>[]", None);
        check("System.Collections.Concurrent.ConcurrentDictionary<System.Int32, Shop.Order>", Some(Kind::Concurrent));
        check("System.Collections.Hashtable", Some(Kind::Hashtable));
        check("Shop.List<System.String>", None);
    }
}
