//! Container files to typed records: what the file is, and what its format says.
//!
//! ```text
//! path ──► sniff (first 64 KiB) ──► packed? unpack to a temporary file ──► map ──► Opened { kind, bytes }
//!                  └──► Refusal: what it is, why it cannot be shown, what to do
//! ```
//!
//! **Invariant:** no address space is known here, and no runtime. The only memory map and the only `unsafe` are in [`map`].

// Tests may index and add: a panic there is a failed test.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod elf;
pub mod map;
mod open;
mod refusal;
pub mod sniff;
pub mod temporary;
pub mod unpack;
mod zip;

use std::path::PathBuf;

use crate::base::{Cancelled, Place, ReadError};
pub use open::{Opened, open};
pub use refusal::Refusal;
pub use sniff::{Door, FileKind, Packing};

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The system does not give the file.
    #[error("the file cannot be opened: {source}: {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is of a kind that is not read.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its headers are cut short, or claim an absurd count.
    #[error("the file is damaged or cut short: {0}")]
    Read(#[from] ReadError),
    /// A field of its headers cannot be.
    #[error("the file is damaged: {what} at {at}: expected {expected}, found {found}")]
    Malformed {
        /// The field.
        what: &'static str,
        /// Where it stands.
        at: Place,
        /// What a sound file holds there.
        expected: String,
        /// What this one holds.
        found: String,
    },
    /// A packed file cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] unpack::UnpackError),
    /// Nobody waits any more.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl DumpError {
    /// What the user can do about it, when there is something.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(refusal.next_step()),
            Self::Read(_) | Self::Malformed { .. } => {
                Some("Copy the file again from where it was written, or collect a new dump".to_owned())
            }
            Self::Unpack(error) => error.advice(),
            Self::Open { source, .. } => Some(
                match source.kind() {
                    std::io::ErrorKind::OutOfMemory => "Raise the limit of memory (ulimit -v), or close other programs",
                    _ => "Check the path, and that the file may be read",
                }
                .to_owned(),
            ),
            Self::Cancelled(_) => None,
        }
    }
}
