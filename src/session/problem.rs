//! Why a dump could not be opened, in the words of window and terminal.

use std::fmt;
use std::path::Path;

use crate::load;

/// A refusal: what it means for the reader, why, and what to do next. Printed the same way everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadProblem {
    /// What it means for the reader: `This dump holds no heap`.
    pub title: String,
    /// Why, in one sentence.
    pub why: String,
    /// The file.
    pub file: Option<String>,
    /// Where in it, or where else, the missing thing was looked for.
    pub looked_in: Option<String>,
    /// What should have been there.
    pub expected: Option<String>,
    /// What was there, with its place.
    pub found: Option<String>,
    /// What to do next, in one sentence.
    pub next: Option<String>,
    /// A command that does it, to be copied.
    pub command: Option<String>,
}

impl LoadProblem {
    /// The rows below title and sentence, in the order they are shown: label and text.
    #[must_use]
    pub fn rows(&self) -> Vec<(&'static str, &str)> {
        [
            ("File", &self.file),
            ("Looked in", &self.looked_in),
            ("Expected", &self.expected),
            ("Found", &self.found),
            ("What to do next", &self.next),
            ("Command", &self.command),
        ]
        .into_iter()
        .filter_map(|(label, text)| Some((label, text.as_deref()?)))
        .collect()
    }

    /// From what the loader says of `path`; `None` when it was cancelled.
    pub(super) fn of(err: &load::Error, path: &Path) -> Option<Self> {
        let problem = err.problem()?;
        let part = |text: String| Some(text).filter(|text| !text.is_empty());
        let advice = || {
            "Take a dump that holds the heap, with the command below on the machine where the process runs.".to_owned()
        };
        let has_advice = !problem.next.is_empty();
        Some(Self {
            title: problem.what,
            why: problem.why,
            file: Some(path.display().to_string()),
            looked_in: part(problem.looked_in),
            expected: part(problem.expected),
            found: part(problem.found),
            next: part(problem.next).or_else(|| Some(advice())),
            command: part(problem.command)
                .or_else(|| (!has_advice).then(|| "createdump --withheap --name app.core PID".to_owned())),
        })
    }

    /// A defect of this program stopped the work.
    pub(super) fn panicked() -> Self {
        Self {
            title: "Heaproot met a defect of its own".to_owned(),
            why: "The program stopped reading this dump because one of its own checks failed.".to_owned(),
            next: Some(
                "Run the command below and report what it prints; the dump itself need not be shared.".to_owned(),
            ),
            command: Some("RUST_BACKTRACE=1 heaproot verify DUMP".to_owned()),
            ..Self::default()
        }
    }

    /// The system gave no thread.
    pub(super) fn no_thread(err: &std::io::Error) -> Self {
        Self {
            title: "No thread could be started".to_owned(),
            why: "The system refused another thread, so nothing can be read.".to_owned(),
            found: Some(err.to_string()),
            next: Some("Close other programs, or raise the limit of processes, and open the file again.".to_owned()),
            ..Self::default()
        }
    }
}

impl fmt::Display for LoadProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "{}", self.why)?;
        for (label, text) in self.rows() {
            writeln!(f, "  {label:<16} {text}")?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadProblem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_from_meaning_to_remedy() {
        let problem = LoadProblem {
            title: "This dump holds no heap".to_owned(),
            why: "It was written with --normal, which leaves the heap out.".to_owned(),
            file: Some("a.core".to_owned()),
            command: Some("createdump --withheap 1".to_owned()),
            ..LoadProblem::default()
        };
        assert_eq!(
            problem.to_string(),
            "This dump holds no heap\nIt was written with --normal, which leaves the heap out.\n  \
             File             a.core\n  Command          createdump --withheap 1\n"
        );
    }
}
