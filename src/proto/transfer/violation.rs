//! Breaches of the protocol by a peer.

use std::fmt;

use super::reason::Reason;

/// A breach of the protocol by the peer. It ends the session: send an `ERROR` with [`Violation::reason`] and this
/// text, then close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// The first bytes are not those of this protocol.
    NotOurs,
    /// Another major version.
    Version(u8),
    /// An operation that is unknown or reserved.
    Operation(u8),
    /// An extension of this type must be understood and is not.
    Extension(u16),
    /// A frame of this unknown or reserved type.
    FrameType(u8),
    /// A length field outside its bounds, refused before anything was allocated for it.
    Length {
        /// What the length belongs to.
        what: &'static str,
        /// The length as it was sent, in bytes.
        length: u64,
    },
    /// A frame's content that cannot be read.
    Malformed(&'static str),
    /// A frame of this name that has no place in this phase.
    OutOfTurn(&'static str),
    /// Frames that contradict each other: order, gaps, sizes, counts.
    Contradiction(&'static str),
    /// The block of a file at this offset arrived damaged again and again.
    Damaged(u64),
    /// More entries than this side accepts.
    TooManyEntries(u32),
    /// More in one round than this side holds.
    RoundTooLarge,
}

impl Violation {
    /// Returns the reason for `ACCEPT` or `ERROR`.
    pub fn reason(&self) -> Reason {
        match self {
            Violation::Version(_) | Violation::Operation(_) | Violation::Extension(_) => Reason::Unsupported,
            Violation::TooManyEntries(_) | Violation::RoundTooLarge => Reason::TooLarge,
            Violation::Damaged(_) => Reason::DigestMismatch,
            _ => Reason::Protocol,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::NotOurs => write!(out, "the first bytes are not those of a sendall transfer"),
            Violation::Version(major) => write!(out, "protocol version {major} is not supported"),
            Violation::Operation(code) => write!(out, "operation {code} is not supported"),
            Violation::Extension(code) => write!(out, "extension {code:#06x} is not supported"),
            Violation::FrameType(code) => write!(out, "unknown frame type {code}"),
            Violation::Length { what, length } => {
                write!(out, "a length of {length} is not allowed for {what}")
            }
            Violation::Malformed(what) => write!(out, "malformed: {what}"),
            Violation::OutOfTurn(name) => write!(out, "{name} out of turn"),
            Violation::Contradiction(what) => write!(out, "contradiction: {what}"),
            Violation::Damaged(offset) => {
                write!(out, "the block at {offset} arrived damaged each time it was sent")
            }
            Violation::RoundTooLarge => {
                write!(out, "a round of more than 16384 entries, or of 4 MiB of names")
            }
            Violation::TooManyEntries(limit) => write!(out, "more than {limit} files, folders and links"),
        }
    }
}

impl std::error::Error for Violation {}
