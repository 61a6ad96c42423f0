//! Synthetic processes through the whole reader: what was written is what is read.

use std::path::PathBuf;
use std::sync::Arc;

use super::clr_core::{Process, Profile, Truth};
use crate::base::{Job, Limits, Warnings};
use crate::dump;
use crate::load::{self, OpenOptions};
use crate::snapshot::{HeapGraph, HeapSnapshot};
use crate::target::{Target, from_core};

struct Written {
    _folder: tempfile::TempDir,
    path: PathBuf,
    truth: Truth,
}

fn write(profile: Profile, n_objects: u64) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("core");
    let process = Process { region_bytes: 256 << 10, ..Process::new(profile, n_objects) };
    let truth = process.write(&path).unwrap();
    Written { _folder: folder, path, truth }
}

fn target(path: &std::path::Path) -> Target {
    let (limits, job) = (Limits::default(), Job::new());
    let opened = dump::open(path, &limits, &job).unwrap();
    from_core(&opened, &limits, &job, &mut Warnings::new()).unwrap()
}

fn load(path: &std::path::Path) -> (HeapSnapshot, HeapGraph) {
    let options = OpenOptions { module_folders: Vec::new(), limits: Limits::default() };
    let job = Job::new();
    let target = Arc::new(target(path));
    let (snapshot, remaining) = load::from_target(target, "core", 0, &options, &job, &mut Warnings::new())
        .unwrap_or_else(|error| panic!("{error:#?}"));
    let graph = remaining.read_graph(&snapshot, &job).unwrap();
    (snapshot, graph)
}

#[test]
fn a_synthetic_process_is_read_as_it_was_written() {
    for profile in [Profile::Typical, Profile::DeepList, Profile::Hub] {
        let written = write(profile, 20_000);
        let (snapshot, graph) = load(&written.path);
        println!("{:?}\n{:?}", written.truth, snapshot.coverage);
        let _ = graph;
    }
}
