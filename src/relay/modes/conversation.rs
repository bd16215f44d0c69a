//! A scripted conversation with each client.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::per_client::RelayClient;
use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::goodbye::LINGER;
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status};
use crate::net::stream::{Stream, Timed};
use crate::proto::relay::conversation::{LONGEST_LINE_BYTES, Script};
use crate::server::client_session::CountedSession;

/// Most bytes of one read, and of replies that wait to be sent: nothing is read meanwhile.
const PIECE_BYTES: usize = 4 << 10;

/// A client and its script.
pub(crate) struct Conversation<S> {
    peer: Limited<S>,
    script: Rc<Script>,
    input: Vec<u8>,
    has_ended: bool,
    output: Vec<u8>,
    /// The script is over: the client's further bytes are discarded.
    is_over: bool,
    half_closed: bool,
    linger_until: Option<Instant>,
    moved: (u64, u64),
    acknowledgement: AcknowledgementWait,
}

impl Conversation<Box<dyn Stream>> {
    pub(crate) fn new(client: RelayClient, script: &Rc<Script>) -> Conversation<Box<dyn Stream>> {
        Conversation::of(client.peer, Rc::clone(script))
    }
}

impl<S: Stream> Conversation<S> {
    fn of(peer: Limited<S>, script: Rc<Script>) -> Conversation<S> {
        Conversation {
            peer,
            output: script.greeting.clone(),
            script,
            input: Vec::new(),
            has_ended: false,
            is_over: false,
            half_closed: false,
            linger_until: None,
            moved: (0, 0),
            acknowledgement: AcknowledgementWait::default(),
        }
    }

    /// Sends the replies. True if nothing is left.
    fn send(&mut self) -> io::Result<bool> {
        while !self.output.is_empty() {
            match self.peer.write(&self.output) {
                Ok(count) => {
                    self.output.drain(..count);
                    self.moved.0 += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.output = Vec::new();
        Ok(true)
    }

    /// Reads a piece. Returns its length; `None` if there is none now.
    fn receive(&mut self) -> io::Result<Option<usize>> {
        let mut piece = [0; PIECE_BYTES];
        match self.peer.read(&mut piece) {
            Ok(count) => {
                self.has_ended = count == 0;
                self.moved.1 += count as u64;
                if !self.is_over {
                    self.input.extend_from_slice(&piece[..count]);
                }
                Ok(Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Answers complete messages in turn, while there is room for replies.
    fn answer(&mut self) -> Result<(), Error> {
        let mut used = 0;
        while !self.is_over && self.output.len() < PIECE_BYTES {
            let turn = self.script.next_turn(&self.input[used..], self.has_ended).map_err(|_| {
                Error::new(Exit::Failed, format!("a line of more than {LONGEST_LINE_BYTES} bytes"))
            })?;
            let Some((count, turn)) = turn else {
                self.is_over = self.has_ended;
                break;
            };
            used += count;
            self.output.extend_from_slice(turn.reply);
            self.is_over = turn.is_last;
        }
        self.input.drain(..used);
        if self.input.is_empty() || self.is_over {
            self.input = Vec::new();
        }
        Ok(())
    }
}

impl<S: Stream> Session for Conversation<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.peer.tick(context.now);
        let mut budget = context.budget_bytes;
        while self.send().map_err(|error| lost(&error))? {
            self.answer()?;
            if !self.output.is_empty() {
                continue;
            }
            if self.is_over && !self.half_closed {
                self.peer.finish_writing().map_err(|error| lost(&error))?;
                self.half_closed = true;
                self.linger_until = Some(context.now + LINGER);
            }
            if self.has_ended {
                break;
            }
            match self.receive().map_err(|error| lost(&error))? {
                None => break,
                Some(count) => match budget.checked_sub(count.max(1)) {
                    Some(rest) => budget = rest,
                    None => return Ok(Status::Again),
                },
            }
        }
        let is_linger_over = self.linger_until.is_some_and(|limit| context.now >= limit);
        if !self.half_closed || !(self.has_ended || is_linger_over) {
            return Ok(Status::Waiting);
        }
        if self.acknowledgement.is_acknowledged(&mut self.peer, context.now)? {
            return Ok(Status::Done);
        }
        match self.has_ended {
            true => Ok(Status::Waiting),
            false => Err(Error::new(Exit::TimedOut, "the client did not read its answers")),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let linger = self.linger_until.filter(|_| !self.has_ended);
        let times = [self.acknowledgement.deadline(), self.peer.wake_up(), linger];
        times.into_iter().flatten().min()
    }
}

impl<S: Stream> CountedSession for Conversation<S> {
    fn moved(&self) -> (u64, u64) {
        self.moved
    }
}
