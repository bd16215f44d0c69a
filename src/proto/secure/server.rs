//! A server's side of admission. What it knows is asked through [`Policy`], so that a server's connections share it behind
//! whatever lock they like; nothing is locked while this machine computes or waits.

use core::net::IpAddr;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

use super::account::{CodeAccount, CodeRun, CodeUse};
use super::client::inputs;
use super::cpace::{BadShare, Exchange, Keys, Party, SHARE_BYTES, TAG_BYTES};
use super::guesses::{Judgement, NotNow};
use super::message::{ClientMessage, HEADER_BYTES, MessageFault, ServerMessage};
use super::pin::Pin;
use super::refusal::{Reason, Refusal, Wanted};
use super::session::SessionSecret;
use super::{Channel, Rights};
use crate::proto::{Parsed, SessionId};

/// What a server admits. Asked for each message of a client.
pub trait Policy {
    /// Returns what anybody may do; `None` if the server is not open.
    fn open(&self) -> Option<Rights>;

    /// Returns whether the server admits any key at all.
    fn has_keys(&self) -> bool;

    /// Returns what the owner of a key may do; `None` if it is not known.
    fn key(&self, key: &Pin) -> Option<Rights>;

    /// Returns the session of an id, if it still runs: further connections may join it.
    fn session(&self, id: &SessionId) -> Option<SessionSecret>;

    /// Returns the code of the server, also if it is used up or withdrawn; `None` if it has none.
    fn code(&self) -> Option<Arc<CodeAccount>>;
}

/// How a client was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The server is open.
    Open,
    /// By its key.
    Key(Pin),
    /// By a code.
    Code,
    /// By a session.
    Session(SessionId),
}

/// What a server has when it has admitted a client.
#[derive(Debug)]
pub struct Admitted {
    /// How.
    pub by: By,
    /// What the client may do.
    pub rights: Rights,
    /// To be kept under the session id of `ACCEPT`, for further connections.
    pub session: SessionSecret,
    /// By a code: to be held for as long as the session lasts, and then used up or dropped.
    pub code_use: Option<CodeUse>,
}

/// How a client broke the rules. The connection is closed without an answer. The texts continue "the client sent ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Not a message.
    NoMessage(MessageFault),
    /// Not in this turn.
    OutOfTurn,
    /// The share is invalid.
    BadShare(BadShare),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::NoMessage(fault) => fault.fmt(f),
            Violation::OutOfTurn => f.write_str("a message of admission out of its turn"),
            Violation::BadShare(fault) => write!(f, "a key exchange that is not valid (the share {fault})"),
        }
    }
}

impl std::error::Error for Violation {}

enum State {
    First,
    Proof {
        keys: Keys,
        run: CodeRun,
        rights: Rights,
    },
    /// A wrong proof: the answer is given at this time.
    Delayed(Refusal, Instant),
    Admitted(Admitted),
    Refused(Refusal),
    Over,
}

/// Where admission is.
#[derive(Debug)]
pub enum Status<'a> {
    /// Not over.
    Pending,
    /// The client is admitted, once all outgoing bytes are sent.
    Admitted(&'a Admitted),
    /// The client is refused: the outgoing bytes are sent, then the connection is closed.
    Refused(&'a Refusal),
}

/// The machine.
pub struct ServerAdmission {
    state: State,
    channel: Channel,
    client: IpAddr,
    random: Zeroizing<[u8; 64]>,
    outgoing: Vec<u8>,
    /// The beginning of a message; never more than one.
    received: Vec<u8>,
}

impl ServerAdmission {
    /// Begins with a client at an address. `random` must be 64 bytes that nobody can predict, new for each connection.
    pub fn new(channel: Channel, client: IpAddr, random: &[u8; 64]) -> ServerAdmission {
        let random = Zeroizing::new(*random);
        ServerAdmission {
            state: State::First,
            channel,
            client,
            random,
            outgoing: Vec::new(),
            received: Vec::new(),
        }
    }

    /// Returns the bytes to send now; empty if there are none.
    pub fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    /// Returns how many more bytes surely belong to admission. 0: none now, or it is over.
    pub fn wanted(&self) -> usize {
        if !matches!(self.state, State::First | State::Proof { .. }) {
            return 0;
        }
        match ClientMessage::parse(&self.received) {
            Ok(Parsed::Incomplete { needed }) => needed - self.received.len(),
            _ => HEADER_BYTES,
        }
    }

    /// Takes the bytes that belong to admission, and returns their number. Those after it belong to the session: a client
    /// that knows the server may send `HELLO` before it was admitted.
    ///
    /// # Errors
    /// The client broke the rules.
    pub fn receive(&mut self, bytes: &[u8], policy: &dyn Policy, now: Instant) -> Result<usize, Violation> {
        let mut used = 0;
        while used < bytes.len() && self.wanted() > 0 {
            let piece = self.wanted().min(bytes.len() - used);
            self.received.extend_from_slice(&bytes[used..used + piece]);
            used += piece;
            let message = match ClientMessage::parse(&self.received) {
                Ok(Parsed::Incomplete { .. }) => continue,
                Ok(Parsed::Complete { value, .. }) => Ok(value),
                Err(fault) => Err(Violation::NoMessage(fault)),
            };
            self.received.clear();
            let state = std::mem::replace(&mut self.state, State::Over);
            self.state = self.next(state, message?, policy, now)?;
        }
        Ok(used)
    }

    /// Returns when [`ServerAdmission::advance`] is due: the answer to a wrong proof is held back.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Delayed(_, answer_at) => Some(*answer_at),
            _ => None,
        }
    }

    /// Gives an answer that is due.
    pub fn advance(&mut self, now: Instant) {
        if self.deadline().is_some_and(|answer_at| answer_at <= now)
            && let State::Delayed(refusal, _) = std::mem::replace(&mut self.state, State::Over)
        {
            self.state = self.refuse(refusal);
        }
    }

    /// Ends an admission that is not over: the client may try again in a moment. A run of the code is given back.
    pub fn put_off(&mut self, policy: &dyn Policy) {
        if matches!(self.state, State::First | State::Proof { .. }) {
            self.state = State::Over;
            self.state = self.not_now(NotNow { reason: Reason::Wait, seconds: 1 }, policy);
        }
    }

    /// Returns the key that the client has shown in TLS.
    pub fn client_key(&self) -> Option<Pin> {
        self.channel.peer
    }

    /// Returns where admission is.
    pub fn status(&self) -> Status<'_> {
        match &self.state {
            State::Admitted(admitted) => Status::Admitted(admitted),
            State::Refused(refusal) => Status::Refused(refusal),
            _ => Status::Pending,
        }
    }

    /// Returns what follows from admission, if it has succeeded, and ends the machine.
    pub fn into_admitted(self) -> Option<Admitted> {
        match self.state {
            State::Admitted(admitted) => Some(admitted),
            _ => None,
        }
    }

    fn next(
        &mut self,
        state: State,
        message: ClientMessage,
        policy: &dyn Policy,
        now: Instant,
    ) -> Result<State, Violation> {
        match (state, message) {
            (State::First, ClientMessage::Share(share)) => self.share(&share, policy, now),
            (State::Proof { keys, run, rights }, ClientMessage::Proof(tag)) => {
                Ok(self.proof(&keys, run, rights, &tag, policy, now))
            }
            (State::First, ClientMessage::Open) => Ok(match policy.open() {
                Some(rights) => self.admit(By::Open, SessionSecret::by_channel(&self.channel, rights)),
                None => self.refuse(Refusal::new(nothing_shown(policy), wanted(policy))),
            }),
            (State::First, ClientMessage::Key) => Ok(self.key(policy)),
            (State::First, ClientMessage::Session { id, tag }) => {
                let session = policy.session(&id).filter(|session| session.accepts(&self.channel, &tag));
                Ok(match session {
                    Some(session) => self.admit(By::Session(id), session),
                    None => self.refuse(Refusal::new(Reason::SessionNotKnown, wanted(policy))),
                })
            }
            _ => Err(Violation::OutOfTurn),
        }
    }

    fn key(&mut self, policy: &dyn Policy) -> State {
        let known = self.channel.peer.and_then(|key| policy.key(&key).map(|rights| (By::Key(key), rights)));
        match known.or_else(|| policy.open().map(|rights| (By::Open, rights))) {
            Some((by, rights)) => self.admit(by, SessionSecret::by_channel(&self.channel, rights)),
            None => self.refuse(Refusal::new(Reason::KeyNotKnown, wanted(policy))),
        }
    }

    fn share(
        &mut self,
        share: &[u8; SHARE_BYTES],
        policy: &dyn Policy,
        now: Instant,
    ) -> Result<State, Violation> {
        let Some(account) = policy.code() else {
            return Ok(self.refuse(Refusal::new(Reason::NoCode, wanted(policy))));
        };
        let run = match account.begin(self.client, now) {
            Ok(run) => run,
            Err(not_now) => return Ok(self.not_now(not_now, policy)),
        };
        let exchange = Exchange::new(Party::Responder, &inputs(account.code(), &self.channel), &self.random);
        let own = exchange.share();
        let keys = exchange.finish(share).map_err(Violation::BadShare)?;
        self.outgoing.extend(ServerMessage::Share(own).encode());
        Ok(State::Proof { keys, run, rights: account.rights() })
    }

    fn proof(
        &mut self,
        keys: &Keys,
        run: CodeRun,
        rights: Rights,
        tag: &[u8; TAG_BYTES],
        policy: &dyn Policy,
        now: Instant,
    ) -> State {
        match run.prove(keys.accepts(tag), self.channel.peer, now) {
            Judgement::Right(code_use) => {
                self.outgoing.extend(ServerMessage::Proof(*keys.own_tag()).encode());
                let session = SessionSecret::by_code(keys, &self.channel, rights);
                State::Admitted(Admitted { by: By::Code, rights, session, code_use: Some(code_use) })
            }
            Judgement::Wrong(answer_at) => {
                State::Delayed(Refusal::new(Reason::WrongCode, wanted(policy)), answer_at)
            }
            Judgement::NotNow(not_now) => self.not_now(not_now, policy),
        }
    }

    fn not_now(&mut self, not_now: NotNow, policy: &dyn Policy) -> State {
        let refusal = Refusal::new(not_now.reason, wanted(policy));
        self.refuse(Refusal { seconds: not_now.seconds, ..refusal })
    }

    fn admit(&mut self, by: By, session: SessionSecret) -> State {
        let rights = session.rights();
        self.outgoing.extend(ServerMessage::Admitted(rights).encode());
        State::Admitted(Admitted { by, rights, session, code_use: None })
    }

    fn refuse(&mut self, refusal: Refusal) -> State {
        self.outgoing.extend(ServerMessage::Refused(refusal.clone()).encode());
        State::Refused(refusal)
    }
}

/// Returns what a client would have to show.
fn wanted(policy: &dyn Policy) -> Wanted {
    let is_code_wanted =
        policy.code().is_some_and(|account| !account.is_withdrawn() && !account.is_used_up());
    let code = if is_code_wanted { Wanted::CODE } else { Wanted::default() };
    code.and(if policy.has_keys() { Wanted::KEY } else { Wanted::default() })
}

fn nothing_shown(policy: &dyn Policy) -> Reason {
    match (policy.code(), policy.has_keys()) {
        (Some(_), _) => Reason::CodeWanted,
        (None, true) => Reason::KeyNotKnown,
        (None, false) => Reason::Other,
    }
}
