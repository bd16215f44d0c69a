//! Without a mode: the first client is joined to stdin and stdout.

use std::rc::Rc;
use std::time::Instant;

use super::entrance::Terms;
use crate::commands::admission::Pass;
use crate::commands::attended::Within;
use crate::commands::door::{Guest, Host};
use crate::commands::lost;
use crate::commands::relay::LocalSide;
use crate::error::Error;
use crate::net::reactor::{Io, Session, Status, Stop, Turn};

/// Serves one client.
pub(super) struct Plain {
    io: Io,
    terms: Terms,
    local: LocalSide,
}

impl Plain {
    pub(super) fn new(io: &Io, terms: Terms, local: LocalSide) -> Plain {
        Plain { io: io.clone(), terms, local }
    }
}

impl Host for Plain {
    fn welcome(&mut self, guest: Guest, now: Instant) -> bool {
        let Guest { socket, pass, .. } = guest;
        let pass = Rc::new(pass);
        let mut is_there = false;
        let spawned = self.io.spawn(|io| {
            let transport = socket.register_with(&self.terms.socket, &io).map_err(|error| lost(&error))?;
            is_there = true;
            let relay = self.local.join(transport, &pass.report, &io, now)?.with(&pass.peer);
            Ok(Only { session: Within::new(relay, self.terms.stay.session, now), pass: Rc::clone(&pass) })
        });
        match spawned {
            Err(error) if is_there => pass.fail(error),
            Err(error) => pass.report.detail(error),
            Ok(()) => {}
        }
        is_there
    }
}

/// A session whose failure is told to its pass.
struct Only<S> {
    session: S,
    pass: Rc<Pass>,
}

impl<S: Session> Session for Only<S> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        Ok(self.session.advance(turn).unwrap_or_else(|error| {
            self.pass.fail(error);
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
