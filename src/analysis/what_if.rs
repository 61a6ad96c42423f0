//! What comes back when references go: the objects and bytes that roots hold now and would not hold then, by type.
//!
//! One walk over the live heap answers it exactly, whatever is taken away and in whatever combination. The walk's result
//! stays in the answer, so that every question about paths can be asked again without what is ignored.

use super::reachability::{Amount, sum_entries};
use super::{Cut, Heap, Ignore, ObjectSet, Reachability, ReachabilityOptions, reachability};
use crate::base::{Cancelled, Job};
use crate::snapshot::{ObjectId, TypeId};

/// Objects of one type that come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreedType {
    /// Which.
    pub ty: TypeId,
    /// How many of it, and their bytes.
    pub freed: Amount,
}

/// What is alive without the ignored, and what comes back.
#[derive(Clone, Debug)]
pub struct WhatIf {
    /// What is alive without it. Put it into a [`Heap`] in place of the other: paths, holders and path trees then leave
    /// out what is ignored.
    pub reachability: Reachability,
    /// What roots hold with it.
    pub before: Amount,
    /// What roots hold without it.
    pub after: Amount,
    /// What comes back: an ignored object itself, too.
    pub freed: Amount,
    /// The same by type, biggest first.
    pub by_type: Vec<FreedType>,
}

/// What comes back of `heap` when `ignored` goes. Words on stacks count as they do in `heap.reachability`.
///
/// Cost: a walk over the live heap and a pass over all objects, some 50 ns an object together.
///
/// # Errors
/// [`Cancelled`] when the job was.
pub fn what_if(heap: &Heap<'_>, ignored: &[Ignore], job: &Job) -> Result<WhatIf, Cancelled> {
    let before = heap.reachability;
    let cut = Cut::new(heap.snapshot, heap.graph, ignored, job)?;
    let options = ReachabilityOptions { stack: before.with_stack(), cut: Some(&cut) };
    let after = reachability(heap.snapshot, heap.graph, options, job)?;
    let n_types = heap.snapshot.types.len();
    let sums = sum_entries(
        heap.snapshot,
        job,
        Vec::new,
        |sums: &mut Vec<Amount>, entry| {
            if before.is_alive(entry.id) && !after.is_alive(entry.id) {
                sums.resize(n_types, Amount::default());
                sums[entry.ty.index()].add(entry.size);
            }
        },
        |mut a, b| {
            if a.is_empty() {
                return b;
            }
            a.iter_mut().zip(b).for_each(|(a, b)| *a = *a + b);
            a
        },
    )?;
    let mut by_type: Vec<FreedType> = (0..)
        .map(TypeId)
        .zip(sums)
        .filter(|(_, freed)| freed.count > 0)
        .map(|(ty, freed)| FreedType { ty, freed })
        .collect();
    by_type.sort_by_key(|row| (std::cmp::Reverse((row.freed.bytes, row.freed.count)), row.ty));
    let freed = by_type.iter().fold(Amount::default(), |sum, row| sum + row.freed);
    Ok(WhatIf { before: before.total(), after: after.total(), freed, by_type, reachability: after })
}

impl WhatIf {
    /// True when `object` comes back. `before` is what [`what_if`] was asked with.
    #[must_use]
    pub fn comes_back(&self, before: &Reachability, object: ObjectId) -> bool {
        before.is_alive(object) && !self.reachability.is_alive(object)
    }

    /// Everything that comes back. Cost: one pass over the columns.
    #[must_use]
    pub fn freed_objects(&self, before: &Reachability, n_ids: usize) -> ObjectSet {
        let mut set = ObjectSet::new(n_ids);
        for object in (0..n_ids as u32).map(ObjectId).filter(|&object| self.comes_back(before, object)) {
            set.insert(object);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::path_tree::{Page, holders};
    use crate::analysis::root_path;
    use crate::analysis::tests::with_heap;
    use crate::base::{HandleKind, RootKind};
    use crate::snapshot::RootId;
    use crate::synth::graph::GraphSpec;
    use crate::synth::heap::{HeapBuilder, Kind};
    use crate::synth::sample::sample;

    /// What is alive by the plainest means: lists, and a stack.
    fn marked(lists: &[Vec<u32>], roots: &[u32], is_gone: impl Fn(u32) -> bool, cut: Option<(u32, u32)>) -> Vec<bool> {
        let mut alive = vec![false; lists.len()];
        let mut stack: Vec<u32> = roots.iter().copied().filter(|&root| !is_gone(root)).collect();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut alive[at as usize], true) {
                let next = lists[at as usize].iter().copied();
                stack.extend(next.filter(|&to| !is_gone(to) && cut != Some((at, to))));
            }
        }
        alive
    }

    fn check(lists: &[Vec<u32>], roots: &[u32], ignored: &Ignore) {
        let (gone, edge, root) = match *ignored {
            Ignore::Object(object) => (Some(object.0), None, None),
            Ignore::Edge { from, to } => (None, Some((from.0, to.0)), None),
            Ignore::Root(root) => (None, None, Some(root.index())),
            _ => unreachable!("not of a graph without types"),
        };
        let left: Vec<u32> =
            roots.iter().enumerate().filter(|&(index, _)| Some(index) != root).map(|(_, &object)| object).collect();
        let before = marked(lists, roots, |_| false, None);
        let after = marked(lists, &left, |object| Some(object) == gone, edge);
        with_heap(&GraphSpec::from_lists(lists).with_handles(roots).build(), |heap| {
            let answer = what_if(heap, std::slice::from_ref(ignored), &Job::new()).unwrap();
            let mut expected = Amount::default();
            for object in heap.snapshot.objects.ids() {
                let is_freed = before[object.index()] && !after[object.index()];
                assert_eq!(answer.comes_back(heap.reachability, object), is_freed, "{object:?} {ignored:?} {lists:?}");
                if is_freed {
                    expected.add(heap.snapshot.objects.size(object));
                }
            }
            assert_eq!(answer.freed, expected);
            assert_eq!(answer.before, answer.after + answer.freed);
            let of_types = answer.by_type.iter().fold(Amount::default(), |sum, row| sum + row.freed);
            assert_eq!(of_types, expected);
            // Every path of what is left is made of references that are left.
            let rest = heap.without(Some(&answer));
            for object in heap.snapshot.objects.ids() {
                let path = root_path(&rest, object, &Job::new()).unwrap();
                assert_eq!(path.is_some(), after[object.index()]);
                for pair in path.iter().flat_map(|path| path.objects.windows(2)) {
                    assert!(lists[pair[0].index()].contains(&pair[1].0));
                    assert_ne!(edge, Some((pair[0].0, pair[1].0)));
                    assert_ne!(gone, Some(pair[0].0));
                }
                let level = holders(&rest, object, &[], Page::FIRST, &Job::new()).unwrap();
                assert!(level.rows.iter().all(|row| edge != Some((row.object.0, object.0))));
                assert_eq!(!level.nothing_holds_it(), after[object.index()], "{object:?}");
            }
        });
    }

    fn graphs() -> impl Strategy<Value = (Vec<Vec<u32>>, Vec<u32>)> {
        (1_usize..30).prop_flat_map(|n| {
            let lists = prop::collection::vec(prop::collection::vec(0..n as u32, 0..5), n);
            (lists, prop::collection::vec(0..n as u32, 0..4))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_goes_is_what_a_new_walk_no_longer_finds((lists, roots) in graphs(), pick in any::<prop::sample::Index>()) {
            let n = lists.len() as u32;
            check(&lists, &roots, &Ignore::Object(ObjectId(pick.index(n as usize) as u32)));
            if !roots.is_empty() {
                check(&lists, &roots, &Ignore::Root(RootId(pick.index(roots.len()) as u32)));
            }
            let edges: Vec<(u32, u32)> =
                (0..n).flat_map(|from| lists[from as usize].iter().map(move |&to| (from, to))).collect();
            if !edges.is_empty() {
                let (from, to) = edges[pick.index(edges.len())];
                check(&lists, &roots, &Ignore::Edge { from: ObjectId(from), to: ObjectId(to) });
            }
        }
    }

    #[test]
    fn a_field_goes_in_objects_in_structs_and_in_arrays_of_structs() {
        let mut heap = HeapBuilder::new();
        let held = heap.class("App.Held", &[]);
        let entry = heap.structure("App.Entry", &[("key", Kind::Reference), ("value", Kind::Reference)]);
        let entries = heap.vector("App.Entry[]", Kind::Struct(entry));
        let owner = heap.class("App.Owner", &[("first", Kind::Reference), ("pair", Kind::Struct(entry))]);
        let (array, a, b) = (heap.array(entries, 100), heap.object(owner), heap.object(owner));
        let held: Vec<ObjectId> = (0..104).map(|_| heap.object(held)).collect();
        for index in 0..100 {
            let field = if index % 2 == 0 { "value" } else { "key" };
            heap.set_in_element(array, index, field, held[index as usize]);
        }
        // What both fields of one element hold stays when one of them goes.
        heap.set_in_element(array, 1, "value", held[1]);
        heap.set(a, "pair.value", held[100]);
        heap.set(a, "pair.key", held[101]);
        heap.set(a, "first", held[102]);
        heap.set(b, "pair.value", held[102]);
        for object in [array, a, b] {
            heap.handle(HandleKind::Strong, object);
        }
        with_heap(&heap.build(), |heap| {
            let entry = heap.snapshot.types.iter().find(|(_, row)| row.name.known() == Some("App.Entry")).unwrap().0;
            let field = Ignore::Field { declaring: entry, name: "value".into() };
            let answer = what_if(heap, &[field], &Job::new()).unwrap();
            assert_eq!(answer.freed.count, 50 + 1);
        });
    }

    #[test]
    fn several_at_once_are_more_than_their_sum() {
        // Two roots hold the same: neither alone frees it.
        let graph = GraphSpec::from_lists(&[vec![2], vec![2], vec![3], vec![]]).with_handles(&[0, 1]).build();
        with_heap(&graph, |heap| {
            let freed = |roots: &[u32]| {
                let ignored: Vec<Ignore> = roots.iter().map(|&root| Ignore::Root(RootId(root))).collect();
                what_if(heap, &ignored, &Job::new()).unwrap().freed.count
            };
            assert_eq!((freed(&[]), freed(&[0]), freed(&[1]), freed(&[0, 1])), (0, 1, 1, 4));
        });
    }

    #[test]
    fn the_event_frees_the_workers_by_type() {
        with_heap(&sample(), |heap| {
            let is_shutdown = |root: &crate::snapshot::Root| root.kind == RootKind::Static && root.row == Some(0);
            let shutdown = heap.graph.roots.roots.iter().position(is_shutdown).unwrap();
            let answer = what_if(heap, &[Ignore::Root(RootId(shutdown as u32))], &Job::new()).unwrap();
            let of = |name: &str| {
                let is = |row: &&FreedType| heap.snapshot.types.row(row.ty).name.known() == Some(name);
                answer.by_type.iter().find(is).map(|row| row.freed.count)
            };
            assert_eq!((of("Corpus.Seed.Worker"), of("System.EventHandler")), (Some(2984), Some(2984 + 3000 + 1)));
            assert!(answer.by_type.is_sorted_by_key(|row| std::cmp::Reverse(row.freed.bytes)));
        });
    }
}
