//! The file that is being received on the first connection: hashed and written in place.

use std::io;

use super::decision::{AcceptedFile, Have, SMALL_BYTES};
use super::{Receiving, cut};
use crate::error::Error;
use crate::error::cannot_write;
use crate::net::send::send;
use crate::net::stdio::Stdio;
use crate::net::stream::Stream;
use crate::proto::transfer::reason::Reason;
use crate::report::{ProgressPhase, escape_name};
use crate::store::{Folder, Part, StagedFile, StagingFolder, StoreError, StoreErrorKind};
use crate::transfer::connection::link::Link;
use crate::transfer::connection::wire::{CHUNK_BYTES, Failure, Filled};
use crate::transfer::failure::{Role, local_failure, reason_of};

/// A session ends at once if a file cannot be written and more than this many bytes of it are outstanding.
const MAX_DISCARDED_BYTES: u64 = 16 << 20;

/// A DATA frame.
pub(super) struct Body {
    file: u32,
    length: usize,
    remaining: usize,
}

impl Body {
    /// Returns the bytes of the frame that were not consumed yet.
    pub(super) fn remaining(&self) -> usize {
        self.remaining
    }

    /// Returns the received bytes of the frame, `buffered` bytes in the buffer included.
    pub(super) fn received_bytes_with(&self, buffered: usize) -> u64 {
        (self.length - self.remaining + buffered.min(self.remaining)) as u64
    }
}

/// A file whose bytes are being received.
pub(super) struct IncomingBody {
    pub(super) file: u32,
    pub(super) path: Vec<u8>,
    pub(super) hasher: blake3::Hasher,
    pub(super) target: BodyTarget,
    written_bytes: u64,
}

/// The destination of a file's bytes.
pub(super) enum BodyTarget {
    /// For files that are too large for the staging folder, or of unknown size.
    Part {
        part: Part,
        resumable: bool,
    },
    Small(StagedFile),
    Stdout(Box<Stdio>),
}

/// Files that arrive one after the other on the first connection.
#[derive(Default)]
pub(super) struct Bodies {
    /// The DATA frame that is being received.
    pub(super) frame: Option<Body>,
    /// The file of the frame, unless its bytes are discarded.
    pub(super) current: Option<IncomingBody>,
    pub(super) stored_bytes: u64,
    /// Stdout accepts nothing at the moment.
    pub(super) awaits_output: bool,
}

impl Bodies {
    /// Returns whether bytes of this file are being received.
    fn is_current(&self, file: u32) -> bool {
        self.current.as_ref().is_some_and(|current| current.file == file)
    }
}

impl IncomingBody {
    /// Leaves the received bytes for a later session, if one can use them.
    pub(super) fn keep(self) {
        if let BodyTarget::Part { part, resumable: true } = self.target
            && self.written_bytes >= SMALL_BYTES
        {
            part.keep();
        }
    }
}

impl AcceptedFile {
    /// Opens the destination of the file's bytes.
    fn open(self, file: u32, staging: &StagingFolder, folder: &Folder) -> Result<IncomingBody, StoreError> {
        let AcceptedFile { path, have, is_small, mode, resumable } = self;
        let (target, hasher, written_bytes) = match have {
            Have::Resumed { mut part, length, hasher } => {
                part.keep_if_dropped(false);
                (BodyTarget::Part { part, resumable }, *hasher, length)
            }
            Have::Part(part) => (BodyTarget::Part { part, resumable }, blake3::Hasher::new(), 0),
            Have::Stdout(stdout) => (BodyTarget::Stdout(stdout), blake3::Hasher::new(), 0),
            Have::Nothing | Have::InPlace(_) | Have::ResumedBlocks { .. } if is_small => {
                (BodyTarget::Small(staging.create(mode)?), blake3::Hasher::new(), 0)
            }
            Have::Nothing | Have::InPlace(_) | Have::ResumedBlocks { .. } => {
                let part = Part::create(folder, &path)?;
                (BodyTarget::Part { part, resumable }, blake3::Hasher::new(), 0)
            }
        };
        Ok(IncomingBody { file, path, hasher, target, written_bytes })
    }
}

impl Receiving {
    pub(super) fn begin_body(
        &mut self,
        file: u32,
        offset: u64,
        length: u32,
        restart: bool,
    ) -> Result<(), Failure> {
        self.bodies.frame = Some(Body { file, length: length as usize, remaining: length as usize });
        if self.machine.discarding() {
            return Ok(());
        }
        if !self.bodies.is_current(file) {
            if let Some(entry) = self.machine.entry(file) {
                self.progress.file(&entry.path, entry.size, offset);
            }
            self.progress.phase(ProgressPhase::Receiving);
            self.stats.resumed(offset);
        }
        let limit = self.decisions.max_size;
        if limit.is_some_and(|limit| offset.saturating_add(length.into()) > limit) {
            let text = format!("at most {} bytes are taken", limit.unwrap_or_default());
            self.forget(file);
            self.machine.give_up(file, Reason::TooLarge, text);
            return Ok(());
        }
        let opened = self.open(file).and_then(|()| if restart { self.restart() } else { Ok(()) });
        opened.or_else(|fault| self.give_up(file, &fault))
    }

    /// Makes a file the current one, ready to be written.
    pub(super) fn open(&mut self, file: u32) -> Result<(), StoreError> {
        if !self.bodies.is_current(file)
            && let Some(accepted_file) = self.decisions.accepted.remove(&file)
        {
            let opened = accepted_file.open(file, self.commits.staging(), &self.decisions.folder)?;
            self.bodies.current = Some(opened);
        }
        Ok(())
    }

    /// Drops the bytes that were here: the sender begins at 0, so they belong to another file.
    fn restart(&mut self) -> Result<(), StoreError> {
        if let Some(IncomingBody { target: BodyTarget::Part { part, .. }, hasher, written_bytes, .. }) =
            &mut self.bodies.current
        {
            part.set_len(0)?;
            hasher.reset();
            *written_bytes = 0;
        }
        Ok(())
    }

    /// Receives a chunk of a body and returns its size; `None` if nothing is buffered.
    pub(super) fn receive_body<S: Stream>(&mut self, link: &mut Link<S>) -> Result<Option<usize>, Failure> {
        let Some(Body { file, remaining, .. }) = self.bodies.frame else { return Ok(None) };
        let to_stdout =
            matches!(&self.bodies.current, Some(IncomingBody { target: BodyTarget::Stdout(_), .. }));
        let wanted = if to_stdout { 1 } else { remaining.min(CHUNK_BYTES) };
        match link.wire.fill(wanted)? {
            Filled::Enough => {}
            Filled::Blocked => return Ok(None),
            Filled::Ended => return Err(cut()),
        }
        let mut count = remaining.min(CHUNK_BYTES).min(link.wire.incoming().len());
        if !self.machine.discarding() {
            count = self.store(file, &link.wire.incoming()[..count])?;
            if count == 0 {
                self.bodies.awaits_output = true;
                return Ok(None);
            }
        }
        link.wire.consume(count);
        if remaining == count {
            self.bodies.frame = None;
        } else if let Some(body) = &mut self.bodies.frame {
            body.remaining -= count;
        }
        Ok(Some(count))
    }

    /// Hashes and writes a chunk while it is in the cache. Returns how many bytes were taken: all, except by stdout.
    fn store(&mut self, file: u32, bytes: &[u8]) -> Result<usize, Failure> {
        let Some(arriving) = self.bodies.current.as_mut().filter(|arriving| arriving.file == file) else {
            return Ok(bytes.len());
        };
        let written = match &mut arriving.target {
            BodyTarget::Part { part, .. } => part.write_all(bytes).map(|()| bytes.len()),
            BodyTarget::Small(staged) => staged.write_all(bytes).map(|()| bytes.len()),
            BodyTarget::Stdout(stdout) => match send(&mut **stdout, bytes) {
                Ok(count) => Ok(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                Err(error) => return Err(stdout_failed(&error)),
            },
        };
        match written {
            Ok(count) => {
                arriving.hasher.update(&bytes[..count]);
                arriving.written_bytes += count as u64;
                self.bodies.stored_bytes += count as u64;
                self.decisions.space.written(file, count as u64);
                Ok(count)
            }
            Err(fault) => self.give_up(file, &fault).map(|()| bytes.len()),
        }
    }

    /// Drops the received bytes of a file.
    pub(super) fn forget(&mut self, file: u32) {
        self.decisions.accepted.remove(&file);
        self.assembly.remove(file);
        if self.bodies.is_current(file) {
            self.bodies.current = None;
        }
    }

    /// Reports that a file cannot be written. The session continues with the others, unless too many bytes would be
    /// discarded.
    pub(super) fn give_up(&mut self, file: u32, fault: &StoreError) -> Result<(), Failure> {
        self.forget(file);
        let entry = self.machine.entry(file);
        let size = entry.and_then(|entry| entry.size);
        let is_large = entry.is_some_and(|entry| entry.size.is_none_or(|size| size > MAX_DISCARDED_BYTES));
        // A name that another session writes is no reason to give up the others: in a stream the sender stops.
        if is_large && !(self.machine.is_streaming() && fault.kind == StoreErrorKind::Busy) {
            let name = entry.map(|entry| escape_name(&entry.path)).unwrap_or_default();
            return Err(local_failure(Role::Receiver, name, fault));
        }
        if self.machine.comes_in_blocks(file) == Some(true) {
            self.assembly.closed.insert(file, size);
        }
        let (reason, text) = reason_of(fault, Role::Receiver);
        self.machine.give_up(file, reason, text);
        Ok(())
    }
}

fn stdout_failed(error: &io::Error) -> Failure {
    let error: Error = cannot_write(error);
    Failure { to_peer: Some((Reason::Unwritable, error.to_string())), error }
}
