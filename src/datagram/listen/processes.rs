//! `--exec` and `--sh` for datagrams: one process for each peer. Its stdin gets the peer's datagrams as records, and
//! each record of its stdout is sent to the peer.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use super::worker::{AnswerRoute, Moved, ProcessEnd, Worker};
use crate::datagram::style::Style;
use crate::error::{Error, Exit};
use crate::net::child::{Program, describe, environment, spawn};
use crate::net::reactor::Io;
use crate::net::udp::{Datagram, DatagramSocket, Peer};
use crate::proto::datagram::records::{Cut, LARGEST_BYTES};
use crate::report::Report;

/// How long processes may run after the last datagram.
const LAST_LIMIT: Duration = Duration::from_secs(10);

/// Reason for a datagram that is not a line.
pub(crate) const CUT_FOR_PROCESS: &str = "has line feeds in it, and its process reads lines: --frame u16be keeps it whole for one that reads lengths, and --each line says that it may be cut";

/// Settings of the processes.
pub(crate) struct Runs {
    pub(crate) program: Program,
    pub(crate) style: Style,
    /// The style was chosen explicitly: a datagram may reach its process in two pieces.
    pub(crate) may_cut: bool,
    /// How the output is cut into datagrams; `None`: each read is one.
    pub(crate) cut: Option<Cut>,
    /// A process is ended after this long without a datagram and without output.
    pub(crate) idle: Duration,
    /// Most processes at the same time.
    pub(crate) most: usize,
}

/// The processes of the recently active peers.
pub(crate) struct Processes {
    runs: Runs,
    by_peer: HashMap<Peer, Worker>,
    /// Processes that were ended at the limit before they had finished.
    unfinished: u64,
    faults: Vec<(Peer, ProcessFault)>,
    /// Buffer for reads.
    scratch: Vec<u8>,
    io: Io,
    report: Report,
}

/// Problem that a process has left.
pub(crate) enum ProcessFault {
    /// This many datagrams did not reach it, or it has not begun to read them.
    Unread { count: u64, was_ended: bool },
    /// It has failed by itself, with this reason.
    Failed(String),
}

impl Processes {
    pub(crate) fn new(runs: Runs, io: Io, report: Report) -> Processes {
        let scratch = if runs.cut.is_none() { vec![0; LARGEST_BYTES] } else { Vec::new() };
        Processes { runs, by_peer: HashMap::new(), unfinished: 0, faults: Vec::new(), scratch, io, report }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_peer.is_empty()
    }

    /// Records that only one socket is left, with this index.
    pub(crate) fn moved_to(&mut self, socket: usize) {
        self.by_peer.values_mut().for_each(|worker| worker.route.socket = socket);
    }

    /// Returns whether each datagram must stay whole although not every one can.
    pub(crate) fn must_be_whole(&self) -> bool {
        !self.runs.may_cut
    }

    /// Returns whether the processes read lines.
    pub(crate) fn read_lines(&self) -> bool {
        self.runs.style.is_line()
    }

    /// Passes a datagram to its peer's process, which is started if there is none.
    ///
    /// # Errors
    /// Why the process does not get it.
    pub(crate) fn take(
        &mut self,
        datagram: &Datagram<'_>,
        route: AnswerRoute,
        local: &DatagramSocket,
        now: Instant,
    ) -> Result<(), String> {
        let peer = &datagram.peer;
        if !self.by_peer.contains_key(peer) {
            if self.by_peer.len() >= self.runs.most {
                return Err(
                    "there are already processes for the maximum number of peers (see --max-peers)".into()
                );
            }
            let worker =
                self.start(peer, local.name(), route, now).map_err(|error: Error| error.to_string())?;
            self.by_peer.insert(peer.clone(), worker);
        }
        let style = self.runs.style;
        self.by_peer.get_mut(peer).map_or(Ok(()), |worker| worker.take(datagram, style, now))
    }

    fn start(&self, peer: &Peer, local: &Peer, route: AnswerRoute, now: Instant) -> Result<Worker, Error> {
        let environment = environment(&peer.to_name(), &local.to_name());
        let child = spawn(&self.runs.program, &environment, &self.io)?;
        let name = self.runs.program.name.display();
        self.report.detail(format_args!("process {} runs '{name}' for {peer}", child.1.id()));
        Ok(Worker::new(child, self.runs.cut, route, now))
    }

    /// Moves data both ways, and passes each record to `deliver`. Returns whether there is more.
    pub(crate) fn advance(
        &mut self,
        now: Instant,
        mut deliver: impl FnMut(&Peer, AnswerRoute, &[u8]),
    ) -> bool {
        let (mut has_more, mut over) = (false, Vec::new());
        for (peer, worker) in &mut self.by_peer {
            match worker
                .advance(now, self.runs.idle, &mut self.scratch, |record, route| deliver(peer, route, record))
            {
                Ok(Moved::Waiting) => {}
                Ok(Moved::More) => has_more = true,
                Ok(Moved::Over) => over.push(peer.clone()),
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
            // Its children that did not end with it.
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
            worker.end = ProcessEnd::Last(now + LAST_LIMIT);
            worker.end_input();
        }
    }

    /// Fails if unfinished processes had to be ended.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let limit = humantime::format_duration(LAST_LIMIT);
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
        self.by_peer.values().filter_map(|worker| worker.deadline(self.runs.idle)).min()
    }
}

/// Cuts the output of a process in the same way as its input is written.
impl Style {
    pub(crate) fn cut(self) -> Option<Cut> {
        if self.has_prefix() {
            Some(Cut::U16be)
        } else if self.is_raw() {
            None
        } else {
            Some(Cut::Lines)
        }
    }
}
