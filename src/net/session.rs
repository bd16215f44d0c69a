//! A session: what a reactor runs, and what the two say to each other.

use std::time::Instant;

use crate::error::Error;

/// What a session is given for one call of [`Session::advance`].
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The clock, read once for the turn.
    pub now: Instant,
    /// How many bytes may be moved in each direction.
    pub budget_bytes: usize,
}

/// What a session says after it did all that it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing more until readiness, a finished [`BlockingTask`](super::reactor::BlockingTask) or the deadline.
    Waiting,
    /// The budget was used up: call again, after the others.
    Again,
    /// Over, and successful. The reactor drops the session.
    Done,
}

/// What a session says when a signal ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has nothing to wait for.
    Now,
    /// It has something to finish, and is advanced until it is `Done`, for less than a second.
    Soon,
}

/// One protocol machine joined to its streams.
pub trait Session {
    /// Does all it can now. Called at the start, on readiness and at the deadline; a spurious call costs nothing.
    /// An error ends the whole run: a session whose failure is its own affair reports it and is `Done`.
    fn advance(&mut self, context: Context) -> Result<Status, Error>;

    /// A signal ends the run: the last chance to tell the peer.
    fn stop(&mut self) -> Stop {
        Stop::Now
    }

    /// When to call again even if nothing happens. Must move on (or vanish) once it was reached.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl<S: Session + ?Sized> Session for Box<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        (**self).advance(context)
    }

    fn stop(&mut self) -> Stop {
        (**self).stop()
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }
}
