//! Without a mode: the first client is joined to stdin and stdout.

use std::rc::Rc;
use std::time::Instant;

use crate::error::Error;
use crate::error::lost;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::relay::session::LocalSide;
use crate::server::acceptor::{Handler, Incoming};
use crate::server::admission::Permit;
use crate::server::client_session::Within;
use crate::server::setup::ClientTerms;

/// Serves one client.
pub(crate) struct SingleClient {
    io: Io,
    terms: ClientTerms,
    local: LocalSide,
}

impl SingleClient {
    pub(crate) fn new(io: &Io, terms: ClientTerms, local: LocalSide) -> SingleClient {
        SingleClient { io: io.clone(), terms, local }
    }
}

impl Handler for SingleClient {
    fn accept(&mut self, incoming: Incoming, now: Instant) -> bool {
        let Incoming { socket, permit, .. } = incoming;
        let permit = Rc::new(permit);
        let mut is_there = false;
        let spawned = self.io.spawn(|io| {
            let transport = socket.register_with(&self.terms.socket, &io).map_err(|error| lost(&error))?;
            is_there = true;
            let relay = self.local.join(transport, &permit.report, &io, now)?.with(&permit.peer);
            Ok(Only {
                session: Within::new(relay, self.terms.session_limits.session, now),
                permit: Rc::clone(&permit),
            })
        });
        match spawned {
            Err(error) if is_there => permit.fail(error),
            Err(error) => permit.report.detail(error),
            Ok(()) => {}
        }
        is_there
    }
}

/// A session whose failure is told to its permit.
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
