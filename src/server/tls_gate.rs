//! The gate for clients of a server with TLS: nothing is done for a client before its handshake is complete.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::acceptor::{AdmittedClient, Handler};
use super::admission::{AdmissionError, Permit};
use crate::error::{Error, Exit, lost};
use crate::net::reactor::{Context, Io, Session, Status, Waker};
use crate::net::stream::{Socket, SocketState, Transport};
use crate::net::tls::negotiated;
use crate::net::tls::server::ServerTls;

/// Reads the files of a server's TLS. Blocks.
pub(crate) type TlsSource = Arc<dyn Fn() -> Result<ServerTls, Error> + Send + Sync>;

/// A server's TLS. Clones share what was read last.
#[derive(Clone)]
pub(crate) struct TlsTerms {
    /// Makes the layer of each connection.
    current: Rc<RefCell<ServerTls>>,
    source: TlsSource,
    /// The longest time of a handshake.
    limit: Duration,
}

impl TlsTerms {
    /// What `source` reads, and handshakes of up to `limit`.
    ///
    /// # Errors
    /// Those of `source`.
    pub(crate) fn new(source: TlsSource, limit: Duration) -> Result<TlsTerms, Error> {
        Ok(TlsTerms { current: Rc::new(RefCell::new(source()?)), source, limit })
    }

    /// What reads the files.
    pub(super) fn source(&self) -> TlsSource {
        Arc::clone(&self.source)
    }

    /// Replaces what was read, for clients to come.
    pub(super) fn replace(&self, tls: ServerTls) {
        *self.current.borrow_mut() = tls;
    }
}

/// Does the handshake of each client, and hands the connection with TLS on it to the handler within.
pub(crate) struct TlsGate<H> {
    handler: H,
    terms: TlsTerms,
    shared: Rc<Shared>,
    io: Io,
}

struct Shared {
    secured: RefCell<Vec<(AdmittedClient, Instant)>>,
    acceptor: Waker,
}

impl<H: Handler> TlsGate<H> {
    /// A gate before `handler`. The session of `io` is the acceptor.
    pub(crate) fn new(handler: H, terms: TlsTerms, io: &Io) -> TlsGate<H> {
        let shared = Rc::new(Shared { secured: RefCell::default(), acceptor: io.waker() });
        TlsGate { handler, terms, shared, io: io.clone() }
    }
}

impl<H: Handler> Handler for TlsGate<H> {
    fn accept(&mut self, incoming: AdmittedClient, now: Instant) -> bool {
        let AdmittedClient { socket, destination, permit } = incoming;
        let mut permit = Some(permit);
        let mut is_there = false;
        let spawned = self.io.spawn(|io| {
            let transport = socket.enroll(&io).map_err(|error| lost(&error))?;
            is_there = true;
            let mut transport =
                transport.with_tls(self.terms.current.borrow().layer()?).map_err(|error| lost(&error))?;
            transport.reset_on_close(true).map_err(|error| lost(&error))?;
            let (deadline, limit) = (now + self.terms.limit, self.terms.limit);
            let client = permit.take().map(|permit| (transport, permit));
            Ok(Handshaking { client, destination, deadline, limit, shared: Rc::clone(&self.shared) })
        });
        if let (Err(error), Some(permit)) = (spawned, permit) {
            permit.fail(error);
        }
        is_there
    }

    fn may_exceed_source_limit(&self) -> bool {
        self.handler.may_exceed_source_limit()
    }

    fn count_may_decrease(&self) -> bool {
        self.handler.count_may_decrease()
    }

    fn reject(&mut self, socket: Socket, why: AdmissionError) {
        self.handler.reject(socket, why);
    }

    fn may_close(&self) -> bool {
        self.handler.may_close()
    }

    fn advance(&mut self) -> Result<Status, Error> {
        for (client, now) in self.shared.secured.take() {
            self.handler.accept(client, now);
        }
        self.handler.advance()
    }
}

/// A client whose handshake is not complete.
struct Handshaking {
    client: Option<(Transport, Permit)>,
    destination: Option<std::net::SocketAddr>,
    deadline: Instant,
    limit: Duration,
    shared: Rc<Shared>,
}

impl Handshaking {
    /// Advances the handshake. True once it is complete.
    fn handshake(&mut self, now: Instant) -> Result<bool, Error> {
        let Some((transport, _)) = &mut self.client else { return Ok(false) };
        match transport.handshake() {
            Ok(false) if now >= self.deadline => {
                let limit = humantime::format_duration(self.limit);
                Err(Error::new(Exit::TimedOut, format!("its TLS handshake did not end within {limit}")))
            }
            Ok(is_complete) => Ok(is_complete),
            Err(error) => {
                // The client is sent the reason, not a reset.
                let _ = transport.reset_on_close(false);
                let has_sent_nothing = transport.tls().is_some_and(|layer| !layer.has_received());
                let error = lost(&error);
                Err(if has_sent_nothing { error.of_health_check() } else { error })
            }
        }
    }

    fn hand_over(&mut self, now: Instant) -> Result<(), Error> {
        let Some((mut transport, permit)) = self.client.take() else { return Ok(()) };
        let text = transport.tls().map(negotiated).unwrap_or_default();
        permit.report.debug(format_args!("{text}"));
        // From here on the client's session decides how the connection ends.
        let socket = transport.reset_on_close(false).and_then(|()| transport.into_socket());
        match socket {
            Ok(socket) => {
                let client = AdmittedClient { socket, destination: self.destination, permit };
                self.shared.secured.borrow_mut().push((client, now));
                self.shared.acceptor.wake();
            }
            Err(error) => permit.fail(lost(&error)),
        }
        Ok(())
    }
}

impl Session for Handshaking {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        match self.handshake(context.now) {
            Ok(false) => return Ok(Status::Waiting),
            Ok(true) => self.hand_over(context.now)?,
            Err(error) => {
                if let Some((_, permit)) = self.client.take() {
                    permit.fail(error);
                }
            }
        }
        Ok(Status::Done)
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}
