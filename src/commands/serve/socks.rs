//! `--socks`: each client says, in SOCKS5 or HTTP CONNECT, where it wants to be led.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::each::Client;
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
use crate::proto::handshake::Users;
use crate::proto::proxy_server::{Denial, Misuse, ProxyServer};
use crate::proto::target::{Target, TargetHost};
use crate::report::Report;

/// How long a client that is refused gets to read why.
const LAST_WORD_LIMIT: Duration = Duration::from_secs(2);

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
    io: Io,
    report: Report,
}

enum State {
    /// Until then.
    Asking(Instant),
    Dialling(Box<Dial>),
    Joined(Box<Joined<Box<dyn Stream>>>),
    /// It is told why not, and its connection ends when it has read that.
    Refusing {
        answer: Outgoing,
        is_told: bool,
        end: Instant,
        why: Option<Error>,
    },
}

impl Socks {
    pub(super) fn new(client: Client, rules: &Rules) -> Socks {
        let Client { peer, io, report, now, .. } = client;
        let exchange = Exchange::new(ProxyServer::new(rules.users.clone()));
        let state = State::Asking(now + rules.timeout);
        Socks { client: Some(peer), exchange, state, rules: rules.clone(), io, report }
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
            Err(Broken::Fault(Misuse { text, answer })) => {
                let exit = if text.contains("password") { Exit::Untrusted } else { Exit::Refused };
                self.refuse(&answer, Error::new(exit, format!("the client {text}")), now);
                return Ok(());
            }
        }
        let Some(endpoint) = self.exchange.machine.target().map(endpoint_of) else { return Ok(()) };
        self.report.detail(format_args!("asks for {endpoint}"));
        let dial = Dial::new(endpoint, self.rules.timeout, self.io.clone());
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
                if let Some(client) = self.client.take() {
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
                self.refuse(&answer, why, now);
            }
        }
        Ok(())
    }

    fn refuse(&mut self, bytes: &[u8], why: Error, now: Instant) {
        let mut answer = Outgoing::default();
        answer.push(bytes);
        self.state = State::Refusing { answer, is_told: false, end: now + LAST_WORD_LIMIT, why: Some(why) };
    }

    /// To close at once would answer what the client still sends with a reset, which destroys the answer.
    fn tell_why(&mut self, now: Instant) -> Result<Status, Error> {
        let (Some(client), State::Refusing { answer, is_told, end, why }) =
            (&mut self.client, &mut self.state)
        else {
            return Ok(Status::Done);
        };
        let is_over = match send_all(client, answer) {
            Ok(Sent::All) => {
                if !std::mem::replace(is_told, true) && client.finish_writing().is_ok() {
                    // It may leave now: whatever it has not read stays readable. Nothing can be done if this fails.
                    let _ = client.reset_on_close(false);
                }
                drained(client)
            }
            Ok(Sent::Blocked) => false,
            Err(_) => true,
        };
        match why.take_if(|_| is_over || now >= *end) {
            Some(why) => Err(why),
            None => Ok(Status::Waiting),
        }
    }
}

/// Throws away what a client says. True if it has ended.
fn drained(client: &mut impl Stream) -> bool {
    let mut buffer = [0; 4096];
    for _ in 0..16 {
        match client.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
    // It has more to say than anybody has who was refused.
    true
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
            State::Refusing { .. } => self.tell_why(turn.now),
            State::Asking(_) | State::Dialling(_) => Ok(Status::Waiting),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let state = match &self.state {
            State::Asking(deadline) | State::Refusing { end: deadline, .. } => Some(*deadline),
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
            _ => (0, 0),
        }
    }
}
