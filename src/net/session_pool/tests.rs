//! Tests of the pool, with sessions that block, wait, panic and end.

use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc;

use super::*;
use crate::net::reactor::Reactor;

/// The session that a pool belongs to: runs until all sessions of the pool have ended.
struct Owner<F> {
    pool: SessionPool,
    /// How many have not ended.
    left: usize,
    ended: Vec<u64>,
    /// Called with those that have ended so far.
    on_end: F,
}

impl<F: FnMut(&[u64])> Session for Owner<F> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        for (id, result) in self.pool.advance(context.now) {
            result?;
            self.ended.push(id);
            (self.on_end)(&self.ended);
        }
        Ok(if self.ended.len() == self.left { Status::Done } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        self.pool.deadline()
    }
}

/// Runs sessions on one worker: `begin` begins them, and returns their number.
fn run(begin: impl FnOnce(&SessionPool) -> usize, on_end: impl FnMut(&[u64]) + 'static) {
    let signals = Signals::install(|_, _| {}).unwrap();
    let mut reactor = Reactor::new(&signals).unwrap();
    reactor
        .add(|io| {
            let pool = SessionPool::new(1, WaitGroup::default(), (io, signals.clone()));
            let left = begin(&pool);
            Ok(Owner { pool, left, ended: Vec::new(), on_end })
        })
        .unwrap();
    reactor.run().unwrap();
}

struct Blocked(Arc<Mutex<mpsc::Receiver<()>>>);

impl Session for Blocked {
    fn advance(&mut self, _: Context) -> Result<Status, Error> {
        // Until the sender is gone.
        let _ = lock(&self.0).recv();
        Ok(Status::Done)
    }
}

struct Quick;

impl Session for Quick {
    fn advance(&mut self, _: Context) -> Result<Status, Error> {
        Ok(Status::Done)
    }
}

#[test]
fn sessions_that_are_blocked_hold_nobody_up() {
    const BLOCKED: u64 = 8;
    let (release, blocked) = mpsc::channel();
    let blocked = Arc::new(Mutex::new(blocked));
    let mut release = Some(release);
    let begin = move |pool: &SessionPool| {
        for id in 0..BLOCKED {
            let blocked = Arc::clone(&blocked);
            pool.begin(id, move |_, _| Ok(Box::new(Blocked(blocked))));
        }
        pool.begin(BLOCKED, |_, _| Ok(Box::new(Quick)));
        BLOCKED as usize + 1
    };
    run(begin, move |ended| {
        if ended == [BLOCKED] {
            // The one behind them was the first to end.
            drop(release.take());
        }
        assert_eq!(ended[0], BLOCKED);
    });
}

/// Writes a byte at each of its deadlines, which are so far apart that it is parked.
struct Ticking {
    to: std::os::unix::net::UnixStream,
    next: Instant,
    left: usize,
}

impl Session for Ticking {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if context.now >= self.next {
            self.to.write_all(b".").unwrap();
            self.left -= 1;
            self.next = context.now + Duration::from_millis(50);
        }
        Ok(if self.left == 0 { Status::Done } else { Status::Waiting })
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.next)
    }
}

/// Reads until the end.
struct Listening {
    from: mio::net::UnixStream,
    readiness: Readiness,
    heard: mpsc::Sender<usize>,
}

impl Session for Listening {
    fn advance(&mut self, _: Context) -> Result<Status, Error> {
        if !self.readiness.is_readable() {
            return Ok(Status::Waiting);
        }
        let mut byte = [0];
        loop {
            match self.from.read(&mut byte) {
                Ok(0) => return Ok(Status::Done),
                Ok(count) => self.heard.send(count).unwrap(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readiness.clear_readable();
                    return Ok(Status::Waiting);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn parked_sessions_continue_with_their_deadline_and_with_what_comes() {
    let (heard, hears) = mpsc::channel();
    let begin = move |pool: &SessionPool| {
        for id in 0..4 {
            let (to, from) = std::os::unix::net::UnixStream::pair().unwrap();
            from.set_nonblocking(true).unwrap();
            let heard = heard.clone();
            pool.begin(id, move |io, _| {
                let mut from = mio::net::UnixStream::from_std(from);
                let readiness = io.register(&mut from).unwrap();
                Ok(Box::new(Listening { from, readiness, heard }))
            });
            pool.begin(10 + id, move |_, now| Ok(Box::new(Ticking { to, next: now, left: 3 })));
        }
        8
    };
    run(begin, |_| {});
    assert_eq!(hears.iter().sum::<usize>(), 4 * 3);
}

#[test]
fn a_session_that_panics_or_cannot_begin_is_reported() {
    let signals = Signals::install(|_, _| {}).unwrap();
    let mut reactor = Reactor::new(&signals).unwrap();
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    struct Collecting(SessionPool, Arc<Mutex<Vec<(u64, bool)>>>);
    impl Session for Collecting {
        fn advance(&mut self, context: Context) -> Result<Status, Error> {
            let ended = self.0.advance(context.now).into_iter().map(|(id, result)| (id, result.is_ok()));
            lock(&self.1).extend(ended);
            Ok(if lock(&self.1).len() == 3 { Status::Done } else { Status::Waiting })
        }

        fn deadline(&self) -> Option<Instant> {
            self.0.deadline()
        }
    }
    struct Panicking;
    impl Session for Panicking {
        fn advance(&mut self, _: Context) -> Result<Status, Error> {
            panic!("as a test wants it")
        }
    }
    let collected = Arc::clone(&outcomes);
    reactor
        .add(|io| {
            let pool = SessionPool::new(1, WaitGroup::default(), (io, signals.clone()));
            pool.begin(1, |_, _| Ok(Box::new(Panicking)));
            pool.begin(2, |_, _| Err(Error::new(Exit::Failed, "no")));
            pool.begin(3, |_, _| Ok(Box::new(Quick)));
            Ok(Collecting(pool, collected))
        })
        .unwrap();
    reactor.run().unwrap();
    let mut outcomes = lock(&outcomes).clone();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(1, false), (2, false), (3, true)]);
}
