//! The words for a file that is not shown: what it is, why not, what to do next.

use std::borrow::Cow;
use std::fmt;

/// A file that was recognised, or at least looked at, and cannot be shown. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the file is: `Java heap dump (HPROF)`.
    pub what: Cow<'static, str>,
    /// Why it cannot be shown, as a sentence part without a full stop.
    pub why: Cow<'static, str>,
    /// What to do next, a sentence without a full stop. Empty when there is nothing to advise.
    pub advice: Cow<'static, str>,
    /// One command that makes or unpacks a file that can be shown.
    pub command: Option<Cow<'static, str>>,
}

impl Refusal {
    /// A refusal without a command.
    pub fn new(
        what: impl Into<Cow<'static, str>>,
        why: impl Into<Cow<'static, str>>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { what: what.into(), why: why.into(), advice: advice.into(), command: None }
    }

    /// The same with the one command to run.
    #[must_use]
    pub fn with_command(mut self, command: impl Into<Cow<'static, str>>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Advice and command as one line; empty when there are none.
    #[must_use]
    pub fn next_step(&self) -> String {
        match &self.command {
            Some(command) if self.advice.is_empty() => command.to_string(),
            Some(command) => format!("{}: {command}", self.advice),
            None => self.advice.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)?;
        let next = self.next_step();
        if next.is_empty() { Ok(()) } else { write!(f, ". {next}") }
    }
}

impl std::error::Error for Refusal {}
