//! Decisions on offered files: accepted or not, under which name, and which bytes are here already.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use super::parts::SpareParts;
use super::space::Space;
use super::{Naming, ReceiveFolder};
use crate::net::reactor::{BlockingTask, IoHandle};
use crate::net::stdio::Stdio;
use crate::proto::transfer::Digest;
use crate::proto::transfer::blocks::{BLOCK_BYTES, has_blocks};
use crate::proto::transfer::contention::Backoff;
use crate::proto::transfer::entry::Entry;
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::receiver::Receiver;
use crate::report::{Progress, ProgressPhase};
use crate::store::{Folder, Part, StoreError, StoreErrorKind, hash_blocks, hash_prefix};
use crate::transfer::connection::wire::Failure;
use crate::transfer::failure::{Role, reason_of};
use crate::transfer::server::sessions::Registration;

/// Maximum size of a file that waits in the staging folder, without a lock or a sync of its own. Existing files up to
/// this size are hashed in place.
pub(super) const SMALL_BYTES: u64 = 1 << 20;

/// An accepted file before its first byte.
pub(super) struct AcceptedFile {
    /// Path below the destination.
    pub(super) path: Vec<u8>,
    pub(super) have: Have,
    pub(super) is_small: bool,
    pub(super) mode: u16,
    /// A later session can continue from a part of it.
    pub(super) resumable: bool,
}

/// The bytes of an accepted file that are here already.
pub(super) enum Have {
    Nothing,
    /// An empty part.
    Part(Part),
    /// A part of an earlier session, and the hash of its bytes.
    Resumed {
        part: Part,
        length: u64,
        hasher: Box<blake3::Hasher>,
    },
    /// A part of an earlier session, with the chaining values of its blocks.
    ResumedBlocks {
        part: Part,
        values: Vec<Digest>,
    },
    /// A file of the same size and this digest is in place and may be replaced.
    InPlace(Digest),
    Stdout(Box<Stdio>),
}

impl AcceptedFile {
    /// Keeps a part for a later session.
    pub(super) fn keep(self) {
        if let Have::Resumed { part, .. } | Have::ResumedBlocks { part, .. } = self.have {
            part.keep();
        }
    }
}

/// Result of a blocking task that hashes.
pub(super) enum Hashed {
    InPlace(Result<Digest, StoreError>),
    Part(Result<(Part, u64, Box<blake3::Hasher>), StoreError>),
    Blocks(Result<(Part, Vec<Digest>), StoreError>),
}

/// The answer to an offered entry.
pub(super) enum Decided {
    Reply(HaveReply),
    /// Wanted, except for the first blocks: those with these chaining values.
    InBlocks(Vec<Digest>),
}

impl From<HaveReply> for Decided {
    fn from(reply: HaveReply) -> Decided {
        Decided::Reply(reply)
    }
}

/// Decisions on offered files, and the accepted files before their first byte.
pub(super) struct Decisions {
    pub(super) folder: Folder,
    pub(super) naming: Naming,
    pub(super) max_size: Option<u64>,
    replace: bool,
    pub(super) spare_parts: SpareParts,
    pub(super) io: IoHandle,
    pub(super) accepted: HashMap<u32, AcceptedFile>,
    pub(super) space: Space,
    hashing: Option<BlockingTask<Hashed>>,
    pub(super) backoff: Backoff,
    /// On a server: the entry by which other sessions reach this one.
    pub(super) registration: Option<Arc<Registration>>,
}

impl Decisions {
    pub(super) fn new(destination: ReceiveFolder, io: IoHandle) -> Decisions {
        let ReceiveFolder { folder, naming, replace, max_size, spare_parts, .. } = destination;
        Decisions {
            folder,
            naming,
            max_size,
            replace,
            spare_parts,
            io,
            accepted: HashMap::new(),
            space: Space::default(),
            hashing: None,
            backoff: Backoff::default(),
            registration: None,
        }
    }

    /// Returns whether existing bytes are being hashed.
    pub(super) fn is_hashing(&self) -> bool {
        self.hashing.is_some()
    }

    /// Keeps the parts of accepted files that no byte was received of for a later session.
    pub(super) fn keep(&mut self) {
        self.hashing = None;
        self.accepted.drain().for_each(|(_, accepted_file)| accepted_file.keep());
    }

    /// Decides on a file. Returns `None` while hashing, or waiting for another session.
    pub(super) fn decide(
        &mut self,
        file: u32,
        entry: &Entry,
        context: (&Receiver, &Progress),
        now: Instant,
    ) -> Result<Option<Decided>, Failure> {
        if self.backoff.is_early(now) {
            return Ok(None);
        }
        let decided = self.attempt(file, entry, context, now)?;
        if decided.is_some() || self.is_hashing() {
            // Whatever the answer is, the wait for this name is over.
            self.backoff.end(now);
        }
        Ok(decided)
    }

    fn attempt(
        &mut self,
        file: u32,
        entry: &Entry,
        (machine, progress): (&Receiver, &Progress),
        now: Instant,
    ) -> Result<Option<Decided>, Failure> {
        if let Some(task) = &mut self.hashing {
            let Some(result) = task.take() else { return Ok(None) };
            self.hashing = None;
            return Ok(Some(self.hashed(file, entry, result?)));
        }
        let path = match self.naming.local_path(entry) {
            Ok(path) => path,
            Err((reason, text)) => return Ok(Some(HaveReply::Refused(reason, text).into())),
        };
        if let Some(limit) = self.max_size
            && entry.size.is_some_and(|size| size > limit)
        {
            let text = format!("at most {limit} bytes are taken");
            return Ok(Some(HaveReply::Refused(Reason::TooLarge, text).into()));
        }
        if matches!(self.naming, Naming::Stdout) {
            let have = Have::Stdout(Box::new(Stdio::open(&self.io)?));
            self.accept(file, path, entry, have);
            return Ok(Some(HaveReply::WHOLE.into()));
        }
        // In a stream nothing existed at its start; a later file of that name is noticed at the commit.
        let existing = if machine.is_streaming() { Ok(None) } else { self.folder.existing(&path) };
        match existing {
            Err(fault) => Ok(Some(refused(&fault).into())),
            Ok(Some((content, size))) if Some(size) == entry.size => {
                // A complete file needs no part.
                self.folder.remove_part(&path);
                self.hash_existing(file, entry, progress, (content, size))
            }
            Ok(Some(_)) if !self.replace => {
                Ok(Some(HaveReply::Refused(Reason::Exists, Reason::Exists.to_string()).into()))
            }
            Ok(_) => self.want((file, path), entry, (machine, progress), now),
        }
    }

    fn hash_existing(
        &mut self,
        file: u32,
        entry: &Entry,
        progress: &Progress,
        (content, size): (File, u64),
    ) -> Result<Option<Decided>, Failure> {
        let work = move |continues: &mut dyn FnMut(u64) -> bool| {
            let hasher = hash_prefix(&content, size, continues);
            Hashed::InPlace(hasher.map(|hasher| hasher.finalize().into()))
        };
        if size <= SMALL_BYTES {
            return Ok(Some(self.hashed(file, entry, work(&mut |_| true))));
        }
        show_hashing(entry, progress);
        self.hashing = Some(self.io.spawn_long(move |long| work(&mut |_| long.goes_on()))?);
        Ok(None)
    }

    fn hashed(&mut self, file: u32, entry: &Entry, hashed: Hashed) -> Decided {
        let path = match self.naming.local_path(entry) {
            Ok(path) => path,
            Err((reason, text)) => return HaveReply::Refused(reason, text).into(),
        };
        let reply = match hashed {
            Hashed::InPlace(Err(fault)) | Hashed::Part(Err(fault)) | Hashed::Blocks(Err(fault)) => {
                refused(&fault)
            }
            Hashed::InPlace(Ok(digest)) => {
                let size = entry.size.unwrap_or(0);
                if !self.replace {
                    return HaveReply::Keep { size, digest }.into();
                }
                self.accept(file, path, entry, Have::InPlace(digest));
                if size == 0 { HaveReply::WHOLE } else { HaveReply::Want { offset: size, digest } }
            }
            Hashed::Part(Ok((part, length, hasher))) => {
                let digest = hasher.finalize().into();
                self.accept(file, path, entry, Have::Resumed { part, length, hasher });
                HaveReply::Want { offset: length, digest }
            }
            Hashed::Blocks(Ok((part, values))) => {
                self.accept(file, path, entry, Have::ResumedBlocks { part, values: values.clone() });
                return Decided::InBlocks(values);
            }
        };
        reply.into()
    }

    /// Starts to hash a part of an earlier session in a blocking task.
    fn hash_part(&mut self, mut part: Part, length: u64, in_blocks: bool) -> Result<(), Failure> {
        // The session may end before the blocking work does.
        part.keep_if_dropped(true);
        self.hashing = Some(self.io.spawn_long(move |long| {
            if in_blocks {
                // An incomplete block cannot be resumed.
                let values = hash_blocks(part.file(), length - length % BLOCK_BYTES, &mut |_| long.goes_on());
                return Hashed::Blocks(values.map(|values| (part, values)));
            }
            let hasher = hash_prefix(part.file(), length, &mut |_| long.goes_on());
            Hashed::Part(hasher.map(|hasher| (part, length, Box::new(hasher))))
        })?);
        Ok(())
    }

    /// Accepts the file from the bytes that are not here.
    fn want(
        &mut self,
        (file, path): (u32, Vec<u8>),
        entry: &Entry,
        (machine, progress): (&Receiver, &Progress),
        now: Instant,
    ) -> Result<Option<Decided>, Failure> {
        let size = entry.size.unwrap_or(0);
        let is_small = entry.size.is_some_and(|size| size <= SMALL_BYTES);
        let takes_part = !is_small && !machine.is_streaming();
        if takes_part {
            let is_resumed = |accepted_file: &&AcceptedFile| {
                matches!(accepted_file.have, Have::Resumed { .. } | Have::ResumedBlocks { .. })
            };
            let resumed = self.accepted.values().filter(is_resumed).count();
            let may_resume = resumed < self.spare_parts.resumed();
            match Part::resume(&self.folder, &path) {
                Ok(Some((part, length)))
                    if may_resume && length > 0 && entry.size.is_some_and(|size| length <= size) =>
                {
                    if !self.has_room(file, &path, size.saturating_sub(part.allocated_bytes())) {
                        // It waits for a session that finds more room.
                        part.keep();
                        return Ok(Some(no_space()));
                    }
                    show_hashing(entry, progress);
                    self.hash_part(part, length, machine.allows_blocks() && has_blocks(entry.size))?;
                    return Ok(None);
                }
                Ok(_) => {}
                Err(fault) => return Ok(self.busy_or_refused(&fault, &path, entry, now)),
            }
        }
        if !self.has_room(file, &path, size) {
            return Ok(Some(no_space()));
        }
        let mut have = Have::Nothing;
        let early =
            self.accepted.values().filter(|accepted_file| matches!(accepted_file.have, Have::Part(_)));
        if takes_part && early.count() < self.spare_parts.early() {
            match Part::create(&self.folder, &path) {
                Ok(part) => have = Have::Part(part),
                Err(fault) => {
                    self.space.ended(file);
                    return Ok(self.busy_or_refused(&fault, &path, entry, now));
                }
            }
        }
        self.accept(file, path, entry, have);
        Ok(Some(HaveReply::WHOLE.into()))
    }

    fn has_room(&mut self, file: u32, path: &[u8], bytes: u64) -> bool {
        let folder = &self.folder;
        self.space.reserve(file, bytes, || folder.free_bytes(path))
    }

    /// Returns the answer if a part cannot be opened; `None` if another try may succeed a little later.
    fn busy_or_refused(
        &mut self,
        fault: &StoreError,
        path: &[u8],
        entry: &Entry,
        now: Instant,
    ) -> Option<Decided> {
        if fault.kind != StoreErrorKind::Busy {
            return Some(refused(fault).into());
        }
        if self.waits_for(path, entry, now) {
            return None;
        }
        let (reason, mut text) = reason_of(fault, Role::Receiver);
        let waited = self.backoff.end(now).as_secs();
        if waited > 0 {
            text += &format!(", which has not ended within {waited}s");
        }
        Some(HaveReply::Refused(reason, text).into())
    }

    fn accept(&mut self, file: u32, path: Vec<u8>, entry: &Entry, have: Have) {
        let accepted_file = AcceptedFile {
            path,
            have,
            is_small: entry.size.is_some_and(|size| size <= SMALL_BYTES),
            mode: entry.mode,
            resumable: entry.size.is_some(),
        };
        self.accepted.insert(file, accepted_file);
    }
}

fn show_hashing(entry: &Entry, progress: &Progress) {
    progress.file(&entry.path, entry.size, 0);
    progress.phase(ProgressPhase::Hashing);
}

fn no_space() -> Decided {
    HaveReply::Refused(Reason::NoSpace, Reason::NoSpace.to_string()).into()
}

fn refused(fault: &StoreError) -> HaveReply {
    let (reason, text) = reason_of(fault, Role::Receiver);
    HaveReply::Refused(reason, text)
}
