//! Failures of a fetch: servers that are not used any more, statuses, and what the file system says.

use super::{Answer, Fetching};
use crate::error::{Error, Exit, Retry};
use crate::proto::http::reason;
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

    /// The failure of a status other than those of content.
    pub(super) fn status_error(&self, status: u16) -> Error {
        let exit = match status {
            401 | 407 => Exit::Untrusted,
            _ => Exit::Refused,
        };
        let what = match status {
            404 | 410 => "not found there: ",
            _ => "",
        };
        let text = format!("{}: {what}the server says {status} {}", self.shown(), reason(status));
        let retry = match status {
            408 | 425 | 429 | 500 | 502..=504 => Retry::Again,
            _ => Retry::Never,
        };
        Error::new(exit, text.trim_end()).with_retry(retry)
    }

    /// The failure of a file here.
    pub(super) fn store_error(&self, fault: &StoreError) -> Error {
        let name = self.shown();
        match fault.kind {
            StoreErrorKind::Exists => {
                Error::new(Exit::Refused, format!("{name}: exists with other content: --force replaces it"))
            }
            StoreErrorKind::NoSpace => Error::new(Exit::CannotWrite, format!("{name}: no space left here")),
            StoreErrorKind::Busy | StoreErrorKind::Unsafe | StoreErrorKind::NotRegular => {
                Error::new(Exit::Refused, format!("{name}: {fault}"))
            }
            _ => Error::new(Exit::CannotWrite, format!("{name}: {fault}")),
        }
    }

    /// The failure of a file that already exists.
    pub(super) fn exists(&self) -> Error {
        Error::new(Exit::Refused, format!("{}: exists with other content: --force replaces it", self.shown()))
    }

    /// The failure of a file whose content is not what its digest says.
    pub(super) fn mismatch(&self) -> Error {
        let text = format!("{}: the content does not match its BLAKE3 digest", self.shown());
        Error::new(Exit::Integrity, text).with_retry(Retry::Again)
    }

    /// Fails if a file of this size is not taken, or has no room here.
    pub(super) fn check_size(&self, size: u64, needed_bytes: u64) -> Result<(), Error> {
        if let Some(limit) = self.options.max_size.filter(|limit| size > *limit) {
            let text =
                format!("{}: has {size} bytes, and at most {limit} are taken (see --max-size)", self.shown());
            return Err(Error::new(Exit::Refused, text));
        }
        let super::FetchTarget::Folder { folder, .. } = &self.options.target else { return Ok(()) };
        match folder.free_bytes(&self.options.name) {
            Some(free) if free < needed_bytes => {
                Err(Error::new(Exit::CannotWrite, format!("{}: no space left here", self.shown())))
            }
            _ => Ok(()),
        }
    }
}
