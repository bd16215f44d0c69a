//! One direction of a relay, as numbers: the bytes held, whether its source has ended, whether a half-close is owed.
//!
//! The lane never sees bytes. The code that moves them (through a buffer, or inside the kernel) passes their number, so
//! that one rule of back-pressure and one rule of ending hold for every way.

/// The direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From here to the peer.
    Sent,
    /// From the peer.
    Received,
}

/// Bytes on their way from one source to one sink. All counts are bytes.
#[derive(Debug)]
pub struct Lane {
    capacity: usize,
    held: usize,
    delivered: u64,
    source_ended: bool,
    sink_finished: bool,
}

impl Lane {
    /// Creates a lane that holds at most `capacity` bytes.
    pub fn new(capacity: usize) -> Lane {
        Lane { capacity, held: 0, delivered: 0, source_ended: false, sink_finished: false }
    }

    /// Returns how many more bytes may be taken from the source now: none once it has ended.
    pub fn room(&self) -> usize {
        if self.source_ended { 0 } else { self.capacity - self.held }
    }

    /// Returns the bytes taken from the source that the sink does not have yet.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Returns the bytes that the sink has taken so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Records that `count` bytes came from the source, at most [`Lane::room`].
    pub fn filled(&mut self, count: usize) {
        debug_assert!(count <= self.room());
        self.held += count;
    }

    /// Records that the sink took `count` of the bytes held.
    pub fn drained(&mut self, count: usize) {
        debug_assert!(count <= self.held);
        self.held -= count;
        self.delivered += count as u64;
    }

    /// Records that `count` bytes went from source to sink without being held.
    pub fn passed(&mut self, count: usize) {
        debug_assert!(!self.source_ended);
        self.delivered += count as u64;
    }

    /// Ends the source: at its end of file, or because it is not read any further.
    pub fn end_source(&mut self) {
        self.source_ended = true;
    }

    /// Returns whether the source has ended.
    pub fn has_source_ended(&self) -> bool {
        self.source_ended
    }

    /// Returns whether everything was handed over and the sink must still be ended.
    pub fn half_close_pending(&self) -> bool {
        self.is_drained() && !self.sink_finished
    }

    /// Returns whether the source has ended and nothing is held.
    pub fn is_drained(&self) -> bool {
        self.source_ended && self.held == 0
    }

    /// Records that the sink was ended.
    pub fn finish_sink(&mut self) {
        debug_assert!(self.half_close_pending());
        self.sink_finished = true;
    }

    /// Returns whether the sink has everything and was ended.
    pub fn is_finished(&self) -> bool {
        self.sink_finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_half_close_waits_for_the_last_byte() {
        let mut lane = Lane::new(8);
        lane.filled(8);
        assert_eq!(lane.room(), 0);
        lane.end_source();
        assert!(!lane.half_close_pending());
        lane.drained(7);
        assert!(!lane.half_close_pending());
        lane.drained(1);
        assert!(lane.half_close_pending());
        lane.finish_sink();
        assert!(lane.is_finished() && !lane.half_close_pending());
        assert_eq!(lane.delivered(), 8);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_overflows(steps in prop::collection::vec((any::<bool>(), 0usize..10), 0..200)) {
            let (mut lane, mut taken) = (Lane::new(16), 0u64);
            for (fill, count) in steps {
                if fill {
                    let count = count.min(lane.room());
                    lane.filled(count);
                    taken += count as u64;
                } else {
                    lane.drained(count.min(lane.held()));
                }
                prop_assert!(lane.held() <= 16);
                prop_assert_eq!(taken, lane.delivered() + lane.held() as u64);
            }
        }
    }
}
