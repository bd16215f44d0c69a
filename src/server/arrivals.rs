//! Connections that were not let through a gate yet. One that takes long makes way for others, so that nobody keeps honest
//! clients out by connections that do nothing.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::places::source_of;
use crate::net::endpoint::PeerName;
use crate::net::reactor::Waker;

/// A younger connection does not make way.
const GRACE: Duration = Duration::from_secs(2);
/// Connections of one source from which on its oldest makes way.
const MAX_PER_SOURCE: usize = 8;

/// The connections that wait at a gate, the oldest first.
pub(super) struct Arrivals {
    waiting: RefCell<Vec<Weak<Arrival>>>,
    /// Connections in all from which on the oldest makes way.
    max: usize,
}

/// One connection's entry, for as long as it is kept.
pub(super) struct Arrival {
    source: Option<IpAddr>,
    since: Instant,
    makes_way: Cell<bool>,
    session: Waker,
}

impl Arrivals {
    /// For a server of up to `max_clients`: half of them may be waiting here.
    pub(super) fn new(max_clients: usize) -> Arrivals {
        // One alone makes way for nobody.
        Arrivals { waiting: RefCell::default(), max: (max_clients / 2).max(2) }
    }

    /// True if a connection waits.
    pub(super) fn are_some(&self) -> bool {
        self.waiting.borrow().iter().any(|arrival| arrival.strong_count() > 0)
    }

    /// True if there are so many, in all or of its source, that this one has to make way if it takes long.
    pub(super) fn are_many(&self, arrival: &Arrival) -> bool {
        let here: Vec<Rc<Arrival>> = self.waiting.borrow().iter().filter_map(Weak::upgrade).collect();
        let of_source = here.iter().filter(|other| other.source == arrival.source).count();
        here.len() >= self.max || of_source >= MAX_PER_SOURCE
    }

    /// Adds a connection, whose session is woken if it has to make way. Others may have to now.
    pub(super) fn add(&self, peer: &PeerName, now: Instant, session: Waker) -> Rc<Arrival> {
        let source = source_of(peer);
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|arrival| arrival.strong_count() > 0);
        let here: Vec<Rc<Arrival>> = waiting.iter().filter_map(Weak::upgrade).collect();
        let of_source = here.iter().filter(|arrival| arrival.source == source).count();
        let oldest = match (of_source >= MAX_PER_SOURCE, here.len() >= self.max) {
            (true, _) => here.iter().find(|arrival| arrival.source == source),
            (false, true) => here.first(),
            (false, false) => None,
        };
        if let Some(oldest) = oldest.filter(|oldest| now >= oldest.since + GRACE) {
            oldest.makes_way.set(true);
            oldest.session.wake();
        }
        let arrival = Rc::new(Arrival { source, since: now, makes_way: Cell::default(), session });
        waiting.push(Rc::downgrade(&arrival));
        arrival
    }
}

impl Arrival {
    /// When the connection has had its time, if there are many.
    pub(super) fn grace_until(&self) -> Instant {
        self.since + GRACE
    }

    /// True if the connection has to make way.
    pub(super) fn makes_way(&self) -> bool {
        self.makes_way.get()
    }
}
