//! A client's HELLO: everything that comes before its session, and needs no file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rejection::{not_ours, reject_queued, too_many};
use crate::error::{Error, Exit};
use crate::net::stream::Stream;
use crate::proto::Parsed;
use crate::proto::transfer::hello::{Hello, MAGIC};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;
use crate::server::places::SourceSlot;
use crate::transfer::connection::closing::Closing;
use crate::transfer::connection::wire::{Failure, Filled, Wire};
use crate::transfer::failure::protocol_error;

/// Time limit for getting a place of the client's source. Further connections return theirs once they send JOIN.
pub(super) const PLACE_LIMIT: Duration = Duration::from_millis(500);

/// A client that has not said what it wants.
pub(crate) struct Greeting<S> {
    wire: Wire<S>,
    place: Arc<SourceSlot>,
    /// When HELLO must be complete.
    hello_by: Instant,
    /// The limit that is named when it is not.
    limit: Duration,
}

impl<S: Stream> Greeting<S> {
    /// Waits for at most `limit` for the HELLO of a new client; for less if it has no place among those of its source.
    pub(crate) fn new(stream: S, place: Arc<SourceSlot>, limit: Duration, now: Instant) -> Greeting<S> {
        let limit_here = if place.is_acquired() { limit } else { PLACE_LIMIT.min(limit) };
        Greeting { wire: Wire::greeting(stream, now), place, hello_by: now + limit_here, limit }
    }

    /// Reads what has come. `None`: HELLO is not complete.
    pub(crate) fn advance(&mut self, now: Instant) -> Result<Option<Hello>, Failure> {
        self.wire.tick(now);
        let result = self.read_hello(now);
        let is_silent = self.wire.incoming().is_empty();
        result.map_err(|mut failure| {
            if is_silent && failure.error.exit() == Exit::Lost {
                failure.error = failure.error.of_health_check();
            }
            failure
        })
    }

    fn read_hello(&mut self, now: Instant) -> Result<Option<Hello>, Failure> {
        loop {
            match Hello::parse(self.wire.incoming()) {
                Ok(Parsed::Complete { value, used }) => {
                    self.wire.consume(used);
                    return Ok(Some(value));
                }
                // Byte by byte at first: a client of another protocol may send fewer bytes than a HELLO has.
                Ok(Parsed::Incomplete { needed }) => {
                    let here = self.wire.incoming().len();
                    let wanted = if here > MAGIC.len() { needed } else { here + 1 };
                    match self.wire.fill(wanted)? {
                        Filled::Enough => {}
                        Filled::Blocked if now < self.hello_by => return Ok(None),
                        Filled::Blocked => return Err(self.is_late()),
                        Filled::Ended => {
                            let text = "the client closed the connection before its handshake was complete";
                            return Err(Error::new(Exit::Lost, text).into());
                        }
                    }
                }
                Err(Violation::NotOurs) => return Err(not_ours(&mut self.wire)),
                Err(violation) => return Err(protocol_error(violation)),
            }
        }
    }

    fn is_late(&self) -> Failure {
        if !self.place.is_acquired() {
            return too_many();
        }
        let limit = humantime::format_duration(self.limit);
        let text = format!("the client's handshake took over {limit} (see --timeout)");
        let to_peer = Some((Reason::TimeLimit, text.clone()));
        Failure { error: Error::new(Exit::TimedOut, text), to_peer }
    }

    /// The connection, once HELLO is complete.
    pub(crate) fn into_wire(self) -> Wire<S> {
        self.wire.greeted()
    }

    /// Ends the connection with this failure.
    pub(crate) fn fail(self, Failure { error, to_peer }: Failure) -> Closing<S> {
        reject_queued(self.wire, to_peer, Some(error)).with_reset()
    }

    /// When to continue if nothing comes before.
    pub(crate) fn deadline(&self) -> Instant {
        self.hello_by
    }
}
