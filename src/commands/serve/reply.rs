//! A client is told a text, or nothing; what it says is thrown away.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::each::Client;
use crate::commands::attended::Visit;
use crate::commands::lost;
use crate::commands::settling::Settling;
use crate::error::Error;
use crate::net::around::Nowhere;
use crate::net::pump::{Pump, Pumped};
use crate::net::rate::Limited;
use crate::net::reactor::{Session, Status, Turn};
use crate::net::stream::{Stream, Transport};

/// A client that is told something, and drained.
pub(super) struct Reply<S> {
    peer: Limited<S>,
    text: Rc<[u8]>,
    told: usize,
    /// End our direction behind the text; else when the peer has ended.
    ends_first: bool,
    ended: bool,
    drain: Pump,
    settling: Settling,
}

impl Reply<Transport> {
    /// Says `text` and ends its direction.
    pub(super) fn new(client: Client, text: &Rc<[u8]>) -> Reply<Transport> {
        Reply::of(client.peer, Rc::clone(text), true)
    }

    /// Has nothing to say.
    pub(super) fn discard(client: Client) -> Reply<Transport> {
        Reply::of(client.peer, Rc::default(), false)
    }
}

impl<S: Stream> Reply<S> {
    fn of(peer: Limited<S>, text: Rc<[u8]>, ends_first: bool) -> Reply<S> {
        let (drain, settling) = (Pump::copying(), Settling::default());
        Reply { peer, text, told: 0, ends_first, ended: false, drain, settling }
    }

    fn tell(&mut self) -> io::Result<()> {
        while self.told < self.text.len() {
            match self.peer.write(&self.text[self.told..]) {
                Ok(count) => self.told += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if !self.ended && (self.ends_first || self.drain.lane().has_source_ended()) {
            self.peer.finish_writing()?;
            self.ended = true;
        }
        Ok(())
    }
}

impl<S: Stream> Session for Reply<S> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        self.peer.tick(turn.now);
        let drained = self.drain.advance(&mut self.peer, &mut Nowhere, turn);
        let drained = drained.map_err(|fault| lost(&fault.error))?;
        self.tell().map_err(|error| lost(&error))?;
        if drained == Pumped::More {
            return Ok(Status::Again);
        }
        let over = self.ended && self.drain.lane().is_drained();
        let over = over && self.settling.settles(&mut self.peer, turn.now)?;
        Ok(if over { Status::Done } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        [self.settling.deadline(), self.peer.wake_up()].into_iter().flatten().min()
    }
}

impl<S: Stream> Visit for Reply<S> {
    fn moved(&self) -> (u64, u64) {
        (self.told as u64, self.drain.lane().delivered())
    }
}
