//! The session of `udp-send`: looks up a name, sends datagrams in batches or one by one, prints replies.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::input::{DatagramSource, SourceState};
use crate::datagram::output::Output;
use crate::datagram::stats::DatagramStats;
use crate::datagram::{cannot_send, turn_cost};
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::reactor::{BlockingTask, Context, Io, Session, Status, Stop};
use crate::net::udp::{Batch, DatagramSocket, Options, Peer, ReceiveBuffer, addresses_of, open_for};
use crate::proto::datagram::pace::Pace;
use crate::report::Report;

/// The time limit of a name lookup.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);
/// The time in which replies that arrived within the limit are read, while more arrive.
const FLOOD_LIMIT: Duration = Duration::from_secs(1);

/// The limits of the wait for replies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyWait {
    pub(crate) replies: Option<u64>,
    /// The time limit after the last datagram.
    pub(crate) wait: Duration,
}

/// The datagrams to send, their pace, and the replies to wait for.
pub(crate) struct SendTask {
    pub(crate) source: DatagramSource,
    pub(crate) pace: Pace,
    pub(crate) reply_wait: Option<ReplyWait>,
    /// The length of a silence that counts as the end of stdin.
    pub(crate) idle: Option<Duration>,
}

/// Sends datagrams and prints replies.
pub(crate) struct DatagramSending {
    target: Endpoint,
    options: Options,
    source: DatagramSource,
    pace: Pace,
    reply_wait: Option<ReplyWait>,
    idle: Option<Duration>,
    /// Start of the silence of both stdin and peer.
    silent_since: Option<Instant>,
    output: Output,
    io: Io,
    report: Report,
    state: State,
    stats: DatagramStats,
    start: Instant,
    now: Instant,
}

enum State {
    Resolving(BlockingTask<Result<Vec<Peer>, Error>>),
    Open(Box<Open>),
}

struct Open {
    peer: Peer,
    /// Further addresses of the same name, not tried yet.
    others: VecDeque<Peer>,
    socket: DatagramSocket,
    batch: Batch,
    buffers: ReceiveBuffer,
    /// When everything was sent.
    sent_at: Option<Instant>,
    replies: u64,
}

impl DatagramSending {
    pub(crate) fn new(
        target: Endpoint,
        options: Options,
        SendTask { source, pace, reply_wait, idle }: SendTask,
        output: Output,
        (io, report): (Io, Report),
        now: Instant,
    ) -> Result<DatagramSending, Error> {
        let (endpoint, family) = (target.clone(), options.family);
        let state = State::Resolving(io.spawn_blocking(move || addresses_of(&endpoint, family))?);
        let stats = DatagramStats::default();
        Ok(DatagramSending {
            target,
            options,
            source,
            pace,
            reply_wait,
            idle,
            silent_since: None,
            output,
            io,
            report,
            state,
            stats,
            start: now,
            now,
        })
    }

    /// Opens a socket for the first address that can be reached.
    fn open(&mut self, peers: Vec<Peer>) -> Result<(), Error> {
        let mut others = VecDeque::from(peers);
        let mut failure = None;
        while let Some(peer) = others.pop_front() {
            match open_for(&peer, &self.options, &self.io) {
                Ok(socket) => {
                    self.report.detail(format_args!("sends to {peer} from {}", socket.local_address()));
                    self.state = State::Open(Box::new(Open {
                        peer,
                        others,
                        socket,
                        batch: Batch::default(),
                        buffers: ReceiveBuffer::default(),
                        sent_at: None,
                        replies: 0,
                    }));
                    return Ok(());
                }
                Err(error) => failure = Some((peer, error)),
            }
        }
        match failure {
            Some((peer, error)) => Err(cannot_send(&peer, &error)),
            None => {
                Err(Error::new(Exit::NoConnection, format!("cannot send to {}: no address", self.target)))
            }
        }
    }

    fn step(&mut self, context: Context) -> Result<Status, Error> {
        if let State::Resolving(task) = &mut self.state {
            let Some(result) = task.take() else {
                if context.now < self.start + RESOLVE_LIMIT {
                    return Ok(Status::Waiting);
                }
                let text = format!("cannot send to {}: no answer about the name in time", self.target);
                return Err(Error::new(Exit::TimedOut, text));
            };
            self.open(result??)?;
        }
        let status = self.send(context)?;
        let has_more = self.receive(context.budget_bytes)?;
        self.end_if_idle(context.now)?;
        let status = if has_more { Status::Again } else { status };
        let State::Open(open) = &mut self.state else { return Ok(status) };
        let Some(sent_at) = open.sent_at else { return Ok(status) };
        let Some(reply_wait) = self.reply_wait else {
            open.socket.take_error().map_err(|error| cannot_send(&open.peer, &error))?;
            return Ok(Status::Done);
        };
        let is_enough = reply_wait.replies.is_some_and(|count| open.replies >= count);
        // Replies that are queued at the limit were in time; a flood of them is cut off all the same.
        let has_typed_end = self.source.has_ended_by_line() && reply_wait.replies.is_none();
        let end = if has_typed_end { sent_at } else { sent_at + reply_wait.wait };
        let is_late = context.now >= if has_more { end + FLOOD_LIMIT } else { end };
        if !self.output.is_empty() || !(is_enough || is_late) {
            return Ok(status);
        }
        // If nothing was sent, no reply is missing.
        let due = reply_wait.replies.unwrap_or(u64::from(!has_typed_end || self.stats.sent > 0));
        if open.replies < due {
            let wait = humantime::format_duration(reply_wait.wait);
            let text = match (open.replies, due) {
                (0, _) if has_typed_end => {
                    format!("no reply came from {} before the end was typed", open.peer)
                }
                (0, _) => format!("no reply came from {} within {wait} (see --wait)", open.peer),
                (came, due) => format!("{came} of {due} replies came within {wait} (see --wait)"),
            };
            return Err(Error::new(Exit::TimedOut, text));
        }
        Ok(Status::Done)
    }

    /// Sends until nothing is there, the system has no room, or pace or budget are used up.
    fn send(&mut self, context: Context) -> Result<Status, Error> {
        let State::Open(open) = &mut self.state else { return Ok(Status::Waiting) };
        if open.sent_at.is_some() {
            return Ok(Status::Waiting);
        }
        let mut budget_bytes = context.budget_bytes;
        while budget_bytes > 0 {
            let next = match self.source.next(&mut self.output) {
                Ok(next) => next,
                // Earlier datagrams are sent first.
                Err(_) if open.batch.count() > 0 => SourceState::Waiting,
                Err(error) => return Err(error),
            };
            self.silent_since = self.silent_since.filter(|_| next == SourceState::Waiting);
            if next == SourceState::Datagram && self.pace.is_free() && !open.is_first(&self.stats) {
                // While the batch has room, it need not be sent now.
                if open.batch.push(self.source.current(), open.socket.batch_limit()) {
                    self.source.taken();
                    continue;
                }
            }
            if open.batch.count() > 0 {
                let before = open.batch.bytes().len();
                let count = match open.socket.send_batch(&open.peer, &mut open.batch) {
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Status::Waiting),
                    Err(error) => return Err(cannot_send(&open.peer, &error)),
                };
                let bytes = before - open.batch.bytes().len();
                self.stats.sent += count as u64;
                self.stats.sent_bytes += bytes as u64;
                budget_bytes = budget_bytes.saturating_sub(bytes.max(1));
                continue;
            }
            match next {
                SourceState::Waiting => {
                    self.silent_since.get_or_insert(context.now);
                    return Ok(Status::Waiting);
                }
                SourceState::Over => {
                    open.sent_at = Some(context.now);
                    return Ok(Status::Waiting);
                }
                SourceState::Datagram if self.pace.wait(context.now).is_some() => return Ok(Status::Waiting),
                SourceState::Datagram => {}
            }
            let datagram = self.source.current();
            match open.send_one(datagram, &self.stats, &self.options, &self.io) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Status::Waiting),
                Err(error) => return Err(cannot_send(&open.peer, &error)),
            }
            self.stats.sent += 1;
            self.stats.sent_bytes += datagram.len() as u64;
            self.pace.sent(datagram.len(), context.now);
            budget_bytes = budget_bytes.saturating_sub(datagram.len().max(1));
            self.source.taken();
        }
        Ok(Status::Again)
    }

    /// Ends stdin after a silence longer than the limit.
    fn end_if_idle(&mut self, now: Instant) -> Result<(), Error> {
        let is_late = self.idle_end().is_some_and(|end| now >= end);
        let State::Open(open) = &mut self.state else { return Ok(()) };
        if !is_late || open.sent_at.is_some() {
            return Ok(());
        }
        if self.stats.sent == 0 {
            let limit = humantime::format_duration(self.idle.unwrap_or_default());
            let text = format!("stdin had nothing to send for {limit} (see --idle-timeout)");
            return Err(Error::new(Exit::TimedOut, text));
        }
        open.sent_at = Some(now);
        Ok(())
    }

    /// Returns when the idle limit ends. While stdout is stuck, silence does not count.
    fn idle_end(&self) -> Option<Instant> {
        Some(self.silent_since.filter(|_| self.output.is_empty())? + self.idle?)
    }

    /// Receives until nothing is there, the queue to stdout is full, or the budget is used up. Returns whether there
    /// may be more, and room for it.
    fn receive(&mut self, mut budget_bytes: usize) -> Result<bool, Error> {
        let (State::Open(open), Some(reply_wait)) = (&mut self.state, self.reply_wait) else {
            return Ok(false);
        };
        let (mut is_drained, replies_before) = (false, open.replies);
        while budget_bytes > 0 && !self.output.is_full() {
            let (replies, output, stats) = (&mut open.replies, &mut self.output, &mut self.stats);
            let result = open.socket.receive(&mut open.buffers, |reply| {
                budget_bytes = budget_bytes.saturating_sub(turn_cost(reply.payload));
                if reply.is_truncated {
                    stats.truncated += 1;
                } else if reply_wait.replies.is_none_or(|count| *replies < count) {
                    *replies += 1;
                    output.push(&reply);
                }
            });
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    is_drained = true;
                    break;
                }
                Err(error) => return Err(cannot_send(&open.peer, &error)),
            }
        }
        if open.replies > replies_before {
            self.silent_since = self.silent_since.map(|_| self.now);
        }
        let written = self.output.flush();
        let (records, bytes) = self.output.take_completed();
        self.stats.received += records;
        self.stats.received_bytes += bytes;
        written.map(|()| !is_drained && !self.output.is_full())
    }

    fn report_sums(&mut self) {
        let State::Open(open) = &self.state else { return };
        if self.reply_wait.is_some() {
            self.stats.count_drops([&open.socket]);
        }
        self.stats.unwritten = self.output.unwritten();
        self.stats.report_sums("sent", &open.peer.to_string(), &self.report);
    }
}

impl Open {
    /// Returns whether another address may be tried: nothing has shown yet that this one is listened on.
    fn is_first(&self, stats: &DatagramStats) -> bool {
        stats.sent == 0 && !self.others.is_empty()
    }

    /// Sends one datagram. Returns false if this address has refused the first one and another can be tried.
    fn send_one(
        &mut self,
        datagram: &[u8],
        stats: &DatagramStats,
        options: &Options,
        io: &Io,
    ) -> io::Result<bool> {
        self.socket.send(&self.peer, datagram, None)?;
        if self.is_first(stats) {
            // A name has an address of each family as a rule, and a server may listen on one of them only.
            // On this machine that is known at once.
            while self.socket.take_error().is_err() {
                let Some(peer) = self.others.pop_front() else { break };
                if let Ok(socket) = open_for(&peer, options, io) {
                    (self.peer, self.socket) = (peer, socket);
                    return Ok(false);
                }
            }
            self.others.clear();
        }
        Ok(true)
    }
}

impl Session for DatagramSending {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.now = context.now;
        let result = self.step(context);
        match &result {
            Ok(Status::Done) => {
                self.report_sums();
                self.stats.check()?;
            }
            Err(error) if !error.is_silent() => self.report_sums(),
            _ => {}
        }
        result
    }

    fn stop(&mut self) -> Stop {
        // The signal ends the run, whatever else fails now.
        let _ = self.output.flush();
        self.report_sums();
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        match (&self.state, self.reply_wait) {
            (State::Resolving(_), _) => Some(self.start + RESOLVE_LIMIT),
            (State::Open(open), Some(reply_wait)) if open.sent_at.is_some() && self.output.is_empty() => {
                open.sent_at.map(|sent_at| sent_at + reply_wait.wait)
            }
            (State::Open(open), _) if open.sent_at.is_none() => {
                self.pace.wait(self.now).into_iter().chain(self.idle_end()).min()
            }
            _ => None,
        }
    }
}
