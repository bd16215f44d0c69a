//! Answers to datagrams: none, the same bytes, a fixed text, typed lines, or the output of a process. They are withheld
//! where a forged sender could do harm with them.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::input::{Said, Typed, Typing, reachable};
use super::processes::{CUT_FOR_PROCESS, Processes, Runs, Trouble};
use super::worker::ReturnPath;
use crate::datagram::output::Output;
use crate::datagram::{cannot_send, is_no_way};
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::reactor::Io;
use crate::net::udp::{Datagram, DatagramSocket, Outbox, Peer};
use crate::proto::datagram::guard::{Guard, Refusal, Rules};
use crate::report::Report;

/// Retry interval of a device without room: it does not report when it has room again.
const ROOM_WAIT: Duration = Duration::from_millis(1);

/// Note for a person who types before there is a peer.
const NOBODY: &str = "nobody was heard yet: lines wait for a peer";

/// Kind of answers.
pub(crate) enum Answers {
    None,
    Echo,
    Fixed(Vec<u8>),
    Typed { to: Option<Endpoint>, until: Option<String> },
    Run(Runs),
}

/// Answers, and the rules for sending them.
pub(crate) struct Answering {
    answers: Answers,
    /// Answers to the datagrams of one batch.
    outbox: Outbox,
    processes: Option<Processes>,
    guard: Guard<Peer>,
    /// A person types the answers, and cannot be used as an amplifier.
    by_hand: bool,
    typing: Option<Typing>,
    /// The waiting line has passed the guard.
    is_allowed: bool,
    /// Least time between two answers to a peer.
    interval: Duration,
    sent: u64,
    sent_bytes: u64,
    withheld: u64,
    undelivered: u64,
    /// The number of processes that have failed.
    failed: u64,
    /// Reasons that were reported: each is reported once.
    told: BTreeSet<String>,
    report: Report,
}

impl Answering {
    pub(crate) fn new(
        answers: Answers,
        rules: Rules,
        by_hand: bool,
        (io, report): (&Io, &Report),
        sockets: &[DatagramSocket],
    ) -> Result<Answering, Error> {
        let (mut processes, mut typing) = (None, None);
        let answers = match answers {
            Answers::Run(runs) => {
                processes = Some(Processes::new(runs, io.clone(), report.clone()));
                Answers::None
            }
            Answers::Typed { to, until } => {
                let named = to.map(|to| reachable(&to, sockets)).transpose()?;
                typing = Some(Typing::new(until, named));
                Answers::None
            }
            others => others,
        };
        Ok(Answering {
            processes,
            by_hand,
            guard: Guard::new(rules),
            typing,
            is_allowed: false,
            interval: Duration::from_secs(1) / rules.per_second.max(1),
            answers,
            outbox: Outbox::default(),
            sent: 0,
            sent_bytes: 0,
            withheld: 0,
            undelivered: 0,
            failed: 0,
            told: BTreeSet::new(),
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
    /// If there is no way from it to the peer that was named.
    pub(crate) fn moved_to(&mut self, index: usize, socket: &DatagramSocket) -> Result<(), Error> {
        if let Some(typing) = &mut self.typing {
            if let Some(named) = typing.named().filter(|named| !named.is_alike(socket.name())) {
                let why = "with --connected, one of another family was heard first";
                return Err(Error::new(Exit::NoConnection, format!("cannot send to {named}: {why}")));
            }
            typing.moved_to(index);
        }
        if let Some(processes) = &mut self.processes {
            processes.moved_to(index);
        }
        Ok(())
    }

    /// Handles a datagram. Its answer waits for [`Answering::send`].
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
        if self.typing.as_ref().is_some_and(|typing| typing.named().is_none())
            && self.may_be_answered(datagram, socket)
        {
            self.guard.heard(peer, datagram.payload, now);
            self.typing.as_mut().into_iter().for_each(|typing| typing.heard(peer, index));
            // The line that waits may go to another one now.
            self.is_allowed = false;
        }
        let answer = match &self.answers {
            Answers::None | Answers::Typed { .. } | Answers::Run(_) => return,
            Answers::Echo => datagram.payload,
            Answers::Fixed(reply) => reply,
        };
        self.guard.heard(peer, datagram.payload, now);
        let allowed = self.guard.answer(peer, answer.len(), now);
        self.guard.settle(peer);
        let why = match (datagram.peer.unanswerable(socket.name(), datagram.local), allowed) {
            (Some(why), _) => why,
            (None, Err(refusal)) => words(refusal),
            (None, Ok(())) => return self.outbox.push(peer, datagram.local, answer),
        };
        self.count(peer, Err(why.into()));
    }

    pub(crate) fn is_worth_a_send(&self) -> bool {
        self.outbox.is_worth_a_send()
    }

    /// Sends the answers to the datagrams of a socket since the last call.
    pub(crate) fn send(&mut self, socket: &DatagramSocket) {
        let mut outbox = std::mem::take(&mut self.outbox);
        socket.send_answers(&mut outbox, |peer, result| {
            self.count(peer, result.map_err(|error| error.to_string()));
        });
        self.outbox = outbox;
    }

    fn process(&mut self, datagram: &Datagram<'_>, index: usize, socket: &DatagramSocket, now: Instant) {
        // Not started for a peer that could not have its answers.
        if !self.may_be_answered(datagram, socket) {
            return;
        }
        self.guard.heard(&datagram.peer, datagram.payload, now);
        let within = datagram.payload.split_last().map_or(&[][..], |(_, within)| within);
        let is_cut = within.contains(&b'\n') && self.processes.as_ref().is_some_and(Processes::read_lines);
        if is_cut {
            let text = format!("a datagram of {} {CUT_FOR_PROCESS}", datagram.peer);
            self.tell(CUT_FOR_PROCESS.into(), text);
        }
        let way = ReturnPath { socket: index, local: datagram.local };
        let taken = self.processes.as_mut().map(|processes| processes.take(datagram, way, socket, now));
        if let Some(Err(why)) = taken {
            self.undelivered += 1;
            let text = format!("a datagram of {} did not reach a process: {why}", datagram.peer);
            self.tell(why, text);
        } else if is_cut && self.processes.as_ref().is_some_and(Processes::must_be_whole) {
            self.undelivered += 1;
        }
    }

    /// Advances the processes. Returns whether there is more to do at once.
    pub(crate) fn run(&mut self, sockets: &[DatagramSocket], now: Instant) -> bool {
        let Some(mut processes) = self.processes.take() else { return false };
        let has_more = processes.advance(now, |peer, way, answer| {
            let allowed = self.guard.answer(peer, answer.len(), now).map_err(|why| words(why).to_owned());
            let send =
                |()| sockets[way.socket].answer(peer, way.local, answer).map_err(|error| error.to_string());
            self.count(peer, allowed.and_then(send).map(|()| answer.len()));
        });
        for (peer, trouble) in processes.troubles() {
            match trouble {
                Trouble::Unread { count, was_ended } => {
                    self.undelivered += count;
                    let how = if was_ended { "was ended" } else { "has ended" };
                    let text =
                        format!("the process of {peer} {how} before it read everything that arrived for it");
                    self.tell("not taken".into(), text);
                }
                Trouble::Failed(why) => {
                    self.failed += 1;
                    let text = format!("the process of {peer} has failed: {why}");
                    self.tell(why, text);
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
        self.typing = None;
        self.processes.as_mut().is_none_or(|processes| {
            processes.terminate();
            processes.is_empty()
        })
    }

    /// Returns when to advance the processes, or send the waiting line.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let process = self.processes.as_ref().and_then(Processes::deadline);
        process.into_iter().chain(self.typing.as_ref().and_then(Typing::deadline)).min()
    }

    fn may_be_answered(&mut self, datagram: &Datagram<'_>, socket: &DatagramSocket) -> bool {
        let why = datagram.peer.unanswerable(socket.name(), datagram.local);
        if let Some(why) = why {
            self.count(&datagram.peer, Err(why.into()));
        }
        why.is_none()
    }

    /// Sends lines of stdin, one datagram each.
    pub(crate) fn converse(
        &mut self,
        output: &mut Output,
        sockets: &[DatagramSocket],
        now: Instant,
    ) -> Result<Typed, Error> {
        let Some(mut typing) = self.typing.take() else { return Ok(Typed::Waiting) };
        let is_named = typing.named().is_some();
        let typed = typing
            .advance(output, |peer, index, line| self.say((peer, is_named), line, &sockets[index], now))?;
        if typing.waits_for_a_peer() && self.told.insert(NOBODY.into()) {
            self.report.say(NOBODY);
        }
        let socket = typing.socket().filter(|_| typed == Typed::Ended);
        self.typing = Some(typing);
        if let Some(Err(error)) = socket.map(|index| sockets[index].take_error()) {
            self.refused(&error)?;
        }
        Ok(typed)
    }

    fn say(
        &mut self,
        (peer, is_named): (&Peer, bool),
        line: &[u8],
        socket: &DatagramSocket,
        now: Instant,
    ) -> Result<Said, Error> {
        if !(is_named || self.by_hand || self.is_allowed) {
            match self.guard.answer(peer, line.len(), now) {
                Ok(()) => self.is_allowed = true,
                Err(Refusal::TooMany) => return Ok(Said::Later(Some(now + self.interval))),
                Err(refusal) => {
                    self.unsent(peer, words(refusal));
                    return Ok(Said::Over);
                }
            }
        }
        match socket.send(peer, line, None) {
            Ok(()) => self.count(peer, Ok(line.len())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Said::Later(None)),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => {
                return Ok(Said::Later(Some(now + ROOM_WAIT)));
            }
            Err(error) if is_named && is_no_way(&error) => return Err(cannot_send(peer, &error)),
            Err(error) => self.unsent(peer, &error.to_string()),
        }
        self.is_allowed = false;
        Ok(Said::Over)
    }

    /// Handles the report of a peer's system that nothing listens there.
    ///
    /// # Errors
    /// If that peer was named, and lines of stdin are for it alone.
    pub(crate) fn refused(&mut self, error: &io::Error) -> Result<(), Error> {
        let Some(typing) = &self.typing else { return Ok(()) };
        match typing.named() {
            Some(peer) => Err(cannot_send(peer, error)),
            None => {
                self.undelivered += 1;
                self.tell(error.to_string(), format!("a line of stdin was not sent: {error}"));
                Ok(())
            }
        }
    }

    /// Ends the run: the rest of stdin is not sent.
    pub(crate) fn leave(&mut self) {
        let left = self.typing.as_mut().map_or(0, Typing::leave);
        if left > 0 {
            self.undelivered += left;
            self.tell("left".into(), "lines of stdin were left when the end came".into());
        }
    }

    fn unsent(&mut self, peer: &Peer, why: &str) {
        self.undelivered += 1;
        self.tell(why.to_owned(), format!("a line of stdin was not sent to {peer}: {why}"));
    }

    /// Reports the first text of each reason: the number of peers is unbounded.
    fn tell(&mut self, reason: String, text: String) {
        if self.told.insert(reason) {
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
                self.tell(why, text);
            }
        }
    }
}

fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Amplifies => "it would be larger than the datagram it answers (see --amplify-ok)",
        Refusal::TooMany => "it has had its answers for this second (see --max-answers)",
        Refusal::Loops => "it seems to answer answers, which would never end",
    }
}
