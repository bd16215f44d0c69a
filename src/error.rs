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

/// Whether the same thing, done again over a new connection, may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Retry {
    /// It would fail in the same way.
    Never,
    /// Once: a source that changed may hold still now.
    Once,
    /// As often as is wanted.
    Again,
}

/// A failure: its exit code, and the line that says why.
#[derive(Debug)]
pub struct Error {
    exit: Exit,
    retry: Retry,
    is_health_check: bool,
    text: String,
}

impl Error {
    /// A failure that `cause` describes.
    pub fn new(exit: Exit, cause: impl fmt::Display) -> Error {
        let retry = match exit {
            Exit::NoConnection | Exit::TimedOut | Exit::Lost => Retry::Again,
            _ => Retry::Never,
        };
        Error { exit, retry, is_health_check: false, text: plain_words(&cause.to_string()) }
    }

    /// The same failure, where more is known of whether it can be mended than its exit code says.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Error {
        Error { retry, ..self }
    }

    /// The same failure, of a client that has come and gone without a word, as health checks and scanners do: a server
    /// for many has no line for it.
    #[must_use]
    pub fn of_health_check(self) -> Error {
        Error { is_health_check: true, ..self }
    }

    /// Whether it is one of a client that has come and gone without a word.
    pub fn is_health_check(&self) -> bool {
        self.is_health_check
    }

    /// Whether a new connection can mend it.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// The reader of stdout went away: ends the command as SIGPIPE would, without a message.
    pub fn reader_gone() -> Error {
        Error::new(Exit::Signal(SIGPIPE), "the reader of stdout went away")
    }

    /// How the process is to end.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// True if the failure is told by its exit code alone.
    pub fn is_silent(&self) -> bool {
        self.exit == Exit::Signal(SIGPIPE)
    }

    /// Says what was being done, in front of what failed.
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

/// The system's words without what std puts around them: which call it was before a name's, a number behind all.
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

/// What a reset is called.
pub(crate) const RESET: &str = "connection reset by peer";

/// What a failing connection is called, and the exit code it leaves.
pub(crate) fn lost(error: &io::Error) -> Error {
    // What passes was to be written down, too: see tools.
    if let Some(ours) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return Error::new(ours.exit(), ours);
    }
    match error.kind() {
        io::ErrorKind::TimedOut => Error::new(Exit::TimedOut, "the peer no longer answers"),
        // To end a direction of a connection that was reset meanwhile finds none.
        io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected => Error::new(Exit::Lost, RESET),
        io::ErrorKind::BrokenPipe => {
            Error::new(Exit::Lost, "the peer closed the connection before it had everything")
        }
        _ => Error::new(Exit::Lost, format!("connection lost: {error}")),
    }
}

/// A failure that a stream of ours has found and named itself; otherwise what `name` calls it.
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
