//! `serve` without a mode: a relay between the first client and stdin and stdout.

use std::rc::Rc;
use std::time::Instant;

use crate::error::Error;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::relay::session::LocalSide;
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
            Ok(Only {
                session: Within::new(relay, self.options.session_limits.session, now),
                permit: Rc::clone(&permit),
            })
        })
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
