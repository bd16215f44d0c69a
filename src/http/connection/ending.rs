//! How a connection ends: not before its client has the last answer, as far as that can be known.

use std::time::Instant;

use super::{Connection, Lost, TURN_BYTES, Waits};
use crate::net::goodbye::LingeringClose;
use crate::net::reactor::{Context, Status};
use crate::net::stream::Stream;

impl Connection {
    /// Advances a connection that answers no more: it ends when everything was sent and the client has ended.
    pub(super) fn after_last(&mut self, now: Instant) -> Status {
        if !self.unsent.is_empty() {
            return Status::Waiting;
        }
        let needs_receipt = self.tickets > 0;
        if self.has_ended && !needs_receipt || self.stream.finish_writing().is_err() {
            return Status::Done;
        }
        // What goes wrong here shows again below.
        let _ = self.confirm(now);
        self.wait_for(if self.has_ended { Waits::Receipt } else { Waits::End }, now);
        Status::Again
    }

    /// Hears the client out, and does not listen: until it ends, is silent, or has had the time of a whole body.
    pub(super) fn linger(&mut self, now: Instant) -> Result<Status, Lost> {
        // First: after a reset it could not be known any more.
        self.confirm(now)?;
        let idle = self.worker.site.patience.idle;
        let goodbye = self.goodbye.get_or_insert_with(|| LingeringClose::within(idle, now));
        let status = goodbye.drain(&mut self.stream, Context { now, budget_bytes: TURN_BYTES })?;
        self.deadline = goodbye.deadline();
        if status == Status::Done { self.settle(now) } else { Ok(status) }
    }

    /// Ends it; with `--count` once the client's system has the answer.
    pub(super) fn settle(&mut self, now: Instant) -> Result<Status, Lost> {
        self.confirm(now)?;
        if self.tickets == 0 || self.is_confirmed {
            return Ok(Status::Done);
        }
        if self.waits != Waits::Receipt {
            self.wait_for(Waits::Receipt, now);
        }
        if now >= self.deadline { Err(Lost) } else { Ok(Status::Waiting) }
    }

    fn confirm(&mut self, now: Instant) -> Result<(), Lost> {
        if self.tickets > 0 && !self.is_confirmed {
            self.is_confirmed =
                self.acknowledgement.is_acknowledged(&mut self.stream, now).map_err(|_| Lost)?;
            if self.is_confirmed {
                self.acknowledgement.put_off();
            }
        }
        Ok(())
    }
}

impl Connection {
    /// The answers of `--count` have arrived, or are lost.
    pub(super) fn give_back(&mut self, have_arrived: bool) {
        let tickets = std::mem::take(&mut self.tickets);
        match self.worker.stats.as_ref().filter(|_| tickets > 0) {
            Some(stats) if have_arrived => stats.given(tickets),
            Some(stats) => stats.lost(tickets),
            None => {}
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.worker.let_go(self.kept_bytes);
        self.give_back(self.is_confirmed);
    }
}
