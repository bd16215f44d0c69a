//! `upload --dry-run`: prints the entries that an upload would send.

use std::time::Instant;

use super::failure::{Role, describe, exit_of};
use super::left_out::LeftOut;
use super::list::{ENTRY_COST_BYTES, WAITING_BYTES, line};
use super::send::offering::{Offering, OfferingItem};
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::reactor::{Context, IoHandle, Session, Status};
use crate::net::send::{SendBuffer, Sent, send_all};
use crate::net::stdio::Stdio;
use crate::proto::transfer::entry::Entry;
use crate::report::Report;

/// `upload --dry-run`: prints the entries that an upload would send.
pub(crate) struct DryRun {
    offering: Offering,
    stdout: Stdio,
    lines: SendBuffer,
    report: Report,
    entries: u64,
    failed: u64,
    /// The first failure. It ends the command if it is the only one.
    failure: Option<Error>,
    left_out: LeftOut,
    ended: bool,
}

impl DryRun {
    pub(crate) fn new(offering: Offering, io: &IoHandle, report: &Report) -> Result<DryRun, Error> {
        crate::net::stdio::check_stdout()?;
        Ok(DryRun {
            offering,
            stdout: Stdio::open(io)?,
            lines: SendBuffer::default(),
            report: report.clone(),
            entries: 0,
            failed: 0,
            failure: None,
            left_out: LeftOut::default(),
            ended: false,
        })
    }

    fn entry(&mut self, entry: &Entry) {
        self.entries += 1;
        let Some((reason, text)) = &entry.not_offered else {
            return self.lines.push(line(entry, self.report.is_json()).as_bytes());
        };
        let failure =
            Error::new(exit_of(*reason, Role::Sender), describe(&entry.path, *reason, text, Role::Sender));
        self.failed += 1;
        match self.failure.take() {
            None => self.failure = Some(failure),
            Some(first) => {
                self.report.warning(&failure);
                self.failure = Some(first);
            }
        }
    }

    /// Returns the result that the upload would have, after everything was printed.
    fn conclude(&mut self) -> Result<Status, Error> {
        self.left_out.report_counts(Role::Sender, &self.report);
        let Some(first) = self.failure.take() else { return Ok(Status::Done) };
        if self.entries == 1 {
            return Err(first);
        }
        self.report.warning(&first);
        let exit = if self.failed < self.entries { Exit::Partial } else { first.exit() };
        Err(Error::new(exit, format!("{} of {} files cannot be sent", self.failed, self.entries)))
    }
}

impl Session for DryRun {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let mut budget = context.budget_bytes;
        loop {
            if self.lines.pending() >= WAITING_BYTES || self.ended {
                let sent = send_all(&mut self.stdout, &mut self.lines);
                match sent.map_err(|error| cannot_write(&error))? {
                    Sent::Blocked => return Ok(Status::Waiting),
                    Sent::All if self.ended => return self.conclude(),
                    Sent::All => {}
                }
            }
            if budget == 0 {
                return Ok(Status::Again);
            }
            budget = budget.saturating_sub(ENTRY_COST_BYTES);
            match self.offering.next() {
                Some(OfferingItem::Entry(offered)) => self.entry(&offered.entry),
                Some(OfferingItem::Skipped(skipped)) => self.left_out.record(&skipped, &self.report),
                None => self.ended = true,
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}
