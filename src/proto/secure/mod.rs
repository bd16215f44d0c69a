//! Admission: which client may use a server, and is that the server which the client means. It takes place inside TLS,
//! before `HELLO` and before the first byte of a raw stream ("Admission" in `PROTOCOL.md`).
//!
//! - [`client`] and [`server`] are the two machines; [`message`] has their messages, [`refusal`] the
//!   reasons.
//! - [`code`]: the code that one person reads to another, [`code_line`] while it is typed. [`cpace`] proves on both sides that they have the same one.
//! - [`guesses`] and [`account`]: how often a code may be guessed, and used.
//! - [`session`]: what lets further connections in.
//! - [`pin`]: a key's digest; [`known`] and [`clients`]: lists of keys in files, parsed with [`list`].
//!
//! Everything is bound to the connection by [`Channel`]: bytes that somebody in between passes on, or has recorded, are
//! wrong on every other connection.

use std::fmt;

use zeroize::Zeroizing;

use self::pin::Pin;

pub mod account;
pub mod client;
pub mod clients;
pub mod code;
pub mod code_line;
pub mod cpace;
pub mod guesses;
pub mod known;
pub mod list;
mod mac;
pub mod message;
pub mod pin;
pub mod refusal;
pub mod server;
pub mod session;

#[cfg(test)]
mod tests;

/// Label of TLS's exporter (RFC 8446, section 7.5) for [`Channel::auth`]; the context is empty.
pub const AUTH_EXPORTER: &[u8] = b"EXPORTER-sendall-auth";
/// Label of TLS's exporter for [`Channel::session`]; the context is empty.
pub const SESSION_EXPORTER: &[u8] = b"EXPORTER-sendall-session";
/// The name of the protocol in TLS's ALPN. CPace is run with the same text as its channel identifier.
pub const ALPN: &[u8] = b"sendall/1";

/// The facts about a TLS connection that its two ends share, and nobody else.
pub struct Channel {
    /// Exporter for [`AUTH_EXPORTER`].
    pub auth: [u8; 32],
    /// Exporter for [`SESSION_EXPORTER`].
    pub session: Zeroizing<[u8; 64]>,
    /// Key of the certificate that the other end has presented. A server always has one.
    pub peer: Option<Pin>,
}

/// Shows no exporter.
impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// The things that a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights(u8);

impl Rights {
    /// Nothing.
    pub const NONE: Rights = Rights(0);
    /// Store files: `PUT`.
    pub const STORE: Rights = Rights(1);
    /// Read what is shared: `GET` and `LIST`.
    pub const SHARE: Rights = Rights(2);
    /// The raw stream of a server without transfers.
    pub const STREAM: Rights = Rights(4);
    /// Everything that the server has.
    pub const ALL: Rights = Rights(7);

    /// Returns the rights that a byte on the wire stands for. Unknown bits are ignored.
    pub fn from_bits(bits: u8) -> Rights {
        Rights(bits & Rights::ALL.0)
    }

    /// Returns the byte on the wire.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Returns the rights of both.
    #[must_use]
    pub fn and(self, other: Rights) -> Rights {
        Rights(self.0 | other.0)
    }

    /// Returns the rights that both have.
    #[must_use]
    pub fn common(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }

    /// Returns whether all of `other` are among them.
    pub fn has(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }
}
