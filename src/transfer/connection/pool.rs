//! The further connections of a session: they carry blocks and their answers. The first connection carries the rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Limits, Link};
use super::wire::Wire;
use crate::error::Error;
use crate::net::connecting::Connect;
use crate::net::reactor::{IoHandle, Status};
use crate::net::stream::{Stream, Transport};
use crate::proto::SessionId;
use crate::proto::transfer::hello::{Accept, Capabilities, Hello, Operation};
use crate::proto::transfer::roster::MAX_CONNECTIONS;
use crate::report::Report;
use crate::server::places::Further;
use crate::transfer::failure::Role;
use crate::transfer::server::sessions::Registration;

/// Round-trip time from which several connections are faster than one.
const FAR: Duration = Duration::from_millis(10);
const DEFAULT_CONNECTIONS: usize = 4;

/// Bytes that one connection moves before the next one is advanced.
pub(crate) const CONNECTION_BUDGET_BYTES: usize = 8 << 20;

/// Time for which a connection keeps its share of the rate after its last byte.
const SHARE_KEPT: Duration = Duration::from_millis(250);

/// Result of one pass over the further connections.
#[derive(Default)]
pub(crate) struct Advanced {
    /// Ids of the connections that were lost.
    pub(crate) lost: Vec<usize>,
    /// At least one connection had traffic.
    pub(crate) is_alive: bool,
    /// At least one connection has more work now.
    pub(crate) has_more: bool,
}

/// Opens further connections to the server of a client's session.
pub(crate) trait Dialer: Send {
    /// Starts a connection that will join `session`. `limit` is the time limit for each address or, with proxies, for the
    /// whole way.
    fn connecting(
        &self,
        limit: Duration,
        io: &IoHandle,
        session: SessionId,
    ) -> Result<Box<dyn Connect + Send>, Error>;
}

/// The source of a session's further connections.
pub(crate) enum ConnectionOrigin {
    /// A client opens its connections. `connections` is the number asked for, the first included; `None`: chosen by the
    /// round-trip time.
    Client { dialer: Box<dyn Dialer>, connections: Option<usize> },
    /// A server receives them from clients.
    Server(Arc<Registration>),
}

/// A further connection. `L` is the state that the session keeps for it.
pub(crate) struct PooledConnection<L> {
    /// Unique within the session; the first connection is 0.
    pub(crate) id: usize,
    /// On a server: the place of the connection, released before the socket is closed.
    _further: Option<Further>,
    state: State,
    pub(crate) local: L,
}

enum State {
    Dialing(Box<dyn Connect + Send>),
    Open(Box<Link<Transport>>),
}

/// The further connections of a session.
pub(crate) struct ConnectionPool<L> {
    origin: ConnectionOrigin,
    role: Role,
    limits: Limits,
    io: IoHandle,
    report: Report,
    pub(crate) connections: Vec<PooledConnection<L>>,
    next_id: usize,
    has_grown: bool,
    session: Option<SessionId>,
    /// On a client: the rate of each connection, in bytes per second.
    share: Option<u64>,
}

impl<L: Default> ConnectionPool<L> {
    pub(crate) fn new(
        origin: ConnectionOrigin,
        role: Role,
        limits: Limits,
        io: IoHandle,
        report: Report,
    ) -> ConnectionPool<L> {
        ConnectionPool {
            origin,
            role,
            limits,
            io,
            report,
            connections: Vec::new(),
            next_id: 1,
            has_grown: false,
            session: None,
            share: limits.rate,
        }
    }

    /// Opens a client's further connections, once, when there is work for them.
    pub(crate) fn grow(&mut self, session: Option<SessionId>, round_trip: Duration) {
        let (ConnectionOrigin::Client { dialer, connections }, Some(session)) = (&self.origin, session)
        else {
            return;
        };
        if std::mem::replace(&mut self.has_grown, true) {
            return;
        }
        let automatic = if round_trip < FAR { 1 } else { DEFAULT_CONNECTIONS };
        let wanted = connections.unwrap_or(automatic).min(MAX_CONNECTIONS);
        for _ in 1..wanted {
            match dialer.connecting(self.limits.handshake, &self.io, session) {
                Ok(connecting) => {
                    let state = State::Dialing(connecting);
                    let id = self.next_id;
                    self.connections.push(PooledConnection {
                        id,
                        _further: None,
                        state,
                        local: L::default(),
                    });
                    self.next_id += 1;
                }
                Err(error) => self.report.detail(format_args!("no further connection: {error}")),
            }
        }
        self.session = Some(session);
    }

    /// Divides a client's rate among the connections that carry traffic.
    pub(crate) fn share<S: Stream>(&mut self, first: &mut Wire<S>) {
        let (ConnectionOrigin::Client { .. }, Some(rate)) = (&self.origin, self.limits.rate) else { return };
        let now = first.now();
        let is_busy = |last: Instant| now.saturating_duration_since(last) < SHARE_KEPT;
        let busy = self.open().filter(|(_, link)| is_busy(link.wire.last_traffic())).count();
        let busy = busy + usize::from(is_busy(first.last_traffic()));
        let share = rate / busy.max(1) as u64;
        if self.share == Some(share) {
            return;
        }
        self.share = Some(share);
        first.change_rate(share);
        for connection in &mut self.connections {
            if let State::Open(link) = &mut connection.state {
                link.wire.change_rate(share);
            }
        }
    }

    /// Adds the connections that clients have opened for a server's session.
    pub(crate) fn accept(&mut self, now: Instant) {
        let ConnectionOrigin::Server(registration) = &self.origin else { return };
        for (socket, further) in registration.take_joined() {
            // It keeps the socket options with which it was accepted.
            let Ok(transport) = socket.enroll(&self.io) else {
                registration.connection_lost();
                continue;
            };
            let mut wire = Wire::new(transport, now);
            let session = registration.id();
            let capabilities = Capabilities::of_operation(Operation::Join(session));
            wire.push(&Accept { capabilities, session, ..Accept::plain() }.encode());
            let link = Link::new(wire, self.role, self.limits, false);
            self.connections.push(PooledConnection {
                id: self.next_id,
                _further: Some(further),
                state: State::Open(Box::new(link)),
                local: L::default(),
            });
            self.next_id += 1;
        }
    }

    /// Calls `work` for each open connection and drops those for which it fails. `work` returns whether there is more
    /// to do at once.
    pub(crate) fn advance(
        &mut self,
        now: Instant,
        mut work: impl FnMut(usize, &mut L, &mut Link<Transport>) -> Result<Status, Error>,
    ) -> Advanced {
        let mut advanced = Advanced::default();
        let mut index = 0;
        while index < self.connections.len() {
            match self.advance_one(index, now, &mut work) {
                Ok((is_alive, status)) if status != Status::Done => {
                    advanced.is_alive |= is_alive;
                    advanced.has_more |= status == Status::Again;
                    index += 1;
                }
                ended => {
                    if let Err(error) = ended {
                        self.report.detail(format_args!("a further connection is gone: {error}"));
                    }
                    // Before closing the socket, so that a client that sees the end finds a free place.
                    if let ConnectionOrigin::Server(registration) = &self.origin {
                        registration.connection_lost();
                    }
                    advanced.lost.push(self.connections.swap_remove(index).id);
                }
            }
        }
        advanced
    }

    fn advance_one(
        &mut self,
        index: usize,
        now: Instant,
        work: &mut impl FnMut(usize, &mut L, &mut Link<Transport>) -> Result<Status, Error>,
    ) -> Result<(bool, Status), Error> {
        let connection = &mut self.connections[index];
        if let State::Dialing(dial) = &mut connection.state {
            let (Some(transport), Some(session)) = (dial.advance(now)?, self.session) else {
                return Ok((false, Status::Waiting));
            };
            let mut wire = Wire::new(transport, now);
            wire.push(&Hello::join(session).encode());
            let limits = Limits { rate: self.share, ..self.limits };
            let mut link = Link::new(wire, self.role, limits, true);
            link.wire.flush()?;
            connection.state = State::Open(Box::new(link));
        }
        let State::Open(link) = &mut connection.state else { return Ok((false, Status::Waiting)) };
        link.wire.tick(now);
        let status = work(connection.id, &mut connection.local, link)?;
        link.check_time(now, None).map_err(|failure| failure.error)?;
        Ok((link.wire.last_traffic() == now, status))
    }

    /// Returns the open connections.
    pub(crate) fn open(&self) -> impl Iterator<Item = (&PooledConnection<L>, &Link<Transport>)> {
        self.connections.iter().filter_map(|connection| match &connection.state {
            State::Dialing(_) => None,
            State::Open(link) => Some((connection, &**link)),
        })
    }

    /// Returns the time of the next call, if there is one.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let of = |connection: &PooledConnection<L>| match &connection.state {
            State::Dialing(dial) => dial.deadline(),
            State::Open(link) => Some(link.deadline()),
        };
        self.connections.iter().filter_map(of).min()
    }
}
