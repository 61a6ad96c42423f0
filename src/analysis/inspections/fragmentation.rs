//! Free space between objects, and what pins it there.

use super::{Description, FLOOR_BYTES, Inspection, Item, Subject};
use crate::base::{Cancelled, Generation, Job, RootKind, number};
use crate::snapshot::{ObjectId, TypeShape};

const FRAGMENTATION: Description = Description {
    name: "fragmentation",
    title: "Pinning, fragmentation",
    definition: "free blocks between objects, per generation, and the pinned objects behind them",
    threshold: "free space 30 % or more of a generation",
    remedy: "pin for short times, or rent pinned buffers from the pinned object heap once",
};

/// Smallest free block that is worth a line of its own.
const MIN_BLOCK: u64 = 4 * 1024;

pub(super) fn inspect(subject: &Subject<'_>, job: &Job) -> Result<Inspection, Cancelled> {
    let snapshot = subject.snapshot;
    let pinned: std::collections::BTreeSet<ObjectId> = subject
        .graph
        .roots
        .roots
        .iter()
        .filter(|root| matches!(root.kind, RootKind::PinnedHandle | RootKind::AsyncPinnedHandle))
        .map(|root| root.object)
        .collect();
    let mut items = Vec::new();
    let mut generations = Vec::new();
    let mut free_bytes = 0u64;
    let mut used_bytes = 0u64;
    for totals in &snapshot.coverage.generations {
        free_bytes += totals.free_bytes;
        used_bytes += totals.object_bytes;
        let all = totals.free_bytes + totals.object_bytes;
        let fragmented = totals.free_bytes >= FLOOR_BYTES && totals.free_bytes * 10 >= all * 3;
        if fragmented {
            generations.push(totals.generation);
            let n_pinned =
                pinned.iter().filter(|&&object| snapshot.objects.generation(object) == totals.generation).count();
            let pins = match totals.generation {
                // Nothing there is ever moved, whether a handle pins it or not.
                Generation::Pinned => "between objects that never move".to_owned(),
                _ => format!("{} pinned", number::counted(n_pinned as u64, "object", "objects")),
            };
            items.push(Item {
                text: format!(
                    "{}: {} free in {}, {pins}",
                    place(totals.generation),
                    number::share(totals.free_bytes, all),
                    number::counted(totals.n_free, "block", "blocks"),
                ),
                objects: totals.n_free,
                bytes: totals.free_bytes,
                example: None,
            });
        }
    }
    let found = !items.is_empty();
    let result = format!(
        "{} free, {}",
        number::share(free_bytes, free_bytes + used_bytes),
        number::counted(pinned.len() as u64, "pinned object", "pinned objects")
    );
    if found {
        items.extend(blocks(subject, &pinned, &generations, job)?);
    }
    let mut inspection = FRAGMENTATION.answer(found, result, items);
    inspection.bytes = free_bytes;
    inspection.objects = pinned.len() as u64;
    Ok(inspection)
}

/// `generation 0`, `pinned object heap`.
fn place(generation: Generation) -> String {
    match generation {
        Generation::Large => "large object heap".to_owned(),
        Generation::Pinned => "pinned object heap".to_owned(),
        _ => format!("generation {}", generation.label()),
    }
}

/// The largest free blocks of `generations` and what follows each: often the object that could not move.
fn blocks(
    subject: &Subject<'_>,
    pinned: &std::collections::BTreeSet<ObjectId>,
    generations: &[Generation],
    job: &Job,
) -> Result<Vec<Item>, Cancelled> {
    let snapshot = subject.snapshot;
    let mut blocks: Vec<(u64, ObjectId)> = Vec::new();
    for (index, object) in snapshot.objects.ids().enumerate() {
        if index.is_multiple_of(65_536) {
            job.tick(0)?;
        }
        let is_free = snapshot.type_of(object).shape == TypeShape::Free;
        let size = if is_free { snapshot.objects.size(object) } else { 0 };
        if size >= MIN_BLOCK && generations.contains(&snapshot.objects.generation(object)) {
            blocks.push((size, object));
        }
    }
    blocks.sort_unstable_by_key(|&(size, object)| (std::cmp::Reverse(size), object));
    blocks.truncate(20);
    Ok(blocks
        .into_iter()
        .map(|(size, block)| {
            let next = ObjectId(block.0 + 1);
            let end = snapshot.objects.address(block).checked_add(size);
            let is_next = next.index() < snapshot.objects.len() && Some(snapshot.objects.address(next)) == end;
            let follower = if is_next && snapshot.is_object(next) {
                let what = snapshot.type_of(next).display_name();
                if pinned.contains(&next) { format!("pinned {what} follows") } else { format!("{what} follows") }
            } else {
                "the end of its segment follows".to_owned()
            };
            Item {
                text: format!("free block of {}: {follower}", number::size(size)),
                objects: 1,
                bytes: size,
                example: Some(block),
            }
        })
        .collect())
}
