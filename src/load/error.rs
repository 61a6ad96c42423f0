//! Why a dump cannot be opened: the errors of the layers below in one, with the parts a person is shown.

use crate::base::{Addr, Cancelled};
use crate::clr::ClrError;
use crate::dump::DumpError;
use crate::target::TargetError;

use super::walk::WalkStop;

/// The dump cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime or its heap was not found.
    #[error(transparent)]
    Clr(#[from] ClrError),
    /// The file is no dump of a kind that can be read, or is damaged.
    #[error(transparent)]
    Target(#[from] TargetError),
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
            Self::Target(err) => return target_problem(err),
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
        matches!(
            self,
            Self::Cancelled | Self::Clr(ClrError::Cancelled) | Self::Target(TargetError::Dump(DumpError::Cancelled(_)))
        )
    }
}

impl From<DumpError> for Error {
    fn from(err: DumpError) -> Self {
        Self::Target(err.into())
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

/// The parts of a file's refusal; `None` when cancelled.
fn target_problem(err: &TargetError) -> Option<Problem> {
    let dump = match err {
        TargetError::NoMemory { n_segments, file_bytes } => {
            return Some(Problem {
                what: "This dump holds no memory".to_owned(),
                why: "Its headers are there, the bytes they speak of are not.".to_owned(),
                expected: format!("{n_segments} segments of memory"),
                found: format!("a file of {file_bytes} bytes that holds none of them"),
                next: err.advice().unwrap_or_default(),
                ..Problem::default()
            });
        }
        TargetError::Dump(dump) => dump,
    };
    Some(match dump {
        DumpError::Cancelled(_) => return None,
        DumpError::Refused(refusal) => Problem {
            what: refusal.what.to_string(),
            why: refusal.why.to_string(),
            next: refusal.advice.to_string(),
            command: refusal.command.as_deref().unwrap_or_default().to_owned(),
            ..Problem::default()
        },
        DumpError::Open { source, .. } => Problem {
            what: "The file cannot be opened".to_owned(),
            why: source.to_string(),
            next: dump.advice().unwrap_or_default(),
            ..Problem::default()
        },
        DumpError::Malformed { what, at, expected, found } => Problem {
            what: "The file is damaged".to_owned(),
            why: format!("Its {what} cannot be."),
            looked_in: at.to_string(),
            expected: expected.clone(),
            found: found.clone(),
            next: dump.advice().unwrap_or_default(),
            ..Problem::default()
        },
        DumpError::Read(read) => Problem {
            what: "The file is damaged or cut short".to_owned(),
            why: read.to_string(),
            next: dump.advice().unwrap_or_default(),
            ..Problem::default()
        },
        DumpError::Unpack(unpack) => Problem {
            what: "The file cannot be unpacked".to_owned(),
            why: unpack.to_string(),
            next: dump.advice().unwrap_or_default(),
            ..Problem::default()
        },
    })
}
