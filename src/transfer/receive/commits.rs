//! Commits of received files: their digests are compared, then a blocking task commits them in batches.

use std::time::Duration;

use super::body::{BodyTarget, IncomingBody};
use super::decision::Have;
use super::{Failure, Receiving};
use crate::error::Error;
use crate::net::reactor::{BlockingTask, IoHandle};
use crate::proto::transfer::Digest;
use crate::proto::transfer::blocks::has_blocks;
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::outcome::EntryOutcome;
use crate::proto::transfer::reason::Reason;
use crate::store::{Meta, Part, StagedEntry, StagingFolder, StoreError};
use crate::transfer::failure::{Role, reason_of};

/// Waiting entries that start a commit. With twice as many the session waits.
const BATCH_ENTRIES: usize = 8192;
const BATCH_BYTES: u64 = 64 << 20;
/// Waiting bytes of names and link targets that start a commit: the peer chooses their length.
const BATCH_NAME_BYTES: usize = 1 << 20;
/// Waiting parts that start a commit: each holds descriptors.
const BATCH_PARTS: usize = 8;
/// Time limits for the running commit of a failed session and for its last one. Together they are well below the time
/// limit of a stopping process, so that the session can remove its temporary files.
const COMMIT_LIMIT: Duration = Duration::from_millis(600);
const LAST_COMMIT_LIMIT: Duration = Duration::from_millis(150);

type Results = Vec<Result<(), StoreError>>;
/// Results of a commit, with file ids.
type Committed = Vec<(u32, Result<(), StoreError>)>;

/// Complete entries on their way to the disk.
pub(super) struct Commits {
    staging: StagingFolder,
    replace: bool,
    io: IoHandle,
    files: Vec<u32>,
    entries: Vec<StagedEntry>,
    bytes: u64,
    name_bytes: usize,
    parts: usize,
    running: Option<(Vec<u32>, BlockingTask<Results>)>,
    running_parts: usize,
}

impl Commits {
    pub(super) fn new(staging: StagingFolder, replace: bool, io: IoHandle) -> Commits {
        Commits {
            staging,
            replace,
            io,
            files: Vec::new(),
            entries: Vec::new(),
            bytes: 0,
            name_bytes: 0,
            parts: 0,
            running: None,
            running_parts: 0,
        }
    }

    pub(super) fn staging(&self) -> &StagingFolder {
        &self.staging
    }

    fn add(&mut self, file: u32, staged_entry: StagedEntry, bytes: u64) {
        self.parts += usize::from(matches!(staged_entry, StagedEntry::Part { .. }));
        self.bytes += bytes;
        self.name_bytes += match &staged_entry {
            StagedEntry::Part { .. } => 0,
            StagedEntry::Small { path, .. } | StagedEntry::Folder { path, .. } => path.len(),
            StagedEntry::Link { path, target, .. } => path.len() + target.len(),
        };
        self.files.push(file);
        self.entries.push(staged_entry);
    }

    /// Returns the number of open parts, waiting or in the running commit.
    pub(super) fn parts(&self) -> usize {
        self.parts + self.running_parts
    }

    /// Returns the number of waiting batches.
    fn batches(&self) -> u64 {
        let by_entries = (self.entries.len() / BATCH_ENTRIES).max(self.name_bytes / BATCH_NAME_BYTES);
        (self.bytes / BATCH_BYTES).max(by_entries.max(self.parts / BATCH_PARTS) as u64)
    }

    /// Returns whether nothing more should be received before the running commit has ended.
    pub(super) fn is_full(&self) -> bool {
        self.batches() >= 2
    }

    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Starts a commit if a batch is waiting or, with `at_once`, any entry.
    pub(super) fn start(&mut self, at_once: bool) -> Result<(), Error> {
        if self.running.is_none() && !self.entries.is_empty() && (at_once || self.batches() > 0) {
            let (staging, replace) = (self.staging.clone(), self.replace);
            let entries = std::mem::take(&mut self.entries);
            let task = self.io.spawn_blocking(move || staging.commit(entries, replace))?;
            self.running = Some((std::mem::take(&mut self.files), task));
            self.running_parts = self.parts;
            (self.bytes, self.name_bytes, self.parts) = (0, 0, 0);
        }
        Ok(())
    }

    /// Returns the results of a finished commit.
    fn poll_result(&mut self) -> Option<Result<Committed, Error>> {
        let (files, task) = self.running.as_mut()?;
        let results = task.take()?;
        let files = std::mem::take(files);
        self.running = None;
        self.running_parts = 0;
        Some(results.map(|results| files.into_iter().zip(results).collect()))
    }

    /// Commits the complete files before a failed or stopped session ends, if the disk is fast enough: the process may
    /// end right after it.
    pub(super) fn finish(&mut self) {
        for limit in [COMMIT_LIMIT, LAST_COMMIT_LIMIT] {
            if self.start(true).is_ok()
                && let Some((_, task)) = self.running.take()
            {
                task.wait(limit);
            }
        }
    }
}

impl Receiving {
    /// Compares the digest of a received file, and queues it for the next commit.
    pub(super) fn arrived(&mut self, file: u32, entry: Entry, digest: Digest) -> Result<(), Failure> {
        if let Some(Have::InPlace(have)) =
            self.decisions.accepted.get(&file).map(|accepted_file| &accepted_file.have)
            && *have == digest
        {
            self.decisions.accepted.remove(&file);
            self.digests.insert(file, digest);
            self.machine.committed(file, Ok(EntryOutcome::AlreadyThere));
            return Ok(());
        }
        if self.machine.allows_blocks() && has_blocks(entry.size) {
            return self.blocks_ended(file, entry, digest);
        }
        // An empty file has no body, and so was not opened yet.
        if let Err(fault) = self.open(file) {
            self.machine.committed(file, Err(reason_of(&fault, Role::Receiver)));
            return Ok(());
        }
        let Some(IncomingBody { path, hasher, target, .. }) =
            self.bodies.current.take_if(|current| current.file == file)
        else {
            self.machine.committed(file, Err((Reason::Failed, "its part is gone".into())));
            return Ok(());
        };
        if Digest::from(hasher.finalize()) != digest {
            self.machine.committed(file, Err((Reason::DigestMismatch, Reason::DigestMismatch.to_string())));
            return Ok(());
        }
        self.digests.insert(file, digest);
        let meta = meta_of(&entry);
        match target {
            BodyTarget::Stdout(_) => self.machine.committed(file, Ok(EntryOutcome::Done)),
            BodyTarget::Part { part, .. } => {
                // Input without a file has no modification time.
                let meta = if entry.size.is_some() { meta } else { part.meta_as_written().unwrap_or(meta) };
                self.commits.add(file, StagedEntry::Part { part, meta }, entry.size.unwrap_or(BATCH_BYTES));
            }
            BodyTarget::Small(staged) => match staged.finish(meta) {
                Ok(staged) => {
                    self.commits.add(
                        file,
                        StagedEntry::Small { path, file: staged },
                        entry.size.unwrap_or(0),
                    );
                }
                Err(fault) => self.machine.committed(file, Err(reason_of(&fault, Role::Receiver))),
            },
        }
        Ok(())
    }

    /// Queues a complete part with a matching digest for the next commit.
    pub(super) fn commit_part(&mut self, file: u32, entry: &Entry, digest: Digest, part: Part) {
        self.digests.insert(file, digest);
        let meta = meta_of(entry);
        self.commits.add(file, StagedEntry::Part { part, meta }, entry.size.unwrap_or(BATCH_BYTES));
    }

    /// Queues a folder or a link, after all entries before it.
    pub(super) fn place(&mut self, file: u32, entry: Entry) {
        let path = match self.decisions.naming.local_path(&entry) {
            Ok(path) => path,
            Err(refusal) => return self.machine.committed(file, Err(refusal)),
        };
        let meta = meta_of(&entry);
        let staged_entry = match entry.kind {
            EntryKind::Link(target) => StagedEntry::Link { path, target, meta },
            _ => StagedEntry::Folder { path, meta },
        };
        self.commits.add(file, staged_entry, 0);
    }

    pub(super) fn collect_commits(&mut self) -> Result<(), Failure> {
        let Some(results) = self.commits.poll_result() else { return Ok(()) };
        for (file, result) in results? {
            let result = result.map(|()| EntryOutcome::Done);
            self.machine.committed(file, result.map_err(|fault| reason_of(&fault, Role::Receiver)));
        }
        Ok(())
    }
}

fn meta_of(entry: &Entry) -> Meta {
    Meta { mode: entry.mode, mtime_seconds: entry.mtime_seconds, mtime_nanoseconds: entry.mtime_nanoseconds }
}
