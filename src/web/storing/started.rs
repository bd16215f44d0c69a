//! What a request says of its upload, and what can be refused before its body.

use httparse::Header;

use super::announced::Announced;
use super::refusal::{CODED, OTHER_CONTENT, Refusal};
use super::upload::UploadContext;
use crate::proto::http::values;
use crate::proto::web::conditions::{self, Decision};
use crate::proto::web::digests;
use crate::proto::web::etag::ETag;
use crate::proto::web::target::{Query, Target};
use crate::proto::web::validators::Validators;
use crate::store::Folder;
use crate::web::answer::Answer;
use crate::web::request::{Request, Route};
use crate::web::site::Site;
use crate::web::tags::time_of;

/// Returns the surroundings of an upload.
pub(super) fn context<'a>(request: &Request<'a>, folder: &'a Folder) -> UploadContext<'a> {
    UploadContext {
        running: &request.site.running,
        folder,
        report: &request.client.report,
        peer: &request.client.peer,
        digests: request.site.digest_note.as_ref(),
        etag: request.site.terms.etag,
        max_size: request.site.terms.max_size,
        waker: request.waker,
    }
}

/// Returns the folder and the path of a file that a request wants to store, on a thread that may wait for a disk.
///
/// # Errors
/// What is to be done otherwise.
pub(super) fn file_of<'a>(
    request: &Request<'a>,
    target: &'a Target,
) -> Result<(&'a Folder, &'a [u8]), Box<Route>> {
    let (Some(folder), Some(path)) = (&request.site.store, &target.path) else {
        return Err(Box::new(Route::Answer(Answer::text(405, "nothing is stored under this name"))));
    };
    if target.is_folder || !matches!(target.query, Query::None) {
        let why = "type the name of a file, without a slash at its end";
        return Err(Box::new(Route::Answer(Answer::text(400, why))));
    }
    match request.may_block {
        true => Ok((folder, path.as_bytes())),
        false => Err(Box::new(Route::Move)),
    }
}

/// Refuses content in a coding: what would be stored is not the file.
pub(super) fn check_coding(request: &Request<'_>) -> Result<(), Refusal> {
    match values(request.fields(), "content-encoding").all(|value| value.eq_ignore_ascii_case(b"identity")) {
        true => Ok(()),
        false => Err(CODED),
    }
}

/// Returns the time that the file is to have, as clients of ownCloud send it: seconds since 1970.
pub(super) fn mtime(request: &Request<'_>) -> Option<i64> {
    let value = values(request.fields(), "x-oc-mtime").next()?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// Returns the length of the body, if it is known.
pub(super) fn content_length(request: &Request<'_>) -> Option<u64> {
    if !request.head.has_body {
        return Some(0);
    }
    let value = values(request.fields(), "content-length").next()?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// The SHA-256 that the file must have, and that the content of the request must have.
pub(super) fn sent_digests(request: &Request<'_>) -> Result<[Option<[u8; 32]>; 2], Refusal> {
    let sent = |name| digests::sent(values(request.fields(), name));
    match (sent("repr-digest"), sent("content-digest")) {
        (Ok(whole), Ok(content)) => Ok([whole, content]),
        _ => Err(Refusal::new(400, "a digest has no sha-256 of 32 bytes")),
    }
}

/// Decides whether an existing file is replaced: only one that the client has named by its tag.
pub(super) fn may_replace(
    fields: &[Header<'_>],
    (site, now_seconds): (&Site, u64),
    folder: &Folder,
    (path, announced): (&[u8], &Announced),
) -> Result<Option<ETag>, Refusal> {
    let source = match folder.existing(path) {
        Ok(None) => None,
        Ok(Some(_)) => Some(folder.source(path).map_err(|fault| Refusal::of(&fault))?),
        Err(fault) => return Err(Refusal::of(&fault)),
    };
    let asks_tag = ["if-match", "if-none-match"].iter().any(|name| values(fields, name).next().is_some());
    let tag = match &source {
        Some(source) if asks_tag => {
            let unreadable = |_| Refusal::new(500, "the server cannot read the file that is there");
            let tag = site.terms.etag.known_tag(source, &site.digests, time_of(now_seconds));
            Some(tag.map_err(unreadable)?)
        }
        _ => None,
    };
    let current = tag.clone().map(Validators::of_tag);
    if conditions::evaluate(fields, current.as_ref(), false) != Decision::Proceed {
        return Err(Refusal::new(412, "the file is not the one that the request names"));
    }
    let Some(source) = source else { return Ok(None) };
    match values(fields, "if-match").next() {
        Some(_) if site.terms.keep_existing => {
            Err(Refusal::new(409, "the file exists, and this server replaces none (--keep-existing)"))
        }
        Some(_) => Ok(tag),
        None if announced.size_bytes.is_some_and(|size| size != source.size_bytes()) => Err(OTHER_CONTENT),
        None => Ok(None),
    }
}
