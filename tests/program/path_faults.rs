//! Questions about paths on dumps that are cut off or bent: an answer that says what is uncertain, or a refusal; never a
//! panic.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use heaproot::analysis::different_paths::different_paths;
use heaproot::analysis::fold::Folding;
use heaproot::analysis::path_tree::Page;
use heaproot::analysis::{Heap, Ignore, MergedGrouping, MergedPaths, root_path, what_if};
use heaproot::base::{Job, RootKind};
use heaproot::report::ignore;
use heaproot::session::{OpenOptions, Session, Status};
use heaproot::snapshot::ObjectId;

use crate::fixture;

/// A file of this test's own, gone when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("heaproot-paths-{}-{name}", std::process::id()));
        std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn unpacked(name: &str) -> Vec<u8> {
    zstd::decode_all(std::fs::File::open(fixture(name)).unwrap()).unwrap()
}

/// Asks everything about objects spread over the heap.
fn ask_all(heap: &Heap<'_>) {
    let job = Job::new();
    let all: Vec<ObjectId> = heap.snapshot.objects.ids().filter(|&id| heap.snapshot.is_object(id)).collect();
    for &object in all.iter().step_by((all.len() / 200).max(1)) {
        let Some(path) = root_path(heap, object, &job).unwrap() else { continue };
        assert_eq!(path.objects.last(), Some(&object));
        for folding in [Folding::Plain, Folding::Internals] {
            assert!(!path.shown(heap, folding).is_empty());
        }
        let shortest = different_paths(heap, object, &job).unwrap().next().unwrap();
        assert_eq!(shortest.path, path);
    }
    let merged = MergedPaths::new(heap, &all, &job).unwrap();
    for grouping in MergedGrouping::ALL {
        let mut level = merged.top(heap, grouping, Page::FIRST, &job).unwrap();
        let mut n_levels = 0;
        while let Some(row) = level.rows.iter().find(|row| row.unfolds).filter(|_| n_levels < 50) {
            level = merged.unfold(heap, grouping, row, Page::FIRST, &job).unwrap();
            n_levels += 1;
        }
    }
    for ignored in [Ignore::Delegates, Ignore::RootKind(RootKind::Static), Ignore::Object(all[all.len() / 2])] {
        let text = ignore::text(heap.snapshot, heap.graph, &ignored);
        assert!(ignore::parse(heap.snapshot, heap.graph, &text).unwrap().contains(&ignored), "{text}");
        let answer = what_if(heap, &[ignored], &job).unwrap();
        assert_eq!(answer.before, answer.after + answer.freed);
    }
}

/// Opens `bytes` and asks; true when there was a heap to ask about.
fn ask_about(name: &str, bytes: &[u8]) -> bool {
    let file = Scratch::new(name, bytes);
    let session = Session::open(&file.0, OpenOptions::default(), Arc::new(|| {}));
    session.wait_until(Session::has_paths, |_| {});
    match session.status() {
        Status::Failed(problem) => {
            assert!(!problem.to_string().contains("defect"), "{name}: {problem}");
            return false;
        }
        Status::Ready => {}
        other => panic!("{name}: {other:?}"),
    }
    let analyses = session.analyses().unwrap();
    let Some(heap) = analyses.heap() else { return false };
    let is_lossy = heap.snapshot.coverage.lost_bytes() > 0 || heap.graph.n_dangling > 0;
    assert_eq!(heap.uncertain().is_some(), is_lossy, "{name}: {:?}", heap.uncertain());
    ask_all(&heap);
    true
}

#[test]
fn cut_and_bent_dumps_answer_with_a_word_of_doubt() {
    let whole = unpacked("seed-musl-n10");
    let mut n_answered = 0;
    for percent in [30, 50, 60, 70, 80, 90, 95, 99] {
        let bytes = &whole[..whole.len() / 100 * percent];
        n_answered += usize::from(ask_about(&format!("cut-{percent}"), bytes));
    }
    // Words of the heap that lead elsewhere: every 50,000th byte is another one.
    let mut bent = whole.clone();
    let mut state = 1_u64;
    for at in (bent.len() / 4..bent.len()).step_by(50_000) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bent[at] ^= (state >> 56) as u8 | 1;
    }
    n_answered += usize::from(ask_about("bent", &bent));
    assert!(n_answered > 0, "no damaged dump had a heap: this test shows nothing");
    assert!(ask_about("whole", &whole));
}
