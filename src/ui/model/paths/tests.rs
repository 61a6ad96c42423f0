//! Paths of heaps made by hand, line by line.

use super::*;
use crate::analysis::different_paths::different_paths;
use crate::analysis::tests::with_heap;
use crate::synth::heap::{HeapBuilder, Kind};
use crate::synth::sample::seed;
use crate::ui::tests::{instance, three_roots};

#[test]
fn steps_inside_collections_fold_to_key_and_index() {
    let value = |snapshot: &HeapSnapshot| {
        let is = |object: &ObjectId| snapshot.string(*object, 40).is_some_and(|text| text.text == "concurrent");
        snapshot.objects.ids().find(is).unwrap()
    };
    let paths = ask(seed(100, 4), |snapshot| PathQuery::new(value(snapshot)));
    assert_eq!(
        words(&paths),
        [
            "System.String",
            "[\"GC\"] of System.Collections.Generic.Dictionary<System.String, System.Object>",
            "static System.AppContext.s_dataStore",
        ]
    );
    let paths = ask(seed(100, 4), |snapshot| PathQuery { internals: true, ..PathQuery::new(value(snapshot)) });
    assert!(words(&paths)[1].starts_with("[1].value of "), "{:?}", words(&paths));
}

fn ask(heap: (HeapSnapshot, crate::snapshot::HeapGraph), query: impl Fn(&HeapSnapshot) -> PathQuery) -> Paths {
    with_heap(&heap, |heap| {
        let (query, job) = (query(heap.snapshot), Job::new());
        let different = (query.n_further > 0).then(|| different_paths(heap, query.object, &job).unwrap());
        paths(heap, &query, different.as_ref(), &job).unwrap()
    })
}

fn words(paths: &Paths) -> Vec<String> {
    paths
        .lines
        .iter()
        .map(|line| {
            let words = match &line.kind {
                LineKind::Subject(node) => node.type_name.clone(),
                LineKind::Step { via, node, .. } => {
                    format!("{} of {}", via.as_deref().unwrap_or("?"), node.type_name)
                }
                LineKind::Further { index, n_holders, n_shared, .. } => {
                    format!("path {index}, {n_shared} of {n_holders} above")
                }
                LineKind::Fork { node, n_more, root, .. } => {
                    format!("fork {} {:?} {}", node.type_name, n_more, root.as_ref().map_or("", |root| &root.1))
                }
                LineKind::Root(root) => format!("{} {}", root.kind.label(), root.name),
                LineKind::Run { n, .. } => format!("{n} more"),
                LineKind::Cycle { .. } => "cycle".to_owned(),
                LineKind::More { n, .. } => format!("{n} referrers"),
            };
            format!("{}{words}", "  ".repeat(line.depth))
        })
        .collect()
}

#[test]
fn the_leaking_worker_hangs_on_the_event() {
    let paths = ask(seed(100, 4), |snapshot| PathQuery::new(instance(snapshot, "Corpus.Seed.Worker", 7)));
    assert_eq!(
        words(&paths),
        [
            "Corpus.Seed.Worker",
            "_target of System.EventHandler",
            "[7] of System.Object[128]",
            "_invocationList of System.EventHandler",
            "static Corpus.Seed.Dispatcher.Shutdown",
        ]
    );
    assert_eq!((paths.n_paths, paths.n_roots), (1, 1));
    assert!(paths.text.contains("static Corpus.Seed.Dispatcher.Shutdown"), "{}", paths.text);
}

#[test]
fn another_holder_is_a_fork_that_unfolds() {
    let worker = |snapshot: &HeapSnapshot| instance(snapshot, "Corpus.Seed.Worker", 97);
    let paths = ask(seed(100, 4), |snapshot| PathQuery::new(worker(snapshot)));
    let fork = paths.lines.iter().find_map(|line| match &line.kind {
        LineKind::Fork { key, .. } => Some(key.clone()),
        _ => None,
    });
    assert_eq!(paths.n_roots, 2);
    let key = fork.unwrap();
    let open = ask(seed(100, 4), |snapshot| {
        let mut query = PathQuery::new(worker(snapshot));
        query.open.insert(key.clone());
        query
    });
    assert!(open.lines.len() > paths.lines.len());
    assert!(
        open.lines.iter().any(|line| line.depth == 1 && matches!(line.kind, LineKind::Root(_))),
        "{:?}",
        words(&open)
    );
}

#[test]
fn a_long_list_is_counted_and_a_cycle_is_marked() {
    let mut heap = HeapBuilder::new();
    let node = heap.class("App.Node", &[("next", Kind::Reference), ("previous", Kind::Reference)]);
    let nodes: Vec<ObjectId> = (0..1000).map(|_| heap.object(node)).collect();
    for pair in nodes.windows(2) {
        heap.set(pair[0], "next", pair[1]);
        heap.set(pair[1], "previous", pair[0]);
    }
    heap.static_field(node, "head", Some(nodes[0]));
    let last = nodes[999];
    let paths = ask(heap.build(), |_| PathQuery::new(last));
    let words = words(&paths);
    assert!(words.len() < 12, "{words:?}");
    assert!(words.iter().any(|line| line.ends_with(" more")), "{words:?}");
    assert_eq!(words.last().unwrap(), "static App.Node.head");
}

#[test]
fn members_are_split_at_their_last_dot() {
    let check = |name: &str, expected: &str| assert_eq!(short_member(name), expected);
    check("Corpus.Seed.Dispatcher.Shutdown", "Dispatcher.Shutdown");
    check("A.Cache<System.String>.Items", "Cache<String>.Items");
    check("App.t_now of thread 3 \"w.x\"", "App.t_now of thread 3 \"w.x\"");
    check("nothing", "nothing");
}

#[test]
fn further_paths_have_their_own_root_and_say_what_they_share() {
    let further = |n_further| {
        ask(three_roots(), |snapshot| PathQuery { n_further, ..PathQuery::new(instance(snapshot, "App.Item", 0)) })
    };
    let spine = |paths: &Paths| -> Vec<String> {
        let words = words(paths);
        let is_fork = |line: &String| line.starts_with("fork ");
        words.into_iter().filter(|line| !is_fork(line)).collect()
    };
    let first = ["App.Item", "inner of App.Box", "static App.Shop.best"];
    let second = ["path 2, 0 of 1 above", "inner of App.Box", "static App.Shop.all"];
    let third = [
        "path 3, 1 of 2 above",
        "inner of App.Box",
        "next of App.Chain",
        "strong handle strong handle at 0x7d0000000000",
    ];
    let paths = further(0);
    assert_eq!((spine(&paths), paths.further), (first.map(str::to_owned).to_vec(), None));
    let paths = further(1);
    assert_eq!(spine(&paths), [&first[..], &second].concat());
    let expected = Further { n_shown: 1, n_left: 1, is_complete: true, is_full: false };
    assert_eq!((paths.further, paths.counts()), (Some(expected), "2 paths, 3 roots".to_owned()));
    let paths = further(9);
    assert_eq!(spine(&paths), [&first[..], &second, &third].concat());
    assert_eq!(paths.further, Some(Further { n_shown: 2, n_left: 0, is_complete: true, is_full: false }));
    assert!(
        paths.text.contains("\nPath 2, no holder in common with those above\n  inner of App.Box"),
        "{}",
        paths.text
    );
    assert!(
        markdown(&paths).contains("\n- `Path 3, 1 of 2 holders are on those above`\n  - `inner of App.Box"),
        "{}",
        markdown(&paths)
    );
}
