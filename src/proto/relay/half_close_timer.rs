//! The timer of a half-close: how long a peer must be silent before the end of the input is passed on to it, and before
//! the session is over. Decisions, with time as an argument.
//!
//! Many servers take a half-close for a hang-up and drop the answer they had begun. So it is held back until the peer
//! has been silent for a while; a peer that only answers the end gets it after that pause.

use std::time::{Duration, Instant};

/// The shortest silence before the end is passed on.
pub const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The same once the peer has sent something, with a few round trips added: its data may come in pieces, and a lost
/// packet is repeated after a round trip and 200 ms (`TCP_RTO_MIN` of Linux).
pub const PAUSE_AFTER_DATA: Duration = Duration::from_millis(250);
/// A pause is this many round trips, or this many times the peer's longest earlier pause.
const TIMES: u32 = 4;
/// Longer pauses of a peer count as this one.
const LONGEST_COUNTED: Duration = Duration::from_millis(250);
/// With more than this sent and nothing received, the stream goes one way: the end is passed on at once. If something
/// was received, it goes both ways, and neither may stop the other: data that waits on this side does not hold the end
/// back.
pub const BULK_BYTES: u64 = 1 << 20;
/// Interval at which the system is asked whether sent bytes have arrived.
const LOOK: Duration = Duration::from_secs(1);

/// The state of the sending direction, as this system knows it.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// The round-trip time.
    pub round_trip: Duration,
    /// Sent bytes are on their way, or wait for room at the peer.
    pub is_pending: bool,
    /// Time since the last acknowledgement of the peer's system.
    pub acknowledged_ago: Duration,
    /// Bytes acknowledged since the connection began, give or take one for its start. `None` where the system does not
    /// report it.
    pub acknowledged_bytes: Option<u64>,
}

/// The peer's silence since the end of the input was handed over.
#[derive(Debug, Default)]
pub struct HalfCloseTimer {
    /// Start of the silence; `None`: the input has not ended.
    silent_since: Option<Instant>,
    /// Bytes received from the peer, and when the last ones were read.
    received: u64,
    received_at: Option<Instant>,
    /// Received bytes wait on this side.
    waits: bool,
    /// The longest silence that the peer has ended.
    longest_pause: Duration,
    round_trip: Duration,
    /// Next checks: for the half-close, and for the end of the session.
    pass_at: Option<Instant>,
    linger_at: Option<Instant>,
    /// Time at which the end was passed on to a peer that had sent something.
    passed: Option<Instant>,
    /// Time from then to the peer's end, if it was short.
    ended_after: Option<Duration>,
}

impl HalfCloseTimer {
    /// Call it in each turn after the end of the input was handed over and the bytes of that turn were moved. `received`:
    /// bytes received from the peer so far; `waits`: some of them, or later ones, wait on this side.
    pub fn observe(
        &mut self,
        now: Instant,
        received: u64,
        waits: bool,
        delivery: impl Fn() -> Option<Delivery>,
    ) {
        let Some(since) = self.silent_since else {
            self.round_trip = delivery().map_or(Duration::ZERO, |delivery| delivery.round_trip);
            (self.silent_since, self.received, self.waits) = (Some(now), received, waits);
            self.received_at = Some(now);
            return;
        };
        if received != self.received {
            self.received_at = Some(now);
        }
        if received != self.received || waits || self.waits {
            if !self.waits {
                self.longest_pause = self.longest_pause.max(now - since).min(LONGEST_COUNTED);
            }
            (self.silent_since, self.received, self.waits) = (Some(now), received, waits);
        }
        self.put_off();
    }

    /// Postpones all deadlines: further bytes must be handed over first.
    pub fn put_off(&mut self) {
        (self.pass_at, self.linger_at) = (None, None);
    }

    /// Returns how long the peer must be silent before the end is passed on.
    fn pause(&self) -> Duration {
        let round_trips = self.round_trip * TIMES;
        let has_sent = self.received > 0;
        let shortest =
            if has_sent { PAUSE_AFTER_DATA + round_trips } else { SHORTEST_PAUSE.max(round_trips) };
        shortest.max(self.longest_pause * TIMES)
    }

    /// Returns whether the end may be passed on now. If not, the deadline is set, unless bytes have to move first.
    pub fn is_time_to_pass(
        &mut self,
        now: Instant,
        sent: u64,
        delivery: impl Fn() -> Option<Delivery>,
    ) -> bool {
        let (is_bulk, pause) = (sent > BULK_BYTES, self.pause());
        if is_bulk && self.received == 0 {
            return true;
        }
        if self.waits && !is_bulk {
            return false;
        }
        let since = if is_bulk { self.received_at } else { self.silent_since };
        self.pass_at = look_after(since, pause, now, delivery);
        self.pass_at.is_none()
    }

    /// Returns whether the peer has been silent for `linger`, so that the session is over. If not, the deadline is set
    /// in the same way.
    pub fn has_lingered(
        &mut self,
        now: Instant,
        limit: Duration,
        delivery: impl Fn() -> Option<Delivery>,
    ) -> bool {
        if self.waits || self.silent_since.is_none() {
            return false;
        }
        self.linger_at = look_after(self.silent_since, limit, now, delivery);
        self.linger_at.is_none()
    }

    /// Records that the end was passed on.
    pub fn passed(&mut self, now: Instant) {
        self.pass_at = None;
        self.passed = (self.received > 0).then_some(now);
    }

    /// Records that the peer has ended.
    pub fn peer_ended(&mut self, now: Instant) {
        let moment = SHORTEST_PAUSE.max(self.round_trip * TIMES);
        self.ended_after = self.passed.map(|passed| now - passed).filter(|time| *time <= moment);
    }

    /// Returns how long after our end a peer ended that had begun to send, if it was soon. It may have taken our end
    /// for a hang-up.
    pub fn ended_after(&self) -> Option<Duration> {
        self.ended_after
    }

    /// Returns when to look again if nothing happens before.
    pub fn deadline(&self) -> Option<Instant> {
        [self.pass_at, self.linger_at].into_iter().flatten().min()
    }
}

/// Returns when to look again for a silence of that length; `None` if it has passed.
fn look_after(
    since: Option<Instant>,
    length: Duration,
    now: Instant,
    delivery: impl Fn() -> Option<Delivery>,
) -> Option<Instant> {
    let due = since? + length;
    if now < due {
        return Some(due);
    }
    // A peer that has not received everything yet cannot answer: its silence begins with the last acknowledgement.
    match delivery() {
        Some(delivery) if delivery.is_pending => Some(now + length.min(LOOK)),
        Some(delivery) if delivery.acknowledged_ago < length => {
            Some(now + (length - delivery.acknowledged_ago))
        }
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

    fn delivery(round_trip: Duration, is_pending: bool, acknowledged_ago: Duration) -> Option<Delivery> {
        Some(Delivery { round_trip, is_pending, acknowledged_ago, acknowledged_bytes: None })
    }

    /// Milliseconds after which the end is passed on to a peer that sends one byte at each of these milliseconds after the input's end.
    fn passed_after(talk: &[u64], delivery: Option<Delivery>) -> u64 {
        let (start, mut timer) = (start(), HalfCloseTimer::default());
        for after in 0.. {
            let now = start + after as u32 * MS;
            let received = talk.iter().filter(|time| **time <= after).count() as u64;
            timer.observe(now, received, false, || delivery);
            if timer.is_time_to_pass(now, 9, || delivery) {
                assert_eq!(timer.deadline(), None);
                return after;
            }
            assert!(timer.deadline().is_some_and(|time| time > now), "a wait without an end");
        }
        0
    }

    #[test]
    fn the_end_waits_for_a_pause() {
        assert_eq!(passed_after(&[], None), 100);
        assert_eq!(passed_after(&[1, 20], None), 270);
        // One that needs 90 ms for each piece may need a little more for the next.
        assert_eq!(passed_after(&[90, 180], None), 180 + 360);
        assert_eq!(passed_after(&[], delivery(80 * MS, false, 1000 * MS)), 320);
        assert_eq!(passed_after(&[0], None), 250);
        assert_eq!(passed_after(&[0], delivery(80 * MS, false, 1000 * MS)), 250 + 320);
    }

    #[test]
    fn silence_begins_when_the_peer_has_everything() {
        let (start, mut timer) = (start(), HalfCloseTimer::default());
        timer.observe(start, 0, false, nobody);
        let late = start + 150 * MS;
        assert!(!timer.is_time_to_pass(late, 9, || delivery(MS, true, 9 * MS)));
        assert_eq!(timer.deadline(), Some(late + 100 * MS));
        assert!(!timer.is_time_to_pass(late + 100 * MS, 9, || delivery(MS, false, 30 * MS)));
        assert_eq!(timer.deadline(), Some(late + 170 * MS));
        assert!(timer.is_time_to_pass(late + 170 * MS, 9, || delivery(MS, false, 100 * MS)));
    }

    #[test]
    fn much_for_a_silent_peer_is_ended_at_once_and_for_one_that_talks_is_not() {
        let (start, mut timer) = (start(), HalfCloseTimer::default());
        timer.observe(start, 0, false, nobody);
        assert!(!timer.is_time_to_pass(start, BULK_BYTES, nobody));
        assert!(timer.is_time_to_pass(start, BULK_BYTES + 1, nobody));
        timer.observe(start, 1, false, nobody);
        assert!(!timer.is_time_to_pass(start, BULK_BYTES + 1, nobody));
    }

    #[test]
    fn what_waits_for_stdout_is_talk_and_no_pause_of_the_peer() {
        let (start, mut timer) = (start(), HalfCloseTimer::default());
        timer.observe(start, 5, true, nobody);
        let later = start + 5000 * MS;
        timer.observe(later, 5, true, nobody);
        assert!(!timer.is_time_to_pass(later, 9, nobody) && timer.deadline().is_none());
        assert!(!timer.has_lingered(later, MS, nobody) && timer.deadline().is_none());
        let free = later + 5000 * MS;
        timer.observe(free, 5, false, nobody);
        assert!(!timer.is_time_to_pass(free, 9, nobody));
        assert_eq!(timer.deadline(), Some(free + PAUSE_AFTER_DATA));
        // Two sides that both send much may each wait for the other's end.
        timer.observe(free, 5, true, nobody);
        let bulk = BULK_BYTES + 1;
        assert!(!timer.is_time_to_pass(start + PAUSE_AFTER_DATA - MS, bulk, nobody));
        assert!(timer.is_time_to_pass(start + PAUSE_AFTER_DATA, bulk, nobody));
    }

    #[test]
    fn a_session_lingers_for_silence_only() {
        let (start, mut timer) = (start(), HalfCloseTimer::default());
        assert!(!timer.has_lingered(start, MS, nobody), "the input has not ended");
        timer.observe(start, 0, false, nobody);
        assert!(!timer.has_lingered(start + 999 * MS, 1000 * MS, nobody));
        timer.observe(start + 999 * MS, 1, false, nobody);
        assert!(!timer.has_lingered(start + 1998 * MS, 1000 * MS, nobody));
        assert!(timer.has_lingered(start + 1999 * MS, 1000 * MS, nobody));
    }

    #[test]
    fn an_end_in_mid_answer_is_noticed() {
        for (received, after, is_noticed) in [(1, 50, true), (1, 150, false), (0, 50, false)] {
            let (start, mut timer) = (start(), HalfCloseTimer::default());
            timer.observe(start, received, false, nobody);
            timer.passed(start);
            timer.peer_ended(start + after as u32 * MS);
            assert_eq!(timer.ended_after(), is_noticed.then_some(after as u32 * MS));
        }
    }
}
