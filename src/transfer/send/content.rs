//! The bytes of the file that is being sent: read, hashed and queued in place.

use super::Sending;
use super::input::Input;
use super::offering::Content;
use crate::net::child::Program;
use crate::net::stream::Stream;
use crate::proto::transfer::Digest;
use crate::proto::transfer::frame::HEADER_BYTES;
use crate::proto::transfer::outcome::{EntryOutcome, FinishedEntry};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::sender::{Ended, Sender};
use crate::report::ProgressPhase;
use crate::store::{Change, SourceFile, StoreError, hash_prefix};
use crate::transfer::connection::closing::LinkSession;
use crate::transfer::connection::link::Link;
use crate::transfer::connection::wire::{CHUNK_BYTES, Failure, Wire};
use crate::transfer::digests::Digests;

/// The file that is being sent.
pub(super) struct Current {
    pub(super) file: u32,
    content: Content,
    /// Hash of the bytes before `position`.
    hasher: blake3::Hasher,
    position: u64,
    /// Leading bytes that the receiver has, which are not sent.
    resumed_bytes: u64,
}

impl Current {
    pub(super) fn new(file: u32, content: Content) -> Current {
        Current { file, content, hasher: blake3::Hasher::new(), position: 0, resumed_bytes: 0 }
    }

    /// Returns the file itself, to be read by offset.
    pub(super) fn into_source(self) -> Option<SourceFile> {
        match self.content {
            Content::File(source) => Some(source),
            Content::Unsized(_) | Content::Stdin | Content::Command(_) => None,
        }
    }

    /// Returns the command whose output is sent, or `Some(None)` for stdin; `None` for a file.
    fn input(&self) -> Option<Option<&Program>> {
        match &self.content {
            Content::Stdin => Some(None),
            Content::Command(program) => Some(Some(program)),
            Content::File(_) | Content::Unsized(_) => None,
        }
    }

    /// Returns the leading bytes that the receiver has, once.
    pub(super) fn take_resumed(&mut self) -> u64 {
        std::mem::take(&mut self.resumed_bytes)
    }

    /// Returns the digest of the bytes read so far.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.finalize().into()
    }

    /// Reads and hashes the first `length` bytes, while the result is needed.
    pub(super) fn hashed(
        mut self,
        length: u64,
        mut is_wanted: impl FnMut() -> bool,
    ) -> Result<Current, StoreError> {
        if let Content::File(source) = &mut self.content {
            self.hasher = hash_prefix(source.file(), length, &mut |_| is_wanted())?;
            (self.position, self.resumed_bytes) = (length, length);
            source.seek(length);
        }
        Ok(self)
    }

    /// Queues the bytes from `offset` and returns their number; `None` if the input has none yet. The end of the file
    /// is an error value.
    pub(super) fn chunk<S: Stream>(
        &mut self,
        machine: &mut Sender,
        wire: &mut Wire<S>,
        input: &mut Option<Input>,
        offset: u64,
        max_length: u32,
    ) -> Result<Option<usize>, Stopped> {
        if self.position != offset {
            // The peer's part has other bytes: start again.
            let Content::File(source) = &mut self.content else {
                return Err(Ended::Changed.into());
            };
            source.seek(offset);
            self.hasher.reset();
            (self.position, self.resumed_bytes) = (offset, 0);
        }
        let count = match &mut self.content {
            Content::File(source) if max_length == 0 => {
                return Err(end_of(source, self.position, &self.hasher));
            }
            Content::File(source) => {
                let count = CHUNK_BYTES.min(max_length as usize);
                let (_, body) = wire.outgoing().space(HEADER_BYTES + count).split_at_mut(HEADER_BYTES);
                match source.read(body) {
                    Ok(read) if read == count => count,
                    Ok(_) => return Err(Ended::Changed.into()),
                    Err(_) => return Err(Ended::Unreadable.into()),
                }
            }
            content => {
                let count = CHUNK_BYTES.min(max_length as usize);
                let (_, body) = wire.outgoing().space(HEADER_BYTES + count).split_at_mut(HEADER_BYTES);
                let read = match (content, input) {
                    (Content::Unsized(source), _) => {
                        source.read(body).map(Some).map_err(|fault| fault.to_string())
                    }
                    (_, Some(input)) => input.read(body),
                    (_, None) => Err("it was not opened".to_owned()),
                };
                match read {
                    Ok(Some(0)) => return Err(Ended::Digest(self.digest()).into()),
                    Ok(Some(count)) => count,
                    Ok(None) => return Ok(None),
                    Err(text) => return Err(Stopped::Failed(text)),
                }
            }
        };
        let Some(frame_header) = machine.data(count as u32) else {
            return Err(Stopped::Failed(format!("a frame of {count} bytes is not allowed here")));
        };
        let (header, body) = wire.outgoing().space(HEADER_BYTES + count).split_at_mut(HEADER_BYTES);
        self.hasher.update(body);
        self.position += count as u64;
        header.copy_from_slice(&frame_header);
        wire.outgoing().filled(HEADER_BYTES + count);
        Ok(Some(count))
    }
}

impl<S> LinkSession<S, Sending> {
    /// On a client: sets whether existing files are replaced.
    pub(crate) fn replacing(mut self, replaces: bool) -> Self {
        self.job.stats.of_client(replaces);
        self
    }

    /// Collects the digests of the sent files.
    pub(crate) fn listing(mut self, digests: Option<Digests>) -> Self {
        self.job.stats.list_digests(digests);
        self
    }
}

/// Reasons for which there is no further chunk.
pub(super) enum Stopped {
    /// The file ends.
    Ended(Ended),
    /// All offered bytes were read, and there are more now.
    Grown,
    /// The input has failed, with the reason.
    Failed(String),
}

impl From<Ended> for Stopped {
    fn from(ended: Ended) -> Stopped {
        Stopped::Ended(ended)
    }
}

/// Returns how a file ends after all offered bytes were read.
fn end_of(source: &SourceFile, offered_bytes: u64, hasher: &blake3::Hasher) -> Stopped {
    match source.change(offered_bytes) {
        Ok(Change::None) => Ended::Digest(hasher.finalize().into()).into(),
        Ok(Change::Grown) => Stopped::Grown,
        Ok(Change::Other) => Ended::Changed.into(),
        Err(_) => Ended::Unreadable.into(),
    }
}

impl Sending {
    /// Queues the next chunk of a file, or its end. Returns the size of the chunk; `None` if the input has none yet.
    pub(super) fn body<S: Stream>(
        &mut self,
        link: &mut Link<S>,
        file: u32,
        offset: u64,
        max_length: u32,
    ) -> Result<Option<usize>, Failure> {
        if self.rereading.is_some() {
            let ended = self.was_read_again()?;
            return Ok(ended.map(|ended| self.end_body(ended)));
        }
        if self.current.as_ref().is_none_or(|current| current.file != file) {
            match self.open(file) {
                Ok(current) => self.begin(current),
                Err(ended) => return Ok(Some(self.end_body(ended))),
            }
        }
        let Some(current) = &mut self.current else { return Ok(Some(0)) };
        link.wire.reserve_chunk()?;
        if let (None, Some(program)) = (&self.input, current.input()) {
            match Input::open(program, &self.io, &self.report) {
                Ok(input) => self.input = Some(input),
                Err(error) => return Ok(Some(self.fail_body(file, error.to_string()))),
            }
        }
        let chunk = current.chunk(&mut self.machine, &mut link.wire, &mut self.input, offset, max_length);
        let resumed = current.take_resumed();
        if resumed > 0 {
            self.resumed(resumed);
            self.progress.phase(ProgressPhase::Sending);
        }
        match chunk {
            Ok(count) => Ok(count),
            Err(Stopped::Ended(ended)) => Ok(Some(self.end_body(ended))),
            Err(Stopped::Failed(text)) => Ok(Some(self.fail_body(file, text))),
            Err(Stopped::Grown) => {
                let Some(current) = &self.current else { return Ok(Some(0)) };
                let digest = current.digest();
                if let Some(Current { content: Content::File(source), .. }) = self.current.take() {
                    self.read_again(file, &source, offset, digest)?;
                }
                Ok(None)
            }
        }
    }

    fn end_body(&mut self, ended: Ended) -> usize {
        if let Ended::Digest(digest) = ended {
            self.digest = Some(digest);
        }
        self.current = None;
        self.machine.end(ended);
        0
    }

    fn fail_body(&mut self, file: u32, text: String) -> usize {
        self.input_fault = Some((file, text));
        self.end_body(Ended::Unreadable)
    }

    /// Adds the reason why an input has failed, and drops the state of a closed file.
    pub(super) fn explain(&mut self, closed: &mut FinishedEntry) {
        self.rereading.take_if(|rereading| rereading.file == closed.file);
        if let EntryOutcome::Failed(reason @ Reason::Unreadable, text) = &mut closed.outcome
            && let Some((_, fault)) = self.input_fault.take_if(|(file, _)| *file == closed.file)
        {
            (*reason, *text) = (Reason::Failed, fault);
        }
    }
}
