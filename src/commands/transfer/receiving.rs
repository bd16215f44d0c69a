//! The side that wants the files: `download`, and a server that stores uploads.

mod committing;
mod judging;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::link::{Heard, Limits, Link};
use super::outcome::{Role, Tally, broken, failed, reason_of, told};
use super::sending::shown;
use super::wire::{CHUNK_BYTES, FRAME_COST_BYTES, Failure, Filled, LastWord, Wire, say_last_word};
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Aside, Io, Session, Status, Turn};
use crate::net::stream::Stream;
use crate::proto::Digest;
use crate::proto::frame::{self, Frame};
use crate::proto::receiver::{ReceiveStep, Receiver};
use crate::proto::violation::Violation;
use crate::report::{Phase, Progress, Report, escape_bytes};
use crate::store::{Fault, Folder, Part};

/// Entries of one session: what bounds the memory that a peer can ask for.
const MAX_ENTRIES: u32 = 100_000;
/// Files on their way to the disk at the same time.
const MAX_COMMITS: usize = 4;
/// What a decision about a file counts for when turns are shared out: it asks the file system several times.
const JUDGE_COST_BYTES: usize = 8 << 10;
/// How long a session that has ended waits for them, all together.
const COMMIT_LIMIT: Duration = Duration::from_millis(600);
/// When a file cannot be written and more than this would still come for it, the session ends at once.
const MAX_DISCARDED_BYTES: u64 = 16 << 20;

/// Where files go, and which of them are taken.
pub(crate) struct Destination {
    pub(crate) folder: Folder,
    pub(crate) naming: Naming,
    pub(crate) replace: bool,
    pub(crate) max_size: Option<u64>,
}

/// Which name a file gets here.
#[derive(Clone, Debug)]
pub(crate) enum Naming {
    /// The one it was sent with, a single component.
    AsSent,
    /// The last component of the name that was asked for.
    LastComponent,
    /// This one; only one file may come.
    Fixed(Vec<u8>),
}

/// A session that receives files.
pub(crate) struct Receiving<S> {
    link: Option<Link<S>>,
    machine: Receiver,
    is_server: bool,
    destination: Destination,
    io: Io,
    peer: PeerName,
    report: Report,
    progress: Option<Progress>,
    start: Instant,
    body: Option<Body>,
    files: HashMap<u32, Incoming>,
    hashing: Option<Aside<Result<Digest, Fault>>>,
    commits: Vec<(u32, Aside<Result<(), Fault>>)>,
    /// Renamed, and not yet safe against a loss of power.
    in_place: Vec<u32>,
    syncing: Option<Aside<Result<(), Fault>>>,
    digests: HashMap<u32, Digest>,
    consented_bytes: u64,
    ending: Option<(LastWord<S>, Option<Error>)>,
}

/// The rest of a DATA frame.
struct Body {
    file: u32,
    remaining: usize,
}

/// A file that was consented to.
struct Incoming {
    name: Vec<u8>,
    /// None until it is needed.
    part: Option<Part>,
    hasher: blake3::Hasher,
    /// The digest of a file of the same size that is in place and may be replaced.
    in_place: Option<Digest>,
}

impl<S: Stream> Receiving<S> {
    /// Takes files to `destination`; with `wanted`, those that were asked for. A client waits for ACCEPT.
    pub(crate) fn new(
        wire: Wire<S>,
        destination: Destination,
        wanted: Option<Vec<Vec<u8>>>,
        is_client: bool,
        limits: Limits,
        (io, report, peer): (Io, Report, PeerName),
    ) -> Receiving<S> {
        Receiving {
            start: wire.last_traffic(),
            link: Some(Link::new(wire, Role::Receiver, limits, is_client)),
            machine: Receiver::new(MAX_ENTRIES, wanted),
            is_server: !is_client,
            destination,
            io,
            peer,
            report,
            progress: None,
            body: None,
            files: HashMap::new(),
            hashing: None,
            commits: Vec::new(),
            in_place: Vec::new(),
            syncing: None,
            digests: HashMap::new(),
            consented_bytes: 0,
            ending: None,
        }
    }

    fn work(&mut self, link: &mut Link<S>, turn: Turn) -> Result<Status, Failure> {
        let mut budget = turn.budget_bytes;
        loop {
            self.collect_commits()?;
            // Before the next piece is made: what waits is bounded.
            if link.wire.is_full() && !link.wire.flush()? {
                return Ok(Status::Waiting);
            }
            match self.machine.step() {
                ReceiveStep::PeerError { reason, text } => return Err(told(reason, &text, Role::Receiver)),
                ReceiveStep::Write(bytes) => link.wire.push(&bytes),
                ReceiveStep::Judge { .. } if budget == 0 => return Ok(Status::Again),
                ReceiveStep::Judge { file } => {
                    let Some(verdict) = self.judge(file)? else {
                        link.wire.flush()?;
                        return Ok(Status::Waiting);
                    };
                    self.machine.judged(file, verdict);
                    budget = budget.saturating_sub(JUDGE_COST_BYTES);
                }
                ReceiveStep::Commit { file, digest } => self.commit(file, digest)?,
                ReceiveStep::Abandon { file, .. } => drop(self.files.remove(&file)),
                ReceiveStep::Finished => {
                    // All is in place: a peer that is gone by now changes nothing.
                    return Ok(if link.wire.flush().unwrap_or(true) {
                        Status::Done
                    } else {
                        Status::Waiting
                    });
                }
                ReceiveStep::Await => {
                    if self.sync_folder()? {
                        continue;
                    }
                    let full = self.commits.len() >= MAX_COMMITS || self.machine.all_files_ended();
                    if full && self.busy().is_some() {
                        link.wire.flush()?;
                        return Ok(Status::Waiting);
                    }
                    if budget == 0 {
                        return Ok(Status::Again);
                    }
                    match self.hear(link)? {
                        Some(count) => budget = budget.saturating_sub(count),
                        None => {
                            link.wire.flush()?;
                            return Ok(Status::Waiting);
                        }
                    }
                }
            }
        }
    }

    /// What this side is doing while the peer waits.
    fn busy(&self) -> Option<frame::Phase> {
        if self.hashing.is_some() {
            Some(frame::Phase::Hashing)
        } else if self.syncing.is_some() || !self.commits.is_empty() {
            Some(frame::Phase::Syncing)
        } else {
            None
        }
    }

    /// Takes in a frame, or a chunk of a body: what it costs of the turn. None if nothing is there.
    fn hear(&mut self, link: &mut Link<S>) -> Result<Option<usize>, Failure> {
        let cut = || Error::new(Exit::Lost, "the connection ended before everything had come").into();
        let Some(body) = &mut self.body else {
            match link.hear()? {
                Heard::Frame(Frame::Entry { entry, .. }) if self.is_server && entry.not_offered.is_some() => {
                    return Err(broken(Violation::Contradiction("NOT_OFFERED in an upload")));
                }
                Heard::Frame(frame) => self.machine.receive(frame).map_err(broken)?,
                Heard::Data { file, offset, length } => {
                    // A restart begins at 0, where the part is created: nothing has to be dropped.
                    self.machine.data(file, offset, length).map_err(broken)?;
                    self.begin_body(file, offset, length)?;
                }
                Heard::Nothing => {
                    if let Some((phase, _)) = self.machine.peer_phase() {
                        self.phase(shown(phase));
                    }
                    return Ok(None);
                }
                Heard::End => return Err(cut()),
            }
            return Ok(Some(FRAME_COST_BYTES));
        };
        let count = body.remaining.min(CHUNK_BYTES);
        match link.wire.fill(count)? {
            Filled::Enough => {}
            Filled::Blocked => return Ok(None),
            Filled::Ended => return Err(cut()),
        }
        let file = body.file;
        body.remaining -= count;
        if body.remaining == 0 {
            self.body = None;
        }
        if !self.machine.discarding() {
            self.store(file, &link.wire.incoming()[..count])?;
        }
        link.wire.consume(count);
        Ok(Some(count))
    }

    fn begin_body(&mut self, file: u32, offset: u64, length: u32) -> Result<(), Failure> {
        self.body = Some(Body { file, remaining: length as usize });
        if offset == 0 {
            if let (Some(progress), Some(entry)) = (&self.progress, self.machine.entry(file)) {
                progress.file(&entry.path, Some(entry.size), 0);
            }
            self.phase(Phase::Receiving);
        }
        if self.machine.discarding() {
            return Ok(());
        }
        let result = self.part(file).map(|_| ());
        result.or_else(|fault| self.give_up(file, &fault))
    }

    /// The part of a file, created when it is first needed.
    fn part(&mut self, file: u32) -> Result<Option<&mut Part>, Fault> {
        let Some(incoming) = self.files.get_mut(&file) else { return Ok(None) };
        if incoming.part.is_none() {
            incoming.part = Some(Part::create(&self.destination.folder, &incoming.name)?);
        }
        Ok(incoming.part.as_mut())
    }

    /// Hashes and writes a chunk while it is in the cache.
    fn store(&mut self, file: u32, bytes: &[u8]) -> Result<(), Failure> {
        let Some(Incoming { part: Some(part), hasher, .. }) = self.files.get_mut(&file) else {
            return Ok(());
        };
        hasher.update(bytes);
        if let Err(fault) = part.write_all(bytes) {
            return self.give_up(file, &fault);
        }
        if let Some(progress) = &self.progress {
            progress.moved(bytes.len() as u64);
        }
        Ok(())
    }

    /// A file cannot be written: the others may still come, unless a lot would come in vain.
    fn give_up(&mut self, file: u32, fault: &Fault) -> Result<(), Failure> {
        self.files.remove(&file);
        let entry = self.machine.entry(file);
        if entry.is_some_and(|entry| entry.size > MAX_DISCARDED_BYTES) {
            let name = entry.map(|entry| escape_bytes(&entry.path)).unwrap_or_default();
            return Err(failed(Role::Receiver, name, fault));
        }
        let (reason, text) = reason_of(fault, Role::Receiver);
        self.machine.give_up(file, reason, text);
        Ok(())
    }

    fn phase(&self, phase: Phase) {
        if let Some(progress) = &self.progress {
            progress.phase(phase);
        }
    }

    fn tally(&self, now: Instant) -> Tally {
        let files = self.machine.outcomes().into_iter().enumerate().map(|(file, outcome)| {
            let name = self.machine.entry(file as u32).map(|entry| entry.path.clone());
            (name.unwrap_or_default(), outcome, self.digests.get(&(file as u32)).copied())
        });
        Tally {
            role: Role::Receiver,
            peer: self.peer.clone(),
            files: files.collect(),
            bytes: self.machine.received_bytes(),
            time: now - self.start,
        }
    }

    fn turn(&mut self, link: &mut Link<S>, turn: Turn) -> Result<Status, Failure> {
        link.wire.tick(turn.now);
        let status = self.work(link, turn)?;
        if status == Status::Waiting {
            link.check_time(turn.now, self.busy())?;
        }
        Ok(status)
    }
}

/// A session that fails or is stopped may be the last thing that the process does: files on their way to the disk get
/// their names, or lose their temporary ones, before that.
impl<S> Drop for Receiving<S> {
    fn drop(&mut self) {
        let limit = COMMIT_LIMIT / u32::try_from(self.commits.len().max(1)).unwrap_or(u32::MAX);
        for (_, commit) in self.commits.drain(..) {
            commit.await_end(limit);
        }
    }
}

impl<S: Stream> Session for Receiving<S> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        if let Some(mut link) = self.link.take() {
            match self.turn(&mut link, turn) {
                Ok(Status::Done) => {
                    self.progress = None;
                    let error = self.tally(turn.now).conclude(&self.report).err();
                    self.ending = Some((link.wire.close(None), error));
                }
                Ok(status) => {
                    self.link = Some(link);
                    return Ok(status);
                }
                Err(Failure { error, tell }) => {
                    self.progress = None;
                    // Unfinished parts are removed now, not when the peer has heard of it.
                    self.files.clear();
                    self.ending = Some((link.wire.close(tell), Some(error)));
                }
            }
        }
        say_last_word(&mut self.ending, turn)
    }

    fn stop(&mut self) {
        if let Some(link) = &mut self.link {
            link.wire.say_stopped();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let ending = self.ending.as_ref().map(|(last, _)| last.deadline());
        self.link.as_ref().map(Link::deadline).or(ending)
    }
}
