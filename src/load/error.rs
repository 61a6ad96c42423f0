//! Why a dump cannot be opened: the errors of the layers below in one, with the parts a person is shown.

use crate::base::{Addr, Cancelled};
use crate::clr::ClrError;

use super::walk::WalkStop;

/// The dump cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime or its heap was not found.
    #[error(transparent)]
    Clr(#[from] ClrError),
    /// The file is no dump of a kind that can be read.
    #[error("{0}")]
    File(Box<Problem>),
    /// More objects than ids.
    #[error("the heap holds more than {} objects", u32::MAX - 1)]
    TooManyObjects,
    /// A defect of this program: a type was met and not described.
    #[error("the type at {method_table} was met on the heap and not described")]
    TypeWithoutRow {
        /// Its MethodTable.
        method_table: Addr,
    },
    /// Nobody waits any more.
    #[error("cancelled")]
    Cancelled,
}

/// The parts of a refusal, as window and command line lay them out. Empty parts are not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// What it means for the reader: `No .NET runtime in this dump`.
    pub what: String,
    /// One sentence: why.
    pub why: String,
    /// Where we looked.
    pub looked_in: String,
    /// What should have been there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// What to do next.
    pub next: String,
    /// A command that does it.
    pub command: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl Error {
    /// Its parts for a person; `None` when cancelled.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        Some(match self {
            Self::Clr(err) => {
                let refusal = err.refusal()?;
                Problem {
                    what: refusal.what.clone(),
                    why: refusal.why.clone(),
                    looked_in: refusal.looked_in.clone(),
                    expected: refusal.expected.clone(),
                    found: refusal.found.clone(),
                    next: refusal.what_next.clone(),
                    command: String::new(),
                }
            }
            Self::File(problem) => (**problem).clone(),
            Self::TooManyObjects => Problem {
                what: "This heap is too big".to_owned(),
                why: format!("It holds more than {} objects, and ids are 32 bits wide.", u32::MAX - 1),
                ..Problem::default()
            },
            Self::TypeWithoutRow { method_table } => Problem {
                what: "Heaproot met a defect of its own".to_owned(),
                why: format!("The type at {method_table} has instances and was not described."),
                next: "Report what `heaproot verify DUMP` prints.".to_owned(),
                ..Problem::default()
            },
            Self::Cancelled => return None,
        })
    }

    /// True when someone gave up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Clr(ClrError::Cancelled))
    }
}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<WalkStop> for Error {
    fn from(stop: WalkStop) -> Self {
        match stop {
            WalkStop::Cancelled => Self::Cancelled,
            // A wider index holds every type there can be.
            WalkStop::TooManyTypes | WalkStop::TooManyObjects => Self::TooManyObjects,
        }
    }
}
