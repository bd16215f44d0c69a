//! Stdin and stdout of `--keep-open` and `--join`: stdin is said to all clients, what they say is written to stdout.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use super::hub::{Hub, Next, PIECE_BYTES, Subscription, To};
use super::subscriber::{Audience, SubscriberOptions, spoken};
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::reactor::{Context, Io, Session, Status, Waker};
use crate::net::stdio::Stdio;
use crate::net::stream::{FdKind, Stream};
use crate::proto::relay::labels::Labels;

/// Which of the standard streams take part.
#[derive(Clone, Copy, Debug)]
pub struct Ways {
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
    /// The clients hear the end of stdin.
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
        manners: SubscriberOptions,
        ways: Ways,
    ) -> Result<StdioClient, Error> {
        let stdio = Stdio::open(io)?;
        let input_kind = stdio.input_kind();
        Ok(StdioClient::of(stdio, input_kind, (hub, io.waker()), manners, ways))
    }
}

impl<S: Stream> StdioClient<S> {
    /// As `open`, for any stream: what is read is stdin, what is written stdout.
    pub fn of(
        stdio: S,
        input_kind: FdKind,
        (hub, waker): (&Hub, Waker),
        manners: SubscriberOptions,
        ways: Ways,
    ) -> StdioClient<S> {
        hub.attend(waker.clone());
        let is_broker = matches!(manners.hearers, Audience::All);
        StdioClient {
            output: ways.writes.then(|| hub.join(waker.clone(), true)),
            // What has nothing to say has not finished speaking.
            has_input_ended: !ways.reads || input_kind == FdKind::Null,
            // Others go on talking.
            ends_clients: !is_broker,
            labels: if is_broker { manners.words.labels("server") } else { None },
            stdio,
            input_kind,
            hub: hub.clone(),
            waker,
            writing: None,
            wait_until: None,
        }
    }

    /// True if clients are told when stdin ends, so that those who have ended still have something to hear.
    pub fn input_can_end(&self) -> bool {
        !self.has_input_ended && self.input_kind != FdKind::Terminal
    }

    fn write(&mut self) -> Result<(), Error> {
        loop {
            let Some((piece, written)) = &mut self.writing else {
                match self.output.as_ref().map(Subscription::next) {
                    Some(Next::Piece(piece)) => self.writing = Some((piece, 0)),
                    Some(Next::Wait | Next::End) | None => return Ok(()),
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

    fn say(&mut self, piece: &[u8]) {
        let said = spoken(&mut self.labels, piece);
        if !said.is_empty() {
            self.hub.say(To::Clients, &said);
        }
    }

    /// Reads stdin when there is somebody to hear it. True if there may be more than the budget allowed.
    fn read(&mut self, now: Instant, mut budget_bytes: usize) -> Result<bool, Error> {
        self.wait_until = None;
        let mut piece = [0; PIECE_BYTES];
        while !self.has_input_ended && self.hub.has_clients(&self.waker) {
            if let Err(time) = self.hub.may_say(To::Clients, &self.waker, now) {
                self.wait_until = time;
                break;
            }
            match self.stdio.read(&mut piece) {
                Ok(0) => {
                    self.has_input_ended = true;
                    self.say(&[]);
                    if self.ends_clients {
                        self.hub.end_input();
                    }
                }
                Ok(count) => {
                    self.say(&piece[..count]);
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
        if self.hub.is_deserted() && self.writing.is_none() {
            return Ok(Status::Done);
        }
        Ok(if more { Status::Again } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        self.wait_until
    }
}
