//! What was skipped, with where and how much: structured, counted, shown.

use std::collections::BTreeSet;
use std::fmt;

use super::addr::Place;

/// What kind of thing could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skipped {
    /// Part of the dump file: a segment past its end, a bad note.
    Container,
    /// A module of the process, or its image file.
    Module,
    /// A thread or its registers or stack.
    Thread,
    /// A heap segment or region, or a stretch of one.
    Segment,
    /// A type's name, fields or layout.
    Type,
    /// A handle table or part of it.
    Handle,
    /// A finalizer queue.
    Finalizer,
    /// Static or thread-static fields.
    Static,
    /// References of the heap.
    Reference,
    /// A fact about the runtime: version, mode.
    Runtime,
}

impl Skipped {
    /// The word the screen uses.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Container => "file",
            Self::Module => "module",
            Self::Thread => "thread",
            Self::Segment => "heap segment",
            Self::Type => "type",
            Self::Handle => "handle",
            Self::Finalizer => "finalizer queue",
            Self::Static => "static field",
            Self::Reference => "reference",
            Self::Runtime => "runtime",
        }
    }
}

/// One thing that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What kind of thing.
    pub what: Skipped,
    /// Where, when there is one place.
    pub place: Option<Place>,
    /// Why, in one sentence for a person.
    pub why: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what.label(), self.why)?;
        match self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

/// The list of what was skipped. Keeps the first [`Warnings::KEPT`] in full and counts the rest, so that a damaged dump
/// cannot fill memory with complaints.
#[derive(Clone, Debug, Default)]
pub struct Warnings {
    kept: Vec<Warning>,
    n_more: u64,
    /// Kinds of all of them, those that were not kept included.
    kinds: BTreeSet<Skipped>,
}

impl Warnings {
    /// Warnings kept in full.
    pub const KEPT: usize = 1_000;

    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records one thing that was skipped.
    pub fn skip(&mut self, what: Skipped, place: Option<Place>, why: impl fmt::Display) {
        self.kinds.insert(what);
        if self.kept.len() < Self::KEPT {
            self.kept.push(Warning { what, place, why: why.to_string() });
        } else {
            self.n_more = self.n_more.saturating_add(1);
        }
    }

    /// Appends another list.
    pub fn merge(&mut self, other: Self) {
        for warning in other.kept {
            if self.kept.len() < Self::KEPT {
                self.kept.push(warning);
            } else {
                self.n_more = self.n_more.saturating_add(1);
            }
        }
        self.n_more = self.n_more.saturating_add(other.n_more);
        self.kinds.extend(other.kinds);
    }

    /// The warnings kept in full, in the order they were met.
    #[must_use]
    pub fn list(&self) -> &[Warning] {
        &self.kept
    }

    /// How many more there were.
    #[must_use]
    pub const fn n_more(&self) -> u64 {
        self.n_more
    }

    /// True when something of this kind was skipped.
    #[must_use]
    pub fn has(&self, what: Skipped) -> bool {
        self.kinds.contains(&what)
    }

    /// True when nothing was skipped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.n_more == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_counts_the_rest() {
        let mut warnings = Warnings::new();
        for _ in 0..Warnings::KEPT + 5 {
            warnings.skip(Skipped::Type, None, "no name");
        }
        assert_eq!(warnings.list().len(), Warnings::KEPT);
        assert_eq!(warnings.n_more(), 5);
        // A kind is known even when none of it was kept.
        warnings.skip(Skipped::Handle, None, "not in the dump");
        let mut all = Warnings::new();
        all.merge(warnings);
        assert_eq!([Skipped::Type, Skipped::Handle, Skipped::Module].map(|what| all.has(what)), [true, true, false]);
    }
}
