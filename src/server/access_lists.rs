//! Files that are read again while a server runs: access lists, and those of TLS.

use super::access_sources::AccessSources;
use super::tls_files::TlsTerms;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::reactor::{BlockingTask, Io};
use crate::net::signals::Signals;
use crate::net::signals::hangups::Hangups;
use crate::net::tls::server::ServerTls;
use crate::report::Report;

/// Access lists with files or names, and the certificate of TLS with its key: read and resolved again on SIGHUP.
pub(crate) struct AccessLists {
    sources: AccessSources,
    reading: Option<BlockingTask<Result<Access, Error>>>,
    tls: Option<TlsTerms>,
    reading_tls: Option<BlockingTask<Result<ServerTls, Error>>>,
    hangups: Hangups,
    io: Io,
}

impl AccessLists {
    /// `None` where SIGHUP stops the server: nothing can change, and the server was started at a terminal, which may be
    /// gone, or ends by itself. Other servers are started by programs that mean "read your files again" by SIGHUP: systemd,
    /// init scripts, logrotate. A server that ends by itself needs its certificate as it was at the start. Call this before
    /// the server is announced.
    pub(crate) fn new(
        sources: &AccessSources,
        tls: Option<&TlsTerms>,
        ends_by_itself: bool,
        (io, signals): (&Io, &Signals),
    ) -> Result<Option<AccessLists>, Error> {
        let can_change = sources.can_change() || tls.is_some() && !ends_by_itself;
        if !can_change && (signals.had_terminal() || ends_by_itself) {
            return Ok(None);
        }
        let hangups = Hangups::install(io, signals)
            .map_err(|error| Error::new(Exit::Failed, format!("cannot wait for SIGHUP: {error}")))?;
        Ok(Some(AccessLists {
            sources: sources.clone(),
            reading: None,
            tls: tls.cloned(),
            reading_tls: None,
            hangups,
            io: io.clone(),
        }))
    }

    /// Returns new rules once they were read. If something cannot be read, reports that and keeps the old one.
    pub(crate) fn advance(&mut self, report: &Report) -> Option<Access> {
        let read = taken(&mut self.reading);
        match taken(&mut self.reading_tls).zip(self.tls.as_ref()) {
            Some((Ok(tls), terms)) => {
                terms.replace(tls);
                report.info("the certificate was read again");
            }
            Some((Err(error), _)) => {
                report.warning(format_args!("the old certificate stays in use: {error}"));
            }
            None => {}
        }
        if self.reading.is_none() && self.reading_tls.is_none() && self.hangups.came() {
            self.read_again(report);
        }
        match read? {
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

    fn read_again(&mut self, report: &Report) {
        if let Some(source) = self.tls.as_ref().map(TlsTerms::source) {
            let reading = self.io.spawn_blocking(move || source());
            self.reading_tls = reading.map_err(|error| report.warning(error)).ok();
        }
        if self.sources.can_change() {
            let sources = self.sources.clone();
            let reading = self.io.spawn_blocking(move || sources.load());
            self.reading = reading.map_err(|error| report.warning(error)).ok();
        } else if self.tls.is_none() {
            report.info("SIGHUP: there is nothing to read again: no --allow or --deny has a file or a name");
        }
    }
}

/// The outcome of a task that has ended.
fn taken<T>(task: &mut Option<BlockingTask<Result<T, Error>>>) -> Option<Result<T, Error>> {
    let result = task.as_mut().and_then(BlockingTask::take)?;
    *task = None;
    Some(result.and_then(|result| result))
}
