//! A session with a poll of its own: any thread can advance it, one at a time.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::clock::read_clock;
use super::io::{IoHandle, Shared};
use super::reactor::{STOP_LIMIT, TURN_BUDGET_BYTES, new_poll, stopped_by};
use super::session::{Context, Session, Status, Stop};
use super::signals::Signals;
use crate::error::{Error, Exit};

const EVENTS_PER_POLL: usize = 64;
/// How long a session keeps its thread while it waits and no other one wants it: the next bytes of a busy connection come
/// sooner.
const LINGER: Duration = Duration::from_millis(20);
/// After a signal it is not parked any more, but waits on its thread for so long at a time.
const STOPPING_WAIT: Duration = Duration::from_millis(1);
/// The id of the only session.
const ONLY: usize = 0;

/// A session that goes from thread to thread, with everything that it waits for. A signal does not wake it: whoever keeps it
/// has it run. (Linux allows 500 polls below others to wait for one and the same descriptor.)
pub(super) struct SoloSession {
    session: Box<dyn Session + Send>,
    poll: Poll,
    shared: Arc<Shared>,
    signals: Signals,
    /// Something has happened since it was advanced last.
    is_due: bool,
    /// After a signal: the error that the session ends with, and when it must be over.
    stop: Option<(Error, Instant)>,
}

/// Why a session has left its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// It waits: for [`SoloSession::fd`] to be readable, or for [`SoloSession::deadline`].
    Idle,
    /// It has more to do, and others have waited for the thread.
    Yielded,
    /// It has ended.
    Over,
}

/// The thread of a session, as the session sees it.
pub(super) trait Host {
    /// A turn begins at `now`.
    fn turn_begins(&self, now: Instant);
    /// It is over: the session waits for readiness on this thread, until `waker` is called or for a short time.
    fn turn_ends(&self);
    /// True if other sessions wait for a thread.
    fn has_others(&self) -> bool;
}

impl SoloSession {
    /// The session that `make` builds. It is advanced once before it waits.
    pub(super) fn new(
        signals: &Signals,
        make: impl FnOnce(IoHandle, Instant) -> Result<Box<dyn Session + Send>, Error>,
    ) -> Result<SoloSession, Error> {
        let (poll, shared) = new_poll(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        let session = make(shared.handle(ONLY), read_clock())?;
        Ok(SoloSession { session, poll, shared, signals: signals.clone(), is_due: true, stop: None })
    }

    /// Is readable when something has happened to an idle session.
    pub(super) fn fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }

    /// When an idle session is to continue if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let limit = self.stop.as_ref().map(|(_, limit)| *limit);
        self.session.deadline().into_iter().chain(limit).min()
    }

    /// Wakes the thread that waits for the session's readiness.
    pub(super) fn waker(&self) -> Arc<mio::Waker> {
        self.shared.waker()
    }

    /// True if a signal has come: the session is to end soon, and not to be parked.
    pub(super) fn is_stopping(&self) -> bool {
        self.signals.received().is_some()
    }

    /// Advances the session for as long as it has something to do and no other one has waited for its turn.
    pub(super) fn run(&mut self, host: &impl Host) -> Result<Pause, Error> {
        let mut events = Events::with_capacity(EVENTS_PER_POLL);
        let mut may_wait = if self.stop.is_some() { STOPPING_WAIT } else { Duration::ZERO };
        loop {
            self.wait(&mut events, may_wait)?;
            let now = read_clock();
            if !self.is_due && self.deadline().is_none_or(|deadline| now < deadline) {
                return Ok(Pause::Idle);
            }
            host.turn_begins(now);
            self.is_due = false;
            match self.advance(now)? {
                Status::Done | Status::RunOver => return Ok(Pause::Over),
                Status::Again => self.is_due = true,
                Status::Waiting => {}
            }
            host.turn_ends();
            if host.has_others() {
                self.wait(&mut events, Duration::ZERO)?;
                return Ok(if self.is_due { Pause::Yielded } else { Pause::Idle });
            }
            may_wait = if self.is_due { Duration::ZERO } else { LINGER };
        }
    }

    /// Waits for readiness, at most this long, and notes it.
    fn wait(&mut self, events: &mut Events, longest: Duration) -> Result<(), Error> {
        let until_deadline = || self.deadline().map(|at| at.saturating_duration_since(read_clock()));
        let timeout = match longest.is_zero() {
            true => longest,
            false => until_deadline().map_or(longest, |left| left.min(longest)),
        };
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(Error::new(Exit::Failed, format!("epoll: {error}")));
            }
            _ => {}
        }
        for event in &*events {
            self.is_due |= self.shared.record_event(event).is_some();
        }
        self.is_due |= !self.shared.take_woken().is_empty();
        self.is_due |= self.stop.is_none() && self.is_stopping();
        Ok(())
    }

    fn advance(&mut self, now: Instant) -> Result<Status, Error> {
        if self.stop.is_none()
            && let Some(number) = self.signals.received()
        {
            if self.session.stop() == Stop::Now {
                return Err(stopped_by(number));
            }
            self.stop = Some((stopped_by(number), now + STOP_LIMIT));
        }
        let status = self.session.advance(Context { now, budget_bytes: TURN_BUDGET_BYTES })?;
        match self.stop.take() {
            Some((error, limit)) if status == Status::Done || now >= limit => Err(error),
            stop => {
                self.stop = stop;
                Ok(status)
            }
        }
    }

    /// Ends the session, and waits for its blocking work: its place is taken until that is over.
    pub(super) fn end(self) {
        let tasks = self.shared.tasks();
        drop(self);
        tasks.wait();
    }
}
