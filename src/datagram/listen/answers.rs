//! Answers to datagrams: none, the same bytes, a fixed text, typed lines, or the output of a process. They are withheld
//! where a forged sender could do harm with them.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::input::{LineInput, LineOutcome, LineProgress, reachable};
use super::processes::{CUT_FOR_PROCESS, ProcessFault, ProcessOptions, Processes};
use super::worker::AnswerRoute;
use crate::datagram::output::Output;
use crate::datagram::{cannot_send, is_no_way};
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::reactor::Io;
use crate::net::udp::{Datagram, DatagramSocket, Peer, ReplyBatch};
use crate::proto::datagram::guard::{Guard, ReplyLimits, WithholdReason};
use crate::report::Report;

/// The retry interval for a device with a full queue: it does not report when there is room.
const ROOM_WAIT: Duration = Duration::from_millis(1);

/// The note for a person who types before there is a peer.
const NO_PEER_YET: &str = "no peer yet: lines wait for the first datagram";

/// The kind of answers.
pub(crate) enum Answers {
    None,
    Echo,
    Fixed(Vec<u8>),
    Typed { to: Option<Endpoint>, until: Option<String> },
    Run(ProcessOptions),
}

/// Sends answers as far as the limits allow.
pub(crate) struct Responder {
    answers: Answers,
    /// Answers to the datagrams of one batch.
    outbox: ReplyBatch,
    processes: Option<Processes>,
    guard: Guard<Peer>,
    /// A person types the answers, and cannot be used as an amplifier.
    by_hand: bool,
    line_input: Option<LineInput>,
    /// The guard has allowed the waiting line.
    is_allowed: bool,
    /// The minimum time between two answers to a peer.
    interval: Duration,
    sent: u64,
    sent_bytes: u64,
    withheld: u64,
    undelivered: u64,
    /// The number of processes that have failed.
    failed: u64,
    /// The reasons that were reported: each is reported once.
    reported: BTreeSet<String>,
    report: Report,
}

impl Responder {
    pub(crate) fn new(
        answers: Answers,
        limits: ReplyLimits,
        by_hand: bool,
        (io, report): (&Io, &Report),
        sockets: &[DatagramSocket],
    ) -> Result<Responder, Error> {
        let (mut processes, mut line_input) = (None, None);
        let answers = match answers {
            Answers::Run(runs) => {
                processes = Some(Processes::new(runs, io.clone(), report.clone()));
                Answers::None
            }
            Answers::Typed { to, until } => {
                let named = to.map(|to| reachable(&to, sockets)).transpose()?;
                line_input = Some(LineInput::new(until, named));
                Answers::None
            }
            others => others,
        };
        Ok(Responder {
            processes,
            by_hand,
            guard: Guard::new(limits),
            line_input,
            is_allowed: false,
            interval: Duration::from_secs(1) / limits.per_second.max(1),
            answers,
            outbox: ReplyBatch::default(),
            sent: 0,
            sent_bytes: 0,
            withheld: 0,
            undelivered: 0,
            failed: 0,
            reported: BTreeSet::new(),
            report: report.clone(),
        })
    }

    /// Returns how many datagrams and bytes were sent.
    pub(crate) fn sent(&self) -> (u64, u64) {
        (self.sent, self.sent_bytes)
    }

    /// Returns how many answers were withheld.
    pub(crate) fn withheld(&self) -> u64 {
        self.withheld
    }

    /// Returns how many lines of stdin were not sent, and how many datagrams did not reach a process as a whole.
    pub(crate) fn undelivered(&self) -> u64 {
        self.undelivered
    }

    /// Fails if processes have failed or had to be ended.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.processes.as_ref().map_or(Ok(()), Processes::check)?;
        let what = match self.failed {
            0 => return Ok(()),
            1 => "a process has".to_owned(),
            count => format!("{count} processes have"),
        };
        Err(Error::new(Exit::Partial, format!("{what} failed")))
    }

    /// Records that only one socket is left, with this index.
    ///
    /// # Errors
    /// That socket cannot reach the peer that was named.
    pub(crate) fn set_socket(&mut self, index: usize, socket: &DatagramSocket) -> Result<(), Error> {
        if let Some(line_input) = &mut self.line_input {
            if let Some(named) =
                line_input.named().filter(|named| !named.is_same_family(socket.local_address()))
            {
                let why = "with --connected, a peer of another family came first";
                return Err(Error::new(Exit::NoConnection, format!("cannot send to {named}: {why}")));
            }
            line_input.set_socket(index);
        }
        if let Some(processes) = &mut self.processes {
            processes.set_socket(index);
        }
        Ok(())
    }

    /// Handles a datagram. Its answer waits for [`Responder::send`].
    pub(crate) fn answer(
        &mut self,
        datagram: &Datagram<'_>,
        index: usize,
        socket: &DatagramSocket,
        now: Instant,
    ) {
        let peer = &datagram.peer;
        if self.processes.is_some() {
            return self.process(datagram, index, socket, now);
        }
        if self.line_input.as_ref().is_some_and(|line_input| line_input.named().is_none())
            && self.may_be_answered(datagram, socket)
        {
            self.guard.on_datagram(peer, datagram.payload, now);
            self.line_input.as_mut().into_iter().for_each(|line_input| line_input.set_peer(peer, index));
            // The waiting line now has another destination.
            self.is_allowed = false;
        }
        let answer = match &self.answers {
            Answers::None | Answers::Typed { .. } | Answers::Run(_) => return,
            Answers::Echo => datagram.payload,
            Answers::Fixed(reply) => reply,
        };
        self.guard.on_datagram(peer, datagram.payload, now);
        let allowed = self.guard.allow_answer(peer, answer.len(), now);
        self.guard.drop_credit(peer);
        let why = match (datagram.peer.no_reply_reason(socket.local_address(), datagram.local), allowed) {
            (Some(why), _) => why,
            (None, Err(reason)) => reason_text(reason),
            (None, Ok(())) => return self.outbox.push(peer, datagram.local, answer),
        };
        self.count(peer, Err(why.into()));
    }

    pub(crate) fn is_worth_a_send(&self) -> bool {
        self.outbox.is_large()
    }

    /// Sends the answers to the datagrams of a socket since the last call.
    pub(crate) fn send(&mut self, socket: &DatagramSocket) {
        let mut outbox = std::mem::take(&mut self.outbox);
        socket.send_replies(&mut outbox, |peer, result| {
            self.count(peer, result.map_err(|error| error.to_string()));
        });
        self.outbox = outbox;
    }

    fn process(&mut self, datagram: &Datagram<'_>, index: usize, socket: &DatagramSocket, now: Instant) {
        // A process is not started for a peer that cannot be answered.
        if !self.may_be_answered(datagram, socket) {
            return;
        }
        self.guard.on_datagram(&datagram.peer, datagram.payload, now);
        let within = datagram.payload.split_last().map_or(&[][..], |(_, within)| within);
        let is_cut = within.contains(&b'\n') && self.processes.as_ref().is_some_and(Processes::read_lines);
        if is_cut {
            let text = format!("a datagram of {} {CUT_FOR_PROCESS}", datagram.peer);
            self.report_once(CUT_FOR_PROCESS.into(), text);
        }
        let route = AnswerRoute { socket: index, local: datagram.local };
        let queued = self.processes.as_mut().map(|processes| processes.queue(datagram, route, socket, now));
        if let Some(Err(why)) = queued {
            self.undelivered += 1;
            let text = format!("a datagram of {} did not reach a process: {why}", datagram.peer);
            self.report_once(why, text);
        } else if is_cut && self.processes.as_ref().is_some_and(Processes::must_be_whole) {
            self.undelivered += 1;
        }
    }

    /// Advances the processes. Returns whether there is more to do at once.
    pub(crate) fn run(&mut self, sockets: &[DatagramSocket], now: Instant) -> bool {
        let Some(mut processes) = self.processes.take() else { return false };
        let has_more = processes.advance(now, |peer, route, answer| {
            let allowed =
                self.guard.allow_answer(peer, answer.len(), now).map_err(|why| reason_text(why).to_owned());
            let send = |()| {
                sockets[route.socket].reply(peer, route.local, answer).map_err(|error| error.to_string())
            };
            self.count(peer, allowed.and_then(send).map(|()| answer.len()));
        });
        for (peer, fault) in processes.faults() {
            match fault {
                ProcessFault::Unread { count, was_ended } => {
                    self.undelivered += count;
                    let how = if was_ended { "was ended" } else { "has ended" };
                    let text =
                        format!("the process of {peer} {how} before it read everything that arrived for it");
                    self.report_once("not taken".into(), text);
                }
                ProcessFault::Failed(why) => {
                    self.failed += 1;
                    let text = format!("the process of {peer} has failed: {why}");
                    self.report_once(why, text);
                }
            }
        }
        self.processes = Some(processes);
        has_more
    }

    /// Ends the input of the processes. Returns whether no process is left.
    pub(crate) fn has_finished(&mut self, now: Instant) -> bool {
        self.processes.as_mut().is_none_or(|processes| {
            processes.close(now);
            processes.is_empty()
        })
    }

    /// Ends the processes after a signal. Returns whether no process is left.
    pub(crate) fn terminate(&mut self) -> bool {
        self.line_input = None;
        self.processes.as_mut().is_none_or(|processes| {
            processes.terminate();
            processes.is_empty()
        })
    }

    /// Returns when to advance the processes, or send the waiting line.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let process = self.processes.as_ref().and_then(Processes::deadline);
        process.into_iter().chain(self.line_input.as_ref().and_then(LineInput::deadline)).min()
    }

    fn may_be_answered(&mut self, datagram: &Datagram<'_>, socket: &DatagramSocket) -> bool {
        let why = datagram.peer.no_reply_reason(socket.local_address(), datagram.local);
        if let Some(why) = why {
            self.count(&datagram.peer, Err(why.into()));
        }
        why.is_none()
    }

    /// Sends lines of stdin, one datagram each.
    pub(crate) fn send_lines(
        &mut self,
        output: &mut Output,
        sockets: &[DatagramSocket],
        now: Instant,
    ) -> Result<LineProgress, Error> {
        let Some(mut line_input) = self.line_input.take() else { return Ok(LineProgress::Waiting) };
        let is_named = line_input.named().is_some();
        let typed = line_input.advance(output, |peer, index, line| {
            self.send_line((peer, is_named), line, &sockets[index], now)
        })?;
        if line_input.waits_for_a_peer() && self.reported.insert(NO_PEER_YET.into()) {
            self.report.info(NO_PEER_YET);
        }
        let socket = line_input.socket().filter(|_| typed == LineProgress::Ended);
        self.line_input = Some(line_input);
        if let Some(Err(error)) = socket.map(|index| sockets[index].take_error()) {
            self.refused(&error)?;
        }
        Ok(typed)
    }

    fn send_line(
        &mut self,
        (peer, is_named): (&Peer, bool),
        line: &[u8],
        socket: &DatagramSocket,
        now: Instant,
    ) -> Result<LineOutcome, Error> {
        if !(is_named || self.by_hand || self.is_allowed) {
            match self.guard.allow_answer(peer, line.len(), now) {
                Ok(()) => self.is_allowed = true,
                Err(WithholdReason::TooMany) => return Ok(LineOutcome::Later(Some(now + self.interval))),
                Err(reason) => {
                    self.unsent(peer, reason_text(reason));
                    return Ok(LineOutcome::Over);
                }
            }
        }
        match socket.send(peer, line, None) {
            Ok(()) => self.count(peer, Ok(line.len())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(LineOutcome::Later(None)),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => {
                return Ok(LineOutcome::Later(Some(now + ROOM_WAIT)));
            }
            Err(error) if is_named && is_no_way(&error) => return Err(cannot_send(peer, &error)),
            Err(error) => self.unsent(peer, &error.to_string()),
        }
        self.is_allowed = false;
        Ok(LineOutcome::Over)
    }

    /// Handles a "connection refused" from a peer's system.
    ///
    /// # Errors
    /// The peer was named, so lines of stdin have no other destination.
    pub(crate) fn refused(&mut self, error: &io::Error) -> Result<(), Error> {
        let Some(line_input) = &self.line_input else { return Ok(()) };
        match line_input.named() {
            Some(peer) => Err(cannot_send(peer, error)),
            None => {
                self.undelivered += 1;
                self.report_once(error.to_string(), format!("a line of stdin was not sent: {error}"));
                Ok(())
            }
        }
    }

    /// Ends the input: the rest of stdin is counted as not sent.
    pub(crate) fn finish_input(&mut self) {
        let left = self.line_input.as_mut().map_or(0, LineInput::finish_input);
        if left > 0 {
            self.undelivered += left;
            self.report_once("left".into(), "lines of stdin were left when the end came".into());
        }
    }

    fn unsent(&mut self, peer: &Peer, why: &str) {
        self.undelivered += 1;
        self.report_once(why.to_owned(), format!("a line of stdin was not sent to {peer}: {why}"));
    }

    /// Reports the first text of each reason only: the number of peers is unbounded.
    fn report_once(&mut self, reason: String, text: String) {
        if self.reported.insert(reason) {
            self.report.warning(format_args!("{text} (reported once)"));
        }
    }

    /// Counts an answer, and reports the first withheld one for each reason.
    fn count(&mut self, peer: &Peer, result: Result<usize, String>) {
        match result {
            Ok(length) => {
                self.sent += 1;
                self.sent_bytes += length as u64;
            }
            Err(why) => {
                self.withheld += 1;
                let text = format!("no answer to {peer}: {why}");
                self.report_once(why, text);
            }
        }
    }
}

fn reason_text(reason: WithholdReason) -> &'static str {
    match reason {
        WithholdReason::Amplifies => "it would be larger than the datagram it answers (see --amplify-ok)",
        WithholdReason::TooMany => "it has had its answers for this second (see --max-answers)",
        WithholdReason::Loops => "it seems to answer answers, which would never end",
    }
}
