//! Connections that wait in the gate. When there are too many, some are evicted: first, of the source with most of them, those
//! without a complete ClientHello; then the slow ones. So nobody keeps honest clients out by connections that do nothing.
//! Where one source has as many as may wait in all, those whose handshake is not complete are evicted for others of it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::places::source_of;
use crate::net::endpoint::PeerName;
use crate::net::reactor::Waker;

/// A younger connection is not evicted, once its ClientHello is here.
const GRACE: Duration = Duration::from_secs(2);
/// A younger connection without a ClientHello is not evicted, unless there is no room for others.
const SILENT_GRACE: Duration = Duration::from_millis(250);
/// A younger connection with a ClientHello is not evicted for another one of its source.
const HELLO_GRACE: Duration = Duration::from_millis(50);
/// How often a connection looks whether its ClientHello may be read.
const LOOK_STEP: Duration = Duration::from_millis(10);
/// Connections of one source from which on its oldest is evicted.
const MAX_PER_SOURCE: usize = 8;

/// The connections that wait at a gate, the oldest first.
pub(super) struct Arrivals {
    waiting: RefCell<Vec<Weak<Arrival>>>,
    /// Connections in all from which on one is evicted. As many of one source may have sent their ClientHello.
    max: usize,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It has not sent a complete ClientHello.
    Silent,
    Hello,
    /// TLS is complete.
    Secured,
}

/// One connection's entry, for as long as it is kept.
pub(super) struct Arrival {
    source: Option<IpAddr>,
    since: Instant,
    stage: Cell<Stage>,
    is_evicted: Cell<bool>,
    session: Waker,
}

impl Arrivals {
    /// For a server of up to `max_clients`: half of them may be waiting here.
    pub(super) fn new(max_clients: usize) -> Arrivals {
        // One alone is never evicted.
        Arrivals { waiting: RefCell::default(), max: (max_clients / 2).max(2) }
    }

    /// True if a connection waits.
    pub(super) fn are_some(&self) -> bool {
        self.waiting.borrow().iter().any(|arrival| arrival.strong_count() > 0)
    }

    fn here(&self) -> Vec<Rc<Arrival>> {
        self.waiting.borrow().iter().filter_map(Weak::upgrade).collect()
    }

    /// True if there are so many that have come as far as this one, in all or of its source, that it is evicted if it is slow.
    /// Then it counts no more.
    pub(super) fn are_many(&self, arrival: &Arrival) -> bool {
        let mut here = self.here();
        here.retain(|other| other.stage >= arrival.stage && !other.is_evicted.get());
        let of_source = here.iter().filter(|other| other.source == arrival.source).count();
        let are_many = here.len() >= self.max || of_source >= MAX_PER_SOURCE;
        if are_many {
            arrival.is_evicted.set(true);
        }
        are_many
    }

    /// None: the ClientHello of a connection may be read. If its source has too many whose ClientHello is here, one of these
    /// is evicted; else the time of the next look.
    pub(super) fn may_not_read_before(&self, arrival: &Arrival, now: Instant) -> Option<Instant> {
        let mut others = self.here();
        others
            .retain(|other| other.source == arrival.source && !other.is_silent() && !other.is_evicted.get());
        if !arrival.is_silent() || others.len() < self.max.max(MAX_PER_SOURCE) {
            return None;
        }
        let is_due =
            |other: &&Rc<Arrival>| other.stage.get() == Stage::Hello && now >= other.since + HELLO_GRACE;
        match others.iter().find(is_due) {
            Some(next) => next.evict(),
            None => return Some(now + LOOK_STEP),
        }
        None
    }

    /// Adds a connection, whose session is woken when it is evicted. Another one may be evicted for it.
    pub(super) fn add(&self, peer: &PeerName, now: Instant, session: Waker) -> Rc<Arrival> {
        let source = source_of(peer);
        self.waiting.borrow_mut().retain(|arrival| arrival.strong_count() > 0);
        let mut here = self.here();
        here.retain(|arrival| !arrival.is_evicted.get());
        let of_source = here.iter().filter(|arrival| arrival.source == source).count();
        let next = match (of_source >= MAX_PER_SOURCE, here.len() >= self.max) {
            (_, true) => silent_of_fullest(&here).or_else(|| oldest_after_grace(&here, now)),
            (true, false) => {
                here.retain(|arrival| arrival.source == source);
                oldest_after_grace(&here, now)
            }
            (false, false) => None,
        };
        if let Some(next) = next {
            next.evict();
        }
        let (stage, is_evicted) = (Cell::new(Stage::Silent), Cell::default());
        let arrival = Rc::new(Arrival { source, since: now, stage, is_evicted, session });
        self.waiting.borrow_mut().push(Rc::downgrade(&arrival));
        arrival
    }
}

/// The oldest connection without a ClientHello, of the source that has most of these.
fn silent_of_fullest(here: &[Rc<Arrival>]) -> Option<&Rc<Arrival>> {
    let silent = || here.iter().filter(|arrival| arrival.is_silent());
    let mut counts: HashMap<Option<IpAddr>, usize> = HashMap::new();
    silent().for_each(|arrival| *counts.entry(arrival.source).or_default() += 1);
    let most = counts.values().max().copied()?;
    silent().find(|arrival| counts.get(&arrival.source) == Some(&most))
}

fn oldest_after_grace(here: &[Rc<Arrival>], now: Instant) -> Option<&Rc<Arrival>> {
    let due = || here.iter().filter(|arrival| now >= arrival.grace_until());
    due().find(|arrival| arrival.is_silent()).or_else(|| due().next())
}

impl Arrival {
    /// When the connection has had its time, if there are many.
    pub(super) fn grace_until(&self) -> Instant {
        self.since + if self.is_silent() { SILENT_GRACE } else { GRACE }
    }

    fn is_silent(&self) -> bool {
        self.stage.get() == Stage::Silent
    }

    /// Notes how far the connection has come. If it was evicted, more of it was here already: it stays.
    pub(super) fn reach(&self, stage: Stage) {
        if self.stage.replace(stage) < stage {
            self.is_evicted.set(false);
        }
    }

    fn evict(&self) {
        self.is_evicted.set(true);
        self.session.wake();
    }

    /// True if the connection was evicted: its session has to end.
    pub(super) fn is_evicted(&self) -> bool {
        self.is_evicted.get()
    }
}
