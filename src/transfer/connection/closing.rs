//! A session on its first connection: the job, then the orderly end.

use std::time::{Duration, Instant};

use super::link::Link;
use super::wire::{Failure, Filled, Wire};
use crate::error::Error;
use crate::net::goodbye::{LINGER, MAX_DISCARDED_BYTES};
use crate::net::reactor::{Context, Session, Status, Stop};
use crate::net::stream::Stream;
use crate::proto::transfer::frame::{Frame, encode};
use crate::proto::transfer::reason::Reason;

/// Value of [`LINGER`] for a peer that has exceeded a time limit: it may be unreachable.
const LATE_LAST_WORD_LIMIT: Duration = Duration::from_millis(500);
/// Silence after which a peer that gets a reset has read our last bytes.
const QUIET_LIMIT: Duration = Duration::from_millis(300);

/// The work of a session on its first connection.
pub(crate) trait Job<S> {
    /// Works until the budget is used up or nothing can be done. `Done`: nothing is left to send.
    fn advance(&mut self, link: &mut Link<S>, context: Context) -> Result<Status, Failure>;

    /// Returns the result of the session after all work is done.
    fn conclude(&mut self, link: &Link<S>, now: Instant) -> Result<(), Error>;

    /// Releases what the job holds after a failure.
    fn fail(&mut self) {}

    /// Returns when to call again, if the connection has no event before.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// A session: a job, then the orderly end of its connection.
pub(crate) struct LinkSession<S, J> {
    // Dropped before the connection, so that its resources are free when the peer sees the end.
    pub(crate) job: J,
    link: Option<Link<S>>,
    closing: Option<Closing<S>>,
}

impl<S, J> LinkSession<S, J> {
    pub(crate) fn new(link: Link<S>, job: J) -> LinkSession<S, J> {
        LinkSession { job, link: Some(link), closing: None }
    }
}

impl<S: Stream, J: Job<S>> Session for LinkSession<S, J> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let Some(link) = &mut self.link {
            link.wire.tick(context.now);
            let (to_peer, error) =
                match self.job.advance(link, context).map_err(|failure| link.explain(failure)) {
                    Ok(Status::Done) => (None, self.job.conclude(link, context.now).err()),
                    Ok(status) => return Ok(status),
                    Err(Failure { error, to_peer }) => {
                        self.job.fail();
                        (to_peer, Some(error))
                    }
                };
            self.closing = self.link.take().map(|link| link.wire.close(to_peer, error));
        }
        self.closing.as_mut().map_or(Ok(Status::Done), |closing| closing.advance(context))
    }

    fn stop(&mut self) -> Stop {
        if let Some(link) = &mut self.link {
            link.wire.send_stopped();
        }
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        // Further connections may be left of a finished session: ignore their deadlines.
        match (&self.closing, &self.link) {
            (Some(closing), _) => Some(closing.deadline()),
            (None, Some(link)) => self.job.deadline().into_iter().chain([link.deadline()]).min(),
            (None, None) => None,
        }
    }
}

impl<S: Stream> Wire<S> {
    /// Starts to end the session with the result `error`. Sends `to_peer`, if given, to the peer.
    pub(crate) fn close(mut self, to_peer: Option<(Reason, String)>, error: Option<Error>) -> Closing<S> {
        // Queued frames belong to a session that is over, but a frame that was begun must be completed.
        let is_late = matches!(to_peer, Some((Reason::TimeLimit, _)));
        if let Some((reason, text)) = to_peer {
            self.push(&encode(&Frame::Error { reason, text }));
        }
        self.close_queued(is_late, error)
    }

    /// As [`Wire::close`], with the queued bytes as the last ones. `is_late`: the peer has exceeded a time limit.
    pub(crate) fn close_queued(mut self, is_late: bool, error: Option<Error>) -> Closing<S> {
        // Do not hold the last bytes back longer than the peer is awaited.
        self.limit_rate(None);
        Closing::new(self, is_late, error)
    }
}

/// The end of a session: sends what is queued, ends our direction, waits a while for the peer's end, then returns the
/// session's result.
///
/// Closing at once would answer bytes of the peer with a reset, which destroys our last bytes on their way.
pub(crate) struct Closing<S> {
    wire: Wire<S>,
    said: bool,
    /// The connection ends with a reset.
    resets: bool,
    /// Bytes received after our last ones.
    discarded: u64,
    deadline: Instant,
    error: Option<Error>,
}

impl<S: Stream> Closing<S> {
    /// `is_late`: the peer has exceeded a time limit.
    fn new(wire: Wire<S>, is_late: bool, error: Option<Error>) -> Closing<S> {
        let limit = if is_late { LATE_LAST_WORD_LIMIT } else { LINGER };
        let deadline = wire.now() + limit;
        Closing { wire, said: false, resets: false, discarded: 0, deadline, error }
    }

    /// Ends with a reset once the peer has ended, has sent much more, or the time is up. A peer that does not read our
    /// last bytes then does not take discarded data for accepted.
    pub(crate) fn with_reset(mut self) -> Closing<S> {
        self.resets = true;
        if self.wire.queued().is_empty() {
            self.deadline = self.wire.now();
        }
        self
    }

    /// Advances the end. `Done`: the connection can be dropped; an error is the session's result.
    pub(crate) fn advance(&mut self, context: Context) -> Result<Status, Error> {
        match self.send_last(context) {
            Status::Done => {
                if self.resets {
                    self.wire.reset_on_close(true);
                }
                self.error.take().map_or(Ok(Status::Done), Err)
            }
            status => Ok(status),
        }
    }

    /// Returns when to call again.
    pub(crate) fn deadline(&self) -> Instant {
        let quiet = (self.resets && self.said).then(|| self.wire.last_traffic() + QUIET_LIMIT);
        quiet.map_or(self.deadline, |quiet| quiet.min(self.deadline))
    }

    fn send_last(&mut self, context: Context) -> Status {
        self.wire.tick(context.now);
        if context.now >= self.deadline() {
            return Status::Done;
        }
        if !self.said {
            match self.wire.flush() {
                Ok(true) if self.resets || self.wire.finish_writing().is_ok() => self.said = true,
                Ok(false) => {}
                // It was reset: there is nothing to wait for.
                Ok(true) | Err(_) => return Status::Done,
            }
        }
        let mut discarded = 0;
        while discarded < context.budget_bytes {
            match self.wire.fill(1) {
                Ok(Filled::Enough) => {
                    let count = self.wire.incoming().len();
                    discarded += count;
                    self.discarded += count as u64;
                    self.wire.consume(count);
                    if self.resets && self.discarded >= MAX_DISCARDED_BYTES {
                        return Status::Done;
                    }
                }
                Ok(Filled::Ended) if !self.said => return Status::Waiting,
                Ok(Filled::Blocked) => return Status::Waiting,
                Ok(Filled::Ended) | Err(_) => return Status::Done,
            }
        }
        Status::Again
    }
}
