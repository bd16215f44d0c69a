//! Answers to datagrams: none, the same bytes, a fixed text, or what somebody types. Held back where a forged sender could
//! have them do harm.

use std::collections::BTreeSet;
use std::time::Instant;

use super::processes::{Processes, Runs, Way};
use crate::commands::datagrams::output::Output;
use crate::commands::datagrams::too_large;
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::reactor::Io;
use crate::net::udp::{Datagram, DatagramSocket, Peer, addresses_of};
use crate::proto::guard::{Guard, Refusal, Rules};
use crate::proto::records::{Cut, Splitter};
use crate::report::Report;

/// Lines of stdin before what comes gets its turn.
const LINES_AT_ONCE: usize = 256;

/// What is answered.
pub(super) enum Answers {
    None,
    Echo,
    Fixed(Vec<u8>),
    Typed { to: Option<Endpoint>, until: Option<String> },
    Run(Runs),
}

/// How far stdin has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Nothing now.
    Waiting,
    /// Much at once: the others come first.
    More,
    /// This was the last of it, and the run is to end.
    Ended,
}

/// Answers, and who may have them.
pub(super) struct Answering {
    answers: Answers,
    processes: Option<Processes>,
    guard: Guard<Peer>,
    /// Somebody types by hand: who is no amplifier.
    by_hand: bool,
    lines: Splitter,
    has_ended: bool,
    /// Where typed lines go, and through which socket.
    talking_to: Option<(Peer, usize)>,
    /// Whether that was named on the command line.
    is_named: bool,
    sent: u64,
    sent_bytes: u64,
    withheld: u64,
    told: BTreeSet<String>,
    report: Report,
}

impl Answering {
    pub(super) fn new(
        answers: Answers,
        rules: Rules,
        by_hand: bool,
        (io, report): (&Io, &Report),
        sockets: &[DatagramSocket],
    ) -> Result<Answering, Error> {
        let named = match &answers {
            Answers::Typed { to: Some(to), .. } => Some(reachable(to, sockets)?),
            _ => None,
        };
        let has_input = matches!(answers, Answers::Typed { .. });
        let (answers, processes) = match answers {
            Answers::Run(runs) => (Answers::None, Some(Processes::new(runs, io.clone(), report.clone()))),
            others => (others, None),
        };
        Ok(Answering {
            processes,
            by_hand,
            guard: Guard::new(rules),
            lines: Splitter::new(Cut::Lines),
            has_ended: !has_input,
            is_named: named.is_some(),
            talking_to: named,
            answers,
            sent: 0,
            sent_bytes: 0,
            withheld: 0,
            told: BTreeSet::new(),
            report: report.clone(),
        })
    }

    /// Datagrams and bytes that were sent.
    pub(super) fn sent(&self) -> (u64, u64) {
        (self.sent, self.sent_bytes)
    }

    /// Answers that were not.
    pub(super) fn withheld(&self) -> u64 {
        self.withheld
    }

    /// All sockets but one are gone, which has this index now.
    pub(super) fn moved_to(&mut self, index: usize) {
        self.talking_to = self.talking_to.take().map(|(peer, _)| (peer, index));
        if let Some(processes) = &mut self.processes {
            processes.moved_to(index);
        }
    }

    /// A datagram has come.
    pub(super) fn answer(
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
        let answer = match &self.answers {
            Answers::None | Answers::Run(_) => return,
            Answers::Typed { .. } => {
                if !self.is_named && self.may_be_answered(datagram, socket) {
                    self.guard.heard(peer, datagram.payload, now);
                    self.talking_to = Some((peer.clone(), index));
                }
                return;
            }
            Answers::Echo => datagram.payload,
            Answers::Fixed(reply) => reply,
        };
        self.guard.heard(peer, datagram.payload, now);
        let allowed = self.guard.answer(peer, answer.len(), now);
        self.guard.settle(peer);
        let result = match (datagram.peer.unanswerable(socket.name(), datagram.local), allowed) {
            (Some(why), _) => Err(why.into()),
            (None, Err(refusal)) => Err(words(refusal).into()),
            (None, Ok(())) => {
                let length = answer.len();
                socket
                    .answer(peer, datagram.local, answer)
                    .map(|()| length)
                    .map_err(|error| error.to_string())
            }
        };
        self.count(peer, result);
    }

    fn process(&mut self, datagram: &Datagram<'_>, index: usize, socket: &DatagramSocket, now: Instant) {
        // Not started for a peer that could not have its answers.
        if !self.may_be_answered(datagram, socket) {
            return;
        }
        self.guard.heard(&datagram.peer, datagram.payload, now);
        let way = Way { socket: index, local: datagram.local };
        let taken = self.processes.as_mut().map(|processes| processes.take(datagram, way, socket, now));
        if let Some(Err(why)) = taken {
            self.count(&datagram.peer, Err(why));
        }
    }

    /// Lets the processes go on. True if there is more at once.
    pub(super) fn run(&mut self, sockets: &[DatagramSocket], now: Instant) -> bool {
        let Some(mut processes) = self.processes.take() else { return false };
        let has_more = processes.advance(now, |peer, way, answer| {
            let allowed = self.guard.answer(peer, answer.len(), now).map_err(|why| words(why).to_owned());
            let send =
                |()| sockets[way.socket].answer(peer, way.local, answer).map_err(|error| error.to_string());
            self.count(peer, allowed.and_then(send).map(|()| answer.len()));
        });
        self.processes = Some(processes);
        has_more
    }

    /// No more datagrams come. True when no process is left.
    pub(super) fn has_finished(&mut self, now: Instant) -> bool {
        self.processes.as_mut().is_none_or(|processes| {
            processes.close(now);
            processes.is_empty()
        })
    }

    /// A signal has come. True if no process is left.
    pub(super) fn terminate(&mut self) -> bool {
        self.processes.as_mut().is_none_or(|processes| {
            processes.terminate();
            processes.is_empty()
        })
    }

    /// When processes want to be looked at.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.processes.as_ref().and_then(Processes::deadline)
    }

    fn may_be_answered(&mut self, datagram: &Datagram<'_>, socket: &DatagramSocket) -> bool {
        let why = datagram.peer.unanswerable(socket.name(), datagram.local);
        if let Some(why) = why {
            self.count(&datagram.peer, Err(why.into()));
        }
        why.is_none()
    }

    /// Sends lines of stdin, one datagram each.
    pub(super) fn converse(
        &mut self,
        output: &mut Output,
        sockets: &[DatagramSocket],
        now: Instant,
    ) -> Result<Typed, Error> {
        let Answers::Typed { until, .. } = &self.answers else { return Ok(Typed::Waiting) };
        let ends = until.is_some();
        let until = until.clone();
        // Nobody to talk to yet: stdin keeps what it has.
        let Some((peer, index)) = self.talking_to.clone().filter(|_| !self.has_ended) else {
            return Ok(if self.has_ended && ends { Typed::Ended } else { Typed::Waiting });
        };
        for _ in 0..LINES_AT_ONCE {
            let line = self.lines.next().map_err(|_| too_large("a line of stdin"))?.map(<[u8]>::to_vec);
            match line {
                Some(line) if until.as_ref().is_some_and(|until| until.as_bytes() == trimmed(&line)) => {
                    self.has_ended = true;
                    return Ok(Typed::Ended);
                }
                Some(line) => self.say(&peer, &line, &sockets[index], now),
                None if self.lines.is_over() => {
                    self.has_ended = true;
                    return Ok(if ends { Typed::Ended } else { Typed::Waiting });
                }
                None => match output.read(self.lines.space())? {
                    Some(count) => self.lines.filled(count),
                    None => return Ok(Typed::Waiting),
                },
            }
        }
        Ok(Typed::More)
    }

    fn say(&mut self, peer: &Peer, line: &[u8], socket: &DatagramSocket, now: Instant) {
        let allowed = if self.is_named || self.by_hand {
            Ok(())
        } else {
            self.guard.answer(peer, line.len(), now).map_err(|refusal| words(refusal).to_owned())
        };
        let sent = |()| socket.send(peer, line, None).map_err(|error| error.to_string());
        self.count(peer, allowed.and_then(sent).map(|()| line.len()));
    }

    /// Counts an answer; of each reason to send none the first is told.
    fn count(&mut self, peer: &Peer, result: Result<usize, String>) {
        match result {
            Ok(length) => {
                self.sent += 1;
                self.sent_bytes += length as u64;
            }
            Err(why) => {
                self.withheld += 1;
                if self.told.insert(why.clone()) {
                    self.report.warning(format_args!("no answer to {peer}: {why} (told once)"));
                }
            }
        }
    }
}

fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Amplifies => "it would be larger than what came in (see --amplify-ok)",
        Refusal::TooMany => "it had its answers for this second (see --max-answers)",
        Refusal::Loops => "it seems to answer answers, which would go on for ever",
    }
}

/// A line that was typed on another system may end with a carriage return.
fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The address of `--to`, and a socket of its family.
fn reachable(to: &Endpoint, sockets: &[DatagramSocket]) -> Result<(Peer, usize), Error> {
    for peer in addresses_of(to)? {
        if let Some(index) = sockets.iter().position(|socket| socket.name().is_alike(&peer)) {
            return Ok((peer, index));
        }
    }
    Err(Error::new(
        Exit::Usage,
        format!("--to {to}: the endpoints that are listened on are of another family"),
    ))
}
