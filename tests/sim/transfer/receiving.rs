//! The receiver's side: its machine, the blocks that come by any connection, and the way to the disk.

mod blocks;
mod shared;

use std::collections::{BTreeMap, HashMap, HashSet};

use sendall::proto::transfer::Digest;
use sendall::proto::transfer::blocks::{block_length, has_blocks};
use sendall::proto::transfer::entry::Entry;
use sendall::proto::transfer::frame::{Frame, ParsedFrame};
use sendall::proto::transfer::have::HaveReply;
use sendall::proto::transfer::hello::Capabilities;
use sendall::proto::transfer::outcome::{EntryOutcome, FinishedEntry};
use sendall::proto::transfer::reason::Reason;
use sendall::proto::transfer::receiver::{ReceiveStep, Receiver};
use sendall::proto::transfer::violation::Violation;

use self::blocks::{Assembly, Inflow};
pub(crate) use self::shared::{Refusal, Shared};
use super::disk::{Content, Disk, Node};
use super::wire::Connection;

/// How far a batch of whole files is on its way to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Content,
    Names,
    Folder,
}

pub(crate) struct Receiving {
    pub(crate) machine: Receiver,
    accepted: HashMap<u32, Content>,
    /// The file that comes in one piece.
    current: Option<(u32, String, Content)>,
    assemblies: HashMap<u32, Assembly>,
    ended: HashMap<u32, u64>,
    inflows: HashMap<usize, Inflow>,
    begun: u64,
    waiting: Vec<(u32, Entry, Content)>,
    running: Vec<(u32, Entry, Content)>,
    stage: Stage,
    pub(crate) closed: BTreeMap<u32, FinishedEntry>,
    /// Of blocks that were there so many bytes were said to be.
    pub(crate) told: Vec<(u32, u64, Digest)>,
    pub(crate) has_finished: bool,
    /// Paths that cannot be brought to the disk.
    pub(crate) full: HashSet<String>,
    /// On a server with several sessions.
    pub(crate) shared: Option<Box<Shared>>,
    /// What the running commit has given a name.
    named: HashSet<u32>,
}

fn path_of(entry: &Entry) -> String {
    String::from_utf8_lossy(&entry.path).into_owned()
}

impl Receiving {
    pub(crate) fn new(streaming: bool, full: HashSet<String>) -> Receiving {
        let mut machine = Receiver::new(1000, None);
        machine.agree(Capabilities::ALL);
        if streaming {
            machine.expect_stream();
        }
        Receiving {
            machine,
            accepted: HashMap::new(),
            current: None,
            assemblies: HashMap::new(),
            ended: HashMap::new(),
            inflows: HashMap::new(),
            begun: 0,
            waiting: Vec::new(),
            running: Vec::new(),
            stage: Stage::Content,
            closed: BTreeMap::new(),
            told: Vec::new(),
            has_finished: false,
            full,
            shared: None,
            named: HashSet::new(),
        }
    }

    /// A step on a connection. False: there is nothing to do.
    pub(crate) fn advance(
        &mut self,
        number: usize,
        connection: &mut Connection,
        disk: &mut Disk,
    ) -> Result<bool, Violation> {
        let moved = if number == 0 && !self.is_in_body(0) { self.step(connection, disk) } else { None };
        self.note_closed();
        match moved {
            Some(moved) => Ok(moved),
            None => self.hear(number, connection, disk),
        }
    }

    fn is_in_body(&self, number: usize) -> bool {
        self.inflows.get(&number).is_some_and(|inflow| inflow.remaining > 0)
    }

    /// None: the machine waits for what comes.
    fn step(&mut self, connection: &mut Connection, disk: &mut Disk) -> Option<bool> {
        match self.machine.next_step() {
            ReceiveStep::Write(bytes) => connection.back.push(bytes),
            ReceiveStep::Decide { file } => return Some(self.decide(file, disk)),
            ReceiveStep::Commit { file, entry, digest } => self.arrived(file, entry, digest, disk),
            ReceiveStep::Place { file, entry } => self.waiting.push((file, entry, Content::default())),
            ReceiveStep::Abandon { file, .. } => {
                self.accepted.remove(&file);
                if let Some((_, path, content)) = self.current.take_if(|current| current.0 == file) {
                    self.keep_part(path, content, disk);
                }
                self.free(file, disk);
                if let Some(assembly) = self.assemblies.remove(&file) {
                    self.ended.insert(file, assembly.size);
                }
            }
            ReceiveStep::Await => {
                // Every block was answered: what is not whole by now never will be.
                let idle =
                    self.machine.all_files_ended() && self.waiting.is_empty() && self.running.is_empty();
                let left: Vec<u32> = self.assemblies.keys().copied().filter(|_| idle).collect();
                for file in &left {
                    self.assemblies.remove(file);
                    self.free(*file, disk);
                    self.machine.committed(*file, Err((Reason::DigestMismatch, String::new())));
                }
                return if left.is_empty() { None } else { Some(true) };
            }
            ReceiveStep::PeerError { text, .. } => panic!("{text}"),
            ReceiveStep::Finished => return Some(!std::mem::replace(&mut self.has_finished, true)),
        }
        Some(true)
    }

    /// False: it waits, for another session or for the disk.
    fn decide(&mut self, file: u32, disk: &mut Disk) -> bool {
        let Some(entry) = self.machine.entry(file) else { panic!("a file that nobody knows") };
        let (path, size) = (path_of(entry), entry.size.unwrap_or(0));
        if self.machine.is_streaming() {
            self.accepted.insert(file, Content::default());
            self.machine.decided(file, HaveReply::WHOLE);
            return true;
        }
        if self.shared.as_ref().is_some_and(|shared| shared.is_early(&path)) {
            return false;
        }
        if let Some(node) = disk.names.get(&path).filter(|_| !self.is_hashing()) {
            let verdict = if node.size == size {
                HaveReply::Keep { size, digest: node.content.digest(0, size) }
            } else {
                HaveReply::Refused(Reason::Exists, String::new())
            };
            self.end_wait();
            self.machine.decided(file, verdict);
            return true;
        }
        if let Some(waits) = self.try_part(file, disk) {
            return !waits;
        }
        let part = disk.parts.remove(&path).unwrap_or_default();
        let length = part.length().min(size);
        if has_blocks(Some(size)) {
            let offsets = (0..size).step_by(4 << 20);
            let lengths = offsets.map(|offset| (offset, block_length(offset, size).unwrap_or(0)));
            let whole: Vec<_> = lengths.take_while(|(offset, count)| offset + count <= length).collect();
            let values: Vec<Digest> =
                whole.iter().map(|(offset, count)| part.digest(*offset, *count)).collect();
            let told = whole.iter().zip(&values).map(|((_, count), value)| (file, *count, *value));
            self.told.extend(told);
            self.accepted.insert(file, part);
            self.machine.decided_in_blocks(file, &values);
            return true;
        }
        let digest = part.digest(0, length);
        self.accepted.insert(file, part);
        let verdict = if length > 0 { HaveReply::Want { offset: length, digest } } else { HaveReply::WHOLE };
        self.machine.decided(file, verdict);
        true
    }

    fn arrived(&mut self, file: u32, entry: Entry, digest: Digest, disk: &mut Disk) {
        let size = entry.size.unwrap_or(0);
        if has_blocks(Some(size)) {
            self.open(file, &entry);
            self.ended.insert(file, size);
            match self.assemblies.get_mut(&file) {
                Some(assembly) => assembly.end = Some((entry, digest)),
                None => self.machine.committed(file, Err((Reason::Failed, String::new()))),
            }
            return self.complete();
        }
        let current = self.current.take_if(|current| current.0 == file).map(|(.., content)| content);
        let content = current.or_else(|| self.accepted.remove(&file)).unwrap_or_default();
        let is_whole = size == 0 || content.run(0, size).is_some_and(|run| run.digest() == digest);
        if is_whole {
            self.let_go(&path_of(&entry));
            self.waiting.push((file, entry, content));
        } else {
            disk.parts.remove(&path_of(&entry));
            self.free(file, disk);
            self.machine.committed(file, Err((Reason::DigestMismatch, String::new())));
        }
    }

    fn hear(
        &mut self,
        number: usize,
        connection: &mut Connection,
        disk: &mut Disk,
    ) -> Result<bool, Violation> {
        let mut inflow = self.inflows.remove(&number).unwrap_or_default();
        let result = self.hear_on(number, connection, &mut inflow, disk);
        self.inflows.insert(number, inflow);
        result
    }

    fn hear_on(
        &mut self,
        number: usize,
        connection: &mut Connection,
        inflow: &mut Inflow,
        disk: &mut Disk,
    ) -> Result<bool, Violation> {
        if inflow.remaining > 0 {
            let Some(run) = connection.there.body(inflow.remaining) else { return Ok(false) };
            inflow.remaining -= run.length;
            self.write(inflow, run);
            return Ok(true);
        }
        let parsed = match inflow.waiting.take() {
            Some((file, offset, length)) => Some(ParsedFrame::Data { file, offset, length, used: 0 }),
            None => connection.there.frame(),
        };
        match parsed {
            Some(ParsedFrame::Frame { frame: Frame::Block { file, offset, values }, .. }) => {
                let answer = self.end_block(inflow, file, offset, values[0]);
                connection.back.say(&answer);
                self.complete();
            }
            Some(ParsedFrame::Frame { frame, .. }) if number == 0 => {
                self.machine.receive(frame)?;
                self.note_closed();
            }
            Some(ParsedFrame::Data { file, offset, length, .. }) => {
                let in_blocks = self.machine.comes_in_blocks(file) == Some(true);
                let is_open = self.assemblies.contains_key(&file) || self.ended.contains_key(&file);
                if in_blocks || is_open || number > 0 {
                    return Ok(self.begin_block(number, inflow, (file, offset, length)));
                }
                if self.machine.data(file, offset, length)? {
                    self.accepted.insert(file, Content::default());
                }
                // A block that has begun may go on behind it.
                inflow.is_plain = true;
                (inflow.remaining, inflow.position) = (length.into(), offset);
                self.begin_body(file, disk);
            }
            Some(parsed) => panic!("{parsed:?} on connection {number}"),
            None => return Ok(false),
        }
        Ok(true)
    }

    fn begin_body(&mut self, file: u32, disk: &mut Disk) {
        if self.current.as_ref().is_none_or(|(current, ..)| *current != file) {
            let path = self.machine.entry(file).map(path_of).unwrap_or_default();
            disk.parts.remove(&path);
            let content = self.accepted.remove(&file).unwrap_or_default();
            self.current = Some((file, path, content));
        }
    }

    /// Something is on its way to the disk.
    pub(crate) fn has_commits(&self) -> bool {
        !(self.waiting.is_empty() && self.running.is_empty())
    }

    /// The disk has done something. False: it has nothing to do.
    pub(crate) fn commit(&mut self, disk: &mut Disk) -> bool {
        if self.running.is_empty() {
            self.running = std::mem::take(&mut self.waiting);
            self.stage = Stage::Content;
            return !self.running.is_empty();
        }
        match self.stage {
            Stage::Content => self.stage = Stage::Names,
            Stage::Names => {
                for (file, entry, content) in &self.running {
                    let is_folder = !matches!(entry.kind, sendall::proto::transfer::entry::EntryKind::File);
                    let (path, size) = (path_of(entry), entry.size.unwrap_or(0));
                    // A name is not replaced: another session may have come first.
                    let is_free = self.shared.is_none() || !disk.names.contains_key(&path);
                    if is_free && !self.full.contains(&path) {
                        disk.names.entry(path).or_insert(Node { content: content.clone(), size, is_folder });
                        self.named.insert(*file);
                    }
                }
                self.stage = Stage::Folder;
            }
            Stage::Folder => {
                for (file, entry, _) in std::mem::take(&mut self.running) {
                    let path = path_of(&entry);
                    let reason =
                        if disk.names.contains_key(&path) { Reason::Exists } else { Reason::NoSpace };
                    let node = disk.names.get(&path).filter(|_| self.named.contains(&file));
                    let outcome = match node {
                        Some(node) => {
                            disk.durable.insert(path, node.clone());
                            Ok(EntryOutcome::Done)
                        }
                        None => Err((reason, String::new())),
                    };
                    self.free(file, disk);
                    self.machine.committed(file, outcome);
                }
            }
        }
        self.note_closed();
        true
    }

    /// The session is over before its end: parts are left, and what is whole gets its name if there is time.
    pub(crate) fn leave(mut self, disk: &mut Disk, in_order: bool) {
        while in_order && self.commit(disk) {}
        for assembly in std::mem::take(&mut self.assemblies).into_values() {
            let mut kept = Content::default();
            for (at, _) in assembly.values {
                let run = block_length(at, assembly.size).and_then(|length| assembly.content.run(at, length));
                run.into_iter().for_each(|run| kept.write(at, run));
            }
            self.keep_part(assembly.path, kept, disk);
        }
        if let Some((_, path, content)) = self.current.take() {
            self.keep_part(path, content, disk);
        }
        self.free_all(disk);
    }

    fn note_closed(&mut self) {
        while let Some(closed) = self.machine.closed() {
            assert!(!closed.revokes);
            assert!(self.closed.insert(closed.file, closed).is_none(), "closed twice");
        }
    }
}
