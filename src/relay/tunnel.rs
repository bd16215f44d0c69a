//! A tunnel between two peers: each gets the other's bytes, end and failure.

use std::time::Instant;

use crate::error::Error;
use crate::error::lost;
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::pump::{Pump, PumpError, Pumped, Side};
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Status};
use crate::net::send::{SendBuffer, Sent, send_all};
use crate::net::stream::{SocketState, Stream, Timed, Transport};
use crate::net::wrapper::Sink;
use crate::proto::relay::lane::Direction;

/// A client and the target that it was connected to. Both are reset when this is dropped before it is over.
pub struct Tunnel<C, T = Transport> {
    client: Limited<C>,
    target: T,
    target_name: String,
    outbound: Pump,
    inbound: Pump,
    /// Bytes for each side before those of the other.
    to_target: SendBuffer,
    to_client: SendBuffer,
    /// The direction whose sink takes no more bytes, and why. What that side has sent before is still passed on.
    failure: Option<(Direction, Error)>,
    /// The target was lost.
    is_target_lost: bool,
    /// Discards the bytes for that side. Unread they would fill the other connection until the system drops all that
    /// arrives, acknowledgements of the other direction included.
    drain: Pump,
    acknowledgement: [AcknowledgementWait; 2],
}

impl<C: Stream> Tunnel<C> {
    /// Joins a client, whose connection is reset if it is dropped, to a connection.
    pub(crate) fn new(client: Limited<C>, mut target: Transport) -> Result<Self, Error> {
        let target_name = target.peer_name().to_string();
        target.reset_on_close(true).map_err(|error| target_lost(&target_name, &error))?;
        Ok(Tunnel::of(client, target, target_name))
    }
}

/// The error for a lost target.
pub(super) fn target_lost(target: &str, error: &std::io::Error) -> Error {
    lost(error).context(format!("target {target}"))
}

/// Moves one direction: the preface, the stream, and its end.
fn pass(
    preface: &mut SendBuffer,
    pump: &mut Pump,
    source: &mut impl Stream,
    sink: &mut impl Stream,
    (context, may_end): (Context, bool),
) -> Result<Pumped, PumpError> {
    if preface.pending() > 0 {
        let sent = send_all(sink, preface).map_err(|error| PumpError { side: Side::Sink, error })?;
        if sent == Sent::Blocked {
            return Ok(Pumped::Blocked);
        }
    }
    let pumped = pump.advance(source, sink, context)?;
    if may_end {
        pump.pass_end(sink).map_err(|error| PumpError { side: Side::Sink, error })?;
    }
    Ok(pumped)
}

impl<C: Stream, T: Stream> Tunnel<C, T> {
    /// As `new`, for two streams of any kind.
    pub fn of(client: Limited<C>, target: T, target_name: String) -> Tunnel<C, T> {
        Tunnel {
            outbound: Pump::new(&client, &target),
            inbound: Pump::new(&target, &client),
            client,
            target,
            target_name,
            to_target: SendBuffer::default(),
            to_client: SendBuffer::default(),
            failure: None,
            is_target_lost: false,
            drain: Pump::copying(),
            acknowledgement: Default::default(),
        }
    }

    /// Sends the target these bytes before the client's first one.
    pub fn send_first_to_target(&mut self, bytes: &[u8]) {
        self.to_target.push(bytes);
    }

    /// Sends the client these bytes before the target's first one.
    pub fn send_first_to_client(&mut self, bytes: &[u8]) {
        self.to_client.push(bytes);
    }

    fn pump(&mut self, direction: Direction, context: Context) -> Result<Pumped, Error> {
        let has_failed = self.failure.as_ref().is_some_and(|(failed, _)| *failed == direction);
        // A side that takes no more was reset: an end that comes from it is not passed on.
        let rules = (context, self.failure.is_none());
        let pumped = match direction {
            Direction::Sent if has_failed => self.drain.advance(&mut self.client, &mut Sink, context),
            Direction::Received if has_failed => self.drain.advance(&mut self.target, &mut Sink, context),
            Direction::Sent => {
                let (client, target) = (&mut self.client, &mut self.target);
                pass(&mut self.to_target, &mut self.outbound, client, target, rules)
            }
            Direction::Received => {
                let (client, target) = (&mut self.client, &mut self.target);
                pass(&mut self.to_client, &mut self.inbound, target, client, rules)
            }
        };
        pumped.or_else(|PumpError { side, error }| {
            let is_clients = (direction == Direction::Sent) == (side == Side::Source);
            let error = if is_clients { lost(&error) } else { self.target_is_lost(&error) };
            // Of two failures the first is the cause. A side that cannot be read sends nothing more. One that cannot be
            // written may have sent bytes that the other side must still get.
            match self.failure.take() {
                Some((_, first)) => Err(first),
                None if side == Side::Source => Err(error),
                None => {
                    self.failure = Some((direction, error));
                    Ok(Pumped::Blocked)
                }
            }
        })
    }

    /// Looks for a reset after a side's end, which a read does not report.
    fn check_ended_sides(&mut self) -> Result<(), Error> {
        if self.outbound.lane().has_source_ended() {
            self.client.take_error().map_err(|error| lost(&error))?;
        }
        if self.inbound.lane().has_source_ended() {
            self.target.take_error().map_err(|error| self.target_is_lost(&error))?;
        }
        Ok(())
    }

    /// Moves what can be moved now; see [`crate::net::reactor::Session`].
    pub fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.client.tick(context.now);
        let moved = [Direction::Sent, Direction::Received].map(|direction| self.pump(direction, context));
        let [sent, received] = moved;
        let more = [sent?, received?].contains(&Pumped::More);
        let other_is_over = self.failure.as_ref().is_some_and(|(direction, _)| match direction {
            Direction::Sent => self.inbound.lane().is_drained(),
            Direction::Received => self.outbound.lane().is_drained(),
        });
        if let Some((_, failure)) = self.failure.take_if(|_| other_is_over) {
            return Err(failure);
        }
        self.check_ended_sides()?;
        if self.outbound.lane().is_finished() && self.inbound.lane().is_finished() {
            let [of_client, of_target] = &mut self.acknowledgement;
            let is_client_done = of_client.is_acknowledged(&mut self.client, context.now)?;
            let target = of_target.is_acknowledged(&mut self.target, context.now);
            let is_target_done = target.map_err(|error| {
                self.is_target_lost = true;
                error.context(format!("target {}", self.target_name))
            })?;
            if is_client_done && is_target_done {
                return Ok(Status::Done);
            }
        }
        Ok(if more { Status::Again } else { Status::Waiting })
    }

    /// When to call [`Tunnel::advance`] even if nothing happens.
    pub fn deadline(&self) -> Option<Instant> {
        let looks = self.acknowledgement.iter().filter_map(AcknowledgementWait::deadline);
        let pumps = [&self.outbound, &self.inbound].into_iter().filter_map(Pump::wake_up);
        looks.chain(pumps).chain(self.client.wake_up()).min()
    }

    fn target_is_lost(&mut self, error: &std::io::Error) -> Error {
        self.is_target_lost = true;
        target_lost(&self.target_name, error)
    }

    /// True if the tunnel failed because its target was lost.
    pub fn has_lost_target(&self) -> bool {
        self.is_target_lost
    }

    /// Bytes sent to the client, and received from it.
    pub fn moved(&self) -> (u64, u64) {
        let lane = self.outbound.lane();
        (self.inbound.lane().delivered(), lane.delivered() + lane.held() as u64)
    }
}
