//! A session that begins once a connection is there.

use std::time::Instant;

use crate::error::Error;
use crate::net::dial::Dial;
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Session, Status, Stop, Turn};
use crate::net::stream::Transport;
use crate::report::Report;

/// Brings about one connection.
pub(crate) trait Opening {
    /// The connection, once it is there.
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error>;

    /// When to call again if nothing happens before.
    fn deadline(&self) -> Option<Instant>;
}

impl Opening for Dial {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        Dial::advance(self, now)
    }

    fn deadline(&self) -> Option<Instant> {
        Dial::deadline(self)
    }
}

impl Opening for Box<dyn Opening> {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        (**self).advance(now)
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }
}

/// True for errors of accept(2) that concern one client, who is gone, and not the listener.
pub(crate) fn is_one_clients(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::PROTO
                | Errno::PERM
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NETUNREACH
                | Errno::OPNOTSUPP
                | Errno::TIMEDOUT
        )
    )
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
pub(crate) struct Opened<O, S, F> {
    state: State<O, S>,
    make: Option<F>,
}

enum State<O, S> {
    Opening(O),
    Open(S),
}

impl<O, S, F> Opened<O, S, F>
where
    O: Opening,
    S: Session,
    F: FnOnce(Transport, Instant) -> Result<S, Error>,
{
    /// `make` is called once, with the connection.
    pub(crate) fn new(opening: O, make: F) -> Opened<O, S, F> {
        Opened { state: State::Opening(opening), make: Some(make) }
    }
}

impl<O, S, F> Session for Opened<O, S, F>
where
    O: Opening,
    S: Session,
    F: FnOnce(Transport, Instant) -> Result<S, Error>,
{
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        if let State::Opening(opening) = &mut self.state {
            let Some(transport) = opening.advance(turn.now)? else { return Ok(Status::Waiting) };
            // What brought the connection about is dropped: a listener refuses further clients, other attempts end.
            if let Some(make) = self.make.take() {
                self.state = State::Open(make(transport, turn.now)?);
            }
        }
        match &mut self.state {
            State::Open(session) => session.advance(turn),
            State::Opening(_) => Ok(Status::Waiting),
        }
    }

    fn stop(&mut self) -> Stop {
        match &mut self.state {
            State::Open(session) => session.stop(),
            State::Opening(_) => Stop::Now,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Opening(opening) => opening.deadline(),
            State::Open(session) => session.deadline(),
        }
    }
}
