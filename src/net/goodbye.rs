//! What is left after the last word to a peer: to close while it still sends would make the system send a reset, which
//! destroys the last word on its way (RFC 9112, 9.6).

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::reactor::{Context, Status};
use super::stream::Stream;

/// How long a peer has to end its side after the last word, or that a silent one is waited for.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
/// How long a peer that is not silent is waited for.
const LONGEST_LINGER: Duration = Duration::from_secs(30);

/// Waits for a peer's end after the last word.
pub(crate) struct LingeringClose {
    silence: Instant,
    end: Instant,
    drained_bytes: u64,
}

impl LingeringClose {
    /// A goodbye that begins `now`.
    pub(crate) fn new(now: Instant) -> LingeringClose {
        LingeringClose::within(LONGEST_LINGER, now)
    }

    /// The same with another limit for a peer that is not silent.
    pub(crate) fn within(longest: Duration, now: Instant) -> LingeringClose {
        LingeringClose { silence: now + LINGER.min(longest), end: now + longest, drained_bytes: 0 }
    }

    /// Throws away what the peer says. `Done` when it has ended, is silent, or has had its time.
    ///
    /// # Errors
    /// The peer is lost. Nobody else hears of it: who reads takes the error from the socket.
    pub(crate) fn hear(&mut self, peer: &mut impl Stream, context: Context) -> io::Result<Status> {
        let mut buffer = [0; 16 << 10];
        let mut heard = 0;
        while heard < context.budget_bytes {
            match peer.read(&mut buffer) {
                Ok(0) => return Ok(Status::Done),
                Ok(count) => heard += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if heard > 0 {
            self.silence = context.now + LINGER;
            self.drained_bytes += heard as u64;
        }
        Ok(match context.now >= self.deadline() {
            true => Status::Done,
            false if heard >= context.budget_bytes => Status::Again,
            false => Status::Waiting,
        })
    }

    /// How much was thrown away.
    pub(crate) fn drained_bytes(&self) -> u64 {
        self.drained_bytes
    }

    /// When it is over at the latest, as far as is known.
    pub(crate) fn deadline(&self) -> Instant {
        self.silence.min(self.end)
    }
}
