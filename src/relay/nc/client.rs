//! `nc HOST PORT...`: one port after the other, tried only (`-z`) or joined.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::datagrams::{DatagramConnection, DatagramProbe};
use super::{NcOptions, Role, Words, reworded};
use crate::error::{Error, Exit};
use crate::net::connecting::Connect;
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, Host};
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::net::resolve::Resolution;
use crate::net::stream::Transport;
use crate::net::udp;
use crate::relay::connector::Connector;

/// What is connected to.
pub(crate) struct NcTarget {
    /// The way to the host, for any of its ports.
    pub(crate) connector: Connector,
    /// The host as it was typed. None: a Unix socket.
    pub(crate) host: Option<String>,
    /// The ports in their order; of a Unix socket one that stands for it.
    pub(crate) ports: VecDeque<u16>,
    /// Datagrams, with their options.
    pub(crate) datagrams: Option<udp::Options>,
    /// `-z`.
    pub(crate) is_scan: bool,
    /// The limit for resolving and for each address.
    pub(crate) limit: Duration,
    /// `-i`: from one port to the next.
    pub(crate) interval: Option<Duration>,
}

/// Tries or joins the ports of a host.
pub(crate) struct NcClient {
    target: NcTarget,
    options: Rc<NcOptions>,
    state: State,
    port: u16,
    has_several: bool,
    /// A port was open.
    has_succeeded: bool,
    /// Data was lost on a connection.
    has_failed: bool,
    io: Io,
    words: Words,
}

enum State {
    /// The next port is tried at this time; `None`: now.
    Next(Option<Instant>),
    Resolving(Resolution),
    Dialling(Dial),
    /// By a proxy.
    Proxied(Box<dyn Connect + Send>),
    Probing(DatagramProbe),
    Joined(Box<dyn Session>),
}

impl NcClient {
    pub(crate) fn new(target: NcTarget, options: Rc<NcOptions>, (io, words): (Io, Words)) -> NcClient {
        NcClient {
            has_several: target.ports.len() > 1,
            target,
            options,
            state: State::Next(None),
            port: 0,
            has_succeeded: false,
            has_failed: false,
            io,
            words,
        }
    }

    /// The host and the port that is tried, as lines have them.
    fn place(&self) -> (&str, u16) {
        (self.target.host.as_deref().unwrap_or_default(), self.port)
    }

    fn result(&self) -> Result<Status, Error> {
        match (self.has_failed, self.has_succeeded) {
            (false, true) => Ok(Status::Done),
            // Each failure has had its line, or has none without -v.
            _ => Err(Error::new(Exit::Failed, "no connection").reported()),
        }
    }

    /// Starts to connect to the port.
    fn start(&mut self, now: Instant) -> Result<State, Error> {
        let connector = self.target.connector.to_port(self.port);
        let Some(host) = &self.target.host else {
            return match &self.target.datagrams {
                Some(_) => self.open_datagrams(connector.endpoint().clone(), None, now),
                None => Ok(State::Dialling(connector.dial(self.target.limit, &self.io))),
            };
        };
        if let Some(via) = connector.through(self.target.limit, &self.io)? {
            return Ok(State::Proxied(Box::new(via)));
        }
        let is_address = host.split('%').next().is_some_and(|ip| ip.parse::<IpAddr>().is_ok());
        if self.words.is_numeric() && !is_address {
            self.words.unresolved(self.place(), "Name or service not known");
            return Ok(State::Next(None));
        }
        let name = Host::Named(host.clone());
        let whole = (connector.endpoint(), (&name, self.port));
        Ok(State::Resolving(Resolution::new(whole.0, whole.1, self.target.limit, (&self.io, None), now)?))
    }

    /// Opens a socket for datagrams to an address of the host, or to a Unix socket.
    fn open_datagrams(
        &mut self,
        endpoint: Endpoint,
        address: Option<std::net::SocketAddr>,
        now: Instant,
    ) -> Result<State, Error> {
        let Some(options) = &self.target.datagrams else { return Ok(State::Next(None)) };
        let connection = match DatagramConnection::open(&endpoint, address, options, &self.io) {
            Ok(connection) => connection,
            Err(error) if address.is_none() => {
                self.words.unix_failed(&endpoint, &error);
                return Ok(State::Next(None));
            }
            Err(error) => {
                self.words.report().warning(super::words::plain(&error));
                return Ok(State::Next(None));
            }
        };
        if self.target.is_scan && address.is_some() {
            return Ok(State::Probing(DatagramProbe::new(connection, now)));
        }
        self.succeeded(address.map(|address| address.ip()));
        if self.target.is_scan {
            return Ok(State::Next(None));
        }
        let role = self.role();
        let context = (&self.io, self.words.report());
        Ok(State::Joined(self.options.join_stdio(connection.into_peer(), role, context, now)?))
    }

    fn role(&self) -> Role {
        Role { is_listener: false, has_followers: self.has_several }
    }

    fn succeeded(&mut self, ip: Option<IpAddr>) {
        self.has_succeeded = true;
        if self.target.host.is_some() {
            let protocol = if self.target.datagrams.is_some() { "udp" } else { "tcp" };
            self.words.succeeded(self.place(), ip, protocol);
        }
    }

    fn connected(&mut self, transport: Transport, is_direct: bool, now: Instant) -> Result<State, Error> {
        self.succeeded(transport.peer_name().ip().filter(|_| is_direct));
        if self.target.is_scan {
            return Ok(State::Next(None));
        }
        let context = (&self.io, self.words.report());
        Ok(State::Joined(self.options.join(transport, self.role(), context, now)?))
    }

    /// Reports the failed attempts of a dial.
    fn report_failures(&self, dial: &Dial) {
        for (peer, error) in dial.failures() {
            match &self.target.host {
                Some(_) => self.words.failed(self.place(), peer, error),
                None => self.words.unix_failed(self.target.connector.endpoint(), error),
            }
        }
    }

    /// One step. `None`: the next state is there; else the turn is over.
    fn step(&mut self, context: Context) -> Result<Option<Status>, Error> {
        let now = context.now;
        let next = match &mut self.state {
            State::Next(Some(time)) if now < *time => return Ok(Some(Status::Waiting)),
            State::Next(_) => {
                let Some(port) = self.target.ports.pop_front() else { return self.result().map(Some) };
                self.port = port;
                self.start(now)?
            }
            State::Resolving(resolution) => match resolution.advance(self.target.connector.local(), now) {
                Ok(None) => return Ok(Some(Status::Waiting)),
                Ok(Some(mut addresses)) if self.target.datagrams.is_some() => {
                    let endpoint = self.target.connector.endpoint().clone();
                    self.open_datagrams(endpoint, addresses.pop_front(), now)?
                }
                Ok(Some(addresses)) => {
                    let dial = self.target.connector.to_port(self.port).dial(self.target.limit, &self.io);
                    State::Dialling(dial.to(addresses))
                }
                Err(error) => {
                    let text = error.to_string();
                    let why = text.rsplit(": ").next().unwrap_or(&text);
                    self.words.unresolved(self.place(), why);
                    State::Next(None)
                }
            },
            State::Dialling(dial) => match dial.advance(now) {
                Ok(None) => return Ok(Some(Status::Waiting)),
                result => {
                    let State::Dialling(dial) = std::mem::replace(&mut self.state, State::Next(None)) else {
                        return Ok(None);
                    };
                    self.report_failures(&dial);
                    match result {
                        Ok(Some(transport)) => self.connected(transport, true, now)?,
                        Err(error) if dial.failures().is_empty() => return Err(error),
                        _ => State::Next(None),
                    }
                }
            },
            State::Proxied(via) => match via.advance(now)? {
                None => return Ok(Some(Status::Waiting)),
                Some(transport) => self.connected(transport, false, now)?,
            },
            State::Probing(probe) => match probe.advance(now) {
                Ok(None) => return Ok(Some(Status::Waiting)),
                Ok(Some(ip)) => {
                    self.succeeded(Some(ip));
                    State::Next(None)
                }
                // nc has no line for it.
                Err(_) => State::Next(None),
            },
            State::Joined(session) => match session.advance(context) {
                Ok(Status::Done) => State::Next(None),
                Ok(status) => return Ok(Some(status)),
                Err(error) if self.has_several && error.exit() != Exit::CannotWrite && !error.is_silent() => {
                    self.words.report().error(&reworded(error));
                    self.has_failed = true;
                    State::Next(None)
                }
                Err(error) => return Err(error),
            },
        };
        self.state = match (next, self.target.interval) {
            (State::Next(None), Some(interval)) if !self.target.ports.is_empty() => {
                State::Next(Some(now + interval))
            }
            (next, _) => next,
        };
        Ok(None)
    }
}

impl Session for NcClient {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        loop {
            if let Some(status) = self.step(context)? {
                return Ok(status);
            }
        }
    }

    fn stop(&mut self) -> Stop {
        match &mut self.state {
            State::Joined(session) => session.stop(),
            _ => Stop::Now,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Next(time) => *time,
            State::Resolving(resolution) => Some(resolution.deadline()),
            State::Dialling(dial) => dial.deadline(),
            State::Proxied(via) => via.deadline(),
            State::Probing(probe) => Some(probe.deadline()),
            State::Joined(session) => session.deadline(),
        }
    }
}
