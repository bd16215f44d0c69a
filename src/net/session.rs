//! The session trait: what a reactor runs, and the values that the two exchange.

use std::time::Instant;

use crate::error::Error;

/// The context of one call of [`Session::advance`].
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The time: the clock is read once per turn.
    pub now: Instant,
    /// How many bytes may be moved in each direction.
    pub budget_bytes: usize,
}

/// The status of a session after a call of [`Session::advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing to do until readiness, a finished [`BlockingTask`](super::reactor::BlockingTask) or the deadline.
    Waiting,
    /// The budget was used up: call again, after the others.
    Again,
    /// The session has ended. The reactor drops it.
    Done,
    /// The whole run has ended, in success. The reactor drops every session.
    RunOver,
}

/// How a session ends when a signal stops the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has nothing to wait for.
    Now,
    /// It has something to finish, and is advanced until it is `Done`, for less than a second.
    Soon,
}

/// A protocol machine with its streams, run by a reactor.
pub trait Session {
    /// Does all it can now. Called at the start, on readiness and at the deadline; a spurious call costs nothing.
    /// An error ends the whole run: a session whose failure is its own affair reports it and is `Done`.
    fn advance(&mut self, context: Context) -> Result<Status, Error>;

    /// A signal ends the run: the last chance to tell the peer.
    fn stop(&mut self) -> Stop {
        Stop::Now
    }

    /// The time of the next call if nothing happens before. Must change (or become `None`) once it was reached.
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
