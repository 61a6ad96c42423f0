//! Coverage is a value: what was read, what was not, and why.

pub use crate::base::found::{AbsentFact, GapReason};
use crate::base::{AddrRange, Generation};

/// A stretch of a segment that was not walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub range: AddrRange,
    /// Why.
    pub reason: GapReason,
}

/// Objects and bytes of one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenerationTotals {
    /// Which.
    pub generation: Generation,
    /// Objects, without free blocks.
    pub n_objects: u64,
    /// Their bytes.
    pub object_bytes: u64,
    /// Free blocks.
    pub n_free: u64,
    /// Their bytes.
    pub free_bytes: u64,
}

/// What was read and what was not.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Per generation, in the order of [`Generation::ALL`].
    pub generations: Vec<GenerationTotals>,
    /// Bytes between first and last object of all segments.
    pub segment_bytes: u64,
    /// Bytes of objects and free blocks.
    pub walked_bytes: u64,
    /// Stretches not walked, by address; the biggest [`Coverage::GAPS_KEPT`] in full.
    pub gaps: Vec<Gap>,
    /// Bytes not walked, by reason: allocation contexts, absent, damaged.
    pub unwalked_bytes: [u64; 3],
    /// Stretches not walked, by the same reasons.
    pub n_unwalked: [u64; 3],
    /// Types with instances and without a name, and the reasons with their number of types and instances.
    pub unnamed: Vec<UnnamedTypes>,
    /// Objects whose MethodTable word carried mark bits: a collection was under way.
    pub n_marked: u64,
    /// Anchors and pages that were looked for and are not in the dump.
    pub absent: Vec<AbsentFact>,
    /// Segments of the file that were cut, and the bytes lost.
    pub n_cut_segments: u64,
    /// Bytes past the end of the file.
    pub cut_bytes: u64,
}

/// Types without a name, by reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnnamedTypes {
    /// The reason.
    pub reason: String,
    /// Types with instances.
    pub n_types: u64,
    /// Their instances.
    pub n_objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Coverage {
    /// Gaps kept in full.
    pub const GAPS_KEPT: usize = 10_000;

    /// Bytes not walked for a reason that is a loss: everything but allocation contexts.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        let [_, absent, damaged] = self.unwalked_bytes;
        absent.saturating_add(damaged)
    }

    /// Stretches not walked for a reason that is a loss.
    #[must_use]
    pub fn n_losses(&self) -> u64 {
        let [_, absent, damaged] = self.n_unwalked;
        absent.saturating_add(damaged)
    }

    /// True when nothing that matters is missing: all bytes walked, all types named, no collection under way.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lost_bytes() == 0 && self.unnamed.is_empty() && self.n_marked == 0 && self.n_cut_segments == 0
    }
}
