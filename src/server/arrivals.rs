//! Connections that were not let through a gate yet. One that takes long makes way for others, and one that has not even
//! sent a whole hello at once, so that nobody keeps honest clients out by connections that do nothing.

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
    stage: Cell<Stage>,
    makes_way: Cell<bool>,
    session: Waker,
}

/// How far a connection has got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It had no turn yet.
    New,
    /// It had its turn, and no whole hello had come.
    Silent,
    /// The hello of its TLS handshake has come.
    Greeted,
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

    /// Those that have not been told to make way.
    fn staying(&self) -> Vec<Rc<Arrival>> {
        let waiting = self.waiting.borrow();
        waiting.iter().filter_map(Weak::upgrade).filter(|arrival| !arrival.makes_way()).collect()
    }

    /// Notes that a connection had its turn and waits for its client. True if it has to make way: if there are too many,
    /// one without a hello does.
    pub(super) fn waits(&self, arrival: &Arrival) -> bool {
        if arrival.stage.get() == Stage::New {
            arrival.stage.set(Stage::Silent);
        }
        if arrival.stage.get() == Stage::Silent && self.waiting.borrow().len() > self.max {
            let here = self.staying();
            if here.len() > self.max {
                relieve(&here);
            }
        }
        arrival.makes_way()
    }

    /// Adds a connection, whose session is woken if it has to make way. Others may have to now.
    pub(super) fn add(&self, peer: &PeerName, now: Instant, session: Waker) -> Rc<Arrival> {
        let source = source_of(peer);
        let here = self.staying();
        let of_source = here.iter().filter(|arrival| arrival.source == source).count();
        let is_full = here.len() >= self.max;
        if !(is_full && relieve(&here)) {
            let oldest = match (of_source >= MAX_PER_SOURCE, is_full) {
                (true, _) => here.iter().find(|arrival| arrival.source == source),
                (false, true) => here.first(),
                (false, false) => None,
            };
            if let Some(oldest) = oldest.filter(|oldest| now >= oldest.since + GRACE) {
                oldest.make_way();
            }
        }
        let (stage, makes_way) = (Cell::new(Stage::New), Cell::default());
        let arrival = Rc::new(Arrival { source, since: now, stage, makes_way, session });
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|arrival| arrival.strong_count() > 0);
        waiting.push(Rc::downgrade(&arrival));
        arrival
    }
}

/// Tells the oldest connection without a hello to make way, of the source that has most of them. False: all have sent one.
fn relieve(here: &[Rc<Arrival>]) -> bool {
    let silent = || here.iter().filter(|arrival| arrival.stage.get() == Stage::Silent);
    let mut counts: HashMap<Option<IpAddr>, usize> = HashMap::new();
    for arrival in silent() {
        *counts.entry(arrival.source).or_default() += 1;
    }
    let most = counts.values().copied().max();
    let oldest = silent().find(|arrival| counts.get(&arrival.source).copied() == most);
    if let Some(oldest) = oldest {
        oldest.make_way();
    }
    oldest.is_some()
}

impl Arrival {
    fn make_way(&self) {
        self.makes_way.set(true);
        self.session.wake();
    }

    /// Notes that the hello of its TLS handshake has come.
    pub(super) fn greet(&self) {
        self.stage.set(Stage::Greeted);
    }

    /// When the connection has had its time, if there are many.
    pub(super) fn grace_until(&self) -> Instant {
        self.since + GRACE
    }

    /// True if the connection has to make way.
    pub(super) fn makes_way(&self) -> bool {
        self.makes_way.get()
    }
}
