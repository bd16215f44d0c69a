//! A stream as a transfer session uses it: buffered both ways, with its last words said in order.

use std::io;
use std::time::{Duration, Instant};

use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Status};
use crate::net::send::{Outgoing, Sent, send_all};
use crate::net::stream::{Socket, Stream, Transport};
use crate::proto::transfer::frame::{Frame, HEADER_BYTES, MAX_CONTROL_BYTES, encode};
use crate::proto::transfer::reason::Reason;
use crate::transfer::run_state::RunState;

/// How many bytes of a body are read, hashed and written at a time: they stay in the cache from one step to the next.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;
/// What a frame that is no body counts for when turns are shared out: handling it takes time.
pub(crate) const FRAME_COST_BYTES: usize = 1 << 10;
/// Smaller frames wait for company, up to this.
const COALESCED_BYTES: usize = 64 << 10;
/// Holds any frame but DATA.
const SMALL_BYTES: usize = MAX_CONTROL_BYTES + 2 * HEADER_BYTES;
const INCOMING_BYTES: usize = CHUNK_BYTES + 2 * HEADER_BYTES;
/// How long the peer may take to end its side after the last word.
const LAST_WORD_LIMIT: Duration = Duration::from_secs(2);
/// The same for a peer that has used up a time limit: it is likely to be gone.
const LATE_LAST_WORD_LIMIT: Duration = Duration::from_millis(500);
/// After so many bytes behind the last word a peer does not listen.
const MOST_THROWN_AWAY: u64 = 8 << 20;
/// After so long a silence a peer that is to hear a reset has heard the last word.
const QUIET_LIMIT: Duration = Duration::from_millis(300);

/// What stands in the incoming buffer after [`Wire::fill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// As much as was asked for.
    Enough,
    /// Less: the rest will come.
    Blocked,
    /// Less, and the peer has ended.
    Ended,
}

/// A failure of a session, and what the peer is told of it.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) tell: Option<(Reason, String)>,
}

impl From<Error> for Failure {
    /// A failure of which the peer cannot be told, as a rule because the connection is lost.
    fn from(error: Error) -> Failure {
        Failure { error, tell: None }
    }
}

/// A stream, what came from it and what is to go to it.
pub(crate) struct Wire<S> {
    stream: Limited<S>,
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    outgoing: Outgoing,
    last_traffic: Instant,
    now: Instant,
    ended: bool,
    run_state: Option<RunState>,
}

impl<S: Stream> Wire<S> {
    pub(crate) fn new(stream: S, now: Instant) -> Wire<S> {
        Wire {
            stream: Limited::new(stream, now),
            incoming: Vec::new(),
            start: 0,
            end: 0,
            outgoing: Outgoing::default(),
            last_traffic: now,
            now,
            ended: false,
            run_state: None,
        }
    }

    /// Leaves a trace of what it carries.
    pub(crate) fn tracked(mut self, run_state: &RunState) -> Wire<S> {
        self.run_state = Some(run_state.clone());
        self
    }

    /// Content of files went over it.
    pub(crate) fn note_moved(&self) {
        if let Some(run_state) = &self.run_state {
            run_state.note_moved();
        }
    }

    /// A turn begins: traffic in it happens now.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.now = now;
        self.stream.tick(now);
    }

    /// Each way at most so many bytes per second. What is queued by now does not count: it belongs to the handshake,
    /// which has a time limit.
    pub(crate) fn limit_rate(&mut self, bytes_per_second: Option<u64>) {
        self.stream.limit_rate(bytes_per_second, self.outgoing.pending());
    }

    /// The same limit, with another rate.
    pub(crate) fn change_rate(&mut self, bytes_per_second: u64) {
        self.stream.change_rate(bytes_per_second);
    }

    /// When to go on, if [`Wire::limit_rate`] kept bytes from passing in this turn.
    pub(crate) fn wake_up(&self) -> Option<Instant> {
        self.stream.wake_up()
    }

    /// The time of this turn.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// When bytes last went either way.
    pub(crate) fn last_traffic(&self) -> Instant {
        self.last_traffic
    }

    /// Local work has ended: the peer was not silent, it had to wait.
    pub(crate) fn pardon(&mut self) {
        self.last_traffic = self.now;
    }

    /// The bytes that came and were not consumed.
    pub(crate) fn incoming(&self) -> &[u8] {
        &self.incoming[self.start..self.end]
    }

    /// The first `count` incoming bytes were used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads until `needed` bytes are there, at most the size of a chunk and two headers.
    pub(crate) fn fill(&mut self, needed: usize) -> Result<Filled, Error> {
        // A client that never sends a body gets no room for one.
        let room = if needed > SMALL_BYTES { INCOMING_BYTES } else { SMALL_BYTES };
        if self.incoming.len() < room {
            let missing = room - self.incoming.len();
            self.incoming.try_reserve_exact(missing).map_err(|_| no_memory())?;
            self.incoming.resize(room, 0);
        }
        if self.start + needed > self.incoming.len() || self.start > COALESCED_BYTES {
            self.incoming.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        while self.end - self.start < needed {
            if self.ended {
                return Ok(Filled::Ended);
            }
            // Behind a large piece only the next header: so each body begins at the start of the buffer.
            let limit = if needed < COALESCED_BYTES {
                self.incoming.len()
            } else {
                (self.start + needed + HEADER_BYTES).min(self.incoming.len())
            };
            match self.stream.read(&mut self.incoming[self.end..limit]) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.end += count;
                    self.last_traffic = self.now;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Filled::Blocked),
                Err(error) => return Err(lost(&error)),
            }
        }
        Ok(Filled::Enough)
    }

    /// How many bytes have left in all, and how many were queued.
    pub(crate) fn positions(&self) -> (u64, u64) {
        let left = self.outgoing.taken_bytes();
        (left, left + self.outgoing.pending() as u64)
    }

    /// Whether the peer has ended, as far as that can be seen while nothing is taken in.
    pub(crate) fn has_ended(&mut self) -> Result<bool, Error> {
        let here = self.incoming().len();
        Ok(here < SMALL_BYTES && self.fill(here + 1)? == Filled::Ended)
    }

    /// The bytes that wait to be sent.
    pub(crate) fn queued(&self) -> &[u8] {
        self.outgoing.queued()
    }

    /// How much of what was queued the peer's system has not acknowledged, where something tells.
    pub(crate) fn unacknowledged_bytes(&self) -> Option<u64> {
        let acknowledged = self.stream.get_ref().delivery()?.acknowledged_bytes?;
        let queued = self.outgoing.taken_bytes() + self.outgoing.pending() as u64;
        Some(queued.saturating_sub(acknowledged))
    }

    /// Queues bytes for the peer.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.outgoing.push(bytes);
    }

    /// Makes sure that a chunk of a body can be queued with [`Wire::outgoing`].
    pub(crate) fn reserve_chunk(&mut self) -> Result<(), Error> {
        self.outgoing.reserve(CHUNK_BYTES + 2 * COALESCED_BYTES).map_err(|_| no_memory())
    }

    /// Queues a frame whose bytes are made in place.
    pub(crate) fn outgoing(&mut self) -> &mut Outgoing {
        &mut self.outgoing
    }

    /// True when enough is queued to be worth a call.
    pub(crate) fn is_full(&self) -> bool {
        self.outgoing.pending() >= COALESCED_BYTES
    }

    /// Sends what is queued. False if some of it has to wait.
    pub(crate) fn flush(&mut self) -> Result<bool, Error> {
        let before = self.outgoing.pending();
        let sent = send_all(&mut self.stream, &mut self.outgoing).map_err(|error| lost(&error));
        if self.outgoing.pending() != before {
            self.last_traffic = self.now;
        }
        Ok(sent? == Sent::All)
    }

    /// Ends our direction; what is queued must have been sent.
    pub(crate) fn finish_writing(&mut self) -> Result<(), Error> {
        self.stream.finish_writing().map_err(|error| lost(&error))
    }

    /// See [`Stream::is_acknowledged`].
    pub(crate) fn is_acknowledged(&mut self) -> Result<bool, Error> {
        self.stream.is_acknowledged().map_err(|error| lost(&error))
    }

    /// See [`Stream::reset_on_close`]. A connection that is lost already has no use for it.
    pub(crate) fn reset_on_close(&mut self, reset: bool) {
        let _ = self.stream.reset_on_close(reset);
    }

    /// This process was asked to stop: tells the peer, if that can be done at once.
    pub(crate) fn say_stopped(&mut self) {
        self.stream.limit_rate(None, 0);
        self.push(&encode(&Frame::Error { reason: Reason::Stopped, text: Reason::Stopped.to_string() }));
        // Where the peer does not read, it learns of it by the end of the connection.
        if self.flush().unwrap_or(false) {
            let _ = self.stream.finish_writing();
        }
    }

    /// Begins to end the session: tells the peer why, if there is something to tell.
    pub(crate) fn close(mut self, tell: Option<(Reason, String)>) -> LastWord<S> {
        // What was queued belongs to a session that is over; but a frame that was begun must be ended first.
        let is_late = matches!(tell, Some((Reason::TimeLimit, _)));
        if let Some((reason, text)) = tell {
            self.push(&encode(&Frame::Error { reason, text }));
        }
        self.close_queued(is_late)
    }

    /// As [`Wire::close`], with what is queued as the last word. `is_late`: the peer has used up a time limit.
    pub(crate) fn close_queued(mut self, is_late: bool) -> LastWord<S> {
        // The last word must not stand in line for longer than the peer is awaited.
        self.stream.limit_rate(None, 0);
        let limit = if is_late { LATE_LAST_WORD_LIMIT } else { LAST_WORD_LIMIT };
        let deadline = self.now + limit;
        LastWord { wire: self, said: false, resets: false, thrown_away: 0, deadline }
    }
}

/// A peer's wish for more memory than there is ends its own session.
fn no_memory() -> Error {
    Error::new(Exit::Failed, "there is not enough memory")
}

impl Wire<Transport> {
    /// The connection once more, for another thread. What has been read of it and not consumed is not in it.
    pub(crate) fn copy_socket(&self) -> io::Result<Socket> {
        Socket::of(self.stream.get_ref())
    }
}

/// The end of a session: what is queued is sent, our direction ended, and the peer's awaited for a while.
///
/// Closing at once would answer what the peer still sends with a reset, which destroys the last word on its way.
pub(crate) struct LastWord<S> {
    wire: Wire<S>,
    said: bool,
    /// There is no orderly end.
    resets: bool,
    thrown_away: u64,
    deadline: Instant,
}

impl<S: Stream> LastWord<S> {
    /// For a peer that may not read what it is told: it hears a reset once it has ended, goes on and on, or time is up, and
    /// so does not take what was thrown away for taken.
    pub(crate) fn with_reset(mut self) -> LastWord<S> {
        self.resets = true;
        if self.wire.outgoing.pending() == 0 {
            self.deadline = self.wire.now;
        }
        self
    }

    /// Goes on ending. Done when the connection can be dropped.
    pub(crate) fn advance(&mut self, context: Context) -> Status {
        let status = self.advance_end(context);
        if self.resets && status == Status::Done {
            self.wire.reset_on_close(true);
        }
        status
    }

    fn advance_end(&mut self, context: Context) -> Status {
        self.wire.tick(context.now);
        if context.now >= self.deadline() {
            return Status::Done;
        }
        if !self.said {
            match self.wire.flush() {
                Ok(true) if self.resets || self.wire.stream.finish_writing().is_ok() => self.said = true,
                Ok(false) => {}
                // It was reset: there is nobody to wait for.
                Ok(true) | Err(_) => return Status::Done,
            }
        }
        let mut thrown_away = 0;
        while thrown_away < context.budget_bytes {
            match self.wire.fill(1) {
                Ok(Filled::Enough) => {
                    let count = self.wire.incoming().len();
                    thrown_away += count;
                    self.thrown_away += count as u64;
                    self.wire.consume(count);
                    if self.resets && self.thrown_away >= MOST_THROWN_AWAY {
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

    /// When to look again.
    pub(crate) fn deadline(&self) -> Instant {
        let quiet = (self.resets && self.said).then(|| self.wire.last_traffic + QUIET_LIMIT);
        quiet.map_or(self.deadline, |quiet| quiet.min(self.deadline))
    }
}

/// Goes on with the end of a session; when it is over, the session's own result.
pub(crate) fn say_last_word<S: Stream>(
    ending: &mut Option<(LastWord<S>, Option<Error>)>,
    context: Context,
) -> Result<Status, Error> {
    let Some((last_word, error)) = ending else { return Ok(Status::Done) };
    match last_word.advance(context) {
        Status::Done => error.take().map_or(Ok(Status::Done), Err),
        status => Ok(status),
    }
}
