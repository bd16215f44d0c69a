//! `--exec` and `--sh` for datagrams: a process for each peer. What the peer sends is written to its stdin as a record, and
//! each record of its stdout goes to the peer.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::commands::datagrams::style::Style;
use crate::commands::exec::{describe, environment};
use crate::error::{Error, Exit};
use crate::net::child::{ChildStream, Program, spawn};
use crate::net::process::Process;
use crate::net::reactor::Io;
use crate::net::send::{Outgoing, send_all};
use crate::net::stream::Stream;
use crate::net::udp::{Datagram, DatagramSocket, Peer};
use crate::proto::records::{BadRecord, Cut, LARGEST_BYTES, Splitter};
use crate::report::Report;

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The same when a signal has ended the command, which is to stop within a second.
const LAST_GRACE: Duration = Duration::from_millis(400);
/// How long processes may go on when everything has come.
const LAST_LIMIT: Duration = Duration::from_secs(10);
/// What may wait for a process that does not read.
const INPUT_BYTES: usize = 256 << 10;
/// Records of one process before the others get their turn.
const RECORDS_AT_ONCE: usize = 256;

/// How processes are run.
pub(super) struct Runs {
    pub(super) program: Program,
    pub(super) style: Style,
    /// A process whose peer was not heard, and that has said nothing, for so long is ended.
    pub(super) idle: Duration,
    /// At the same time.
    pub(super) most: usize,
}

/// The processes of those peers that were heard lately.
pub(super) struct Processes {
    runs: Runs,
    by_peer: HashMap<Peer, Worker>,
    /// Processes that had not finished when everything had come, within the limit.
    unfinished: u64,
    troubles: Vec<(Peer, Trouble)>,
    io: Io,
    report: Report,
}

/// What a process has left behind.
pub(super) enum Trouble {
    /// So many datagrams that it was not given, because it was ended.
    Unread(u64),
    /// Why it has failed, by itself.
    Failed(String),
}

/// Where a peer's answers go out.
#[derive(Clone, Copy)]
pub(super) struct Way {
    /// The socket that it was heard on.
    pub(super) socket: usize,
    /// The address that it has sent to.
    pub(super) local: Option<IpAddr>,
}

struct Worker {
    stream: ChildStream,
    process: Process,
    input: Outgoing,
    /// Bytes of all records that were put into `input`, and where each one ends that is not written yet.
    input_bytes: u64,
    record_ends: VecDeque<u64>,
    /// Records that it was not given, because it was ended.
    unread: u64,
    /// None: each read is a record.
    output: Option<Splitter>,
    has_output_ended: bool,
    way: Way,
    last_moved: Instant,
    end: End,
    is_unfinished: bool,
    /// It did not end by itself.
    was_ended: bool,
}

/// What is done to have it end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
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

impl Processes {
    pub(super) fn new(runs: Runs, io: Io, report: Report) -> Processes {
        Processes { runs, by_peer: HashMap::new(), unfinished: 0, troubles: Vec::new(), io, report }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_peer.is_empty()
    }

    /// All sockets but one are gone.
    pub(super) fn moved_to(&mut self, socket: usize) {
        self.by_peer.values_mut().for_each(|worker| worker.way.socket = socket);
    }

    /// Hands a datagram to its peer's process, which is started if there is none.
    ///
    /// # Errors
    /// Why the process does not get it.
    pub(super) fn take(
        &mut self,
        datagram: &Datagram<'_>,
        way: Way,
        local: &DatagramSocket,
        now: Instant,
    ) -> Result<(), String> {
        let peer = &datagram.peer;
        if !self.by_peer.contains_key(peer) {
            if self.by_peer.len() >= self.runs.most {
                return Err("there are processes for as many peers as may be (see --max-peers)".into());
            }
            let worker =
                self.start(peer, local.name(), way, now).map_err(|error: Error| error.to_string())?;
            self.by_peer.insert(peer.clone(), worker);
        }
        let Some(worker) = self.by_peer.get_mut(peer) else { return Ok(()) };
        if worker.end != End::Nothing {
            return Err("its process is about to end".into());
        }
        if worker.input.pending() > INPUT_BYTES {
            return Err("its process does not read what came before".into());
        }
        worker.last_moved = now;
        self.runs.style.write(datagram, |part| {
            worker.input.push(part);
            worker.input_bytes += part.len() as u64;
        });
        worker.record_ends.push_back(worker.input_bytes);
        Ok(())
    }

    fn start(&self, peer: &Peer, local: &Peer, way: Way, now: Instant) -> Result<Worker, Error> {
        let environment = environment(&peer.to_name(), &local.to_name());
        let (stream, process) = spawn(&self.runs.program, &environment, &self.io)?;
        let name = self.runs.program.name.display();
        self.report.detail(format_args!("process {} runs '{name}' for {peer}", process.id()));
        Ok(Worker {
            stream,
            process,
            input: Outgoing::default(),
            input_bytes: 0,
            record_ends: VecDeque::new(),
            unread: 0,
            output: self.runs.style.cut().map(Splitter::new),
            has_output_ended: false,
            way,
            last_moved: now,
            end: End::Nothing,
            is_unfinished: false,
            was_ended: false,
        })
    }

    /// Moves what can be moved, and hands each record to `deliver`. True if there is more.
    pub(super) fn advance(&mut self, now: Instant, mut deliver: impl FnMut(&Peer, Way, &[u8])) -> bool {
        let (mut has_more, mut over) = (false, Vec::new());
        for (peer, worker) in &mut self.by_peer {
            match worker.advance(now, self.runs.idle, |record, way| deliver(peer, way, record)) {
                Ok(Moved::Waiting) => {}
                Ok(Moved::More) => has_more = true,
                Ok(Moved::Over) => over.push(peer.clone()),
                Err(why) => {
                    worker.was_ended = true;
                    self.troubles.push((peer.clone(), Trouble::Failed(why)));
                    worker.process.kill();
                    over.push(peer.clone());
                }
            }
        }
        for peer in over {
            let Some(worker) = self.by_peer.remove(&peer) else { continue };
            self.unfinished += u64::from(worker.is_unfinished);
            let unread = worker.unread + worker.record_ends.len() as u64;
            if unread > 0 {
                self.troubles.push((peer.clone(), Trouble::Unread(unread)));
            }
            // What it has started and did not end with it.
            worker.process.kill();
            let id = worker.process.id();
            match worker.process.reap() {
                Ok(status) => {
                    if !(status.success() || worker.was_ended) {
                        self.troubles.push((peer.clone(), Trouble::Failed(describe(status))));
                    }
                    let report = self.report.about(&peer);
                    report.child(id, status.code(), status.signal(), &describe(status));
                }
                Err(error) => self.report.detail(format_args!("process {id}: {error}")),
            }
        }
        has_more
    }

    /// What those have left behind that have ended since it was asked last.
    pub(super) fn troubles(&mut self) -> Vec<(Peer, Trouble)> {
        std::mem::take(&mut self.troubles)
    }

    /// No more datagrams come: their stdin ends, and they have a limit.
    pub(super) fn close(&mut self, now: Instant) {
        for worker in self.by_peer.values_mut().filter(|worker| worker.end == End::Nothing) {
            worker.end = End::Last(now + LAST_LIMIT);
            worker.end_input();
        }
    }

    /// Fails if processes had to be ended that had not finished.
    pub(super) fn check(&self) -> Result<(), Error> {
        let limit = humantime::format_duration(LAST_LIMIT);
        let what = match self.unfinished {
            0 => return Ok(()),
            1 => "a process was".to_owned(),
            count => format!("{count} processes were"),
        };
        Err(Error::new(Exit::TimedOut, format!("{what} still at work {limit} after the end, and was ended")))
    }

    /// They are to end at once.
    pub(super) fn terminate(&mut self) {
        self.by_peer.values_mut().for_each(|worker| worker.end = End::Due);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.by_peer.values().filter_map(|worker| worker.deadline(self.runs.idle)).min()
    }
}

/// How far a process has come.
enum Moved {
    Waiting,
    More,
    Over,
}

impl Worker {
    fn advance(
        &mut self,
        now: Instant,
        idle: Duration,
        mut deliver: impl FnMut(&[u8], Way),
    ) -> Result<Moved, String> {
        self.write();
        let has_more = self.read(now, &mut deliver)?;
        if self.end == End::Nothing && now >= self.last_moved + idle {
            self.end = End::Closing(now);
        }
        if let End::Closing(limit) | End::Last(limit) = self.end {
            self.end_input();
            if now >= limit {
                self.is_unfinished = matches!(self.end, End::Last(_)) && !self.process.has_ended();
                self.terminate();
                self.end = End::Termed(now + GRACE);
            }
        }
        if self.end == End::Due {
            self.terminate();
            self.end = End::Termed(now + LAST_GRACE);
        }
        if matches!(self.end, End::Termed(limit) if now >= limit) {
            self.process.kill();
            self.end = End::Killed;
        }
        if !self.process.has_ended() {
            return Ok(if has_more { Moved::More } else { Moved::Waiting });
        }
        if self.has_output_ended || self.end == End::Killed {
            return Ok(Moved::Over);
        }
        if !matches!(self.end, End::Termed(_)) {
            self.end = End::Termed(now + GRACE);
        }
        Ok(if has_more { Moved::More } else { Moved::Waiting })
    }

    fn terminate(&mut self) {
        self.was_ended |= !self.process.has_ended();
        self.process.terminate();
    }

    /// Ends its stdin, if everything is written.
    fn end_input(&mut self) {
        if self.input.pending() == 0 {
            // Fails where it was closed already.
            let _ = self.stream.finish_writing();
        }
    }

    fn write(&mut self) {
        if send_all(&mut self.stream, &mut self.input).is_err() {
            // It has closed its stdin. Unless that is because it was ended, what comes for it is not wanted.
            self.unread += if self.was_ended { self.record_ends.len() as u64 } else { 0 };
            self.stream.discard_input();
            self.input.clear();
        }
        let written = self.input_bytes - self.input.pending() as u64;
        while self.record_ends.front().is_some_and(|end| *end <= written) {
            self.record_ends.pop_front();
        }
    }

    /// True if there may be more.
    fn read(&mut self, now: Instant, deliver: &mut impl FnMut(&[u8], Way)) -> Result<bool, String> {
        for _ in 0..RECORDS_AT_ONCE {
            if self.has_output_ended {
                return Ok(false);
            }
            let mut raw = Vec::new();
            let space = match &mut self.output {
                Some(splitter) => {
                    if let Some(record) = splitter.next().map_err(explain)? {
                        deliver(record, self.way);
                        continue;
                    }
                    self.has_output_ended = splitter.is_over();
                    splitter.space()
                }
                None => {
                    raw.resize(LARGEST_BYTES, 0);
                    &mut raw
                }
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
                Some(splitter) => splitter.filled(count),
                None if count == 0 => self.has_output_ended = true,
                None => deliver(&raw[..count], self.way),
            }
        }
        Ok(true)
    }

    fn deadline(&self, idle: Duration) -> Option<Instant> {
        match self.end {
            End::Nothing => Some(self.last_moved + idle),
            End::Closing(limit) | End::Last(limit) | End::Termed(limit) => Some(limit),
            End::Due | End::Killed => None,
        }
    }
}

fn explain(bad: BadRecord) -> String {
    match bad {
        BadRecord::TooLarge => format!("it has said something that is larger than {LARGEST_BYTES} bytes"),
        BadRecord::Incomplete => "its output ended within a record".into(),
    }
}

/// The way in which a process' output is cut: as its input is put together.
impl Style {
    pub(super) fn cut(self) -> Option<Cut> {
        if self.has_prefix() {
            Some(Cut::U16be)
        } else if self.is_raw() {
            None
        } else {
            Some(Cut::Lines)
        }
    }
}
