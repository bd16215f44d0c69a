//! `--telnet`: the peer's commands are removed from its bytes, and refusals are sent between ours.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::filter::{Filtered, Stage};
use crate::error::Error;
use crate::net::stream::{RelayHints, Stream, Timed};
use crate::proto::relay::ending::{EndWhen, Ending, HalfClose, InputKind};
use crate::proto::relay::telnet;

/// Most bytes of refusals that wait to be sent. All options, each negotiated twice, need a tenth of it. A peer that does
/// not read this many gets no more.
const MAX_REPLY_BYTES: usize = 32 << 10;

/// The filters of both directions of one connection, and the state that they share.
pub struct TelnetFilters {
    shared: Rc<RefCell<Shared>>,
    reads_input: bool,
    holds_end: bool,
}

#[derive(Default)]
struct Shared {
    replies: Vec<u8>,
    /// Replies came after the turn began.
    are_new: bool,
    peer_ended: bool,
    /// Nothing more can be sent.
    is_closed: bool,
}

impl TelnetFilters {
    /// The filters for a relay with these rules, whose input is read or not.
    pub fn new(ending: Ending, reads_input: bool) -> TelnetFilters {
        let is_end_withheld = ending.input == InputKind::Nothing || ending.half_close == HalfClose::Never;
        let holds_end = is_end_withheld && ending.end_when != EndWhen::Input;
        TelnetFilters { shared: Rc::default(), reads_input, holds_end }
    }

    /// The local side. Its reads give the refusals, too.
    pub fn local<S: Stream + 'static>(&self, local: S, now: Instant) -> Box<dyn Stream> {
        Box::new(TelnetReplier {
            stream: Filtered::new(local, Escaping, now),
            shared: Rc::clone(&self.shared),
            holds_end: self.holds_end,
            input_ended: !self.reads_input,
            now,
        })
    }

    /// The peer. Its reads give data only.
    pub fn peer<S: Stream + 'static>(&self, peer: S, now: Instant) -> Box<dyn Stream> {
        let stage = Reading { telnet: telnet::TelnetParser::default(), shared: Rc::clone(&self.shared) };
        Box::new(Filtered::new(peer, stage, now))
    }
}

struct Reading {
    telnet: telnet::TelnetParser,
    shared: Rc<RefCell<Shared>>,
}

impl Stage for Reading {
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Error> {
        let mut replies = Vec::new();
        self.telnet.take(input, output, &mut replies);
        let mut shared = self.shared.borrow_mut();
        if !replies.is_empty() && !shared.is_closed && shared.replies.len() + replies.len() <= MAX_REPLY_BYTES
        {
            shared.replies.append(&mut replies);
            shared.are_new = true;
        }
        Ok(input.len())
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
        self.shared.borrow_mut().peer_ended = true;
        Ok(())
    }
}

struct Escaping;

impl Stage for Escaping {
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Error> {
        telnet::escape(input, output);
        Ok(input.len())
    }

    fn end(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }
}

/// Reads refusals first, then the input.
///
/// An input whose end is not passed on before the peer has ended does not end before it either: a refusal may be due.
struct TelnetReplier<S> {
    stream: S,
    shared: Rc<RefCell<Shared>>,
    holds_end: bool,
    input_ended: bool,
    now: Instant,
}

impl<S: Stream> Stream for TelnetReplier<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut shared = self.shared.borrow_mut();
        if !shared.replies.is_empty() {
            let count = buffer.len().min(shared.replies.len());
            buffer[..count].copy_from_slice(&shared.replies[..count]);
            shared.replies.drain(..count);
            return Ok(count);
        }
        if !self.input_ended {
            match self.stream.read(buffer) {
                Ok(0) => self.input_ended = true,
                result => return result,
            }
        }
        if self.holds_end && !shared.peer_ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        shared.is_closed = true;
        Ok(0)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.stream.finish_writing()
    }
}

crate::forwarding!([S: Stream] TelnetReplier<S>, this => this.stream; WritingEnd SocketState);

impl<S: Stream> Timed for TelnetReplier<S> {
    fn tick(&mut self, now: Instant) {
        self.now = now;
        self.shared.borrow_mut().are_new = false;
        self.stream.tick(now);
    }

    fn wake_up(&self) -> Option<Instant> {
        // The next turn sends the refusals of this one. If the peer has no room, its readiness will come.
        let next = self.shared.borrow().are_new.then(|| self.now + Duration::from_nanos(1));
        next.into_iter().chain(self.stream.wake_up()).min()
    }
}

impl<S: Stream> RelayHints for TelnetReplier<S> {
    fn received_bytes(&self) -> Option<u64> {
        self.stream.received_bytes()
    }

    fn is_exhausted(&self) -> bool {
        self.holds_end && self.input_ended && self.shared.borrow().replies.is_empty()
    }

    fn survives_broken_pipe(&mut self) -> bool {
        self.stream.survives_broken_pipe()
    }
}
