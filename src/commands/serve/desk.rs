//! Stdin and stdout of `--keep-open`: stdin is said to all clients, what they say is written to stdout.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::hub::{Hub, Membership, Next, PIECE_BYTES, To};
use crate::commands::cannot_write;
use crate::error::{Error, Exit};
use crate::net::reactor::{Io, Nudge, Session, Status, Turn};
use crate::net::stdio::Stdio;
use crate::net::stream::{FdKind, Stream};

/// The standard streams, joined to a hub.
pub(super) struct Desk {
    stdio: Stdio,
    hub: Hub,
    output: Membership,
    nudge: Nudge,
    has_input_ended: bool,
    writing: Option<(Rc<[u8]>, usize)>,
    wait_until: Option<Instant>,
}

impl Desk {
    /// Takes stdin and stdout; with `recv_only` stdin is not read.
    pub(super) fn open(hub: &Hub, io: &Io, recv_only: bool) -> Result<Desk, Error> {
        let stdio = Stdio::open(io)?;
        let output = hub.join(io.nudge(), true);
        // What has nothing to say has not finished speaking.
        let has_input_ended = recv_only || stdio.input_kind() == FdKind::Null;
        let (hub, nudge) = (hub.clone(), io.nudge());
        Ok(Desk { stdio, hub, output, nudge, has_input_ended, writing: None, wait_until: None })
    }

    /// True if clients are told when stdin ends, so that those who have ended still have something to hear.
    pub(super) fn has_an_end(&self) -> bool {
        !self.has_input_ended && self.stdio.input_kind() != FdKind::Terminal
    }

    fn write(&mut self) -> Result<(), Error> {
        loop {
            let Some((piece, written)) = &mut self.writing else {
                match self.output.next() {
                    Next::Piece(piece) => self.writing = Some((piece, 0)),
                    Next::Wait | Next::End => return Ok(()),
                }
                continue;
            };
            match self.stdio.write(&piece[*written..]) {
                Ok(count) => *written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(cannot_write(&error)),
            }
            if *written == piece.len() {
                self.writing = None;
            }
        }
    }

    /// Reads stdin when there is somebody to hear it. True if there may be more than the budget allowed.
    fn read(&mut self, now: Instant, mut budget_bytes: usize) -> Result<bool, Error> {
        self.wait_until = None;
        let mut piece = [0; PIECE_BYTES];
        while !self.has_input_ended && self.hub.has_clients(&self.nudge) {
            if let Err(time) = self.hub.may_say(To::Clients, &self.nudge, now) {
                self.wait_until = time;
                break;
            }
            match self.stdio.read(&mut piece) {
                Ok(0) => {
                    self.has_input_ended = true;
                    self.hub.end_input();
                }
                Ok(count) => {
                    self.hub.say(To::Clients, &Rc::from(&piece[..count]));
                    let Some(rest) = budget_bytes.checked_sub(count) else { return Ok(true) };
                    budget_bytes = rest;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Error::new(Exit::Failed, format!("cannot read stdin: {error}"))),
            }
        }
        Ok(false)
    }
}

impl Session for Desk {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        self.write()?;
        let more = self.read(turn.now, turn.budget_bytes)?;
        if self.hub.is_deserted() && self.writing.is_none() {
            return Ok(Status::Done);
        }
        Ok(if more { Status::Again } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        self.wait_until
    }
}
