//! Ends a connection, not before its client has the last response, as far as that can be known.

use std::time::Instant;

use super::{Connection, Lost, TURN_BYTES, WaitsFor};
use crate::net::goodbye::LingeringClose;
use crate::net::reactor::{Context, Status};
use crate::net::stream::Stream;

impl Connection {
    /// Advances a connection after the last response: it ends when everything is sent and the client has ended.
    pub(super) fn after_last(&mut self, now: Instant) -> Status {
        if !self.unsent.is_empty() {
            return Status::Waiting;
        }
        let needs_receipt = self.tickets > 0;
        if self.has_ended && !needs_receipt || self.stream.finish_writing().is_err() {
            return Status::Done;
        }
        // A failure shows again later.
        let _ = self.confirm(now);
        self.wait_for(if self.has_ended { WaitsFor::Receipt } else { WaitsFor::End }, now);
        Status::Again
    }

    /// Drains and discards input until the client ends, is silent, or has had the time of a whole body.
    pub(super) fn linger(&mut self, now: Instant) -> Result<Status, Lost> {
        // First: after a reset the acknowledgement is no longer known.
        self.confirm(now)?;
        let idle = self.worker.site.timeouts.idle;
        let goodbye = self.goodbye.get_or_insert_with(|| LingeringClose::within(idle, now));
        let status = goodbye.drain(&mut self.stream, Context { now, budget_bytes: TURN_BYTES })?;
        self.deadline = goodbye.deadline();
        if status == Status::Done { self.settle(now) } else { Ok(status) }
    }

    /// Ends the connection; with `--count` once the client's system has acknowledged the response.
    pub(super) fn settle(&mut self, now: Instant) -> Result<Status, Lost> {
        self.confirm(now)?;
        if self.tickets == 0 || self.is_confirmed {
            return Ok(Status::Done);
        }
        if self.waits != WaitsFor::Receipt {
            self.wait_for(WaitsFor::Receipt, now);
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
    /// Records that the responses of `--count` have arrived, or are lost.
    pub(super) fn give_back(&mut self, have_arrived: bool) {
        let tickets = std::mem::take(&mut self.tickets);
        match self.worker.stats.as_ref().filter(|_| tickets > 0) {
            Some(stats) if have_arrived => stats.delivered(tickets),
            Some(stats) => stats.lost(tickets),
            None => {}
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.worker.release(self.kept_bytes);
        self.give_back(self.is_confirmed);
    }
}
