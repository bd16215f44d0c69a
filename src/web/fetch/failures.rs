//! Failures of a fetch: servers that are not used any more, statuses, and what the file system says.

use super::{Answer, FetchTarget, Fetching};
use crate::error::{Error, Exit, Retry};
use crate::proto::http::reason;
use crate::proto::transfer::reason::Reason;
use crate::report::FileEvent;
use crate::store::{StoreError, StoreErrorKind};

impl Fetching {
    /// Uses a server no more, and says so.
    ///
    /// # Errors
    /// There is no other.
    pub(super) fn drop_mirror(&mut self, index: usize, error: Error) -> Result<(), Error> {
        self.mirrors[index].answer = Answer::Dropped;
        for (mirror, lane) in &mut self.lanes {
            if *mirror == index {
                lane.close();
            }
        }
        let origin = self.options.mirrors[index].origin();
        let is_named = error.to_string().starts_with(&origin);
        let error = if is_named { error } else { error.context(origin) };
        if !self.mirrors.iter().any(|mirror| !matches!(mirror.answer, Answer::Dropped)) {
            return Err(error);
        }
        self.reason.set(None);
        self.report.warning(format_args!("{error}; it is not used any more"));
        Ok(())
    }

    /// The first server that is used.
    pub(super) fn first_mirror(&self) -> Option<usize> {
        self.mirrors.iter().position(|mirror| !matches!(mirror.answer, Answer::Dropped))
    }

    /// Returns whether a server is used.
    pub(super) fn is_used(&self, index: usize) -> bool {
        !matches!(self.mirrors[index].answer, Answer::Dropped)
    }

    /// Reports the failed file as an event.
    pub(super) fn report_failed(&self, error: &Error) {
        let Some(reason) = self.reason.take() else { return };
        self.report.file(&FileEvent {
            path: &self.options.name,
            kind: "file",
            state: "failed",
            size: None,
            digest: None,
            reason: Some(&reason.to_string()),
            text: Some(&error.to_string()),
        });
    }

    /// A failure that is about the file, and its reason.
    fn about_file(&self, exit: Exit, reason: Reason, text: &str) -> Error {
        self.reason.set(Some(reason));
        Error::new(exit, format!("{}: {text}", self.shown()))
    }

    /// The failure of a status other than those of content.
    pub(super) fn status_error(&self, status: u16) -> Error {
        let text = format!("the server says {status} {}", reason(status));
        let text = text.trim_end();
        match status {
            404 | 410 => {
                self.about_file(Exit::Refused, Reason::NotFound, &format!("not found there: {text}"))
            }
            401 | 407 => self.about_file(Exit::Untrusted, Reason::NotAllowed, text),
            403 => self.about_file(Exit::Refused, Reason::NotAllowed, text),
            408 | 425 | 429 | 500 | 502..=504 => {
                self.about_file(Exit::Refused, Reason::Busy, text).with_retry(Retry::Again)
            }
            _ => self.about_file(Exit::Refused, Reason::Failed, text),
        }
    }

    /// The failure of a file here.
    pub(super) fn store_error(&self, fault: &StoreError) -> Error {
        let text = fault.to_string();
        match fault.kind {
            StoreErrorKind::Exists => self.exists(),
            StoreErrorKind::NoSpace => self.no_space(),
            StoreErrorKind::Busy => self.about_file(Exit::Refused, Reason::Exists, &text),
            StoreErrorKind::Unsafe => self.about_file(Exit::Refused, Reason::UnsafeName, &text),
            StoreErrorKind::NotRegular => self.about_file(Exit::Refused, Reason::NotRegular, &text),
            _ => self.about_file(Exit::CannotWrite, Reason::Unwritable, &text),
        }
    }

    fn no_space(&self) -> Error {
        self.about_file(Exit::CannotWrite, Reason::NoSpace, "no space left here")
    }

    /// The failure of a file that already exists.
    pub(super) fn exists(&self) -> Error {
        let text = "exists with other content: --force replaces it";
        self.about_file(Exit::Refused, Reason::Exists, text)
    }

    /// The failure of a file whose content is not what its digest says.
    pub(super) fn mismatch(&self) -> Error {
        let text = "the content does not match its BLAKE3 digest";
        self.about_file(Exit::Integrity, Reason::DigestMismatch, text).with_retry(Retry::Again)
    }

    /// The failure of a file of which a server sends a wrong block.
    pub(super) fn wrong_block(&self, start: u64) -> Error {
        self.reason.set(Some(Reason::DigestMismatch));
        let text = format!("the block of 4 MiB at byte {start} is not what ?b3tree says");
        // A part that is kept needs no more than this block.
        Error::new(Exit::Integrity, text).with_retry(Retry::Again)
    }

    /// Fails if a file of this size is not taken, or has no room here.
    pub(super) fn check_size(&self, size: u64, needed_bytes: u64) -> Result<(), Error> {
        if let Some(limit) = self.options.max_size.filter(|limit| size > *limit) {
            return Err(self.too_large(size, limit));
        }
        let FetchTarget::Folder { folder, .. } = &self.options.target else { return Ok(()) };
        match folder.free_bytes(&self.options.name) {
            Some(free) if free < needed_bytes => Err(self.no_space()),
            _ => Ok(()),
        }
    }

    /// The failure of a file of at least this size.
    pub(super) fn too_large(&self, size: u64, limit: u64) -> Error {
        let text = format!("has {size} bytes or more, and at most {limit} are taken (see --max-size)");
        self.about_file(Exit::Refused, Reason::TooLarge, &text)
    }
}
