//! The refusal of a client at the gate: an answer in its own protocol if it does not encrypt, then the end of the connection.

use std::time::Instant;

use crate::error::{Error, Exit};
use crate::net::goodbye::{LingeringClose, MAX_DISCARDED_BYTES};
use crate::net::reactor::{Context, Status};
use crate::net::stream::{SocketState, Stream, Transport};
use crate::net::wall::http_date_now;
use crate::proto::http::{Persistence, Response};
use crate::proto::transfer::foreign::foreign;
use crate::proto::transfer::frame::{Frame, encode};
use crate::proto::transfer::hello::{Accept, MAGIC};
use crate::proto::transfer::reason::Reason;

/// What a client of the transfer protocol is told.
const ENCRYPTS: &str =
    "this server encrypts: type --code for the code that it has printed, or --trust-new if it has none";

/// A client that is sent its answer.
pub(super) struct GateRefusal {
    transport: Transport,
    unsent: Vec<u8>,
    /// An orderly end follows, and no reset: the answer is all that the client expects.
    is_orderly: bool,
    /// Everything was sent.
    close: Option<LingeringClose>,
    pub(super) why: Error,
}

impl GateRefusal {
    /// Refuses a client of a server of transfers, whose first byte this is.
    pub(super) fn of_transfers(transport: Transport, first: u8) -> GateRefusal {
        let is_native = first == MAGIC[0];
        let (why, unsent) = match is_native {
            true => {
                let (reason, text) = (Reason::NotAllowed, ENCRYPTS.to_owned());
                let answer = [Accept::refusal(reason).encode(), encode(&Frame::Error { reason, text })];
                ("the client does not encrypt: it needs the code".to_owned(), answer.concat())
            }
            false => {
                let (why, answer) = foreign(Some(first));
                (why, answer.to_vec())
            }
        };
        let why = Error::new(Exit::Refused, why);
        GateRefusal { transport, unsent, is_orderly: is_native, close: None, why }
    }

    /// Refuses a client that was sent its answer. It may have sent its `HELLO` already.
    pub(super) fn after_answer(transport: Transport, why: Error) -> GateRefusal {
        GateRefusal { transport, unsent: Vec::new(), is_orderly: true, close: None, why }
    }

    /// Refuses a client of a server of HTTP over TLS.
    pub(super) fn of_https(transport: Transport) -> GateRefusal {
        let fields = [("Content-Type", "text/plain; charset=utf-8")];
        let mut answer = Response::new(400, &fields, b"This port speaks HTTPS: type https://\n");
        answer.set_date(&http_date_now());
        let mut unsent = Vec::new();
        let _ = answer.write(&mut unsent, Persistence::Closes, false);
        let why = Error::new(Exit::Refused, "the client speaks HTTP without TLS: it needs https://");
        GateRefusal { transport, unsent, is_orderly: true, close: None, why }
    }

    /// Advances the end. `Done`: the connection can be dropped.
    pub(super) fn advance(&mut self, context: Context) -> Status {
        while !self.unsent.is_empty() {
            match self.transport.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Status::Waiting,
                // It was reset: there is nothing to wait for.
                Err(_) => return Status::Done,
            }
        }
        if self.close.is_none() && self.is_orderly {
            let ended = self.transport.finish_writing();
            if ended.and_then(|()| self.transport.reset_on_close(false)).is_err() {
                return Status::Done;
            }
        }
        // To close at once would destroy the answer on its way.
        let close = self.close.get_or_insert_with(|| LingeringClose::new(context.now));
        match close.drain(&mut self.transport, context) {
            Ok(_) if close.drained_bytes() >= MAX_DISCARDED_BYTES => Status::Done,
            Ok(status) => status,
            Err(_) => Status::Done,
        }
    }

    /// When to advance it again at the latest, if everything was sent.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.close.as_ref().map(LingeringClose::deadline)
    }
}
