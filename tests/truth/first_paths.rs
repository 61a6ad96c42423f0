//! The first path to what leaks begins where the leak was planted, in every version and build of the programs.

use std::path::Path;
use std::sync::Arc;

use heaproot::analysis::merged_paths::MergedKey;
use heaproot::analysis::path_tree::Page;
use heaproot::analysis::{MergedGrouping, MergedPaths, readable, root_path};
use heaproot::base::Job;
use heaproot::session::{OpenOptions, Session};
use heaproot::snapshot::ObjectId;

use crate::dumps_folder;

/// The root that most instances of `ty` hang on, how many do, and the handlers on the path to one of them.
fn first_root(dump: &Path, ty: &str) -> Option<(String, u64, Vec<String>)> {
    let session = Session::open(dump, OpenOptions::default(), Arc::new(|| {}));
    session.wait_until(Session::has_paths, |_| {});
    let analyses = session.analyses()?;
    let heap = analyses.heap()?;
    let is_of_type = |&object: &ObjectId| heap.snapshot.type_of(object).name.known() == Some(ty);
    let asked: Vec<ObjectId> = heap.snapshot.objects.ids().filter(is_of_type).collect();
    let job = Job::new();
    let tree = MergedPaths::new(&heap, &asked, &job).ok()?;
    let top = tree.top(&heap, MergedGrouping::FromRootsByObject, Page::FIRST, &job).ok()?;
    let row = top.rows.first()?;
    let path = root_path(&heap, tree.example(row)?, &job).ok()??;
    match &row.key {
        MergedKey::Root(name) => Some((name.clone(), row.through.count, readable::handlers_on(&heap, &path))),
        _ => None,
    }
}

#[test]
fn the_first_path_is_the_planted_one() {
    let Some(folder) = dumps_folder() else { return };
    let seed =
        ("Corpus.Seed.Worker", "static Corpus.Seed.Dispatcher.Shutdown", "Dispatcher.Shutdown → Worker.OnShutdown");
    let leaky = ("Leaky.Subscriber", "static Leaky.Program.StaticPublisher", "Publisher.Tick → Subscriber.OnTick");
    for (name, (ty, root, handler), count) in [
        ("seed-n8", seed, 2984),
        ("seed-n9", seed, 2984),
        ("seed-grow-a-n10", seed, 984),
        ("seed-server-n10", seed, 2984),
        ("seed-clrgc-n10", seed, 2984),
        ("seed-musl-n10", seed, 2984),
        ("seed-arm64-n10", seed, 2984),
        ("leaky-n9-withheap", leaky, 10_000),
        ("leaky-net9svr-withheap", leaky, 30_000),
        ("leaky-n10-a64-full", leaky, 10_000),
    ] {
        let found = first_root(&folder.join(format!("{name}.core.zst")), ty);
        assert_eq!(found, Some((root.to_owned(), count, vec![handler.to_owned()])), "{name}");
    }
}
