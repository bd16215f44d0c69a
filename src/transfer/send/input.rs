//! Input without a known size: stdin, or the output of a command.

use std::io;

use crate::error::Error;
use crate::net::child;
use crate::net::child::{ChildStream, Environment, Program, describe};
use crate::net::process::Process;
use crate::net::reactor::IoHandle;
use crate::net::stdio::Stdio;
use crate::net::stream::Stream;
use crate::report::Report;

/// A source of bytes whose size is not known before its end.
pub(super) enum Input {
    Stdin(Stdio),
    /// A command. It is killed with its process group when dropped before its end.
    Command {
        output: ChildStream,
        process: Option<Process>,
        report: Report,
    },
}

impl Input {
    /// Opens stdin, or starts the program with an empty stdin.
    pub(super) fn open(program: Option<&Program>, io: &IoHandle, report: &Report) -> Result<Input, Error> {
        let Some(program) = program else { return Stdio::open(io).map(Input::Stdin) };
        let (mut output, process) = child::spawn(program, &Environment::new(), io)?;
        output.discard_input();
        report.detail(format_args!("process {} runs '{}'", process.id(), program.name.display()));
        Ok(Input::Command { output, process: Some(process), report: report.clone() })
    }

    /// Reads into `buffer`. Returns the number of bytes, 0 at the end (of a command: after exit status 0), `None` if
    /// nothing is available yet.
    ///
    /// # Errors
    /// The reason, in words.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, String> {
        let read = match self {
            Input::Stdin(stdin) => stdin.read(buffer),
            Input::Command { output, .. } => output.read(buffer),
        };
        match (read, self) {
            (Ok(0), Input::Command { process, report, .. }) => ended(process, report),
            (Ok(count), _) => Ok(Some(count)),
            (Err(error), _) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            (Err(error), _) => Err(format!("the source cannot be read: {error}")),
        }
    }
}

/// Checks the exit of a command that has closed its output.
fn ended(process: &mut Option<Process>, report: &Report) -> Result<Option<usize>, String> {
    if process.as_mut().is_some_and(|process| !process.has_ended()) {
        return Ok(None);
    }
    let Some(process) = process.take() else { return Ok(Some(0)) };
    let id = process.id();
    let status = process.reap().map_err(|error| format!("it is unknown how the command ended: {error}"))?;
    let words = describe(status);
    report.child(id, status.code(), std::os::unix::process::ExitStatusExt::signal(&status), &words);
    if status.success() { Ok(Some(0)) } else { Err(format!("the command {words}, so nothing is stored")) }
}
