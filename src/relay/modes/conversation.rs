//! A client is talked to by a script.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::per_client::Client;
use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::goodbye::LINGER;
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status};
use crate::net::stream::{Stream, Timed};
use crate::proto::relay::conversation::{LONGEST_LINE_BYTES, Script};
use crate::server::client_session::CountedSession;

/// What is read at once, and waits to be said: nothing more is heard meanwhile.
const PIECE_BYTES: usize = 4 << 10;

/// A client and the script.
pub(crate) struct Conversation<S> {
    peer: Limited<S>,
    script: Rc<Script>,
    heard: Vec<u8>,
    has_ended: bool,
    said: Vec<u8>,
    /// The script is over: what the client still says is thrown away.
    is_over: bool,
    half_closed: bool,
    linger_until: Option<Instant>,
    moved: (u64, u64),
    acknowledgement: AcknowledgementWait,
}

impl Conversation<Box<dyn Stream>> {
    pub(crate) fn new(client: Client, script: &Rc<Script>) -> Conversation<Box<dyn Stream>> {
        Conversation::of(client.peer, Rc::clone(script))
    }
}

impl<S: Stream> Conversation<S> {
    fn of(peer: Limited<S>, script: Rc<Script>) -> Conversation<S> {
        Conversation {
            peer,
            said: script.greeting.clone(),
            script,
            heard: Vec::new(),
            has_ended: false,
            is_over: false,
            half_closed: false,
            linger_until: None,
            moved: (0, 0),
            acknowledgement: AcknowledgementWait::default(),
        }
    }

    /// Says what is to be said; true if nothing is left.
    fn say(&mut self) -> io::Result<bool> {
        while !self.said.is_empty() {
            match self.peer.write(&self.said) {
                Ok(count) => {
                    self.said.drain(..count);
                    self.moved.0 += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.said = Vec::new();
        Ok(true)
    }

    /// Reads a piece: how many bytes, or that there is none now.
    fn listen(&mut self) -> io::Result<Option<usize>> {
        let mut piece = [0; PIECE_BYTES];
        match self.peer.read(&mut piece) {
            Ok(count) => {
                self.has_ended = count == 0;
                self.moved.1 += count as u64;
                if !self.is_over {
                    self.heard.extend_from_slice(&piece[..count]);
                }
                Ok(Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Answers what was heard completely, one thing after the other, as long as there is room.
    fn answer(&mut self) -> Result<(), Error> {
        let mut used = 0;
        while !self.is_over && self.said.len() < PIECE_BYTES {
            let turn = self.script.hear(&self.heard[used..], self.has_ended).map_err(|_| {
                Error::new(Exit::Failed, format!("a line of more than {LONGEST_LINE_BYTES} bytes"))
            })?;
            let Some((count, turn)) = turn else {
                self.is_over = self.has_ended;
                break;
            };
            used += count;
            self.said.extend_from_slice(turn.say);
            self.is_over = turn.is_last;
        }
        self.heard.drain(..used);
        if self.heard.is_empty() || self.is_over {
            self.heard = Vec::new();
        }
        Ok(())
    }
}

impl<S: Stream> Session for Conversation<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.peer.tick(context.now);
        let mut budget = context.budget_bytes;
        while self.say().map_err(|error| lost(&error))? {
            self.answer()?;
            if !self.said.is_empty() {
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
            match self.listen().map_err(|error| lost(&error))? {
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
