//! The descriptors that the clients of a server share, counted as they are used: a limit on them never ends a session.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::reactor::ThreadWaker;
use crate::proto::source_of;

/// All descriptors of a server's clients. Clones are the same: an acceptor and the threads of its clients share them.
#[derive(Clone)]
pub(crate) struct Descriptors(Arc<Mutex<Ledger>>);

struct Ledger {
    total: u64,
    /// Those of all leases.
    taken: u64,
    /// Sessions that have begun.
    sessions: usize,
    /// Sessions that have all that they may need.
    complete: usize,
    /// What sessions that begin leave for one that needs more.
    kept: u64,
    /// The most of the sessions of one source.
    per_source: u64,
    /// Those of the sessions of each source.
    of_sources: HashMap<IpAddr, u64>,
    /// Sessions that wait for more, the first one first.
    queue: VecDeque<Waiting>,
    next_ticket: u64,
}

struct Waiting {
    ticket: u64,
    source: Option<IpAddr>,
    /// How many more it needs.
    count: u64,
    waker: ThreadWaker,
}

/// The descriptors of one client or session, given back when this is dropped.
pub(crate) struct Lease {
    descriptors: Descriptors,
    source: Option<IpAddr>,
    count: u64,
    /// Those among them that are the session's.
    of_session: u64,
    is_complete: bool,
    /// Its place in the queue.
    ticket: Option<u64>,
}

impl Descriptors {
    /// `total` descriptors; sessions that begin leave `kept` of them for one that needs more, and those of one source have no
    /// more than `per_source`.
    pub(crate) fn new(total: u64, kept: u64, per_source: u64) -> Descriptors {
        Descriptors(Arc::new(Mutex::new(Ledger {
            total,
            taken: 0,
            sessions: 0,
            complete: 0,
            kept,
            per_source,
            of_sources: HashMap::new(),
            queue: VecDeque::new(),
            next_ticket: 0,
        })))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if one more client may be accepted: enough is left for a session that needs more, or none has begun.
    pub(crate) fn has_room(&self) -> bool {
        let ledger = self.ledger();
        ledger.taken + ledger.kept < ledger.total || ledger.sessions == 0
    }

    /// True if a session of a client at this address could begin.
    pub(crate) fn may_begin(&self, address: Option<IpAddr>, count: u64) -> bool {
        self.ledger().may_begin(address.map(source_of), count)
    }

    /// Counts the descriptor of a connection from this address, which is open already.
    pub(crate) fn count_one(&self, address: Option<IpAddr>) -> Lease {
        self.ledger().taken += 1;
        let (descriptors, source) = (self.clone(), address.map(source_of));
        Lease { descriptors, source, count: 1, of_session: 0, is_complete: false, ticket: None }
    }
}

impl Lease {
    /// Takes what a session needs to begin. False if there is no room; the first session always has it.
    pub(crate) fn begin_session(&mut self, count: u64) -> bool {
        let mut ledger = self.descriptors.ledger();
        if !ledger.may_begin(self.source, count) {
            return false;
        }
        ledger.take(self.source, count);
        ledger.sessions += 1;
        (self.count, self.of_session) = (self.count + count, count);
        true
    }

    /// Takes what a session may need at most, once. False if it has to wait for its turn: `waker` is called when it is worth
    /// another try. Sessions that have it all do not wait for others, and so each one has its turn.
    pub(crate) fn complete(&mut self, count: u64, waker: impl FnOnce() -> ThreadWaker) -> bool {
        if self.is_complete {
            return true;
        }
        let mut ledger = self.descriptors.ledger();
        let is_next = match ledger.next() {
            Some(next) => Some(next.ticket) == self.ticket,
            // All who wait have to wait for their own source.
            None => ledger.may_complete(self.source, count),
        };
        if !is_next {
            if self.ticket.is_none() {
                let ticket = ledger.next_ticket;
                ledger.next_ticket += 1;
                ledger.queue.push_back(Waiting { ticket, source: self.source, count, waker: waker() });
                self.ticket = Some(ticket);
            }
            return false;
        }
        if let Some(ticket) = self.ticket.take() {
            ledger.queue.retain(|waiting| waiting.ticket != ticket);
        }
        ledger.take(self.source, count);
        ledger.complete += 1;
        self.count += count;
        (self.of_session, self.is_complete) = (self.of_session + count, true);
        ledger.wake_next();
        true
    }
}

impl Ledger {
    fn has_share(&self, source: Option<IpAddr>, count: u64) -> bool {
        let held = source.and_then(|source| self.of_sources.get(&source));
        held.is_none_or(|held| held + count <= self.per_source)
    }

    fn may_begin(&self, source: Option<IpAddr>, count: u64) -> bool {
        self.sessions == 0 || self.taken + count + self.kept <= self.total && self.has_share(source, count)
    }

    fn may_complete(&self, source: Option<IpAddr>, count: u64) -> bool {
        self.complete == 0 || self.taken + count <= self.total && self.has_share(source, count)
    }

    /// The first session in the queue that may have what it needs.
    fn next(&self) -> Option<&Waiting> {
        self.queue.iter().find(|waiting| self.may_complete(waiting.source, waiting.count))
    }

    fn take(&mut self, source: Option<IpAddr>, count: u64) {
        self.taken += count;
        if let Some(source) = source {
            *self.of_sources.entry(source).or_default() += count;
        }
    }

    fn wake_next(&self) {
        if let Some(waiting) = self.next() {
            waiting.waker.wake();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut ledger = self.descriptors.ledger();
        ledger.taken -= self.count;
        ledger.sessions -= usize::from(self.of_session > 0);
        ledger.complete -= usize::from(self.is_complete);
        if let Some(source) = self.source
            && let Some(held) = ledger.of_sources.get_mut(&source)
        {
            *held -= self.of_session;
            if *held == 0 {
                ledger.of_sources.remove(&source);
            }
        }
        if let Some(ticket) = self.ticket {
            ledger.queue.retain(|waiting| waiting.ticket != ticket);
        }
        ledger.wake_next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::net::reactor::{Context, Reactor, Session, Status};
    use crate::net::signals::Signals;

    struct Nothing;

    impl Session for Nothing {
        fn advance(&mut self, _: Context) -> Result<Status, Error> {
            Ok(Status::Done)
        }
    }

    fn waker() -> ThreadWaker {
        let mut reactor = Reactor::new(&Signals::install(|_, _| {}).unwrap()).unwrap();
        let mut waker = None;
        let make = |io: crate::net::reactor::Io| {
            waker = Some(io.thread_waker());
            Ok(Nothing)
        };
        reactor.add(make).unwrap();
        waker.unwrap()
    }

    fn peer(number: u8) -> Option<IpAddr> {
        Some([10, 0, 0, number].into())
    }

    #[test]
    fn sessions_that_need_more_have_it_one_after_the_other() {
        let waker = waker();
        let descriptors = Descriptors::new(100, 40, 33);
        let begin = |number| {
            let mut lease = descriptors.count_one(peer(number));
            lease.begin_session(9).then_some(lease)
        };
        let mut sessions: Vec<Lease> = (0..20).map_while(begin).collect();
        // The last one has left 40.
        assert_eq!((sessions.len(), descriptors.ledger().taken), (6, 60));
        let may = |lease: &mut Lease| lease.complete(40, || waker.clone());
        assert!(may(&mut sessions[0]) && may(&mut sessions[0]));
        assert!(!may(&mut sessions[2]) && !may(&mut sessions[1]) && !may(&mut sessions[2]));
        drop(sessions.remove(0));
        // The first one that has waited, and not the first one that asks.
        assert!(!may(&mut sessions[0]) && may(&mut sessions[1]));
        assert!(!may(&mut sessions[0]));
        // One that has gone does not wait any more.
        assert!(!may(&mut sessions[2]));
        drop(sessions.remove(0));
        drop(sessions.remove(0));
        assert!(may(&mut sessions[0]));
        drop(sessions);
        let ledger = descriptors.ledger();
        assert_eq!((ledger.taken, ledger.queue.len(), ledger.of_sources.len()), (0, 0, 0));
    }

    #[test]
    fn one_session_runs_however_few_there_are() {
        let descriptors = Descriptors::new(5, 40, 1);
        let (mut first, mut second) = (descriptors.count_one(peer(1)), descriptors.count_one(peer(2)));
        assert!(first.begin_session(9) && !second.begin_session(9));
        assert!(first.complete(40, waker));
        drop(first);
        assert!(second.begin_session(9));
    }

    #[test]
    fn one_source_has_its_share_and_holds_nobody_up() {
        let waker = waker();
        let descriptors = Descriptors::new(900, 100, 300);
        let begin = |number| {
            let mut lease = descriptors.count_one(peer(number));
            lease.begin_session(20).then_some(lease)
        };
        let mut greedy: Vec<Lease> = (0..5).map_while(|_| begin(1)).collect();
        let complete = |lease: &mut Lease| lease.complete(100, || waker.clone());
        // 5 times 20, and twice 100.
        assert_eq!(greedy.iter_mut().map(complete).collect::<Vec<_>>(), [true, true, false, false, false]);
        assert!(begin(1).is_none());
        let mut other = begin(2).unwrap();
        assert!(complete(&mut other), "those of another source are before it in the queue");
        drop(greedy.remove(0));
        assert!(complete(&mut greedy[1]) && !complete(&mut greedy[2]));
    }
}
