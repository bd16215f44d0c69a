//! The process of one peer: what it is to read, what it says, and how it ends.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::datagram::style::Style;
use crate::net::child::ChildStream;
use crate::net::process::Process;
use crate::net::send::{Outgoing, send_all};
use crate::net::stream::Stream;
use crate::net::udp::Datagram;
use crate::proto::datagram::records::{BadRecord, Cut, LARGEST_BYTES, Splitter};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The same when a signal has ended the command, which is to stop within a second.
const LAST_GRACE: Duration = Duration::from_millis(400);
/// What may wait for a process that does not read.
const INPUT_BYTES: usize = 256 << 10;
/// Records of one process before the others get their turn.
const RECORDS_AT_ONCE: usize = 256;

/// What a pipe holds at most, as pipe(7) has it by default: what stands further back was read.
const PIPE_BYTES: u64 = 64 << 10;
/// A process that has closed its stdin, and ends within this time, has closed it by ending.
const CLOSED_BY_ENDING: Duration = Duration::from_secs(1);

/// Where a peer's answers go out.
#[derive(Clone, Copy)]
pub(crate) struct ReturnPath {
    /// The socket that it was heard on.
    pub(crate) socket: usize,
    /// The address that it has sent to.
    pub(crate) local: Option<IpAddr>,
}

/// A process, and what is on its way to it and from it.
pub(crate) struct Worker {
    pub(crate) stream: ChildStream,
    pub(crate) process: Process,
    input: Outgoing,
    /// Bytes of all records that were put into `input`, and where each one begins and ends that may not be read yet.
    input_bytes: u64,
    records: VecDeque<(u64, u64)>,
    /// It has closed its stdin.
    closed: Option<Closed>,
    output: Cutter,
    has_output_ended: bool,
    pub(crate) way: ReturnPath,
    last_moved: Instant,
    pub(crate) end: WorkerEnd,
    pub(crate) is_unfinished: bool,
    /// It did not end by itself.
    pub(crate) was_ended: bool,
}

/// When, and how far it had read and was written to then.
#[derive(Clone, Copy)]
struct Closed {
    at: Instant,
    taken_bytes: u64,
    written_bytes: u64,
}

/// How its output becomes datagrams.
enum Cutter {
    /// Each read is one.
    Raw,
    Records(Splitter),
    /// All of it is one, unless it is empty or the process did not end by itself.
    Whole(Splitter),
}

impl Cutter {
    fn new(cut: Option<Cut>) -> Cutter {
        match cut {
            None => Cutter::Raw,
            Some(Cut::All) => Cutter::Whole(Splitter::new(Cut::All)),
            Some(cut) => Cutter::Records(Splitter::new(cut)),
        }
    }
}

/// What is done to have it end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkerEnd {
    Nothing,
    /// Its stdin ends when everything is written; SIGTERM follows then.
    Closing(Instant),
    /// The same, and it is not to be ended while it has something to do: the last datagrams may be in its hands.
    Last(Instant),
    /// It is to be sent SIGTERM at once.
    Due,
    /// It was sent SIGTERM, or has ended and left its output to others; SIGKILL follows then.
    Termed(Instant),
    /// It was sent SIGKILL.
    Killed,
}

/// How far a process has come.
pub(crate) enum Moved {
    Waiting,
    More,
    Over,
}

impl Worker {
    pub(crate) fn new(
        (stream, process): (ChildStream, Process),
        cut: Option<Cut>,
        way: ReturnPath,
        now: Instant,
    ) -> Worker {
        Worker {
            stream,
            process,
            input: Outgoing::default(),
            input_bytes: 0,
            records: VecDeque::new(),
            closed: None,
            output: Cutter::new(cut),
            has_output_ended: false,
            way,
            last_moved: now,
            end: WorkerEnd::Nothing,
            is_unfinished: false,
            was_ended: false,
        }
    }

    /// Puts a datagram on its way to the process.
    ///
    /// # Errors
    /// Why it does not get it.
    pub(crate) fn take(&mut self, datagram: &Datagram<'_>, style: Style, now: Instant) -> Result<(), String> {
        if self.end != WorkerEnd::Nothing {
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
        // Of a record without a byte nobody can tell whether it was read.
        if self.input_bytes > start {
            self.records.push_back((start, self.input_bytes));
        }
        Ok(())
    }

    /// How many records it was not given, or has not begun to read. Of a process that has gone on without its stdin they
    /// were not wanted; nor, as far as they were in its pipe, of one that reads nothing.
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
        // One that has never read a byte does without, but for what it had no time for.
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
        mut deliver: impl FnMut(&[u8], ReturnPath),
    ) -> Result<Moved, String> {
        self.write(now);
        let has_more = self.read(now, scratch, &mut deliver)?;
        if self.end == WorkerEnd::Nothing && now >= self.last_moved + idle {
            self.end = WorkerEnd::Closing(now);
        }
        if let WorkerEnd::Closing(limit) | WorkerEnd::Last(limit) = self.end {
            self.end_input();
            if now >= limit {
                self.is_unfinished = matches!(self.end, WorkerEnd::Last(_)) && !self.process.has_ended();
                self.terminate();
                self.end = WorkerEnd::Termed(now + GRACE);
            }
        }
        if self.end == WorkerEnd::Due {
            self.terminate();
            self.end = WorkerEnd::Termed(now + LAST_GRACE);
        }
        if matches!(self.end, WorkerEnd::Termed(limit) if now >= limit) {
            self.process.kill();
            self.end = WorkerEnd::Killed;
        }
        if !self.process.has_ended() {
            return Ok(if has_more { Moved::More } else { Moved::Waiting });
        }
        if self.has_output_ended || self.end == WorkerEnd::Killed {
            return Ok(Moved::Over);
        }
        if !matches!(self.end, WorkerEnd::Termed(_)) {
            self.end = WorkerEnd::Termed(now + GRACE);
        }
        Ok(if has_more { Moved::More } else { Moved::Waiting })
    }

    fn terminate(&mut self) {
        self.was_ended |= !self.process.has_ended();
        self.process.terminate();
    }

    /// Ends its stdin, if everything is written.
    pub(crate) fn end_input(&mut self) {
        if self.input.pending() == 0 {
            self.stream.keep_unread();
            // Fails where it was closed already.
            let _ = self.stream.finish_writing();
        }
    }

    fn write(&mut self, now: Instant) {
        if send_all(&mut self.stream, &mut self.input).is_err() {
            let written_bytes = self.input_bytes - self.input.pending() as u64;
            let taken_bytes = written_bytes.saturating_sub(self.stream.unread_bytes());
            self.closed = Some(Closed { at: now, taken_bytes, written_bytes });
            self.stream.discard_input();
            self.input.clear();
        }
        let sure_bytes = match self.closed {
            None => (self.input_bytes - self.input.pending() as u64).saturating_sub(PIPE_BYTES),
            // What comes for it is not wanted.
            Some(closed) if !self.was_ended && now >= closed.at + CLOSED_BY_ENDING => self.input_bytes,
            Some(closed) => closed.taken_bytes,
        };
        while self.records.front().is_some_and(|(start, _)| *start < sure_bytes) {
            self.records.pop_front();
        }
    }

    /// True if there may be more.
    fn read(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        deliver: &mut impl FnMut(&[u8], ReturnPath),
    ) -> Result<bool, String> {
        for _ in 0..RECORDS_AT_ONCE {
            if self.has_output_ended {
                return Ok(false);
            }
            let is_whole = matches!(self.output, Cutter::Whole(_));
            let space = match &mut self.output {
                Cutter::Records(splitter) | Cutter::Whole(splitter) => {
                    if let Some(record) = splitter.next().map_err(explain)? {
                        if !(is_whole && (record.is_empty() || self.was_ended)) {
                            deliver(record, self.way);
                        }
                        continue;
                    }
                    self.has_output_ended = splitter.is_over();
                    splitter.space()
                }
                Cutter::Raw => &mut *scratch,
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
                Cutter::Records(splitter) | Cutter::Whole(splitter) => splitter.filled(count),
                Cutter::Raw if count == 0 => self.has_output_ended = true,
                Cutter::Raw => deliver(&scratch[..count], self.way),
            }
        }
        Ok(true)
    }

    pub(crate) fn deadline(&self, idle: Duration) -> Option<Instant> {
        match self.end {
            WorkerEnd::Nothing => Some(self.last_moved + idle),
            WorkerEnd::Closing(limit) | WorkerEnd::Last(limit) | WorkerEnd::Termed(limit) => Some(limit),
            WorkerEnd::Due | WorkerEnd::Killed => None,
        }
    }
}

fn explain(bad: BadRecord) -> String {
    match bad {
        BadRecord::TooLarge => format!("its output has a record larger than {LARGEST_BYTES} bytes"),
        BadRecord::Incomplete => "its output ended within a record".into(),
    }
}
