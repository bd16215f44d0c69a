//! `--interactive`: lines of stdin, one datagram each. A line that cannot be sent now waits, and stdin waits with it.

use std::collections::VecDeque;
use std::time::Instant;

use crate::datagram::output::Output;
use crate::datagram::too_large;
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::udp::{DatagramSocket, Peer, addresses_of};
use crate::proto::datagram::records::{SplitAt, Splitter, TextCheck};

/// The maximum number of lines that are sent before datagrams are received again.
const LINES_AT_ONCE: usize = 256;
/// The maximum number of lines that are read before there is a peer: one of them may end the run.
const LINES_AHEAD: usize = 64;

/// The error for input that is not text: line feeds in it have no meaning.
const NOT_TEXT: &str = "stdin is not text (it has a NUL, or bytes that are not UTF-8), and --interactive sends lines: \
    'udp-send --each all' sends anything";

/// The progress of stdin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineProgress {
    /// Nothing is available now.
    Waiting,
    /// More is available: other work comes first.
    More,
    /// Stdin has ended, and so does the run.
    Ended,
}

/// The outcome of sending a line.
pub(crate) enum LineOutcome {
    /// It was sent, or it never can be.
    Over,
    /// It waits until this time or, with `None`, until the socket has room.
    Later(Option<Instant>),
}

/// Stdin, and the destination of its lines.
pub(crate) struct LineInput {
    until: Option<String>,
    lines: Splitter,
    check: TextCheck,
    /// Lines that were read and not sent.
    waiting: VecDeque<Vec<u8>>,
    end: InputEnd,
    retry_at: Option<Instant>,
    /// The destination, and the index of its socket.
    peer: Option<(Peer, usize)>,
    /// True if the destination was given on the command line.
    is_named: bool,
}

/// The end of the lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InputEnd {
    Nothing,
    /// The line of `--until`.
    Line,
    /// The end of stdin.
    Stream,
}

impl LineInput {
    pub(crate) fn new(until: Option<String>, named: Option<(Peer, usize)>) -> LineInput {
        LineInput {
            until,
            lines: Splitter::new(SplitAt::Lines),
            check: TextCheck::default(),
            waiting: VecDeque::new(),
            end: InputEnd::Nothing,
            retry_at: None,
            is_named: named.is_some(),
            peer: named,
        }
    }

    /// Returns the peer of `--to`.
    pub(crate) fn named(&self) -> Option<&Peer> {
        self.peer.as_ref().filter(|_| self.is_named).map(|(peer, _)| peer)
    }

    /// Sends further lines to `peer`, unless the destination was given on the command line.
    pub(crate) fn set_peer(&mut self, peer: &Peer, socket: usize) {
        if !self.is_named {
            self.peer = Some((peer.clone(), socket));
        }
    }

    /// Records that only one socket is left, with this index.
    pub(crate) fn set_socket(&mut self, socket: usize) {
        self.peer = self.peer.take().map(|(peer, _)| (peer, socket));
    }

    /// Returns the index of the socket for lines.
    pub(crate) fn socket(&self) -> Option<usize> {
        self.peer.as_ref().map(|(_, socket)| *socket)
    }

    /// Returns true if lines wait for a first peer.
    pub(crate) fn waits_for_a_peer(&self) -> bool {
        self.peer.is_none() && !self.waiting.is_empty()
    }

    /// Returns when the waiting line may be sent.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Reads lines and passes each to `send_line`.
    pub(crate) fn advance(
        &mut self,
        output: &mut Output,
        mut send_line: impl FnMut(&Peer, usize, &[u8]) -> Result<LineOutcome, Error>,
    ) -> Result<LineProgress, Error> {
        self.retry_at = None;
        for _ in 0..LINES_AT_ONCE {
            if let (Some(line), Some((peer, socket))) = (self.waiting.front(), &self.peer) {
                if let LineOutcome::Later(time) = send_line(peer, *socket, line)? {
                    self.retry_at = time;
                    return Ok(LineProgress::Waiting);
                }
                self.waiting.pop_front();
            } else if self.end != InputEnd::Nothing || self.waiting.len() >= LINES_AHEAD {
                return Ok(self.rest());
            } else if !self.take_line()? && self.end == InputEnd::Nothing {
                let space = self.lines.space();
                let Some(count) = output.read(space)? else { return Ok(LineProgress::Waiting) };
                if !self.check.admits(&space[..count]) || count == 0 && !self.check.is_whole() {
                    return Err(Error::new(Exit::Usage, NOT_TEXT));
                }
                self.lines.filled(count);
            }
        }
        Ok(LineProgress::More)
    }

    /// Moves a line from the input to `waiting`. Returns false if there is none.
    fn take_line(&mut self) -> Result<bool, Error> {
        let line = self.lines.next_datagram().map_err(|_| too_large("a line of stdin"))?.map(<[u8]>::to_vec);
        let is_last =
            |line: &[u8]| self.until.as_ref().is_some_and(|until| until.as_bytes() == trimmed(line));
        match line {
            Some(line) if is_last(&line) => self.end = InputEnd::Line,
            Some(line) => {
                self.waiting.push_back(line);
                return Ok(true);
            }
            None if self.lines.is_over() => self.end = InputEnd::Stream,
            None => {}
        }
        Ok(false)
    }

    fn rest(&self) -> LineProgress {
        match self.end {
            InputEnd::Line => LineProgress::Ended,
            // Piped input waits for the first peer.
            InputEnd::Stream if self.until.is_some() && self.waiting.is_empty() => LineProgress::Ended,
            _ => LineProgress::Waiting,
        }
    }

    /// Ends the input. Returns how many lines were read and not sent.
    pub(crate) fn finish_input(&mut self) -> u64 {
        while self.end == InputEnd::Nothing && matches!(self.take_line(), Ok(true)) {}
        self.waiting.drain(..).count() as u64
    }
}

/// Removes the carriage return of a line that was written on another system.
fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Resolves the address of `--to`, and returns it with the index of a socket of its family.
pub(super) fn reachable(to: &Endpoint, sockets: &[DatagramSocket]) -> Result<(Peer, usize), Error> {
    for peer in addresses_of(to, None)? {
        if let Some(index) = sockets.iter().position(|socket| socket.local_address().is_same_family(&peer)) {
            let failed = |error| Error::new(Exit::Failed, format!("cannot ask for errors: {error}"));
            sockets[index].enable_icmp_errors().map_err(failed)?;
            return Ok((peer, index));
        }
    }
    Err(Error::new(Exit::Usage, format!("--to {to}: the listening endpoints are of another family")))
}
