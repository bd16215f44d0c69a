//! A connection in the making, and a session that begins once it is there.

use std::time::Instant;

use super::dial::Dial;
use super::reactor::{Context, Session, Status, Stop};
use super::stream::Transport;
use crate::error::Error;

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

impl Connect for Box<dyn Connect + Send> {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        (**self).advance(now)
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }
}

/// Opens a connection, then is the session that was made for it.
pub(crate) struct Connecting<O, S, F> {
    state: State<O, S>,
    make: Option<F>,
}

enum State<O, S> {
    Connecting(O),
    Open(S),
}

impl<O, S, F> Connecting<O, S, F>
where
    O: Connect,
    S: Session,
    F: FnOnce(Transport, Instant) -> Result<S, Error>,
{
    /// `make` is called once, with the connection.
    pub(crate) fn new(connecting: O, make: F) -> Connecting<O, S, F> {
        Connecting { state: State::Connecting(connecting), make: Some(make) }
    }
}

impl<O, S, F> Session for Connecting<O, S, F>
where
    O: Connect,
    S: Session,
    F: FnOnce(Transport, Instant) -> Result<S, Error>,
{
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let State::Connecting(connecting) = &mut self.state {
            let Some(transport) = connecting.advance(context.now)? else { return Ok(Status::Waiting) };
            // What brought the connection about is dropped: a listener refuses further clients, other attempts end.
            if let Some(make) = self.make.take() {
                self.state = State::Open(make(transport, context.now)?);
            }
        }
        match &mut self.state {
            State::Open(session) => session.advance(context),
            State::Connecting(_) => Ok(Status::Waiting),
        }
    }

    fn stop(&mut self) -> Stop {
        match &mut self.state {
            State::Open(session) => session.stop(),
            State::Connecting(_) => Stop::Now,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connecting(connecting) => connecting.deadline(),
            State::Open(session) => session.deadline(),
        }
    }
}
