//! Answers with a content: whole, in part, or not again.

use std::ops::Range;
use std::sync::Arc;

use super::answer::{Answer, TEXT};
use super::archive::Archive;
use super::body::{Broken, Piece, Pieces};
use super::hashing::Digests;
use super::tags::facts;
use super::terms::{ETagSource, Lifetime};
use super::walking::Files;
use super::work::Asking;
use crate::net::wall::http_date;
use crate::proto::http::values;
use crate::proto::web::byteranges::{self, ByteRanges};
use crate::proto::web::content_range;
use crate::proto::web::digests;
use crate::proto::web::media_type::{self, FileType, Presentation, file_type};
use crate::proto::web::names::content_disposition;
use crate::proto::web::selection::{Selection, select};
use crate::proto::web::validators::Validators;
use crate::store::SourceFile;

/// The fields that keep a file of anybody from running in the origin of this server, beside its policy.
const FILE_FIELDS: [(&str, &str); 3] = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// What a request names, in the form that is wanted.
pub(super) struct Representation {
    pub(super) validators: Validators,
    pub(super) size_bytes: u64,
    pub(super) media_type: &'static str,
    /// The name under which it is saved.
    pub(super) disposition: Option<String>,
    /// The digest of the whole, if it was asked for.
    pub(super) digest: Option<String>,
    pub(super) lifetime: Lifetime,
    pub(super) content: Content,
}

/// The bytes.
pub(super) enum Content {
    File(SourceFile),
    Archive(Arc<Archive>, Files),
    /// A text that cannot be had in part.
    Text(Box<dyn Pieces>),
}

impl Representation {
    /// A file. `known` are the digests that are wanted of it.
    pub(super) fn file(
        asking: &Asking<'_>,
        path: &[u8],
        source: SourceFile,
        known: &Digests,
    ) -> Representation {
        let mut validators = Validators::of_file(&facts(&source), asking.now);
        if let (ETagSource::Content, Some(digest)) = (asking.site.terms.etag, &known.blake3) {
            validators = validators.with_content(digest);
        }
        let kind =
            if asking.site.terms.is_site { media_type::Site::Trusted } else { media_type::Site::Share };
        let FileType { media_type, presentation } = file_type(path, kind);
        // A browser has the name from the path of what it shows.
        let is_saved = presentation == Presentation::Attachment;
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        Representation {
            validators,
            size_bytes: source.size_bytes(),
            media_type,
            disposition: is_saved.then(|| content_disposition(false, name)),
            digest: known.sha256.as_ref().map(digests::field_value),
            lifetime: Lifetime::Usual,
            content: Content::File(source),
        }
    }

    /// A text that is made from files.
    pub(super) fn text(validators: Validators, size_bytes: u64, content: Box<dyn Pieces>) -> Representation {
        Representation {
            validators,
            size_bytes,
            media_type: TEXT,
            disposition: None,
            digest: None,
            lifetime: Lifetime::Usual,
            content: Content::Text(content),
        }
    }

    /// Answers with what the request has selected of it.
    pub(super) fn answer(self, asking: &Asking<'_>) -> Answer {
        let Representation { validators, size_bytes, media_type, content, .. } = self;
        let has_ranges = !matches!(content, Content::Text(_));
        let selection = select(asking.fields, &validators, size_bytes, asking.is_get && has_ranges);
        let mut answer = Answer::empty(selection.status());
        let mut add = |name, value: Vec<u8>| answer.fields.push((name, value));
        let cache_control = asking.site.terms.cache_control(self.lifetime, asking.is_private);
        match &validators.etag {
            Some(etag) => {
                add("ETag", etag.as_str().into());
                add("Cache-Control", cache_control.into());
            }
            None => add("Cache-Control", b"no-store".to_vec()),
        }
        if let Some(seconds) = validators.last_modified() {
            add("Last-Modified", http_date(seconds).into_bytes());
        }
        if has_ranges {
            add("Accept-Ranges", b"bytes".to_vec());
        }
        // Pages of a site are to run.
        let is_site = asking.site.terms.is_site && matches!(content, Content::File(_));
        if !is_site {
            add("Content-Security-Policy", media_type::policy(media_type).into());
        }
        for (name, value) in FILE_FIELDS {
            add(name, value.into());
        }
        if let Some(value) = self.disposition {
            add("Content-Disposition", value.into_bytes());
        }
        if let Some(value) = self.digest.filter(|_| matches!(selection.status(), 200 | 206)) {
            add("Repr-Digest", value.into_bytes());
        }
        match selection {
            Selection::NotModified => answer,
            Selection::Failed => Answer { length: Some(0), ..answer },
            Selection::Unsatisfiable => {
                Answer::text(416, "").with("Content-Range", content_range::of_none(size_bytes))
            }
            Selection::Whole => {
                answer.completes = has_ranges;
                whole(answer.with("Content-Type", media_type), content, 0..size_bytes)
            }
            Selection::Part(range) => {
                // The rest of what the client has begun: without a condition it may be any end, as players of films ask for.
                answer.completes =
                    range.end == size_bytes && values(asking.fields, "if-range").next().is_some();
                let answer = answer.with("Content-Type", media_type);
                let answer = answer.with("Content-Range", content_range::of_part(&range, size_bytes));
                whole(answer, content, range)
            }
            Selection::Parts(parts) => several(answer, content, parts, size_bytes, media_type),
        }
    }
}

fn whole(mut answer: Answer, content: Content, range: Range<u64>) -> Answer {
    answer.length = Some(range.end - range.start);
    match content {
        Content::File(source) => {
            answer.first = Some(Piece::File { source: Box::new(source), at: range.start, end: range.end });
        }
        Content::Archive(archive, files) => answer.rest = Some(archive.pieces(files, range)),
        Content::Text(pieces) => answer.rest = Some(pieces),
    }
    answer
}

/// Answers with several parts.
fn several(
    mut answer: Answer,
    content: Content,
    parts: Vec<Range<u64>>,
    size_bytes: u64,
    media_type: &str,
) -> Answer {
    let mut random = [0; 16];
    if crate::net::fill_random(&mut random).is_err() {
        return Answer::text(500, "");
    }
    let ranges = ByteRanges::new(parts, size_bytes, media_type, random);
    answer.fields.push(("Content-Type", ranges.content_type().into_bytes()));
    answer.length = Some(ranges.len_bytes());
    answer.rest = Some(Box::new(SeveralParts { content, ranges, next: 0, part: None }));
    answer
}

/// The parts of a content, with their heads.
struct SeveralParts {
    content: Content,
    ranges: ByteRanges,
    next: usize,
    /// The part of an archive that is being sent.
    part: Option<Box<dyn Pieces>>,
}

impl Pieces for SeveralParts {
    fn next(&mut self) -> Result<Option<Piece>, Broken> {
        loop {
            if let Some(part) = &mut self.part {
                match part.next()? {
                    Some(piece) => return Ok(Some(piece)),
                    None => self.part = None,
                }
            }
            let piece = self.ranges.piece(self.next);
            self.next += 1;
            let range = match piece {
                None => return Ok(None),
                Some(byteranges::Piece::Literal(bytes)) => return Ok(Some(Piece::Bytes(bytes))),
                Some(byteranges::Piece::Content(range)) => range,
            };
            match &self.content {
                Content::File(source) => {
                    let source = source.try_clone().map_err(|fault| Broken(fault.to_string()))?;
                    return Ok(Some(Piece::File {
                        source: Box::new(source),
                        at: range.start,
                        end: range.end,
                    }));
                }
                Content::Archive(archive, files) => self.part = Some(archive.pieces(files.clone(), range)),
                Content::Text(_) => return Err(Broken("a text has no parts".into())),
            }
        }
    }
}
