//! Static collections and caches with many entries and no bound.

use std::collections::BTreeSet;

use super::collections::{Kind, kinds, occupancy};
use super::{Description, FLOOR_BYTES, Inspection, Item, Reader, Subject};
use crate::base::{Cancelled, Job, number};
use crate::snapshot::{ObjectId, StaticRow, TypeShape};

const GROWTH: Description = Description {
    name: "growing-collections",
    title: "Growing statics, caches",
    definition: "collections that hang on a static field, directly or through a few objects",
    threshold: "collection without bound, 1,000 entries or more",
    remedy: "bound the cache (size limit, expiry), or remove entries when their owner goes",
};

/// Entries that are called many.
const MIN_ENTRIES: u64 = 1_000;
/// References followed from the static field to a collection: field, cache, its state, its table.
const MAX_DEPTH: usize = 4;
/// Objects looked at for one static field.
const MAX_VISITED: usize = 256;

pub(super) fn inspect(subject: &Subject<'_>, reader: &Reader<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let statics = &subject.graph.roots.statics;
    if statics.iter().all(|row| row.name.is_none()) {
        return Ok(GROWTH.not_possible("static fields have no names in this dump".to_owned()));
    }
    let kinds = kinds(reader);
    let mut told: BTreeSet<ObjectId> = BTreeSet::new();
    let mut items = Vec::new();
    let mut largest = 0u64;
    for row in statics {
        job.tick(0)?;
        let Some(start) = row.object else { continue };
        for (collection, count) in collections_below(subject, reader, &kinds, start) {
            largest = largest.max(count);
            let bytes = subject.retained(collection).max(subject.retained(start));
            if count < MIN_ENTRIES || bytes < FLOOR_BYTES || !told.insert(collection) {
                continue;
            }
            let through =
                if collection == start { String::new() } else { format!(" through {}", reader.type_name(start)) };
            items.push(Item {
                text: format!(
                    "static {}: {} entries in {}{through}",
                    static_name(subject, row),
                    number::count(count),
                    reader.type_name(collection)
                ),
                objects: count,
                bytes,
                example: Some(collection),
            });
        }
    }
    let found = !items.is_empty();
    let result = if found {
        number::counted(items.len() as u64, "collection", "collections")
    } else {
        format!("at most {} entries", number::count(largest))
    };
    Ok(GROWTH.answer(found, result, items))
}

/// Collections that `start` is or leads to within a few references, arrays and delegates not entered, with their counts.
fn collections_below(
    subject: &Subject<'_>,
    reader: &Reader<'_>,
    kinds: &[Option<Kind>],
    start: ObjectId,
) -> Vec<(ObjectId, u64)> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([start]);
    let mut level = vec![start];
    for _ in 0..=MAX_DEPTH {
        let mut next = Vec::new();
        for object in level {
            let kind = kinds[subject.snapshot.objects.type_of(object).index()];
            if let Some(full) = kind.and_then(|kind| occupancy(reader, object, kind)) {
                found.push((object, full.count));
                continue;
            }
            if subject.snapshot.type_of(object).shape != TypeShape::Class {
                continue;
            }
            for target in subject.graph.references.of(object) {
                if seen.len() < MAX_VISITED && seen.insert(target) {
                    next.push(target);
                }
            }
        }
        level = next;
    }
    found
}

fn static_name(subject: &Subject<'_>, row: &StaticRow) -> String {
    let owner = subject.snapshot.types.row(row.declaring).display_name();
    format!("{owner}.{}", row.name.as_deref().unwrap_or("?"))
}
