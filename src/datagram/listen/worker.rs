//! The process of one peer: its input, its output, and its end.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::datagram::style::Style;
use crate::net::child::ChildStream;
use crate::net::process::Process;
use crate::net::send::{SendBuffer, send_all};
use crate::net::stream::Stream;
use crate::net::udp::Datagram;
use crate::proto::datagram::records::{BadRecord, MAX_DATAGRAM_BYTES, SplitAt, Splitter};

/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The same after a signal to the command, which must stop within a second.
const LAST_GRACE: Duration = Duration::from_millis(400);
/// The maximum input that waits for a process that does not read.
const INPUT_BYTES: usize = 256 << 10;
/// The maximum number of records of one process in one turn.
const RECORDS_AT_ONCE: usize = 256;

/// The default capacity of a pipe, see pipe(7): earlier input was read.
const PIPE_BYTES: u64 = 64 << 10;
/// A process that ends this soon after its stdin was closed has closed it by ending.
const CLOSED_BY_ENDING: Duration = Duration::from_secs(1);

/// The socket and the source address of answers to a peer.
#[derive(Clone, Copy)]
pub(crate) struct AnswerRoute {
    /// The index of the socket that received its datagram.
    pub(crate) socket: usize,
    /// The local address that it sent to.
    pub(crate) local: Option<IpAddr>,
}

/// The process of a peer, with its input and output.
pub(crate) struct PeerProcess {
    pub(crate) stream: ChildStream,
    pub(crate) process: Process,
    input: SendBuffer,
    /// The size of all records that were queued, and the bounds of each record that may be unread.
    input_bytes: u64,
    records: VecDeque<(u64, u64)>,
    /// Set when the process has closed its stdin.
    closed: Option<StdinClosed>,
    output: OutputSplitter,
    has_output_ended: bool,
    pub(crate) route: AnswerRoute,
    last_moved: Instant,
    pub(crate) end: ProcessEnd,
    pub(crate) is_unfinished: bool,
    /// It did not end by itself.
    pub(crate) was_ended: bool,
}

/// The time at which stdin was closed, and how far it had been read and written.
#[derive(Clone, Copy)]
struct StdinClosed {
    at: Instant,
    taken_bytes: u64,
    written_bytes: u64,
}

/// Splits the output into datagrams.
enum OutputSplitter {
    /// Each read is a datagram.
    Raw,
    Records(Splitter),
    /// The whole output is a datagram, unless it is empty or the process did not end by itself.
    Whole(Splitter),
}

impl OutputSplitter {
    fn new(cut: Option<SplitAt>) -> OutputSplitter {
        match cut {
            None => OutputSplitter::Raw,
            Some(SplitAt::All) => OutputSplitter::Whole(Splitter::new(SplitAt::All)),
            Some(cut) => OutputSplitter::Records(Splitter::new(cut)),
        }
    }
}

/// The progress of ending the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessEnd {
    Nothing,
    /// Its stdin ends after the last byte; SIGTERM follows at this time.
    Closing(Instant),
    /// The same, but a busy process is not ended: it may work on the last datagrams.
    Last(Instant),
    /// SIGTERM is due now.
    Due,
    /// SIGTERM was sent, or the process has ended and left its output to others; SIGKILL follows at this time.
    Termed(Instant),
    /// SIGKILL was sent.
    Killed,
}

/// Progress of a process.
pub(crate) enum ProcessProgress {
    Waiting,
    More,
    Over,
}

impl PeerProcess {
    pub(crate) fn new(
        (stream, process): (ChildStream, Process),
        split_at: Option<SplitAt>,
        route: AnswerRoute,
        now: Instant,
    ) -> PeerProcess {
        PeerProcess {
            stream,
            process,
            input: SendBuffer::default(),
            input_bytes: 0,
            records: VecDeque::new(),
            closed: None,
            output: OutputSplitter::new(split_at),
            has_output_ended: false,
            route,
            last_moved: now,
            end: ProcessEnd::Nothing,
            is_unfinished: false,
            was_ended: false,
        }
    }

    /// Queues a datagram for the process.
    ///
    /// # Errors
    /// The reason why it does not get it.
    pub(crate) fn queue(
        &mut self,
        datagram: &Datagram<'_>,
        style: Style,
        now: Instant,
    ) -> Result<(), String> {
        if self.end != ProcessEnd::Nothing {
            return Err("its process is about to end".into());
        }
        if self.input.pending() > INPUT_BYTES {
            return Err("its process does not read earlier datagrams".into());
        }
        self.last_moved = now;
        let start = self.input_bytes;
        style.write(datagram, |part| {
            self.input.push(part);
            self.input_bytes += part.len() as u64;
        });
        // Nothing shows whether an empty record was read.
        if self.input_bytes > start {
            self.records.push_back((start, self.input_bytes));
        }
        Ok(())
    }

    /// Returns the number of records that the process did not get or has not begun to read. A process that continues
    /// without its stdin did not want them; neither did a process that never reads.
    pub(crate) fn unread(&self, now: Instant) -> u64 {
        let written_bytes = self.input_bytes - self.input.pending() as u64;
        let unread_bytes = self.stream.unread_bytes();
        let (taken, written) = match self.closed {
            None => (written_bytes.saturating_sub(unread_bytes), written_bytes),
            Some(closed) if self.was_ended || now < closed.at + CLOSED_BY_ENDING => {
                (closed.taken_bytes, closed.written_bytes)
            }
            Some(_) => return 0,
        };
        // A process that has never read a byte wants none, unless it was ended before it could.
        let taken = match taken {
            0 if !self.was_ended => return 0,
            0 => written,
            taken => taken,
        };
        let is_unread = |(start, end): &&(u64, u64)| *start >= taken || *end > written;
        self.records.iter().filter(is_unread).count() as u64
    }

    pub(crate) fn advance(
        &mut self,
        now: Instant,
        idle: Duration,
        scratch: &mut [u8],
        mut deliver: impl FnMut(&[u8], AnswerRoute),
    ) -> Result<ProcessProgress, String> {
        self.write(now);
        let has_more = self.read(now, scratch, &mut deliver)?;
        if self.end == ProcessEnd::Nothing && now >= self.last_moved + idle {
            self.end = ProcessEnd::Closing(now);
        }
        if let ProcessEnd::Closing(limit) | ProcessEnd::Last(limit) = self.end {
            self.end_input();
            if now >= limit {
                self.is_unfinished = matches!(self.end, ProcessEnd::Last(_)) && !self.process.has_ended();
                self.terminate();
                self.end = ProcessEnd::Termed(now + GRACE);
            }
        }
        if self.end == ProcessEnd::Due {
            self.terminate();
            self.end = ProcessEnd::Termed(now + LAST_GRACE);
        }
        if matches!(self.end, ProcessEnd::Termed(limit) if now >= limit) {
            self.process.kill();
            self.end = ProcessEnd::Killed;
        }
        if !self.process.has_ended() {
            return Ok(if has_more { ProcessProgress::More } else { ProcessProgress::Waiting });
        }
        if self.has_output_ended || self.end == ProcessEnd::Killed {
            return Ok(ProcessProgress::Over);
        }
        if !matches!(self.end, ProcessEnd::Termed(_)) {
            self.end = ProcessEnd::Termed(now + GRACE);
        }
        Ok(if has_more { ProcessProgress::More } else { ProcessProgress::Waiting })
    }

    fn terminate(&mut self) {
        self.was_ended |= !self.process.has_ended();
        self.process.terminate();
    }

    /// Ends its stdin when everything is written.
    pub(crate) fn end_input(&mut self) {
        if self.input.pending() == 0 {
            self.stream.keep_unread();
            // Fails if it is closed already.
            let _ = self.stream.finish_writing();
        }
    }

    fn write(&mut self, now: Instant) {
        if send_all(&mut self.stream, &mut self.input).is_err() {
            let written_bytes = self.input_bytes - self.input.pending() as u64;
            let taken_bytes = written_bytes.saturating_sub(self.stream.unread_bytes());
            self.closed = Some(StdinClosed { at: now, taken_bytes, written_bytes });
            self.stream.discard_input();
            self.input.clear();
        }
        let sure_bytes = match self.closed {
            None => (self.input_bytes - self.input.pending() as u64).saturating_sub(PIPE_BYTES),
            // It does not want further input.
            Some(closed) if !self.was_ended && now >= closed.at + CLOSED_BY_ENDING => self.input_bytes,
            Some(closed) => closed.taken_bytes,
        };
        while self.records.front().is_some_and(|(start, _)| *start < sure_bytes) {
            self.records.pop_front();
        }
    }

    /// Reads output. Returns whether there may be more.
    fn read(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        deliver: &mut impl FnMut(&[u8], AnswerRoute),
    ) -> Result<bool, String> {
        for _ in 0..RECORDS_AT_ONCE {
            if self.has_output_ended {
                return Ok(false);
            }
            let is_whole = matches!(self.output, OutputSplitter::Whole(_));
            let space = match &mut self.output {
                OutputSplitter::Records(splitter) | OutputSplitter::Whole(splitter) => {
                    if let Some(record) = splitter.next_datagram().map_err(explain)? {
                        if !(is_whole && (record.is_empty() || self.was_ended)) {
                            deliver(record, self.route);
                        }
                        continue;
                    }
                    self.has_output_ended = splitter.is_over();
                    splitter.space()
                }
                OutputSplitter::Raw => &mut *scratch,
            };
            if self.has_output_ended {
                return Ok(false);
            }
            let count = match self.stream.read(space) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.to_string()),
            };
            self.last_moved = now;
            match &mut self.output {
                OutputSplitter::Records(splitter) | OutputSplitter::Whole(splitter) => splitter.filled(count),
                OutputSplitter::Raw if count == 0 => self.has_output_ended = true,
                OutputSplitter::Raw => deliver(&scratch[..count], self.route),
            }
        }
        Ok(true)
    }

    pub(crate) fn deadline(&self, idle: Duration) -> Option<Instant> {
        match self.end {
            ProcessEnd::Nothing => Some(self.last_moved + idle),
            ProcessEnd::Closing(limit) | ProcessEnd::Last(limit) | ProcessEnd::Termed(limit) => Some(limit),
            ProcessEnd::Due | ProcessEnd::Killed => None,
        }
    }
}

fn explain(bad: BadRecord) -> String {
    match bad {
        BadRecord::TooLarge => format!("its output has a record larger than {MAX_DATAGRAM_BYTES} bytes"),
        BadRecord::Incomplete => "its output ended within a record".into(),
        BadRecord::NoObject(why) => format!("a line of its output is not a datagram: {why}"),
    }
}
