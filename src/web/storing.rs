//! PUT: a body becomes a file, and has its final name only when it is whole and on disk.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::answer::Answer;
use super::request::{Intake, Request, Route};
use super::site::{ETagSource, Site};
use super::tags::facts;
use crate::proto::web::conditions::{self, Decision, values};
use crate::proto::web::digests;
use crate::proto::web::etag::ETag;
use crate::proto::web::proof::push_sum_line;
use crate::proto::web::target::{Query, Target};
use crate::proto::web::validators::Validators;
use crate::report::{FileEvent, Report};
use crate::store::{Folder, Meta, Part, StagedEntry, StagingFolder, StoreError, StoreErrorKind, hash_prefix};

/// Decides about a PUT before its body: what can be refused is refused here.
pub(super) fn put(request: &Request<'_>, target: &Target) -> Route {
    let (Some(folder), Some(path)) = (&request.site.store, &target.path) else {
        return Route::Answer(Answer::text(405, "nothing is stored under this name"));
    };
    if target.is_folder || !matches!(target.query, Query::None) {
        return Route::Answer(Answer::text(400, "type the name of a file, without a slash at its end"));
    }
    if !request.may_block {
        return Route::Move;
    }
    match Upload::begin(request, folder, path.as_bytes()) {
        Ok(upload) => Route::Take(Box::new(upload)),
        Err(answer) => Route::Answer(answer),
    }
}

/// A file that is being received.
pub(super) struct Upload {
    site: Arc<Site>,
    report: Report,
    folder: Folder,
    path: Vec<u8>,
    /// `None` once it was given its name, or cannot be.
    part: Option<Part>,
    hasher: blake3::Hasher,
    /// The SHA-256 of the content so far, and what it must be in the end.
    sha256: Option<(Sha256, [u8; 32])>,
    received_bytes: u64,
    /// The tag of the existing file that is replaced.
    replaced: Option<ETag>,
    mtime_seconds: Option<i64>,
}

impl Upload {
    /// Checks what is known before the body, and creates the part.
    fn begin(request: &Request<'_>, folder: &Folder, path: &[u8]) -> Result<Upload, Answer> {
        let (site, fields) = (request.site, request.fields());
        if values(fields, "content-range").next().is_some() {
            return Err(Answer::text(400, "send the whole file"));
        }
        let length = content_length(request);
        if let (Some(most), Some(length)) = (site.terms.max_size, length)
            && length > most
        {
            return Err(Answer::text(413, "the file is larger than this server takes (--max-size)"));
        }
        let replaced = may_replace(request, folder, path, length)?;
        let sha256 =
            match digests::sent(values(fields, "repr-digest").chain(values(fields, "content-digest"))) {
                Ok(sent) => sent.map(|expected| (Sha256::new(), expected)),
                Err(_) => return Err(Answer::text(400, "Repr-Digest has no sha-256 of 32 bytes")),
            };
        if let (Some(length), Some(free)) = (length, folder.free_bytes(path))
            && length > free
        {
            return Err(no_room());
        }
        let mut part = Part::create(folder, path).map_err(|fault| refused(&fault))?;
        part.keep_if_dropped(true);
        Ok(Upload {
            site: Arc::clone(site),
            report: request.client.report.clone(),
            folder: folder.clone(),
            path: path.to_vec(),
            part: Some(part),
            hasher: blake3::Hasher::new(),
            sha256,
            received_bytes: 0,
            replaced,
            mtime_seconds: mtime(request),
        })
    }

    /// Nothing of it is kept.
    fn discard(&mut self) {
        if let Some(part) = &mut self.part {
            part.keep_if_dropped(false);
        }
        self.part = None;
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Answer> {
        let Some(part) = &mut self.part else { return Err(Answer::text(500, "")) };
        self.received_bytes += piece.len() as u64;
        if self.site.terms.max_size.is_some_and(|most| self.received_bytes > most) {
            self.discard();
            return Err(Answer::text(413, "the file is larger than this server takes (--max-size)"));
        }
        part.write_all(piece).map_err(|fault| refused(&fault))?;
        self.hasher.update(piece);
        if let Some((sha256, _)) = &mut self.sha256 {
            sha256.update(piece);
        }
        Ok(())
    }

    /// Gives the file its name: 201, or 200 if the same content has it.
    fn commit(&mut self) -> Result<Answer, Answer> {
        if let Some((sha256, expected)) = self.sha256.take()
            && <[u8; 32]>::from(sha256.finalize()) != expected
        {
            self.discard();
            return Err(Answer::text(422, "the content is not that of Repr-Digest: nothing was stored"));
        }
        let Some(mut part) = self.part.take() else { return Err(Answer::text(500, "")) };
        // From here on it has its name, or is of no use.
        part.keep_if_dropped(false);
        let digest: [u8; 32] = self.hasher.finalize().into();
        let written = part.meta_as_written().map_err(|fault| refused(&fault))?;
        let meta = match self.mtime_seconds {
            Some(mtime_seconds) => Meta { mtime_seconds, mtime_nanoseconds: 0, ..written },
            None => written,
        };
        if let Some(tag) = &self.replaced {
            // Another one may have replaced it meanwhile.
            let source = self.folder.source(&self.path).ok();
            if source.and_then(|source| self.site.tag(&source).ok()).as_ref() != Some(tag) {
                return Err(Answer::text(412, "the file has changed meanwhile"));
            }
        }
        let staging = StagingFolder::new(&self.folder).map_err(|fault| refused(&fault))?;
        let results = staging.commit(vec![StagedEntry::Part { part, meta }], self.replaced.is_some());
        match results.into_iter().next() {
            Some(Ok(())) => Ok(self.stored(201, &digest)),
            Some(Err(fault)) if fault.kind == StoreErrorKind::Exists => match self.is_there(&digest) {
                true => Ok(self.stored(200, &digest)),
                false => Err(other_content()),
            },
            Some(Err(fault)) => Err(refused(&fault)),
            None => Err(Answer::text(500, "")),
        }
    }

    /// Returns whether the existing file has this content.
    fn is_there(&self, digest: &[u8; 32]) -> bool {
        let Ok(Some((file, size_bytes))) = self.folder.existing(&self.path) else { return false };
        size_bytes == self.received_bytes
            && hash_prefix(&file, size_bytes, &mut |_| true)
                .is_ok_and(|hasher| <[u8; 32]>::from(hasher.finalize()) == *digest)
    }

    fn stored(&self, status: u16, digest: &[u8; 32]) -> Answer {
        let state = if status == 201 { "received" } else { "there" };
        self.report.file(&FileEvent {
            path: &self.path,
            kind: "file",
            state,
            size: Some(self.received_bytes),
            digest: Some(*digest),
            reason: None,
            text: None,
        });
        let name = self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let mut line = String::new();
        push_sum_line(digest, name, &mut line);
        let mut answer = Answer::bytes(status, super::answer::TEXT, line.into_bytes())
            .with("X-Content-Type-Options", "nosniff");
        answer.completes = true;
        if let Ok(source) = self.folder.source(&self.path) {
            let tag = match self.site.terms.etag {
                ETagSource::Content => ETag::of_digest(digest),
                ETagSource::Metadata => ETag::of_file(&facts(&source)),
            };
            answer.fields.push(("ETag", tag.as_str().into()));
        }
        answer
    }
}

impl Intake for Upload {
    fn take(&mut self, piece: &[u8]) -> Result<(), Answer> {
        self.write(piece)
    }

    fn finish(mut self: Box<Self>) -> Answer {
        self.commit().unwrap_or_else(|answer| answer)
    }
}

/// Decides whether an existing file is replaced: only one that the client has named by its tag.
fn may_replace(
    request: &Request<'_>,
    folder: &Folder,
    path: &[u8],
    length: Option<u64>,
) -> Result<Option<ETag>, Answer> {
    let fields = request.fields();
    let source = match folder.existing(path) {
        Ok(None) => None,
        Ok(Some(_)) => Some(folder.source(path).map_err(|fault| refused(&fault))?),
        Err(fault) => return Err(refused(&fault)),
    };
    let tag = match &source {
        Some(source) => Some(request.site.tag(source).map_err(|fault| fault.answer())?),
        None => None,
    };
    let current = tag.clone().map(Validators::of_tag);
    if conditions::evaluate(fields, current.as_ref(), false) != Decision::Proceed {
        return Err(Answer::text(412, ""));
    }
    let Some(source) = source else { return Ok(None) };
    match values(fields, "if-match").next() {
        Some(_) if request.site.terms.keep_existing => {
            Err(Answer::text(409, "the file exists, and this server replaces none (--keep-existing)"))
        }
        Some(_) => Ok(tag),
        None if length.is_some_and(|length| length != source.size_bytes()) => Err(other_content()),
        None => Ok(None),
    }
}

fn content_length(request: &Request<'_>) -> Option<u64> {
    let value = values(request.fields(), "content-length").next()?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// The time that the file is to have, as clients of ownCloud send it: seconds since 1970.
fn mtime(request: &Request<'_>) -> Option<i64> {
    let value = values(request.fields(), "x-oc-mtime").next()?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// The answer for a file that cannot be written.
fn refused(fault: &StoreError) -> Answer {
    match fault.kind {
        StoreErrorKind::NoSpace => no_room(),
        StoreErrorKind::Busy => {
            Answer::text(409, "the file is being written just now").with("Retry-After", "1")
        }
        StoreErrorKind::Exists => other_content(),
        StoreErrorKind::Unsafe | StoreErrorKind::NotRegular => {
            Answer::text(409, "something else than a file has this name, or is in its way")
        }
        StoreErrorKind::NotAllowed => Answer::text(403, "the server may not write there"),
        _ => Answer::text(500, "the server cannot write the file"),
    }
}

fn no_room() -> Answer {
    Answer::text(507, "there is no room for the file")
}

fn other_content() -> Answer {
    Answer::text(409, "a file with other content has this name; to replace it send If-Match with its ETag")
}
