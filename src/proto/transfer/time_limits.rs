//! Time limits of a connection: for the answer to the handshake, and without traffic. A side that works says so.

use std::time::{Duration, Instant};

/// Longest time between two PINGs of a busy side: well within any sensible idle limit.
pub const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Time until the first PING: shorter work needs none.
pub const FIRST_PING: Duration = Duration::from_millis(250);

/// The time limits of a connection, and what they count from.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    idle: Duration,
    /// On a client: deadline for ACCEPT.
    accept_by: Option<Instant>,
    idle_from: Option<Instant>,
    next_ping: Option<Instant>,
}

/// A time limit that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// The peer has not answered the handshake.
    Accept,
    /// Nothing was sent or received.
    Idle,
}

impl TimeLimits {
    /// Creates the limits; `accept_by`, if given, is the deadline for the answer to the handshake.
    pub fn new(idle: Duration, accept_by: Option<Instant>) -> TimeLimits {
        TimeLimits { idle, accept_by, idle_from: None, next_ping: None }
    }

    /// Returns whether the answer to the handshake is still due.
    pub fn awaits_accept(&self) -> bool {
        self.accept_by.is_some()
    }

    /// Records the answer to the handshake, and returns its deadline, once.
    pub fn accepted(&mut self) -> Option<Instant> {
        self.accept_by.take()
    }

    /// Restarts the idle limit: there was nothing for this connection to carry.
    pub fn restart_idle(&mut self, now: Instant) {
        self.idle_from = Some(now);
    }

    fn idle_by(&self, last_traffic: Instant) -> Instant {
        self.idle_from.map_or(last_traffic, |time| time.max(last_traffic)) + self.idle
    }

    /// Returns whether a busy side sends a PING now.
    pub fn busy(&mut self, now: Instant) -> bool {
        let is_due = match self.next_ping {
            Some(time) if now < time => return false,
            first_or_due => first_or_due.is_some(),
        };
        self.next_ping = Some(now + if is_due { PING_INTERVAL } else { FIRST_PING });
        is_due
    }

    /// Returns the limit that has passed for a side that is not busy.
    pub fn overdue(&mut self, now: Instant, last_traffic: Instant) -> Option<Overdue> {
        self.next_ping = None;
        if self.accept_by.is_some_and(|time| now >= time) {
            return Some(Overdue::Accept);
        }
        (now >= self.idle_by(last_traffic)).then_some(Overdue::Idle)
    }

    /// Returns when to look again.
    pub fn deadline(&self, last_traffic: Instant) -> Instant {
        let idle = self.next_ping.unwrap_or(self.idle_by(last_traffic));
        self.accept_by.map_or(idle, |time| time.min(idle))
    }
}
