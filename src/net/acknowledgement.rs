//! The wait for acknowledgement: a stream is over when the peer's system has everything.

use std::time::{Duration, Instant};

use super::stream::Stream;
use crate::error::Error;
use crate::error::lost;

/// Intervals between queries of the kernel: the first, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Queries the kernel, which sends no event for it, until the peer's system has acknowledged all that was sent.
#[derive(Default)]
pub(crate) struct AcknowledgementWait(Option<(Instant, Duration)>);

impl AcknowledgementWait {
    /// True once the peer's system has everything, our end included. From then on a close is not a reset.
    pub(crate) fn is_acknowledged(&mut self, peer: &mut impl Stream, now: Instant) -> Result<bool, Error> {
        let acknowledged = peer.is_acknowledged().map_err(|error| lost(&error))?;
        let wait = self.0.map_or(FIRST_WAIT, |(_, wait)| wait);
        if self.0.is_none_or(|(time, _)| now >= time) {
            self.0 = Some((now + wait, (wait * 2).min(LONGEST_WAIT)));
        }
        if acknowledged {
            peer.reset_on_close(false).map_err(|error| lost(&error))?;
        }
        Ok(acknowledged)
    }

    /// Starts over: the stream has not ended after all.
    pub(crate) fn put_off(&mut self) {
        self.0 = None;
    }

    /// When to query again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.map(|(time, _)| time)
    }
}
