//! A file that is being received: a part until it is whole, compared and on disk.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::announced::Announced;
use super::arrived::Arrived;
use super::refusal::{BROKEN, NO_ROOM, OTHER_CONTENT, OTHER_DIGEST, Refusal, TOO_LARGE};
use super::running::{Registration, Run, RunningUploads};
use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::reactor::ThreadWaker;
use crate::proto::web::etag::ETag;
use crate::report::{Report, escape_name};
use crate::store::{Folder, Meta, Part, StagingFolder, StoreErrorKind, read_prefix};
use crate::web::tags::facts;
use crate::web::terms::ETagSource;

/// Writes down the path and the digest of a stored file.
pub(crate) type DigestNote = Arc<dyn Fn(&[u8], [u8; 32], &Report) -> Result<(), Error> + Send + Sync>;

/// The surroundings of an upload.
pub(super) struct UploadContext<'a> {
    pub(super) running: &'a Arc<RunningUploads>,
    pub(super) folder: &'a Folder,
    pub(super) report: &'a Report,
    pub(super) peer: &'a PeerName,
    pub(super) digests: Option<&'a DigestNote>,
    pub(super) etag: ETagSource,
    /// The largest file, in bytes.
    pub(super) max_size: Option<u64>,
    pub(super) waker: Option<&'a ThreadWaker>,
}

/// What is uploaded.
pub(super) struct UploadStart<'a> {
    pub(super) path: &'a [u8],
    pub(super) announced: Announced,
    /// The offset of the first byte that comes.
    pub(super) from: u64,
    /// The tag of the existing file that is replaced.
    pub(super) replaced: Option<ETag>,
    /// The SHA-256 that the whole file must have.
    pub(super) whole_sha256: Option<[u8; 32]>,
    /// The SHA-256 that the content of this request must have.
    pub(super) content_sha256: Option<[u8; 32]>,
}

/// A file that is being received. If it is dropped, its part is kept, if it can be continued.
pub(super) struct Upload {
    registration: Registration,
    report: Report,
    peer: PeerName,
    digests: Option<DigestNote>,
    etag: ETagSource,
    max_size: Option<u64>,
    folder: Folder,
    path: Vec<u8>,
    announced: Announced,
    /// `None` once it was given its name, or cannot be.
    part: Option<Part>,
    /// The number of bytes that are written and hashed.
    offset: u64,
    /// The offset at which its first request began.
    from: u64,
    /// The time of the report when the present request began, and how many bytes were there then.
    began: Duration,
    resumed_bytes: u64,
    hasher: blake3::Hasher,
    whole: Option<Sha256Check>,
    content: Option<Sha256Check>,
    replaced: Option<ETag>,
    /// The whole content was compared with the digest of the client.
    is_verified: bool,
}

/// A file that has its name.
pub(super) struct Stored {
    /// 201, or 200 if the same content was there.
    pub(super) status: u16,
    /// BLAKE3 of the content.
    pub(super) digest: [u8; 32],
    /// The tag of the file.
    pub(super) tag: Option<ETag>,
}

/// The SHA-256 of the content so far, and what it must be in the end.
struct Sha256Check {
    hasher: Sha256,
    expected: [u8; 32],
}

impl Sha256Check {
    fn new(expected: [u8; 32]) -> Sha256Check {
        Sha256Check { hasher: Sha256::new(), expected }
    }

    fn holds(self) -> bool {
        <[u8; 32]>::from(self.hasher.finalize()) == self.expected
    }
}

impl Upload {
    /// Checks the size, takes the name, and creates or opens the part. Blocks.
    ///
    /// # Errors
    /// It is refused, and nothing has changed.
    pub(super) fn begin(context: &UploadContext<'_>, start: UploadStart<'_>) -> Result<Upload, Refusal> {
        let UploadContext { folder, .. } = *context;
        let UploadStart { path, announced, from, replaced, .. } = start;
        if let (Some(most), Some(size)) = (context.max_size, announced.size_bytes)
            && size > most
        {
            return Err(TOO_LARGE);
        }
        if let (Some(size), Some(free)) = (announced.size_bytes, folder.free_bytes(path)) {
            // What is there is continued, or makes room.
            let kept = Part::look(folder, path).map_or(0, |(size_bytes, _)| size_bytes);
            if size.saturating_sub(from) > free.saturating_add(if from == 0 { kept } else { 0 }) {
                return Err(NO_ROOM);
            }
        }
        let waker = context.waker.cloned();
        let registration = Registration::begin(context.running, path, announced, waker)?;
        let mut upload = Upload {
            registration,
            report: context.report.clone(),
            peer: context.peer.clone(),
            digests: context.digests.cloned(),
            etag: context.etag,
            max_size: context.max_size,
            folder: folder.clone(),
            path: path.to_vec(),
            announced,
            part: None,
            offset: 0,
            from,
            began: context.report.elapsed(),
            resumed_bytes: from,
            hasher: blake3::Hasher::new(),
            whole: start.whole_sha256.map(Sha256Check::new),
            content: start.content_sha256.map(Sha256Check::new),
            replaced,
            is_verified: false,
        };
        if from > 0 {
            upload.resume(from)?;
        } else {
            upload.part = Some(Part::create(folder, path).map_err(|fault| Refusal::of(&fault))?);
        }
        if let Some(part) = &mut upload.part {
            part.set_origin(upload.announced.origin().as_ref());
            part.keep_if_dropped(upload.announced.size_bytes.is_some());
        }
        Ok(upload)
    }

    /// Opens the part that was left, and hashes what is there.
    fn resume(&mut self, from: u64) -> Result<(), Refusal> {
        let found = Part::resume_with_origin(&self.folder, &self.path);
        let found = found.map_err(|fault| Refusal::of(&fault))?;
        let Some((mut part, size_bytes, origin)) = found else { return Err(Refusal::offset(0)) };
        part.keep_if_dropped(true);
        let Some(before) = origin.as_ref().and_then(Announced::of_origin) else {
            return Err(Refusal::offset(0));
        };
        if !before.may_be(&self.announced) {
            let why = "a part of another file has this name: send the whole file";
            return Err(Refusal::new(409, why));
        }
        if size_bytes != from {
            return Err(Refusal::offset(size_bytes));
        }
        part.set_len(from).map_err(|fault| Refusal::of(&fault))?;
        let (hasher, whole, registration) = (&mut self.hasher, &mut self.whole, &self.registration);
        let read = read_prefix(part.file(), from, &mut |chunk| {
            hasher.update(chunk);
            if let Some(whole) = whole {
                whole.hasher.update(chunk);
            }
            registration.end().is_none()
        });
        read.map_err(|_| registration.end().unwrap_or(BROKEN))?;
        self.announced = self.announced.with(&before);
        self.offset = from;
        self.registration.set_offset(from);
        self.part = Some(part);
        Ok(())
    }

    /// Continues with another request.
    pub(super) fn renew(
        &mut self,
        context: &UploadContext<'_>,
        content_sha256: Option<[u8; 32]>,
    ) -> Arc<Run> {
        (self.report, self.peer) = (context.report.clone(), context.peer.clone());
        (self.began, self.resumed_bytes) = (self.report.elapsed(), self.offset);
        self.content = content_sha256.map(Sha256Check::new);
        self.registration.renew(context.waker.cloned())
    }

    /// Returns the handle by which others end the upload.
    pub(super) fn run(&self) -> Arc<Run> {
        self.registration.run()
    }

    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The number of bytes that are written and hashed.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns whether another upload takes its name.
    pub(super) fn is_replaced(&self) -> bool {
        self.registration.is_replaced()
    }

    /// Returns whether another request takes its place.
    pub(super) fn is_stale(&self) -> bool {
        self.registration.is_stale()
    }

    /// Nothing of it is kept.
    pub(super) fn discard(&mut self) {
        if let Some(mut part) = self.part.take() {
            part.keep_if_dropped(false);
        }
    }

    /// Ends it for good, and reports why.
    pub(super) fn fail(&mut self, refusal: Refusal) -> Refusal {
        self.discard();
        refusal.report(&self.path, &self.report);
        refusal
    }

    /// Ends the request with an error: the file is as long as it was before. Blocks.
    pub(super) fn take_back(&mut self, refusal: Refusal) -> Refusal {
        let part = self.part.as_mut().filter(|_| self.from > 0);
        if part.is_some_and(|part| part.set_len(self.from).is_ok()) {
            self.offset = self.from;
            self.keep();
        }
        self.fail(refusal)
    }

    /// Appends content.
    ///
    /// # Errors
    /// It is too large, or cannot be written: nothing is kept.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        let Some(part) = &mut self.part else { return Err(BROKEN) };
        let offset = self.offset + piece.len() as u64;
        if self.max_size.is_some_and(|most| offset > most) {
            return Err(self.fail(TOO_LARGE));
        }
        if let Err(fault) = part.write_all(piece) {
            return Err(self.fail(Refusal::of(&fault)));
        }
        self.hasher.update(piece);
        for check in [&mut self.whole, &mut self.content].into_iter().flatten() {
            check.hasher.update(piece);
        }
        self.offset = offset;
        self.registration.set_offset(offset);
        Ok(())
    }

    /// Checks the content of a request after its end.
    ///
    /// # Errors
    /// It is not what the digest says: it is not kept.
    pub(super) fn check_content(&mut self) -> Result<(), Refusal> {
        let is_other = self.content.take().is_some_and(|check| !check.holds());
        if is_other { Err(self.take_back(OTHER_DIGEST)) } else { Ok(()) }
    }

    /// Keeps the part for a later request, with its bytes on the disk. Blocks.
    pub(super) fn keep(&mut self) {
        match (self.part.take(), self.announced.origin()) {
            (Some(part), Some(origin)) if self.offset > 0 => part.keep_from(&origin),
            (Some(mut part), _) => part.keep_if_dropped(false),
            (None, _) => {}
        }
    }

    /// Gives the file its name, after a sync; the name and all folders on the way are on the disk, too. Blocks.
    ///
    /// # Errors
    /// It is refused, and nothing is kept.
    pub(super) fn commit(&mut self) -> Result<Stored, Refusal> {
        self.check_content()?;
        if let Some(check) = self.whole.take() {
            self.is_verified = check.holds();
            if !self.is_verified {
                return Err(self.fail(OTHER_DIGEST));
            }
        }
        let Some(mut part) = self.part.take() else { return Err(BROKEN) };
        // From here on it has its name, or is of no use.
        part.keep_if_dropped(false);
        match self.place(part) {
            Ok(status) => Ok(self.stored(status)),
            Err(refusal) => Err(self.fail(refusal)),
        }
    }

    fn place(&self, part: Part) -> Result<u16, Refusal> {
        let written = part.meta_as_written().map_err(|fault| Refusal::of(&fault))?;
        let meta = match self.announced.mtime_seconds {
            Some(mtime_seconds) => Meta { mtime_seconds, mtime_nanoseconds: 0, ..written },
            None => written,
        };
        if let Some(tag) = &self.replaced {
            // Another one may have replaced it meanwhile.
            let source = self.folder.source(&self.path).ok();
            if source.and_then(|source| self.etag.tag(&source).ok()).as_ref() != Some(tag) {
                return Err(Refusal::new(412, "the file has changed meanwhile"));
            }
        }
        let staging = StagingFolder::new(&self.folder).map_err(|fault| Refusal::of(&fault))?;
        match staging.commit_part(part, meta, self.replaced.is_some()) {
            Ok(()) => Ok(201),
            Err(fault) if fault.kind == StoreErrorKind::Exists => {
                if self.is_there() {
                    Ok(200)
                } else {
                    Err(self.registration.end().unwrap_or(OTHER_CONTENT))
                }
            }
            Err(fault) => Err(Refusal::of(&fault)),
        }
    }

    /// Returns whether the existing file has this content, and it is on the disk.
    fn is_there(&self) -> bool {
        let (digest, is_needed) = (self.hasher.finalize(), &mut |_| self.registration.end().is_none());
        matches!(self.folder.holds(&self.path, self.offset, digest.as_bytes(), is_needed), Ok(Some(true)))
    }

    fn stored(&self, status: u16) -> Stored {
        let digest: [u8; 32] = self.hasher.finalize().into();
        let arrived = Arrived {
            path: &self.path,
            peer: &self.peer,
            is_there: status != 201,
            size_bytes: self.offset,
            resumed_bytes: self.resumed_bytes,
            time: self.report.elapsed().saturating_sub(self.began),
            digest,
            is_verified: self.is_verified,
        };
        arrived.report(&self.report);
        if let Some(note) = &self.digests
            && let Err(error) = note(&self.path, digest, &self.report)
        {
            self.report.error(&error);
        }
        let tag = match self.etag {
            ETagSource::Content => Some(ETag::of_digest(&digest)),
            ETagSource::Metadata => {
                self.folder.source(&self.path).ok().map(|source| ETag::of_file(&facts(&source)))
            }
        };
        Stored { status, digest, tag }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.part.is_none() {
            return;
        }
        let (name, received) = (escape_name(&self.path), self.offset);
        let size = self.announced.size_bytes.map_or_else(String::new, |size| format!(" of {size}"));
        self.keep();
        if !self.is_stale() {
            let text = format!("{name}: the upload ended early, after {received}{size} bytes");
            self.report.error(&Error::new(Exit::Lost, text));
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
