//! Trust in transit: who is at the other end, and what that one may do.
//!
//! [`pin`] names a key. [`known`] and [`clients`] are lists of keys, kept in files: those of servers and those of clients.

pub mod clients;
pub mod known;
pub mod list;
pub mod pin;

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
