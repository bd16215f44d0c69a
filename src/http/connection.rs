//! One connection: requests in, responses out in the same order, and an end that does not truncate the last response.

mod answering;
mod ending;

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Instant;

use self::answering::Begun;
use super::client::HttpClient;
use super::log::LoggedRequest;
use super::site::Due;
use super::unsent::{Unsent, Written};
use super::worker::{HttpWorker, IoBuffers, make_room};
use crate::error::Error;
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::goodbye::{LINGER, LingeringClose};
use crate::net::reactor::{Context, Session, Status, Stop};
use crate::net::stream::{Stream, Transport};
use crate::proto::http::{Exchange, ParseEvent, no_fields};

/// The size of responses that are collected before they are sent.
const COLLECTED_BYTES: usize = 64 << 10;
/// The number of bytes that one connection may move in one turn.
const TURN_BYTES: usize = 256 << 10;

/// A client's session.
pub(crate) struct Connection {
    stream: Transport,
    worker: Rc<HttpWorker>,
    client: HttpClient,
    exchange: Exchange,
    /// The received bytes that are not parsed yet: none between requests.
    held: Vec<u8>,
    unsent: Unsent,
    /// The number of responses of `--count` that are not known to have arrived.
    tickets: u64,
    acknowledgement: AcknowledgementWait,
    /// True if the client's system has acknowledged the last response.
    is_confirmed: bool,
    /// The size of the bodies to be echoed, which counts towards the worker's limit.
    kept_bytes: usize,
    /// The request that waits for its body or for `--delay`.
    begun: Option<Box<Begun>>,
    waits: WaitsFor,
    deadline: Instant,
    /// True if the client has ended its side.
    has_ended: bool,
    /// True if no further request is answered.
    closes: bool,
    /// True if the process must end: the current request is finished.
    is_stopping: bool,
    /// Set after the last response: input is drained for as long as a whole body may take.
    goodbye: Option<LingeringClose>,
}

/// The event that a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitsFor {
    /// A request.
    Request,
    /// The rest of a head; also the whole of the first one.
    Head,
    /// The rest of a body.
    Body,
    /// The end of `--delay`.
    Delay,
    /// Room in the send buffer.
    Room,
    /// The client's end.
    End,
    /// The acknowledgement of the last response, which counts only then.
    Receipt,
}

/// The reason why no further request is parsed for now.
enum Pause {
    /// More input is needed.
    Input,
    /// Enough responses were collected.
    Collected,
    /// A response is delayed.
    Delay,
    /// The last response was written.
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
    /// Creates the session of an accepted connection.
    pub(super) fn new(
        stream: Transport,
        worker: Rc<HttpWorker>,
        client: HttpClient,
        now: Instant,
    ) -> Connection {
        let timeouts = worker.site.timeouts;
        Connection {
            stream,
            worker,
            client,
            exchange: Exchange::new(timeouts.max_body_bytes),
            held: Vec::new(),
            unsent: Unsent::default(),
            tickets: 0,
            acknowledgement: AcknowledgementWait::default(),
            is_confirmed: false,
            kept_bytes: 0,
            begun: None,
            waits: WaitsFor::Head,
            deadline: now + timeouts.header,
            has_ended: false,
            closes: false,
            is_stopping: false,
            goodbye: None,
        }
    }

    fn wait_for(&mut self, what: WaitsFor, now: Instant) -> Status {
        let timeouts = self.worker.site.timeouts;
        self.waits = what;
        self.deadline = now
            + match what {
                WaitsFor::Head => timeouts.header,
                WaitsFor::Request | WaitsFor::Body | WaitsFor::Room | WaitsFor::Receipt => timeouts.idle,
                WaitsFor::Delay => self.worker.site.delay.unwrap_or_default(),
                WaitsFor::End => LINGER.min(timeouts.idle),
            };
        Status::Waiting
    }

    /// Advances the connection as far as possible.
    fn work(&mut self, now: Instant) -> Result<Status, Lost> {
        let worker = Rc::clone(&self.worker);
        worker.tick(now);
        let is_late = now >= self.deadline;
        let mut buffers = worker.buffers.borrow_mut();
        let IoBuffers { input, output } = &mut *buffers;
        output.clear();
        match self.waits {
            WaitsFor::Request | WaitsFor::Head | WaitsFor::Body => {}
            WaitsFor::Delay if is_late => self.answer_begun(output),
            WaitsFor::Delay => return Ok(Status::Waiting),
            WaitsFor::Room => match self.unsent.send(&mut self.stream)? {
                Written::All => self.all_is_sent(),
                Written::Some => return Ok(self.wait_for(WaitsFor::Room, now)),
                Written::None if is_late => return Err(Lost),
                Written::None => return Ok(Status::Waiting),
            },
            WaitsFor::End => return self.linger(now),
            WaitsFor::Receipt => return self.settle(now),
        }
        if matches!(self.waits, WaitsFor::Delay | WaitsFor::Room) {
            self.wait_for(WaitsFor::Request, now);
        }
        let status = self.serve_requests(input, output, now)?;
        let is_hearing = matches!(self.waits, WaitsFor::Request | WaitsFor::Head | WaitsFor::Body);
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

    /// True if no byte of a request was received.
    fn is_idle(&self) -> bool {
        matches!(self.waits, WaitsFor::Request | WaitsFor::Head) && self.held.is_empty()
    }

    /// Parses and answers requests until something must be waited for.
    fn serve_requests(
        &mut self,
        input: &mut Vec<u8>,
        output: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Status, Lost> {
        make_room(input, self.held.len());
        let (mut at, mut end, mut moved, mut came_short) = (0, self.held.len(), 0, false);
        input[..end].copy_from_slice(&self.held);
        self.held = Vec::new();
        let status = loop {
            let (taken, pause) = self.parse_requests(&input[at..end], output);
            at += taken;
            moved += output.len();
            if !output.is_empty() {
                self.wait_for(WaitsFor::Request, now);
            }
            let has_room = self.flush(output, now)?;
            match pause {
                Pause::Closing => return Ok(self.after_last(now)),
                _ if !has_room => break Status::Waiting,
                Pause::Delay => break self.wait_for(WaitsFor::Delay, now),
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
        if status == Status::Waiting && !matches!(self.waits, WaitsFor::Delay | WaitsFor::Room) {
            let next = match self.exchange.is_in_body() {
                true => WaitsFor::Body,
                false if at < end => WaitsFor::Head,
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

    /// Handles the end of input. Complete requests are answered by now.
    fn end_of_input(&mut self, rest: &[u8], output: &mut Vec<u8>, now: Instant) -> Result<Status, Lost> {
        if rest.is_empty() && !self.exchange.is_in_body() {
            return Ok(Status::Done);
        }
        // RFC 9112, 8: an incomplete request.
        self.refuse(400, rest, output);
        self.flush(output, now)?;
        Ok(self.after_last(now))
    }

    /// Parses requests of `input` while there is room for responses. Returns the number of bytes used.
    fn parse_requests(&mut self, input: &[u8], output: &mut Vec<u8>) -> (usize, Pause) {
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
                let request = LoggedRequest { method: &known.method, target: &known.target, minor: 1 };
                self.answer(Due::Ready(known.answer), &[], request, (known.is_head, true), output);
                continue;
            }
            let mut fields = no_fields();
            let (used, event) = self.exchange.next_event(&input[at..], &mut fields);
            let bytes = &input[at..at + used];
            at += used;
            match event {
                ParseEvent::More => return (at, Pause::Input),
                ParseEvent::Skipped => {}
                ParseEvent::Head(head) => {
                    self.request(&head, bytes, output);
                    if self.is_delayed() && !head.has_body {
                        return (at, Pause::Delay);
                    }
                }
                ParseEvent::Rewritten(rewritten) => {
                    match self.rewritten_request(&rewritten, &input[at..], output) {
                        0 if !self.closes => return (at, Pause::Input),
                        used => {
                            at += used;
                            if self.is_delayed() && !self.exchange.is_in_body() {
                                return (at, Pause::Delay);
                            }
                        }
                    }
                }
                ParseEvent::Body(part) => self.keep(part, output),
                ParseEvent::End if self.is_delayed() => return (at, Pause::Delay),
                ParseEvent::End => self.answer_begun(output),
                ParseEvent::Refused(why) => self.refuse(why.0, &input[at..], output),
            }
        }
    }

    fn is_delayed(&self) -> bool {
        self.worker.site.delay.is_some() && self.begun.is_some()
    }

    /// Sends the collected responses. Returns false if there is no room for all.
    fn flush(&mut self, output: &mut Vec<u8>, now: Instant) -> Result<bool, Lost> {
        if output.is_empty() {
            return Ok(self.unsent.is_empty());
        }
        let progress = self.unsent.send_first(output, &mut self.stream)?;
        output.clear();
        if progress != Written::All {
            self.wait_for(WaitsFor::Room, now);
            return Ok(false);
        }
        self.all_is_sent();
        Ok(true)
    }

    /// Releases what responses have reserved, once they are sent.
    fn all_is_sent(&mut self) {
        if self.begun.is_none() {
            self.worker.release(std::mem::take(&mut self.kept_bytes));
        }
        // A connection that ends waits for their acknowledgement.
        if !self.closes {
            self.give_back(true);
        }
    }
}

impl Session for Connection {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        // A lost connection is no failure of the server.
        let status = self.work(context.now).unwrap_or(Status::Done);
        if status == Status::Done && self.stream.tls().is_some() {
            // With TLS's last word, so that the client sees an end and not a cut. One that is gone does not need it.
            let _ = self.stream.finish_writing();
        }
        Ok(status)
    }

    fn stop(&mut self) -> Stop {
        self.is_stopping = true;
        Stop::Soon
    }

    fn deadline(&self) -> Option<Instant> {
        // The wait for an acknowledgement has a deadline at the end only.
        Some(self.acknowledgement.deadline().map_or(self.deadline, |time| time.min(self.deadline)))
    }
}
