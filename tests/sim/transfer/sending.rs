//! The sender's side: its machine, its blocks, and a source that may fail.

use std::collections::{BTreeMap, HashMap};

use sendall::proto::transfer::blocks::{BlockScheduler, BlockTask, block_count};
use sendall::proto::transfer::entry::{Entry, EntryKind};
use sendall::proto::transfer::frame::{Frame, ParsedFrame, data_header};
use sendall::proto::transfer::hello::Capabilities;
use sendall::proto::transfer::outcome::FinishedEntry;
use sendall::proto::transfer::sender::{Ended, SendStep, Sender};
use sendall::proto::transfer::violation::Violation;

use super::wire::{Connection, Run};
use crate::world::Random;

/// What a `DATA` frame holds at most here.
const CHUNK_BYTES: u64 = 1 << 20;

/// Something that is sent.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) is_folder: bool,
    pub(crate) size: u64,
    pub(crate) content: u64,
    /// How it ends, if not well.
    pub(crate) fault: Option<Ended>,
}

impl Source {
    pub(crate) fn run(&self, offset: u64, length: u64) -> Run {
        Run { content: self.content, offset, length }
    }

    pub(crate) fn whole(&self) -> Run {
        self.run(0, self.size)
    }

    pub(crate) fn entry(&self) -> Entry {
        Entry {
            kind: if self.is_folder { EntryKind::Folder } else { EntryKind::File },
            mode: 0o644,
            size: Some(self.size),
            mtime_seconds: 0,
            mtime_nanoseconds: 0,
            path: self.path.clone().into_bytes(),
            not_offered: None,
        }
    }
}

pub(crate) struct Sending {
    sources: Vec<Source>,
    pub(crate) machine: Sender,
    scheduler: BlockScheduler,
    /// Files in blocks, and whether their `END` was sent.
    files: HashMap<u32, bool>,
    /// What each connection sends, how much of it was, and whether it is only compared.
    blocks: HashMap<usize, (BlockTask, u64, bool)>,
    offered: usize,
    pub(crate) closed: BTreeMap<u32, FinishedEntry>,
    pub(crate) sent_bytes: u64,
    pub(crate) resumed_bytes: u64,
    pub(crate) has_finished: bool,
}

impl Sending {
    pub(crate) fn new(sources: &[Source], streaming: bool) -> Sending {
        let mut machine = Sender::new();
        machine.agree(Capabilities::ALL);
        machine.begin(streaming);
        Sending {
            sources: sources.to_vec(),
            machine,
            scheduler: BlockScheduler::default(),
            files: HashMap::new(),
            blocks: HashMap::new(),
            offered: 0,
            closed: BTreeMap::new(),
            sent_bytes: 0,
            resumed_bytes: 0,
            has_finished: false,
        }
    }

    /// A step on a connection. False: there is nothing to do.
    pub(crate) fn advance(
        &mut self,
        number: usize,
        connection: &mut Connection,
        random: &mut Random,
    ) -> Result<bool, Violation> {
        if let Some(parsed) = connection.back.frame() {
            match parsed {
                ParsedFrame::Frame { frame: Frame::BlockResult { file, offset, resend }, .. } => {
                    let left = connection.there.left;
                    let verified = self.scheduler.verified((number, left), file, offset, resend);
                    self.close_finished();
                    verified?;
                }
                ParsedFrame::Frame { frame, .. } if number == 0 => self.machine.receive(frame)?,
                parsed => panic!("{parsed:?} on a further connection"),
            }
            self.note_closed();
            return Ok(true);
        }
        if !connection.there.has_room() {
            return Ok(false);
        }
        let moved = if number == 0 { self.step(connection, random) } else { self.block(number, connection) };
        self.note_closed();
        Ok(moved)
    }

    fn step(&mut self, connection: &mut Connection, random: &mut Random) -> bool {
        self.machine.hold(!self.scheduler.is_idle());
        match self.machine.next_step() {
            SendStep::Write(bytes) => connection.there.push(bytes),
            SendStep::Offer => {
                match self.sources.get(self.offered) {
                    Some(source) => self.machine.offer(source.entry()),
                    None => self.machine.all_offered(),
                }
                self.offered += 1;
            }
            SendStep::HashPrefix { file, length } => {
                let source = &self.sources[file as usize];
                match source.fault {
                    Some(fault) => self.machine.end(fault),
                    None => self.machine.prefix_hashed(source.run(0, length).digest()),
                }
            }
            SendStep::Body { file, offset, max_length } => {
                let source = &self.sources[file as usize];
                match source.fault {
                    Some(fault) if max_length == 0 || random.chance(20) => self.machine.end(fault),
                    _ if max_length == 0 => self.machine.end(Ended::Digest(source.whole().digest())),
                    _ => {
                        let length = 1 + random.below((max_length as usize).min(CHUNK_BYTES as usize)) as u32;
                        let Some(header) = self.machine.data(length) else { panic!("{length} bytes") };
                        connection.there.push(header.to_vec());
                        connection.there.push_body(source.run(offset, length.into()));
                    }
                }
            }
            SendStep::Blocks { file } => return self.blocks(file, connection, random),
            SendStep::Await => return self.block(0, connection),
            SendStep::PeerError { text, .. } => panic!("{text}"),
            SendStep::Finished => return !std::mem::replace(&mut self.has_finished, true),
        }
        true
    }

    fn blocks(&mut self, file: u32, connection: &mut Connection, random: &mut Random) -> bool {
        let source = self.sources[file as usize].clone();
        if !self.files.contains_key(&file) {
            let theirs = self.machine.theirs(file);
            self.files.insert(file, false);
            self.scheduler.open(file, source.size, theirs);
            return true;
        }
        if let Some(fault) = source.fault.filter(|_| random.chance(5)) {
            self.give_up(file);
            self.machine.end(fault);
            return true;
        }
        if self.block(0, connection) {
            return true;
        }
        let Some(values) = self.scheduler.values(file) else { return false };
        assert_eq!(values.len() as u64, block_count(source.size));
        if let Some(fault) = source.fault {
            self.give_up(file);
            self.machine.end(fault);
            return true;
        }
        self.files.insert(file, true);
        self.machine.end(Ended::Digest(source.whole().digest()));
        self.close_finished();
        true
    }

    /// Goes on with a block on a connection. False: there is none.
    fn block(&mut self, number: usize, connection: &mut Connection) -> bool {
        if self.blocks.get(&number).is_some_and(|(task, ..)| !self.files.contains_key(&task.file)) {
            self.blocks.remove(&number);
        }
        if !self.blocks.contains_key(&number) {
            let Some(task) = self.scheduler.next_block(number) else { return false };
            self.blocks.insert(number, (task, 0, task.theirs.is_some()));
        }
        let Some((task, done, compares)) = self.blocks.get_mut(&number) else { return false };
        let BlockTask { file, offset, length, theirs } = *task;
        let source = &self.sources[file as usize];
        let value = source.run(offset, length).digest();
        if *compares {
            if theirs != Some(value) {
                *compares = false;
                return true;
            }
            self.blocks.remove(&number);
            self.scheduler.hashed(file, offset, value);
            self.scheduler.same(file, offset);
            self.resumed_bytes += length;
            self.close_finished();
            return true;
        }
        let count = CHUNK_BYTES.min(length - *done);
        connection.there.push(data_header(file, offset + *done, count as u32).to_vec());
        connection.there.push_body(source.run(offset + *done, count));
        self.sent_bytes += count;
        *done += count;
        if *done == length {
            self.blocks.remove(&number);
            self.scheduler.hashed(file, offset, value);
            connection.there.say(&Frame::Block { file, offset, values: vec![value] });
            self.scheduler.queued(file, offset, connection.there.queued);
        }
        true
    }

    fn give_up(&mut self, file: u32) {
        self.scheduler.give_up(file);
        self.files.remove(&file);
    }

    /// A connection is gone.
    pub(crate) fn lost(&mut self, number: usize) {
        self.blocks.remove(&number);
        self.scheduler.lost(number);
    }

    fn close_finished(&mut self) {
        let files = &self.files;
        let finished = self.scheduler.finished(|file| files.get(&file).copied().unwrap_or(false));
        for file in finished {
            self.files.remove(&file);
        }
    }

    fn note_closed(&mut self) {
        while let Some(closed) = self.machine.closed() {
            if self.files.get(&closed.file) == Some(&false) {
                self.give_up(closed.file);
            }
            let (file, revokes) = (closed.file, closed.revokes);
            let before = self.closed.insert(file, closed);
            assert_eq!(before.is_some(), revokes, "file {file} is closed twice");
        }
    }
}
