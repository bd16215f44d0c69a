//! The bytes of the file that is sent: read, hashed and queued in place.

use std::io;

use super::{Link, Sending};
use crate::commands::transfer::digests::Digests;
use crate::commands::transfer::offering::Content;
use crate::commands::transfer::wire::{CHUNK_BYTES, Failure, Wire};
use crate::net::stdio::Stdio;
use crate::net::stream::Stream;
use crate::proto::Digest;
use crate::proto::frame::HEADER_BYTES;
use crate::proto::sender::{Ended, Sender};
use crate::report::Phase;
use crate::store::{Fault, Source, hash_prefix};

/// The file being sent.
pub(super) struct Current {
    pub(super) file: u32,
    content: Content,
    /// Of the bytes before `position`.
    hasher: blake3::Hasher,
    position: u64,
    /// The receiver has so many bytes from its beginning, which are not sent.
    resumed_bytes: u64,
}

impl Current {
    pub(super) fn new(file: u32, content: Content) -> Current {
        Current { file, content, hasher: blake3::Hasher::new(), position: 0, resumed_bytes: 0 }
    }

    /// The file itself, to be read by offset.
    pub(super) fn into_source(self) -> Option<Source> {
        match self.content {
            Content::File(source) => Some(source),
            Content::Stdin => None,
        }
    }

    pub(super) fn is_stdin(&self) -> bool {
        matches!(self.content, Content::Stdin)
    }

    /// How many bytes the receiver was found to have, once.
    pub(super) fn take_resumed(&mut self) -> u64 {
        std::mem::take(&mut self.resumed_bytes)
    }

    /// The digest of what was read so far.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.finalize().into()
    }

    /// Reads and hashes the first `length` bytes.
    pub(super) fn hashed(mut self, length: u64) -> Result<Current, Fault> {
        if let Content::File(source) = &mut self.content {
            self.hasher = hash_prefix(source.file(), length, &mut |_| {})?;
            (self.position, self.resumed_bytes) = (length, length);
            source.seek(length);
        }
        Ok(self)
    }

    /// Queues the bytes from `offset`: how many; none if the input has none yet. Or how the file ends.
    pub(super) fn chunk<S: Stream>(
        &mut self,
        machine: &mut Sender,
        wire: &mut Wire<S>,
        stdin: &mut Option<Stdio>,
        offset: u64,
        room: u32,
    ) -> Result<Option<usize>, Ended> {
        if self.position != offset {
            // The peer's part is another one: from the start.
            let Content::File(source) = &mut self.content else { return Err(Ended::Changed) };
            source.seek(offset);
            self.hasher.reset();
            (self.position, self.resumed_bytes) = (offset, 0);
        }
        let count = match &mut self.content {
            Content::File(source) if room == 0 => return Err(end_of(source, &self.hasher)),
            Content::File(source) => {
                let count = CHUNK_BYTES.min(room as usize);
                let (_, body) = wire.outgoing().space(HEADER_BYTES + count).split_at_mut(HEADER_BYTES);
                match source.read(body) {
                    Ok(read) if read == count => count,
                    Ok(_) => return Err(Ended::Changed),
                    Err(_) => return Err(Ended::Unreadable),
                }
            }
            Content::Stdin => {
                let count = CHUNK_BYTES.min(room as usize);
                let (_, body) = wire.outgoing().space(HEADER_BYTES + count).split_at_mut(HEADER_BYTES);
                let Some(stdin) = stdin else { return Err(Ended::Unreadable) };
                match stdin.read(body) {
                    Ok(0) => return Err(Ended::Digest(self.hasher.finalize().into())),
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                    Err(_) => return Err(Ended::Unreadable),
                }
            }
        };
        let (header, body) = wire.outgoing().space(HEADER_BYTES + count).split_at_mut(HEADER_BYTES);
        self.hasher.update(body);
        self.position += count as u64;
        header.copy_from_slice(&machine.data(count as u32));
        wire.outgoing().filled(HEADER_BYTES + count);
        Ok(Some(count))
    }
}

impl<S> Sending<S> {
    /// The digests of what is sent are wanted.
    pub(crate) fn listing(mut self, digests: Option<Digests>) -> Sending<S> {
        self.tally.list_digests(digests);
        self
    }
}

impl<S: Stream> Sending<S> {
    /// Queues the next chunk of a file, or its end. Returns the bytes of the chunk; none if the input has none yet.
    pub(super) fn body(
        &mut self,
        link: &mut Link<S>,
        file: u32,
        offset: u64,
        room: u32,
    ) -> Result<Option<usize>, Failure> {
        if self.current.as_ref().is_none_or(|current| current.file != file) {
            match self.open(file) {
                Ok(current) => self.begin(current),
                Err(ended) => {
                    self.machine.end(ended);
                    return Ok(Some(0));
                }
            }
        }
        let Some(current) = &mut self.current else { return Ok(Some(0)) };
        link.wire.reserve_chunk()?;
        if current.is_stdin() && self.stdin.is_none() {
            self.stdin = Some(Stdio::open(&self.io)?);
        }
        let chunk = current.chunk(&mut self.machine, &mut link.wire, &mut self.stdin, offset, room);
        let resumed = current.take_resumed();
        if resumed > 0 {
            self.resumed(resumed);
            self.progress.phase(Phase::Sending);
        }
        match chunk {
            Ok(count) => Ok(count),
            Err(ended) => {
                if let Ended::Digest(digest) = ended {
                    self.digest = Some(digest);
                }
                self.current = None;
                self.machine.end(ended);
                Ok(Some(0))
            }
        }
    }
}

/// How a file ends of which as much was read as was offered.
fn end_of(source: &mut Source, hasher: &blake3::Hasher) -> Ended {
    // Some files have more than they announce, those of /proc for example.
    let is_longer = source.read(&mut [0]).is_ok_and(|count| count > 0);
    match source.changed() {
        Ok(_) if is_longer => Ended::Changed,
        Ok(false) => Ended::Digest(hasher.finalize().into()),
        Ok(true) => Ended::Changed,
        Err(_) => Ended::Unreadable,
    }
}
