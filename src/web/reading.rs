//! GET and HEAD.

use std::ops::Range;

use super::answer::{Answer, failed};
use super::body::{Broken, Piece, Pieces};
use super::folders::listed;
use super::request::{Request, Route};
use super::tags::facts;
use crate::net::wall::http_date;
use crate::proto::web::byteranges::{self, ByteRanges};
use crate::proto::web::content_range;
use crate::proto::web::file_facts::Timestamp;
use crate::proto::web::media_type::{self, FileType, Presentation, file_type};
use crate::proto::web::names::content_disposition;
use crate::proto::web::selection::{Selection, select};
use crate::proto::web::target::{Query, Target};
use crate::proto::web::validators::Validators;
use crate::store::{Share, SourceFile, StoreErrorKind};

/// The fields that keep a file of anybody from running in the origin of this server.
const FILE_FIELDS: [(&str, &str); 4] = [
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// Answers a GET or a HEAD.
pub(super) fn read(request: &Request<'_>, target: &Target) -> Route {
    let path = target.path.as_ref().map_or(&b""[..], |path| path.as_bytes());
    let is_plain = matches!(target.query, Query::None | Query::Other);
    match &request.site.share {
        Some(share) if is_plain && !target.is_folder && !path.is_empty() => match share.source(path) {
            Ok(source) => Route::Answer(file(request, path, source)),
            Err(fault) if fault.kind == StoreErrorKind::NotRegular => slow(request, target),
            Err(fault) => Route::Answer(failed(&fault)),
        },
        _ => slow(request, target),
    }
}

/// Answers what may take a while, on a thread that may wait.
fn slow(request: &Request<'_>, target: &Target) -> Route {
    if !request.may_block {
        return Route::Move;
    }
    let path = target.path.as_ref().map_or(&b""[..], |path| path.as_bytes());
    Route::Answer(match (target.query, &request.site.share) {
        (Query::None | Query::Other | Query::Json | Query::Text, share) => {
            folder(request, share.as_ref(), target)
        }
        (_, None) => Answer::text(404, "nothing is shared here"),
        (Query::Tar | Query::Zip | Query::B3Sum | Query::B3Tree | Query::B3(_), Some(_)) => {
            let _ = path;
            Answer::text(501, "")
        }
    })
}

fn folder(request: &Request<'_>, share: Option<&Share>, target: &Target) -> Answer {
    let path = target.path.as_ref().map_or(&b""[..], |path| path.as_bytes());
    let folder = match share {
        Some(share) => share.folder(path),
        // The page from which files are sent.
        None if path.is_empty() => Ok(None),
        None => return Answer::text(404, "nothing is shared here"),
    };
    match folder {
        Ok(folder) if target.is_folder => listed(request, folder.as_ref(), target),
        Ok(_) => match target.slash_location().or_else(|| request.secret_location()) {
            Some(location) => Answer::empty(301).with("Location", location),
            None => Answer::text(404, ""),
        },
        Err(fault) => failed(&fault),
    }
}

/// Answers with a file, or parts of it.
fn file(request: &Request<'_>, path: &[u8], source: SourceFile) -> Answer {
    let now = Timestamp { seconds: i64::try_from(request.now_seconds).unwrap_or(i64::MAX), nanoseconds: 0 };
    let validators = Validators::of_file(&facts(&source), now);
    let size_bytes = source.size_bytes();
    let FileType { media_type, presentation } = file_type(path, media_type::Site::Share);
    let selection = select(request.fields(), &validators, size_bytes, request.is_get());
    let mut answer = Answer::empty(selection.status());
    match &validators.etag {
        Some(etag) => {
            answer.fields.push(("ETag", etag.as_str().into()));
            answer.fields.push(("Cache-Control", b"no-cache".to_vec()));
        }
        None => answer.fields.push(("Cache-Control", b"no-store".to_vec())),
    }
    if let Some(seconds) = validators.last_modified() {
        answer.fields.push(("Last-Modified", http_date(seconds).into_bytes()));
    }
    answer.fields.push(("Accept-Ranges", b"bytes".to_vec()));
    answer.fields.extend(FILE_FIELDS.map(|(name, value)| (name, value.into())));
    // A browser has the name from the path of what it shows.
    if presentation == Presentation::Attachment {
        answer.fields.push(("Content-Disposition", content_disposition(false, last(path)).into_bytes()));
    }
    match selection {
        Selection::NotModified => return answer,
        Selection::Failed => {
            answer.length = Some(0);
            return answer;
        }
        Selection::Unsatisfiable => {
            return Answer::text(416, "").with("Content-Range", content_range::of_none(size_bytes));
        }
        Selection::Whole => {
            answer.fields.push(("Content-Type", media_type.into()));
            answer.whole_file = Some(path.to_vec());
            answer.completes = true;
            whole(answer, source, 0..size_bytes)
        }
        Selection::Part(range) => {
            answer.fields.push(("Content-Type", media_type.into()));
            answer.fields.push(("Content-Range", content_range::of_part(&range, size_bytes).into_bytes()));
            // The rest of a download that goes on.
            answer.completes = range.end == size_bytes;
            whole(answer, source, range)
        }
        Selection::Parts(parts) => several(request, answer, source, parts, media_type),
    }
}

fn whole(mut answer: Answer, source: SourceFile, range: Range<u64>) -> Answer {
    answer.length = Some(range.end - range.start);
    answer.first = Some(Piece::File { source, at: range.start, end: range.end });
    answer
}

/// Answers with several parts.
fn several(
    request: &Request<'_>,
    mut answer: Answer,
    source: SourceFile,
    parts: Vec<Range<u64>>,
    media_type: &str,
) -> Answer {
    let mut random = [0; 16];
    if crate::net::fill_random(&mut random).is_err() {
        return Answer::text(500, "");
    }
    let ranges = ByteRanges::new(parts, source.size_bytes(), media_type, random);
    answer.fields.push(("Content-Type", ranges.content_type().into_bytes()));
    answer.length = Some(ranges.len_bytes());
    answer.rest = Some(Box::new(SeveralParts { source, ranges, next: 0 }));
    let _ = request;
    answer
}

/// The parts of a file, with their heads.
struct SeveralParts {
    source: SourceFile,
    ranges: ByteRanges,
    next: usize,
}

impl Pieces for SeveralParts {
    fn next(&mut self) -> Result<Option<Piece>, Broken> {
        let piece = self.ranges.piece(self.next);
        self.next += 1;
        Ok(match piece {
            None => None,
            Some(byteranges::Piece::Literal(bytes)) => Some(Piece::Bytes(bytes)),
            Some(byteranges::Piece::Content(range)) => {
                let source = self.source.try_clone().map_err(|fault| Broken(fault.to_string()))?;
                Some(Piece::File { source, at: range.start, end: range.end })
            }
        })
    }
}

/// The last component of a path.
fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}
