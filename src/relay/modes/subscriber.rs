//! A client of `--keep-open` and `--broker`: what it says goes to the hub, what the hub has for it goes to it.

use std::fmt::Display;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::hub::{Hub, Next, PIECE_BYTES, Subscription, To};
use super::per_client::Client;
use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status, Waker};
use crate::net::stream::{Stream, Timed};
use crate::proto::relay::labels::Labels;
use crate::report::{escape, escape_bytes};
use crate::server::client_session::CountedSession;

/// What others get of what a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Its bytes, as they come.
    Raw,
    /// Its lines, behind its address in brackets.
    Labelled,
    /// Its lines, behind its address in angle brackets.
    Chat,
}

impl Words {
    /// What puts the speaker's name before its lines.
    pub(crate) fn labels(self, name: impl Display) -> Option<Labels> {
        // That of a Unix socket is its owner's choice.
        let name = escape(&name.to_string());
        match self {
            Words::Raw => None,
            Words::Labelled => Some(Labels::new(format!("[{name}] "))),
            Words::Chat => Some(Labels::new(format!("<{name}> "))),
        }
    }
}

/// A piece as others get it; an empty one is the end. A line with a name before it is harmless: nothing in it can pass
/// for another line, or hide one.
pub(crate) fn spoken(labels: &mut Option<Labels>, piece: &[u8]) -> Rc<[u8]> {
    let Some(labels) = labels else { return Rc::from(piece) };
    let show = |line: &[u8], out: &mut Vec<u8>| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        for (number, part) in line.split(|byte| *byte == b'\t').enumerate() {
            out.extend_from_slice(if number > 0 { b"\t" } else { b"" });
            out.extend_from_slice(escape_bytes(part).as_bytes());
        }
    };
    let mut lines = Vec::new();
    match piece {
        [] => labels.end(&mut lines, show),
        _ => labels.feed(piece, &mut lines, show),
    }
    Rc::from(lines)
}

/// Who hears what a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Stdout.
    Output,
    /// The other clients.
    Others,
    /// The other clients, and stdout.
    All,
    /// Nobody.
    None,
}

/// How clients of a hub are treated.
#[derive(Clone, Copy, Debug)]
pub struct SubscriberOptions {
    /// Who hears what they say.
    pub hearers: Audience,
    /// In which form.
    pub words: Words,
    /// A client that has ended has nothing to wait for.
    pub closes_at_eof: bool,
}

/// One client.
pub struct Subscriber<S> {
    peer: Limited<S>,
    hub: Hub,
    subscription: Subscription,
    waker: Waker,
    to: Option<To>,
    manners: SubscriberOptions,
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
    acknowledgement: AcknowledgementWait,
}

impl Subscriber<Box<dyn Stream>> {
    pub(crate) fn new(client: Client, hub: &Hub, manners: SubscriberOptions) -> Subscriber<Box<dyn Stream>> {
        Subscriber::join(client.peer, client.io.waker(), client.name, hub, manners)
    }
}

impl<S: Stream> Subscriber<S> {
    /// A client with this connection and name joins the hub.
    pub fn join(
        peer: Limited<S>,
        waker: Waker,
        name: impl Display,
        hub: &Hub,
        manners: SubscriberOptions,
    ) -> Subscriber<S> {
        let subscription = hub.join(waker.clone(), false);
        Subscriber {
            peer,
            hub: hub.clone(),
            to: match manners.hearers {
                Audience::Output => Some(To::Output),
                Audience::Others => Some(To::Others(subscription.id())),
                Audience::All => Some(To::All(subscription.id())),
                Audience::None => None,
            },
            subscription,
            waker,
            manners,
            labels: manners.words.labels(name),
            sending: None,
            half_closed: false,
            has_ended: false,
            said: 0,
            wait_until: None,
            failure: None,
            moved: (0, 0),
            acknowledgement: AcknowledgementWait::default(),
        }
    }

    /// True if there may be more than the budget allowed.
    fn exchange(&mut self, context: Context) -> Result<bool, Error> {
        Ok(self.tell(context.budget_bytes)? | self.listen(context.now, context.budget_bytes)?)
    }

    /// Sends what there is for it. True if there may be more than the budget allowed.
    fn tell(&mut self, mut budget_bytes: usize) -> Result<bool, Error> {
        if self.subscription.is_cut() {
            return Err(Error::new(Exit::TimedOut, "cut: it kept the others waiting (see --slow)"));
        }
        while !self.half_closed {
            let Some((piece, sent)) = &mut self.sending else {
                match self.subscription.next() {
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
            let may_say = self.to.map_or(Ok(()), |to| self.hub.may_say(to, &self.waker, now));
            if let Err(time) = may_say {
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
        if !self.has_ended || !self.hub.is_written(self.said, &self.waker) {
            return Ok(false);
        }
        // Nothing is on its way to it, and what it had to say is said.
        if self.manners.closes_at_eof && self.sending.is_none() && !self.half_closed {
            self.half_close()?;
        }
        Ok(self.half_closed && self.acknowledgement.is_acknowledged(&mut self.peer, now)?)
    }
}

impl<S> Subscriber<S> {
    /// Nothing is the end.
    fn pass_on(&mut self, piece: &[u8]) {
        let Some(to) = self.to else { return };
        let said = spoken(&mut self.labels, piece);
        if !said.is_empty() {
            self.hub.say(to, &said);
            self.said = self.hub.said_to_output();
        }
    }
}

/// A line that has begun is a line, however its speaker has ended.
impl<S> Drop for Subscriber<S> {
    fn drop(&mut self) {
        self.pass_on(&[]);
    }
}

impl<S: Stream> Session for Subscriber<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.peer.tick(context.now);
        if self.failure.is_none() {
            match self.exchange(context) {
                Ok(true) => return Ok(Status::Again),
                Ok(false) => {}
                Err(error) => self.failure = Some(error),
            }
        }
        if self.failure.is_some() {
            // It waits for nobody any more but for stdout.
            self.wait_until = None;
        }
        // What it has said before it failed is written, too.
        if self.failure.is_some() && self.hub.is_written(self.said, &self.waker) {
            return self.failure.take().map_or(Ok(Status::Done), Err);
        }
        if self.failure.is_none() && self.is_over(context.now)? {
            return match self.subscription.missed_bytes() {
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
        let times = [self.acknowledgement.deadline(), self.peer.wake_up(), self.wait_until];
        times.into_iter().flatten().min()
    }
}

impl<S: Stream> CountedSession for Subscriber<S> {
    fn moved(&self) -> (u64, u64) {
        self.moved
    }
}
