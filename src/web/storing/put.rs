//! PUT: a whole file, or with `Content-Range` a part of one.

use super::announced::Announced;
use super::refusal::Refusal;
use super::started::{check_coding, content_length, context, file_of, may_replace, mtime, sent_digests};
use super::upload::{Stored, Upload, UploadStart};
use crate::proto::http::values;
use crate::proto::web::content_range::{self, SentPart};
use crate::proto::web::names::link;
use crate::proto::web::proof::push_sum_line;
use crate::proto::web::target::Target;
use crate::store::Folder;
use crate::web::answer::{Answer, TEXT};
use crate::web::request::{Intake, Request, Route};

/// Decides about a PUT before its body: what can be refused is refused here.
pub(in crate::web) fn put(request: &Request<'_>, target: &Target) -> Route {
    let (folder, path) = match file_of(request, target) {
        Ok(file) => file,
        Err(route) => return *route,
    };
    match begin(request, folder, path) {
        Ok(put) => Route::Take(Box::new(put)),
        Err(refusal) => Route::Answer(refusal.into()),
    }
}

fn begin(request: &Request<'_>, folder: &Folder, path: &[u8]) -> Result<Put, Refusal> {
    check_coding(request)?;
    let length = content_length(request);
    let range = sent_range(request, length)?;
    let announced = Announced {
        size_bytes: range.as_ref().map_or(length, |range| range.size_bytes),
        mtime_seconds: mtime(request),
    };
    let replaced =
        may_replace(request.fields(), (request.site, request.now_seconds), folder, (path, &announced))?;
    let [whole_sha256, content_sha256] = sent_digests(request)?;
    request.site.resumable.end_idle(path);
    let from = range.as_ref().map_or(0, |range| range.bytes.start);
    let start = UploadStart { path, announced, from, replaced, whole_sha256, content_sha256 };
    Ok(Put { upload: Upload::begin(&context(request, folder), start)?, range })
}

/// Reads `Content-Range`: the size of the file must be known.
fn sent_range(request: &Request<'_>, length: Option<u64>) -> Result<Option<SentPart>, Refusal> {
    let range = content_range::parse(values(request.fields(), "content-range"));
    let range = range.map_err(|_| Refusal::new(400, "Content-Range is not that of a part"))?;
    match &range {
        Some(range) if range.size_bytes.is_none() => {
            Err(Refusal::new(400, "Content-Range needs the size of the whole file"))
        }
        Some(range) if length.is_some_and(|length| !range.has_length(length)) => {
            Err(Refusal::new(400, "the content is not as long as Content-Range says"))
        }
        _ => Ok(range),
    }
}

/// The body of a PUT.
struct Put {
    upload: Upload,
    range: Option<SentPart>,
}

impl Put {
    fn end(&mut self) -> Result<Answer, Refusal> {
        if let Some(range) = &self.range {
            if self.upload.offset() != range.bytes.end {
                return Err(Refusal::new(400, "the content is shorter than Content-Range says"));
            }
            if !range.is_last() {
                self.upload.check_content()?;
                self.upload.keep();
                let offset = range.bytes.end.to_string();
                return Ok(Answer::text(202, "the rest is awaited").with("Upload-Offset", offset));
            }
        }
        let stored = self.upload.commit()?;
        Ok(stored_answer(&stored, self.upload.path()))
    }
}

impl Intake for Put {
    fn is_stale(&self) -> bool {
        self.upload.is_stale()
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Box<Answer>> {
        let end = self.upload.offset() + piece.len() as u64;
        if self.range.as_ref().is_some_and(|range| end > range.bytes.end) {
            let longer = Refusal::new(400, "the content is longer than Content-Range says");
            return Err(self.upload.take_back(longer).into());
        }
        Ok(self.upload.write(piece)?)
    }

    fn finish(mut self: Box<Self>) -> Answer {
        self.end().unwrap_or_else(Answer::from)
    }
}

/// The answer for a file that has its name: its digest, as `b3sum` writes it.
pub(super) fn stored_answer(stored: &Stored, path: &[u8]) -> Answer {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let mut line = String::new();
    push_sum_line(&stored.digest, name, &mut line);
    let mut answer =
        Answer::bytes(stored.status, TEXT, line.into_bytes()).with("X-Content-Type-Options", "nosniff");
    answer.completes = true;
    if stored.status == 201 {
        answer.fields.push(("Location", format!("./{}", link(name)).into_bytes()));
    }
    if let Some(tag) = &stored.tag {
        answer.fields.push(("ETag", tag.as_str().into()));
    }
    answer
}
