//! Connections that were not let through a gate yet. Some make way for others, so that nobody keeps honest clients out by
//! connections that do nothing. Where there are too many in all, one of the source that has most of them makes way: who comes
//! from another address than an attacker stays, however slow it is. Of a source, those make way first that have not sent
//! a whole hello of TLS, then those that take long. Where one source has as many as may wait in all, hellos without an
//! end of the handshake make way for its others.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::places::source_of;
use crate::net::endpoint::PeerName;
use crate::proto::secure::guesses::MAX_WRONG_PROOFS;
use crate::report::Refusal;

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
/// As many may wait in any case, also where there is one place.
const MIN_WAITING: usize = 16;
/// Those that wait for the answer to a wrong proof, which are not evicted: no code outlives more.
const MAX_HELD: usize = MAX_WRONG_PROOFS as usize;

/// The connections that wait at a gate, the oldest first.
pub(super) struct Arrivals {
    waiting: RefCell<Vec<Weak<Arrival>>>,
    /// Connections in all from which on one is evicted. As many of one source may have sent their ClientHello.
    max: usize,
    /// Nobody is let through any more.
    is_over: Cell<bool>,
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
    wake: Box<dyn Fn()>,
}

impl Arrivals {
    /// For a server of up to `max_clients`: half as many may be waiting here, or a few.
    pub(super) fn new(max_clients: usize) -> Arrivals {
        let max = (max_clients / 2).max(MIN_WAITING);
        Arrivals { waiting: RefCell::default(), max, is_over: Cell::default() }
    }

    /// False if there are so many that no more can be added: those that were evicted have not ended, or got on. Then
    /// one is evicted.
    pub(super) fn has_room(&self) -> bool {
        let mut here = self.here();
        if here.len() < 2 * self.max + MAX_HELD {
            return true;
        }
        here.retain(|arrival| !arrival.is_evicted.get());
        let alike = of_fullest(&here, None);
        if let Some(next) = of_young(&alike)
            && alike.iter().any(|one| one.source == next.source && !Rc::ptr_eq(one, next))
        {
            next.evict();
        }
        false
    }

    /// Evicts all: nobody is let through any more.
    pub(super) fn dismiss(&self) {
        self.is_over.set(true);
        self.here().iter().for_each(|arrival| arrival.evict());
    }

    fn here(&self) -> Vec<Rc<Arrival>> {
        self.waiting.borrow().iter().filter_map(Weak::upgrade).collect()
    }

    /// True if there are so many that this one has to make way if it takes long: many of its source that have come as far,
    /// or many in all of which its source has most. Then it counts no more.
    pub(super) fn are_many(&self, arrival: &Arrival) -> bool {
        let mut here = self.here();
        here.retain(|other| !other.is_evicted.get());
        let counts = counts(&here, None);
        here.retain(|other| other.stage >= arrival.stage);
        let of_source = here.iter().filter(|other| other.source == arrival.source).count();
        let has_most = counts.get(&arrival.source) >= counts.values().max();
        let are_many = of_source >= MAX_PER_SOURCE || here.len() >= self.max && has_most;
        if are_many || self.is_over.get() {
            arrival.is_evicted.set(true);
        }
        arrival.is_evicted.get()
    }

    /// None: the ClientHello of a connection may be read. If its source has too many whose ClientHello is here, one of these
    /// is evicted; else the time of the next look.
    pub(super) fn may_not_read_before(&self, arrival: &Arrival, now: Instant) -> Option<Instant> {
        let mut others = self.here();
        others
            .retain(|other| other.source == arrival.source && !other.is_silent() && !other.is_evicted.get());
        if !arrival.is_silent() || others.len() < self.max {
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

    /// Adds a connection, whose session is woken if it has to make way. Another one may have to now.
    pub(super) fn add(&self, peer: &PeerName, now: Instant, wake: impl Fn() + 'static) -> Rc<Arrival> {
        let source = source_of(peer);
        self.waiting.borrow_mut().retain(|arrival| arrival.strong_count() > 0);
        let mut here = self.here();
        here.retain(|arrival| !arrival.is_evicted.get());
        if let Some(next) = next(&here, source, self.max, now) {
            next.evict();
        }
        let (stage, is_evicted) = (Cell::new(Stage::Silent), Cell::new(self.is_over.get()));
        let arrival = Rc::new(Arrival { source, since: now, stage, is_evicted, wake: Box::new(wake) });
        self.waiting.borrow_mut().push(Rc::downgrade(&arrival));
        arrival
    }
}

/// How many each source has, one that comes included.
fn counts(here: &[Rc<Arrival>], coming: Option<Option<IpAddr>>) -> HashMap<Option<IpAddr>, usize> {
    let mut counts = HashMap::new();
    let sources = here.iter().map(|arrival| arrival.source).chain(coming);
    sources.for_each(|source| *counts.entry(source).or_default() += 1);
    counts
}

/// The connection that makes way for one that comes from `source`, where up to `max` may be.
fn next(here: &[Rc<Arrival>], source: Option<IpAddr>, max: usize, now: Instant) -> Option<&Rc<Arrival>> {
    let counts = counts(here, Some(source));
    let of_it = counts.get(&source).copied().unwrap_or_default();
    let most = counts.values().max().copied().unwrap_or_default();
    let all: Vec<_> = here.iter().collect();
    match (here.len() >= max, of_it > MAX_PER_SOURCE) {
        // Each is of another source: all are alike.
        (true, _) if most < 2 => of_due(&all, now),
        (true, _) => {
            let alike = of_fullest(here, Some(source));
            of_due(&alike, now).or_else(|| of_young(&alike))
        }
        (false, true) => {
            let of_it: Vec<_> = all.into_iter().filter(|one| one.source == source).collect();
            of_due(&of_it, now)
        }
        (false, false) => None,
    }
}

/// The oldest one that has had its time: first of those without a hello.
fn of_due<'a>(alike: &[&'a Rc<Arrival>], now: Instant) -> Option<&'a Rc<Arrival>> {
    let due = || alike.iter().copied().filter(|arrival| now >= arrival.grace_until());
    due().find(|arrival| arrival.is_silent()).or_else(|| due().next())
}

/// The oldest one of those that have come least far.
fn of_young<'a>(alike: &[&'a Rc<Arrival>]) -> Option<&'a Rc<Arrival>> {
    alike.iter().copied().min_by_key(|arrival| arrival.stage.get())
}

/// Those of the source that has most, one that comes included: of several, that of the one that comes.
fn of_fullest(here: &[Rc<Arrival>], coming: Option<Option<IpAddr>>) -> Vec<&Rc<Arrival>> {
    let counts = counts(here, coming);
    let most = counts.values().max();
    let is_its = coming.filter(|source| counts.get(source) == most);
    let is_of_fullest = |one: &&Rc<Arrival>| match is_its {
        Some(source) => one.source == source,
        None => counts.get(&one.source) == most,
    };
    here.iter().filter(is_of_fullest).collect()
}

impl Arrival {
    /// When the connection has had its time, if there are many.
    pub(super) fn grace_until(&self) -> Instant {
        self.since + if self.is_silent() { SILENT_GRACE } else { GRACE }
    }

    fn is_silent(&self) -> bool {
        self.stage.get() == Stage::Silent
    }

    /// Why it is refused now, if it is.
    pub(super) fn refusal(&self) -> Refusal {
        match self.stage.get() {
            Stage::Silent | Stage::Hello => Refusal::Tls,
            Stage::Secured => Refusal::Admission,
        }
    }

    /// Notes how far the connection has come. If it was evicted, more of it was here already: it stays.
    pub(super) fn reach(&self, stage: Stage) {
        if self.stage.replace(stage) < stage {
            self.is_evicted.set(false);
        }
    }

    fn evict(&self) {
        self.is_evicted.set(true);
        (self.wake)();
    }

    /// True if the connection was evicted: its session has to end.
    pub(super) fn is_evicted(&self) -> bool {
        self.is_evicted.get()
    }
}

#[cfg(test)]
mod tests;
