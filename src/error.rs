//! The one error type of the crate, and the exit code that each failure leaves.

use std::fmt;
use std::io;

/// How a command failed. The numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Failed for a reason that has no code of its own: 1.
    Failed,
    /// Wrong usage: 2.
    Usage,
    /// No connection: name not found, refused, unreachable, address in use, not permitted to bind: 3.
    NoConnection,
    /// A time limit ran out: 4.
    TimedOut,
    /// Connection lost: reset, or ended before the data was complete: 5.
    Lost,
    /// A digest does not match, or the source changed while it was sent: 6.
    Integrity,
    /// The peer refused: 7.
    Refused,
    /// Not trusted: a secret or a handshake failed: 8.
    Untrusted,
    /// Some items done, some failed: 9.
    Partial,
    /// Cannot write here: disk full, read-only, stdout failing: 10.
    CannotWrite,
    /// Ended by a signal: 128 and the signal's number.
    Signal(i32),
}

impl Exit {
    /// The exit code of the process.
    pub fn code(self) -> u8 {
        match self {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NoConnection => 3,
            Exit::TimedOut => 4,
            Exit::Lost => 5,
            Exit::Integrity => 6,
            Exit::Refused => 7,
            Exit::Untrusted => 8,
            Exit::Partial => 9,
            Exit::CannotWrite => 10,
            Exit::Signal(number) => 128u8.wrapping_add(number as u8),
        }
    }
}

impl Exit {
    /// The kind of failure that another sendall has ended with, by its exit code.
    pub(crate) fn of_code(code: i32) -> Option<Exit> {
        let all = [
            Exit::Failed,
            Exit::Usage,
            Exit::NoConnection,
            Exit::TimedOut,
            Exit::Lost,
            Exit::Integrity,
            Exit::Refused,
            Exit::Untrusted,
            Exit::Partial,
            Exit::CannotWrite,
        ];
        all.into_iter().find(|exit| i32::from(exit.code()) == code)
    }
}

/// Whether a retry over a new connection may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// A retry would fail in the same way.
    Never,
    /// One retry may: a source that changed may be stable now.
    Once,
    /// Each retry may.
    Again,
}

/// A failure: its exit code, and the line that says why.
#[derive(Debug)]
pub struct Error {
    exit: Exit,
    retry: Retry,
    is_health_check: bool,
    /// Its line was written already, or must not be.
    is_reported: bool,
    text: String,
}

impl Error {
    /// A failure that `cause` describes.
    pub fn new(exit: Exit, cause: impl fmt::Display) -> Error {
        let retry = match exit {
            Exit::NoConnection | Exit::TimedOut | Exit::Lost => Retry::Again,
            _ => Retry::Never,
        };
        Error {
            exit,
            retry,
            is_health_check: false,
            is_reported: false,
            text: plain_words(&cause.to_string()),
        }
    }

    /// The same failure, with a [`Retry`] other than the one that follows from its exit code.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Error {
        Error { retry, ..self }
    }

    /// The same failure, of a client that sent nothing before it left, as health checks and scanners do: a server for many
    /// clients does not print it.
    #[must_use]
    pub fn of_health_check(self) -> Error {
        Error { is_health_check: true, ..self }
    }

    /// The same, whose line was written already, or must not be.
    #[must_use]
    pub fn reported(self) -> Error {
        Error { is_reported: true, ..self }
    }

    /// The same with other words for some of its own: pairs of both.
    #[must_use]
    pub fn reworded(self, words: &[(&str, &str)]) -> Error {
        let text = words.iter().fold(self.text, |text, (ours, theirs)| text.replace(ours, theirs));
        Error { text, ..self }
    }

    /// True if the failure is that of a client that sent nothing before it left.
    pub fn is_health_check(&self) -> bool {
        self.is_health_check
    }

    /// Whether a retry may succeed.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// The reader of stdout went away: ends the command as SIGPIPE would, without a message.
    pub fn reader_gone() -> Error {
        Error::new(Exit::Signal(SIGPIPE), "the reader of stdout went away")
    }

    /// The exit code of the process, as a kind.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// True if the failure has no line: its exit code is enough.
    pub fn is_silent(&self) -> bool {
        self.is_reported || self.exit == Exit::Signal(SIGPIPE)
    }

    /// Puts the action that failed before the cause.
    #[must_use]
    pub fn context(self, what: impl fmt::Display) -> Error {
        Error { text: format!("{what}: {}", self.text), ..self }
    }
}

const SIGPIPE: i32 = 13;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// Removes what std adds to the system's text: the name of the call before it, and the number after it.
fn plain_words(text: &str) -> String {
    const START: &str = " (os error ";
    let text = text.replace("failed to lookup address information: ", "");
    let mut parts = text.split(START);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        match rest.strip_prefix(')').filter(|_| rest.len() < part.len()) {
            Some(rest) => plain += rest,
            None => plain.extend([START, part]),
        }
    }
    plain
}

/// The text of a reset.
pub(crate) const RESET: &str = "connection reset by peer";

/// The failure of a connection.
pub(crate) fn lost(error: &io::Error) -> Error {
    // A recording of the stream failed: see relay::tools.
    if let Some(ours) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return Error::new(ours.exit(), ours);
    }
    match error.kind() {
        io::ErrorKind::TimedOut => Error::new(Exit::TimedOut, "the peer no longer answers"),
        // To half-close a connection that was reset meanwhile fails with ENOTCONN.
        io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected => Error::new(Exit::Lost, RESET),
        io::ErrorKind::BrokenPipe => {
            Error::new(Exit::Lost, "the peer closed the connection before it had everything")
        }
        _ => Error::new(Exit::Lost, format!("connection lost: {error}")),
    }
}

/// Returns the [`Error`] inside an I/O error, if a stream of ours put one there; otherwise what `name` makes of it.
pub(crate) fn with_original_name(error: io::Error, name: impl FnOnce(&io::Error) -> Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(|error| name(&error))
}

/// The failure of a write to stdout.
pub(crate) fn cannot_write(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Error::reader_gone(),
        _ => Error::new(Exit::CannotWrite, format!("cannot write to stdout: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_leaves_128_and_its_number() {
        assert_eq!(Exit::Signal(2).code(), 130);
        assert_eq!(Exit::Signal(15).code(), 143);
        assert_eq!(Error::reader_gone().exit().code(), 141);
    }

    #[test]
    fn context_stands_in_front_and_keeps_the_code() {
        let error = Error::new(Exit::Lost, "reset by peer").context("127.0.0.1:7");
        assert_eq!(error.to_string(), "127.0.0.1:7: reset by peer");
        assert_eq!((error.exit(), error.retry()), (Exit::Lost, Retry::Again));
        assert_eq!(
            Error::new(Exit::Refused, "too many clients").with_retry(Retry::Again).retry(),
            Retry::Again
        );
    }

    #[test]
    fn what_std_puts_around_the_systems_words_is_left_out() {
        let shown = |text: &str| Error::new(Exit::Failed, text).to_string();
        assert_eq!(shown("x: failed to lookup address information: Not known"), "x: Not known");
        assert_eq!(shown("a: Not a thing (os error 91); b (os error 2)"), "a: Not a thing; b");
        assert_eq!(shown("(os error x) (os error 1"), "(os error x) (os error 1");
    }
}
