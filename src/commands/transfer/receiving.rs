//! The side that wants the files: `download`, and a server that stores uploads.

mod arriving;
mod blocked;
mod blocks;
mod committing;
mod counting;
mod judging;
mod parts;
mod space;
mod terms;
mod yielding;

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use self::arriving::{Arriving, Body};
use self::blocked::{Blocked, BlockedFiles, EndedFiles, Inflow};
use self::committing::Commits;
use self::counting::ACK_INTERVAL;
use self::judging::{Consent, Hashed, Judged};
pub(crate) use self::parts::SpareParts;
pub(crate) use self::terms::{Destination, Naming, Terms};
use self::yielding::Patience;
use super::digests::Digests;
use super::link::{Heard, Link};
use super::outcome::{Role, broken, told};
use super::sending::shown;
use super::sessions::{Listed, SessionId};
use super::tally::Tally;
use super::team::{Origin, Team};
use super::wire::{FRAME_COST_BYTES, Failure, LastWord, Wire, say_last_word};
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Aside, Io, Session, Status, Stop, Turn};
use crate::net::stream::Stream;
use crate::proto::Digest;
use crate::proto::frame::{self, Frame, Totals};
use crate::proto::hello::{Accept, Hello};
use crate::proto::receiver::{ReceiveStep, Receiver};
use crate::report::{Phase, Progress, Report};

/// What a decision about a file counts for when turns are shared out: it asks the file system several times.
const JUDGE_COST_BYTES: usize = 8 << 10;

/// A session that receives files.
pub(crate) struct Receiving<S> {
    link: Option<Link<S>>,
    machine: Receiver,
    destination: Destination,
    io: Io,
    progress: Progress,
    /// The totals were announced.
    is_announced: bool,
    tally: Tally,
    start: Instant,
    body: Option<Body>,
    current: Option<Arriving>,
    blocked: BlockedFiles,
    inflow: Inflow,
    /// Files in blocks that have ended or were given up: of theirs a block may still come.
    ended_blocks: EndedFiles,
    team: Team<Inflow>,
    takes_blocks: bool,
    session: Option<SessionId>,
    consents: HashMap<u32, Consent>,
    hashing: Option<Aside<Hashed>>,
    commits: Commits,
    digests: HashMap<u32, Digest>,
    space: space::Space,
    /// Bodies of files that do not come in blocks; and what was shown of all that has come.
    stored_bytes: u64,
    shown_bytes: u64,
    awaits_output: bool,
    next_ack: Instant,
    /// A server's: how other sessions reach this one.
    listed: Option<Rc<Listed>>,
    patience: Patience,
    ending: Option<(LastWord<S>, Option<Error>)>,
}

impl<S: Stream> Receiving<S> {
    /// Takes files to `destination`. A client waits for ACCEPT; a server knows the client's HELLO.
    pub(crate) fn new(
        wire: Wire<S>,
        destination: Destination,
        terms: Terms,
        hello: Option<&Hello>,
        (io, report, peer): (Io, Report, PeerName),
    ) -> Receiving<S> {
        let progress = Progress::new(&report);
        let announced = hello.and_then(|hello| hello.entries.zip(hello.total_size));
        if let Some((entries, bytes)) = announced {
            progress.expect(entries.into(), bytes);
            progress.all_known();
        }
        let mut machine = Receiver::new(destination.max_entries, terms.wanted);
        agree(&mut machine, &terms.agreed);
        let is_client = matches!(terms.origin, Origin::Client { .. });
        let mut tally = Tally::new(Role::Receiver, peer, report.clone());
        if is_client {
            tally.of_client(destination.replace);
        }
        Receiving {
            start: wire.last_traffic(),
            next_ack: wire.last_traffic() + ACK_INTERVAL,
            link: Some(Link::new(wire, Role::Receiver, terms.limits, is_client)),
            machine,
            commits: Commits::new(destination.stage.clone(), destination.replace),
            destination,
            blocked: BlockedFiles::default(),
            inflow: Inflow::default(),
            ended_blocks: EndedFiles::default(),
            team: Team::new(terms.origin, Role::Receiver, terms.limits, io.clone(), report.clone()),
            session: None,
            takes_blocks: terms.agreed.tree,
            io,
            progress,
            is_announced: announced.is_some(),
            tally,
            body: None,
            current: None,
            consents: HashMap::new(),
            hashing: None,
            digests: HashMap::new(),
            space: space::Space::default(),
            stored_bytes: 0,
            shown_bytes: 0,
            awaits_output: false,
            listed: None,
            patience: Patience::default(),
            ending: None,
        }
    }

    /// It is one of a server's sessions.
    pub(super) fn listed(mut self, listed: Rc<Listed>) -> Receiving<S> {
        self.listed = Some(listed);
        self
    }

    /// It may take the place of one that has still to let go of its files.
    pub(crate) fn succeeding(mut self, is_successor: bool) -> Receiving<S> {
        self.patience.is_successor = is_successor;
        self
    }

    /// The digests of what arrives are wanted.
    pub(crate) fn listing(mut self, digests: Option<Digests>) -> Receiving<S> {
        self.tally.list_digests(digests);
        self
    }

    fn work(&mut self, link: &mut Link<S>, turn: Turn) -> Result<Status, Failure> {
        let mut budget = turn.budget_bytes;
        self.awaits_output = false;
        loop {
            self.collect_commits()?;
            self.note_closed();
            // Before the next piece is made: what waits is bounded.
            if link.wire.is_full() && !link.wire.flush()? {
                return Ok(Status::Waiting);
            }
            match self.machine.step() {
                ReceiveStep::PeerError { reason, text } => return Err(told(reason, &text, Role::Receiver)),
                ReceiveStep::Write(bytes) => link.wire.push(&bytes),
                ReceiveStep::Judge { .. } if budget == 0 => return Ok(Status::Again),
                ReceiveStep::Judge { file } => {
                    match self.judge(file, turn.now)? {
                        Some(Judged::Verdict(verdict)) => self.machine.judged(file, verdict),
                        Some(Judged::InBlocks(values)) => self.machine.judged_in_blocks(file, &values),
                        // For nobody nothing is hashed.
                        None if link.wire.has_ended()? => return Err(cut()),
                        None => {
                            link.wire.flush()?;
                            return Ok(Status::Waiting);
                        }
                    }
                    if self.takes_blocks && self.machine.comes_in_blocks(file) == Some(true) {
                        self.team.grow(self.session, link.round_trip());
                    }
                    budget = budget.saturating_sub(JUDGE_COST_BYTES);
                }
                ReceiveStep::Commit { file, entry, digest } => self.arrived(file, entry, digest)?,
                ReceiveStep::Place { file, entry } => self.place(file, entry),
                ReceiveStep::Abandon { file, .. } => self.forget(file),
                ReceiveStep::Finished => {
                    // All is in place: a peer that is gone by now changes nothing.
                    let is_said = link.wire.flush().unwrap_or(true);
                    return Ok(if is_said { Status::Done } else { Status::Waiting });
                }
                ReceiveStep::Await => {
                    let last = self.machine.all_files_ended();
                    if last {
                        self.progress.all_known();
                    }
                    if last && self.fail_unfinished() {
                        continue;
                    }
                    let is_short = self.is_short_of_parts();
                    self.commits.start(&self.io, last || is_short)?;
                    if self.commits.is_busy() && (last || is_short || self.commits.is_full()) {
                        self.progress.phase(Phase::Syncing);
                        link.wire.flush()?;
                        return Ok(Status::Waiting);
                    }
                    if budget == 0 {
                        return Ok(Status::Again);
                    }
                    match self.hear(link)? {
                        Some(count) => budget = budget.saturating_sub(count.max(FRAME_COST_BYTES)),
                        None => {
                            self.acknowledge(link, turn.now);
                            link.wire.flush()?;
                            return Ok(Status::Waiting);
                        }
                    }
                    self.acknowledge(link, turn.now);
                }
            }
        }
    }

    /// What this side is doing while the peer waits.
    fn busy(&self) -> Option<frame::Phase> {
        if self.hashing.is_some() {
            Some(frame::Phase::Hashing)
        } else if self.commits.is_busy() || self.awaits_output {
            Some(frame::Phase::Syncing)
        } else if self.patience.next_look.is_some() {
            Some(frame::Phase::Reading)
        } else {
            None
        }
    }

    /// Takes in a frame, or a chunk of a body: what it costs of the turn. None if nothing is there.
    fn hear(&mut self, link: &mut Link<S>) -> Result<Option<usize>, Failure> {
        if self.body.is_some() {
            return self.hear_body(link);
        }
        if self.inflow.is_open() {
            return self.hear_block(link);
        }
        let heard = link.hear()?;
        if let Some(accept) = link.accepted() {
            agree(&mut self.machine, &accept);
            self.takes_blocks |= accept.tree;
            self.session = Some(accept.session);
        }
        match heard {
            Heard::Frame(Frame::Block { file, offset, values }) => {
                self.end_block(link, (file, offset, &values))?;
            }
            Heard::Frame(frame) => {
                if let Frame::Entry { entry, .. } = &frame {
                    self.expect_another()?;
                    if !self.is_announced {
                        self.progress.expect(1, entry.size.unwrap_or(0));
                    }
                }
                self.machine.receive(frame).map_err(broken)?;
                if let Some(skipped) = self.machine.skipped() {
                    self.tally.skip(&skipped);
                }
                if let Some(Totals { entries, bytes, complete }) = self.machine.totals() {
                    self.progress.found(entries, bytes, complete);
                }
            }
            Heard::Data { file, offset, length } if self.is_of_a_block(file) => {
                self.begin_block(file, offset, length)?;
            }
            Heard::Data { file, offset, length } => {
                let restart = self.machine.data(file, offset, length).map_err(broken)?;
                self.begin_body(file, offset, length, restart)?;
            }
            Heard::Nothing => {
                if let Some((phase, _)) = self.machine.peer_phase() {
                    self.progress.phase(shown(phase));
                }
                return Ok(None);
            }
            Heard::End => return Err(cut()),
        }
        Ok(Some(FRAME_COST_BYTES))
    }

    fn turn(&mut self, link: &mut Link<S>, turn: Turn) -> Result<Status, Failure> {
        link.wire.tick(turn.now);
        let before = self.advance_lanes(link)?;
        let status = self.work(link, turn).map_err(|failure| link.explain(failure))?;
        // Work may have opened what a further connection waits for.
        let after = self.advance_lanes(link)?;
        // What was on its way by a connection that is gone may come by this one: it has its time for that.
        let lost = before.lost.len() + after.lost.len();
        if before.is_alive || after.is_alive || lost > 0 {
            link.wire.pardon();
        }
        self.show(link);
        if status == Status::Waiting && (before.has_more || after.has_more || after.is_alive) {
            return Ok(Status::Again);
        }
        if status == Status::Waiting {
            link.check_time(turn.now, self.busy())?;
            self.make_way(link.wire.last_traffic(), turn.now)?;
        }
        Ok(status)
    }
}

impl<S> Receiving<S> {
    /// The session has failed. What came whole keeps its chance, what came in part is left for a later session.
    fn fail(&mut self) {
        self.progress.finish();
        self.hashing = None;
        if let Some(arriving) = self.current.take() {
            arriving.keep();
        }
        for (_, consent) in self.consents.drain() {
            consent.keep();
        }
        self.blocked.drain().for_each(Blocked::keep);
        self.commits.finish(&self.io);
    }
}

/// What both sides have said that they can.
fn agree(machine: &mut Receiver, accept: &Accept) {
    if accept.stream {
        machine.expect_stream();
    }
    if accept.tree {
        machine.allow_blocks();
    }
    if accept.skipped {
        machine.hear_skipped();
    }
    if accept.totals {
        machine.hear_totals();
    }
}

fn cut() -> Failure {
    Error::new(Exit::Lost, "the connection ended before everything had come").into()
}

/// A session that is dropped, as when the process is asked to stop, has failed.
impl<S> Drop for Receiving<S> {
    fn drop(&mut self) {
        self.fail();
    }
}

impl<S: Stream> Session for Receiving<S> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        if let Some(mut link) = self.link.take() {
            match self.turn(&mut link, turn) {
                Ok(Status::Done) => {
                    self.note_closed();
                    self.show(&link);
                    self.progress.finish();
                    self.tally.resumed(self.blocked.resumed_bytes);
                    let bytes = self.machine.received_bytes() + self.blocked.received_bytes;
                    let error = self.tally.conclude(bytes, turn.now - self.start).err();
                    self.ending = Some((link.wire.close(None), error));
                }
                Ok(status) => {
                    self.link = Some(link);
                    return Ok(status);
                }
                Err(Failure { error, tell }) => {
                    self.fail();
                    self.ending = Some((link.wire.close(tell), Some(error)));
                }
            }
            if let Some(listed) = self.listed.take() {
                listed.leave();
            }
        }
        say_last_word(&mut self.ending, turn)
    }

    fn stop(&mut self) -> Stop {
        if let Some(link) = &mut self.link {
            link.wire.say_stopped();
        }
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        // The connections that are left are of a session that is over: their times do not count.
        if let Some((last, _)) = &self.ending {
            return Some(last.deadline());
        }
        let link = self.link.as_ref().map(Link::deadline);
        link.into_iter().chain(self.team.deadline()).chain(self.patience.next_look).min()
    }
}
