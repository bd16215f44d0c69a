//! `nc -u`: a socket for one peer, its probe (`-z`), and the listener that joins the first peer.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::datagram_peer::DatagramPeer;
use super::{NcOptions, Role, Words};
use crate::error::{Error, Exit, lost};
use crate::net::endpoint::Endpoint;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::net::stream::{Stream, would_block};
use crate::net::udp::{self, DatagramSocket, Peer, ReceiveBuffer};

/// A probe sends this many datagrams, in case some are lost, and waits as long after each.
const PROBES: u32 = 4;
const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// A socket that is connected to its peer.
pub(super) struct DatagramConnection {
    peer: DatagramPeer,
    ip: Option<IpAddr>,
}

impl DatagramConnection {
    /// Opens a socket for datagrams to `address`, or to the Unix socket `endpoint`.
    pub(super) fn open(
        endpoint: &Endpoint,
        address: Option<SocketAddr>,
        options: &udp::Options,
        io: &Io,
    ) -> io::Result<DatagramConnection> {
        let to = match address {
            Some(address) => Peer::Ip(address),
            None => {
                let all = udp::addresses_of(endpoint, None).map_err(io::Error::other)?;
                all.into_iter().next().ok_or(io::ErrorKind::NotFound)?
            }
        };
        let socket = udp::open_for(&to, options, io)?;
        let is_for_many = options.broadcast || to.ip().is_some_and(|ip| ip.is_multicast());
        Ok(DatagramConnection {
            peer: DatagramPeer::new(socket, Some(to)).hearing_all(is_for_many),
            ip: address.map(|address| address.ip()),
        })
    }

    /// The peer as a stream.
    pub(super) fn into_peer(self) -> Box<dyn Stream> {
        Box::new(self.peer)
    }
}

/// A probe of a UDP port: open is a port from which no refusal comes, as nc has it.
pub(super) struct DatagramProbe {
    connection: DatagramConnection,
    sent: u32,
    start: Instant,
    next: Instant,
}

impl DatagramProbe {
    pub(super) fn new(connection: DatagramConnection, now: Instant) -> DatagramProbe {
        DatagramProbe { connection, sent: 0, start: now, next: now }
    }

    /// The address, once the port counts as open: it has answered, or has not refused in time.
    ///
    /// # Errors
    /// It has refused.
    pub(super) fn advance(&mut self, now: Instant) -> io::Result<Option<IpAddr>> {
        let peer = &mut self.connection.peer;
        let answer = peer.read(&mut [0; 1]);
        let has_answered = !would_block(&answer) && answer? > 0;
        if now >= self.next && self.sent < PROBES && !has_answered {
            let sent = peer.write(b"X");
            if would_block(&sent) {
                return Ok(None);
            }
            sent?;
            peer.socket().take_error()?;
            self.sent += 1;
            self.next = now + PROBE_INTERVAL;
            return Ok(None);
        }
        let is_over = has_answered || self.sent == PROBES && now >= self.next;
        Ok(self.connection.ip.filter(|_| is_over))
    }

    pub(super) fn deadline(&self) -> Instant {
        // The first one waits for the socket alone.
        self.next.max(self.start + PROBE_INTERVAL)
    }
}

/// `nc -lu`: waits for the first datagram, then talks with its sender alone; with `-k` it receives from everybody.
pub(crate) struct NcDatagramListener {
    state: State,
    endpoint: Endpoint,
    options: Rc<NcOptions>,
    io: Io,
    words: Words,
}

enum State {
    Waiting(Option<Box<DatagramSocket>>, ReceiveBuffer),
    Joined(Box<dyn Session>),
}

impl NcDatagramListener {
    /// Binds `endpoint`, of which the first address is used.
    pub(crate) fn open(
        (endpoint, socket): (Endpoint, udp::Options),
        options: Rc<NcOptions>,
        keeps_listening: bool,
        (io, words): (Io, Words),
        now: Instant,
    ) -> Result<NcDatagramListener, Error> {
        let mut sockets = udp::listen(&endpoint, &socket, &io)?;
        sockets.truncate(1);
        let socket = sockets.pop().ok_or_else(|| Error::new(Exit::NoConnection, "nothing was bound"))?;
        let address = address_of(socket.local_address());
        words.listening(address, &endpoint, false);
        let state = match keeps_listening {
            true => {
                let role = Role { is_listener: true, has_followers: false };
                let peer = Box::new(DatagramPeer::new(socket, None));
                State::Joined(options.join_stdio(peer, role, (&io, words.report()), now)?)
            }
            false => State::Waiting(Some(Box::new(socket)), ReceiveBuffer::default()),
        };
        Ok(NcDatagramListener { state, endpoint, options, io, words })
    }

    /// The session with the sender of the first datagram; `None` if there was none yet.
    fn first(&mut self, now: Instant) -> Result<Option<Box<dyn Session>>, Error> {
        let State::Waiting(socket, buffer) = &mut self.state else { return Ok(None) };
        let (mut first, mut received) = (None, VecDeque::new());
        let result = match socket {
            Some(socket) => socket.receive(buffer, |datagram| {
                if first.get_or_insert_with(|| datagram.peer.clone()) == &datagram.peer {
                    received.push_back(datagram.payload.to_vec());
                }
            }),
            None => Ok(()),
        };
        if would_block(&result) {
            return Ok(None);
        }
        result.map_err(|error| lost(&error))?;
        let (Some(peer), Some(socket)) = (first, socket.take()) else { return Ok(None) };
        match socket.connect(&peer) {
            // A Unix peer has no name, or is gone already: what it sent is printed all the same.
            Err(error) if peer.ip().is_some() => return Err(lost(&error)),
            _ => {}
        }
        self.words.received(address_of(&peer), &self.endpoint);
        received.retain(|datagram| !datagram.is_empty());
        let peer = DatagramPeer::new(*socket, Some(peer)).after(received);
        let role = Role { is_listener: true, has_followers: false };
        self.options.join_stdio(Box::new(peer), role, (&self.io, self.words.report()), now).map(Some)
    }
}

fn address_of(peer: &Peer) -> Option<SocketAddr> {
    match peer {
        Peer::Ip(address) => Some(*address),
        Peer::Unix(_) => None,
    }
}

impl Session for NcDatagramListener {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let State::Waiting(..) = self.state {
            match self.first(context.now)? {
                Some(session) => self.state = State::Joined(session),
                None => return Ok(Status::Waiting),
            }
        }
        match &mut self.state {
            State::Joined(session) => session.advance(context),
            State::Waiting(..) => Ok(Status::Waiting),
        }
    }

    fn stop(&mut self) -> Stop {
        match &mut self.state {
            State::Joined(session) => session.stop(),
            State::Waiting(..) => Stop::Now,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Joined(session) => session.deadline(),
            State::Waiting(..) => None,
        }
    }
}
