//! The end of a relay between a local side and a peer: the end-of-file contract, as decisions.

use std::time::{Duration, Instant};

use super::half_close_timer::{Delivery, HalfCloseTimer};
use super::lane::Lane;

/// The kind of the local input, as far as its end matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// A file, pipe, FIFO or socket: its end is the end of the data.
    Real,
    /// Closed or `/dev/null`: no data, which is not the same as the end of data.
    Nothing,
    /// A person at a terminal, who should not have to press ^C after the peer has ended.
    Terminal,
}

/// Which end of file ends the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndWhen {
    /// Both directions have ended.
    Both,
    /// The peer has ended, and all it sent was written.
    Peer,
    /// The input has ended, and all of it was sent.
    Input,
}

/// Ways to pass the end of the input on, while the peer has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfClose {
    /// Not at all.
    Never,
    /// When the peer has been silent for a while: see [`HalfCloseTimer`].
    Politely,
    /// After the last byte.
    AtOnce,
}

/// The rules of one relay.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The kind of the local input.
    pub input: InputKind,
    /// Which end ends the command.
    pub end_when: EndWhen,
    /// The way to pass the end of the input on, before the session is over.
    pub half_close: HalfClose,
    /// The session is over when the input has ended and the peer has been silent for this long.
    pub linger: Option<Duration>,
}

impl Ending {
    /// Returns whether the end of the input must be passed on to the peer now.
    pub fn passes_end_on(
        &self,
        (outbound, inbound): (&Lane, &Lane),
        timer: &mut HalfCloseTimer,
        now: Instant,
        delivery: impl Fn() -> Option<Delivery>,
    ) -> bool {
        if !outbound.half_close_pending() || self.half_close == HalfClose::Never {
            return false;
        }
        // A peer that has ended drops no answer.
        inbound.has_source_ended()
            || self.input != InputKind::Nothing
                && (self.half_close == HalfClose::AtOnce
                    || timer.is_time_to_pass(now, outbound.delivered(), delivery))
    }

    /// Returns whether the input need not be read any further, though it has not ended.
    pub fn abandons_input(&self, inbound: &Lane) -> bool {
        inbound.has_source_ended() && (self.input == InputKind::Terminal || self.end_when == EndWhen::Peer)
    }

    /// Returns whether the session is over but for the last half-close and its acknowledgement.
    pub fn is_over(
        &self,
        (outbound, inbound): (&Lane, &Lane),
        timer: &mut HalfCloseTimer,
        now: Instant,
        delivery: impl Fn() -> Option<Delivery>,
    ) -> bool {
        if !outbound.is_drained() || inbound.held() > 0 {
            return false;
        }
        inbound.has_source_ended()
            || self.end_when == EndWhen::Input
            || self.linger.is_some_and(|limit| timer.has_lingered(now, limit, delivery))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended() -> Lane {
        let mut lane = Lane::new(1);
        lane.end_source();
        lane
    }

    fn rules(input: InputKind, end_when: EndWhen) -> Ending {
        Ending { input, end_when, half_close: HalfClose::AtOnce, linger: None }
    }

    #[allow(clippy::disallowed_methods)]
    fn now() -> Instant {
        Instant::now()
    }

    fn passes(rules: Ending, outbound: &Lane, inbound: &Lane) -> bool {
        rules.passes_end_on((outbound, inbound), &mut HalfCloseTimer::default(), now(), || None)
    }

    #[test]
    fn real_input_passes_its_end_on_and_nothing_to_say_waits_for_the_peer() {
        let (open, ended) = (Lane::new(1), ended());
        assert!(passes(rules(InputKind::Real, EndWhen::Both), &ended, &open));
        assert!(!passes(rules(InputKind::Nothing, EndWhen::Both), &ended, &open));
        assert!(passes(rules(InputKind::Nothing, EndWhen::Both), &ended, &ended));
        let quiet = Ending { half_close: HalfClose::Never, ..rules(InputKind::Real, EndWhen::Both) };
        assert!(!passes(quiet, &ended, &open));
    }

    #[test]
    fn a_polite_end_waits_for_silence_but_not_for_a_peer_that_has_ended() {
        let (open, ended, start) = (Lane::new(1), ended(), now());
        let polite = Ending { half_close: HalfClose::Politely, ..rules(InputKind::Real, EndWhen::Both) };
        let mut timer = HalfCloseTimer::default();
        timer.observe(start, 0, false, || None);
        assert!(!polite.passes_end_on((&ended, &open), &mut timer, start, || None));
        assert!(polite.passes_end_on((&ended, &ended), &mut timer, start, || None));
        let later = start + Duration::from_secs(1);
        assert!(polite.passes_end_on((&ended, &open), &mut timer, later, || None));
    }

    #[test]
    fn a_terminal_ends_with_the_peer_and_a_pipe_does_not() {
        let (open, ended) = (Lane::new(1), ended());
        assert!(rules(InputKind::Terminal, EndWhen::Both).abandons_input(&ended));
        assert!(!rules(InputKind::Terminal, EndWhen::Both).abandons_input(&open));
        assert!(!rules(InputKind::Real, EndWhen::Both).abandons_input(&ended));
        assert!(rules(InputKind::Real, EndWhen::Peer).abandons_input(&ended));
    }

    #[test]
    fn both_ends_are_waited_for_unless_one_was_chosen() {
        let (open, ended, start) = (Lane::new(1), ended(), now());
        let mut timer = HalfCloseTimer::default();
        timer.observe(start, 0, false, || None);
        let mut is_over = |rules: Ending, outbound, inbound, after| {
            let time = start + Duration::from_secs(after);
            rules.is_over((outbound, inbound), &mut timer, time, || None)
        };
        let both = rules(InputKind::Real, EndWhen::Both);
        assert!(!is_over(both, &ended, &open, 9) && !is_over(both, &open, &ended, 9));
        assert!(is_over(both, &ended, &ended, 0));
        assert!(is_over(rules(InputKind::Real, EndWhen::Input), &ended, &open, 0));
        let lingers = Ending { linger: Some(Duration::from_secs(2)), ..both };
        assert!(!is_over(lingers, &ended, &open, 1) && !is_over(lingers, &open, &ended, 9));
        assert!(is_over(lingers, &ended, &open, 2));
    }
}
