//! When the peer is told that the input has ended, and when its silence ends the session: decisions, with time as an
//! argument.
//!
//! Many servers take a half-close for a hang-up and drop the answer they had begun. So it is held back while the peer
//! talks, and until it has been silent for a while; a peer that only answers the end gets it after that pause.

use std::time::{Duration, Instant};

/// The shortest silence after which the end is passed on.
pub const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The same once the peer has spoken, some round trips not counted: what comes may come in pieces, and a packet that is
/// lost comes again after a round trip and 200 ms (`TCP_RTO_MIN` of Linux).
pub const PAUSE_OF_A_TALKER: Duration = Duration::from_millis(250);
/// So many round trips belong to a pause, and so many times the longest one that the peer has made before.
const TIMES: u32 = 4;
/// The pauses that a peer makes count up to here.
const LONGEST_COUNTED: Duration = Duration::from_millis(250);
/// With more than this sent and nothing heard, the stream goes one way: the end is passed on at once. If something was
/// heard, it goes both ways, and neither may stop the other: what waits on this side does not hold the end back.
pub const BULK_BYTES: u64 = 1 << 20;
/// How often the system is asked whether what was sent has arrived.
const LOOK: Duration = Duration::from_secs(1);

/// What this side's system knows of the way to the peer.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// How long a packet takes there and back.
    pub round_trip: Duration,
    /// Something that was sent is on its way, or waits for room at the peer.
    pub is_pending: bool,
    /// How long ago the peer's system has acknowledged something.
    pub acknowledged_ago: Duration,
    /// How many bytes it has acknowledged since the connection began, give or take the one of its beginning. None where
    /// nothing tells.
    pub acknowledged_bytes: Option<u64>,
}

/// The peer's silence since all of the input was handed over.
#[derive(Debug, Default)]
pub struct Farewell {
    /// Since when nothing has come. None: the input has not ended.
    silent_since: Option<Instant>,
    /// How many bytes the peer has said, and when the last ones were read.
    heard: u64,
    heard_at: Option<Instant>,
    /// Something that it has said waits on this side.
    waits: bool,
    /// The longest silence that the peer has broken.
    longest_pause: Duration,
    round_trip: Duration,
    /// When to look again, for the half-close and for the end.
    pass_at: Option<Instant>,
    linger_at: Option<Instant>,
    /// When the end was passed on to a peer that had spoken.
    passed: Option<Instant>,
    /// How long after that the peer ended, if it was a moment.
    ended_after: Option<Duration>,
}

impl Farewell {
    /// To be called in each turn once all of the input was handed over, after the bytes of that turn were moved. `heard`:
    /// bytes from the peer so far; `waits`: some of them, or others behind them, wait on this side.
    pub fn listen(&mut self, now: Instant, heard: u64, waits: bool, way: impl Fn() -> Option<Delivery>) {
        let Some(since) = self.silent_since else {
            self.round_trip = way().map_or(Duration::ZERO, |way| way.round_trip);
            (self.silent_since, self.heard, self.waits) = (Some(now), heard, waits);
            self.heard_at = Some(now);
            return;
        };
        if heard != self.heard {
            self.heard_at = Some(now);
        }
        if heard != self.heard || waits || self.waits {
            if !self.waits {
                self.longest_pause = self.longest_pause.max(now - since).min(LONGEST_COUNTED);
            }
            (self.silent_since, self.heard, self.waits) = (Some(now), heard, waits);
        }
        self.put_off();
    }

    /// Something is to be handed over again: nothing is due before that was done.
    pub fn put_off(&mut self) {
        (self.pass_at, self.linger_at) = (None, None);
    }

    /// How long the peer must be silent before it is told the end.
    fn pause(&self) -> Duration {
        let round_trips = self.round_trip * TIMES;
        let talks = self.heard > 0;
        let shortest = if talks { PAUSE_OF_A_TALKER + round_trips } else { SHORTEST_PAUSE.max(round_trips) };
        shortest.max(self.longest_pause * TIMES)
    }

    /// True if the peer may be told the end now. If not, the deadline is set, unless bytes have to move first.
    pub fn is_time_to_pass(&mut self, now: Instant, sent: u64, way: impl Fn() -> Option<Delivery>) -> bool {
        let (is_bulk, pause) = (sent > BULK_BYTES, self.pause());
        if is_bulk && self.heard == 0 {
            return true;
        }
        if self.waits && !is_bulk {
            return false;
        }
        let since = if is_bulk { self.heard_at } else { self.silent_since };
        self.pass_at = look_after(since, pause, now, way);
        self.pass_at.is_none()
    }

    /// True if the peer has been silent for so long that the session is over. If not, the deadline is set as above.
    pub fn has_lingered(
        &mut self,
        now: Instant,
        limit: Duration,
        way: impl Fn() -> Option<Delivery>,
    ) -> bool {
        if self.waits || self.silent_since.is_none() {
            return false;
        }
        self.linger_at = look_after(self.silent_since, limit, now, way);
        self.linger_at.is_none()
    }

    /// The peer was told the end.
    pub fn passed(&mut self, now: Instant) {
        self.pass_at = None;
        self.passed = (self.heard > 0).then_some(now);
    }

    /// The peer has ended.
    pub fn peer_ended(&mut self, now: Instant) {
        let moment = SHORTEST_PAUSE.max(self.round_trip * TIMES);
        self.ended_after = self.passed.map(|passed| now - passed).filter(|time| *time <= moment);
    }

    /// Of a peer that had begun to talk and ended within a moment of being told our end: how long after. It may have
    /// taken that for a hang-up.
    pub fn ended_after(&self) -> Option<Duration> {
        self.ended_after
    }

    /// When to look again if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        [self.pass_at, self.linger_at].into_iter().flatten().min()
    }
}

/// When to look again for a silence of that length; None if there was one.
fn look_after(
    since: Option<Instant>,
    length: Duration,
    now: Instant,
    way: impl Fn() -> Option<Delivery>,
) -> Option<Instant> {
    let due = since? + length;
    if now < due {
        return Some(due);
    }
    // A peer that has not got everything yet cannot answer: its silence begins with the last acknowledgement.
    match way() {
        Some(way) if way.is_pending => Some(now + length.min(LOOK)),
        Some(way) if way.acknowledged_ago < length => Some(now + (length - way.acknowledged_ago)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[allow(clippy::disallowed_methods)]
    fn start() -> Instant {
        Instant::now()
    }

    fn nobody() -> Option<Delivery> {
        None
    }

    fn way(round_trip: Duration, is_pending: bool, acknowledged_ago: Duration) -> Option<Delivery> {
        Some(Delivery { round_trip, is_pending, acknowledged_ago, acknowledged_bytes: None })
    }

    /// When the end is passed on to a peer that says one byte at each of these milliseconds after the input's end.
    fn passed_after(talk: &[u64], delivery: Option<Delivery>) -> u64 {
        let (start, mut farewell) = (start(), Farewell::default());
        for after in 0.. {
            let now = start + after as u32 * MS;
            let heard = talk.iter().filter(|time| **time <= after).count() as u64;
            farewell.listen(now, heard, false, || delivery);
            if farewell.is_time_to_pass(now, 9, || delivery) {
                assert_eq!(farewell.deadline(), None);
                return after;
            }
            assert!(farewell.deadline().is_some_and(|time| time > now), "a wait without an end");
        }
        0
    }

    #[test]
    fn the_end_waits_for_a_pause() {
        assert_eq!(passed_after(&[], None), 100);
        assert_eq!(passed_after(&[1, 20], None), 270);
        // One that needs 90 ms for each piece may need a little more for the next.
        assert_eq!(passed_after(&[90, 180], None), 180 + 360);
        assert_eq!(passed_after(&[], way(80 * MS, false, 1000 * MS)), 320);
        assert_eq!(passed_after(&[0], None), 250);
        assert_eq!(passed_after(&[0], way(80 * MS, false, 1000 * MS)), 250 + 320);
    }

    #[test]
    fn silence_begins_when_the_peer_has_everything() {
        let (start, mut farewell) = (start(), Farewell::default());
        farewell.listen(start, 0, false, nobody);
        let late = start + 150 * MS;
        assert!(!farewell.is_time_to_pass(late, 9, || way(MS, true, 9 * MS)));
        assert_eq!(farewell.deadline(), Some(late + 100 * MS));
        assert!(!farewell.is_time_to_pass(late + 100 * MS, 9, || way(MS, false, 30 * MS)));
        assert_eq!(farewell.deadline(), Some(late + 170 * MS));
        assert!(farewell.is_time_to_pass(late + 170 * MS, 9, || way(MS, false, 100 * MS)));
    }

    #[test]
    fn much_for_a_silent_peer_is_ended_at_once_and_for_one_that_talks_is_not() {
        let (start, mut farewell) = (start(), Farewell::default());
        farewell.listen(start, 0, false, nobody);
        assert!(!farewell.is_time_to_pass(start, BULK_BYTES, nobody));
        assert!(farewell.is_time_to_pass(start, BULK_BYTES + 1, nobody));
        farewell.listen(start, 1, false, nobody);
        assert!(!farewell.is_time_to_pass(start, BULK_BYTES + 1, nobody));
    }

    #[test]
    fn what_waits_for_stdout_is_talk_and_no_pause_of_the_peer() {
        let (start, mut farewell) = (start(), Farewell::default());
        farewell.listen(start, 5, true, nobody);
        let later = start + 5000 * MS;
        farewell.listen(later, 5, true, nobody);
        assert!(!farewell.is_time_to_pass(later, 9, nobody) && farewell.deadline().is_none());
        assert!(!farewell.has_lingered(later, MS, nobody) && farewell.deadline().is_none());
        let free = later + 5000 * MS;
        farewell.listen(free, 5, false, nobody);
        assert!(!farewell.is_time_to_pass(free, 9, nobody));
        assert_eq!(farewell.deadline(), Some(free + PAUSE_OF_A_TALKER));
        // Who both say much may each wait for the other's end.
        farewell.listen(free, 5, true, nobody);
        let bulk = BULK_BYTES + 1;
        assert!(!farewell.is_time_to_pass(start + PAUSE_OF_A_TALKER - MS, bulk, nobody));
        assert!(farewell.is_time_to_pass(start + PAUSE_OF_A_TALKER, bulk, nobody));
    }

    #[test]
    fn a_session_lingers_for_silence_only() {
        let (start, mut farewell) = (start(), Farewell::default());
        assert!(!farewell.has_lingered(start, MS, nobody), "the input has not ended");
        farewell.listen(start, 0, false, nobody);
        assert!(!farewell.has_lingered(start + 999 * MS, 1000 * MS, nobody));
        farewell.listen(start + 999 * MS, 1, false, nobody);
        assert!(!farewell.has_lingered(start + 1998 * MS, 1000 * MS, nobody));
        assert!(farewell.has_lingered(start + 1999 * MS, 1000 * MS, nobody));
    }

    #[test]
    fn an_end_in_mid_answer_is_noticed() {
        for (heard, after, told) in [(1, 50, true), (1, 150, false), (0, 50, false)] {
            let (start, mut farewell) = (start(), Farewell::default());
            farewell.listen(start, heard, false, nobody);
            farewell.passed(start);
            farewell.peer_ended(start + after as u32 * MS);
            assert_eq!(farewell.ended_after(), told.then_some(after as u32 * MS));
        }
    }
}
