//! The descriptors that the clients of a server share, counted as they are used: a limit on them never ends a session.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::reactor::ThreadWaker;

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
    /// Sessions that wait for more, the first one first.
    queue: VecDeque<(u64, ThreadWaker)>,
    next_ticket: u64,
}

/// The descriptors of one client or session, given back when this is dropped.
pub(crate) struct Lease {
    descriptors: Descriptors,
    count: u64,
    is_session: bool,
    is_complete: bool,
    /// Its place in the queue.
    ticket: Option<u64>,
}

impl Descriptors {
    /// `total` descriptors; sessions that begin leave `kept` of them for one that needs more.
    pub(crate) fn new(total: u64, kept: u64) -> Descriptors {
        let (queue, next_ticket) = (VecDeque::new(), 0);
        let ledger = Ledger { total, taken: 0, sessions: 0, complete: 0, kept, queue, next_ticket };
        Descriptors(Arc::new(Mutex::new(ledger)))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the descriptor of a connection, which is open already.
    pub(crate) fn count_one(&self) -> Lease {
        self.ledger().taken += 1;
        Lease { descriptors: self.clone(), count: 1, is_session: false, is_complete: false, ticket: None }
    }
}

impl Lease {
    /// Takes what a session needs to begin. False if there is no room; the first session always has it.
    pub(crate) fn begin_session(&mut self, count: u64) -> bool {
        let mut ledger = self.descriptors.ledger();
        let fits = ledger.taken + count + ledger.kept <= ledger.total;
        if !fits && ledger.sessions > 0 {
            return false;
        }
        ledger.taken += count;
        ledger.sessions += 1;
        (self.count, self.is_session) = (self.count + count, true);
        true
    }

    /// Takes what a session may need at most, once. False if it has to wait for its turn: `waker` is called when it is worth
    /// another try. Sessions that have it all do not wait for others, and so each one has its turn.
    pub(crate) fn complete(&mut self, count: u64, waker: impl FnOnce() -> ThreadWaker) -> bool {
        if self.is_complete {
            return true;
        }
        let mut ledger = self.descriptors.ledger();
        let is_first = ledger.queue.front().is_none_or(|(first, _)| Some(*first) == self.ticket);
        if !is_first || ledger.taken + count > ledger.total && ledger.complete > 0 {
            if self.ticket.is_none() {
                let ticket = ledger.next_ticket;
                ledger.next_ticket += 1;
                ledger.queue.push_back((ticket, waker()));
                self.ticket = Some(ticket);
            }
            return false;
        }
        if self.ticket.take().is_some() {
            ledger.queue.pop_front();
        }
        ledger.taken += count;
        ledger.complete += 1;
        (self.count, self.is_complete) = (self.count + count, true);
        ledger.wake_first();
        true
    }
}

impl Ledger {
    fn wake_first(&self) {
        if let Some((_, waker)) = self.queue.front() {
            waker.wake();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut ledger = self.descriptors.ledger();
        ledger.taken -= self.count;
        ledger.sessions -= usize::from(self.is_session);
        ledger.complete -= usize::from(self.is_complete);
        if let Some(ticket) = self.ticket {
            ledger.queue.retain(|(other, _)| *other != ticket);
        }
        ledger.wake_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::net::reactor::Reactor;
    use crate::net::reactor::{Context, Session, Status};
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
        reactor
            .add(|io| {
                waker = Some(io.thread_waker());
                Ok(Nothing)
            })
            .unwrap();
        waker.unwrap()
    }

    #[test]
    fn sessions_that_need_more_have_it_one_after_the_other() {
        let waker = waker();
        let descriptors = Descriptors::new(100, 40);
        let begin = || {
            let mut lease = descriptors.count_one();
            lease.begin_session(9).then_some(lease)
        };
        let mut sessions: Vec<Lease> = std::iter::from_fn(begin).collect();
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
        assert_eq!((descriptors.ledger().taken, descriptors.ledger().queue.len()), (0, 0));
    }

    #[test]
    fn one_session_runs_however_few_there_are() {
        let descriptors = Descriptors::new(5, 40);
        let (mut first, mut second) = (descriptors.count_one(), descriptors.count_one());
        assert!(first.begin_session(9) && !second.begin_session(9));
        assert!(first.complete(40, waker));
        drop(first);
        assert!(second.begin_session(9));
    }
}
