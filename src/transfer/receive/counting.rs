//! Progress of a receiving session, shown here and at the sender.

use std::time::{Duration, Instant};

use super::{Link, Receiving};
use crate::net::stream::Stream;
use crate::proto::transfer::outcome::EntryOutcome;

/// Interval of progress frames to the sender.
pub(super) const ACK_INTERVAL: Duration = Duration::from_millis(100);

impl Receiving {
    /// Counts the received bytes, also within blocks and chunks.
    pub(super) fn show<S: Stream>(&mut self, link: &Link<S>) {
        if !self.progress.is_counted() {
            return;
        }
        let assembly = &mut self.assembly;
        self.progress.there(std::mem::take(&mut assembly.resumable_bytes));
        self.progress.not_there(std::mem::take(&mut assembly.replaced_bytes));
        let buffered = link.wire.incoming().len();
        let of_body = self.bodies.frame.as_ref().map_or(0, |body| (body.remaining()).min(buffered) as u64);
        let connections = self
            .pool
            .open()
            .map(|(connection, link)| connection.local.received_bytes_with(link.wire.incoming().len()));
        let of_blocks = self.incoming.received_bytes_with(buffered) + connections.sum::<u64>();
        let received_bytes_with = self.bodies.stored_bytes + of_body + assembly.verified_bytes + of_blocks;
        // A block that was damaged is counted once.
        self.progress.moved(received_bytes_with.saturating_sub(self.shown_bytes));
        self.shown_bytes = self.shown_bytes.max(received_bytes_with);
    }

    /// Sends the progress to the sender.
    pub(super) fn acknowledge<S: Stream>(&mut self, link: &Link<S>, now: Instant) {
        if now >= self.next_ack {
            self.next_ack = now + ACK_INTERVAL;
            let partial = self
                .bodies
                .frame
                .as_ref()
                .map_or(0, |body| body.received_bytes_with(link.wire.incoming().len()));
            self.machine.acknowledge(self.machine.received_bytes() + partial);
        }
    }

    /// Records the files that are closed.
    pub(super) fn record_closed(&mut self) {
        while let Some(closed) = self.machine.closed() {
            self.progress.done(1);
            self.decisions.space.ended(closed.file);
            if closed.outcome == EntryOutcome::AlreadyThere {
                self.progress.there(closed.size);
            }
            let digest = self.digests.remove(&closed.file);
            self.stats.record(closed, digest);
        }
    }
}
