//! A client's side of admission: it shows what it has, and sends nothing else before the server has answered.
//!
//! A client with a code insists on it: no answer but the server's own proof admits it.

use std::fmt;

use super::code::Code;
use super::cpace::{BadShare, Exchange, Inputs, Keys, Party};
use super::message::{ClientMessage, HEADER_BYTES, MessageFault, ServerMessage};
use super::refusal::Refusal;
use super::session::SessionSecret;
use super::{ALPN, Channel, Rights};
use crate::proto::{Parsed, SessionId};

/// ADa of CPace: the data of the client.
pub(super) const CLIENT_DATA: &[u8] = b"client";
/// ADb of CPace.
pub(super) const SERVER_DATA: &[u8] = b"server";

/// The inputs of CPace on both sides of a connection.
pub(super) fn inputs<'a>(code: &'a Code, channel: &'a Channel) -> Inputs<'a> {
    Inputs {
        secret: code.reveal().as_bytes(),
        channel: ALPN,
        run: &channel.auth,
        initiator_data: CLIENT_DATA,
        responder_data: SERVER_DATA,
    }
}

/// The thing that a client shows. All but a code are for a server that is known already, or that the user trusts unseen
/// (`--trust-new`): its certificate's key was compared with a pin, a known host or that of the session's first connection
/// before this begins, if there is one.
#[derive(Clone, Copy, Debug)]
pub enum Credential<'a> {
    /// Nothing.
    Open,
    /// The key of the certificate that it has presented in TLS.
    Key,
    /// A code. The server need not be known: it has to prove that it has the code.
    Code(&'a Code),
    /// A session of this run, which the connection joins.
    Session {
        /// The session id of its `ACCEPT`.
        id: SessionId,
        /// What was kept of its admission.
        session: &'a SessionSecret,
    },
}

/// Why a client does not trust the other end. Exit code 8; a retry would only give somebody in between another guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTrusted {
    /// The server refuses.
    Refused(Refusal),
    /// The server's proof is wrong: it does not have the code, or somebody is in between.
    WrongProof,
    /// The server admits without a proof that it has the code.
    NoProof,
    /// The share is invalid.
    BadShare(BadShare),
    /// The certificate has another key than on the first connection of the session.
    OtherKey,
    /// The server has sent a message out of its turn.
    OutOfTurn,
    /// The server has sent bytes that are not a message.
    NoMessage(MessageFault),
}

impl fmt::Display for NotTrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotTrusted::Refused(refusal) => refusal.fmt(f),
            NotTrusted::WrongProof => f.write_str(
                "the code is wrong, or somebody is in between: nothing was sent; ask for a new code",
            ),
            NotTrusted::NoProof => f.write_str(
                "the server does not prove that it has the code, so it may be another one: nothing was sent",
            ),
            NotTrusted::BadShare(fault) => {
                write!(f, "the server's key exchange is not valid (the share {fault}): nothing was sent")
            }
            NotTrusted::OtherKey => f.write_str(
                "the server has another key than when the session began, so it may be another one: nothing was sent",
            ),
            NotTrusted::OutOfTurn => {
                f.write_str("the server broke the rules of admission (a message out of its turn)")
            }
            NotTrusted::NoMessage(fault) => {
                write!(f, "the server broke the rules of admission ({fault})")
            }
        }
    }
}

impl std::error::Error for NotTrusted {}

/// What a client has when it was admitted.
#[derive(Clone, Debug)]
pub struct Admission {
    /// What the client may do, as far as the server says so: after a code, [`Rights::ALL`].
    pub rights: Rights,
    /// To be kept under the session id of `ACCEPT`, for further connections.
    pub session: SessionSecret,
}

enum State {
    Share { exchange: Exchange, channel: Channel },
    Proof { keys: Keys, session: SessionSecret },
    Answer { session: SessionSecret },
    Admitted(Admission),
    Over,
}

/// The machine.
pub struct ClientAdmission {
    state: State,
    has_proven: bool,
    outgoing: Vec<u8>,
    /// The beginning of a message; never more than one.
    received: Vec<u8>,
}

impl ClientAdmission {
    /// Begins. `random` must be 64 bytes that nobody can predict; they are needed for a code only.
    ///
    /// # Errors
    /// The server is not that of the session.
    pub fn new(
        credential: Credential<'_>,
        channel: Channel,
        random: &[u8; 64],
    ) -> Result<ClientAdmission, NotTrusted> {
        let by_channel = |channel| State::Answer { session: SessionSecret::by_channel(channel, Rights::ALL) };
        let (message, state) = match credential {
            Credential::Open => (ClientMessage::Open, by_channel(&channel)),
            Credential::Key => (ClientMessage::Key, by_channel(&channel)),
            Credential::Code(code) => {
                let exchange = Exchange::new(Party::Initiator, &inputs(code, &channel), random);
                (ClientMessage::Share(exchange.share()), State::Share { exchange, channel })
            }
            Credential::Session { id, session } => {
                if session.peer().is_none() || !session.is_same_peer(&channel) {
                    return Err(NotTrusted::OtherKey);
                }
                let tag = session.tag(&channel);
                (ClientMessage::Session { id, tag }, State::Answer { session: session.clone() })
            }
        };
        Ok(ClientAdmission { state, has_proven: false, outgoing: message.encode(), received: Vec::new() })
    }

    /// Returns the bytes to send now; empty if there are none.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    /// Returns how many more bytes surely belong to admission. 0: it is over.
    pub fn wanted(&self) -> usize {
        if matches!(self.state, State::Admitted(_) | State::Over) {
            return 0;
        }
        match ServerMessage::parse(&self.received) {
            Ok(Parsed::Incomplete { needed }) => needed - self.received.len(),
            _ => HEADER_BYTES,
        }
    }

    /// Takes the bytes that belong to admission, and returns their number. Those after it belong to the session.
    ///
    /// # Errors
    /// The other end is not to be trusted. Nothing more may be sent to it, and the connection is closed.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<usize, NotTrusted> {
        let mut used = 0;
        while used < bytes.len() && self.wanted() > 0 {
            let piece = self.wanted().min(bytes.len() - used);
            self.received.extend_from_slice(&bytes[used..used + piece]);
            used += piece;
            let message = match ServerMessage::parse(&self.received) {
                Ok(Parsed::Incomplete { .. }) => continue,
                Ok(Parsed::Complete { value, .. }) => Ok(value),
                Err(fault) => Err(NotTrusted::NoMessage(fault)),
            };
            self.received.clear();
            let state = std::mem::replace(&mut self.state, State::Over);
            self.state = self.next(state, message?)?;
        }
        Ok(used)
    }

    fn next(&mut self, state: State, message: ServerMessage) -> Result<State, NotTrusted> {
        match (state, message) {
            (_, ServerMessage::Refused(refusal)) => Err(NotTrusted::Refused(refusal)),
            (State::Share { exchange, channel }, ServerMessage::Share(share)) => {
                let keys = exchange.finish(&share).map_err(NotTrusted::BadShare)?;
                let session = SessionSecret::by_code(&keys, &channel, Rights::ALL);
                self.outgoing = ClientMessage::Proof(*keys.own_tag()).encode();
                self.has_proven = true;
                Ok(State::Proof { keys, session })
            }
            (State::Proof { keys, session }, ServerMessage::Proof(tag)) if keys.accepts(&tag) => {
                Ok(State::Admitted(Admission { rights: Rights::ALL, session }))
            }
            (State::Proof { .. }, ServerMessage::Proof(_)) => Err(NotTrusted::WrongProof),
            (State::Share { .. } | State::Proof { .. }, ServerMessage::Admitted(_)) => {
                Err(NotTrusted::NoProof)
            }
            (State::Answer { session }, ServerMessage::Admitted(rights)) => {
                Ok(State::Admitted(Admission { rights, session }))
            }
            _ => Err(NotTrusted::OutOfTurn),
        }
    }

    /// Returns whether nothing but the server's answer is missing, and the server is known or trusted unseen: `HELLO` need
    /// not wait for it.
    pub fn awaits_answer_only(&self) -> bool {
        matches!(self.state, State::Answer { .. })
    }

    /// Returns whether the proof of a code was made. Whoever has the proof may have made one guess of the code by it: from
    /// here on no failure is tried again.
    pub fn has_proven(&self) -> bool {
        self.has_proven
    }

    /// Returns what follows from admission, if it has succeeded.
    pub fn admission(&self) -> Option<&Admission> {
        match &self.state {
            State::Admitted(admission) => Some(admission),
            _ => None,
        }
    }
}
