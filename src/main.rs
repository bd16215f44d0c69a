//! The `sendall` command: parse, run, report, exit code.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use sendall::cli::Cli;
use sendall::cli::hints;
use sendall::cli::nc::{self, Nc};
use sendall::error::{Error, Exit};
use sendall::net::clock::read_clock;
use sendall::net::signals::Signals;
use sendall::net::stdio;
use sendall::report::{Level, Report};

// The demo calls it, too.
pub(crate) fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if let Some(words) = nc::words(&args) {
        return run_nc(&words);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let report = cli.report();
    match run(&cli, &report) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = with_hint(as_failure(error));
            report.error(&error);
            ExitCode::from(error.exit().code())
        }
    }
}

fn run(cli: &Cli, report: &Report) -> anyhow::Result<()> {
    let last = report.clone();
    let signals = Signals::install(move |number, is_second| stop_at_once(last, number, is_second));
    Ok(cli.run(report, &signals.context("cannot install signal handlers")?)?)
}

/// Runs as nc: with its words, and its exit codes.
fn run_nc(words: &[OsString]) -> ExitCode {
    let report = Nc::report(read_clock);
    let run = || -> anyhow::Result<()> {
        let nc = Nc::parse(words)?;
        let signals = Signals::install(|number, _is_second| std::process::exit(128 + number));
        Ok(nc.run(&report, &signals.context("cannot install signal handlers")?)?)
    };
    let Err(error) = run() else { return ExitCode::SUCCESS };
    let error = as_failure(error);
    // A signal ends nc without a line.
    if !matches!(error.exit(), Exit::Signal(_)) {
        report.error(&error);
    }
    ExitCode::from(nc::exit_code(&error))
}

fn as_failure(error: anyhow::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|other| Error::new(Exit::Failed, format!("{other:#}")))
}

/// Replaces the text of a usage error if its cause are words that other programs understand.
fn with_hint(error: Error) -> Error {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match error.exit() {
        Exit::Usage => hints::better_line(&words).map_or(error, |line| Error::new(Exit::Usage, line)),
        _ => error,
    }
}

/// Ends the process at the second signal, or at one before the run has begun. It waits only briefly for its line to be
/// written, because stderr may be blocked.
fn stop_at_once(report: Report, number: i32, is_second: bool) {
    let (sender, written) = mpsc::channel();
    std::thread::spawn(move || {
        let how = if is_second { "stopped at once by" } else { "stopped by" };
        let text = format!("{how} {}", sendall::net::signals::name(number));
        report.error(&Error::new(Exit::Signal(number), text));
        sender.send(())
    });
    let _ = written.recv_timeout(Duration::from_millis(100));
    std::process::exit(128 + number);
}

/// Prints the help or the version to stdout, or reports a usage error: one line with what to type instead.
fn usage(error: &clap::Error) -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let failure = if error.use_stderr() {
        Error::new(Exit::Usage, hints::usage_line(error, &words))
    } else {
        match stdio::check_stdout().and_then(|()| print(error)) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => failure,
        }
    };
    // The arguments could not be parsed, so the option for the form of the error is searched for.
    let wants_json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    let new = if wants_json { Report::json } else { Report::new };
    let report = new(Level::Normal, read_clock);
    report.error(&failure);
    ExitCode::from(failure.exit().code())
}

/// Prints the help or the version. A reader that closes the pipe early is not a failure.
fn print(text: &clap::Error) -> Result<(), Error> {
    match text.print().and_then(|()| std::io::stdout().flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(Exit::CannotWrite, format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
