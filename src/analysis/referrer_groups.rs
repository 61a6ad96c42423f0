//! Who refers to a hub, in a few lines: its referrers by type and field, `18,204 × Dictionary<…>+Entry[].value`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Heap;
use crate::base::{Cancelled, Job};
use crate::snapshot::{ObjectId, TypeId};

/// Referrers of one type through one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrerGroup {
    /// Their type.
    pub ty: TypeId,
    /// The field: `_next`, `[].value` for any element of an array; `None` where it cannot be read.
    pub field: Option<String>,
    /// Referrers.
    pub count: u64,
    /// Those among them that something holds.
    pub n_alive: u64,
    /// The first of them, one that something holds where there is one.
    pub example: ObjectId,
}

/// Where a reference stands, the same for all elements of an array.
type Place = (TypeId, Option<u64>);

/// Groups the referrers of `object`, most first. Each counts once, by its first reference.
///
/// Cost: reads every referrer from the dump, some 200 ns each, in parallel.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn referrer_groups(heap: &Heap<'_>, object: ObjectId, job: &Job) -> Result<Vec<ReferrerGroup>, Cancelled> {
    const BATCH: usize = 1 << 12;
    let (snapshot, reach) = (heap.snapshot, heap.reachability);
    let mut referrers: Vec<ObjectId> = heap.referrers.of(object).collect();
    referrers.dedup();
    let place = |from: ObjectId| -> Place {
        let ty = snapshot.objects.type_of(from);
        let row = snapshot.types.row(ty);
        let offset = snapshot.slot_to(from, object).map(|offset| match offset.checked_sub(row.elements_at()) {
            Some(inside) if row.is_array() => {
                row.elements_at() + inside.checked_rem(u64::from(row.component_bytes)).unwrap_or(inside)
            }
            _ => offset,
        });
        (ty, offset)
    };
    type Groups = BTreeMap<Place, (u64, u64, (bool, ObjectId))>;
    let batches: Vec<Groups> = referrers
        .par_chunks(BATCH)
        .map(|batch| {
            job.tick(0)?;
            let mut groups = Groups::new();
            for &from in batch.iter().filter(|&&from| reach.lets(snapshot, heap.graph, from, object)) {
                let is_alive = reach.is_alive(from);
                let group = groups.entry(place(from)).or_insert((0, 0, (!is_alive, from)));
                group.0 += 1;
                group.1 += u64::from(is_alive);
                group.2 = group.2.min((!is_alive, from));
            }
            Ok(groups)
        })
        .collect::<Result<_, Cancelled>>()?;
    let mut all = Groups::new();
    for (place, (count, n_alive, example)) in batches.into_iter().flatten() {
        let group = all.entry(place).or_insert((0, 0, example));
        *group = (group.0 + count, group.1 + n_alive, group.2.min(example));
    }
    let mut groups: Vec<ReferrerGroup> = all
        .into_iter()
        .map(|((ty, _), (count, n_alive, (_, example)))| ReferrerGroup {
            ty,
            field: heap.edge_name(example, object).map(|name| without_index(&name)),
            count,
            n_alive,
            example,
        })
        .collect();
    // They come by type and place; that stays for ties.
    groups.sort_by_key(|group| Reverse((group.count, group.n_alive)));
    Ok(groups)
}

/// `[].value` of `[17].value`.
fn without_index(name: &str) -> String {
    match name.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => format!("[]{rest}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::tests::with_heap;
    use crate::base::HandleKind;
    use crate::synth::heap::{HeapBuilder, Kind};

    #[test]
    fn elements_of_arrays_are_one_field() {
        let mut heap = HeapBuilder::new();
        let hub = heap.class("App.Hub", &[]);
        let user = heap.class("App.User", &[("first", Kind::Reference), ("hub", Kind::Reference)]);
        let entry = heap.structure("App.Entry", &[("key", Kind::Reference), ("value", Kind::Reference)]);
        let entries = heap.vector("App.Entry[]", Kind::Struct(entry));
        let hub = heap.object(hub);
        let users: Vec<ObjectId> = (0..10_000).map(|_| heap.object(user)).collect();
        users.iter().for_each(|&user| heap.set(user, "hub", hub));
        heap.set(users[7], "first", hub);
        for index in 0..3 {
            let array = heap.array(entries, 8);
            heap.set_in_element(array, index, "value", hub);
        }
        heap.handle(HandleKind::Strong, users[9]);
        let built = heap.build();
        let (snapshot, groups) = (&built.0, with_heap(&built, |heap| referrer_groups(heap, hub, &Job::new())).unwrap());
        let lines: Vec<(String, &str, u64, u64)> = groups
            .iter()
            .map(|group| {
                let name = snapshot.types.row(group.ty).display_name();
                (name, group.field.as_deref().unwrap(), group.count, group.n_alive)
            })
            .collect();
        let line = |ty: &str, field, count, n_alive| (ty.to_owned(), field, count, n_alive);
        assert_eq!(
            lines,
            [line("App.User", "hub", 9_999, 1), line("App.Entry[]", "[].value", 3, 0), line("App.User", "first", 1, 0)]
        );
        assert_eq!(groups[0].example, users[9], "one that something holds");
    }
}
