//! The descriptors of a session's parts, which it shares with other sessions of a server.

use super::decision::SMALL_BYTES;
use super::{Receiving, cut};
use crate::net::reactor::Status;
use crate::net::stream::Stream;
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::server::descriptors::Lease;
use crate::transfer::connection::link::Link;
use crate::transfer::connection::wire::Failure;

/// What a session knows of the descriptors of its parts.
#[derive(Default)]
pub(super) struct PartDescriptors {
    /// `None`: it shares them with no other session.
    lease: Option<Lease>,
    /// A file was offered that becomes a part.
    has_parts: bool,
    is_waiting: bool,
}

impl PartDescriptors {
    pub(super) fn share(&mut self, lease: Option<Lease>) {
        self.lease = lease;
    }

    /// Notes an offered entry: small files need no part.
    pub(super) fn expect(&mut self, entry: &Entry) {
        self.has_parts |= entry.kind == EntryKind::File && entry.size.is_none_or(|size| size > SMALL_BYTES);
    }

    /// Returns whether the session waits for another one to end.
    pub(super) fn is_waiting(&self) -> bool {
        self.is_waiting
    }
}

impl Receiving {
    /// Returns whether other sessions hold the descriptors that this one needs for its parts. Before the first part it has
    /// taken all that it may need, and so never waits with a part open.
    pub(super) fn lacks_descriptors(&mut self) -> bool {
        let PartDescriptors { lease, has_parts, is_waiting } = &mut self.descriptors;
        let (count, io) = (self.decisions.spare_parts.descriptors(), &self.decisions.io);
        let has_them = |lease: &mut Lease| lease.complete(count, || io.thread_waker());
        *is_waiting = *has_parts && !lease.as_mut().is_none_or(has_them);
        *is_waiting
    }

    /// Waits until another session has ended.
    pub(super) fn await_descriptors<S: Stream>(&self, link: &mut Link<S>) -> Result<Status, Failure> {
        if link.wire.has_ended()? {
            return Err(cut());
        }
        link.wire.flush()?;
        Ok(Status::Waiting)
    }
}
