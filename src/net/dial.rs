//! Connecting: addresses of both families raced (RFC 8305), each within a time limit.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::access::Access;
use super::endpoint::host::with_scope;
use super::endpoint::{Endpoint, PeerName, Special, UnixName};
use super::line::Line;
use super::local_end::LocalEnd;
use super::reactor::IoHandle;
use super::resolve::{Resolution, timed_out};
use super::stream::{Socket, Transport};
use crate::error::{Error, Exit};

/// Time from the start of one attempt to that of the next (RFC 8305, section 5: Connection Attempt Delay).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Interval between attempts at a Unix socket whose backlog is full: no event says when there is room.
const FIRST_UNIX_WAIT: Duration = Duration::from_millis(2);
const LONGEST_UNIX_WAIT: Duration = Duration::from_millis(100);

/// A connection that is being established.
pub struct Dial {
    target: Endpoint,
    local: LocalEnd,
    first: Vec<u8>,
    io: IoHandle,
    limit: Duration,
    /// The client of a server for which this is done.
    asker: Option<IpAddr>,
    /// Rules for the addresses: others are not tried.
    access: Option<Arc<Access>>,
    step: DialState,
    attempts: Vec<Attempt>,
    queue: VecDeque<SocketAddr>,
    next_attempt: Option<Instant>,
    failures: Vec<(PeerName, io::Error)>,
}

enum DialState {
    Start,
    Resolving(Resolution),
    ConnectingUnix(UnixTry),
    Racing,
}

/// Attempts at a Unix socket until its backlog has room.
struct UnixTry {
    deadline: Instant,
    next: Instant,
    wait: Duration,
}

struct Attempt {
    name: PeerName,
    transport: Transport,
    deadline: Instant,
}

impl Dial {
    /// A connection to `target`. Resolving and each attempt may take `limit`.
    pub fn new(target: Endpoint, limit: Duration, io: IoHandle) -> Dial {
        Dial {
            target,
            local: LocalEnd::default(),
            first: Vec::new(),
            io,
            limit,
            asker: None,
            access: None,
            step: DialState::Start,
            attempts: Vec::new(),
            queue: VecDeque::new(),
            next_attempt: None,
            failures: Vec::new(),
        }
    }

    /// Sets the local end.
    #[must_use]
    pub fn from(self, local: &LocalEnd) -> Dial {
        Dial { local: local.clone(), ..self }
    }

    /// Sets the target's addresses, so that it is not resolved.
    #[must_use]
    pub fn to(self, addresses: VecDeque<SocketAddr>) -> Dial {
        Dial { step: DialState::Racing, queue: addresses, ..self }
    }

    /// Sends these bytes in the SYN packet if a cookie of the peer is known (RFC 7413). With several addresses each may
    /// get them. Write them to the transport all the same, which skips the bytes that were sent.
    pub fn send_first(&mut self, first: &[u8]) {
        self.first = first.to_vec();
    }

    /// The failed attempts: the address and the error of each.
    pub fn failures(&self) -> &[(PeerName, io::Error)] {
        &self.failures
    }

    /// Tries only addresses that these rules admit: those of a name once it was resolved.
    #[must_use]
    pub fn within(mut self, access: Arc<Access>) -> Dial {
        self.access = Some(access);
        self
    }

    /// Sets the client of a server for which this is done: its names do not hold up those of others.
    #[must_use]
    pub fn asked_by(self, asker: Option<IpAddr>) -> Dial {
        Dial { asker, ..self }
    }

    /// True if it has failed because every address refused.
    pub fn was_refused(&self) -> bool {
        let is_refusal =
            |(_, error): &(PeerName, io::Error)| error.kind() == io::ErrorKind::ConnectionRefused;
        !self.failures.is_empty() && self.failures.iter().all(is_refusal)
    }

    /// Continues. Returns the transport, once, or an error when no address is left.
    pub fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        match &mut self.step {
            DialState::Start => {
                self.start(now)?;
                self.advance(now)
            }
            DialState::Resolving(resolution) => {
                let Some(addresses) = resolution.advance(&self.local, now)? else { return Ok(None) };
                self.queue = self.admitted(addresses)?;
                self.step = DialState::Racing;
                self.race(now)
            }
            DialState::ConnectingUnix(_) => self.try_unix(now),
            DialState::Racing => self.race(now),
        }
    }

    /// When to call [`Dial::advance`] again at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.step {
            DialState::Start => None,
            DialState::Resolving(resolution) => Some(resolution.deadline()),
            DialState::ConnectingUnix(one) => Some(one.next.min(one.deadline)),
            DialState::Racing => {
                let attempts = self.attempts.iter().map(|attempt| attempt.deadline);
                attempts.chain(self.next_attempt).min()
            }
        }
    }

    fn start(&mut self, now: Instant) -> Result<(), Error> {
        self.step = match self.target.clone() {
            Endpoint::UnixPath(_) | Endpoint::UnixAbstract(_) | Endpoint::SeqPacket(_) => {
                let deadline = now + self.limit;
                DialState::ConnectingUnix(UnixTry { deadline, next: now, wait: FIRST_UNIX_WAIT })
            }
            Endpoint::Special(special) => {
                let transport = open(special)
                    .and_then(|socket| socket.enroll(&self.io))
                    .map_err(|error| self.about(Error::new(Exit::NoConnection, without_device(&error))))?;
                let (name, deadline) = (PeerName::from_endpoint(&self.target), now + self.limit);
                self.attempts.push(Attempt { name, transport, deadline });
                DialState::Racing
            }
            Endpoint::Inherited(_) => {
                let text = format!("{} is there to listen on, with serve", self.target);
                return Err(Error::new(Exit::Usage, text));
            }
            Endpoint::Tcp { host, port } => DialState::Resolving(Resolution::new(
                &self.target,
                (&host, port),
                self.limit,
                (&self.io, self.asker),
                now,
            )?),
        };
        Ok(())
    }

    fn admitted(&self, mut addresses: VecDeque<SocketAddr>) -> Result<VecDeque<SocketAddr>, Error> {
        let Some(access) = &self.access else { return Ok(addresses) };
        let has_some = !addresses.is_empty();
        addresses.retain(|address| access.admits(address.ip()));
        if has_some && addresses.is_empty() {
            let text = format!("not allowed to connect to {} (see --allow-target)", self.target);
            return Err(Error::new(Exit::Refused, text));
        }
        Ok(addresses)
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
            // RFC 8305: a failure starts the next attempt at once.
            let mut next = now;
            match self.attempt(address, now)? {
                Ok(attempt) => {
                    self.attempts.push(attempt);
                    next += ATTEMPT_DELAY;
                }
                Err(error) => {
                    self.failures.push((PeerName::from_ip(Some(address)), with_scope(address, error)));
                }
            }
            self.next_attempt = (!self.queue.is_empty()).then_some(next);
        }
        if self.attempts.is_empty() { Err(self.all_failed()) } else { Ok(None) }
    }

    fn fail(&mut self, index: usize, error: io::Error) {
        let attempt = self.attempts.swap_remove(index);
        self.failures.push((attempt.name, error));
        // As above.
        self.next_attempt = self.next_attempt.map(|_| attempt.deadline - self.limit);
    }

    fn attempt(&mut self, address: SocketAddr, now: Instant) -> Result<io::Result<Attempt>, Error> {
        let begun = self.local.connect(address, &self.first).map_err(|error| self.about(error))?;
        let enroll = |(socket, sent)| Ok(Socket::Tcp(socket).enroll(&self.io)?.with_sent_bytes(sent));
        Ok(begun.and_then(enroll).map(|transport| Attempt {
            name: PeerName::from_ip(Some(address)),
            transport,
            deadline: now + self.limit,
        }))
    }

    /// Connects without a thread: this never blocks, and is over at once unless the listener's queue is full.
    fn try_unix(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        let DialState::ConnectingUnix(one) = &mut self.step else { return Ok(None) };
        if now < one.next.min(one.deadline) {
            return Ok(None);
        }
        match connect_unix(&self.target) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && now < one.deadline => {
                one.next = now + one.wait;
                one.wait = (one.wait * 2).min(LONGEST_UNIX_WAIT);
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.failed_unix(io::ErrorKind::TimedOut.into());
                Err(timed_out(&self.target, "connecting", self.limit))
            }
            result => self.connected_unix(result).map(Some),
        }
    }

    fn connected_unix(&mut self, result: io::Result<Socket>) -> Result<Transport, Error> {
        match result {
            Ok(socket) => {
                let options = self.local.options.apply(socket.as_fd());
                options.map_err(|error| self.about(Error::new(Exit::Failed, error)))?;
                let enrolled = socket.enroll(&self.io);
                enrolled.map_err(|error| self.about(Error::new(Exit::NoConnection, error)))
            }
            Err(error) => {
                let why = explain(&error);
                self.failed_unix(error);
                Err(self.about(Error::new(Exit::NoConnection, why)))
            }
        }
    }

    fn failed_unix(&mut self, error: io::Error) {
        self.failures.push((PeerName::from_endpoint(&self.target), error));
    }

    fn about(&self, error: Error) -> Error {
        error.context(format_args!("cannot connect to {}", self.target))
    }

    fn all_failed(&self) -> Error {
        let (target, mut failures) = (self.target.to_string(), self.failures.iter());
        if !self.failures.is_empty() && failures.all(|(_, error)| error.kind() == io::ErrorKind::TimedOut) {
            return timed_out(&self.target, "connecting", self.limit);
        }
        let reasons: Vec<String> = match &self.failures[..] {
            [(name, error)] if name.to_string() == target => vec![explain(error)],
            all => all.iter().map(|(name, error)| format!("{name}: {}", explain(error))).collect(),
        };
        // A refused connection was never established. A reset one was.
        let was_established =
            |(_, error): &(PeerName, io::Error)| error.kind() == io::ErrorKind::ConnectionReset;
        let exit = if self.failures.iter().any(was_established) { Exit::Lost } else { Exit::NoConnection };
        Error::new(exit, format!("cannot connect to {target}: {}", reasons.join("; ")))
    }
}

/// Describes the error of a line that cannot be opened.
fn without_device(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if error.raw_os_error().is_some() => "there is no such device".into(),
        _ => explain(error),
    }
}

/// Opens a line, or begins a connection of vsock.
fn open(special: Special) -> io::Result<Socket> {
    match special {
        Special::Vsock { cid, port } => super::vsock::connect(cid, port).map(Socket::Vsock),
        Special::Line(path, settings) => Line::open(&path, settings).map(|line| Socket::Line(Box::new(line))),
        Special::Pty(link) => Line::with_link(&link).map(|line| Socket::Line(Box::new(line))),
    }
}

/// One attempt to connect to a Unix socket. `WouldBlock`: it has no room now.
fn connect_unix(target: &Endpoint) -> io::Result<Socket> {
    let name = match target {
        Endpoint::UnixPath(path) => UnixName::Path(path.clone()),
        Endpoint::UnixAbstract(name) => UnixName::Abstract(name.clone()),
        Endpoint::SeqPacket(name) => return super::packet::connect(name).map(Socket::Packet),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    Socket::unix(super::packet::connect_as(&name, socket2::Type::STREAM)?.into())
}

/// Describes the error of a failed attempt.
pub fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::TimedOut => "no answer in time".into(),
        io::ErrorKind::ConnectionReset => {
            "connection reset by peer at once: perhaps it rejects this address, or is full".into()
        }
        io::ErrorKind::NotFound if error.raw_os_error().is_some() => "there is no such socket".into(),
        _ => error.to_string(),
    }
}
