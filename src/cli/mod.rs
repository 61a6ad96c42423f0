//! Arguments to jobs to printed reports.
//!
//! Results go to standard output, everything else to standard error. A closed pipe ends the program quietly: whoever
//! reads has seen enough.

mod answer;
pub mod args;
mod commands;
mod open;
mod paths;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

pub use answer::answer;
pub use args::{Cli, Command};

use crate::report::ignore::IgnoreError;
use crate::report::lookup::LookupError;
use crate::session::LoadProblem;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The dump cannot be analysed.
    Unreadable = 1,
    /// Wrong usage.
    Usage = 2,
    /// Analysed with losses, and `--strict` was given.
    Losses = 3,
    /// Something was found that `--fail-on` names.
    Found = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command has no result.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The dump cannot be read.
    #[error("{0}")]
    Load(Box<LoadProblem>),
    /// What was asked for is not in the dump.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// What is to be ignored is not in the dump.
    #[error("--ignore {text}: {problem}")]
    Ignore {
        /// What was asked for.
        text: String,
        /// Why not.
        #[source]
        problem: IgnoreError,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The output could not be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Reads the arguments of the process. On wrong usage, `--help` and `--version` it prints and ends the program, as
/// clap does.
#[must_use]
pub fn parse() -> Cli {
    Cli::parse()
}

/// Starts the log on standard error when the environment variable `HEAPROOT_LOG` asks for it (`info`, `debug`, or a
/// filter such as `heaproot::load=debug`).
pub fn start_log() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("HEAPROOT_LOG") {
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
        // A log that was started before stays.
        let _ = log.try_init();
    }
}

/// Runs a command and prints its report.
#[must_use]
pub fn run(command: &Command) -> ExitCode {
    finish(commands::run(command))
}

/// Prints what went wrong and gives the exit code.
#[must_use]
pub fn finish(result: Result<Exit, CliError>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        // Whoever read the output has closed it: nothing is wrong.
        Err(CliError::Output(err)) if err.kind() == io::ErrorKind::BrokenPipe => Exit::Done.into(),
        Err(err) => {
            let exit = match err {
                CliError::Load(_) | CliError::Output(_) => Exit::Unreadable,
                CliError::Lookup(_) | CliError::Ignore { .. } | CliError::Usage(_) => Exit::Usage,
            };
            say(&format!("heaproot: {}", err.to_string().trim_end()));
            exit.into()
        }
    }
}

/// A line on standard error. When even that is closed there is nobody left to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints the help and answers "wrong usage": nothing was asked for.
#[must_use]
pub fn usage() -> ExitCode {
    use clap::CommandFactory;
    say(&Cli::command().render_help().to_string());
    Exit::Usage.into()
}
