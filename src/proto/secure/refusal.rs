//! Why a server does not admit a client: what `REFUSED` says.

use std::fmt;

/// The longest text of a [`Refusal`], in bytes.
pub const MAX_TEXT_BYTES: usize = 1024;

/// Why a server refuses a client, as one byte on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Another reason; also what an unknown byte is read as.
    Other = 0,
    /// The server has a code, and the client has shown nothing.
    CodeWanted = 1,
    /// The proof is wrong.
    WrongCode = 2,
    /// The key is not among those that the server admits.
    KeyNotKnown = 3,
    /// There were too many wrong proofs.
    CodeWithdrawn = 4,
    /// Not now: too many wrong proofs from this address, others use the code at the moment, or too many clients wait.
    Wait = 5,
    /// The code was used up by sessions that have succeeded.
    CodeUsed = 6,
    /// The server has no code.
    NoCode = 7,
    /// The session is over, or is another client's.
    SessionNotKnown = 8,
}

impl Reason {
    /// All reasons, in the order of their codes, which count from 0 without gaps.
    pub const ALL: [Reason; 9] = [
        Reason::Other,
        Reason::CodeWanted,
        Reason::WrongCode,
        Reason::KeyNotKnown,
        Reason::CodeWithdrawn,
        Reason::Wait,
        Reason::CodeUsed,
        Reason::NoCode,
        Reason::SessionNotKnown,
    ];

    /// Returns the reason of a code.
    pub fn from_code(code: u8) -> Reason {
        Reason::ALL.get(usize::from(code)).copied().unwrap_or(Reason::Other)
    }

    /// Returns the code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// Says what to do, to a client's user.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Other => "the server admits no client in this way",
            Reason::CodeWanted => {
                "the server needs a code, which it prints when it starts: type it at the terminal, or set SENDALL_CODE"
            }
            Reason::WrongCode => {
                "the code is wrong, or somebody is in between: nothing was sent; ask for a new code"
            }
            Reason::KeyNotKnown => "the server does not know the key of this client",
            Reason::CodeWithdrawn => {
                "the code was withdrawn after too many wrong ones: nothing was sent; ask for a new code"
            }
            Reason::Wait => "the server takes no code from here at the moment: try again later",
            Reason::CodeUsed => "the code was used already: nothing was sent; ask for a new code",
            Reason::NoCode => {
                "the server says that it takes no code: nothing was sent; if it is the right one, leave the code out, also SENDALL_CODE"
            }
            Reason::SessionNotKnown => "the server does not know the session any more: run the command again",
        })
    }
}

/// What a server would admit, of a client that it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Wanted(u8);

impl Wanted {
    /// A code.
    pub const CODE: Wanted = Wanted(1);
    /// A known key.
    pub const KEY: Wanted = Wanted(2);

    /// Returns what a byte on the wire stands for. Unknown bits are ignored.
    pub fn from_bits(bits: u8) -> Wanted {
        Wanted(bits & 3)
    }

    /// Returns the byte on the wire.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Returns both.
    #[must_use]
    pub fn and(self, other: Wanted) -> Wanted {
        Wanted(self.0 | other.0)
    }

    /// Returns whether `other` is wanted.
    pub fn has(self, other: Wanted) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A refusal. It comes before the server is known: only the reason's own words are for people, the text is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What would be admitted.
    pub wanted: Wanted,
    /// How long to wait, in seconds; 0: waiting does not help.
    pub seconds: u16,
    /// Text of the server. Not shown; ours sends none. At most [`MAX_TEXT_BYTES`] bytes are sent.
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason == Reason::Wait && self.seconds > 0 {
            return write!(
                f,
                "the server takes no code from here at the moment: try again in {} s",
                self.seconds
            );
        }
        self.reason.fmt(f)?;
        if self.reason == Reason::KeyNotKnown && self.wanted.has(Wanted::CODE) {
            f.write_str(": type its code at the terminal, or set SENDALL_CODE")?;
        }
        Ok(())
    }
}

impl Refusal {
    /// A refusal without a text, after which waiting does not help.
    pub fn new(reason: Reason, wanted: Wanted) -> Refusal {
        Refusal { reason, wanted, seconds: 0, text: String::new() }
    }

    /// Returns the text, cut to its limit.
    pub(super) fn text_to_send(&self) -> &str {
        let mut end = self.text.len().min(MAX_TEXT_BYTES);
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        &self.text[..end]
    }
}
