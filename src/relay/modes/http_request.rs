//! One request of a client's, forwarded: its head and body to the server, the server's answer to the client.

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
use crate::proto::http::{ErrorStatus, Exchange, ParseEvent, no_fields};
use crate::proto::proxy::handshake::Handshake;
use crate::proto::proxy::http_forward::{AnswerHead, Request};
use crate::relay::tunnel::target_lost;

/// Read at once.
const PIECE_BYTES: usize = 32 << 10;
/// A client's request and the connection to its server. The connection is reset when this is dropped before it is over.
pub(crate) struct Forwarded {
    client: Limited<Box<dyn Stream>>,
    target: Transport,
    target_name: String,
    body: Exchange,
    /// Came from the client, and was not taken yet.
    input: Vec<u8>,
    to_target: SendBuffer,
    /// The server takes more of the request.
    is_taken: bool,
    body_bytes: u64,
    answer: AnswerHead,
    asks_for_head: bool,
    /// How much of the answer's body came with its head.
    early_bytes: u64,
    to_client: SendBuffer,
    /// Something of the answer was given to the client.
    has_begun: bool,
    inbound: Pump,
    /// The answer was sent: the client is heard out.
    goodbye: Option<LingeringClose>,
    /// It has all of the answer.
    is_told: bool,
    /// The connection to the server was reset while it was written to: an end that is read then is none.
    target_fault: Option<io::Error>,
    acknowledgement: AcknowledgementWait,
}

/// Why a request is not answered by its server.
pub(crate) enum Unanswered {
    /// Nothing of an answer was given: the client is to be told.
    Tell(Told, Error),
    /// It cannot be told.
    Lost(Error),
}

/// What the client is to be told.
pub(crate) enum Told {
    /// What it has sent is refused.
    Refused(ErrorStatus),
    /// The server gives no answer that could be passed on.
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
            is_told: false,
            target_fault: None,
            acknowledgement: AcknowledgementWait::default(),
        })
    }

    /// The client, to be told that there is no answer. The connection to the server is reset.
    pub(crate) fn into_client(self) -> Limited<Box<dyn Stream>> {
        self.client
    }

    /// Goes on as far as it can.
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
        if !self.is_told {
            self.is_told = self
                .acknowledgement
                .is_acknowledged(&mut self.client, context.now)
                .map_err(Unanswered::Lost)?;
            // A client may take its time to read what the system holds for it, if the system tells how far it is.
            let is_watched = self.client.delivery().is_some();
            if is_watched || self.is_told {
                *goodbye = LingeringClose::new(context.now);
            } else if context.now >= goodbye.deadline() {
                self.client.reset_on_close(false).map_err(|error| Unanswered::Lost(lost(&error)))?;
                self.is_told = true;
            }
        }
        match goodbye.drain(&mut self.client, context) {
            Ok(Status::Done) if !self.is_told => Ok(Status::Waiting),
            Ok(status) => Ok(status),
            // It has everything: how it leaves is its own affair.
            Err(_) if self.is_told => Ok(Status::Done),
            Err(error) => Err(Unanswered::Lost(lost(&error))),
        }
    }

    /// The request goes to the server: never a byte of what stands behind it. True if there may be more at once.
    fn send(&mut self, context: Context) -> Result<bool, Unanswered> {
        let begin = self.body_bytes;
        loop {
            if !self.is_taken {
                self.to_target.clear();
            }
            match send_all(&mut self.target, &mut self.to_target) {
                Ok(Sent::All) => {}
                Ok(Sent::Blocked) => return Ok(false),
                // It may have answered already, and takes no more.
                Err(error) => {
                    // The system says EPIPE where the server's end came first.
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
                // It has its answer, and keeps the rest to itself: the server did not want it, or not ask for it.
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

    /// Takes what belongs to the request out of the input.
    fn take_body(&mut self) -> Result<(), Unanswered> {
        let mut at = 0;
        while self.body.is_in_body() {
            let mut fields = no_fields();
            let (used, step) = self.body.next_event(&self.input[at..], &mut fields);
            let needs_more = matches!(step, ParseEvent::More);
            if let ParseEvent::Refused(refusal) = step {
                let error = Error::new(Exit::Refused, "the client's body is malformed");
                return Err(self.unanswered(Told::Refused(refusal), error));
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

    /// The answer goes to the client. True if there may be more at once.
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
            let behind = (count - taken) as u64;
            self.early_bytes = self.missing_bytes().map_or(behind, |missing| missing.min(behind));
            self.to_client.push(&piece[taken..taken + self.early_bytes as usize]);
        }
        self.end_if_whole();
        let pumped = self.inbound.advance(&mut self.target, &mut self.client, context);
        self.end_if_whole();
        let pumped = match pumped {
            // What comes behind the answer, or fails there, is not heard: what it has not read, it did not want.
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
            // It has said everything: its end is an orderly one, whatever of the request it did not want.
            let _ = self.target.reset_on_close(false);
            self.goodbye = Some(LingeringClose::new(context.now));
        }
        Ok(pumped == Pumped::More)
    }

    /// What of the answer is still to come, if that is known.
    fn missing_bytes(&self) -> Option<u64> {
        let length = match self.asks_for_head && self.answer.is_over() {
            true => Some(0),
            false => self.answer.body_bytes(),
        };
        let lane = self.inbound.lane();
        length.map(|length| length.saturating_sub(self.early_bytes + lane.delivered() + lane.held() as u64))
    }

    /// Some servers leave the connection open though they were told that it is for one request.
    fn end_if_whole(&mut self) {
        // A server may answer before it has read the whole request: what it still takes is sent first.
        let has_asked = !self.is_taken || !self.body.is_in_body() && self.to_target.pending() == 0;
        if has_asked && self.missing_bytes() == Some(0) {
            self.inbound.lane_mut().end_source();
        }
    }

    fn no_answer(&self, error: Error) -> Unanswered {
        self.unanswered(Told::NoAnswer, error.context(format!("target {}", self.target_name)))
    }

    fn unanswered(&self, told: Told, error: Error) -> Unanswered {
        if self.has_begun { Unanswered::Lost(error) } else { Unanswered::Tell(told, error) }
    }

    /// When to go on if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let end = match self.is_told {
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
