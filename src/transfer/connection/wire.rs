//! A stream as a transfer session uses it: buffered both ways, with an orderly end.

use std::io;
use std::time::Instant;

use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::rate::Limited;
use crate::net::send::{SendBuffer, Sent, send_all};
use crate::net::stream::{Handover, Socket, SocketState, Stream, Timed};
use crate::proto::transfer::frame::{Frame, HEADER_BYTES, MAX_CONTROL_BYTES, encode};
use crate::proto::transfer::reason::Reason;
use crate::transfer::run_state::RunState;

/// Bytes of a body that are read, hashed and written at a time: they stay in the CPU cache between these steps.
pub(crate) const CHUNK_BYTES: usize = 1 << 20;
/// Cost of a control frame in the budget of a call: handling it takes time.
pub(crate) const FRAME_COST_BYTES: usize = 1 << 10;
/// Small frames are collected up to this size before they are sent.
const COALESCED_BYTES: usize = 64 << 10;
/// Size of a buffer for any frame but DATA.
const SMALL_BYTES: usize = MAX_CONTROL_BYTES + 2 * HEADER_BYTES;
const INCOMING_BYTES: usize = CHUNK_BYTES + 2 * HEADER_BYTES;
/// Size of the first buffer of a client that may say nothing.
const GREETING_BYTES: usize = 256;
/// Result of [`Wire::fill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// The buffer holds the bytes asked for.
    Enough,
    /// The buffer holds fewer; more may follow.
    Blocked,
    /// The buffer holds fewer, and the peer has ended its side.
    Ended,
}

/// Failure of a session, and the error that is sent to the peer.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) to_peer: Option<(Reason, String)>,
}

impl From<Error> for Failure {
    /// A failure that is not sent to the peer, usually because the connection is lost.
    fn from(error: Error) -> Failure {
        Failure { error, to_peer: None }
    }
}

/// A stream with its incoming and outgoing buffers.
pub(crate) struct Wire<S> {
    stream: Limited<S>,
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    outgoing: SendBuffer,
    last_traffic: Instant,
    now: Instant,
    ended: bool,
    /// The least size of the incoming buffer.
    small_bytes: usize,
    run_state: Option<RunState>,
}

impl<S: Stream> Wire<S> {
    pub(crate) fn new(stream: S, now: Instant) -> Wire<S> {
        Wire {
            stream: Limited::new(stream, now),
            incoming: Vec::new(),
            start: 0,
            end: 0,
            outgoing: SendBuffer::default(),
            last_traffic: now,
            now,
            ended: false,
            small_bytes: SMALL_BYTES,
            run_state: None,
        }
    }

    /// The stream of a client that may say nothing: its buffer grows with what it says.
    pub(crate) fn greeting(stream: S, now: Instant) -> Wire<S> {
        Wire { small_bytes: GREETING_BYTES, ..Wire::new(stream, now) }
    }

    /// The client has said what it wants.
    pub(crate) fn greeted(self) -> Wire<S> {
        Wire { small_bytes: SMALL_BYTES, ..self }
    }

    /// A stream from which these bytes were received before, and not consumed.
    pub(crate) fn resumed(stream: S, incoming: Vec<u8>, now: Instant) -> Wire<S> {
        Wire { end: incoming.len(), incoming, ..Wire::new(stream, now) }
    }

    /// Records traffic in `run_state`.
    pub(crate) fn tracked(mut self, run_state: &RunState) -> Wire<S> {
        self.run_state = Some(run_state.clone());
        self
    }

    /// Records that content of files was moved.
    pub(crate) fn note_moved(&self) {
        if let Some(run_state) = &self.run_state {
            run_state.note_moved();
        }
    }

    /// Returns what survives a retry, if this connection is tracked.
    pub(crate) fn run_state(&self) -> Option<&RunState> {
        self.run_state.as_ref()
    }

    /// Sets the time of this call: traffic in it happens now.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.now = now;
        self.stream.tick(now);
    }

    /// Limits both directions to `bytes_per_second`. Bytes queued before this call do not count: they belong to the
    /// handshake, which has a time limit.
    pub(crate) fn limit_rate(&mut self, bytes_per_second: Option<u64>) {
        self.stream.limit_rate(bytes_per_second, self.outgoing.pending());
    }

    /// Changes the rate of [`Wire::limit_rate`].
    pub(crate) fn change_rate(&mut self, bytes_per_second: u64) {
        self.stream.change_rate(bytes_per_second);
    }

    /// Returns when to continue, if [`Wire::limit_rate`] held bytes back in this call.
    pub(crate) fn wake_up(&self) -> Option<Instant> {
        self.stream.wake_up()
    }

    /// Returns the time of this call.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Returns when bytes last moved in either direction.
    pub(crate) fn last_traffic(&self) -> Instant {
        self.last_traffic
    }

    /// Restarts the idle limit after local work: the peer was not silent, it had to wait.
    pub(crate) fn restart_idle(&mut self) {
        self.last_traffic = self.now;
    }

    /// Returns the received bytes that were not consumed.
    pub(crate) fn incoming(&self) -> &[u8] {
        &self.incoming[self.start..self.end]
    }

    /// Drops the first `count` incoming bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Reads until `needed` bytes are buffered, at most a chunk and two headers.
    pub(crate) fn fill(&mut self, needed: usize) -> Result<Filled, Error> {
        // Allocate no room for bodies before the first one.
        let capacity = match needed {
            _ if needed > SMALL_BYTES => INCOMING_BYTES,
            _ if needed > self.small_bytes => SMALL_BYTES,
            _ => self.small_bytes,
        };
        if self.incoming.len() < capacity {
            let missing = capacity - self.incoming.len();
            self.incoming.try_reserve_exact(missing).map_err(|_| no_memory())?;
            self.incoming.resize(capacity, 0);
        }
        if self.start + needed > self.incoming.len() || self.start > COALESCED_BYTES {
            self.incoming.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        while self.end - self.start < needed {
            if self.ended {
                return Ok(Filled::Ended);
            }
            // After a large chunk read only the next header: so each body begins at the start of the buffer.
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

    /// Returns how many bytes were sent, and how many were queued, since the connection began.
    pub(crate) fn positions(&self) -> (u64, u64) {
        let left = self.outgoing.taken_bytes();
        (left, left + self.outgoing.pending() as u64)
    }

    /// Returns whether the peer is known to have ended its side, without reading.
    pub(crate) fn has_ended(&mut self) -> Result<bool, Error> {
        let here = self.incoming().len();
        Ok(here < SMALL_BYTES && self.fill(here + 1)? == Filled::Ended)
    }

    /// Returns the bytes that wait to be sent.
    pub(crate) fn queued(&self) -> &[u8] {
        self.outgoing.queued()
    }

    /// Returns the bytes that the peer's system has not acknowledged, if this system reports them.
    pub(crate) fn unacknowledged_bytes(&self) -> Option<u64> {
        let acknowledged = self.stream.get_ref().delivery()?.acknowledged_bytes?;
        let queued = self.outgoing.taken_bytes() + self.outgoing.pending() as u64;
        Some(queued.saturating_sub(acknowledged))
    }

    /// Queues bytes for the peer.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.outgoing.push(bytes);
    }

    /// Makes room for a chunk of a body in [`Wire::outgoing`].
    pub(crate) fn reserve_chunk(&mut self) -> Result<(), Error> {
        self.outgoing.reserve(CHUNK_BYTES + 2 * COALESCED_BYTES).map_err(|_| no_memory())
    }

    /// Returns the outgoing queue, for frames that are built in place.
    pub(crate) fn outgoing(&mut self) -> &mut SendBuffer {
        &mut self.outgoing
    }

    /// Returns whether enough is queued to be worth a call.
    pub(crate) fn is_full(&self) -> bool {
        self.outgoing.pending() >= COALESCED_BYTES
    }

    /// Sends queued bytes. Returns false if some remain.
    pub(crate) fn flush(&mut self) -> Result<bool, Error> {
        let before = self.outgoing.pending();
        let sent = send_all(&mut self.stream, &mut self.outgoing).map_err(|error| lost(&error));
        if self.outgoing.pending() != before {
            self.last_traffic = self.now;
        }
        Ok(sent? == Sent::All)
    }

    /// Ends our direction. Everything queued must have been sent.
    pub(crate) fn finish_writing(&mut self) -> Result<(), Error> {
        self.stream.finish_writing().map_err(|error| lost(&error))
    }

    /// See [`AcknowledgementWait::is_acknowledged`].
    pub(crate) fn is_acknowledged(&mut self, wait: &mut AcknowledgementWait) -> Result<bool, Error> {
        wait.is_acknowledged(&mut self.stream, self.now)
    }

    /// See `SocketState::reset_on_close`. Has no effect on a lost connection.
    pub(crate) fn reset_on_close(&mut self, reset: bool) {
        let _ = self.stream.reset_on_close(reset);
    }

    /// Sends the peer an ERROR that this process was asked to stop, if that is possible at once.
    pub(crate) fn send_stopped(&mut self) {
        self.stream.limit_rate(None, 0);
        self.push(&encode(&Frame::Error { reason: Reason::Stopped, text: Reason::Stopped.to_string() }));
        // A peer that does not read detects the end of the connection.
        if self.flush().unwrap_or(false) {
            let _ = self.stream.finish_writing();
        }
    }
}

/// Error for frames that need more memory than there is. It ends that session only.
fn no_memory() -> Error {
    Error::new(Exit::Failed, "there is not enough memory")
}

impl<S: Handover> Wire<S> {
    /// Takes the connection, and the bytes that were received and not consumed, for another thread.
    pub(crate) fn into_parts(self) -> io::Result<(Socket, Vec<u8>)> {
        let incoming = self.incoming().to_vec();
        Ok((self.into_socket()?, incoming))
    }

    /// Takes the connection, for another thread. Bytes that were read and not consumed are lost.
    pub(crate) fn into_socket(self) -> io::Result<Socket> {
        self.stream.into_inner().into_socket()
    }
}
