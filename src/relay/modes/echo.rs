//! `--echo`: each client gets its own bytes back.

use std::time::Instant;

use super::per_client::RelayClient;
use crate::error::Error;
use crate::error::lost;
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::pump::{Pump, Pumped};
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status};
use crate::net::stream::{Stream, Timed};
use crate::server::client_session::CountedSession;

/// A client that gets its own bytes back.
pub(crate) struct Echo<S> {
    peer: Limited<S>,
    pump: Pump,
    acknowledgement: AcknowledgementWait,
}

impl Echo<Box<dyn Stream>> {
    pub(crate) fn new(client: RelayClient) -> Echo<Box<dyn Stream>> {
        Echo::of(client.peer)
    }
}

impl<S: Stream> Echo<S> {
    fn of(peer: Limited<S>) -> Echo<S> {
        Echo { pump: Pump::new(&peer, &peer), peer, acknowledgement: AcknowledgementWait::default() }
    }
}

impl<S: Stream> Session for Echo<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.peer.tick(context.now);
        let pumped = self.pump.advance_within(&mut self.peer, context);
        if pumped.map_err(|fault| lost(&fault.error))? == Pumped::More {
            return Ok(Status::Again);
        }
        self.pump.pass_end(&mut self.peer).map_err(|error| lost(&error))?;
        let over = self.pump.lane().is_finished()
            && self.acknowledgement.is_acknowledged(&mut self.peer, context.now)?;
        Ok(if over { Status::Done } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        [self.acknowledgement.deadline(), self.peer.wake_up(), self.pump.wake_up()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl<S: Stream> CountedSession for Echo<S> {
    fn moved(&self) -> (u64, u64) {
        let lane = self.pump.lane();
        (lane.delivered(), lane.delivered() + lane.held() as u64)
    }
}
