//! A session that begins once a connection is there.

use std::time::Instant;

use crate::error::Error;
use crate::net::dial::Dial;
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Context, Session, Status, Stop};
use crate::net::stream::Transport;
use crate::report::Report;

/// Brings about one connection.
pub(crate) trait Connect {
    /// The connection, once it is there.
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error>;

    /// When to call again if nothing happens before.
    fn deadline(&self) -> Option<Instant>;
}

impl Connect for Dial {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        Dial::advance(self, now)
    }

    fn deadline(&self) -> Option<Instant> {
        Dial::deadline(self)
    }
}

impl Connect for Box<dyn Connect> {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        (**self).advance(now)
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }
}

/// Tells that a connection is there. Returns the peer's name.
pub(crate) fn tell(transport: &Transport, report: &Report) -> PeerName {
    let peer = transport.peer_name();
    report.peer("connected", &peer);
    describe(transport, report);
    peer
}

/// Tells those who asked twice what a connection is like.
pub(crate) fn describe(transport: &Transport, report: &Report) {
    let (local, peer, options) =
        (transport.local_name(), transport.peer_name(), transport.options_in_force());
    report.debug(format_args!("local {local}, peer {peer}, options in force: {options}"));
}

/// Opens a connection, then is the session that was made for it.
pub(crate) struct Connecting<O, S, F> {
    state: State<O, S>,
    make: Option<F>,
}

enum State<O, S> {
    Connecting_(O),
    Open(S),
}

impl<O, S, F> Connecting<O, S, F>
where
    O: Connect,
    S: Session,
    F: FnOnce(Transport, Instant) -> Result<S, Error>,
{
    /// `make` is called once, with the connection.
    pub(crate) fn new(opening: O, make: F) -> Connecting<O, S, F> {
        Connecting { state: State::Connecting_(opening), make: Some(make) }
    }
}

impl<O, S, F> Session for Connecting<O, S, F>
where
    O: Connect,
    S: Session,
    F: FnOnce(Transport, Instant) -> Result<S, Error>,
{
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let State::Connecting_(opening) = &mut self.state {
            let Some(transport) = opening.advance(context.now)? else { return Ok(Status::Waiting) };
            // What brought the connection about is dropped: a listener refuses further clients, other attempts end.
            if let Some(make) = self.make.take() {
                self.state = State::Open(make(transport, context.now)?);
            }
        }
        match &mut self.state {
            State::Open(session) => session.advance(context),
            State::Connecting_(_) => Ok(Status::Waiting),
        }
    }

    fn stop(&mut self) -> Stop {
        match &mut self.state {
            State::Open(session) => session.stop(),
            State::Connecting_(_) => Stop::Now,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connecting_(opening) => opening.deadline(),
            State::Open(session) => session.deadline(),
        }
    }
}
