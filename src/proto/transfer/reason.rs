//! Reasons of refusals and failures, as one byte on the wire.

use std::fmt;

use crate::error::Retry;

/// A reason, with the code of the table "Reasons" in `PROTOCOL.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Failed for another reason; also what an unknown code is read as.
    Failed = 1,
    /// The peer broke the protocol.
    Protocol = 2,
    /// Version, operation or extension not supported.
    Unsupported = 3,
    /// Too many clients.
    Busy = 4,
    /// Not allowed.
    NotAllowed = 5,
    /// The name exists with other content and is not replaced.
    Exists = 6,
    /// Not found.
    NotFound = 7,
    /// The name is not safe, see [`super::names`].
    UnsafeName = 8,
    /// Larger, or more, than is accepted.
    TooLarge = 9,
    /// No space left there.
    NoSpace = 10,
    /// Not a regular file.
    NotRegular = 11,
    /// Not asked for.
    NotAskedFor = 12,
    /// Cannot be written there.
    Unwritable = 13,
    /// Cannot be read there.
    Unreadable = 14,
    /// The source changed while it was sent.
    Changed = 15,
    /// The digest of what arrived is another one.
    DigestMismatch = 16,
    /// A time limit was reached.
    TimeLimit = 17,
    /// Stopped by a person or a signal.
    Stopped = 18,
}

impl Reason {
    /// Returns whether a new session may succeed after this reason.
    pub fn retry(self) -> Retry {
        match self {
            Reason::Busy | Reason::DigestMismatch | Reason::TimeLimit | Reason::Stopped => Retry::Again,
            Reason::Changed => Retry::Once,
            _ => Retry::Never,
        }
    }

    /// All reasons, in the order of their codes, which count from 1 without gaps.
    pub const ALL: [Reason; 18] = [
        Reason::Failed,
        Reason::Protocol,
        Reason::Unsupported,
        Reason::Busy,
        Reason::NotAllowed,
        Reason::Exists,
        Reason::NotFound,
        Reason::UnsafeName,
        Reason::TooLarge,
        Reason::NoSpace,
        Reason::NotRegular,
        Reason::NotAskedFor,
        Reason::Unwritable,
        Reason::Unreadable,
        Reason::Changed,
        Reason::DigestMismatch,
        Reason::TimeLimit,
        Reason::Stopped,
    ];

    /// Returns the byte on the wire.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns the reason with this code; an unknown one is [`Reason::Failed`].
    pub fn from_code(code: u8) -> Reason {
        Self::ALL.into_iter().find(|reason| reason.code() == code).unwrap_or(Reason::Failed)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Reason::Failed => "failed",
            Reason::Protocol => "protocol violation",
            Reason::Unsupported => "not supported",
            Reason::Busy => "too many clients",
            Reason::NotAllowed => "not allowed",
            Reason::Exists => "exists with other content",
            Reason::NotFound => "not found",
            Reason::UnsafeName => "unsafe name",
            Reason::TooLarge => "too large",
            Reason::NoSpace => "no space left",
            Reason::NotRegular => "not a regular file",
            Reason::NotAskedFor => "not asked for",
            Reason::Unwritable => "cannot be written",
            Reason::Unreadable => "cannot be read",
            Reason::Changed => "changed while it was sent",
            Reason::DigestMismatch => "digest mismatch",
            Reason::TimeLimit => "time limit reached",
            Reason::Stopped => "stopped",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn codes_count_from_one_and_come_back() {
        for (code, reason) in (1u8..).zip(Reason::ALL) {
            assert_eq!(reason.code(), code);
            assert_eq!(Reason::from_code(code), reason);
            assert!(!reason.to_string().is_empty());
        }
        for unknown in [0, 19, 128, 255] {
            assert_eq!(Reason::from_code(unknown), Reason::Failed);
        }
    }
}
