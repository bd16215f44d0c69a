//! `nc`: the dialect of Debian's OpenBSD nc, by the name that the program is invoked with, and as `sendall nc`.

mod letters;
mod plan;
mod values;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Args;

use self::letters::Letters;
use super::manual;
use crate::error::{Error, Exit};
use crate::net::signals::Signals;
use crate::relay::nc::reworded;
use crate::report::{Clock, Level, Report};
use crate::run::nc::Plan;

/// The names of the program, other than its own, under which it is nc.
const NAMES: &[&[u8]] = &[b"nc", b"nc.sendall", b"netcat"];
/// The first lines of its help.
const USAGE: &str =
    "nc [LETTERS] HOST PORT...\n       nc -l [LETTERS] [HOST] PORT\n       nc -U [-l] [LETTERS] PATH";
/// The command after the program's own name.
const COMMAND: &str = "nc";

/// What it does, for --help and the manual.
pub(super) const ABOUT: &str =
    "Speak the dialect of nc (OpenBSD's, as Debian has it): for scripts that call nc";

#[derive(Args, Clone, Debug)]
#[command(about = ABOUT, disable_help_flag = true, after_long_help = [manual::NC, manual::NC_EXAMPLES].join("\n\n"))]
pub(crate) struct NcArgs {
    /// Letters, a host and ports, as nc has them
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl NcArgs {
    /// Runs nc with options of sendall before the command.
    pub(crate) fn run(&self) -> Result<(), Error> {
        let text = "nc has its own letters: type 'sendall nc' without options of sendall before nc";
        Err(Error::new(Exit::Usage, text))
    }
}

/// Returns the words after the program's name if it was invoked as nc, and after the command in `sendall nc`.
pub fn words(args: &[OsString]) -> Option<Vec<OsString>> {
    let (program, words) = args.split_first()?;
    let name = Path::new(program).file_name().map_or(&b""[..], OsStrExt::as_bytes);
    match words {
        _ if NAMES.contains(&name) => Some(words.to_vec()),
        [first, words @ ..] if first == COMMAND => Some(words.to_vec()),
        [first, second] if first == "help" && second == COMMAND => Some(vec!["-h".into()]),
        _ => None,
    }
}

/// One run of nc.
pub enum Nc {
    /// `-h`: the text.
    Help(String),
    /// A task, and if it is verbose.
    Run(Box<Plan>),
}

impl Nc {
    /// Parses letters and operands.
    ///
    /// # Errors
    /// What is wrong, in one line in nc's words.
    pub fn parse(words: &[OsString]) -> Result<Nc, Error> {
        let usage = |text: String| reworded(Error::new(Exit::Failed, text));
        let letters = Letters::parse(words).map_err(usage)?;
        if letters.has('h') {
            return Ok(Nc::Help(help()));
        }
        plan::plan(&letters).map(|plan| Nc::Run(Box::new(plan))).map_err(usage)
    }

    /// The report of nc: its lines begin with `nc: `.
    pub fn report(clock: Clock) -> Report {
        Report::new(Level::Normal, clock).named(COMMAND)
    }

    /// Does what was asked for.
    ///
    /// # Errors
    /// Of the run. Its exit code is that of sendall: [`exit_code`] gives nc's.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        match self {
            Nc::Help(text) => report
                .print(text.as_bytes())
                .map_err(|error| Error::new(Exit::CannotWrite, format!("cannot write to stdout: {error}"))),
            Nc::Run(plan) => plan.run(report, signals),
        }
    }
}

/// The exit code of nc for a failure: 1, or that of a signal.
pub fn exit_code(error: &Error) -> u8 {
    match error.exit() {
        exit @ Exit::Signal(_) => exit.code(),
        _ => 1,
    }
}

fn help() -> String {
    let text = [manual::NC, manual::NC_EXAMPLES].join("\n\n");
    let page = clap::Command::new(COMMAND).max_term_width(100).disable_help_flag(true);
    let mut page = page.override_usage(USAGE).after_long_help(text);
    page.render_long_help().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_program_or_the_first_word_is_nc() {
        let found = |line: &str| {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            words(&args).map(|words: Vec<OsString>| {
                words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
            })
        };
        let some = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found("nc -z h 1"), some(&["-z", "h", "1"]));
        assert_eq!(found("/bin/nc.sendall nc 1"), some(&["nc", "1"]));
        assert_eq!(found("./netcat"), some(&[]));
        assert_eq!(found("sendall nc -l 1"), some(&["-l", "1"]));
        assert_eq!(found("sendall help nc"), some(&["-h"]));
        assert_eq!((found("sendall connect nc:1"), found("sendall"), found("ncat -l 1")), (None, None, None));
    }
}
