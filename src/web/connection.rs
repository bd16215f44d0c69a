//! One connection: requests in, answers out, one after the other.

mod requests;
mod sending;
pub(super) mod threads;

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Instant;

use self::threads::{Moved, Threads};
use super::body::Outgoing;
use super::client::WebClient;
use super::once::Claimed;
use super::request::Intake;
use super::worker::{Buffers, Worker};
use crate::error::{Error, Exit};
use crate::http::worker::make_room;
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::goodbye::LingeringClose;
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status, Stop, ThreadWaker};
use crate::net::stream::{SocketState, Stream, Timed, Transport};
use crate::proto::http::Exchange;
use crate::server::permits::Permit;

/// A client's session. `None` once the connection was handed on.
pub(crate) struct Connection(Option<Inner>);

struct Inner {
    stream: Limited<Transport>,
    worker: Rc<Worker>,
    client: WebClient,
    /// Counts the client. `None` on a thread of its own: the acceptor's thread keeps it.
    permit: Option<Permit>,
    /// Takes connections whose requests may wait for a disk. `None` on such a thread.
    threads: Option<Rc<Threads>>,
    /// Wakes this session, on such a thread.
    waker: Option<ThreadWaker>,
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

/// What an answer must know of its request.
#[derive(Clone, Copy)]
struct Reply {
    is_head: bool,
    keeps_alive: bool,
    minor: u8,
}

/// A request in the log.
struct Logged {
    method: String,
    target: String,
    minor: u8,
}

/// The end of a connection.
enum End {
    /// It is lost, or not wanted any more.
    Lost,
    /// What was sent must not look whole.
    Reset(String),
    /// Another request has taken the place of its upload.
    Replaced,
    /// It goes to a thread of its own.
    Moves,
}

impl Connection {
    /// A connection on the acceptor's reactor.
    pub(super) fn new(
        transport: Transport,
        worker: &Rc<Worker>,
        (client, permit): (WebClient, Permit),
        threads: &Rc<Threads>,
        now: Instant,
    ) -> Connection {
        let client = (client, Some(permit));
        Connection(Some(Inner::new(transport, worker, client, Some(Rc::clone(threads)), now)))
    }

    /// A connection on a thread of its own. `held` begins with the head of the next request.
    pub(super) fn on_thread(
        transport: Transport,
        worker: &Rc<Worker>,
        client: WebClient,
        (held, session_end): (Vec<u8>, Option<Instant>),
        (waker, now): (ThreadWaker, Instant),
    ) -> Connection {
        let mut inner = Inner::new(transport, worker, (client, None), None, now);
        inner.waker = Some(waker);
        (inner.held, inner.session_end) = (held, session_end);
        Connection(Some(inner))
    }
}

impl Inner {
    fn new(
        transport: Transport,
        worker: &Rc<Worker>,
        (client, permit): (WebClient, Option<Permit>),
        threads: Option<Rc<Threads>>,
        now: Instant,
    ) -> Inner {
        let mut stream = Limited::new(transport, now);
        stream.limit_rate(worker.site.terms.rate, 0);
        Inner {
            stream,
            client,
            permit,
            threads,
            waker: None,
            exchange: Exchange::new(u64::MAX),
            held: Vec::new(),
            state: State::Reading,
            deadline: now + worker.site.terms.head_timeout,
            claimed: None,
            logged: None,
            session_end: worker.site.terms.session_timeout.map(|limit| now + limit),
            worker: Rc::clone(worker),
            has_ended: false,
            closes: false,
            is_stopping: false,
        }
    }

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
            if let Some(status) = self.send(&mut buffers, &mut budget, context.now)? {
                return Ok(status);
            }
            if let Some(status) = self.receive(&mut buffers, &mut budget, context.now)? {
                return Ok(status);
            }
        }
    }

    /// Reads and parses until an answer is to be sent. `None`: it is.
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
            if has_answer {
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
                return Ok(Some(Status::Done));
            }
            if now >= self.deadline {
                // RFC 9110, 15.5.9: the client took too long.
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
                Ok(Status::Done)
            }
            Ok(status) => Ok(status),
            Err(End::Moves) => {
                if let Some(Inner {
                    stream, held, client, permit, session_end, threads: Some(threads), ..
                }) = self.0.take()
                {
                    match stream.into_inner().into_socket() {
                        Ok(socket) => threads.start(Moved { socket, held, client, permit, session_end }),
                        Err(error) => client.report.detail(format_args!("the connection is lost: {error}")),
                    }
                }
                Ok(Status::Done)
            }
            Err(End::Reset(why)) => {
                inner.note_end(false);
                // The call fails if the client is gone already.
                let _ = inner.stream.reset_on_close(true);
                inner.client.report.error(&Error::new(Exit::Partial, why));
                Ok(Status::Done)
            }
            Err(End::Replaced) => {
                let _ = inner.stream.reset_on_close(true);
                inner.client.report.detail("another request continues its upload");
                Ok(Status::Done)
            }
            Err(End::Lost) => {
                inner.note_end(false);
                Ok(Status::Done)
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
            State::Reading | State::Taking(_) | State::Sending(_) | State::Closing(_) => None,
        };
        [Some(inner.deadline), check, inner.session_end, inner.stream.wake_up()].into_iter().flatten().min()
    }
}
