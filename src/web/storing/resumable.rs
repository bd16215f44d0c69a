//! Uploads with a URL of their own: draft-ietf-httpbis-resumable-upload. The URL is that of the file, with a query that
//! nobody can guess: no name of a file has one.

use std::sync::Arc;

use super::announced::Announced;
use super::put::stored_answer;
use super::refusal::{BROKEN, Refusal};
use super::started::{check_coding, context, file_of, may_replace, mtime, sent_digests};
use super::table::{Finished, Found, MAX_AGE_SECONDS, SWEEP_INTERVAL, Table, UploadId};
use super::upload::{Upload, UploadStart};
use crate::error::{Error, Exit};
use crate::net::fill_random;
use crate::net::wall::unix_seconds_now;
use crate::proto::web::hex;
use crate::proto::web::target::Target;
use crate::proto::web::upload::replies::{self, Reply};
use crate::proto::web::upload::{Interop, UploadBody, UploadFault, UploadFields, UploadLimits, UploadState};
use crate::report::{Report, escape_name};
use crate::store::Folder;
use crate::web::answer::Answer;
use crate::web::body::Piece;
use crate::web::request::{Intake, Request, Route};
use crate::web::terms::WebTerms;

/// Returns whether a request creates an upload.
pub(in crate::web) fn creates(request: &Request<'_>) -> bool {
    UploadFields::of(request.fields()).completes.is_some()
}

/// The value of `Upload-Limit`.
pub(in crate::web) fn limit_value(terms: &WebTerms) -> String {
    replies::limit_value(Interop::Eight, &limits(terms))
}

fn limits(terms: &WebTerms) -> UploadLimits {
    UploadLimits { max_size: terms.max_size, max_age_seconds: Some(MAX_AGE_SECONDS) }
}

/// Decides about a request that creates an upload, before its body.
pub(in crate::web) fn create(request: &Request<'_>, target: &Target) -> Route {
    let (folder, path) = match file_of(request, target) {
        Ok(file) => file,
        Err(route) => return *route,
    };
    match begin(request, folder, path) {
        Ok(upload) => Route::Take(Box::new(upload)),
        Err(answer) => Route::Answer(*answer),
    }
}

fn begin(request: &Request<'_>, folder: &Folder, path: &[u8]) -> Result<Resumable, Box<Answer>> {
    let table = &request.site.resumable;
    let (fields, limits) = (UploadFields::of(request.fields()), limits(&request.site.terms));
    let refused = |fault| Box::new(answer_of(replies::refusal(fields.interop, fault, &limits)));
    table.start_sweeping(SWEEP_INTERVAL, unix_seconds_now);
    table.sweep(request.now_seconds);
    check_coding(request)?;
    if fields.offset.is_some_and(|offset| offset > 0) {
        return Err(refused(UploadFault::Offset { expected: 0, provided: fields.offset.unwrap_or(0) }));
    }
    let body = match UploadBody::create(&fields, &limits) {
        Some(body) => body.map_err(refused)?,
        None => return Err(refused(UploadFault::Fields)),
    };
    let announced = Announced { size_bytes: body.length(), mtime_seconds: mtime(request) };
    let replaced =
        may_replace(request.fields(), (request.site, request.now_seconds), folder, (path, &announced))?;
    let [whole_sha256, content_sha256] = sent_digests(request)?;
    table.end_idle(path);
    let mut id = UploadId::default();
    fill_random(&mut id).map_err(|_| BROKEN)?;
    let start = UploadStart { path, announced, from: 0, replaced, whole_sha256, content_sha256 };
    let mut upload = Upload::begin(&context(request, folder), start)?;
    if !table.insert(id, &upload) {
        upload.discard();
        let why = "too many uploads are under way";
        return Err(Box::new(Answer::text(503, why).with("Retry-After", "60")));
    }
    Ok(Resumable {
        table: Arc::clone(table),
        id,
        upload: Some(Box::new(upload)),
        body,
        report: request.client.report.clone(),
        interop: fields.interop,
        limits,
        is_new: true,
    })
}

/// Answers a request for the URL of an upload. `None`: the query is not that of one.
pub(in crate::web) fn resource(request: &Request<'_>, target: &Target, query: &str) -> Option<Route> {
    let id = hex::decode(query.strip_prefix("upload=")?.as_bytes())?;
    let (folder, path) = (request.site.store.as_ref()?, target.path.as_ref()?);
    if !request.may_block {
        return Some(Route::Move);
    }
    let table = &request.site.resumable;
    table.sweep(request.now_seconds);
    if !["GET", "HEAD", "PATCH", "DELETE"].contains(&request.head.method_text) {
        let allow = "DELETE, GET, HEAD, OPTIONS, PATCH";
        return Some(Route::Answer(Answer::text(405, "").with("Allow", allow)));
    }
    Some(match table.claim(&id, path.as_bytes()) {
        Found::None => Route::Answer(Answer::text(404, "there is no such upload")),
        Found::Busy => Route::Answer(
            Answer::text(409, "another request has this upload and does not let go: try again in a second")
                .with("Retry-After", "1"),
        ),
        Found::Done(finished) => Route::Answer(of_finished(request, &finished)),
        Found::Upload(upload, length) => of_upload(request, folder, (id, upload, length)),
    })
}

fn of_finished(request: &Request<'_>, finished: &Finished) -> Answer {
    let offset = finished.offset;
    let state = UploadState { offset, length: Some(offset), is_complete: true };
    let (fields, limits) = (UploadFields::of(request.fields()), limits(&request.site.terms));
    match request.head.method_text {
        "PATCH" => match UploadBody::append(&state, &fields, &limits) {
            Ok(_) => {
                let mut answer = Answer::empty(finished.status);
                answer.fields = finished.fields.clone();
                with_body(answer, finished.body.clone())
            }
            Err(fault) => answer_of(replies::refusal(fields.interop, fault, &limits)),
        },
        "DELETE" => Answer::text(404, "the upload is complete"),
        _ => answer_of(replies::offset(fields.interop, &state, &limits)),
    }
}

fn of_upload(
    request: &Request<'_>,
    folder: &Folder,
    (id, mut upload, length): (UploadId, Box<Upload>, Option<u64>),
) -> Route {
    let table = &request.site.resumable;
    let state = UploadState { offset: upload.offset(), length, is_complete: false };
    let (fields, limits) = (UploadFields::of(request.fields()), limits(&request.site.terms));
    let answer = match request.head.method_text {
        "DELETE" => {
            upload.discard();
            drop(upload);
            table.remove(&id);
            return Route::Answer(answer_of(replies::cancelled()));
        }
        "PATCH" => {
            let digests = check_coding(request).and_then(|()| sent_digests(request));
            match (UploadBody::append(&state, &fields, &limits), digests) {
                (Ok(body), Ok([_, content_sha256])) => {
                    let run = upload.renew(&context(request, folder), content_sha256);
                    table.set_run(&id, run);
                    return Route::Take(Box::new(Resumable {
                        table: Arc::clone(table),
                        id,
                        upload: Some(upload),
                        body,
                        report: request.client.report.clone(),
                        interop: fields.interop,
                        limits,
                        is_new: false,
                    }));
                }
                (Err(fault), _) => answer_of(replies::refusal(fields.interop, fault, &limits)),
                (_, Err(refusal)) => refusal.into(),
            }
        }
        _ => answer_of(replies::offset(fields.interop, &state, &limits)),
    };
    upload.renew(&context(request, folder), None);
    table.give_back(&id, upload, length);
    Route::Answer(answer)
}

/// The body of a request that creates or continues an upload.
struct Resumable {
    table: Arc<Table>,
    id: UploadId,
    /// `None` once it is over.
    upload: Option<Box<Upload>>,
    body: UploadBody,
    report: Report,
    interop: Option<Interop>,
    limits: UploadLimits,
    is_new: bool,
}

impl Resumable {
    fn refused(&self, fault: UploadFault) -> Box<Answer> {
        Box::new(answer_of(replies::refusal(self.interop, fault, &self.limits)))
    }

    /// The upload is not there any more.
    fn remove(&mut self) {
        self.upload = None;
        self.table.remove(&self.id);
    }

    /// A later request can continue it, unless another upload takes its name.
    fn give_back(&mut self) {
        if self.upload.as_ref().is_some_and(|upload| upload.is_replaced()) {
            self.remove();
        }
        if let Some(upload) = self.upload.take() {
            self.table.give_back(&self.id, upload, self.body.length());
        }
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), Box<Answer>> {
        let Some(upload) = &mut self.upload else { return Err(BROKEN.into()) };
        if let Err(fault) = self.body.admit(piece.len()) {
            upload.fail(Refusal::new(413, "the upload is larger than it may be"));
            return Err(self.refused(fault));
        }
        Ok(upload.write(piece)?)
    }

    fn end(&mut self) -> Result<Answer, Box<Answer>> {
        let Some(upload) = &mut self.upload else { return Err(BROKEN.into()) };
        if let Err(refusal) = upload.check_content() {
            self.remove();
            return Err(refusal.into());
        }
        let state = match self.body.finish() {
            Ok(state) => state,
            Err(fault) => {
                self.give_back();
                return Err(self.refused(fault));
            }
        };
        if !state.is_complete {
            self.give_back();
            return Ok(answer_of(match self.is_new {
                true => replies::created(self.interop, &state, &location(&self.id), &self.limits),
                false => replies::appended(self.interop, &state),
            }));
        }
        let stored = match upload.commit() {
            Ok(stored) => stored,
            Err(refusal) => {
                self.remove();
                return Err(refusal.into());
            }
        };
        let mut answer = stored_answer(&stored, upload.path());
        // The client knows the URL of the upload by this name.
        answer.fields.retain(|(name, _)| *name != "Location");
        let fields = replies::state_fields(&state);
        answer.fields.extend(fields.into_iter().map(|(name, value)| (name, value.into_bytes())));
        let body = match &answer.first {
            Some(Piece::Bytes(bytes)) => bytes.clone(),
            _ => Vec::new(),
        };
        let (status, fields) = (answer.status, answer.fields.clone());
        self.upload = None;
        self.table.finish(&self.id, Finished { offset: state.offset, status, fields, body });
        Ok(answer)
    }
}

impl Intake for Resumable {
    fn interim(&self) -> Vec<u8> {
        match self.interop {
            Some(interop) if self.is_new => replies::supported(interop, &location(&self.id), &self.limits),
            _ => Vec::new(),
        }
    }

    fn is_stale(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.is_stale())
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Box<Answer>> {
        self.write(piece).inspect_err(|_| self.remove())
    }

    fn finish(mut self: Box<Self>) -> Answer {
        self.end().unwrap_or_else(|answer| *answer)
    }
}

/// An upload that is cut waits for a request that continues it.
impl Drop for Resumable {
    fn drop(&mut self) {
        if let Some(upload) = &self.upload {
            let (name, offset) = (escape_name(upload.path()), upload.offset());
            if !upload.is_stale() {
                let text = format!("{name}: the upload ended early, after {offset} bytes");
                self.report.error(&Error::new(Exit::Lost, text));
            }
            self.give_back();
        }
    }
}

fn location(id: &UploadId) -> String {
    let mut location = "?upload=".to_owned();
    hex::push(id, &mut location);
    location
}

fn answer_of(reply: Reply) -> Answer {
    let mut answer = Answer::empty(reply.status);
    answer.fields = reply.fields.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    if reply.body.is_empty() { answer } else { with_body(answer, reply.body.into_bytes()) }
}

fn with_body(mut answer: Answer, body: Vec<u8>) -> Answer {
    answer.length = Some(body.len() as u64);
    answer.first = Some(Piece::Bytes(body));
    answer
}
