//! Why a dump's managed heap cannot be shown, in words a person can act on.

use crate::base::Cancelled;

/// The parts of a refusal, as the window and the command line lay them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it means for the reader, as a title: `No .NET runtime in this dump`.
    pub what: String,
    /// One sentence: why.
    pub why: String,
    /// Where we looked.
    pub looked_in: String,
    /// What should have been there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// What to do next, with a command where there is one.
    pub what_next: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} (looked in {}, expected {}, found {})",
            self.what, self.why, self.looked_in, self.expected, self.found
        )
    }
}

/// The managed heap cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClrError {
    /// No CoreCLR in the process.
    #[error("{0}")]
    NoRuntime(Box<Refusal>),
    /// The program was compiled to native code: there is a GC heap and no type names.
    #[error("{0}")]
    NativeAot(Box<Refusal>),
    /// The runtime is there, its heap is not: a mini, triage or normal dump.
    #[error("{0}")]
    NoHeap(Box<Refusal>),
    /// The core of an emulator, not of the program it ran.
    #[error("{0}")]
    Emulator(Box<Refusal>),
    /// The file was cut or bent where the runtime's variables were.
    #[error("{0}")]
    Damaged(Box<Refusal>),
    /// Nobody waits any more.
    #[error("cancelled")]
    Cancelled,
}

impl ClrError {
    /// Its parts; `None` when cancelled.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NoRuntime(refusal)
            | Self::NativeAot(refusal)
            | Self::NoHeap(refusal)
            | Self::Emulator(refusal)
            | Self::Damaged(refusal) => Some(refusal),
            Self::Cancelled => None,
        }
    }
}

impl From<Cancelled> for ClrError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}
