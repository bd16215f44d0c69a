//! What a client sends goes back to it, or nowhere.

use std::time::Instant;

use super::each::Client;
use crate::commands::attended::Visit;
use crate::commands::lost;
use crate::commands::settling::Settling;
use crate::error::Error;
use crate::net::pump::{Pump, Pumped};
use crate::net::rate::Limited;
use crate::net::reactor::{Session, Status, Turn};
use crate::net::stream::Stream;

/// A client that hears itself.
pub(super) struct Echo<S> {
    peer: Limited<S>,
    pump: Pump,
    settling: Settling,
}

impl Echo<Box<dyn Stream>> {
    pub(super) fn new(client: Client) -> Echo<Box<dyn Stream>> {
        Echo::of(client.peer)
    }
}

impl<S: Stream> Echo<S> {
    fn of(peer: Limited<S>) -> Echo<S> {
        Echo { pump: Pump::new(&peer, &peer), peer, settling: Settling::default() }
    }
}

impl<S: Stream> Session for Echo<S> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        self.peer.tick(turn.now);
        let pumped = self.pump.advance_within(&mut self.peer, turn);
        if pumped.map_err(|fault| lost(&fault.error))? == Pumped::More {
            return Ok(Status::Again);
        }
        if self.pump.lane().owes_half_close() {
            self.peer.finish_writing().map_err(|error| lost(&error))?;
            self.pump.lane_mut().finish_sink();
        }
        let over = self.pump.lane().is_finished() && self.settling.settles(&mut self.peer, turn.now)?;
        Ok(if over { Status::Done } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        [self.settling.deadline(), self.peer.wake_up(), self.pump.wake_up()].into_iter().flatten().min()
    }
}

impl<S: Stream> Visit for Echo<S> {
    fn moved(&self) -> (u64, u64) {
        let lane = self.pump.lane();
        (lane.delivered(), lane.delivered() + lane.held() as u64)
    }
}
