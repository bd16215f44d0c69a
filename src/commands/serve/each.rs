//! A session for each client, all on the door's reactor.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use super::entrance::Terms;
use crate::commands::attended::{Attended, Visit};
use crate::commands::door::{Guest, Host};
use crate::commands::lost;
use crate::error::Error;
use crate::net::endpoint::PeerName;
use crate::net::rate::Limited;
use crate::net::reactor::Io;
use crate::net::stream::Stream;
use crate::report::Report;

/// A client whose session is to be made.
pub(super) struct Client {
    /// The connection, which is reset when it is dropped before it was ended in order.
    pub(super) peer: Limited<Box<dyn Stream>>,
    /// The session's handle.
    pub(super) io: Io,
    /// Its address.
    pub(super) name: PeerName,
    /// Where it connected to, if a PROXY header has said that.
    pub(super) destination: Option<SocketAddr>,
    /// The address on this side.
    pub(super) local: PeerName,
    /// Names the client.
    pub(super) report: Report,
    /// When it came.
    pub(super) now: Instant,
}

/// Makes a client's session.
pub(super) trait Make: FnMut(Client) -> Result<Box<dyn Visit>, Error> {}

impl<F: FnMut(Client) -> Result<Box<dyn Visit>, Error>> Make for F {}

/// Serves each client by a session that `make` makes.
pub(super) struct Each<F> {
    io: Io,
    terms: Terms,
    make: F,
}

impl<F: Make> Each<F> {
    /// For sessions on the reactor of `io`.
    pub(super) fn new(io: &Io, terms: Terms, make: F) -> Each<F> {
        Each { io: io.clone(), terms, make }
    }
}

impl<F: Make> Host for Each<F> {
    fn welcome(&mut self, guest: Guest, now: Instant) -> bool {
        let Guest { socket, destination, pass } = guest;
        let pass = Rc::new(pass);
        let mut is_there = false;
        let spawned = self.io.spawn(|io| {
            let mut transport =
                socket.register_with(&self.terms.socket, &io).map_err(|error| lost(&error))?;
            is_there = true;
            transport.reset_on_close(true).map_err(|error| lost(&error))?;
            let local = transport.local_name();
            let peer = self.terms.tools.recorded(transport, Some(&pass.peer), now);
            let mut peer = Limited::new(peer, now);
            peer.limit_rate(self.terms.rate, 0);
            let (name, report) = (pass.peer.clone(), pass.report.clone());
            let visit = (self.make)(Client { peer, io, name, local, destination, report, now })?;
            Ok(Attended::new(visit, Rc::clone(&pass), self.terms.stay, now))
        });
        match spawned {
            Err(error) if is_there => pass.fail(error),
            Err(error) => pass.report.detail(error),
            Ok(()) => {}
        }
        is_there
    }
}
