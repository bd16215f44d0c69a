//! A client of `--keep-open` and `--broker`: its bytes go to the hub, and the pieces of its queue to it.

use std::fmt::Display;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::hub::{Hub, PIECE_BYTES, QueueItem, Subscription, To};
use super::per_client::RelayClient;
use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status, Waker};
use crate::net::stream::{KernelEnds, Stream, Timed};
use crate::proto::relay::labels::Labels;
use crate::report::{escape, escape_bytes};
use crate::server::client_session::CountedSession;

/// The form in which others receive a client's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labelling {
    /// Its bytes, as they come.
    Raw,
    /// Lines, each after the client's address in brackets.
    Labelled,
    /// Lines, each after the client's address in angle brackets.
    Chat,
}

impl Labelling {
    /// The labels for the lines of a client with this name; none for raw bytes.
    pub(crate) fn labels(self, name: impl Display) -> Option<Labels> {
        // That of a Unix socket is its owner's choice.
        let name = escape(&name.to_string());
        match self {
            Labelling::Raw => None,
            Labelling::Labelled => Some(Labels::new(format!("[{name}] "))),
            Labelling::Chat => Some(Labels::new(format!("<{name}> "))),
        }
    }
}

/// A piece as others receive it; an empty one is the end. Control characters of a line with a label are escaped: no
/// part of it can pass for another line, or hide one.
pub(crate) fn labelled(labels: &mut Option<Labels>, piece: &[u8]) -> Rc<[u8]> {
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

/// The receivers of a client's bytes.
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

/// Options for the clients of a hub.
#[derive(Clone, Copy, Debug)]
pub struct SubscriberOptions {
    /// The receivers of their bytes.
    pub audience: Audience,
    /// The form of these.
    pub labelling: Labelling,
    /// A client that has ended is closed: it has nothing to wait for.
    pub closes_at_eof: bool,
}

/// One client.
pub struct Subscriber<S> {
    peer: Limited<S>,
    hub: Hub,
    subscription: Subscription,
    waker: Waker,
    to: Option<To>,
    options: SubscriberOptions,
    labels: Option<Labels>,
    /// The piece that is being sent to it, and the bytes of it that were.
    sending: Option<(Rc<[u8]>, usize)>,
    half_closed: bool,
    has_ended: bool,
    /// Pieces that stdout must have written before this client is closed in order.
    published: u64,
    wait_until: Option<Instant>,
    /// The connection has failed.
    failure: Option<Error>,
    moved: (u64, u64),
    acknowledgement: AcknowledgementWait,
}

impl Subscriber<Box<dyn Stream>> {
    pub(crate) fn new(
        client: RelayClient,
        hub: &Hub,
        options: SubscriberOptions,
    ) -> Subscriber<Box<dyn Stream>> {
        Subscriber::join(client.peer, client.io.waker(), client.name, hub, options)
    }
}

impl<S: Stream> Subscriber<S> {
    /// Subscribes a client with this connection and name to the hub.
    pub fn join(
        peer: Limited<S>,
        waker: Waker,
        name: impl Display,
        hub: &Hub,
        options: SubscriberOptions,
    ) -> Subscriber<S> {
        let subscription = hub.subscribe(waker.clone(), false);
        Subscriber {
            peer,
            hub: hub.clone(),
            to: match options.audience {
                Audience::Output => Some(To::Output),
                Audience::Others => Some(To::Others(subscription.id())),
                Audience::All => Some(To::All(subscription.id())),
                Audience::None => None,
            },
            subscription,
            waker,
            options,
            labels: options.labelling.labels(name),
            sending: None,
            half_closed: false,
            has_ended: false,
            published: 0,
            wait_until: None,
            failure: None,
            moved: (0, 0),
            acknowledgement: AcknowledgementWait::default(),
        }
    }

    /// True if there may be more than the budget allowed.
    fn exchange(&mut self, context: Context) -> Result<bool, Error> {
        Ok(self.send(context.budget_bytes)? | self.receive(context.now, context.budget_bytes)?)
    }

    /// Sends the pieces of its queue. True if there may be more than the budget allowed.
    fn send(&mut self, mut budget_bytes: usize) -> Result<bool, Error> {
        if self.subscription.is_cut() {
            return Err(Error::new(Exit::TimedOut, "cut: it kept the others waiting (see --slow)"));
        }
        while !self.half_closed {
            let Some((piece, sent)) = &mut self.sending else {
                match self.subscription.next() {
                    QueueItem::Piece(piece) => self.sending = Some((piece, 0)),
                    QueueItem::Wait => break,
                    QueueItem::End => self.half_close()?,
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

    /// Reads from it while its receivers have room. True if there may be more than the budget allowed.
    fn receive(&mut self, now: Instant, budget_bytes: usize) -> Result<bool, Error> {
        self.wait_until = None;
        // A client that has nothing to say does not wait for others.
        match self.peer.reading_end().is_none_or(|end| end.readiness.is_readable()) {
            true => self.receive_pieces(now, budget_bytes),
            false => Ok(false),
        }
    }

    fn receive_pieces(&mut self, now: Instant, mut budget_bytes: usize) -> Result<bool, Error> {
        let mut piece = [0; PIECE_BYTES];
        while !self.has_ended {
            let can_publish = self.to.map_or(Ok(()), |to| self.hub.can_publish(to, &self.waker, now));
            if let Err(time) = can_publish {
                self.wait_until = time;
                break;
            }
            match self.peer.read(&mut piece) {
                Ok(count) => {
                    self.has_ended = count == 0;
                    self.moved.1 += count as u64;
                    self.publish(&piece[..count]);
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

    /// True when both directions have ended, and stdout has written its bytes.
    fn is_over(&mut self, now: Instant) -> Result<bool, Error> {
        if !self.has_ended || !self.hub.is_written(self.published, &self.waker) {
            return Ok(false);
        }
        // No piece is on its way to it, and it has sent everything.
        if self.options.closes_at_eof && self.sending.is_none() && !self.half_closed {
            self.half_close()?;
        }
        Ok(self.half_closed && self.acknowledgement.is_acknowledged(&mut self.peer, now)?)
    }
}

impl<S> Subscriber<S> {
    /// Publishes a piece; an empty one is the end.
    fn publish(&mut self, piece: &[u8]) {
        let Some(to) = self.to else { return };
        let piece = labelled(&mut self.labels, piece);
        if !piece.is_empty() {
            self.hub.publish(to, &piece);
            self.published = self.hub.published_to_output();
        }
    }
}

/// Publishes a last line without a line feed, however the client has ended.
impl<S> Drop for Subscriber<S> {
    fn drop(&mut self) {
        self.publish(&[]);
    }
}

impl<S: Stream> Session for Subscriber<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.peer.tick(context.now);
        if self.failure.is_none() {
            let exchanged = self.exchange(context);
            self.hub.pass_on();
            match exchanged {
                Ok(true) => return Ok(Status::Again),
                Ok(false) => {}
                Err(error) => self.failure = Some(error),
            }
        }
        if self.failure.is_some() {
            // It waits only for stdout now.
            self.wait_until = None;
        }
        // Bytes that it sent before it failed are written, too.
        if self.failure.is_some() && self.hub.is_written(self.published, &self.waker) {
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
