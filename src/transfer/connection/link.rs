//! The parts that both sides of a session share: the answer to the handshake, incoming frames, time limits, PING.

use std::time::{Duration, Instant};

use super::wire::{Failure, Filled, Wire};
use crate::error::RESET;
use crate::error::{Error, Exit};
use crate::net::stream::Stream;
use crate::proto::Parsed;
use crate::proto::transfer::frame::{Frame, ParsedFrame, Phase, encode, parse};
use crate::proto::transfer::hello::{Accept, FIXED_BYTES, Hello};
use crate::proto::transfer::time_limits::{Overdue, TimeLimits};
use crate::proto::transfer::violation::Violation;
use crate::transfer::failure::{Role, peer_error, protocol_error};

/// Time limits and rate of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Time limit of the whole handshake.
    pub(crate) handshake: Duration,
    /// Time limit without traffic while this side is not busy.
    pub(crate) idle: Duration,
    /// Bytes per second in each direction, at most.
    pub(crate) rate: Option<u64>,
}

/// Something received from the peer.
pub(crate) enum Received {
    /// A frame.
    Frame(Frame),
    /// The header of a DATA frame.
    Data { file: u32, offset: u64, length: u32 },
    /// Nothing yet.
    Nothing,
    /// The end of the stream.
    End,
}

/// A wire with the protocol state of its session.
pub(crate) struct Link<S> {
    pub(crate) wire: Wire<S>,
    role: Role,
    limits: Limits,
    times: TimeLimits,
    /// On a client: its HELLO as sent, until ACCEPT was received.
    hello: Option<Vec<u8>>,
    /// On a client: its HELLO, parsed.
    asked: Option<Hello>,
    refused: Option<crate::proto::transfer::reason::Reason>,
    accepted: Option<Accept>,
    round_trip: Duration,
}

impl<S: Stream> Link<S> {
    /// Creates a link after the handshake or, with `awaits_accept`, on a client whose HELLO is queued.
    pub(crate) fn new(mut wire: Wire<S>, role: Role, limits: Limits, awaits_accept: bool) -> Link<S> {
        wire.limit_rate(limits.rate);
        let accept_by = awaits_accept.then(|| wire.last_traffic() + limits.handshake);
        let hello = awaits_accept.then(|| wire.queued().iter().take(FIXED_BYTES).copied().collect());
        let asked = match Hello::parse(wire.queued()) {
            Ok(Parsed::Complete { value, .. }) if awaits_accept => Some(value),
            _ => None,
        };
        Link {
            wire,
            role,
            limits,
            times: TimeLimits::new(limits.idle, accept_by),
            hello,
            asked,
            refused: None,
            accepted: None,
            round_trip: Duration::ZERO,
        }
    }

    /// Returns whether ACCEPT was received or sent, so that the peer's session reads what is sent now.
    pub(crate) fn is_accepted(&self) -> bool {
        !self.times.awaits_accept() && self.refused.is_none()
    }

    /// Restarts the idle limit of a connection that had nothing to carry.
    pub(crate) fn restart_idle(&mut self) {
        self.times.restart_idle(self.wire.now());
    }

    /// Returns the time that a client waited for ACCEPT.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Returns the server's ACCEPT, once.
    pub(crate) fn accepted(&mut self) -> Option<Accept> {
        self.accepted.take()
    }

    /// Adds the likely reason to a failure before the server's answer: a rejected client sees a reset.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        if !self.times.awaits_accept() || failure.error.to_string() != RESET {
            return failure;
        }
        let text = format!(
            "{RESET} before it answered: perhaps it rejects this address (--allow, --deny), or is full"
        );
        Failure { error: Error::new(failure.error.exit(), text), ..failure }
    }

    /// Reads the next frame or DATA header.
    pub(crate) fn receive(&mut self) -> Result<Received, Failure> {
        if self.times.awaits_accept() && !self.receive_accept()? {
            return Ok(Received::Nothing);
        }
        loop {
            match parse(self.wire.incoming()).map_err(protocol_error)? {
                ParsedFrame::Frame { frame, used } => {
                    self.wire.consume(used);
                    if matches!(frame, Frame::Ack { .. }) {
                        self.wire.note_moved();
                    }
                    return match self.refused.take() {
                        // After a refusal only its ERROR may follow.
                        Some(reason) if !matches!(frame, Frame::Error { .. }) => {
                            Err(peer_error(reason, "", self.role))
                        }
                        _ => Ok(Received::Frame(frame)),
                    };
                }
                ParsedFrame::Data { file, offset, length, used } => {
                    self.wire.consume(used);
                    self.wire.note_moved();
                    return Ok(Received::Data { file, offset, length });
                }
                ParsedFrame::Incomplete { needed } => match self.wire.fill(needed)? {
                    Filled::Enough => {}
                    Filled::Blocked => return Ok(Received::Nothing),
                    Filled::Ended => {
                        return self
                            .refused
                            .map_or(Ok(Received::End), |reason| Err(peer_error(reason, "", self.role)));
                    }
                },
            }
        }
    }

    /// Reads as [`Link::receive`], on a further connection. An `ERROR` or the peer's end ends that connection only.
    pub(crate) fn receive_further(&mut self, role: Role) -> Result<Received, Error> {
        match self.receive().map_err(|failure| failure.error)? {
            Received::Frame(Frame::Error { reason, text }) => Err(peer_error(reason, &text, role).error),
            received => Ok(received),
        }
    }

    fn receive_accept(&mut self) -> Result<bool, Failure> {
        loop {
            let parsed = Accept::parse(self.wire.incoming());
            if let (Err(Violation::NotOurs), Some(run_state)) = (&parsed, self.wire.run_state()) {
                run_state.note_noise(self.wire.incoming());
            }
            match parsed.map_err(protocol_error)? {
                Parsed::Complete { value, used } => {
                    if self.hello.take().is_some_and(|hello| self.wire.incoming().starts_with(&hello)) {
                        let text = "the peer sends this side's own bytes back: it is an echo server";
                        return Err(Error::new(Exit::Refused, text).into());
                    }
                    if let Some(hello) = self.asked.take() {
                        value.check(&hello).map_err(protocol_error)?;
                    }
                    self.wire.consume(used);
                    if let Some(run_state) = self.wire.run_state() {
                        run_state.note_answered();
                    }
                    if let Some(time) = self.times.accepted() {
                        let left = time.saturating_duration_since(self.wire.now());
                        self.round_trip = self.limits.handshake.saturating_sub(left);
                    }
                    // After a refusal, the ERROR frame that follows has the details.
                    self.refused = value.refused;
                    self.accepted = Some(value);
                    return Ok(true);
                }
                // Byte by byte: a peer of another protocol may send fewer bytes than an ACCEPT has.
                Parsed::Incomplete { .. } => match self.wire.fill(self.wire.incoming().len() + 1)? {
                    Filled::Enough => {}
                    Filled::Blocked => return Ok(false),
                    Filled::Ended => {
                        let text = "the peer closed the connection instead of answering";
                        return Err(Error::new(Exit::Lost, text).into());
                    }
                },
            }
        }
    }

    /// Fails if a time limit has passed. With `busy`, this side is working and sends PING from time to time.
    pub(crate) fn check_time(&mut self, now: Instant, busy: Option<Phase>) -> Result<(), Failure> {
        if let Some(phase) = busy {
            if self.times.busy(now) {
                self.wire.push(&encode(&Frame::Ping { phase: Some(phase), done: 0 }));
                self.wire.flush()?;
            }
            self.wire.restart_idle();
            return Ok(());
        }
        let limit = |what: &str, limit: Duration, option| {
            let limit = humantime::format_duration(limit);
            let text = format!("{what} {limit} (see {option})");
            Failure {
                error: Error::new(Exit::TimedOut, &text),
                to_peer: Some((crate::proto::transfer::reason::Reason::TimeLimit, text)),
            }
        };
        match self.times.overdue(now, self.wire.last_traffic()) {
            None => Ok(()),
            Some(Overdue::Accept) => {
                Err(limit("the peer did not answer within", self.limits.handshake, "--timeout"))
            }
            Some(Overdue::Idle) => {
                Err(limit("nothing was sent or received for", self.limits.idle, "--idle-timeout"))
            }
        }
    }

    /// Returns when to call [`Link::check_time`] again.
    pub(crate) fn deadline(&self) -> Instant {
        let times = self.times.deadline(self.wire.last_traffic());
        self.wire.wake_up().map_or(times, |time| time.min(times))
    }
}

/// Error for a frame that does not belong on a further connection.
pub(crate) fn out_of_place() -> Error {
    Error::new(Exit::Integrity, "an unexpected frame")
}
