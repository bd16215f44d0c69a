//! Files in blocks, as the receiver puts them together.

use std::collections::{BTreeMap, HashMap, HashSet};

use sendall::proto::transfer::Digest;
use sendall::proto::transfer::blocks::block_length;
use sendall::proto::transfer::entry::Entry;
use sendall::proto::transfer::frame::Frame;

use super::{Receiving, path_of};
use crate::transfer::disk::Content;
use crate::transfer::wire::Run;

/// A file that comes in blocks.
#[derive(Default)]
pub(super) struct Assembly {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) content: Content,
    /// Blocks that have come or were there, with their values.
    pub(super) values: BTreeMap<u64, Digest>,
    /// Of these, what an earlier session has left.
    pub(super) before: HashSet<u64>,
    /// The number of the block that is written in a place.
    pub(super) coming: HashMap<u64, u64>,
    pub(super) end: Option<(Entry, Digest)>,
}

/// A body that comes over a connection.
#[derive(Default)]
pub(super) struct Inflow {
    pub(super) remaining: u64,
    /// Of a block: file, offset, how much has come, its number, and whether what came is what it should be.
    pub(super) block: Option<(u32, u64, u64, u64, Content)>,
    pub(super) waiting: Option<(u32, u64, u32)>,
    /// What comes is of a file in one piece.
    pub(super) is_plain: bool,
    /// Of such a file, where the next byte goes.
    pub(super) position: u64,
}

impl Receiving {
    /// A file in blocks is opened when it is first needed.
    pub(super) fn open(&mut self, file: u32, entry: &Entry) {
        let Some(content) = self.accepted.remove(&file) else { return };
        let (path, size) = (path_of(entry), entry.size.unwrap_or(0));
        let mut assembly = Assembly { path, size, content, ..Assembly::default() };
        let mut at = 0;
        while let Some(length) =
            block_length(at, size).filter(|length| at + length <= assembly.content.length())
        {
            assembly.before.insert(at);
            assembly.values.insert(at, assembly.content.digest(at, length));
            at += length;
        }
        self.assemblies.insert(file, assembly);
    }

    /// `DATA` of a block. False: its file is not known yet, and the connection waits.
    pub(super) fn begin_block(
        &mut self,
        number: usize,
        inflow: &mut Inflow,
        header: (u32, u64, u32),
    ) -> bool {
        let (file, offset, length) = header;
        let entry = self.machine.entry(file).cloned();
        if let Some(entry) = entry.filter(|_| self.machine.comes_in_blocks(file) == Some(true)) {
            self.open(file, &entry);
        }
        let is_known = self.assemblies.contains_key(&file) || self.ended.contains_key(&file);
        // The machine may be done with an accepted file whose last step was not taken yet.
        let will_be_known = self.machine.is_unknown(file) || self.accepted.contains_key(&file);
        if !is_known && will_be_known {
            assert!(number > 0, "a body of a file that was not offered");
            inflow.waiting = Some(header);
            return false;
        }
        let goes_on =
            inflow.block.as_ref().is_some_and(|(of, at, done, ..)| *of == file && at + done == offset);
        if !goes_on {
            self.begun += 1;
            inflow.block = Some((file, offset, 0, self.begun, Content::default()));
            if let Some(assembly) = self.assemblies.get_mut(&file) {
                // What an earlier session has left is written anew, what has come in this one is not.
                let is_before = assembly.before.remove(&offset);
                if is_before || !assembly.values.contains_key(&offset) {
                    assembly.values.remove(&offset);
                    assembly.coming.insert(offset, self.begun);
                }
            }
        }
        (inflow.remaining, inflow.is_plain) = (length.into(), false);
        true
    }

    pub(super) fn write(&mut self, inflow: &mut Inflow, run: Run) {
        match inflow.block.as_mut().filter(|_| !inflow.is_plain) {
            Some((file, offset, done, number, came)) => {
                came.write(*offset + *done, run);
                if let Some(assembly) = self.assemblies.get_mut(file)
                    && assembly.coming.get(offset) == Some(number)
                {
                    assembly.content.write(*offset + *done, run);
                }
                *done += run.length;
            }
            None => {
                if let Some((_, _, content)) = self.current.as_mut().filter(|_| !self.machine.discarding()) {
                    content.write(inflow.position, run);
                }
                inflow.position += run.length;
            }
        }
    }

    pub(super) fn end_block(&mut self, inflow: &mut Inflow, file: u32, offset: u64, value: Digest) -> Frame {
        let Some((_, _, done, number, came)) = inflow.block.take() else { panic!("BLOCK without its block") };
        let verified = |resend| Frame::BlockResult { file, offset, resend };
        let Some(assembly) = self.assemblies.get_mut(&file) else { return verified(false) };
        match assembly.coming.get(&offset) {
            None => return verified(!assembly.values.contains_key(&offset)),
            Some(writer) if *writer != number => return verified(true),
            Some(_) => {}
        }
        assembly.coming.remove(&offset);
        if came.digest(offset, done) != value {
            return verified(true);
        }
        assembly.values.insert(offset, value);
        verified(false)
    }

    /// Files whose last block has come go on to the disk.
    pub(super) fn complete(&mut self) {
        // What the values make together: those of an earlier session may still be replaced.
        let is_whole = |assembly: &Assembly| {
            let mut offsets = (0..assembly.size).step_by(4 << 20);
            let has_all = offsets.all(|at| assembly.values.contains_key(&at));
            let due = assembly.end.as_ref().map(|(_, digest)| *digest);
            has_all && due == Some(assembly.content.digest(0, assembly.size))
        };
        let whole = self.assemblies.iter().filter(|(_, assembly)| is_whole(assembly));
        for file in whole.map(|(file, _)| *file).collect::<Vec<u32>>() {
            if let Some(Assembly { content, end: Some((entry, _)), .. }) = self.assemblies.remove(&file) {
                self.let_go(&path_of(&entry));
                self.waiting.push((file, entry, content));
            }
        }
    }
}
