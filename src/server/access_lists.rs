//! Access lists that change while a server runs.

use super::admission::AccessSources;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::reactor::{BlockingTask, Io};
use crate::net::signals::Signals;
use crate::net::signals::hangups::Hangups;
use crate::report::Report;

/// Access lists with files or names, read and resolved again on SIGHUP.
pub(crate) struct AccessLists {
    sources: AccessSources,
    hangups: Hangups,
    reading: Option<BlockingTask<Result<Access, Error>>>,
    io: Io,
}

impl AccessLists {
    /// `None` where SIGHUP stops the server: no list can change, and the server was started at a terminal, which may be
    /// gone, or ends by itself. Other servers are started by programs that mean "read your files again" by SIGHUP: systemd,
    /// init scripts, logrotate. Call this before the server is announced.
    pub(crate) fn new(
        sources: &AccessSources,
        ends_by_itself: bool,
        (io, signals): (&Io, &Signals),
    ) -> Result<Option<AccessLists>, Error> {
        if !sources.can_change() && (signals.had_terminal() || ends_by_itself) {
            return Ok(None);
        }
        let hangups = Hangups::install(io, signals)
            .map_err(|error| Error::new(Exit::Failed, format!("cannot wait for SIGHUP: {error}")))?;
        Ok(Some(AccessLists { sources: sources.clone(), hangups, reading: None, io: io.clone() }))
    }

    /// Returns new rules once they were read. If they cannot be read, reports that and keeps the old ones.
    pub(crate) fn advance(&mut self, report: &Report) -> Option<Access> {
        let read = self.reading.as_mut().and_then(BlockingTask::take);
        if read.is_some() {
            self.reading = None;
        }
        if self.reading.is_none() && self.hangups.came() {
            if self.sources.can_change() {
                let sources = self.sources.clone();
                self.reading = self
                    .io
                    .spawn_blocking(move || sources.load())
                    .map_err(|error| report.warning(error))
                    .ok();
            } else {
                report.info(
                    "SIGHUP: there is nothing to read again: no --allow or --deny has a file or a name",
                );
            }
        }
        match read?.and_then(|access| access) {
            Ok(access) => {
                report.info("access lists were read again");
                Some(access)
            }
            Err(error) => {
                report.warning(format_args!("the old access lists stay in force: {error}"));
                None
            }
        }
    }
}
