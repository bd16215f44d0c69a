//! `--socks`: each client says, in SOCKS5 or HTTP, where it wants to be led.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::each::Client;
use super::request::{Forwarded, Goodbye, Told, Unanswered};
use crate::commands::attended::Visit;
use crate::commands::exchange::{Broken, Exchange};
use crate::commands::joined::Joined;
use crate::commands::lost;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, Host};
use crate::net::rate::Limited;
use crate::net::reactor::{Io, Session, Status, Turn};
use crate::net::send::{Outgoing, Sent, send_all};
use crate::net::stream::Stream;
use crate::net::wall::http_date_now;
use crate::proto::handshake::Users;
use crate::proto::proxy_server::{Denial, Misuse, MisuseKind, ProxyAnswer, ProxyServer};
use crate::proto::target::{Target, TargetHost};
use crate::report::Report;

/// Who is led, and where to.
#[derive(Clone)]
pub(super) struct Rules {
    /// Nobody else, if there are some.
    pub(super) users: Option<Rc<Users>>,
    pub(super) targets: Rc<Access>,
    /// For the handshake, and for each address of a target.
    pub(super) timeout: Duration,
}

/// A client of the proxy server.
pub(super) struct Socks {
    /// There until it is joined.
    client: Option<Limited<Box<dyn Stream>>>,
    exchange: Exchange<ProxyServer>,
    state: State,
    rules: Rules,
    asker: Option<IpAddr>,
    io: Io,
    report: Report,
}

enum State {
    /// Until then.
    Asking(Instant),
    Dialling(Box<Dial>),
    Joined(Box<Joined<Box<dyn Stream>>>),
    /// It has asked for an `http://` URL.
    Forwarded(Box<Forwarded>),
    /// It is told why not, and its connection ends when it has read that.
    Refusing {
        answer: Outgoing,
        is_told: bool,
        goodbye: Goodbye,
        why: Option<Error>,
    },
}

impl Socks {
    pub(super) fn new(client: Client, rules: &Rules) -> Socks {
        let Client { peer, io, report, now, name, .. } = client;
        let exchange = Exchange::new(ProxyServer::new(rules.users.clone()));
        let state = State::Asking(now + rules.timeout);
        Socks { client: Some(peer), exchange, state, rules: rules.clone(), asker: name.ip(), io, report }
    }

    /// Hears what the client wants.
    fn ask(&mut self, now: Instant) -> Result<(), Error> {
        let (Some(client), State::Asking(deadline)) = (&mut self.client, &self.state) else { return Ok(()) };
        match self.exchange.advance(client) {
            Ok(true) => {}
            Ok(false) if now >= *deadline => {
                let limit = humantime::format_duration(self.rules.timeout);
                let text = format!("asked for no target within {limit} (see --timeout)");
                return Err(Error::new(Exit::TimedOut, text));
            }
            Ok(false) => return Ok(()),
            Err(Broken::Lost(error)) => return Err(lost(&error)),
            Err(Broken::Ended) => return Err(Error::new(Exit::Lost, "left without asking for a target")),
            Err(Broken::Fault(Misuse { kind, text, answer })) => {
                let exit = match kind {
                    MisuseKind::Credentials => Exit::Untrusted,
                    MisuseKind::Request => Exit::Refused,
                };
                self.refuse(answer, Error::new(exit, format!("the client {text}")), now);
                return Ok(());
            }
        }
        let Some(endpoint) = self.exchange.machine.target().map(endpoint_of) else { return Ok(()) };
        self.report.detail(format_args!("asks for {endpoint}"));
        let dial = Dial::new(endpoint, self.rules.timeout, self.io.clone()).asked_by(self.asker);
        self.state = State::Dialling(Box::new(dial.within(Rc::clone(&self.rules.targets))));
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
                let answer = self.exchange.machine.answer(Ok(target.local_name().address()));
                let request = self.exchange.machine.take_request();
                if let Some(request) = request
                    && let Some(client) = self.client.take()
                {
                    self.state = State::Forwarded(Box::new(Forwarded::new(client, target, *request)?));
                } else if let Some(client) = self.client.take() {
                    let answer = answer.encode(&http_date_now());
                    let mut joined = Joined::new(client, target)?;
                    joined.tell_client(&answer);
                    self.state = State::Joined(Box::new(joined));
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
                let answer = self.exchange.machine.answer(Err(denial));
                self.refuse(answer, why, now);
            }
        }
        Ok(())
    }

    /// Forwards a request, or says why there is no answer to it.
    fn forward(&mut self, turn: Turn) -> Result<Status, Error> {
        let State::Forwarded(forwarded) = &mut self.state else { return Ok(Status::Waiting) };
        let (told, why) = match forwarded.advance(turn) {
            Ok(status) => return Ok(status),
            Err(Unanswered::Lost(error)) => return Err(error),
            Err(Unanswered::Tell(told, why)) => (told, why),
        };
        let answer = match told {
            Told::Refused(refusal) => self.exchange.machine.refuse(refusal),
            Told::NoAnswer => self.exchange.machine.answer(Err(Denial::BadAnswer)),
        };
        if let State::Forwarded(forwarded) = self.refuse(answer, why, turn.now) {
            self.client = Some(forwarded.into_client());
        }
        Ok(Status::Again)
    }

    /// What it was doing is returned.
    fn refuse(&mut self, answer: ProxyAnswer, why: Error, now: Instant) -> State {
        let mut bytes = Outgoing::default();
        bytes.push(&answer.encode(&http_date_now()));
        let (goodbye, why) = (Goodbye::new(now), Some(why));
        let refusing = State::Refusing { answer: bytes, is_told: false, goodbye, why };
        std::mem::replace(&mut self.state, refusing)
    }

    /// To close at once would answer what the client still sends with a reset, which destroys the answer.
    fn tell_why(&mut self, turn: Turn) -> Result<Status, Error> {
        let (Some(client), State::Refusing { answer, is_told, goodbye, why }) =
            (&mut self.client, &mut self.state)
        else {
            return Ok(Status::Done);
        };
        let status = match send_all(client, answer) {
            Ok(Sent::All) => {
                if !std::mem::replace(is_told, true) && client.finish_writing().is_ok() {
                    // It may leave now: whatever it has not read stays readable. Nothing can be done if this fails.
                    let _ = client.reset_on_close(false);
                }
                goodbye.hear(client, turn).unwrap_or(Status::Done)
            }
            Ok(Sent::Blocked) if turn.now < goodbye.deadline() => Status::Waiting,
            Ok(Sent::Blocked) | Err(_) => Status::Done,
        };
        match why.take_if(|_| status == Status::Done) {
            Some(why) => Err(why),
            None => Ok(status),
        }
    }
}

fn endpoint_of(target: &Target) -> Endpoint {
    let host = match &target.host {
        TargetHost::Ip(ip) => ip.to_string(),
        TargetHost::Name(name) => name.clone(),
    };
    Endpoint::Tcp { host: Host::Named(host), port: target.port }
}

impl Session for Socks {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        if let Some(client) = &mut self.client {
            client.tick(turn.now);
        }
        self.ask(turn.now)?;
        self.dial(turn.now)?;
        match &mut self.state {
            State::Joined(joined) => joined.advance(turn),
            State::Forwarded(_) => self.forward(turn),
            State::Refusing { .. } => self.tell_why(turn),
            State::Asking(_) | State::Dialling(_) => Ok(Status::Waiting),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let state = match &self.state {
            State::Asking(deadline) => Some(*deadline),
            State::Refusing { goodbye, .. } => Some(goodbye.deadline()),
            State::Forwarded(forwarded) => forwarded.deadline(),
            State::Dialling(dial) => dial.deadline(),
            State::Joined(joined) => joined.deadline(),
        };
        let limited = self.client.as_ref().and_then(Limited::wake_up);
        state.into_iter().chain(limited).min()
    }
}

impl Visit for Socks {
    fn moved(&self) -> (u64, u64) {
        match &self.state {
            State::Joined(joined) => joined.moved(),
            State::Forwarded(forwarded) => forwarded.moved(),
            _ => (0, 0),
        }
    }

    fn is_more_than_a_check(&self) -> bool {
        match &self.state {
            State::Joined(joined) => joined.has_lost_target(),
            State::Refusing { .. } => true,
            // It was about to be joined to its target.
            _ => self.client.is_none(),
        }
    }
}
