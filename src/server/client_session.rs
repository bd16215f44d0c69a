//! One client's session among many: how it begins; its failure is its own, its time is limited, its end is reported.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::admission::Permit;
use crate::error::{Error, Exit, lost};
use crate::net::idle_clock::IdleClock;
use crate::net::options::SocketOptions;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::net::stream::{Socket, Transport};

/// What a health check may have been sent before it is gone, and how soon that is.
const MAX_GREETING_BYTES: u64 = 4096;
const HEALTH_CHECK_LIMIT: Duration = Duration::from_secs(1);

/// Begins a client's session: registers its socket with the server's options, and adds the session that `make` builds to
/// the reactor of `io`. What fails is reported to `permit`. False if the client was gone already.
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
        (Err(error), Some(permit)) => permit.report.detail(error),
        _ => {}
    }
    is_there
}

/// What a client's session can say of itself.
pub(crate) trait CountedSession: Session {
    /// Bytes that were sent and received so far.
    fn moved(&self) -> (u64, u64);

    /// True if more was lost than a client without a word: somebody else, or what it was to have.
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

/// A session that fails if it is not over in time.
pub(crate) struct Within<S> {
    session: S,
    limit: Option<(Duration, Instant)>,
}

impl<S> Within<S> {
    /// From `now` on.
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

/// How long a client may stay.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SessionLimits {
    /// While nothing is sent or received.
    pub(crate) idle: Option<Duration>,
    /// In all.
    pub(crate) session: Option<Duration>,
}

/// A session within its limits.
pub(crate) struct ClientSession<V> {
    session: Within<V>,
    permit: Rc<Permit>,
    start: Instant,
    idle: IdleClock,
    /// It has failed, or was cut, but has something to finish: see [`Stop::Soon`].
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
            failure: None,
        }
    }

    fn check_idle(&mut self, now: Instant) -> Result<(), Error> {
        let (sent, received) = self.session.session.moved();
        self.idle.check(sent + received, now)
    }

    /// True if the client has left without a word, and has taken no more than a greeting with it.
    fn is_health_check(&self, error: &Error, now: Instant) -> bool {
        let (sent, received) = self.session.session.moved();
        let left_at_once = sent <= MAX_GREETING_BYTES && now < self.start + HEALTH_CHECK_LIMIT;
        error.exit() == Exit::Lost
            && received == 0
            && (sent == 0 || left_at_once)
            && !self.session.session.is_more_than_a_check()
    }

    /// Says how it ended.
    fn leave(&mut self, result: Result<(), Error>, now: Instant) -> Status {
        let result = result.map_err(|error| match self.is_health_check(&error, now) {
            true => error.of_health_check(),
            false => error,
        });
        let moved = self.session.session.is_counted().then(|| self.session.session.moved());
        self.permit.leave(result, moved, now - self.start);
        Status::Done
    }
}

impl<V: CountedSession> Session for ClientSession<V> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let Some(failure) = self.failure.take() {
            return Ok(match self.session.session.advance(context) {
                Ok(Status::Done) | Err(_) => self.leave(Err(failure), context.now),
                Ok(status) => {
                    self.failure = Some(failure);
                    status
                }
            });
        }
        let status = match self.session.advance(context) {
            Ok(Status::Done) => return Ok(self.leave(Ok(()), context.now)),
            Ok(status) => self.check_idle(context.now).map(|()| status),
            Err(error) => Err(error),
        };
        Ok(match status {
            Ok(status) => status,
            Err(error) if self.session.stop() == Stop::Soon => {
                self.failure = Some(error);
                Status::Again
            }
            Err(error) => self.leave(Err(error), context.now),
        })
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
