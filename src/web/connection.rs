//! One connection: requests in, answers out, one after the other.

mod parts;
mod sending;
pub(super) mod threads;
mod working;

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Instant;

use self::parts::{End, Logged, Reply};
use self::threads::{Moved, Threads};
use self::working::Working;
use super::answer::Answer;
use super::body::Outgoing;
use super::client::WebClient;
use super::request::{Intake, Request, Route};
use super::route::{logged_target, route};
use super::worker::{Buffers, Worker};
use crate::error::{Error, Exit};
use crate::http::worker::make_room;
use crate::net::goodbye::LingeringClose;
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status, Stop};
use crate::net::stream::{SocketState, Stream, Timed, Transport};
use crate::proto::http::{Exchange, Method, ParseEvent, RequestHead, no_fields};
use crate::server::permits::Permit;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

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
    exchange: Exchange,
    /// The received bytes that are not parsed yet.
    held: Vec<u8>,
    state: State,
    /// The request that is answered, if there is a log.
    logged: Option<Box<Logged>>,
    deadline: Instant,
    /// When the session must be over.
    session_end: Option<Instant>,
    /// The client has ended its side.
    has_ended: bool,
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
}

struct Taking {
    intake: Box<dyn Intake>,
    reply: Reply,
    /// `100 Continue` or another word before the body.
    interim: Vec<u8>,
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
        now: Instant,
    ) -> Connection {
        let mut inner = Inner::new(transport, worker, (client, None), None, now);
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
            exchange: Exchange::new(u64::MAX),
            held: Vec::new(),
            state: State::Reading,
            deadline: now + worker.site.terms.head_timeout,
            logged: None,
            session_end: worker.site.terms.session_timeout.map(|limit| now + limit),
            worker: Rc::clone(worker),
            has_ended: false,
            gone_at: None,
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
        let mut buffers = worker.buffers.borrow_mut();
        let mut budget = context.budget_bytes;
        loop {
            if let State::Closing(close) = &mut self.state {
                let status = close.drain(&mut self.stream, context).map_err(|_| End::Lost)?;
                self.deadline = close.deadline();
                return Ok(status);
            }
            if let Some(status) = self.work(context.now)? {
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

    /// Parses until more is needed or there is an answer: true. Returns the number of bytes used.
    fn parse(&mut self, input: &[u8], now: Instant) -> Result<(usize, bool), End> {
        let mut at = 0;
        loop {
            let mut fields = no_fields();
            let was_at_head = self.exchange.is_at_head();
            let (used, event) = self.exchange.next_event(&input[at..], &mut fields);
            match event {
                ParseEvent::More => return Ok((at, false)),
                ParseEvent::Skipped => at += used,
                ParseEvent::Head(head) => {
                    let is_answered = match self.begin(&head, now) {
                        Err(End::Moves) => {
                            self.held = input[at..].to_vec();
                            return Err(End::Moves);
                        }
                        result => result?,
                    };
                    at += used;
                    if is_answered {
                        return Ok((at, true));
                    }
                }
                ParseEvent::Rewritten(_) => {
                    self.refuse(400, "the request is not as RFC 9112 has it", now);
                    return Ok((at, true));
                }
                ParseEvent::Body(piece) => {
                    at += used;
                    if let State::Taking(taking) = &mut self.state
                        && let Err(answer) = taking.intake.take(piece)
                    {
                        let reply = taking.reply;
                        self.answer(answer.closing(), reply, now);
                        return Ok((at, true));
                    }
                }
                ParseEvent::End => {
                    at += used;
                    if let State::Taking(taking) = std::mem::replace(&mut self.state, State::Reading) {
                        let answer = taking.intake.finish();
                        self.answer(answer, taking.reply, now);
                        return Ok((at, true));
                    }
                }
                ParseEvent::Refused(why) => {
                    let is_head = was_at_head && input[at..].starts_with(b"HEAD ");
                    let reply = Reply { is_head, keeps_alive: false, minor: 1 };
                    self.state = State::Reading;
                    self.answer(Answer::text(why.0, ""), reply, now);
                    return Ok((at, true));
                }
            }
        }
    }

    /// Begins a request. True: it is answered.
    fn begin(&mut self, head: &RequestHead<'_, '_>, now: Instant) -> Result<bool, End> {
        let worker = Rc::clone(&self.worker);
        let reply =
            Reply { is_head: head.method == Method::Head, keeps_alive: head.keeps_alive, minor: head.minor };
        let request = Request {
            head,
            site: &worker.site,
            client: &self.client,
            now_seconds: worker.unix_seconds(),
            may_block: self.threads.is_none(),
            is_private: false,
        };
        let logged = worker.site.log.as_ref().map(|_| Logged {
            method: head.method_text.to_owned(),
            target: logged_target(&request).to_owned(),
            minor: head.minor,
        });
        self.logged = logged.map(Box::new);
        match route(&request) {
            Route::Move => Err(End::Moves),
            // A body that nobody takes.
            Route::Answer(answer) if head.has_body => {
                self.answer(answer.closing(), reply, now);
                Ok(true)
            }
            Route::Answer(answer) => {
                self.answer(answer, reply, now);
                Ok(true)
            }
            Route::Work(work) => {
                self.state = State::Working(Working { work, reply, has_body: head.has_body });
                Ok(true)
            }
            Route::Take(intake) if head.has_body => {
                let interim = if head.expects_continue { CONTINUE.to_vec() } else { Vec::new() };
                self.state = State::Taking(Box::new(Taking { intake, reply, interim }));
                self.deadline = now + worker.site.terms.idle_timeout;
                Ok(false)
            }
            Route::Take(intake) => {
                let answer = intake.finish();
                self.answer(answer, reply, now);
                Ok(true)
            }
        }
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
        [Some(inner.deadline), inner.session_end, inner.stream.wake_up()].into_iter().flatten().min()
    }
}
