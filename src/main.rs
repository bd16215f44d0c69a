//! The `sendall` command: parse, run, report, exit code.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use clap::error::ErrorKind;
use sendall::cli::Cli;
use sendall::error::{Error, Exit};
use sendall::net::signals::Signals;
use sendall::report::{Level, Report};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let report = cli.report();
    match run(&cli, &report) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = error
                .downcast::<Error>()
                .unwrap_or_else(|other| Error::new(Exit::Failed, format!("{other:#}")));
            report.error(&error);
            ExitCode::from(error.exit().code())
        }
    }
}

fn run(cli: &Cli, report: &Report) -> anyhow::Result<()> {
    let signals = Signals::install().context("cannot install signal handlers")?;
    Ok(cli.run(report, &signals)?)
}

/// Help and version go to stdout; anything else is one line that says what to type instead.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that goes away in the middle of the help has seen enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return report_usage("no command: type sendall --help for the list");
    }
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("For more"));
    let line = lines.collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    report_usage(line)
}

fn report_usage(line: &str) -> ExitCode {
    Report::new(Level::Normal).error(&Error::new(Exit::Usage, line));
    ExitCode::from(Exit::Usage.code())
}
