//! Why a file is not stored.

use crate::error::{Error, Exit};
use crate::report::{Report, escape_name};
use crate::store::{StoreError, StoreErrorKind};
use crate::web::answer::Answer;

/// The reason for which a file is refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// In one line, without names.
    pub(super) why: &'static str,
    /// The same request may succeed soon.
    is_passing: bool,
    /// The bytes that are there: what follows them can be sent.
    offset: Option<u64>,
}

impl Refusal {
    pub(super) const fn new(status: u16, why: &'static str) -> Refusal {
        Refusal { status, why, is_passing: false, offset: None }
    }

    /// The same request may succeed soon.
    pub(super) const fn passing(self) -> Refusal {
        Refusal { is_passing: true, ..self }
    }

    /// The bytes must begin elsewhere.
    pub(super) fn offset(offset: u64) -> Refusal {
        let why = "the file continues at another byte: see Upload-Offset";
        Refusal { offset: Some(offset), ..Refusal::new(416, why) }
    }

    /// What cannot be written.
    pub(super) fn of(fault: &StoreError) -> Refusal {
        match fault.kind {
            StoreErrorKind::NoSpace => NO_ROOM,
            StoreErrorKind::Busy => BUSY,
            StoreErrorKind::Exists => OTHER_CONTENT,
            StoreErrorKind::Unsafe | StoreErrorKind::NotRegular => {
                Refusal::new(409, "something else than a file has this name, or is in its way")
            }
            StoreErrorKind::NotAllowed => Refusal::new(403, "the server may not write there"),
            _ => BROKEN,
        }
    }

    /// Reports the failure of an upload that was begun.
    pub(super) fn report(&self, path: &[u8], report: &Report) {
        let exit = match self.status {
            422 => Exit::Integrity,
            500 | 507 => Exit::CannotWrite,
            _ => Exit::Refused,
        };
        report.error(&Error::new(exit, format!("{}: {}", escape_name(path), self.why)));
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        let mut answer = Answer::text(refusal.status, refusal.why);
        if refusal.is_passing {
            answer.fields.push(("Retry-After", b"1".to_vec()));
        }
        if let Some(offset) = refusal.offset {
            answer.fields.push(("Upload-Offset", offset.to_string().into_bytes()));
        }
        answer
    }
}

impl From<Refusal> for Box<Answer> {
    fn from(refusal: Refusal) -> Box<Answer> {
        Box::new(refusal.into())
    }
}

pub(super) const BROKEN: Refusal = Refusal::new(500, "the server cannot write the file");
pub(super) const NO_ROOM: Refusal = Refusal::new(507, "there is no room for the file");
pub(super) const BUSY: Refusal =
    Refusal::new(409, "the file is being written just now: try again in a second").passing();
pub(super) const STOPPING: Refusal = Refusal::new(503, "the server is stopping: try again later").passing();
pub(super) const TOO_LARGE: Refusal =
    Refusal::new(413, "the file is larger than this server takes (--max-size)");
pub(super) const OTHER_CONTENT: Refusal =
    Refusal::new(409, "a file with other content has this name; to replace it send If-Match with its ETag");
pub(super) const OTHER_DIGEST: Refusal =
    Refusal::new(422, "the content is not that of the digest which was sent: nothing was stored");
pub(super) const CODED: Refusal = Refusal::new(415, "send the content without a coding");
