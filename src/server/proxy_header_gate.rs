//! The gate for clients of a proxy in front of a server (`--accept-proxy-protocol`): a connection waits here until its
//! PROXY header is complete. Then the acceptor decides whether to admit the client that the header names.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::handshake::{HandshakeDriver, HandshakeFailure};
use crate::net::reactor::{Context, Io, Session, Status, Waker};
use crate::net::stream::{Socket, SocketState, Transport};
use crate::proto::proxy::header::HeaderReader;
use crate::report::{Metrics, Queue, Refusal, Report};

/// Connections that wait for their header, and clients whose header is complete.
pub(crate) struct ProxyHeaderGate {
    shared: Rc<Shared>,
    io: Io,
    limit: Duration,
    report: Report,
}

/// A connection whose header is complete.
pub(crate) struct IdentifiedClient {
    pub(crate) socket: Socket,
    /// The client's address, or the proxy's if the connection is the proxy's own.
    pub(crate) name: PeerName,
    /// The address that the client connected to.
    pub(crate) destination: Option<SocketAddr>,
}

struct Shared {
    waiting: Cell<usize>,
    metrics: Arc<Metrics>,
    identified: RefCell<Vec<IdentifiedClient>>,
    acceptor: Waker,
}

impl ProxyHeaderGate {
    /// A gate whose headers must be complete within `limit`. The session of `io` is woken for each of them.
    pub(crate) fn new(limit: Duration, io: &Io, report: &Report) -> ProxyHeaderGate {
        let shared = Shared {
            waiting: Cell::default(),
            metrics: Arc::clone(report.metrics()),
            identified: RefCell::default(),
            acceptor: io.waker(),
        };
        ProxyHeaderGate { shared: Rc::new(shared), io: io.clone(), limit, report: report.clone() }
    }

    /// Adds a connection; `name` is the proxy's.
    pub(crate) fn enter(&self, socket: Socket, name: PeerName, now: Instant) {
        let report = self.report.about(&name);
        let spawned = self.io.spawn(|io| {
            let place = WaitingCount::new(&self.shared);
            let mut transport = socket.enroll(&io).map_err(|error| lost(&error))?;
            transport.reset_on_close(true).map_err(|error| lost(&error))?;
            let driver = HandshakeDriver::new(HeaderReader::default());
            let (deadline, limit) = (now + self.limit, self.limit);
            let report = report.clone();
            Ok(PendingClient { transport: Some(transport), driver, name, deadline, limit, place, report })
        });
        if let Err(error) = spawned {
            report.detail(error);
        }
    }

    /// Connections whose header is not complete.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.waiting.get()
    }

    /// Takes the clients whose header has become complete.
    pub(crate) fn identified(&self) -> Vec<IdentifiedClient> {
        self.shared.identified.take()
    }
}

impl Shared {
    fn set_waiting(&self, waiting: usize) {
        self.waiting.set(waiting);
        self.metrics.waiting(Queue::ProxyHeader, waiting);
    }
}

/// Counts a waiting connection until it is dropped.
struct WaitingCount(Rc<Shared>);

impl WaitingCount {
    fn new(shared: &Rc<Shared>) -> WaitingCount {
        shared.set_waiting(shared.waiting.get() + 1);
        WaitingCount(Rc::clone(shared))
    }
}

impl Drop for WaitingCount {
    fn drop(&mut self) {
        self.0.set_waiting(self.0.waiting.get() - 1);
        self.0.acceptor.wake();
    }
}

/// A connection whose header is not complete.
struct PendingClient {
    transport: Option<Transport>,
    driver: HandshakeDriver<HeaderReader>,
    name: PeerName,
    deadline: Instant,
    limit: Duration,
    place: WaitingCount,
    report: Report,
}

impl PendingClient {
    /// Reads the header. True once it is complete.
    fn read_header(&mut self, now: Instant) -> Result<bool, Error> {
        let Some(transport) = &mut self.transport else { return Ok(false) };
        match self.driver.advance(transport) {
            Ok(true) => Ok(true),
            Ok(false) if now >= self.deadline => {
                let limit = humantime::format_duration(self.limit);
                Err(Error::new(Exit::TimedOut, format!("no PROXY header came within {limit}")))
            }
            Ok(false) => Ok(false),
            Err(HandshakeFailure::Lost(error)) => Err(self.as_departure(lost(&error))),
            Err(HandshakeFailure::Ended) => {
                Err(self.as_departure(Error::new(Exit::Lost, "it ended before its PROXY header did")))
            }
            Err(HandshakeFailure::Fault(fault)) => {
                Err(Error::new(Exit::Refused, format!("the PROXY header {fault}")))
            }
        }
    }

    fn as_departure(&self, error: Error) -> Error {
        if self.driver.machine.is_empty() { error.of_health_check() } else { error }
    }

    fn hand_over(&mut self) -> Result<(), Error> {
        let Some(mut transport) = self.transport.take() else { return Ok(()) };
        // From here on the client's session decides how the connection ends.
        transport.reset_on_close(false).map_err(|error| lost(&error))?;
        let socket = transport.into_socket().map_err(|error| lost(&error))?;
        let addresses = self.driver.machine.header().and_then(|header| header.addresses);
        let name = addresses.map_or_else(|| self.name.clone(), |(from, _)| PeerName::from_ip(Some(from)));
        let destination = addresses.map(|(_, to)| to);
        self.place.0.identified.borrow_mut().push(IdentifiedClient { socket, name, destination });
        Ok(())
    }
}

impl Session for PendingClient {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let result = self.read_header(context.now).and_then(|is_complete| {
            if is_complete {
                self.hand_over()?;
            }
            Ok(is_complete)
        });
        match result {
            Ok(false) => Ok(Status::Waiting),
            Ok(true) => Ok(Status::Done),
            Err(error) => {
                if error.is_health_check() {
                    self.report.metrics().session(Err(&error));
                    self.report.detail(error);
                } else {
                    self.report.metrics().refused(Refusal::ProxyHeader);
                    self.report.error(&error);
                }
                Ok(Status::Done)
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}
