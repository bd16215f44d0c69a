//! The `sendall` command: parse, run, report, exit code.

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

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
    let last = report.clone();
    let signals = Signals::install(move |number, comes_again| stop_at_once(last, number, comes_again));
    Ok(cli.run(report, &signals.context("cannot install signal handlers")?)?)
}

/// The second signal, or one before there is anything to be stopped in order. What is stuck may be stderr itself.
fn stop_at_once(report: Report, number: i32, comes_again: bool) {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let how = if comes_again { "stopped at once by" } else { "stopped by" };
        let text = format!("{how} {}", sendall::net::signals::name(number));
        report.error(&Error::new(Exit::Signal(number), text));
        tell.send(())
    });
    let _ = told.recv_timeout(Duration::from_millis(100));
    std::process::exit(128 + number);
}

/// Help and version go to stdout; anything else is one line that says what to type instead.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that goes away in the middle of the help has seen enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "no command: type 'sendall serve', 'connect', 'upload', 'download', 'udp-listen', 'udp-send' or 'http-hello', \
             or 'sendall --help'"
                .into()
        }
        _ => plainly(&one_line(&error.render().to_string())),
    };
    // What could not be parsed is searched for the one word that says in which form to complain.
    let wants_json = std::env::args_os().skip(1).take_while(|arg| arg != "--").any(|arg| arg == "--json");
    let report = if wants_json { Report::json(Level::Normal) } else { Report::new(Level::Normal) };
    report.error(&Error::new(Exit::Usage, text));
    ExitCode::from(Exit::Usage.code())
}

/// In the place of words of Rust's and clap's parsers: what to type.
fn plainly(line: &str) -> String {
    for (raw, plain) in [
        ("invalid digit found in string", "type a number"),
        ("cannot parse integer from empty string", "type a number"),
        ("number too large to fit in target type", "that is too large"),
        ("value was not a boolean", "type on or off"),
        ("invalid IP address syntax", "type an address, as in 192.0.2.1 or 2001:db8::1"),
    ] {
        if let Some(before) = line.strip_suffix(raw) {
            return format!("{before}{plain}");
        }
    }
    let ends =
        line.rsplit_once(" is not in ").and_then(|(before, range)| Some((before, range.split_once("..")?)));
    match ends.and_then(|(before, ends)| Some((before.rsplit_once(": ")?.0, ends))) {
        Some((before, (from, to))) => match to.trim_start_matches('=') {
            to if to == u64::MAX.to_string() => format!("{before}: type a number from {from} on"),
            to => format!("{before}: type a number from {from} to {to}"),
        },
        None => line.to_owned(),
    }
}

/// What clap says in several paragraphs.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty() && !part.starts_with("For more")) {
        let part = part.strip_prefix("error: ").unwrap_or(part);
        let separator = match part {
            _ if line.is_empty() => "",
            _ if part.starts_with("tip:") || part.starts_with("Usage:") => "; ",
            _ => " ",
        };
        line += separator;
        line += &part.replace("Usage:", "usage:");
    }
    line
}
