//! What an admitted client and its server keep for as long as a session runs, so that further connections need no second
//! code.
//!
//! Both have a key of 64 bytes that follows from the first connection:
//! - admitted by a code: HMAC-SHA-512 of the text `sendall/1 session` under CPace's ISK;
//! - admitted by a key, or by an open server: TLS's exporter ([`SESSION_EXPORTER`](super::SESSION_EXPORTER)).
//!
//! A connection shows HMAC-SHA-512 under this key of its own exporter ([`AUTH_EXPORTER`](super::AUTH_EXPORTER)). It is of
//! no use on another connection, and both ends must present the same certificates' keys as on the first one.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::cpace::{Keys, TAG_BYTES};
use super::mac::{SHA512_BYTES, hmac};
use super::pin::Pin;
use super::{Channel, Rights};

const LABEL: &[u8] = b"sendall/1 session";

/// The key of a session.
#[derive(Clone)]
pub struct SessionKey(Zeroizing<[u8; SHA512_BYTES]>);

/// Shows nothing.
impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey")
    }
}

/// A session, as either side keeps it. The server finds it by the session id of `ACCEPT`.
#[derive(Clone, Debug)]
pub struct SessionSecret {
    key: SessionKey,
    peer: Option<Pin>,
    rights: Rights,
}

impl SessionSecret {
    /// Returns the session of a client that was admitted by a code.
    pub(super) fn by_code(keys: &Keys, channel: &Channel, rights: Rights) -> SessionSecret {
        let key = SessionKey(Zeroizing::new(hmac(keys.key(), LABEL)));
        SessionSecret { key, peer: channel.peer, rights }
    }

    /// Returns the session of a client that was admitted by its key, or because the server is open.
    pub(super) fn by_channel(channel: &Channel, rights: Rights) -> SessionSecret {
        SessionSecret { key: SessionKey(channel.session.clone()), peer: channel.peer, rights }
    }

    /// Returns what the client may do, by the server's account. A client keeps all rights: it does not decide.
    pub(super) fn rights(&self) -> Rights {
        self.rights
    }

    /// Returns the key of the other side's certificate.
    pub fn peer(&self) -> Option<Pin> {
        self.peer
    }

    /// Returns whether the other end of `channel` presents the same key as on the first connection.
    pub fn is_same_peer(&self, channel: &Channel) -> bool {
        self.peer == channel.peer
    }

    /// Returns the tag that a client shows on a further connection.
    pub(super) fn tag(&self, channel: &Channel) -> [u8; TAG_BYTES] {
        hmac(&self.key.0, &channel.auth)
    }

    /// Returns whether the client at the other end of `channel` is that of the session. Takes the same time for all tags.
    pub(super) fn accepts(&self, channel: &Channel, tag: &[u8; TAG_BYTES]) -> bool {
        let tag_is_right: bool = Zeroizing::new(self.tag(channel)).ct_eq(tag).into();
        tag_is_right && self.is_same_peer(channel)
    }
}
