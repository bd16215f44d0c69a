//! Connecting: names resolved aside, addresses of both families raced (RFC 8305), each within a time limit.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::endpoint::{Endpoint, Host, PeerName};
use super::reactor::{Aside, Io};
use super::stream::{Socket, Transport, uninterrupted};
use crate::error::{Error, Exit};

/// How long an attempt is alone before the next address is tried beside it (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A connection in the making.
pub struct Dial {
    target: Endpoint,
    io: Io,
    limit: Duration,
    step: Step,
    attempts: Vec<Attempt>,
    queue: VecDeque<SocketAddr>,
    next_attempt: Option<Instant>,
    failures: Vec<(PeerName, io::Error)>,
}

enum Step {
    Start,
    Resolving(Aside<io::Result<Vec<SocketAddr>>>, Instant),
    ConnectingUnix(Aside<io::Result<Socket>>, Instant),
    Racing,
}

struct Attempt {
    name: PeerName,
    transport: Transport,
    deadline: Instant,
}

impl Dial {
    /// Will connect to `target`; resolving, and each address, may take `limit`.
    pub fn new(target: Endpoint, limit: Duration, io: Io) -> Dial {
        Dial {
            target,
            io,
            limit,
            step: Step::Start,
            attempts: Vec::new(),
            queue: VecDeque::new(),
            next_attempt: None,
            failures: Vec::new(),
        }
    }

    /// Goes on connecting. The transport, once; or an error when no address is left.
    pub fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        match &mut self.step {
            Step::Start => {
                self.start(now)?;
                self.advance(now)
            }
            Step::Resolving(aside, deadline) => match aside.take() {
                None if now >= *deadline => Err(self.timed_out("resolving the name")),
                None => Ok(None),
                Some(result) => {
                    self.queue = interleave(result?.map_err(|error| self.unresolved(&error))?);
                    self.step = Step::Racing;
                    self.race(now)
                }
            },
            Step::ConnectingUnix(aside, deadline) => match aside.take() {
                None if now >= *deadline => Err(self.timed_out("connecting")),
                None => Ok(None),
                Some(result) => self.connected_unix(result?).map(Some),
            },
            Step::Racing => self.race(now),
        }
    }

    /// When to call again if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.step {
            Step::Start => None,
            Step::Resolving(_, deadline) | Step::ConnectingUnix(_, deadline) => Some(*deadline),
            Step::Racing => {
                let attempts = self.attempts.iter().map(|attempt| attempt.deadline);
                attempts.chain(self.next_attempt).min()
            }
        }
    }

    fn start(&mut self, now: Instant) -> Result<(), Error> {
        let deadline = now + self.limit;
        self.step = match self.target.clone() {
            Endpoint::UnixPath(path) => Step::ConnectingUnix(
                self.io.aside(move || Socket::unix(std::os::unix::net::UnixStream::connect(path)?))?,
                deadline,
            ),
            Endpoint::UnixAbstract(name) => Step::ConnectingUnix(
                self.io.aside(move || {
                    let address = super::abstract_name::address(&name)?;
                    Socket::unix(std::os::unix::net::UnixStream::connect_addr(&address)?)
                })?,
                deadline,
            ),
            Endpoint::Inherited(_) => {
                let text = format!("{} is there to listen on, with serve", self.target);
                return Err(Error::new(Exit::Usage, text));
            }
            Endpoint::SeqPacket(name) => Step::ConnectingUnix(
                self.io.aside(move || super::packet::connect(&name).map(Socket::Packet))?,
                deadline,
            ),
            Endpoint::Tcp { host, port } => {
                let name = match host {
                    Host::Named(name) => name,
                    Host::Loopback | Host::Any => "localhost".into(),
                };
                match name.parse() {
                    Ok(ip) => {
                        self.queue.push_back(SocketAddr::new(ip, port));
                        Step::Racing
                    }
                    Err(_) => Step::Resolving(
                        self.io
                            .aside(move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect))?,
                        deadline,
                    ),
                }
            }
        };
        Ok(())
    }

    fn race(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        let mut index = 0;
        while index < self.attempts.len() {
            let attempt = &mut self.attempts[index];
            match attempt.transport.is_connected() {
                Ok(true) => return Ok(Some(self.attempts.swap_remove(index).transport)),
                Ok(false) if now < attempt.deadline => index += 1,
                Ok(false) => self.fail(index, io::ErrorKind::TimedOut.into()),
                Err(error) => self.fail(index, error),
            }
        }
        while self.attempts.is_empty() || self.next_attempt.is_some_and(|start| now >= start) {
            self.next_attempt = None;
            let Some(address) = self.queue.pop_front() else { break };
            match self.attempt(address, now) {
                Ok(attempt) => self.attempts.push(attempt),
                Err(error) => self.failures.push((PeerName::from_ip(Some(address)), error)),
            }
            if !self.queue.is_empty() {
                self.next_attempt = Some(now + ATTEMPT_DELAY);
            }
        }
        if self.attempts.is_empty() { Err(self.all_failed()) } else { Ok(None) }
    }

    fn fail(&mut self, index: usize, error: io::Error) {
        let attempt = self.attempts.swap_remove(index);
        self.failures.push((attempt.name, error));
        // RFC 8305: a failure starts the next attempt at once.
        self.next_attempt = self.next_attempt.map(|_| attempt.deadline - self.limit);
    }

    fn attempt(&mut self, address: SocketAddr, now: Instant) -> io::Result<Attempt> {
        let transport = Socket::Tcp(uninterrupted(|| TcpStream::connect(address))?).register(&self.io)?;
        Ok(Attempt { name: PeerName::from_ip(Some(address)), transport, deadline: now + self.limit })
    }

    fn connected_unix(&self, result: io::Result<Socket>) -> Result<Transport, Error> {
        result.and_then(|socket| socket.register(&self.io)).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound => "there is no such socket".into(),
                _ => explain(&error),
            };
            Error::new(Exit::NoConnection, format!("cannot connect to {}: {why}", self.target))
        })
    }

    fn unresolved(&self, error: &io::Error) -> Error {
        let text = error.to_string();
        let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
        Error::new(Exit::NoConnection, format!("cannot connect to {}: {text}", self.target))
    }

    fn timed_out(&self, what: &str) -> Error {
        let limit = humantime::format_duration(self.limit);
        Error::new(
            Exit::TimedOut,
            format!("cannot connect to {}: {what} took over {limit} (see --timeout)", self.target),
        )
    }

    fn all_failed(&self) -> Error {
        let (target, mut failures) = (self.target.to_string(), self.failures.iter());
        if !self.failures.is_empty() && failures.all(|(_, error)| error.kind() == io::ErrorKind::TimedOut) {
            return self.timed_out("connecting");
        }
        let reasons: Vec<String> = match &self.failures[..] {
            [] => vec!["the name has no address".into()],
            [(name, error)] if name.to_string() == target => vec![explain(error)],
            all => all.iter().map(|(name, error)| format!("{name}: {}", explain(error))).collect(),
        };
        // A connection that was never there is refused. One that is reset was there.
        let was_there = |(_, error): &(PeerName, io::Error)| error.kind() == io::ErrorKind::ConnectionReset;
        let exit = if self.failures.iter().any(was_there) { Exit::Lost } else { Exit::NoConnection };
        Error::new(exit, format!("cannot connect to {target}: {}", reasons.join("; ")))
    }
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::TimedOut => "no answer in time".into(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".into(),
        _ => error.to_string(),
    }
}

/// Alternates the families, beginning with that of the first address (RFC 8305, section 4).
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let v6_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == v6_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut queue = VecDeque::new();
    loop {
        let (one, other) = (first.next(), second.next());
        if one.is_none() && other.is_none() {
            return queue;
        }
        queue.extend(one.into_iter().chain(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate() {
        let list = |text: &[&str]| -> Vec<SocketAddr> {
            text.iter().map(|address| address.parse().expect("an address")).collect()
        };
        let sorted = interleave(list(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]));
        assert_eq!(sorted, list(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]));
    }
}
