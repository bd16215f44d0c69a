//! `--exec` and `--sh` for datagrams: one process for each peer. Its stdin gets the peer's datagrams as records, and
//! each record of its stdout is sent to the peer.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use super::worker::{AnswerRoute, PeerProcess, ProcessEnd, ProcessProgress};
use crate::datagram::style::Style;
use crate::error::{Error, Exit};
use crate::net::child::{Program, describe, environment, spawn};
use crate::net::reactor::Io;
use crate::net::udp::{Datagram, DatagramSocket, Peer};
use crate::proto::datagram::records::{MAX_DATAGRAM_BYTES, SplitAt};
use crate::report::Report;

/// The time limit of processes after the last datagram.
const END_LIMIT: Duration = Duration::from_secs(10);

/// The reason why a datagram is not one line.
pub(crate) const CUT_FOR_PROCESS: &str = "has line feeds in it, and its process reads lines: --frame u16be keeps it whole for one that reads lengths, and --each line says that it may be cut";

/// Settings of the processes.
pub(crate) struct ProcessOptions {
    pub(crate) program: Program,
    pub(crate) style: Style,
    /// True if the style was requested explicitly: a datagram may reach its process in two pieces.
    pub(crate) may_cut: bool,
    /// The boundaries in the output; `None`: each read is a datagram.
    pub(crate) split_at: Option<SplitAt>,
    /// The limit of silence, in both directions, after which a process is ended.
    pub(crate) idle: Duration,
    /// The maximum number of processes at a time.
    pub(crate) max_processes: usize,
}

/// The processes of the recently active peers.
pub(crate) struct Processes {
    options: ProcessOptions,
    by_peer: HashMap<Peer, PeerProcess>,
    /// The number of processes that were ended before they had finished.
    unfinished: u64,
    faults: Vec<(Peer, ProcessFault)>,
    /// Buffer for reads.
    scratch: Vec<u8>,
    io: Io,
    report: Report,
}

/// A problem of a process.
pub(crate) enum ProcessFault {
    /// The process did not begin to read this many datagrams.
    Unread { count: u64, was_ended: bool },
    /// The process failed by itself, for this reason.
    Failed(String),
}

impl Processes {
    pub(crate) fn new(options: ProcessOptions, io: Io, report: Report) -> Processes {
        let scratch = if options.split_at.is_none() { vec![0; MAX_DATAGRAM_BYTES] } else { Vec::new() };
        Processes { options, by_peer: HashMap::new(), unfinished: 0, faults: Vec::new(), scratch, io, report }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_peer.is_empty()
    }

    /// Records that only one socket is left, with this index.
    pub(crate) fn set_socket(&mut self, socket: usize) {
        self.by_peer.values_mut().for_each(|worker| worker.route.socket = socket);
    }

    /// Returns true if a datagram in two pieces is an error.
    pub(crate) fn must_be_whole(&self) -> bool {
        !self.options.may_cut
    }

    /// Returns whether the processes read lines.
    pub(crate) fn read_lines(&self) -> bool {
        self.options.style.is_line()
    }

    /// Passes a datagram to its peer's process, and starts one if necessary.
    ///
    /// # Errors
    /// The reason why the process does not get it.
    pub(crate) fn queue(
        &mut self,
        datagram: &Datagram<'_>,
        route: AnswerRoute,
        local: &DatagramSocket,
        now: Instant,
    ) -> Result<(), String> {
        let peer = &datagram.peer;
        if !self.by_peer.contains_key(peer) {
            if self.by_peer.len() >= self.options.max_processes {
                return Err(
                    "there are already processes for the maximum number of peers (see --max-peers)".into()
                );
            }
            let worker = self
                .start(peer, local.local_address(), route, now)
                .map_err(|error: Error| error.to_string())?;
            self.by_peer.insert(peer.clone(), worker);
        }
        let style = self.options.style;
        self.by_peer.get_mut(peer).map_or(Ok(()), |worker| worker.queue(datagram, style, now))
    }

    fn start(
        &self,
        peer: &Peer,
        local: &Peer,
        route: AnswerRoute,
        now: Instant,
    ) -> Result<PeerProcess, Error> {
        let environment = environment(&peer.to_name(), &local.to_name());
        let child = spawn(&self.options.program, &environment, &self.io)?;
        let name = self.options.program.name.display();
        self.report.detail(format_args!("process {} runs '{name}' for {peer}", child.1.id()));
        Ok(PeerProcess::new(child, self.options.split_at, route, now))
    }

    /// Moves data both ways, and passes each record to `deliver`. Returns whether there is more.
    pub(crate) fn advance(
        &mut self,
        now: Instant,
        mut deliver: impl FnMut(&Peer, AnswerRoute, &[u8]),
    ) -> bool {
        let (mut has_more, mut over) = (false, Vec::new());
        for (peer, worker) in &mut self.by_peer {
            match worker.advance(now, self.options.idle, &mut self.scratch, |record, route| {
                deliver(peer, route, record)
            }) {
                Ok(ProcessProgress::Waiting) => {}
                Ok(ProcessProgress::More) => has_more = true,
                Ok(ProcessProgress::Over) => over.push(peer.clone()),
                Err(why) => {
                    worker.was_ended = true;
                    self.faults.push((peer.clone(), ProcessFault::Failed(why)));
                    worker.process.kill();
                    over.push(peer.clone());
                }
            }
        }
        for peer in over {
            let Some(worker) = self.by_peer.remove(&peer) else { continue };
            self.unfinished += u64::from(worker.is_unfinished);
            let (count, was_ended) = (worker.unread(now), worker.was_ended);
            if count > 0 {
                self.faults.push((peer.clone(), ProcessFault::Unread { count, was_ended }));
            }
            // Kills children that outlive it.
            worker.process.kill();
            let id = worker.process.id();
            match worker.process.reap() {
                Ok(status) => {
                    if !(status.success() || worker.was_ended) {
                        self.faults.push((peer.clone(), ProcessFault::Failed(describe(status))));
                    }
                    let report = self.report.about(&peer);
                    report.child(id, status.code(), status.signal(), &describe(status));
                }
                Err(error) => self.report.detail(format_args!("process {id}: {error}")),
            }
        }
        has_more
    }

    /// Returns the problems of the processes that have ended since the last call.
    pub(crate) fn faults(&mut self) -> Vec<(Peer, ProcessFault)> {
        std::mem::take(&mut self.faults)
    }

    /// Ends the stdin of all processes after the last datagram, and sets their time limit.
    pub(crate) fn close(&mut self, now: Instant) {
        for worker in self.by_peer.values_mut().filter(|worker| worker.end == ProcessEnd::Nothing) {
            worker.end = ProcessEnd::Last(now + END_LIMIT);
            worker.end_input();
        }
    }

    /// Fails if processes were ended before they had finished.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let limit = humantime::format_duration(END_LIMIT);
        let what = match self.unfinished {
            0 => return Ok(()),
            1 => "a process was".to_owned(),
            count => format!("{count} processes were"),
        };
        Err(Error::new(Exit::TimedOut, format!("{what} still at work {limit} after the end, and was ended")))
    }

    /// Ends all processes at once.
    pub(crate) fn terminate(&mut self) {
        self.by_peer.values_mut().for_each(|worker| worker.end = ProcessEnd::Due);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.by_peer.values().filter_map(|worker| worker.deadline(self.options.idle)).min()
    }
}

/// Splits the output of a process in the same way as its input is written.
impl Style {
    pub(crate) fn split_at(self) -> Option<SplitAt> {
        if self.has_prefix() {
            Some(SplitAt::U16be)
        } else if self.is_raw() {
            None
        } else {
            Some(SplitAt::Lines)
        }
    }
}
