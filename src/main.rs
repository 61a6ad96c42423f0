//! The program: chooses window or command line, nothing else.

use std::process::ExitCode;

use heaproot::cli;

fn main() -> ExitCode {
    let cli = cli::parse();
    cli::start_log();
    match (&cli.command, &cli.dump) {
        (Some(command), _) => cli::run(command),
        (None, Some(dump)) => cli::finish(cli::answer(dump, &cli.open)),
        (None, None) => cli::usage(),
    }
}
