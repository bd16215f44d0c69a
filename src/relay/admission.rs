//! The client's side of admission (PROTOCOL.md): TLS with any key, then the proof that the server is the one that is meant,
//! unless the user trusts it unseen (`--trust-new`).

mod awaited;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use self::awaited::AwaitedAnswer;
use crate::error::{Error, Exit, Retry, lost};
use crate::net::ask;
use crate::net::connecting::Connect;
use crate::net::handshake::{HandshakeDriver, HandshakeFailure};
use crate::net::stream::{SocketState, Transport};
use crate::net::tls::peer::{PeerTls, channel};
use crate::proto::SessionId;
use crate::proto::handshake::Handshake;
use crate::proto::secure::ALPN;
use crate::proto::secure::client::{Admission, ClientAdmission, Credential, NotTrusted};
use crate::proto::secure::code::Code;
use crate::proto::secure::pin::Pin;
use crate::proto::secure::refusal::{Reason, Wanted};
use crate::proto::secure::session::SessionSecret;

/// What a client shows.
#[derive(Debug)]
pub(crate) enum Proof {
    /// A code, which the server has to prove as well.
    Code(Code),
    /// Its key.
    Key,
    /// Nothing yet: the server is not known, and there is no code.
    Missing,
}

/// The key that the server must have.
#[derive(Clone, Debug)]
pub(crate) struct ExpectedKey {
    /// Any of these.
    pub(crate) pins: Vec<Pin>,
    /// Where that is said: an option, or a line of a file.
    pub(crate) source: String,
}

/// How a client and its server come to trust each other, for all connections of a run.
pub(crate) struct RunTrust {
    pub(crate) tls: PeerTls,
    state: Mutex<TrustState>,
    /// Called at each admission with the server's key; true: it was by a code.
    pub(crate) on_admitted: Box<dyn Fn(Pin, bool) + Send + Sync>,
}

/// What the connections of a run learn, one after the other.
struct TrustState {
    proof: Proof,
    /// The person at the terminal may be asked for a code if the server wants one.
    may_ask: bool,
    is_code_wanted: bool,
    /// None: each key will do, until one was admitted.
    expected: Option<ExpectedKey>,
    /// That of the first connection, for further ones.
    session: Option<SessionSecret>,
}

impl RunTrust {
    pub(crate) fn new(
        tls: PeerTls,
        proof: Proof,
        expected: Option<ExpectedKey>,
        on_admitted: Box<dyn Fn(Pin, bool) + Send + Sync>,
    ) -> RunTrust {
        let may_ask = matches!(proof, Proof::Key | Proof::Missing);
        let state = TrustState { proof, may_ask, is_code_wanted: false, expected, session: None };
        RunTrust { tls, state: Mutex::new(state), on_admitted }
    }

    fn state(&self) -> MutexGuard<'_, TrustState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the server has refused for want of a code, and this is the first time.
    fn takes_code(&self) -> bool {
        let mut state = self.state();
        std::mem::take(&mut state.is_code_wanted) && std::mem::take(&mut state.may_ask)
    }

    /// The server has admitted the client.
    fn admitted(&self, key: Option<Pin>, admission: &Admission, is_further: bool) {
        let mut state = self.state();
        // A later refusal, as of a further connection, begins nothing again.
        state.may_ask = false;
        if !is_further {
            state.session = Some(admission.session.clone());
        }
        if let Some(key) = key {
            let first = || ExpectedKey { pins: vec![key], source: "the first connection".to_owned() };
            state.expected.get_or_insert_with(first);
            let by_code = matches!(state.proof, Proof::Code(_));
            drop(state);
            (self.on_admitted)(key, by_code);
        }
    }

    /// The failure of an admission, in words for the user.
    fn not_trusted(&self, why: &NotTrusted) -> Error {
        let NotTrusted::Refused(refusal) = why else { return untrusted(&why.to_string()) };
        self.state().is_code_wanted = refusal.wanted.has(Wanted::CODE);
        if refusal.reason == Reason::KeyNotKnown && refusal.wanted.has(Wanted::KEY) {
            let key = self.tls.pin();
            return untrusted(&format!("{why}; its line in the server's --clients begins with {key}"));
        }
        // Not now, for a reason that is not the client's: nothing says that it is another server.
        match refusal.reason {
            Reason::Wait => Error::new(Exit::Refused, why).with_retry(Retry::Again),
            _ => Error::new(Exit::Untrusted, why),
        }
    }

    /// True if the server was expected, or has admitted a connection before.
    fn has_met_server(&self) -> bool {
        let state = self.state();
        state.expected.is_some() || state.session.is_some()
    }

    /// Fails if the server has another key than the expected one.
    fn check_key(&self, key: Option<Pin>) -> Result<Pin, Error> {
        let Some(key) = key else { return Err(untrusted("the server has no key: nothing was sent")) };
        match &self.state().expected {
            Some(ExpectedKey { pins, source }) if !pins.contains(&key) => {
                let expected = pins.iter().map(Pin::to_string).collect::<Vec<_>>().join(" or ");
                Err(untrusted(&format!(
                    "the server's key is {key}, and not {expected} as {source} says: nothing was sent; \
                     it may be another server"
                )))
            }
            _ => Ok(key),
        }
    }
}

/// Runs `attempt`, and once more with a code if that is what the server wants, and a person at the terminal types it.
pub(crate) fn with_code<T>(
    trust: Option<&RunTrust>,
    host: &str,
    mut attempt: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let result = attempt();
    let (Some(trust), Err(error)) = (trust, &result) else { return result };
    if error.exit() != Exit::Untrusted || !trust.takes_code() {
        return result;
    }
    let Ok(code) = ask_for_code(host) else { return result };
    trust.state().proof = Proof::Code(code);
    attempt()
}

/// Asks the person at the terminal for a code, until it is one.
///
/// # Errors
/// There is no terminal, or its user has ended the input ([`io::ErrorKind::UnexpectedEof`]).
pub(crate) fn ask_for_code(host: &str) -> io::Result<Code> {
    let (question, mut notice) = (format!("code for {host}: "), String::new());
    loop {
        match Code::parse(&ask::ask_for_code(&notice, &question)?) {
            Ok(code) => return Ok(code),
            Err(fault) => {
                let hint = fault.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                notice = format!("{fault}{hint}\n");
            }
        }
    }
}

/// The server has our proof and sent none. An attacker could have made one guess: do not try again.
const NO_PROOF: &str = "the server did not prove that it has the code: nothing was sent; ask for a new code";

const ENDED: &str = "the server ended the connection during admission";

fn untrusted(text: &str) -> Error {
    Error::new(Exit::Untrusted, text)
}

/// Brings about a connection to a server that was proven to be the right one, or that the user trusts unseen.
pub(crate) struct Admitting {
    below: Box<dyn Connect + Send>,
    trust: Arc<RunTrust>,
    /// The session that the connection is a further one of.
    joins: Option<SessionId>,
    host: String,
    limit: Duration,
    state: State,
}

enum State {
    Connecting,
    Handshaking(Transport, Instant),
    Admission(Transport, Instant, Box<HandshakeDriver<AdmissionHandshake>>),
    Over,
}

/// The machine as a handshake.
struct AdmissionHandshake(ClientAdmission);

impl Handshake for AdmissionHandshake {
    type Error = NotTrusted;

    fn take_outgoing(&mut self) -> Vec<u8> {
        self.0.take_outgoing()
    }

    fn wanted(&self) -> usize {
        self.0.wanted()
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), NotTrusted> {
        self.0.receive(piece).map(drop)
    }
}

impl Admitting {
    /// Admission over the connection of `below`, whose server is called `host` in errors. `limit` is for TLS and admission.
    pub(crate) fn new(
        below: Box<dyn Connect + Send>,
        (trust, joins): (&Arc<RunTrust>, Option<SessionId>),
        host: String,
        limit: Duration,
    ) -> Admitting {
        Admitting { below, trust: Arc::clone(trust), joins, host, limit, state: State::Connecting }
    }

    /// Begins admission once TLS is there.
    fn begin(&self, transport: &Transport) -> Result<AdmissionHandshake, Error> {
        let layer = transport.tls().ok_or_else(|| untrusted("there is no TLS"))?;
        self.trust.check_key(layer.peer_pin())?;
        if layer.state().alpn_protocol() != Some(ALPN) {
            return Err(untrusted(
                "the server does not speak sendall/1 inside TLS (ALPN), so it is another one: nothing was sent",
            ));
        }
        let channel = channel(layer).ok_or_else(|| untrusted("TLS gives no keying material"))?;
        let mut random = Zeroizing::new([0; 64]);
        crate::net::fill_random(&mut *random)?;
        let state = &mut *self.trust.state();
        let credential = match (&self.joins, &state.session, &state.proof) {
            (Some(id), Some(session), _) => Credential::Session { id: *id, session },
            // The code is not spent on it.
            (Some(_), None, _) => return Err(untrusted("the session of this connection was not admitted")),
            (_, _, Proof::Code(code)) => Credential::Code(code),
            (_, _, Proof::Key) => Credential::Key,
            (_, _, Proof::Missing) => {
                state.is_code_wanted = true;
                return Err(untrusted(
                    "the server is not known yet, and there is no terminal to ask for its code: set SENDALL_CODE, or type \
                     --code-file FILE, --pin KEY, --trust-new, or --plain for a server that does not encrypt",
                ));
            }
        };
        let machine = ClientAdmission::new(credential, channel, &random);
        machine.map(AdmissionHandshake).map_err(|why| untrusted(&why.to_string()))
    }

    fn step(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Over) {
                State::Connecting => match self.below.advance(now)? {
                    None => {
                        self.state = State::Connecting;
                        return Ok(None);
                    }
                    Some(transport) => {
                        let layer = self.trust.tls.client_layer()?;
                        let transport = transport.with_tls(layer).map_err(|error| lost(&error))?;
                        State::Handshaking(transport, now + self.limit)
                    }
                },
                State::Handshaking(mut transport, until) => match transport.handshake() {
                    Ok(true) => {
                        let machine = self.begin(&transport)?;
                        State::Admission(transport, until, Box::new(HandshakeDriver::new(machine)))
                    }
                    Ok(false) => {
                        self.state = State::Handshaking(transport, until);
                        return self.wait(until, now);
                    }
                    // An inner `Error` says that TLS failed; otherwise the socket did. A server that is full resets: it may
                    // encrypt.
                    Err(error) if !error.get_ref().is_some_and(|inner| inner.is::<Error>()) => {
                        let text = "the server may be full, or may not encrypt (see --plain)";
                        let error = lost(&error);
                        return Err(Error::new(
                            error.exit(),
                            format!("{error} in the TLS handshake: {text}"),
                        ));
                    }
                    Err(error) => {
                        // The server is sent the reason, not a reset.
                        let _ = transport.reset_on_close(false);
                        let has_tls =
                            transport.tls().is_some_and(|layer| layer.state().protocol_version().is_some());
                        let is_known = self.trust.has_met_server();
                        return Err(not_encrypted(lost(&error), has_tls, is_known));
                    }
                },
                State::Admission(mut transport, until, mut driver) => {
                    let advanced = driver.advance(&mut transport);
                    let has_proven = driver.machine.0.has_proven();
                    let is_complete = advanced.map_err(|failure| self.refused(failure, has_proven))?;
                    let key = transport.tls().and_then(|layer| layer.peer_pin());
                    if is_complete {
                        let admission = driver.machine.0.admission().ok_or_else(|| untrusted(ENDED))?;
                        self.trust.admitted(key, admission, self.joins.is_some());
                        return Ok(Some(transport));
                    }
                    // `until` ends here: the session's limit for ACCEPT bounds the rest of the wait.
                    if self.joins.is_none() && driver.is_sent() && driver.machine.0.awaits_answer_only() {
                        let answer = AwaitedAnswer::new(driver.machine.0, &self.trust, key, &self.host);
                        return Ok(Some(transport.with_opening(Box::new(answer))));
                    }
                    self.state = State::Admission(transport, until, driver);
                    return self.wait(until, now).map_err(|error| match has_proven {
                        true => untrusted(NO_PROOF),
                        false => error,
                    });
                }
                State::Over => return Ok(None),
            };
        }
    }

    fn refused(&self, failure: HandshakeFailure<NotTrusted>, has_proven: bool) -> Error {
        match failure {
            HandshakeFailure::Lost(_) | HandshakeFailure::Ended if has_proven => untrusted(NO_PROOF),
            HandshakeFailure::Lost(error) => lost(&error),
            HandshakeFailure::Ended => untrusted(ENDED),
            HandshakeFailure::Fault(why) => {
                let error = self.trust.not_trusted(&why);
                if has_proven { error.with_retry(Retry::Never) } else { error }
            }
        }
    }

    fn wait(&self, until: Instant, now: Instant) -> Result<Option<Transport>, Error> {
        match now >= until {
            true => {
                let limit = humantime::format_duration(self.limit);
                Err(Error::new(
                    Exit::TimedOut,
                    format!("TLS and admission took over {limit} (see --timeout)"),
                ))
            }
            false => Ok(None),
        }
    }
}

/// The failure of a TLS handshake. A server that answers none of it, or something else, may not encrypt.
///
/// A known one that is lost in the handshake is a lost connection.
fn not_encrypted(error: Error, has_received_tls: bool, is_known: bool) -> Error {
    if has_received_tls || is_known && error.exit() == Exit::Lost {
        return error;
    }
    let text =
        "nothing was sent: a server that does not encrypt is reached with --plain (connect: without --code)";
    Error::new(Exit::Untrusted, format!("{error}; {text}"))
}

impl Connect for Admitting {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        let is_connecting = matches!(self.state, State::Connecting);
        self.step(now).map_err(|error| match is_connecting && matches!(self.state, State::Over) {
            // What dials names its endpoint itself.
            true => error,
            false => error.context(&self.host),
        })
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connecting => self.below.deadline(),
            State::Handshaking(_, until) | State::Admission(_, until, _) => Some(*until),
            State::Over => None,
        }
    }
}
