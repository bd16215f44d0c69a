//! Connections that were not let through a gate yet. One that takes long makes way for others, one that does not even send a
//! hello very soon, so that nobody keeps honest clients out by connections that do nothing.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::places::source_of;
use crate::net::endpoint::PeerName;
use crate::net::reactor::Waker;

/// A younger connection does not make way, if its hello has come.
const GRACE: Duration = Duration::from_secs(2);
/// A younger connection does not make way: the hello of an honest client follows its connection.
const HELLO_GRACE: Duration = Duration::from_millis(20);
/// So many connections without a hello have their full time in any case.
const MIN_SILENT: usize = 16;
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
    /// The hello of its TLS handshake has come.
    has_greeted: Cell<bool>,
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

    /// Looks at a connection that waits for its client. True if it has to make way for others.
    pub(super) fn must_leave(&self, arrival: &Arrival, now: Instant) -> bool {
        if !arrival.has_greeted.get() && now >= arrival.since + HELLO_GRACE {
            self.relieve(now);
        }
        arrival.makes_way.get() || now >= arrival.since + GRACE && self.are_many(arrival)
    }

    /// If a quarter of all places is taken by connections without a hello, the oldest one makes way of the source that has
    /// most of them.
    fn relieve(&self, now: Instant) {
        let waiting = self.waiting.borrow();
        let max_silent = (self.max / 2).max(MIN_SILENT);
        if waiting.len() <= max_silent {
            return;
        }
        let is_silent = |arrival: &Rc<Arrival>| !arrival.has_greeted.get() && !arrival.makes_way.get();
        let silent: Vec<Rc<Arrival>> = waiting.iter().filter_map(Weak::upgrade).filter(is_silent).collect();
        if silent.len() <= max_silent {
            return;
        }
        let mut counts: HashMap<Option<IpAddr>, usize> = HashMap::new();
        silent.iter().for_each(|arrival| *counts.entry(arrival.source).or_default() += 1);
        let most = counts.values().copied().max();
        let leaves = |arrival: &&Rc<Arrival>| {
            counts.get(&arrival.source).copied() == most && now >= arrival.since + HELLO_GRACE
        };
        if let Some(oldest) = silent.iter().find(leaves) {
            oldest.make_way();
        }
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
            oldest.make_way();
        }
        let (has_greeted, makes_way) = (Cell::default(), Cell::default());
        let arrival = Rc::new(Arrival { source, since: now, has_greeted, makes_way, session });
        waiting.push(Rc::downgrade(&arrival));
        arrival
    }
}

impl Arrival {
    fn make_way(&self) {
        self.makes_way.set(true);
        self.session.wake();
    }

    /// Notes that the hello of its TLS handshake has come.
    pub(super) fn greet(&self) {
        self.has_greeted.set(true);
    }

    /// When a connection that was last looked at then has to be looked at again.
    pub(super) fn next_look(&self, looked_at: Instant) -> Option<Instant> {
        let hello = Some(self.since + HELLO_GRACE).filter(|_| !self.has_greeted.get());
        hello.into_iter().chain([self.since + GRACE]).find(|at| looked_at < *at)
    }
}
