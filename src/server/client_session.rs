//! One client's session: it begins, has its own time limits and its own failure, and its end is reported.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::permits::Permit;
use crate::error::{Error, Exit, lost};
use crate::net::idle_clock::IdleClock;
use crate::net::options::SocketOptions;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::net::stream::{Socket, Transport};

/// Upper bounds of what a health check receives before it leaves, and of the time that it stays.
const MAX_GREETING_BYTES: u64 = 4096;
const HEALTH_CHECK_LIMIT: Duration = Duration::from_secs(1);

/// Begins a client's session: registers its socket with the server's options, and adds the session that `make` builds to
/// the reactor of `io`. Failures go to `permit`. False if the client was gone already.
pub(crate) fn begin<S: Session + 'static>(
    io: &Io,
    (socket, options): (Socket, &SocketOptions),
    permit: Option<&Permit>,
    make: impl FnOnce(Transport, Io) -> Result<S, Error>,
) -> bool {
    let mut is_there = false;
    let spawned = io.spawn(|io| {
        let transport = socket.register_with(options, &io).map_err(|error| lost(&error))?;
        is_there = true;
        make(transport, io)
    });
    match (spawned, permit) {
        (Err(error), Some(permit)) if is_there => permit.fail(error),
        (Err(error), Some(permit)) => {
            // It has not succeeded.
            permit.uses_up(None);
            let error = error.of_health_check();
            permit.count_session(Err(&error));
            permit.report.detail(error);
        }
        _ => {}
    }
    is_there
}

/// A client's session that counts its bytes.
pub(crate) trait CountedSession: Session {
    /// Bytes that were sent and received so far.
    fn moved(&self) -> (u64, u64);

    /// True if a client that leaves without sending anything is a failure: it was not a health check.
    fn is_more_than_a_check(&self) -> bool {
        false
    }

    /// False if the bytes do not pass through this process.
    fn is_counted(&self) -> bool {
        true
    }
}

impl CountedSession for Box<dyn CountedSession> {
    fn moved(&self) -> (u64, u64) {
        (**self).moved()
    }

    fn is_more_than_a_check(&self) -> bool {
        (**self).is_more_than_a_check()
    }

    fn is_counted(&self) -> bool {
        (**self).is_counted()
    }
}

/// A session with a limit on its whole duration.
pub(crate) struct Within<S> {
    session: S,
    limit: Option<(Duration, Instant)>,
}

impl<S> Within<S> {
    /// A session whose limit begins at `now`.
    pub(crate) fn new(session: S, limit: Option<Duration>, now: Instant) -> Within<S> {
        Within { session, limit: limit.map(|limit| (limit, now + limit)) }
    }
}

impl<S: Session> Session for Within<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        match (self.session.advance(context)?, self.limit) {
            (Status::Done, _) => Ok(Status::Done),
            (_, Some((limit, end))) if context.now >= end => {
                let limit = humantime::format_duration(limit);
                Err(Error::new(Exit::TimedOut, format!("did not end within {limit} (see --session-timeout)")))
            }
            (status, _) => Ok(status),
        }
    }

    fn stop(&mut self) -> Stop {
        self.session.stop()
    }

    fn deadline(&self) -> Option<Instant> {
        [self.session.deadline(), self.limit.map(|(_, end)| end)].into_iter().flatten().min()
    }
}

/// Time limits of a client's session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SessionLimits {
    /// Longest time in which no byte is sent or received.
    pub(crate) idle: Option<Duration>,
    /// Longest duration of the session.
    pub(crate) session: Option<Duration>,
}

/// A client's session with its limits and its permit.
pub(crate) struct ClientSession<V> {
    session: Within<V>,
    permit: Rc<Permit>,
    start: Instant,
    idle: IdleClock,
    /// Bytes that the metrics have.
    counted: (u64, u64),
    /// The failure of a session that has something to finish before it ends: see [`Stop::Soon`].
    failure: Option<Error>,
}

impl<V: CountedSession> ClientSession<V> {
    /// A session that begins at `now`.
    pub(crate) fn new(
        session: V,
        permit: Rc<Permit>,
        limits: SessionLimits,
        now: Instant,
    ) -> ClientSession<V> {
        ClientSession {
            session: Within::new(session, limits.session, now),
            permit,
            start: now,
            idle: IdleClock::new(limits.idle, now),
            counted: (0, 0),
            failure: None,
        }
    }

    /// Counts what was moved since the last call, for the metrics.
    fn count_moved(&mut self) {
        let (sent, received) = self.session.session.moved();
        let before = std::mem::replace(&mut self.counted, (sent, received));
        let more = (sent.saturating_sub(before.0), received.saturating_sub(before.1));
        self.permit.report.metrics().moved(more);
    }

    fn check_idle(&mut self, now: Instant) -> Result<(), Error> {
        let (sent, received) = self.session.session.moved();
        self.idle.check(sent + received, now)
    }

    /// True if the client left without sending anything, and received no more than a greeting.
    fn is_health_check(&self, error: &Error, now: Instant) -> bool {
        let (sent, received) = self.session.session.moved();
        let left_at_once = sent <= MAX_GREETING_BYTES && now < self.start + HEALTH_CHECK_LIMIT;
        error.exit() == Exit::Lost
            && received == 0
            && (sent == 0 || left_at_once)
            && !self.session.session.is_more_than_a_check()
    }

    /// Reports how the session ended.
    fn finish(&mut self, result: Result<(), Error>, now: Instant) -> Status {
        let result = result.map_err(|error| match self.is_health_check(&error, now) {
            true => error.of_health_check(),
            false => error,
        });
        let moved = self.session.session.is_counted().then(|| self.session.session.moved());
        self.permit.finish(result, moved, now - self.start);
        Status::Done
    }
}

impl<V: CountedSession> ClientSession<V> {
    fn step(&mut self, context: Context) -> Result<Status, Error> {
        if let Some(failure) = self.failure.take() {
            return Ok(match self.session.session.advance(context) {
                Ok(Status::Done) | Err(_) => self.finish(Err(failure), context.now),
                Ok(status) => {
                    self.failure = Some(failure);
                    status
                }
            });
        }
        let status = match self.session.advance(context) {
            Ok(Status::Done) => return Ok(self.finish(Ok(()), context.now)),
            Ok(status) => self.check_idle(context.now).map(|()| status),
            Err(error) => Err(error),
        };
        Ok(match status {
            Ok(status) => status,
            Err(error) if self.session.stop() == Stop::Soon => {
                self.failure = Some(error);
                Status::Again
            }
            Err(error) => self.finish(Err(error), context.now),
        })
    }
}

impl<V: CountedSession> Session for ClientSession<V> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let status = self.step(context);
        self.count_moved();
        status
    }

    fn stop(&mut self) -> Stop {
        self.session.stop()
    }

    fn deadline(&self) -> Option<Instant> {
        if self.failure.is_some() {
            return self.session.session.deadline();
        }
        [self.session.deadline(), self.idle.deadline()].into_iter().flatten().min()
    }
}
