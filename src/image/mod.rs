//! Executable images and their metadata: PE files (ECMA-335 II.25) and the metadata tables in them (II.24).
//!
//! **Invariant:** bytes come from a file or from the dead process through one door, [`ImageBytes`]; nothing here knows
//! which. Every count is checked before it costs, and no input makes a reader panic.

// Tests may index and add: a panic there is a failed test.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod metadata;
pub mod pe;

use std::borrow::Cow;
use std::fmt::Debug;

use crate::base::{FileOffset, ReadError};

/// An image, or a part of one, cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Bytes of the image are absent.
    #[error("{what}: {len} bytes at {at} are absent")]
    Absent {
        /// What stands there.
        what: &'static str,
        /// Where, from the image's first byte.
        at: FileOffset,
        /// Bytes wanted.
        len: u64,
    },
    /// The bytes contradict the standard.
    #[error("{what} at {at}: expected {expected}, found {found}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Where, from the image's or the metadata's first byte.
        at: FileOffset,
        /// What the standard asks for.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Bytes end too early, or a count is absurd.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Bytes of an image, by distance from its first byte.
pub trait ImageBytes: Debug {
    /// `len` bytes at `offset`; `None` when any of them is absent. Callers bound `len` first.
    fn bytes(&self, offset: u64, len: usize) -> Option<Cow<'_, [u8]>>;
}

impl ImageBytes for [u8] {
    fn bytes(&self, offset: u64, len: usize) -> Option<Cow<'_, [u8]>> {
        let from = usize::try_from(offset).ok()?;
        self.get(from..from.checked_add(len)?).map(Cow::Borrowed)
    }
}

impl ImageBytes for Vec<u8> {
    fn bytes(&self, offset: u64, len: usize) -> Option<Cow<'_, [u8]>> {
        self.as_slice().bytes(offset, len)
    }
}
