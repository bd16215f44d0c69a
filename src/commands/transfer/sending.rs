//! The side that has the files: `upload`, and a server whose files are fetched.

use std::time::Instant;

use super::link::{Heard, Limits, Link};
use super::outcome::{Role, Tally, broken, told};
use super::wire::{CHUNK_BYTES, FRAME_COST_BYTES, Failure, LastWord, Wire};
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Aside, Io, Session, Status, TURN_BUDGET_BYTES, Turn};
use crate::net::stream::Stream;
use crate::proto::Digest;
use crate::proto::entry::{Entry, Kind};
use crate::proto::frame::{self, Frame, HEADER_BYTES};
use crate::proto::sender::{Ended, SendStep, Sender};
use crate::report::{Phase, Progress, Report};
use crate::store::{Fault, Source, hash_prefix};

/// Opens the file with the given id.
pub(crate) type Opener = Box<dyn FnMut(u32) -> Result<Source, Fault>>;

/// The entry that offers a file under a path.
pub(crate) fn entry_of(source: &Source, path: Vec<u8>) -> Entry {
    Entry {
        kind: Kind::File,
        executable: source.executable(),
        size: source.size_bytes(),
        mtime_seconds: source.mtime_seconds(),
        mtime_nanoseconds: source.mtime_nanoseconds(),
        path,
        not_offered: None,
    }
}

/// A session that sends files.
pub(crate) struct Sending<S> {
    /// None once the last word is being said.
    link: Option<Link<S>>,
    machine: Sender,
    open: Opener,
    io: Io,
    peer: PeerName,
    report: Report,
    progress: Progress,
    start: Instant,
    current: Option<Current>,
    hashing: Option<Aside<Result<Current, Fault>>>,
    digests: Vec<Option<Digest>>,
    peer_ended: bool,
    ending: Option<(LastWord<S>, Option<Error>)>,
}

/// The file being sent.
struct Current {
    file: u32,
    source: Source,
    /// Of the bytes before `position`.
    hasher: blake3::Hasher,
    position: u64,
}

impl<S: Stream> Sending<S> {
    /// Offers `entries`, which `open` opens by their indices. A client waits for ACCEPT.
    pub(crate) fn new(
        wire: Wire<S>,
        entries: Vec<Entry>,
        open: Opener,
        is_client: bool,
        limits: Limits,
        (io, report, peer): (Io, Report, PeerName),
    ) -> Sending<S> {
        let total = entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
        let progress = Progress::new(&report);
        progress.expect(entries.len() as u64, total);
        progress.all_known();
        Sending {
            progress,
            digests: vec![None; entries.len()],
            start: wire.last_traffic(),
            link: Some(Link::new(wire, Role::Sender, limits, is_client)),
            machine: Sender::new(entries),
            open,
            io,
            peer,
            report,
            current: None,
            hashing: None,
            peer_ended: false,
            ending: None,
        }
    }

    fn work(&mut self, link: &mut Link<S>, turn: Turn) -> Result<Status, Failure> {
        let mut budget = turn.budget_bytes;
        loop {
            self.hear(link, &mut budget)?;
            // Before the next piece is made: what waits is bounded by one chunk.
            if link.wire.is_full() && !self.flush(link)? {
                return if self.peer_ended { Err(self.cut()) } else { Ok(Status::Waiting) };
            }
            match self.machine.step() {
                SendStep::PeerError { reason, text } => return Err(told(reason, &text, Role::Sender)),
                SendStep::Finished => return Ok(Status::Done),
                _ if self.peer_ended => return Err(self.cut()),
                SendStep::Write(bytes) => link.wire.push(&bytes),
                SendStep::HashPrefix { file, length } => {
                    if !self.hash_prefix(link, file, length)? {
                        link.wire.flush()?;
                        return Ok(Status::Waiting);
                    }
                }
                SendStep::Body { .. } | SendStep::Await if budget == 0 => return Ok(Status::Again),
                SendStep::Body { file, offset, room } => {
                    budget = budget.saturating_sub(self.body(link, file, offset, room));
                }
                SendStep::Await => {
                    self.progress
                        .phase(self.machine.peer_phase().map_or(Phase::Waiting, |(phase, _)| shown(phase)));
                    self.flush(link)?;
                    return Ok(Status::Waiting);
                }
            }
        }
    }

    /// Takes in the frames that are there, as far as the turn's budget goes.
    fn hear(&mut self, link: &mut Link<S>, budget: &mut usize) -> Result<(), Failure> {
        while !self.peer_ended && *budget > 0 {
            *budget = budget.saturating_sub(FRAME_COST_BYTES);
            match link.hear()? {
                Heard::Frame(Frame::Error { reason, text }) => return Err(told(reason, &text, Role::Sender)),
                Heard::Frame(frame) => self.machine.receive(frame).map_err(broken)?,
                Heard::Data { .. } => {
                    return Err(broken(crate::proto::violation::Violation::OutOfTurn("DATA")));
                }
                Heard::Nothing => {
                    *budget += FRAME_COST_BYTES;
                    break;
                }
                Heard::End => self.peer_ended = true,
            }
        }
        Ok(())
    }

    /// Sends what is queued. If that fails, the peer may have said why before it closed.
    fn flush(&mut self, link: &mut Link<S>) -> Result<bool, Failure> {
        link.wire.flush().map_err(|lost| {
            let mut budget = TURN_BUDGET_BYTES;
            match self.hear(link, &mut budget) {
                Err(Failure { error, .. }) if error.exit() != Exit::Lost => error.into(),
                _ => lost.into(),
            }
        })
    }

    fn cut(&self) -> Failure {
        let text = if self.machine.awaiting_result() {
            "the connection ended before the peer confirmed: whether the files arrived is unknown"
        } else {
            "the peer ended the connection before everything was sent"
        };
        Error::new(Exit::Lost, text).into()
    }

    /// Hashes a prefix aside. True once the machine has its answer.
    fn hash_prefix(&mut self, link: &mut Link<S>, file: u32, length: u64) -> Result<bool, Failure> {
        let Some(aside) = &mut self.hashing else {
            let size = self.machine.entries()[file as usize].size;
            self.progress.file(&self.machine.entries()[file as usize].path, Some(size), 0);
            self.progress.phase(Phase::Hashing);
            match self.open(file) {
                Ok(mut current) => {
                    self.hashing = Some(
                        self.io
                            .aside(move || {
                                current.hasher = hash_prefix(current.source.file(), length, &mut |_| {})?;
                                current.position = length;
                                current.source.seek(length);
                                Ok(current)
                            })
                            .map_err(Failure::from)?,
                    );
                }
                Err(ended) => {
                    let bytes = self.machine.end(ended);
                    link.wire.push(&bytes);
                    return Ok(true);
                }
            }
            return Ok(false);
        };
        let Some(result) = aside.take() else { return Ok(false) };
        self.hashing = None;
        match result? {
            Ok(current) => {
                let digest = current.hasher.finalize().into();
                self.digests[file as usize] = Some(digest);
                self.current = Some(current);
                self.machine.prefix_hashed(digest);
            }
            Err(fault) => {
                self.report.detail(fault);
                let ended = self.open(file).err().unwrap_or(Ended::Unreadable);
                let bytes = self.machine.end(ended);
                link.wire.push(&bytes);
            }
        }
        Ok(true)
    }

    /// Opens a file and compares it with what was offered.
    fn open(&mut self, file: u32) -> Result<Current, Ended> {
        let entry = &self.machine.entries()[file as usize];
        match (self.open)(file) {
            Ok(source) if entry_of(&source, entry.path.clone()) == *entry => {
                Ok(Current { file, source, hasher: blake3::Hasher::new(), position: 0 })
            }
            Ok(_) => Err(Ended::Changed),
            Err(fault) => {
                self.report.detail(fault);
                Err(Ended::Unreadable)
            }
        }
    }

    /// Queues the next chunk of a file, or its end. Returns the bytes of the chunk.
    fn body(&mut self, link: &mut Link<S>, file: u32, offset: u64, room: u32) -> usize {
        match self.chunk(link, file, offset, room) {
            Ok(count) => {
                self.progress.moved(count as u64);
                count
            }
            Err(ended) => {
                if let Ended::Digest(digest) = ended {
                    self.digests[file as usize] = Some(digest);
                }
                self.current = None;
                self.progress.done(1);
                let bytes = self.machine.end(ended);
                link.wire.push(&bytes);
                0
            }
        }
    }

    fn chunk(&mut self, link: &mut Link<S>, file: u32, offset: u64, room: u32) -> Result<usize, Ended> {
        if self.current.as_ref().is_none_or(|current| current.file != file) {
            let current = self.open(file)?;
            let entry = &self.machine.entries()[file as usize];
            self.progress.file(&entry.path, Some(entry.size), offset);
            self.progress.phase(Phase::Sending);
            self.current = Some(current);
        }
        let Some(current) = &mut self.current else { return Err(Ended::Unreadable) };
        if current.position != offset {
            // The peer's part is another one: from the start.
            current.source.seek(offset);
            current.hasher.reset();
            current.position = offset;
        }
        if room == 0 {
            // Some files have more than they announce, those of /proc for example.
            let is_longer = current.source.read(&mut [0]).is_ok_and(|count| count > 0);
            return Err(match current.source.changed() {
                Ok(_) if is_longer => Ended::Changed,
                Ok(false) => Ended::Digest(current.hasher.finalize().into()),
                Ok(true) => Ended::Changed,
                Err(_) => Ended::Unreadable,
            });
        }
        let count = CHUNK_BYTES.min(room as usize);
        let outgoing = link.wire.outgoing();
        let (header, body) = outgoing.space(HEADER_BYTES + count).split_at_mut(HEADER_BYTES);
        match current.source.read(body) {
            Ok(read) if read == count => {}
            Ok(_) => return Err(Ended::Changed),
            Err(_) => return Err(Ended::Unreadable),
        }
        current.hasher.update(body);
        current.position += count as u64;
        header.copy_from_slice(&self.machine.data(count as u32));
        outgoing.filled(HEADER_BYTES + count);
        Ok(count)
    }

    fn tally(&self, now: Instant) -> Tally {
        let names = self.machine.entries().iter().map(|entry| entry.path.clone());
        let files = names.zip(self.machine.outcomes()).zip(&self.digests);
        Tally {
            role: Role::Sender,
            peer: self.peer.clone(),
            files: files.map(|((name, outcome), digest)| (name, outcome, *digest)).collect(),
            bytes: self.machine.sent_bytes(),
            time: now - self.start,
        }
    }

    fn turn(&mut self, link: &mut Link<S>, turn: Turn) -> Result<Status, Failure> {
        link.wire.tick(turn.now);
        let status = self.work(link, turn)?;
        if status == Status::Waiting {
            link.check_time(turn.now, self.hashing.as_ref().map(|_| frame::Phase::Hashing))?;
        }
        Ok(status)
    }
}

impl<S: Stream> Session for Sending<S> {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        if let Some(mut link) = self.link.take() {
            match self.turn(&mut link, turn) {
                Ok(Status::Done) => {
                    self.progress.finish();
                    let error = self.tally(turn.now).conclude(&self.report).err();
                    self.ending = Some((link.wire.close(None), error));
                }
                Ok(status) => {
                    self.link = Some(link);
                    return Ok(status);
                }
                Err(Failure { error, tell }) => {
                    self.progress.finish();
                    self.ending = Some((link.wire.close(tell), Some(error)));
                }
            }
        }
        super::wire::say_last_word(&mut self.ending, turn)
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

/// A phase of the peer, as it is shown here.
pub(crate) fn shown(phase: frame::Phase) -> Phase {
    match phase {
        frame::Phase::Hashing => Phase::Hashing,
        frame::Phase::Verifying => Phase::Verifying,
        frame::Phase::Syncing => Phase::Syncing,
    }
}
