//! The session of `udp-listen`: receives datagrams, writes them to stdout, and answers them.

use std::io;
use std::time::{Duration, Instant};

use super::answers::Responder;
use super::input::LineProgress;
use super::peers::Peers;
use crate::datagram::output::Output;
use crate::datagram::stats::DatagramStats;
use crate::datagram::turn_cost;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::reactor::{Context, Session, Status, Stop};
use crate::net::udp::{Datagram, DatagramSocket, Peer, ReceiveBuffer};
use crate::report::Report;
use crate::server::acceptor::AccessLists;

/// The maximum number of datagrams that are counted in the system's queue at the end, while more may arrive.
const MAX_UNREAD: u64 = 1 << 20;
/// The time that a file has after a signal to take what was received, and after a failure.
const LAST_WRITES_AFTER_SIGNAL: Duration = Duration::from_millis(700);
const LAST_WRITES_AFTER_FAILURE: Duration = Duration::from_secs(10);

/// The limits of the session, and of the datagrams that it accepts.
pub(crate) struct ReceiveLimits {
    pub(crate) count: Option<u64>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_size: Option<u64>,
    pub(crate) is_connected: bool,
}

/// The session of `udp-listen`.
pub(crate) struct Listening {
    sockets: Vec<DatagramSocket>,
    buffers: ReceiveBuffer,
    sink: DatagramSink,
    /// Access lists that may change.
    lists: Option<AccessLists>,
    /// True if nothing more is received: the rest is finished.
    is_ending: bool,
    /// True if the idle limit has ended it.
    is_late: bool,
    /// True if a signal has ended it.
    is_stopped: bool,
    report: Report,
}

/// The sink of received datagrams.
struct DatagramSink {
    output: Output,
    limits: ReceiveLimits,
    /// The sources that are accepted.
    access: Access,
    responder: Responder,
    stats: DatagramStats,
    peers: Peers,
    report: Report,
    /// The number of datagrams that were queued for stdout.
    accepted: u64,
    last_accepted: Instant,
    now: Instant,
    /// With `--connected`: the only peer, and the index of its socket.
    only: Option<(Peer, usize)>,
}

impl Listening {
    pub(crate) fn new(
        sockets: Vec<DatagramSocket>,
        output: Output,
        limits: ReceiveLimits,
        (access, lists): (Access, Option<AccessLists>),
        responder: Responder,
        report: Report,
        now: Instant,
    ) -> Listening {
        sockets.iter().for_each(|socket| report.metrics().datagrams.watch_drops(socket.drop_reader()));
        let sink = DatagramSink {
            output,
            limits,
            access,
            responder,
            stats: DatagramStats::default(),
            peers: Peers::new(&report, now),
            report: report.clone(),
            accepted: 0,
            last_accepted: now,
            now,
            only: None,
        };
        Listening {
            sockets,
            buffers: ReceiveBuffer::default(),
            sink,
            lists,
            is_ending: false,
            is_late: false,
            is_stopped: false,
            report,
        }
    }

    /// Receives until nothing is there, the queue to stdout is full, or each socket's share of the budget is used up.
    fn receive(&mut self, budget_bytes: usize) -> Result<Status, Error> {
        let Listening { sockets, buffers, sink, .. } = self;
        let (mut status, mut is_held_back) = (Status::Waiting, false);
        for (index, socket) in sockets.iter().enumerate() {
            let accepted = sink.receive_from(socket, index, buffers, budget_bytes / sockets.len());
            sink.responder.send(socket);
            if accepted? {
                status = Status::Again;
            }
            is_held_back |= sink.output.is_full();
            sink.stats.unwritten += socket.discard_excess();
        }
        sink.flush()?;
        // Datagrams that were left while the queue was full cause no further event.
        Ok(if is_held_back && !sink.output.is_full() { Status::Again } else { status })
    }

    /// With `--connected`, connects the socket to the first peer: the kernel drops the datagrams of others.
    fn connect(&mut self) -> Result<(), Error> {
        let Some((peer, index)) = self.sink.only.take() else { return Ok(()) };
        self.sockets = vec![self.sockets.swap_remove(index)];
        self.sink.responder.set_socket(0, &self.sockets[0])?;
        self.sink.limits.is_connected = false;
        self.report.detail(format_args!("receives from {peer} only"));
        // A Unix socket without a name cannot be connected to: datagrams of others are filtered here.
        if let Err(error) = self.sockets[0].connect(&peer) {
            self.report.detail(format_args!("not connected to {peer}: {error}"));
        }
        self.sink.only = Some((peer, 0));
        Ok(())
    }

    fn step(&mut self, context: Context) -> Result<Status, Error> {
        if self.is_stopped {
            let has_more = self.sink.responder.run(&self.sockets, context.now);
            let is_over = self.sink.responder.has_finished(context.now);
            return Ok(match (is_over, has_more) {
                (true, _) => Status::Done,
                (false, true) => Status::Again,
                (false, false) => Status::Waiting,
            });
        }
        if let Some(access) = self.lists.as_mut().and_then(|lists| lists.advance(&self.report)) {
            self.sink.access = access;
        }
        let status = if self.is_ending {
            self.sink.flush().map(|()| Status::Waiting)
        } else {
            self.receive(context.budget_bytes)
        }?;
        if self.sink.limits.is_connected {
            self.connect()?;
        }
        let typed = self.sink.send_lines(&self.sockets)?;
        let has_more = self.sink.responder.run(&self.sockets, context.now);
        let is_idle = self.sink.idle_end().is_some_and(|end| context.now >= end);
        self.is_late |= is_idle && !self.is_ending;
        self.is_ending |= is_idle || self.sink.has_enough() || typed == LineProgress::Ended;
        if self.is_ending && self.sink.output.is_empty() && self.sink.responder.has_finished(context.now) {
            return if self.is_late {
                self.sink.ended_idle().map(|()| Status::Done)
            } else {
                Ok(Status::Done)
            };
        }
        Ok(if has_more || typed == LineProgress::More { Status::Again } else { status })
    }

    /// Writes as much as stdout accepts at once, or a file in a short time. Counts the rest, and datagrams still in the
    /// system's queue, as dropped.
    fn finish_output(&mut self) {
        self.sink.finish(LAST_WRITES_AFTER_SIGNAL);
        let mut unread = 0;
        for socket in &self.sockets {
            while unread < MAX_UNREAD && socket.receive(&mut self.buffers, |_| unread += 1).is_ok() {}
        }
        self.sink.stats.unwritten += unread;
        self.report_sums();
    }

    fn report_sums(&mut self) {
        self.sink.stats.count_drops(&self.sockets);
        self.sink.count_answers();
        self.sink.stats.report_sums("received", "", &self.report);
    }

    /// Shows what was counted so far, if there is a page for it.
    fn show_counts(&mut self) {
        if self.report.metrics().are_shown() {
            self.sink.count_answers();
            self.sink.stats.show(false, self.report.metrics());
        }
    }
}

impl DatagramSink {
    fn count_answers(&mut self) {
        self.stats.withheld = self.responder.withheld();
        self.stats.undelivered = self.responder.undelivered();
        (self.stats.sent, self.stats.sent_bytes) = self.responder.sent();
    }

    fn has_enough(&self) -> bool {
        self.limits.count.is_some_and(|count| self.accepted >= count)
    }

    fn is_done_with(&self, socket: usize) -> bool {
        self.only.as_ref().is_some_and(|(_, only)| *only != socket)
    }

    /// Receives from a socket. Returns whether its share of the budget was used up.
    fn receive_from(
        &mut self,
        socket: &DatagramSocket,
        index: usize,
        buffers: &mut ReceiveBuffer,
        mut share_bytes: usize,
    ) -> Result<bool, Error> {
        while !self.output.is_full() && !self.has_enough() && !self.is_done_with(index) {
            if share_bytes == 0 {
                return Ok(true);
            }
            let result = socket.receive(buffers, |datagram| {
                share_bytes = share_bytes.saturating_sub(turn_cost(datagram.payload));
                self.accept(&datagram, index, socket);
            });
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // A peer that was answered is gone: others are there.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    self.responder.refused(&error)?;
                }
                Err(error) => return Err(Error::new(Exit::Failed, format!("cannot receive: {error}"))),
            }
            if self.responder.is_worth_a_send() {
                self.responder.send(socket);
            }
            if self.output.is_worth_a_write() {
                self.flush()?;
            }
            self.stats.unwritten += socket.discard_excess();
        }
        Ok(false)
    }

    fn accept(&mut self, datagram: &Datagram<'_>, index: usize, socket: &DatagramSocket) {
        let is_from_others = self.only.as_ref().is_some_and(|(only, _)| *only != datagram.peer);
        if is_from_others || !datagram.peer.ip().is_none_or(|ip| self.access.admits(ip)) {
            self.stats.filtered += 1;
        } else if datagram.is_truncated {
            self.stats.truncated += 1;
        } else if self.limits.max_size.is_some_and(|most| datagram.payload.len() as u64 > most) {
            self.stats.too_large += 1;
        } else if !self.has_enough() {
            self.accepted += 1;
            self.last_accepted = self.now;
            if self.limits.is_connected && self.only.is_none() {
                self.only = Some((datagram.peer.clone(), index));
            }
            self.peers.on_datagram(&datagram.peer, socket.local_address(), &self.report, self.now);
            self.output.push(datagram);
            self.responder.answer(datagram, index, socket, self.now);
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let written = self.output.flush();
        let (records, bytes) = self.output.take_completed();
        self.stats.received += records;
        self.stats.received_bytes += bytes;
        written
    }

    /// Writes what was received before the end, whose cause is another one. Counts what is not written in `limit`.
    fn finish(&mut self, limit: Duration) {
        let _ = self.flush();
        self.output.finish(limit);
        // Takes what was written in the meantime.
        let _ = self.flush();
        self.stats.unwritten += self.output.unwritten();
    }

    fn send_lines(&mut self, sockets: &[DatagramSocket]) -> Result<LineProgress, Error> {
        self.responder.send_lines(&mut self.output, sockets, self.now)
    }

    /// Returns when the idle limit ends. While stdout is stuck, silence cannot be seen.
    fn idle_end(&self) -> Option<Instant> {
        let limit = self.limits.idle_timeout.filter(|_| self.output.is_empty())?;
        Some(self.last_accepted + limit)
    }

    /// Fails if fewer datagrams came than were expected.
    fn ended_idle(&self) -> Result<(), Error> {
        let limit = humantime::format_duration(self.limits.idle_timeout.unwrap_or_default());
        let text = match self.limits.count {
            None if self.accepted > 0 => return Ok(()),
            None => format!("nothing came for {limit} (see --idle-timeout)"),
            Some(count) => {
                let accepted = self.accepted;
                format!("{accepted} of {count} datagrams came, and nothing for {limit} (see --idle-timeout)")
            }
        };
        Err(Error::new(Exit::TimedOut, text))
    }
}

impl Session for Listening {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.sink.now = context.now;
        let result = self.step(context);
        self.show_counts();
        match &result {
            Ok(Status::Done) if self.is_stopped => self.finish_output(),
            Ok(Status::Done) => {
                self.sink.responder.finish_input();
                self.report_sums();
                self.sink.responder.check()?;
                self.sink.stats.check()?;
            }
            Err(error) if !error.is_silent() => {
                self.sink.finish(LAST_WRITES_AFTER_FAILURE);
                self.report_sums();
            }
            _ => {}
        }
        result
    }

    fn stop(&mut self) -> Stop {
        (self.is_ending, self.is_stopped) = (true, true);
        if self.sink.responder.terminate() {
            self.finish_output();
            return Stop::Now;
        }
        Stop::Soon
    }

    fn deadline(&self) -> Option<Instant> {
        let idle = if self.is_ending { None } else { self.sink.idle_end() };
        idle.into_iter().chain(self.sink.responder.deadline()).min()
    }
}
