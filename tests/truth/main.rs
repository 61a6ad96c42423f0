//! Everything that is read out of real dumps against what ClrMD says of them.
//!
//! The dumps and their truth files are not part of the project. They are looked for in the folder that the environment
//! variable `HEAPROOT_DUMPS` names, else in `../shared/dumps` beside the project; without either the test says so and
//! ends. `HEAPROOT_ONLY=name` compares the dumps whose name contains it.
//!
//! Every difference is printed. One that no [`rules::Rule`] covers fails the test; a rule quotes the sentence of the
//! truth folder's README that makes it right.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking and speaks on its output")]

mod compare;
mod first_paths;
mod oracle;
mod planted;
mod retained;
mod rules;
mod traces;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use heaproot::session::{OpenOptions, Session, Status};

use crate::compare::Comparison;

/// Where the dumps are, when they are anywhere.
fn folder() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("HEAPROOT_DUMPS") {
        let given = PathBuf::from(given);
        assert!(given.is_dir(), "HEAPROOT_DUMPS names no folder: {}", given.display());
        return Some(given);
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("shared/dumps");
    beside.is_dir().then_some(beside)
}

/// The folder, or a word that the test is skipped.
fn dumps_folder() -> Option<PathBuf> {
    let found = folder();
    if found.is_none() {
        println!("skipped: no dumps beside the project, and HEAPROOT_DUMPS is not set");
    }
    found
}

/// Every truth file of the folder with the dump it speaks of, by name.
fn pairs(folder: &Path) -> Vec<(String, PathBuf, PathBuf)> {
    let mut pairs = Vec::new();
    for truths in [folder.join("truth"), folder.to_owned()] {
        let Ok(entries) = std::fs::read_dir(&truths) else { continue };
        for entry in entries.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let stem = file.strip_suffix(".truth.json.zst").or_else(|| file.strip_suffix(".truth.json"));
            let Some(name) = stem else { continue };
            let dumps = [".core", ".core.zst"].map(|ending| folder.join(format!("{name}{ending}")));
            if let Some(dump) = dumps.into_iter().find(|dump| dump.is_file()) {
                pairs.push((name.to_owned(), dump, entry.path()));
            }
        }
    }
    pairs.sort();
    pairs.dedup_by(|a, b| a.0 == b.0);
    pairs
}

#[test]
fn dumps_read_as_clrmd_reads_them() {
    let Some(folder) = dumps_folder() else { return };
    let only = std::env::var("HEAPROOT_ONLY").unwrap_or_default();
    let pairs: Vec<_> = pairs(&folder).into_iter().filter(|(name, ..)| name.contains(&only)).collect();
    assert!(!pairs.is_empty(), "no truth files with their dumps in {}", folder.display());
    let mut n_open = 0;
    let mut failed = Vec::new();
    for (name, dump, truth) in &pairs {
        let begin = Instant::now();
        let comparison = compare_one(dump, truth);
        let n = comparison.n_uncovered();
        println!(
            "{name}: {} checks, {} differences under a rule, {n} others, {:.1} s",
            comparison.n_checks,
            comparison.differences.len() - n,
            begin.elapsed().as_secs_f64(),
        );
        comparison.print();
        n_open += n;
        if n > 0 {
            failed.push(name.as_str());
        }
    }
    println!("{} dumps compared", pairs.len());
    assert_eq!(n_open, 0, "differences that no rule covers, in {failed:?}");
}

fn compare_one(dump: &Path, truth: &Path) -> Comparison {
    let truth = oracle::read(truth);
    let mut comparison = Comparison::new();
    let session = Session::open(dump, OpenOptions::default(), Arc::new(|| {}));
    session.wait(|_| {});
    match session.status() {
        Status::Ready => compare::all(&mut comparison, &truth, &session.analyses().unwrap()),
        // ClrMD opens dumps without a heap and answers zero everywhere; we say that there is no heap.
        Status::Failed(problem) if truth.totals.objects == 0 => {
            comparison.check("refusal names the missing heap", &true, &problem.to_string().contains("heap"));
        }
        other => comparison.differ("open", "a heap".to_owned(), format!("{other:?}"), None),
    }
    if let Some(problem) = session.background_problem() {
        comparison.differ("second pass", "references".to_owned(), problem.to_string(), None);
    }
    comparison
}
