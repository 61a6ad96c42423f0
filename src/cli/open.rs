//! Opening a dump for a command, with progress on standard error when that is a terminal.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::CliError;
use super::args::OpenArgs;
use crate::base::job::Unit;
use crate::base::{Progress, number};
use crate::session::{LoadProblem, OpenOptions, Session, Status};

/// How much of a session a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Types and objects.
    Snapshot,
    /// References, roots, what is alive, and why.
    Paths,
    /// What each object keeps alive, too.
    Everything,
}

/// Before this a bar would only flicker.
const QUIET: Duration = Duration::from_millis(300);

/// Opens `dump` and waits for what is needed.
pub(super) fn open(dump: &Path, args: &OpenArgs, need: Need) -> Result<Session, CliError> {
    for folder in &args.modules {
        if !folder.is_dir() {
            return Err(CliError::Usage(format!("--modules {}: no such folder", folder.display())));
        }
    }
    let options = OpenOptions { module_folders: args.modules.clone() };
    let session = Session::open(dump, options, Arc::new(|| {}));
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let begin = Instant::now();
    session.wait_until(
        |session| match need {
            Need::Snapshot => session.snapshot().is_some(),
            Need::Paths => session.has_paths(),
            Need::Everything => false,
        },
        |progress| {
            if begin.elapsed() > QUIET {
                draw(&bar, progress);
            }
        },
    );
    bar.finish_and_clear();
    match session.status() {
        Status::Ready => {}
        Status::Failed(problem) => return Err(CliError::Load(Box::new(problem))),
        Status::Loading { .. } | Status::Cancelled => {
            return Err(CliError::Load(Box::new(LoadProblem {
                title: "Opening was cancelled".to_owned(),
                ..LoadProblem::default()
            })));
        }
    }
    if need != Need::Snapshot
        && let Some(problem) = session.background_problem()
    {
        return Err(CliError::Load(Box::new(problem)));
    }
    Ok(session)
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    let plain = "{msg}";
    let with_bar = "{msg} {bar:24} {percent:>3} %";
    let template = if progress.fraction().is_some() { with_bar } else { plain };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    if let Some(total) = progress.total {
        bar.set_length(total);
    }
    bar.set_position(progress.done);
    bar.set_message(progress_text(progress));
}

/// `Reading the heap: 1.2 GiB of 4.0 GiB, 600.0 MiB/s, 5 s left`.
fn progress_text(progress: &Progress) -> String {
    let amount = |n: u64| match progress.unit {
        Unit::Bytes => number::size(n),
        Unit::Objects => number::counted(n, "object", "objects"),
        Unit::Steps => number::count(n),
    };
    let mut text = progress.stage.to_owned();
    if progress.done > 0 {
        text.push_str(&format!(": {}", amount(progress.done)));
        if let Some(total) = progress.total {
            text.push_str(&format!(" of {}", amount(total)));
        }
    }
    if let (Some(rate), Unit::Bytes) = (progress.rate().filter(|&rate| rate >= 1.0), progress.unit) {
        text.push_str(&format!(", {}/s", number::size(rate as u64)));
    }
    if let Some(left) = progress.remaining_secs().filter(|left| left.is_finite() && *left >= 1.0) {
        text.push_str(&format!(", {} left", number::duration(left)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_as_a_sentence() {
        let progress = Progress {
            stage: "Reading the heap",
            unit: Unit::Bytes,
            done: 1 << 30,
            total: Some(4 << 30),
            elapsed_secs: 2.0,
        };
        assert_eq!(progress_text(&progress), "Reading the heap: 1.0 GiB of 4.0 GiB, 512.0 MiB/s, 6.0 s left");
        let begun = Progress { done: 0, total: None, elapsed_secs: 0.0, ..progress };
        assert_eq!(progress_text(&begun), "Reading the heap");
    }
}
