//! One connection: requests in, answers out, one after the other.

mod parts;
mod requests;
mod sending;
pub(super) mod threads;
mod working;

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Instant;

use self::parts::{End, Logged, Reply};
use self::threads::{Home, Unbound};
use self::working::Working;
use super::body::Outgoing;
use super::client::WebClient;
use super::once::Claimed;
use super::request::Intake;
use super::worker::{Buffers, Worker};
use crate::error::{Error, Exit, lost};
use crate::http::worker::make_room;
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::goodbye::LingeringClose;
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status, Stop};
use crate::net::stream::{SocketState, Stream, Timed, Transport};
use crate::proto::http::Exchange;

/// A client's session. `None` once the connection was handed on.
pub(crate) struct Connection(Option<Inner>);

struct Inner {
    stream: Limited<Transport>,
    worker: Rc<Worker>,
    client: WebClient,
    home: Home,
    exchange: Exchange,
    /// The received bytes that are not parsed yet.
    held: Vec<u8>,
    state: State,
    /// The only transfer, if this is it.
    claimed: Option<Claimed>,
    /// The request that is answered, if there is a log.
    logged: Option<Box<Logged>>,
    deadline: Instant,
    /// When the session must be over.
    session_end: Option<Instant>,
    /// The client has ended its side.
    has_ended: bool,
    /// Its session has failed although it goes on.
    failure: Option<Error>,
    /// When a client that has ended its side counts as gone, if its answer is not there by then.
    gone_at: Option<Instant>,
    /// No further request is answered.
    closes: bool,
    /// The process must end: the current request is finished.
    is_stopping: bool,
}

enum State {
    /// Between requests, or in a head.
    Reading,
    /// In the body of an upload.
    Taking(Box<Taking>),
    /// Before an answer.
    Working(Working),
    /// An answer is on its way.
    Sending(Box<Outgoing>),
    /// After the last answer.
    Closing(LingeringClose),
    /// The client has ended: its system may still have to acknowledge the transfer of `--once`.
    Settling(AcknowledgementWait),
}

struct Taking {
    intake: Box<dyn Intake>,
    reply: Reply,
    /// `100 Continue` or another word before the body.
    interim: Vec<u8>,
}

impl Connection {
    /// A connection at one of its homes.
    pub(super) fn new(
        transport: Transport,
        worker: &Rc<Worker>,
        moved: Unbound,
        home: Home,
        now: Instant,
    ) -> Connection {
        let Unbound { client, held, deadline, session_end, failure } = moved;
        let terms = &worker.site.terms;
        let mut stream = Limited::new(transport, now);
        stream.limit_rate(terms.rate, 0);
        Connection(Some(Inner {
            stream,
            client,
            home,
            exchange: Exchange::new(u64::MAX),
            held,
            state: State::Reading,
            claimed: None,
            logged: None,
            deadline,
            session_end,
            worker: Rc::clone(worker),
            has_ended: false,
            failure,
            gone_at: None,
            closes: false,
            is_stopping: false,
        }))
    }
}

impl Inner {
    /// Advances as far as possible.
    fn advance(&mut self, context: Context) -> Result<Status, End> {
        let worker = Rc::clone(&self.worker);
        worker.tick(context.now);
        self.stream.tick(context.now);
        if self.session_end.is_some_and(|end| context.now >= end) {
            return Err(End::Reset("did not end in time (see --session-timeout)".into()));
        }
        if matches!(&self.state, State::Taking(taking) if taking.intake.is_stale()) {
            // The part is handed over at once.
            self.state = State::Reading;
            return Err(End::Replaced);
        }
        let mut buffers = worker.buffers.borrow_mut();
        let mut budget = context.budget_bytes;
        loop {
            if let Some(status) = self.end(context)? {
                return Ok(status);
            }
            if let Some(status) = self.work(context.now)? {
                return Ok(status);
            }
            self.note_own_failure();
            if let Some(status) = self.send(&mut buffers, &mut budget, context.now)? {
                return Ok(status);
            }
            if let Some(status) = self.receive(&mut buffers, &mut budget, context.now)? {
                return Ok(status);
            }
        }
    }

    /// Reads and parses until an answer, or a word before the body, is to be sent. `None`: it is.
    fn receive(
        &mut self,
        buffers: &mut Buffers,
        budget: &mut usize,
        now: Instant,
    ) -> Result<Option<Status>, End> {
        let input = &mut buffers.input;
        let (mut at, mut end) = (0, self.held.len());
        make_room(input, end);
        input[..end].copy_from_slice(&self.held);
        let mut came_short = false;
        let status = loop {
            let (taken, has_answer) = self.parse(&input[at..end], now)?;
            at += taken;
            // The client may wait for the word before the body.
            let has_word = matches!(&self.state, State::Taking(taking) if !taking.interim.is_empty());
            if has_answer || has_word {
                break None;
            }
            if *budget == 0 {
                break Some(Status::Again);
            }
            if self.has_ended {
                if at == end && self.exchange.is_at_head() {
                    return Ok(Some(Status::Done));
                }
                // RFC 9112, 8: an incomplete request.
                self.failure = self.unfinished(Exit::Lost).or_else(|| self.failure.take());
                self.refuse(400, "the request is incomplete", now);
                break None;
            }
            if came_short && at == end && !self.exchange.is_in_body() && self.stream.get_ref().drained() {
                break Some(Status::Waiting);
            }
            input.copy_within(at..end, 0);
            (at, end) = (0, end - at);
            match self.stream.read(&mut input[end..]) {
                Ok(0) => self.has_ended = true,
                Ok(count) => {
                    came_short = count < input.len() - end;
                    end += count;
                    *budget = budget.saturating_sub(count);
                    if self.exchange.is_in_body() {
                        self.deadline = now + self.worker.site.terms.idle_timeout;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Some(Status::Waiting),
                Err(_) => return Err(End::Lost),
            }
        };
        let was_between = self.held.is_empty();
        self.held = input[at..end].to_vec();
        if status == Some(Status::Waiting) {
            if was_between && !self.held.is_empty() && self.exchange.is_at_head() {
                self.deadline = now + self.worker.site.terms.head_timeout;
            }
            let is_idle = self.held.is_empty() && self.exchange.is_at_head();
            if is_idle && (self.is_stopping || now >= self.deadline) {
                return match self.home.is_thread() && !self.is_stopping {
                    true => Err(End::Moves),
                    false => Ok(Some(Status::Done)),
                };
            }
            if now >= self.deadline {
                // RFC 9110, 15.5.9: the client took too long.
                self.failure = self.unfinished(Exit::TimedOut).or_else(|| self.failure.take());
                self.refuse(408, "the request took too long", now);
                return Ok(None);
            }
        }
        Ok(status)
    }
}

impl Session for Connection {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let Some(inner) = &mut self.0 else { return Ok(Status::Done) };
        match inner.advance(context) {
            Ok(Status::Done) => {
                if inner.stream.get_ref().tls().is_some() {
                    // With TLS's last word, so that the client sees an end and not a cut.
                    let _ = inner.stream.finish_writing();
                }
                inner.failure.take().map_or(Ok(Status::Done), |failure| inner.home.fail(failure))
            }
            Ok(status) => Ok(status),
            Err(End::Moves) => {
                if let Some(inner) = self.0.take() {
                    let Inner { stream, held, client, home, session_end, failure, worker, .. } = inner;
                    let deadline = context.now + worker.site.terms.idle_timeout;
                    let connection = Unbound { client, held, deadline, session_end, failure };
                    match stream.into_inner().into_socket() {
                        Ok(socket) => home.leave(socket, connection),
                        Err(error) => return home.fail(lost(&error)),
                    }
                }
                Ok(Status::Done)
            }
            Err(End::Reset(why)) => {
                inner.note_end(false);
                // The call fails if the client is gone already.
                let _ = inner.stream.reset_on_close(true);
                inner.home.fail(Error::new(Exit::Partial, why))
            }
            Err(End::Replaced) => {
                let _ = inner.stream.reset_on_close(true);
                inner.client.report.detail("another request continues its upload");
                Ok(Status::Done)
            }
            Err(End::Lost) => {
                inner.note_end(false);
                let failure = inner.failure.take().or_else(|| inner.unfinished(Exit::Lost));
                failure.map_or(Ok(Status::Done), |failure| inner.home.fail(failure))
            }
        }
    }

    fn stop(&mut self) -> Stop {
        if let Some(inner) = &mut self.0 {
            inner.is_stopping = true;
        }
        Stop::Soon
    }

    fn deadline(&self) -> Option<Instant> {
        let inner = self.0.as_ref()?;
        let check = match &inner.state {
            State::Settling(wait) => wait.deadline(),
            _ => None,
        };
        [Some(inner.deadline), check, inner.session_end, inner.stream.wake_up()].into_iter().flatten().min()
    }
}
