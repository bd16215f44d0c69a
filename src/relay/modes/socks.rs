//! `--socks`: a proxy server for SOCKS and HTTP.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::http_request::{ClientError, Forwarded, Unanswered};
use super::per_client::RelayClient;
use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, Host};
use crate::net::goodbye::{LingeringClose, MAX_DISCARDED_BYTES};
use crate::net::handshake::{HandshakeDriver, HandshakeFailure};
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Io, Session, Status};
use crate::net::send::{SendBuffer, Sent, send_all};
use crate::net::stream::{SocketState, Stream, Timed};
use crate::net::wall::http_date_now;
use crate::proto::proxy::answer::{Denial, Misuse, MisuseKind, ProxyAnswer};
use crate::proto::proxy::server::ProxyServer;
use crate::proto::proxy::target::{ProxyTarget, TargetHost};
use crate::proto::proxy::users::Users;
use crate::relay::tunnel::Tunnel;
use crate::report::Report;
use crate::server::client_session::CountedSession;

/// Users and targets that a proxy server accepts.
#[derive(Clone)]
pub(crate) struct ProxyRules {
    /// Without them, any client is accepted.
    pub(crate) users: Option<Rc<Users>>,
    pub(crate) targets: Arc<Access>,
    /// For the handshake, and for each address of a target.
    pub(crate) timeout: Duration,
}

/// A client of the proxy server.
pub(crate) struct Socks {
    /// `None` once it belongs to a tunnel or a request.
    client: Option<Limited<Box<dyn Stream>>>,
    driver: HandshakeDriver<ProxyServer>,
    state: State,
    rules: ProxyRules,
    asker: Option<IpAddr>,
    io: Io,
    report: Report,
}

enum State {
    /// The handshake, until this time.
    Asking(Instant),
    Dialling(Box<Dial>),
    Tunnel(Box<Tunnel<Box<dyn Stream>>>),
    /// A request for an `http://` URL.
    Forwarded(Box<Forwarded>),
    /// The refusal is sent. The connection ends when the client has read it.
    Refusing {
        answer: SendBuffer,
        answer_sent: bool,
        goodbye: LingeringClose,
        /// The client broke the protocol. It is reset if there is no answer for it, or if it does not stop sending: it
        /// must not take discarded bytes for received ones.
        resets: bool,
        why: Option<Error>,
    },
}

impl Socks {
    pub(crate) fn new(client: RelayClient, rules: &ProxyRules) -> Socks {
        let RelayClient { peer, io, report, now, name, .. } = client;
        let driver = HandshakeDriver::new(ProxyServer::new(rules.users.clone()));
        let state = State::Asking(now + rules.timeout);
        Socks { client: Some(peer), driver, state, rules: rules.clone(), asker: name.ip(), io, report }
    }

    /// Advances the handshake, until the client has named its target.
    fn ask(&mut self, now: Instant) -> Result<(), Error> {
        let (Some(client), State::Asking(deadline)) = (&mut self.client, &self.state) else { return Ok(()) };
        match self.driver.advance(client) {
            Ok(true) => {}
            Ok(false) if now >= *deadline => {
                let limit = humantime::format_duration(self.rules.timeout);
                let text = format!("asked for no target within {limit} (see --timeout)");
                return Err(Error::new(Exit::TimedOut, text));
            }
            Ok(false) => return Ok(()),
            Err(HandshakeFailure::Lost(error)) => return Err(lost(&error)),
            Err(HandshakeFailure::Ended) => {
                return Err(Error::new(Exit::Lost, "disconnected without asking for a target"));
            }
            Err(HandshakeFailure::Fault(Misuse { kind, text, answer })) => {
                let exit = match kind {
                    MisuseKind::Credentials => Exit::Untrusted,
                    MisuseKind::Request => Exit::Refused,
                };
                self.refuse(answer, Error::new(exit, format!("the client {text}")), now);
                if let State::Refusing { resets, .. } = &mut self.state {
                    *resets = true;
                }
                return Ok(());
            }
        }
        let Some(endpoint) = self.driver.machine.target().map(endpoint_of) else { return Ok(()) };
        self.report.detail(format_args!("asks for {endpoint}"));
        let dial = Dial::new(endpoint, self.rules.timeout, self.io.handle()).asked_by(self.asker);
        self.state = State::Dialling(Box::new(dial.within(Arc::clone(&self.rules.targets))));
        Ok(())
    }

    fn dial(&mut self, now: Instant) -> Result<(), Error> {
        let State::Dialling(dial) = &mut self.state else { return Ok(()) };
        match dial.advance(now) {
            // A client that is gone needs no target.
            Ok(None) => {
                if let Some(client) = &mut self.client {
                    client.take_error().map_err(|error| lost(&error))?;
                }
            }
            Ok(Some(target)) => {
                self.report.detail(format_args!("joined to {}", target.peer_name()));
                let answer = self.driver.machine.answer(Ok(target.local_name().address()));
                let request = self.driver.machine.take_request();
                if let Some(request) = request
                    && let Some(client) = self.client.take()
                {
                    self.state = State::Forwarded(Box::new(Forwarded::new(client, target, *request)?));
                } else if let Some(client) = self.client.take() {
                    let answer = answer.encode(&http_date_now());
                    let mut tunnel = Tunnel::new(client, target)?;
                    tunnel.send_first_to_client(&answer);
                    self.state = State::Tunnel(Box::new(tunnel));
                }
            }
            Err(why) => {
                let denial = match why.exit() {
                    Exit::Refused => Denial::NotAllowed,
                    Exit::TimedOut => Denial::TimedOut,
                    _ if dial.was_refused() => Denial::Refused,
                    Exit::NoConnection => Denial::Unreachable,
                    _ => Denial::Failed,
                };
                let answer = self.driver.machine.answer(Err(denial));
                self.refuse(answer, why, now);
            }
        }
        Ok(())
    }

    /// Forwards a request, or answers with an error.
    fn forward(&mut self, context: Context) -> Result<Status, Error> {
        let State::Forwarded(forwarded) = &mut self.state else { return Ok(Status::Waiting) };
        let (client_error, why) = match forwarded.advance(context) {
            Ok(status) => return Ok(status),
            Err(Unanswered::Lost(error)) => return Err(error),
            Err(Unanswered::Respond(client_error, why)) => (client_error, why),
        };
        let answer = match client_error {
            ClientError::Refused(refusal) => self.driver.machine.refuse(refusal),
            ClientError::NoAnswer => self.driver.machine.answer(Err(Denial::BadAnswer)),
        };
        if let State::Forwarded(forwarded) = self.refuse(answer, why, context.now) {
            self.client = Some(forwarded.into_client());
        }
        Ok(Status::Again)
    }

    /// Begins a refusal. Returns the state before it.
    fn refuse(&mut self, answer: ProxyAnswer, why: Error, now: Instant) -> State {
        let mut bytes = SendBuffer::default();
        bytes.push(&answer.encode(&http_date_now()));
        let (goodbye, why) = (LingeringClose::new(now), Some(why));
        let refusing = State::Refusing { answer: bytes, answer_sent: false, goodbye, resets: false, why };
        std::mem::replace(&mut self.state, refusing)
    }

    /// Sends the refusal, then drains the client. A close at once would answer the bytes it still sends with a reset,
    /// which destroys the refusal.
    fn send_refusal(&mut self, context: Context) -> Result<Status, Error> {
        let (Some(client), State::Refusing { answer, answer_sent, goodbye, resets, why }) =
            (&mut self.client, &mut self.state)
        else {
            return Ok(Status::Done);
        };
        let has_answer = *answer_sent || answer.pending() > 0;
        let status = match send_all(client, answer) {
            Ok(Sent::All) if *resets && !has_answer => Status::Done,
            Ok(Sent::All) => {
                if !std::mem::replace(answer_sent, true) && client.finish_writing().is_ok() {
                    // From here on a close is not a reset. If this fails, nothing can be done.
                    let _ = client.reset_on_close(false);
                }
                let status = goodbye.drain(client, context).unwrap_or(Status::Done);
                let exceeds_limit = *resets && goodbye.drained_bytes() >= MAX_DISCARDED_BYTES;
                if exceeds_limit {
                    let _ = client.reset_on_close(true);
                }
                if exceeds_limit { Status::Done } else { status }
            }
            Ok(Sent::Blocked) if context.now < goodbye.deadline() => Status::Waiting,
            Ok(Sent::Blocked) | Err(_) => Status::Done,
        };
        match why.take_if(|_| status == Status::Done) {
            Some(why) => Err(why),
            None => Ok(status),
        }
    }
}

fn endpoint_of(target: &ProxyTarget) -> Endpoint {
    let host = match &target.host {
        TargetHost::Ip(ip) => ip.to_string(),
        TargetHost::Name(name) => name.clone(),
    };
    Endpoint::Tcp { host: Host::Named(host), port: target.port }
}

impl Session for Socks {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let Some(client) = &mut self.client {
            client.tick(context.now);
        }
        self.ask(context.now)?;
        self.dial(context.now)?;
        match &mut self.state {
            State::Tunnel(tunnel) => tunnel.advance(context),
            State::Forwarded(_) => self.forward(context),
            State::Refusing { .. } => self.send_refusal(context),
            State::Asking(_) | State::Dialling(_) => Ok(Status::Waiting),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let state = match &self.state {
            State::Asking(deadline) => Some(*deadline),
            State::Refusing { goodbye, .. } => Some(goodbye.deadline()),
            State::Forwarded(forwarded) => forwarded.deadline(),
            State::Dialling(dial) => dial.deadline(),
            State::Tunnel(tunnel) => tunnel.deadline(),
        };
        let limited = self.client.as_ref().and_then(Limited::wake_up);
        state.into_iter().chain(limited).min()
    }
}

impl CountedSession for Socks {
    fn moved(&self) -> (u64, u64) {
        match &self.state {
            State::Tunnel(tunnel) => tunnel.moved(),
            State::Forwarded(forwarded) => forwarded.moved(),
            _ => (0, 0),
        }
    }

    fn is_more_than_a_check(&self) -> bool {
        match &self.state {
            State::Tunnel(tunnel) => tunnel.has_lost_target(),
            State::Refusing { .. } => true,
            // Its target was connected.
            _ => self.client.is_none(),
        }
    }
}
