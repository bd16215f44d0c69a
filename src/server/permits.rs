//! Permits of clients: access lists, limits, and counts of how their sessions ended.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::places::{SourceSlot, SourceSlots};
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::endpoint::PeerName;
use crate::net::reactor::Waker;
use crate::proto::secure::account::CodeUse;
use crate::report::{Metrics, Queue, Refusal, Report};

/// The reason why a client is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The access list denies it.
    Denied,
    /// Its source has too many clients.
    TooMany,
    /// The server has too many clients.
    Full,
}

/// Counts connected clients. Clones share the counts: an acceptor and its clients.
#[derive(Clone)]
pub(crate) struct Permits(Rc<Shared>);

struct Shared {
    access: RefCell<Access>,
    sources: SourceSlots,
    accepted: Cell<u64>,
    inside: Cell<usize>,
    /// Those among them that a gate has not let through.
    arriving: Cell<usize>,
    ended: Cell<u64>,
    further: Cell<u64>,
    failed: Cell<u64>,
    /// The failure of the only client is the command's own, and not a line.
    keeps_failure: bool,
    failure: RefCell<Option<Error>>,
    acceptor: Waker,
    metrics: Arc<Metrics>,
}

impl Shared {
    /// Shows the numbers of clients that are here.
    fn count_clients(&self) {
        let arriving = self.arriving.get();
        self.metrics.connected.set(self.inside.get().saturating_sub(arriving) as u64);
        self.metrics.waiting(Queue::Admission, arriving);
    }
}

impl Permits {
    /// Permits for up to `per_source` clients at a time from one source. `acceptor` is woken when a client leaves.
    pub(crate) fn new(
        access: Access,
        per_source: usize,
        is_for_one: bool,
        (acceptor, report): (Waker, &Report),
    ) -> Permits {
        Permits(Rc::new(Shared {
            access: RefCell::new(access),
            sources: SourceSlots::new(per_source),
            accepted: Cell::default(),
            inside: Cell::default(),
            arriving: Cell::default(),
            ended: Cell::default(),
            further: Cell::default(),
            failed: Cell::default(),
            keeps_failure: is_for_one,
            failure: RefCell::default(),
            acceptor,
            metrics: Arc::clone(report.metrics()),
        }))
    }

    /// Replaces the access rules, for clients to come.
    pub(crate) fn set_access(&self, access: Access) {
        *self.0.access.borrow_mut() = access;
    }

    /// Grants a client its permit. Access lists do not apply to peers without an IP address. With `over_source_limit_ok` it
    /// is granted without a slot of the client's source: its handshake decides whether it gets one, or needs none.
    pub(crate) fn grant(
        &self,
        peer: &PeerName,
        report: Report,
        over_source_limit_ok: bool,
    ) -> Result<Permit, Rejection> {
        let shared = &self.0;
        if let Some(address) = peer.ip()
            && !shared.access.borrow().admits(address)
        {
            return Err(Rejection::Denied);
        }
        let slot = Arc::new(shared.sources.slot(peer));
        if !slot.try_acquire() && !over_source_limit_ok {
            return Err(Rejection::TooMany);
        }
        shared.inside.set(shared.inside.get() + 1);
        shared.count_clients();
        Ok(Permit {
            permits: self.clone(),
            peer: peer.clone(),
            report,
            slot,
            code_use: RefCell::default(),
            is_arriving: Cell::default(),
            is_discounted: Cell::default(),
            is_counted: Cell::default(),
        })
    }

    /// Clients that are connected now.
    pub(crate) fn inside(&self) -> usize {
        self.0.inside.get()
    }

    /// Clients that are connected now and have a place: all but those that wait at a gate.
    pub(crate) fn served(&self) -> usize {
        self.0.inside.get().saturating_sub(self.0.arriving.get())
    }

    /// Counts a client that a handler has accepted.
    pub(crate) fn count_accepted(&self) {
        self.0.accepted.set(self.0.accepted.get() + 1);
    }

    /// Clients accepted so far. Connections that wait at a gate do not count, nor do further ones of a client, or those that
    /// were not admitted.
    pub(crate) fn clients(&self) -> u64 {
        let none = self.0.further.get() + self.0.arriving.get() as u64;
        self.0.accepted.get().saturating_sub(none)
    }

    /// The outcome of all clients: of an only client, its own.
    pub(crate) fn outcome(&self) -> Result<(), Error> {
        let (ended, failed) = (self.0.ended.get(), self.0.failed.get());
        match self.0.failure.take() {
            Some(failure) => Err(failure),
            None if failed == 0 => Ok(()),
            None => Err(Error::new(Exit::Partial, format!("{failed} of {ended} clients failed"))),
        }
    }
}

/// The permit of one client. It counts as connected until this is dropped.
pub(crate) struct Permit {
    permits: Permits,
    /// The client's address.
    pub(crate) peer: PeerName,
    /// A report that names the client in each line.
    pub(crate) report: Report,
    /// Its slot among the clients of its source.
    pub(crate) slot: Arc<SourceSlot>,
    /// The use of a code that the client's success uses up.
    code_use: RefCell<Option<CodeUse>>,
    /// It waits at a gate, and has no place.
    is_arriving: Cell<bool>,
    /// The client was not served, and is none of `--count`.
    is_discounted: Cell<bool>,
    /// The metrics have its session, or its refusal.
    is_counted: Cell<bool>,
}

impl Permit {
    /// The client waits at a gate: it takes no place, and is none of `--count`, before it has one.
    pub(crate) fn begin_arriving(&self) {
        let arriving = &self.permits.0.arriving;
        arriving.set(arriving.get() + usize::from(!self.is_arriving.replace(true)));
        self.permits.0.count_clients();
    }

    /// True while the client waits at a gate.
    pub(crate) fn is_arriving(&self) -> bool {
        self.is_arriving.get()
    }

    /// The client takes its place.
    pub(crate) fn end_arriving(&self) {
        let arriving = &self.permits.0.arriving;
        arriving.set(arriving.get() - usize::from(self.is_arriving.replace(false)));
        self.permits.0.count_clients();
    }

    /// The counts of all clients.
    pub(crate) fn permits(&self) -> &Permits {
        &self.permits
    }

    /// The client's success uses up this code; a failure gives its use back.
    pub(crate) fn uses_up(&self, code_use: Option<CodeUse>) {
        *self.code_use.borrow_mut() = code_use;
    }

    /// Reports the failure of a client that was not served: it is none of the clients that are counted.
    pub(crate) fn discount(&self, error: &Error, why: Refusal) {
        self.is_discounted.set(true);
        self.count_refusal(error, why);
        drop(self.code_use.take());
        match error.is_health_check() {
            true => self.report.detail(error),
            false => self.report.error(error),
        }
    }

    /// Counts a client that was refused before its session, for the metrics. One that has left is not refused.
    pub(crate) fn count_refusal(&self, error: &Error, why: Refusal) {
        let metrics = &self.permits.0.metrics;
        match (self.is_counted.replace(true), error.exit()) {
            (true, _) => {}
            (false, Exit::Lost) if error.is_health_check() => metrics.session(Err(error)),
            (false, _) => metrics.refused(why),
        }
    }

    /// As [`Permit::fail`], for a client that was refused at a gate. [`Permit::discount`], if it has no place there.
    pub(crate) fn fail_before(&self, error: Error, why: Refusal) {
        if self.is_arriving() {
            return self.discount(&error, why);
        }
        self.count_refusal(&error, why);
        self.fail(error);
    }

    /// Counts the client's session, for the metrics.
    pub(crate) fn count_session(&self, result: Result<(), &Error>) {
        if !self.is_counted.replace(true) {
            self.permits.0.metrics.session(result);
        }
    }

    /// Counts a failed session. Reports the failure, or keeps it as the command's own.
    pub(crate) fn fail(&self, error: Error) {
        let shared = &self.permits.0;
        if error.exit() == Exit::Refused && !self.slot.is_acquired() && !self.slot.is_further() {
            // It was heard without a slot of its source, and has got none.
            self.count_refusal(&error, Refusal::PerSource);
        }
        self.count_session(Err(&error));
        drop(self.code_use.take());
        shared.failed.set(shared.failed.get() + 1);
        if shared.keeps_failure {
            *shared.failure.borrow_mut() = Some(error);
        } else if error.is_health_check() {
            self.report.detail(error);
        } else {
            self.report.error(&error);
        }
    }

    /// Reports the end of the client's session: the bytes that were sent and received, if that is known, and a failure.
    pub(crate) fn finish(&self, result: Result<(), Error>, moved: Option<(u64, u64)>, time: Duration) {
        if let Some(moved) = moved {
            self.report.relayed(&self.peer, moved, time, None);
        }
        if let Err(error) = result {
            self.fail(error);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(code_use) = self.code_use.take() {
            code_use.succeeded();
        }
        self.end_arriving();
        let shared = &self.permits.0;
        shared.inside.set(shared.inside.get() - 1);
        shared.count_clients();
        match self.slot.is_further() {
            true => shared.metrics.further.add(1),
            false => self.count_session(Ok(())),
        }
        let is_counted = !self.slot.is_further() && !self.is_discounted.get();
        let count = if is_counted { &shared.ended } else { &shared.further };
        count.set(count.get() + 1);
        self.slot.release();
        shared.acceptor.wake();
        self.report.peer("ended", &self.peer);
    }
}
