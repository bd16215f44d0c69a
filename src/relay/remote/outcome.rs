//! One outcome of two: that of the session, and that of the program that carried it.

use super::RemoteServer;
use super::session::ProgramEnd;
use crate::error::{Error, Exit, Retry};
use crate::net::child::describe;
use crate::report::escape;

/// The exit code of ssh(1) for its own failures.
const SSH_FAILED: i32 = 255;
/// Exit codes of shells: no such program, and one that cannot be run.
const NOT_FOUND: i32 = 127;
const NOT_RUNNABLE: i32 = 126;
/// What is shown of bytes that are not the protocol's.
const MAX_SHOWN_BYTES: usize = 80;

/// What the session has seen of the server.
#[derive(Debug, Default)]
pub(crate) struct Contact {
    /// It has answered, in the protocol.
    pub(crate) has_answered: bool,
    /// It has begun with these bytes, which are not the protocol's.
    pub(crate) noise: Option<Vec<u8>>,
}

/// The outcome of a session by `server`. Once the server has answered, what the session says holds.
///
/// # Errors
/// Of the session or, where that only sees the connection end, of the program.
pub(crate) fn merge(
    result: Result<(), Error>,
    server: &RemoteServer,
    end: &ProgramEnd,
    contact: &Contact,
) -> Result<(), Error> {
    let status = end.status.filter(|status| !status.success());
    match (result, status) {
        (Ok(()), None) => Ok(()),
        // Everything has arrived. What came after it, in a shell's line perhaps, has not gone well.
        (Ok(()), Some(status)) => {
            let exit = status.code().and_then(Exit::of_code).unwrap_or(Exit::Failed);
            let text = format!("everything arrived, but {} {} afterwards", server.name, describe(status));
            Err(Error::new(exit, text))
        }
        (Err(error), _) if matches!(error.exit(), Exit::Signal(_)) || contact.has_answered => Err(error),
        (Err(error), _) if contact.noise.is_some() => {
            let noise = first_line(contact.noise.as_deref().unwrap_or_default());
            let text = match server.is_ssh {
                true => format!(
                    "the remote shell prints \"{noise}\" before sendall speaks: let the files that it reads at its start \
                     (.bashrc) print nothing where there is no terminal"
                ),
                false => format!("{} prints \"{noise}\" before sendall speaks", server.name),
            };
            Err(Error::new(error.exit(), text))
        }
        (Err(error), _) if error.exit() == Exit::Lost => Err(unanswered(server, end)),
        (Err(error), _) => Err(error),
    }
}

/// The failure of a program before the server has answered.
fn unanswered(server: &RemoteServer, end: &ProgramEnd) -> Error {
    let code = end.status.and_then(|status| status.code());
    let (exit, retry, hint) = match (code, server.is_ssh) {
        (Some(NOT_FOUND | NOT_RUNNABLE), true) => (
            Exit::NoConnection,
            Retry::Never,
            "; there is no sendall that the remote shell finds: install it there, or type --remote-command PATH",
        ),
        (Some(NOT_FOUND | NOT_RUNNABLE), false) => {
            (Exit::NoConnection, Retry::Never, "; a program of its line was not found")
        }
        (Some(SSH_FAILED), true) if end.is_wrong_host || end.is_denied => (Exit::Untrusted, Retry::Never, ""),
        (Some(SSH_FAILED), true) => (Exit::NoConnection, Retry::Again, ""),
        // The remote sendall has refused its words: no such folder, perhaps, or it is too old.
        (Some(2), true) => (Exit::Refused, Retry::Never, ""),
        _ => (Exit::NoConnection, Retry::Never, ""),
    };
    let program = if server.is_ssh { "ssh" } else { "the program" };
    let how = end.status.map_or_else(|| "ended the connection".to_owned(), describe);
    let why = end.last_line.as_ref().map(|line| format!(": {line}")).unwrap_or_default();
    let text = format!("{}: {program} {how} before sendall answered{why}{hint}", server.name);
    Error::new(exit, text).with_retry(retry)
}

/// The first line of some bytes, shortened and made harmless.
fn first_line(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len());
    let line = &bytes[..end.min(MAX_SHOWN_BYTES)];
    escape(&String::from_utf8_lossy(line))
}
