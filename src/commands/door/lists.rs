//! Access lists that change while a server runs.

use crate::commands::admission::AccessArgs;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::reactor::{Aside, Io};
use crate::net::signals::Hangups;
use crate::report::Report;

/// Access lists with files or names, read and resolved again on SIGHUP.
pub(super) struct Lists {
    args: AccessArgs,
    hangups: Hangups,
    reading: Option<Aside<Result<Access, Error>>>,
    io: Io,
}

impl Lists {
    /// `None` if nothing can change.
    pub(super) fn new(args: &AccessArgs, io: &Io) -> Result<Option<Lists>, Error> {
        if !args.can_change() {
            return Ok(None);
        }
        let hangups = Hangups::install(io)
            .map_err(|error| Error::new(Exit::Failed, format!("cannot wait for SIGHUP: {error}")))?;
        Ok(Some(Lists { args: args.clone(), hangups, reading: None, io: io.clone() }))
    }

    /// The new rules, once they were read. Those that cannot be read leave the old ones in force.
    pub(super) fn advance(&mut self, report: &Report) -> Option<Access> {
        let read = self.reading.as_mut().and_then(Aside::take);
        if read.is_some() {
            self.reading = None;
        }
        if self.reading.is_none() && self.hangups.came() {
            let args = self.args.clone();
            self.reading = self.io.aside(move || args.load()).map_err(|error| report.warning(error)).ok();
        }
        match read?.and_then(|access| access) {
            Ok(access) => {
                report.say("access lists were read again");
                Some(access)
            }
            Err(error) => {
                report.warning(format_args!("the old access lists stay in force: {error}"));
                None
            }
        }
    }
}
