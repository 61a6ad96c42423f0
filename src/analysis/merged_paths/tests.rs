//! Merged paths against the plain paths of each object, laid on one another by hand.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::analysis::path_tree::Page;
use crate::analysis::tests::with_heap;
use crate::analysis::{Heap, root_path};
use crate::base::{HandleKind, Job};
use crate::synth::graph::GraphSpec;
use crate::synth::heap::{HeapBuilder, Kind};
use crate::synth::sample::sample;

const ALL: Page = Page { skip: 0, take: usize::MAX };

/// Counts by the names of the rows from the top.
type Counts = BTreeMap<Vec<String>, (u64, u64)>;

/// The whole tree, unfolded.
fn unfolded(heap: &Heap<'_>, asked: &[ObjectId], grouping: MergedGrouping) -> Counts {
    let job = Job::new();
    let tree = MergedPaths::new(heap, asked, &job).unwrap();
    let mut counts = Counts::new();
    let mut open: Vec<(Vec<String>, MergedRow)> = Vec::new();
    let mut note = |way: &[String], level: MergedLevel, open: &mut Vec<(Vec<String>, MergedRow)>| {
        assert_eq!(level.n_rows, level.rows.len() as u64);
        for row in level.rows {
            let name = match &row.key {
                MergedKey::Root(name) => name.clone(),
                MergedKey::Object(object) => format!("#{}", object.0),
                MergedKey::Type(ty) => heap.snapshot.types.row(*ty).display_name(),
            };
            let mut way = way.to_vec();
            way.push(name);
            let before = counts.insert(way.clone(), (row.through.count, row.through.bytes));
            assert_eq!(before, None, "{way:?} twice");
            open.push((way, row));
        }
    };
    let top = tree.top(heap, grouping, ALL, &job).unwrap();
    note(&[], top, &mut open);
    while let Some((way, row)) = open.pop() {
        let level = tree.unfold(heap, grouping, &row, ALL, &job).unwrap();
        assert_eq!(row.unfolds, !level.rows.is_empty(), "{way:?}");
        note(&way, level, &mut open);
    }
    counts
}

/// The same, path by path.
fn expected(heap: &Heap<'_>, asked: &[ObjectId], grouping: MergedGrouping) -> Counts {
    let mut counts = Counts::new();
    for &object in asked {
        let Some(path) = root_path(heap, object, &Job::new()).unwrap() else { continue };
        let mut way: Vec<String> = match grouping {
            MergedGrouping::FromRootsByObject => path.objects.iter().map(|object| format!("#{}", object.0)).collect(),
            _ => path.objects.iter().map(|&object| heap.snapshot.type_of(object).display_name()).collect(),
        };
        way.dedup();
        match grouping {
            MergedGrouping::FromRootsByObject => way.insert(0, path.start.name(heap)),
            MergedGrouping::FromRootsByType => way.insert(0, path.start.shape(heap)),
            MergedGrouping::ToRootsByType => {
                way.reverse();
                way.push(path.start.shape(heap));
            }
        }
        for end in 1..=way.len() {
            let sum = counts.entry(way[..end].to_vec()).or_default();
            sum.0 += 1;
            sum.1 += heap.snapshot.objects.size(object);
        }
    }
    counts
}

fn check(heap: &Heap<'_>, asked: &[ObjectId]) {
    for grouping in MergedGrouping::ALL {
        assert_eq!(unfolded(heap, asked, grouping), expected(heap, asked, grouping), "{grouping:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn merged_is_what_the_paths_are_laid_on_one_another(
        types in prop::collection::vec(0_usize..3, 1..25),
        edges in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..3), 0..60),
        roots in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        asked in prop::collection::vec(any::<prop::sample::Index>(), 0..25),
    ) {
        let mut heap = HeapBuilder::new();
        let fields = [("a", Kind::Reference), ("b", Kind::Reference), ("c", Kind::Reference)];
        let classes = [heap.class("App.A", &fields), heap.class("App.B", &fields), heap.class("App.C", &fields)];
        let objects: Vec<ObjectId> = types.iter().map(|&ty| heap.object(classes[ty])).collect();
        for (from, to, field) in edges {
            heap.set(*from.get(&objects), fields[field].0, *to.get(&objects));
        }
        for (index, root) in roots.iter().enumerate() {
            match index {
                0 => heap.static_field(classes[0], "first", Some(*root.get(&objects))),
                _ => heap.handle(HandleKind::Strong, *root.get(&objects)),
            }
        }
        let built = heap.build();
        with_heap(&built, |heap| {
            let of_program: Vec<ObjectId> = heap
                .snapshot
                .objects
                .ids()
                .filter(|&id| heap.snapshot.type_of(id).name.known().is_some_and(|name| name.starts_with("App.")))
                .collect();
            let mut asked: Vec<ObjectId> = asked.iter().map(|index| *index.get(&of_program)).collect();
            asked.sort_unstable();
            asked.dedup();
            // A chain of one type is one row by object: that is not what the plain paths say, so only by type here.
            for grouping in [MergedGrouping::FromRootsByType, MergedGrouping::ToRootsByType] {
                assert_eq!(unfolded(heap, &asked, grouping), expected(heap, &asked, grouping), "{grouping:?}");
            }
        });
    }
}

#[test]
fn three_thousand_workers_hang_on_one_event() {
    with_heap(&sample(), |heap| {
        let is = |&id: &ObjectId| heap.snapshot.type_of(id).name.known() == Some("Corpus.Seed.Worker");
        let workers: Vec<ObjectId> = heap.snapshot.objects.ids().filter(is).collect();
        check(heap, &workers);
        let job = Job::new();
        let tree = MergedPaths::new(heap, &workers, &job).unwrap();
        assert_eq!((tree.held().count, tree.unheld().count), (3000, 0));
        let grouping = MergedGrouping::FromRootsByObject;
        let top = tree.top(heap, grouping, Page::FIRST, &job).unwrap();
        let root = |name: &str| MergedKey::Root(name.to_owned());
        assert_eq!(top.rows[0].key, root("static Corpus.Seed.Dispatcher.Shutdown"));
        assert_eq!(top.rows[0].through.count, 2984);
        let mut row = top.rows[0].clone();
        let mut names = Vec::new();
        while row.unfolds {
            row = tree.unfold(heap, grouping, &row, Page { skip: 0, take: 1 }, &job).unwrap().rows[0].clone();
            names.push(row.via.clone());
        }
        let names: Vec<Option<&str>> = names.iter().map(Option::as_deref).collect();
        assert_eq!(names, [None, Some("_invocationList"), Some("[0]"), Some("_target")]);
        assert_eq!(row.here, 1);
    });
}

#[test]
fn a_long_list_is_one_row_and_a_hub_is_paged() {
    let n = 100_000_u32;
    let list: Vec<Vec<u32>> = (0..n).map(|id| if id + 1 < n { vec![id + 1] } else { vec![] }).collect();
    with_heap(&GraphSpec::from_lists(&list).with_handles(&[0]).build(), |heap| {
        let asked: Vec<ObjectId> = (0..n).map(ObjectId).collect();
        let job = Job::new();
        let tree = MergedPaths::new(heap, &asked, &job).unwrap();
        for grouping in MergedGrouping::ALL {
            let top = tree.top(heap, grouping, Page::FIRST, &job).unwrap();
            let below = tree.unfold(heap, grouping, &top.rows[0], Page::FIRST, &job).unwrap();
            assert_eq!((top.n_rows, below.n_rows), (1, 1), "{grouping:?}");
            assert_eq!(below.rows[0].through.count, u64::from(n));
            let last = tree.unfold(heap, grouping, &below.rows[0], Page::FIRST, &job).unwrap();
            assert!(last.rows.is_empty(), "{grouping:?}");
            if grouping != MergedGrouping::ToRootsByType {
                assert_eq!((below.rows[0].longest_run, below.rows[0].here), (u64::from(n), u64::from(n)));
            }
        }
    });
    let hub: Vec<Vec<u32>> = std::iter::once((1..n).collect()).chain((1..n).map(|_| vec![])).collect();
    with_heap(&GraphSpec::from_lists(&hub).with_handles(&[0]).build(), |heap| {
        let asked: Vec<ObjectId> = (1..n).map(ObjectId).collect();
        let job = Job::new();
        let tree = MergedPaths::new(heap, &asked, &job).unwrap();
        let grouping = MergedGrouping::FromRootsByObject;
        let mut row = tree.top(heap, grouping, Page::FIRST, &job).unwrap().rows[0].clone();
        row = tree.unfold(heap, grouping, &row, Page::FIRST, &job).unwrap().rows[0].clone();
        let page = tree.unfold(heap, grouping, &row, Page { skip: 90_000, take: 7 }, &job).unwrap();
        assert_eq!((page.n_rows, page.rows.len()), (u64::from(n) - 1, 7));
        assert!(page.rows.is_sorted_by_key(|row| std::cmp::Reverse(row.through.bytes)));
    });
}
