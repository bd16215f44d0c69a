//! Answers to requests.

use super::body::{Piece, Pieces};
use crate::proto::http::{has_no_body, reason};
use crate::store::{StoreError, StoreErrorKind};

/// The media type of answers that people read.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer before it is encoded.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: Vec<(&'static str, Vec<u8>)>,
    /// The length of the body in bytes. `None`: the status has no body.
    pub(super) length: Option<u64>,
    pub(super) first: Option<Piece>,
    pub(super) rest: Option<Box<dyn Pieces>>,
    /// The path of a file that is sent whole, for the report.
    pub(super) whole_file: Option<Vec<u8>>,
    /// With it the client has a whole file, or has sent one: the transfer of `--once`.
    pub(super) completes: bool,
    /// The connection ends after it.
    pub(super) closes: bool,
}

impl Answer {
    /// An answer without a body.
    pub(super) fn empty(status: u16) -> Answer {
        let length = (!has_no_body(status)).then_some(0);
        Answer {
            status,
            fields: Vec::new(),
            length,
            first: None,
            rest: None,
            whole_file: None,
            completes: false,
            closes: false,
        }
    }

    /// An answer with this body.
    pub(super) fn bytes(status: u16, media_type: &str, body: Vec<u8>) -> Answer {
        let mut answer = Answer::empty(status);
        answer.fields.push(("Content-Type", media_type.as_bytes().to_vec()));
        answer.length = Some(body.len() as u64);
        answer.first = Some(Piece::Bytes(body));
        answer
    }

    /// An answer that says its status and why, in one line.
    pub(super) fn text(status: u16, why: &str) -> Answer {
        let line = match why {
            "" => format!("{status} {}\n", reason(status)),
            why => format!("{status} {}: {why}\n", reason(status)),
        };
        Answer::bytes(status, TEXT, line.into_bytes())
            .with("Cache-Control", "no-store")
            .with("X-Content-Type-Options", "nosniff")
    }

    /// Adds a field.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Answer {
        self.fields.push((name, value.into()));
        self
    }

    /// The connection ends after the answer.
    pub(super) fn closing(mut self) -> Answer {
        self.closes = true;
        self
    }
}

/// The answer for what cannot be opened.
pub(super) fn failed(fault: &StoreError) -> Answer {
    match fault.kind {
        StoreErrorKind::NotFound | StoreErrorKind::Unsafe | StoreErrorKind::NotRegular => {
            Answer::text(404, "")
        }
        StoreErrorKind::NotAllowed => Answer::text(403, "the server may not read it"),
        _ => Answer::text(500, "the server cannot read it"),
    }
}

/// The answer to a request that may not be the only transfer.
pub(super) fn taken() -> Answer {
    Answer::text(503, "this server serves one transfer, which has begun (--once)").with("Retry-After", "1")
}

/// The answer for a file that changes just now.
pub(super) fn changing() -> Answer {
    Answer::text(503, "the file is changing").with("Retry-After", "1")
}
