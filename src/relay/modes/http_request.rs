//! A client's request, forwarded to its server, and the answer, forwarded to the client.

use std::io::{self, ErrorKind};
use std::time::Instant;

use crate::error::lost;
use crate::error::{Error, Exit};
use crate::net::acknowledgement::AcknowledgementWait;
use crate::net::goodbye::LingeringClose;
use crate::net::pump::{Pump, PumpError, Pumped, Side};
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Status};
use crate::net::send::{SendBuffer, Sent, send_all};
use crate::net::stream::{SocketState, Stream, Timed, Transport};
use crate::proto::handshake::Handshake;
use crate::proto::http::{ErrorStatus, Exchange, ParseEvent, no_fields};
use crate::proto::proxy::http_forward::{AnswerHead, Request};
use crate::relay::tunnel::target_lost;

/// Most bytes of one read.
const PIECE_BYTES: usize = 32 << 10;

/// A client's request and the connection to its server. The connection is reset when this is dropped before it is over.
pub(crate) struct Forwarded {
    client: Limited<Box<dyn Stream>>,
    target: Transport,
    target_name: String,
    body: Exchange,
    /// Bytes from the client that were not parsed yet.
    input: Vec<u8>,
    to_target: SendBuffer,
    /// The server still takes the request.
    is_taken: bool,
    body_bytes: u64,
    answer: AnswerHead,
    asks_for_head: bool,
    /// Bytes of the answer's body that came with its head.
    early_bytes: u64,
    to_client: SendBuffer,
    /// The answer to the client has begun.
    has_begun: bool,
    inbound: Pump,
    /// The answer was sent: the client is drained.
    goodbye: Option<LingeringClose>,
    /// The client's system has all of the answer.
    is_delivered: bool,
    /// The connection to the server was reset while it was written to: an end that is read later is not an orderly one.
    target_fault: Option<io::Error>,
    acknowledgement: AcknowledgementWait,
}

/// Reason for which a request is not answered by its server.
pub(crate) enum Unanswered {
    /// No answer has begun: the client must get this one.
    Respond(ClientError, Error),
    /// The connection to the client ends.
    Lost(Error),
}

/// The error that the client gets as its answer.
pub(crate) enum ClientError {
    /// Its request is refused.
    Refused(ErrorStatus),
    /// The server's answer cannot be forwarded, or there is none.
    NoAnswer,
}

impl Forwarded {
    /// Forwards `request` to `target`.
    pub(crate) fn new(
        client: Limited<Box<dyn Stream>>,
        mut target: Transport,
        request: Request,
    ) -> Result<Forwarded, Error> {
        let target_name = target.peer_name().to_string();
        target.reset_on_close(true).map_err(|error| target_lost(&target_name, &error))?;
        let mut to_target = SendBuffer::default();
        to_target.push(&request.head);
        Ok(Forwarded {
            inbound: Pump::new(&target, &client),
            client,
            target,
            target_name,
            body: request.body,
            input: Vec::new(),
            to_target,
            is_taken: true,
            body_bytes: 0,
            answer: AnswerHead::new(request.minor),
            asks_for_head: request.head.starts_with(b"HEAD "),
            early_bytes: 0,
            to_client: SendBuffer::default(),
            has_begun: false,
            goodbye: None,
            is_delivered: false,
            target_fault: None,
            acknowledgement: AcknowledgementWait::default(),
        })
    }

    /// The client, for an error as its answer. The connection to the server is reset.
    pub(crate) fn into_client(self) -> Limited<Box<dyn Stream>> {
        self.client
    }

    /// Moves what can be moved now.
    pub(crate) fn advance(&mut self, context: Context) -> Result<Status, Unanswered> {
        self.client.tick(context.now);
        if self.goodbye.is_none() {
            let sent = self.send(context)?;
            let received = self.receive(context)?;
            if self.goodbye.is_none() {
                self.client.take_error().map_err(|error| Unanswered::Lost(lost(&error)))?;
                return Ok(if sent || received { Status::Again } else { Status::Waiting });
            }
        }
        let Some(goodbye) = &mut self.goodbye else { return Ok(Status::Waiting) };
        if !self.is_delivered {
            self.is_delivered = self
                .acknowledgement
                .is_acknowledged(&mut self.client, context.now)
                .map_err(Unanswered::Lost)?;
            // A client may read slowly, if the system reports how much of the answer it has acknowledged.
            let is_watched = self.client.delivery().is_some();
            if is_watched || self.is_delivered {
                *goodbye = LingeringClose::new(context.now);
            } else if context.now >= goodbye.deadline() {
                self.client.reset_on_close(false).map_err(|error| Unanswered::Lost(lost(&error)))?;
                self.is_delivered = true;
            }
        }
        match goodbye.drain(&mut self.client, context) {
            Ok(Status::Done) if !self.is_delivered => Ok(Status::Waiting),
            Ok(status) => Ok(status),
            // It has everything: a reset from it is not a failure.
            Err(_) if self.is_delivered => Ok(Status::Done),
            Err(error) => Err(Unanswered::Lost(lost(&error))),
        }
    }

    /// Sends the request to the server, and none of the bytes after it. True if there may be more at once.
    fn send(&mut self, context: Context) -> Result<bool, Unanswered> {
        let begin = self.body_bytes;
        loop {
            if !self.is_taken {
                self.to_target.clear();
            }
            match send_all(&mut self.target, &mut self.to_target) {
                Ok(Sent::All) => {}
                Ok(Sent::Blocked) => return Ok(false),
                // It may have answered already, and read no more.
                Err(error) => {
                    // The system reports EPIPE where the server's end came first.
                    if error.kind() != ErrorKind::BrokenPipe {
                        self.target_fault = Some(error);
                    }
                    self.is_taken = false;
                    continue;
                }
            }
            self.take_body()?;
            if self.to_target.pending() > 0 {
                continue;
            }
            if !self.body.is_in_body() {
                return Ok(false);
            }
            if self.body_bytes - begin >= context.budget_bytes as u64 {
                return Ok(true);
            }
            let held = self.input.len();
            self.input.resize(held + PIECE_BYTES, 0);
            let read = self.client.read(&mut self.input[held..]);
            self.input.truncate(held + *read.as_ref().unwrap_or(&0));
            match read {
                // It has its answer, and does not send the rest: the server did not want it, or did not ask for it.
                Ok(0) if self.missing_bytes() == Some(0) => {
                    self.inbound.lane_mut().end_source();
                    return Ok(false);
                }
                Ok(0) => {
                    let text = "ended in the middle of its request";
                    return Err(Unanswered::Lost(Error::new(Exit::Lost, text)));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(Unanswered::Lost(lost(&error))),
            }
        }
    }

    /// Moves the bytes of the request from the input to the server's buffer.
    fn take_body(&mut self) -> Result<(), Unanswered> {
        let mut at = 0;
        while self.body.is_in_body() {
            let mut fields = no_fields();
            let (used, step) = self.body.next_event(&self.input[at..], &mut fields);
            let needs_more = matches!(step, ParseEvent::More);
            if let ParseEvent::Refused(refusal) = step {
                let error = Error::new(Exit::Refused, "the client's body is malformed");
                return Err(self.unanswered(ClientError::Refused(refusal), error));
            }
            self.to_target.push(&self.input[at..at + used]);
            at += used;
            if needs_more {
                break;
            }
        }
        self.body_bytes += at as u64;
        self.input.drain(..at);
        if !self.body.is_in_body() {
            self.input = Vec::new();
        }
        Ok(())
    }

    /// Sends the answer to the client. True if there may be more at once.
    fn receive(&mut self, context: Context) -> Result<bool, Unanswered> {
        let mut piece = [0; PIECE_BYTES];
        loop {
            match send_all(&mut self.client, &mut self.to_client) {
                Ok(Sent::All) => {}
                Ok(Sent::Blocked) => return Ok(false),
                Err(error) => return Err(Unanswered::Lost(lost(&error))),
            }
            if self.answer.is_over() {
                break;
            }
            let count = match self.target.read(&mut piece) {
                Ok(0) => {
                    let error = Error::new(Exit::Lost, "ended the connection without an answer");
                    return Err(self.no_answer(error));
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(self.no_answer(lost(&error))),
            };
            let taken = self.answer.receive(&piece[..count]);
            let taken =
                taken.map_err(|fault| self.no_answer(Error::new(Exit::Refused, format!("it {fault}"))))?;
            let head = self.answer.take_outgoing();
            self.has_begun |= !head.is_empty();
            self.to_client.push(&head);
            let after = (count - taken) as u64;
            self.early_bytes = self.missing_bytes().map_or(after, |missing| missing.min(after));
            self.to_client.push(&piece[taken..taken + self.early_bytes as usize]);
        }
        self.end_if_whole();
        let pumped = self.inbound.advance(&mut self.target, &mut self.client, context);
        self.end_if_whole();
        let pumped = match pumped {
            // Bytes and failures after the answer are ignored: the server did not want what it has not read.
            Err(PumpError { side: Side::Source, .. }) if self.missing_bytes() == Some(0) => {
                self.inbound.lane_mut().end_source();
                Pumped::More
            }
            Err(PumpError { side: Side::Source, error }) => {
                return Err(Unanswered::Lost(target_lost(&self.target_name, &error)));
            }
            Err(PumpError { side: Side::Sink, error }) => return Err(Unanswered::Lost(lost(&error))),
            Ok(pumped) => pumped,
        };
        if self.inbound.lane().half_close_pending() {
            if self.missing_bytes().is_some_and(|missing| missing > 0) {
                let error = Error::new(Exit::Lost, "ended in the middle of its answer");
                return Err(Unanswered::Lost(error.context(format!("target {}", self.target_name))));
            }
            if self.missing_bytes().is_none()
                && let Some(error) = self.target_fault.take()
            {
                return Err(Unanswered::Lost(target_lost(&self.target_name, &error)));
            }
            self.inbound.pass_end(&mut self.client).map_err(|error| Unanswered::Lost(lost(&error)))?;
            // The server has sent everything: its end is an orderly one, though it may not have read all of the request.
            let _ = self.target.reset_on_close(false);
            self.goodbye = Some(LingeringClose::new(context.now));
        }
        Ok(pumped == Pumped::More)
    }

    /// Bytes of the answer that have not come yet, if its length is known.
    fn missing_bytes(&self) -> Option<u64> {
        let length = match self.asks_for_head && self.answer.is_over() {
            true => Some(0),
            false => self.answer.body_bytes(),
        };
        let lane = self.inbound.lane();
        length.map(|length| length.saturating_sub(self.early_bytes + lane.delivered() + lane.held() as u64))
    }

    /// Ends the answer at its length: some servers leave the connection open despite `Connection: close`.
    fn end_if_whole(&mut self) {
        // A server may answer before it has read the whole request: what it still takes is sent first.
        let has_asked = !self.is_taken || !self.body.is_in_body() && self.to_target.pending() == 0;
        if has_asked && self.missing_bytes() == Some(0) {
            self.inbound.lane_mut().end_source();
        }
    }

    fn no_answer(&self, error: Error) -> Unanswered {
        self.unanswered(ClientError::NoAnswer, error.context(format!("target {}", self.target_name)))
    }

    fn unanswered(&self, client_error: ClientError, error: Error) -> Unanswered {
        if self.has_begun { Unanswered::Lost(error) } else { Unanswered::Respond(client_error, error) }
    }

    /// When to advance if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let end = match self.is_delivered {
            true => self.goodbye.as_ref().map(LingeringClose::deadline),
            false => self.acknowledgement.deadline(),
        };
        let waits = [end, self.inbound.wake_up(), self.client.wake_up()];
        waits.into_iter().flatten().min()
    }

    /// Bytes that went to the client, and came from it, heads left out.
    pub(crate) fn moved(&self) -> (u64, u64) {
        (self.early_bytes + self.inbound.lane().delivered(), self.body_bytes)
    }
}
