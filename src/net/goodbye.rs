//! A lingering close: to close while the peer still sends would make the system send a reset, which destroys what was sent
//! last and is still on its way (RFC 9112, section 9.6).

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::reactor::{Context, Status};
use super::stream::Stream;

/// Time that a silent peer has to end its side.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
/// Time that a peer which still sends has to end its side.
const LONGEST_LINGER: Duration = Duration::from_secs(30);
/// A peer that sends more than this after our last bytes is not reading.
pub(crate) const MAX_DISCARDED_BYTES: u64 = 8 << 20;

/// Waits for the peer's end after everything was sent.
pub(crate) struct LingeringClose {
    silence: Instant,
    end: Instant,
    drained_bytes: u64,
}

impl LingeringClose {
    /// A close that begins at `now`.
    pub(crate) fn new(now: Instant) -> LingeringClose {
        LingeringClose::within(LONGEST_LINGER, now)
    }

    /// The same with another limit for a peer that is not silent.
    pub(crate) fn within(longest: Duration, now: Instant) -> LingeringClose {
        LingeringClose { silence: now + LINGER.min(longest), end: now + longest, drained_bytes: 0 }
    }

    /// Discards what the peer sends. `Done` when the peer has ended, is silent, or its time is over.
    ///
    /// # Errors
    /// The connection has failed. The caller must report it: reading takes the error from the socket.
    pub(crate) fn drain(&mut self, peer: &mut impl Stream, context: Context) -> io::Result<Status> {
        let mut buffer = [0; 16 << 10];
        let mut drained = 0;
        while drained < context.budget_bytes {
            match peer.read(&mut buffer) {
                Ok(0) => return Ok(Status::Done),
                Ok(count) => drained += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if drained > 0 {
            self.silence = context.now + LINGER;
            self.drained_bytes += drained as u64;
        }
        Ok(match context.now >= self.deadline() {
            true => Status::Done,
            false if drained >= context.budget_bytes => Status::Again,
            false => Status::Waiting,
        })
    }

    /// Bytes discarded so far.
    pub(crate) fn drained_bytes(&self) -> u64 {
        self.drained_bytes
    }

    /// When to call [`LingeringClose::drain`] again at the latest.
    pub(crate) fn deadline(&self) -> Instant {
        self.silence.min(self.end)
    }
}
