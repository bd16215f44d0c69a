//! A client of `--keep-open` and `--broker`: what it says goes to the hub, what the hub has for it goes to it.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::each::Client;
use super::hub::{Hub, Membership, Next, PIECE_BYTES, To};
use crate::commands::attended::Visit;
use crate::commands::lost;
use crate::commands::settling::Settling;
use crate::error::{Error, Exit};
use crate::net::rate::Limited;
use crate::net::reactor::{Nudge, Session, Status, Turn};
use crate::net::stream::{Stream, Transport};
use crate::proto::labels::Labels;
use crate::report::escape_bytes;

/// What others get of what a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Its bytes, as they come.
    Raw,
    /// Its lines, behind its address.
    Labelled,
    /// Its lines, behind its address, and harmless to a terminal.
    Chat,
}

/// How clients of a hub are treated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    /// They talk to each other; else to stdout.
    pub(super) is_broker: bool,
    pub(super) words: Words,
    /// A client that has ended has nothing to wait for.
    pub(super) leaves_with_its_end: bool,
}

/// One client.
pub(super) struct Member<S> {
    peer: Limited<S>,
    hub: Hub,
    membership: Membership,
    nudge: Nudge,
    to: To,
    manners: Manners,
    labels: Option<Labels>,
    /// What is being sent to it, and how much of that was.
    sending: Option<(Rc<[u8]>, usize)>,
    half_closed: bool,
    has_ended: bool,
    /// Up to where stdout must have written before this client hears that all has arrived.
    said: u64,
    wait_until: Option<Instant>,
    /// It is lost.
    failure: Option<Error>,
    moved: (u64, u64),
    settling: Settling,
}

impl Member<Transport> {
    pub(super) fn new(client: Client, hub: &Hub, manners: Manners) -> Member<Transport> {
        let nudge = client.io.nudge();
        let membership = hub.join(nudge.clone(), false);
        let name = client.name;
        let label = match manners.words {
            Words::Raw => None,
            Words::Labelled => Some(format!("[{name}] ")),
            Words::Chat => Some(format!("<{name}> ")),
        };
        Member {
            peer: client.peer,
            hub: hub.clone(),
            to: if manners.is_broker { To::Others(membership.id()) } else { To::Output },
            membership,
            nudge,
            manners,
            labels: label.map(Labels::new),
            sending: None,
            half_closed: false,
            has_ended: false,
            said: 0,
            wait_until: None,
            failure: None,
            moved: (0, 0),
            settling: Settling::default(),
        }
    }
}

impl<S: Stream> Member<S> {
    /// True if there may be more than the budget allowed.
    fn exchange(&mut self, turn: Turn) -> Result<bool, Error> {
        Ok(self.tell(turn.budget_bytes)? | self.listen(turn.now, turn.budget_bytes)?)
    }

    /// Sends what there is for it. True if there may be more than the budget allowed.
    fn tell(&mut self, mut budget_bytes: usize) -> Result<bool, Error> {
        if self.membership.is_cut() {
            return Err(Error::new(Exit::TimedOut, "cut: it kept the others waiting (see --slow)"));
        }
        while !self.half_closed {
            let Some((piece, sent)) = &mut self.sending else {
                match self.membership.next() {
                    Next::Piece(piece) => self.sending = Some((piece, 0)),
                    Next::Wait => break,
                    Next::End => self.half_close()?,
                }
                continue;
            };
            match self.peer.write(&piece[*sent..]) {
                Ok(count) => {
                    *sent += count;
                    self.moved.0 += count as u64;
                    if *sent == piece.len() {
                        self.sending = None;
                    }
                    let Some(rest) = budget_bytes.checked_sub(count) else { return Ok(true) };
                    budget_bytes = rest;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(lost(&error)),
            }
        }
        Ok(false)
    }

    /// Hears what it says, as long as those who are to hear it have room.
    fn listen(&mut self, now: Instant, mut budget_bytes: usize) -> Result<bool, Error> {
        self.wait_until = None;
        let mut piece = [0; PIECE_BYTES];
        while !self.has_ended {
            if let Err(time) = self.hub.may_say(self.to, &self.nudge, now) {
                self.wait_until = time;
                break;
            }
            match self.peer.read(&mut piece) {
                Ok(count) => {
                    self.has_ended = count == 0;
                    self.moved.1 += count as u64;
                    self.pass_on(&piece[..count]);
                    let Some(rest) = budget_bytes.checked_sub(count) else { return Ok(true) };
                    budget_bytes = rest;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(lost(&error)),
            }
        }
        Ok(false)
    }

    fn half_close(&mut self) -> Result<(), Error> {
        self.peer.finish_writing().map_err(|error| lost(&error))?;
        self.half_closed = true;
        Ok(())
    }

    /// True when it is over on both sides, and what it said was written.
    fn is_over(&mut self, now: Instant) -> Result<bool, Error> {
        if !self.has_ended || !self.hub.is_written(self.said, &self.nudge) {
            return Ok(false);
        }
        // Nothing is on its way to it, and what it had to say is said.
        if self.manners.leaves_with_its_end && self.sending.is_none() && !self.half_closed {
            self.half_close()?;
        }
        Ok(self.half_closed && self.settling.settles(&mut self.peer, now)?)
    }
}

impl<S> Member<S> {
    /// Nothing is the end.
    fn pass_on(&mut self, piece: &[u8]) {
        let said: Rc<[u8]> = match &mut self.labels {
            None => Rc::from(piece),
            Some(labels) => {
                let (is_chat, mut lines) = (self.manners.words == Words::Chat, Vec::new());
                let show = |line: &[u8], out: &mut Vec<u8>| match is_chat {
                    true => out
                        .extend_from_slice(escape_bytes(line.strip_suffix(b"\r").unwrap_or(line)).as_bytes()),
                    false => out.extend_from_slice(line),
                };
                match piece {
                    [] => labels.end(&mut lines, show),
                    _ => labels.feed(piece, &mut lines, show),
                }
                Rc::from(lines)
            }
        };
        if !said.is_empty() {
            self.hub.say(self.to, &said);
            self.said = self.hub.said_to_output();
        }
    }
}

/// A line that has begun is a line, however its speaker has ended.
impl<S> Drop for Member<S> {
    fn drop(&mut self) {
        self.pass_on(&[]);
    }
}

impl<S: Stream> Session for Member<S> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        self.peer.tick(turn.now);
        if self.failure.is_none() {
            match self.exchange(turn) {
                Ok(true) => return Ok(Status::Again),
                Ok(false) => {}
                Err(error) => self.failure = Some(error),
            }
        }
        // What it has said before it failed is written, too.
        if self.failure.is_some() && self.hub.is_written(self.said, &self.nudge) {
            return self.failure.take().map_or(Ok(Status::Done), Err);
        }
        if self.failure.is_none() && self.is_over(turn.now)? {
            return match self.membership.missed_bytes() {
                0 => Ok(Status::Done),
                missed => {
                    let text = format!("too slow: it missed {missed} bytes (see --slow)");
                    Err(Error::new(Exit::Partial, text))
                }
            };
        }
        Ok(Status::Waiting)
    }

    fn deadline(&self) -> Option<Instant> {
        let times = [self.settling.deadline(), self.peer.wake_up(), self.wait_until];
        times.into_iter().flatten().min()
    }
}

impl<S: Stream> Visit for Member<S> {
    fn moved(&self) -> (u64, u64) {
        self.moved
    }
}
