//! The messages of admission, byte-exact: kind u8, 0 u8, length u16, body. `PROTOCOL.md` has the table.
//!
//! A message that cannot become a valid one is refused at its first wrong byte, before its body is read.

use std::fmt;

use super::Rights;
use super::cpace::{SHARE_BYTES, TAG_BYTES};
use super::refusal::{MAX_TEXT_BYTES, Reason, Refusal, Wanted};
use crate::proto::{Parsed, SessionId};

/// Bytes before a body.
pub const HEADER_BYTES: usize = 4;
/// The longest message.
pub const MAX_MESSAGE_BYTES: usize = HEADER_BYTES + REFUSAL_BYTES + MAX_TEXT_BYTES;
/// Bytes of a refusal without its text.
const REFUSAL_BYTES: usize = 4;
const SESSION_BYTES: usize = 16;

const OPEN: u8 = 0x01;
const SHARE: u8 = 0x02;
const PROOF: u8 = 0x03;
const KEY: u8 = 0x04;
const SESSION: u8 = 0x05;
const ADMITTED: u8 = 0x80;
const SERVER_SHARE: u8 = 0x82;
const SERVER_PROOF: u8 = 0x83;
const REFUSED: u8 = 0x8F;

/// A message of a client.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// Nothing to show.
    Open,
    /// Its share of CPace.
    Share([u8; SHARE_BYTES]),
    /// Its tag of CPace: the proof that it has the code.
    Proof([u8; TAG_BYTES]),
    /// The key of the certificate that it has presented in TLS.
    Key,
    /// A session that it has with this server, and joins.
    Session {
        /// The session id of its `ACCEPT`.
        id: SessionId,
        /// See [`SessionSecret`](super::session::SessionSecret).
        tag: [u8; TAG_BYTES],
    },
}

/// A message of a server.
#[derive(Clone, PartialEq, Eq)]
pub enum ServerMessage {
    /// Admitted without a code.
    Admitted(Rights),
    /// Its share of CPace.
    Share([u8; SHARE_BYTES]),
    /// Admitted by a code: its tag of CPace.
    Proof([u8; TAG_BYTES]),
    /// Not admitted.
    Refused(Refusal),
}

/// Why bytes are no message. The texts continue the sentence "the other side sent ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFault {
    /// A kind that this side never sends.
    UnknownKind(u8),
    /// A second byte that is not 0.
    NotZero,
    /// A length that its kind cannot have.
    Length {
        /// The kind.
        kind: u8,
        /// The length.
        length: u16,
    },
}

impl fmt::Display for MessageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageFault::UnknownKind(kind) => write!(f, "an unknown message ({kind:#04x})"),
            MessageFault::NotZero => f.write_str("a message with a reserved byte that is not 0"),
            MessageFault::Length { kind, length } => {
                write!(f, "a message ({kind:#04x}) of a wrong length ({length})")
            }
        }
    }
}

impl std::error::Error for MessageFault {}

fn encode(kind: u8, body: &[&[u8]]) -> Vec<u8> {
    let length: usize = body.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + length);
    bytes.extend_from_slice(&[kind, 0]);
    bytes.extend_from_slice(&(length as u16).to_be_bytes());
    body.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// Returns the kind and the body at the beginning of `bytes`, or how many bytes it takes at least. `lengths`: the smallest
/// and the largest body of a kind.
fn split(
    bytes: &[u8],
    lengths: impl Fn(u8) -> Option<(usize, usize)>,
) -> Result<Parsed<(u8, &[u8])>, MessageFault> {
    let Some(&kind) = bytes.first() else {
        return Ok(Parsed::Incomplete { needed: HEADER_BYTES });
    };
    let (least, most) = lengths(kind).ok_or(MessageFault::UnknownKind(kind))?;
    if bytes.get(1).is_some_and(|byte| *byte != 0) {
        return Err(MessageFault::NotZero);
    }
    let Some(&[_, _, high, low]) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Ok(Parsed::Incomplete { needed: HEADER_BYTES });
    };
    let length = u16::from_be_bytes([high, low]);
    let used = HEADER_BYTES + usize::from(length);
    if !(least..=most).contains(&usize::from(length)) {
        return Err(MessageFault::Length { kind, length });
    }
    Ok(match bytes.get(HEADER_BYTES..used) {
        Some(body) => Parsed::Complete { value: (kind, body), used },
        None => Parsed::Incomplete { needed: used },
    })
}

/// Returns the first `N` bytes of a body whose length was checked.
fn array<const N: usize>(body: &[u8]) -> [u8; N] {
    body.first_chunk().copied().unwrap_or([0; N])
}

impl ClientMessage {
    /// Returns the bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            ClientMessage::Open => encode(OPEN, &[]),
            ClientMessage::Share(share) => encode(SHARE, &[share]),
            ClientMessage::Proof(tag) => encode(PROOF, &[tag]),
            ClientMessage::Key => encode(KEY, &[]),
            ClientMessage::Session { id, tag } => encode(SESSION, &[id, tag]),
        }
    }

    /// Parses the message at the beginning of `bytes`.
    ///
    /// # Errors
    /// What cannot become a message of a client.
    pub fn parse(bytes: &[u8]) -> Result<Parsed<ClientMessage>, MessageFault> {
        let lengths = |kind| {
            let length = match kind {
                OPEN | KEY => 0,
                SHARE => SHARE_BYTES,
                PROOF => TAG_BYTES,
                SESSION => SESSION_BYTES + TAG_BYTES,
                _ => return None,
            };
            Some((length, length))
        };
        let (kind, body, used) = match split(bytes, lengths)? {
            Parsed::Complete { value: (kind, body), used } => (kind, body, used),
            Parsed::Incomplete { needed } => return Ok(Parsed::Incomplete { needed }),
        };
        let value = match kind {
            OPEN => ClientMessage::Open,
            SHARE => ClientMessage::Share(array(body)),
            PROOF => ClientMessage::Proof(array(body)),
            KEY => ClientMessage::Key,
            _ => ClientMessage::Session { id: array(body), tag: array(&body[SESSION_BYTES..]) },
        };
        Ok(Parsed::Complete { value, used })
    }
}

impl ServerMessage {
    /// Returns the bytes on the wire. A text over its limit is cut.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            ServerMessage::Admitted(rights) => encode(ADMITTED, &[&[rights.bits()]]),
            ServerMessage::Share(share) => encode(SERVER_SHARE, &[share]),
            ServerMessage::Proof(tag) => encode(SERVER_PROOF, &[tag]),
            ServerMessage::Refused(refusal) => {
                let [high, low] = refusal.seconds.to_be_bytes();
                let fixed = [refusal.reason.code(), refusal.wanted.bits(), high, low];
                encode(REFUSED, &[&fixed, refusal.text_to_send().as_bytes()])
            }
        }
    }

    /// Parses the message at the beginning of `bytes`.
    ///
    /// # Errors
    /// What cannot become a message of a server.
    pub fn parse(bytes: &[u8]) -> Result<Parsed<ServerMessage>, MessageFault> {
        let lengths = |kind| {
            Some(match kind {
                ADMITTED => (1, 1),
                SERVER_SHARE => (SHARE_BYTES, SHARE_BYTES),
                SERVER_PROOF => (TAG_BYTES, TAG_BYTES),
                REFUSED => (REFUSAL_BYTES, REFUSAL_BYTES + MAX_TEXT_BYTES),
                _ => return None,
            })
        };
        let (kind, body, used) = match split(bytes, lengths)? {
            Parsed::Complete { value: (kind, body), used } => (kind, body, used),
            Parsed::Incomplete { needed } => return Ok(Parsed::Incomplete { needed }),
        };
        let value = match kind {
            ADMITTED => ServerMessage::Admitted(Rights::from_bits(body[0])),
            SERVER_SHARE => ServerMessage::Share(array(body)),
            SERVER_PROOF => ServerMessage::Proof(array(body)),
            _ => ServerMessage::Refused(Refusal {
                reason: Reason::from_code(body[0]),
                wanted: Wanted::from_bits(body[1]),
                seconds: u16::from_be_bytes([body[2], body[3]]),
                text: String::from_utf8_lossy(&body[REFUSAL_BYTES..]).into_owned(),
            }),
        };
        Ok(Parsed::Complete { value, used })
    }
}
