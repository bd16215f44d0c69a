//! One connection: requests in, answers out in their order, and an end that does not cut the last answer off.

mod answering;
mod ending;

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Instant;

use self::answering::Begun;
use super::client::Client;
use super::log::Asked;
use super::site::Due;
use super::unsent::{Unsent, Written};
use super::worker::{Buffers, Worker, make_room};
use crate::error::Error;
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::goodbye::{LINGER, LingeringClose};
use crate::net::reactor::{Context, Session, Status, Stop};
use crate::net::stream::{Stream, Transport};
use crate::proto::http::{Exchange, Step, no_fields};

/// Bytes of answers that are collected before they are sent.
const COLLECTED_BYTES: usize = 64 << 10;
/// Bytes that one connection may send before the others get their turn.
const TURN_BYTES: usize = 256 << 10;

/// A client's session.
pub(crate) struct Connection {
    stream: Transport,
    worker: Rc<Worker>,
    client: Client,
    exchange: Exchange,
    /// Bytes received and not parsed yet: none between requests.
    held: Vec<u8>,
    unsent: Unsent,
    /// Answers of `--count` of which it is not known that they have arrived.
    tickets: u64,
    acknowledgement: AcknowledgementWait,
    /// The client's system has the last answer.
    is_confirmed: bool,
    /// Bytes of bodies that are sent back, counted in the worker's limit.
    kept_bytes: usize,
    /// The request that is answered when its body is there, or its time has come.
    begun: Option<Box<Begun>>,
    waits: Waits,
    deadline: Instant,
    /// The client has said everything.
    has_ended: bool,
    /// Nothing more is answered.
    closes: bool,
    /// The process is to end: what has begun is finished.
    is_stopping: bool,
    /// The last answer was sent: the client is heard out for as long as a whole body may take.
    goodbye: Option<LingeringClose>,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// A request.
    Request,
    /// The rest of a head; the first one's, too, before anything came.
    Head,
    /// The rest of a body.
    Body,
    /// The time at which an answer is due.
    Delay,
    /// Room for an answer.
    Room,
    /// The client's end.
    End,
    /// That the client's system has the last answer, which counts then.
    Receipt,
}

/// Why no more is taken for now.
enum Pause {
    /// More bytes are needed.
    Input,
    /// Enough answers were gathered.
    Collected,
    /// An answer has its time.
    Delay,
    /// The last answer was given.
    Closing,
}

/// The connection is lost.
struct Lost;

impl From<std::io::Error> for Lost {
    fn from(_: std::io::Error) -> Lost {
        Lost
    }
}

impl Connection {
    /// A connection that was just accepted.
    pub(super) fn new(stream: Transport, worker: Rc<Worker>, client: Client, now: Instant) -> Connection {
        let patience = worker.site.patience;
        Connection {
            stream,
            worker,
            client,
            exchange: Exchange::new(patience.max_body_bytes),
            held: Vec::new(),
            unsent: Unsent::default(),
            tickets: 0,
            acknowledgement: AcknowledgementWait::default(),
            is_confirmed: false,
            kept_bytes: 0,
            begun: None,
            waits: Waits::Head,
            deadline: now + patience.header,
            has_ended: false,
            closes: false,
            is_stopping: false,
            goodbye: None,
        }
    }

    fn wait_for(&mut self, what: Waits, now: Instant) -> Status {
        let patience = self.worker.site.patience;
        self.waits = what;
        self.deadline = now
            + match what {
                Waits::Head => patience.header,
                Waits::Request | Waits::Body | Waits::Room | Waits::Receipt => patience.idle,
                Waits::Delay => self.worker.site.delay.unwrap_or_default(),
                Waits::End => LINGER.min(patience.idle),
            };
        Status::Waiting
    }

    /// Does all it can.
    fn work(&mut self, now: Instant) -> Result<Status, Lost> {
        let worker = Rc::clone(&self.worker);
        worker.tick(now);
        let is_late = now >= self.deadline;
        let mut buffers = worker.buffers.borrow_mut();
        let Buffers { input, output } = &mut *buffers;
        output.clear();
        match self.waits {
            Waits::Request | Waits::Head | Waits::Body => {}
            Waits::Delay if is_late => self.answer_begun(output),
            Waits::Delay => return Ok(Status::Waiting),
            Waits::Room => match self.unsent.send(&mut self.stream)? {
                Written::All => self.all_is_sent(),
                Written::Some => return Ok(self.wait_for(Waits::Room, now)),
                Written::None if is_late => return Err(Lost),
                Written::None => return Ok(Status::Waiting),
            },
            Waits::End => return self.linger(now),
            Waits::Receipt => return self.settle(now),
        }
        if matches!(self.waits, Waits::Delay | Waits::Room) {
            self.wait_for(Waits::Request, now);
        }
        let status = self.converse(input, output, now)?;
        let is_hearing = matches!(self.waits, Waits::Request | Waits::Head | Waits::Body);
        if status != Status::Waiting || !is_hearing || now < self.deadline {
            return Ok(status);
        }
        if self.is_idle() {
            return Ok(Status::Done);
        }
        // RFC 9110, 15.5.9: the client took too long.
        let held = std::mem::take(&mut self.held);
        self.refuse(408, &held, output);
        self.flush(output, now)?;
        Ok(self.after_last(now))
    }

    /// True if nothing of a request has come.
    fn is_idle(&self) -> bool {
        matches!(self.waits, Waits::Request | Waits::Head) && self.held.is_empty()
    }

    /// Takes requests and gives answers, in turn, until there is something to wait for.
    fn converse(&mut self, input: &mut Vec<u8>, output: &mut Vec<u8>, now: Instant) -> Result<Status, Lost> {
        make_room(input, self.held.len());
        let (mut at, mut end, mut moved, mut came_short) = (0, self.held.len(), 0, false);
        input[..end].copy_from_slice(&self.held);
        self.held = Vec::new();
        let status = loop {
            let (taken, pause) = self.take(&input[at..end], output);
            at += taken;
            moved += output.len();
            if !output.is_empty() {
                self.wait_for(Waits::Request, now);
            }
            let has_room = self.flush(output, now)?;
            match pause {
                Pause::Closing => return Ok(self.after_last(now)),
                _ if !has_room => break Status::Waiting,
                Pause::Delay => break self.wait_for(Waits::Delay, now),
                _ if moved >= TURN_BYTES => break Status::Again,
                Pause::Collected => continue,
                Pause::Input if self.has_ended => return self.end_of_input(&input[at..end], output, now),
                Pause::Input => {}
            }
            // After whole requests nothing more is likely to be there.
            if came_short && at == end && !self.exchange.is_in_body() && self.stream.drained() {
                break Status::Waiting;
            }
            input.copy_within(at..end, 0);
            (at, end) = (0, end - at);
            match self.stream.read(&mut input[end..]) {
                Ok(0) => self.has_ended = true,
                Ok(count) => {
                    came_short = count < input.len() - end;
                    end += count;
                    moved += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Status::Waiting,
                Err(_) => return Err(Lost),
            }
        };
        self.held = input[at..end].to_vec();
        if status == Status::Waiting && !matches!(self.waits, Waits::Delay | Waits::Room) {
            let next = match self.exchange.is_in_body() {
                true => Waits::Body,
                false if at < end => Waits::Head,
                // The first request's time began with the connection.
                false => self.waits,
            };
            if next != self.waits {
                self.wait_for(next, now);
            }
            if self.is_stopping && self.is_idle() {
                return Ok(Status::Done);
            }
        }
        Ok(status)
    }

    /// The client says nothing more. What it has said is answered by now.
    fn end_of_input(&mut self, rest: &[u8], output: &mut Vec<u8>, now: Instant) -> Result<Status, Lost> {
        if rest.is_empty() && !self.exchange.is_in_body() {
            return Ok(Status::Done);
        }
        // RFC 9112, 8: a request that breaks off.
        self.refuse(400, rest, output);
        self.flush(output, now)?;
        Ok(self.after_last(now))
    }

    /// Takes requests from `input`, as long as their answers have room.
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> (usize, Pause) {
        let worker = Rc::clone(&self.worker);
        let mut at = 0;
        loop {
            if self.closes {
                return (at, Pause::Closing);
            }
            if output.len() >= COLLECTED_BYTES || self.unsent.is_large() {
                return (at, Pause::Collected);
            }
            if self.exchange.is_at_head()
                && let Some((known, length)) = worker.recall(&input[at..])
            {
                at += length;
                let asked = Asked { method: &known.method, target: &known.target, minor: 1 };
                self.answer(Due::Ready(known.answer), &[], asked, (known.is_head, true), output);
                continue;
            }
            let mut fields = no_fields();
            let (used, step) = self.exchange.step(&input[at..], &mut fields);
            let bytes = &input[at..at + used];
            at += used;
            match step {
                Step::More => return (at, Pause::Input),
                Step::Skipped => {}
                Step::Head(head) => {
                    self.request(&head, bytes, output);
                    if self.is_delayed() && !head.has_body {
                        return (at, Pause::Delay);
                    }
                }
                Step::Anew(anew) => match self.request_anew(&anew, &input[at..], output) {
                    0 if !self.closes => return (at, Pause::Input),
                    used => {
                        at += used;
                        if self.is_delayed() && !self.exchange.is_in_body() {
                            return (at, Pause::Delay);
                        }
                    }
                },
                Step::Body(part) => self.keep(part, output),
                Step::End if self.is_delayed() => return (at, Pause::Delay),
                Step::End => self.answer_begun(output),
                Step::Refused(why) => self.refuse(why.0, &input[at..], output),
            }
        }
    }

    fn is_delayed(&self) -> bool {
        self.worker.site.delay.is_some() && self.begun.is_some()
    }

    /// Sends the answers that were gathered. False if there is no room for all.
    fn flush(&mut self, output: &mut Vec<u8>, now: Instant) -> Result<bool, Lost> {
        if output.is_empty() {
            return Ok(self.unsent.is_empty());
        }
        let progress = self.unsent.send_first(output, &mut self.stream)?;
        output.clear();
        if progress != Written::All {
            self.wait_for(Waits::Room, now);
            return Ok(false);
        }
        self.all_is_sent();
        Ok(true)
    }

    /// Gives back what answers have taken that are on their way now.
    fn all_is_sent(&mut self) {
        if self.begun.is_none() {
            self.worker.let_go(std::mem::take(&mut self.kept_bytes));
        }
        // Of a connection that ends it can be known whether they arrive.
        if !self.closes {
            self.give_back(true);
        }
    }
}

impl Session for Connection {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        // A connection that is lost is its client's affair.
        Ok(self.work(context.now).unwrap_or(Status::Done))
    }

    fn stop(&mut self) -> Stop {
        self.is_stopping = true;
        Stop::Soon
    }

    fn deadline(&self) -> Option<Instant> {
        // Asked for at the end alone.
        Some(self.acknowledgement.deadline().map_or(self.deadline, |time| time.min(self.deadline)))
    }
}
