//! Stdin and stdout of `--keep-open` and `--join`: stdin goes to all clients, and their bytes to stdout.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::hub::{Hub, PIECE_BYTES, QueueItem, Subscription, To};
use super::subscriber::{Audience, SubscriberOptions, labelled};
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::reactor::{Context, Io, Session, Status, Waker};
use crate::net::stdio::Stdio;
use crate::net::stream::{FdKind, Stream};
use crate::proto::relay::labels::Labels;

/// Which of the standard streams take part.
#[derive(Clone, Copy, Debug)]
pub struct StdioDirections {
    /// Stdin.
    pub reads: bool,
    /// Stdout.
    pub writes: bool,
}

/// The standard streams, joined to a hub.
pub struct StdioClient<S = Stdio> {
    stdio: S,
    input_kind: FdKind,
    hub: Hub,
    output: Option<Subscription>,
    waker: Waker,
    has_input_ended: bool,
    /// The end of stdin ends the clients' queues.
    ends_clients: bool,
    labels: Option<Labels>,
    writing: Option<(Rc<[u8]>, usize)>,
    wait_until: Option<Instant>,
}

impl StdioClient {
    /// Takes stdin and stdout.
    pub(crate) fn open(
        hub: &Hub,
        io: &Io,
        options: SubscriberOptions,
        directions: StdioDirections,
    ) -> Result<StdioClient, Error> {
        let stdio = Stdio::open(io)?;
        let input_kind = stdio.input_kind();
        Ok(StdioClient::of(stdio, input_kind, (hub, io.waker()), options, directions))
    }
}

impl<S: Stream> StdioClient<S> {
    /// As `open`, for any stream: what is read is stdin, what is written stdout.
    pub fn of(
        stdio: S,
        input_kind: FdKind,
        (hub, waker): (&Hub, Waker),
        options: SubscriberOptions,
        directions: StdioDirections,
    ) -> StdioClient<S> {
        hub.attach_stdio(waker.clone());
        let is_broker = matches!(options.audience, Audience::All);
        StdioClient {
            output: directions.writes.then(|| hub.subscribe(waker.clone(), true)),
            // A closed or empty stdin is not the end of data.
            has_input_ended: !directions.reads || input_kind == FdKind::Null,
            // With a broker the others continue.
            ends_clients: !is_broker,
            labels: if is_broker { options.labelling.labels("server") } else { None },
            stdio,
            input_kind,
            hub: hub.clone(),
            waker,
            writing: None,
            wait_until: None,
        }
    }

    /// True if the end of stdin will be passed on to the clients, so that those that have ended still wait for it.
    pub fn input_can_end(&self) -> bool {
        !self.has_input_ended && self.input_kind != FdKind::Terminal
    }

    fn write(&mut self) -> Result<(), Error> {
        loop {
            let Some((piece, written)) = &mut self.writing else {
                match self.output.as_ref().map(Subscription::next) {
                    Some(QueueItem::Piece(piece)) => self.writing = Some((piece, 0)),
                    Some(QueueItem::Wait | QueueItem::End) | None => return Ok(()),
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

    fn publish(&mut self, piece: &[u8]) {
        let piece = labelled(&mut self.labels, piece);
        if !piece.is_empty() {
            self.hub.publish(To::Clients, &piece);
        }
    }

    /// Reads stdin while there are clients with room. True if there may be more than the budget allowed.
    fn read(&mut self, now: Instant, budget_bytes: usize) -> Result<bool, Error> {
        self.wait_until = None;
        let may_read = self.stdio.reading_end().is_none_or(|end| end.readiness.is_readable());
        match may_read && !self.has_input_ended {
            true => self.read_pieces(now, budget_bytes),
            false => Ok(false),
        }
    }

    fn read_pieces(&mut self, now: Instant, mut budget_bytes: usize) -> Result<bool, Error> {
        let mut piece = [0; PIECE_BYTES];
        while !self.has_input_ended && self.hub.has_clients(&self.waker) {
            if let Err(time) = self.hub.can_publish(To::Clients, &self.waker, now) {
                self.wait_until = time;
                break;
            }
            match self.stdio.read(&mut piece) {
                Ok(0) => {
                    self.has_input_ended = true;
                    self.publish(&[]);
                    if self.ends_clients {
                        self.hub.end_input();
                    }
                }
                Ok(count) => {
                    self.publish(&piece[..count]);
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

impl<S: Stream> Session for StdioClient<S> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.write()?;
        let more = self.read(context.now, context.budget_bytes)?;
        if self.hub.is_finished() && self.writing.is_none() {
            return Ok(Status::Done);
        }
        Ok(if more { Status::Again } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        self.wait_until
    }
}
