//! The program: chooses window or command line, nothing else.

use std::process::ExitCode;

use heaproot::cli;

fn main() -> ExitCode {
    let cli = cli::parse();
    cli::start_log();
    match &cli.command {
        #[cfg(feature = "ui")]
        Some(cli::Command::Screenshot(args)) => with_window::screenshot(args),
        Some(command) => cli::run(command),
        #[cfg(feature = "ui")]
        None => with_window::show(&cli),
        #[cfg(not(feature = "ui"))]
        None => answer(&cli),
    }
}

/// The answer in the terminal.
fn answer(cli: &cli::Cli) -> ExitCode {
    match &cli.dump {
        Some(dump) => cli::finish(cli::answer(dump, &cli.open)),
        None => cli::usage(),
    }
}

#[cfg(feature = "ui")]
mod with_window {
    use std::io::Write;
    use std::process::ExitCode;

    use heaproot::cli::args::ScreenshotArgs;
    use heaproot::cli::{self, Cli, CliError, Exit};
    use heaproot::ui::{self, Scene, ScreenshotError, ScreenshotOptions, WindowOptions};

    /// Opens the window; where there is none, says so in one line and answers in the terminal.
    pub(super) fn show(cli: &Cli) -> ExitCode {
        let options = WindowOptions {
            dump: cli.dump.clone(),
            module_folders: cli.open.modules.clone(),
            at: cli.at.clone(),
            picture: cli.picture.clone(),
        };
        match ui::run(options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(err) => {
                // A closed standard error loses the line, not the answer.
                let _ = writeln!(std::io::stderr(), "No window: {err}. The answer follows here.");
                super::answer(cli)
            }
        }
    }

    /// Draws a picture without a display.
    pub(super) fn screenshot(args: &ScreenshotArgs) -> ExitCode {
        let options = ScreenshotOptions {
            dump: args.common.dump.clone(),
            module_folders: args.common.open.modules.clone(),
            scene: Scene::from_key(args.view.key()).unwrap_or(Scene::Path),
            ty: args.type_name.clone(),
            object: args.object.clone(),
            filter: args.filter.clone(),
            size: [args.width as f32, args.height as f32],
            scale: args.scale as f32,
            is_dark: args.dark,
            output: args.output.clone(),
        };
        cli::finish(match ui::screenshot(&options) {
            Ok(()) => Ok(Exit::Done),
            Err(ScreenshotError::Dump(problem)) => Err(CliError::Load(problem)),
            Err(ScreenshotError::Subject(text)) => Err(CliError::Usage(text)),
            Err(ScreenshotError::Write { source, path }) => {
                Err(CliError::Output(std::io::Error::new(source.kind(), format!("{}: {source}", path.display()))))
            }
        })
    }
}
