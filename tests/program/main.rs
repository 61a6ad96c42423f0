//! The program as a whole: its command line, its golden files, and the rules its sources follow.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cli;
mod golden;
mod path_faults;
mod tidy;

use std::path::{Path, PathBuf};

/// A path inside the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A bundled dump by its name without endings.
fn fixture(name: &str) -> PathBuf {
    project("fixtures/dumps").join(format!("{name}.core.zst"))
}
