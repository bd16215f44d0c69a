//! `serve` without a mode: a relay between the first client and stdin and stdout.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::net::stream::Stream;
use crate::relay::session::{LocalSide, Relay};
use crate::report::Metrics;
use crate::server::acceptor::{Handler, IncomingClient};
use crate::server::client_session::{Within, begin};
use crate::server::permits::Permit;
use crate::server::setup::ClientOptions;

/// Serves one client.
pub(crate) struct SingleClient {
    io: Io,
    options: ClientOptions,
    local: LocalSide,
}

impl SingleClient {
    pub(crate) fn new(io: &Io, options: ClientOptions, local: LocalSide) -> SingleClient {
        SingleClient { io: io.clone(), options, local }
    }
}

impl Handler for SingleClient {
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool {
        let IncomingClient { socket, permit, .. } = incoming;
        let permit = Rc::new(permit);
        begin(&self.io, (socket, &self.options.socket), Some(&permit), |transport, io| {
            let relay = self.local.relay_to(transport, &permit.report, &io, now)?.with(&permit.peer);
            let relay = Counted { relay, counted: (0, 0), metrics: Arc::clone(permit.report.metrics()) };
            Ok(Only {
                session: Within::new(relay, self.options.session_limits.session, now),
                permit: Rc::clone(&permit),
            })
        })
    }
}

/// A relay whose bytes count for the metrics.
struct Counted<L, P> {
    relay: Relay<L, P>,
    /// Bytes that were sent and received by now.
    counted: (u64, u64),
    metrics: Arc<Metrics>,
}

impl<L: Stream, P: Stream> Session for Counted<L, P> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let status = self.relay.advance(context);
        let [outbound, inbound] = self.relay.lanes();
        let moved = (outbound.delivered(), inbound.delivered());
        let before = std::mem::replace(&mut self.counted, moved);
        self.metrics.moved((moved.0 - before.0, moved.1 - before.1));
        status
    }

    fn stop(&mut self) -> Stop {
        self.relay.stop()
    }

    fn deadline(&self) -> Option<Instant> {
        self.relay.deadline()
    }
}

/// A session that reports its failure to its permit.
struct Only<S> {
    session: S,
    permit: Rc<Permit>,
}

impl<S: Session> Session for Only<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        Ok(self.session.advance(context).unwrap_or_else(|error| {
            self.permit.fail(error);
            Status::Done
        }))
    }

    fn stop(&mut self) -> Stop {
        self.session.stop()
    }

    fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }
}
