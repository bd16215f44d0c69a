//! Names resolved by a bounded number of threads: getaddrinfo(3) blocks for as long as the resolver is silent, and cannot be
//! stopped.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};

use super::io::{Io, Wake};
use crate::error::{Error, Exit};

/// Names that the process asks for at the same time. Others wait, and count that as their own time.
const MOST_AT_ONCE: usize = 32;
/// From so many waiting ones on, those that nobody waits for any more are looked for.
const FEW_WAITING: usize = 64;

static LOOKUPS: Mutex<Lookups> =
    Mutex::new(Lookups { running: 0, waiting: VecDeque::new(), prune_at: FEW_WAITING });

struct Lookups {
    running: usize,
    waiting: VecDeque<Lookup>,
    prune_at: usize,
}

struct Lookup {
    name: String,
    port: u16,
    tell: mpsc::Sender<io::Result<Vec<SocketAddr>>>,
    /// Gone when nobody wants to know any more.
    wanted: Weak<()>,
    wake: Wake,
}

/// The addresses of a name, asked for. If this is dropped before its turn comes, they are not.
pub(super) struct Asked {
    result: mpsc::Receiver<io::Result<Vec<SocketAddr>>>,
    _wanted: Arc<()>,
}

impl Asked {
    /// Asks. The session of `io` is advanced when it is answered.
    pub(super) fn new(name: String, port: u16, io: &Io) -> Result<Asked, Error> {
        let (tell, result) = mpsc::channel();
        let wanted = Arc::new(());
        let lookup = Lookup { name, port, tell, wanted: Arc::downgrade(&wanted), wake: io.wake() };
        let mut lookups = LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner);
        match lookups.running < MOST_AT_ONCE {
            true => {
                std::thread::Builder::new()
                    .spawn(move || work(lookup))
                    .map_err(|error| Error::new(Exit::Failed, format!("cannot start a thread: {error}")))?;
                lookups.running += 1;
            }
            false => lookups.wait(lookup),
        }
        Ok(Asked { result, _wanted: wanted })
    }

    /// The answer, once: `None` until there is one.
    pub(super) fn take(&mut self) -> Option<Result<io::Result<Vec<SocketAddr>>, Error>> {
        match self.result.try_recv() {
            Ok(result) => Some(Ok(result)),
            Err(mpsc::TryRecvError::Empty) => None,
            Err(mpsc::TryRecvError::Disconnected) => {
                Some(Err(Error::new(Exit::Failed, "a worker thread failed")))
            }
        }
    }
}

impl Lookups {
    fn wait(&mut self, lookup: Lookup) {
        if self.waiting.len() >= self.prune_at {
            self.waiting.retain(|lookup| lookup.wanted.strong_count() > 0);
            self.prune_at = FEW_WAITING.max(self.waiting.len() * 2);
        }
        self.waiting.push_back(lookup);
    }

    /// What a thread does next: nothing, and it ends.
    fn next(&mut self) -> Option<Lookup> {
        while let Some(lookup) = self.waiting.pop_front() {
            if lookup.wanted.strong_count() > 0 {
                return Some(lookup);
            }
        }
        self.running -= 1;
        None
    }
}

/// A thread's work: one name after the other, until none waits.
fn work(first: Lookup) {
    let mut next = Some(first);
    while let Some(Lookup { name, port, tell, wake, .. }) = next {
        // The receiver is gone if its session ended first; then nobody wants the result.
        let _ = tell.send((name.as_str(), port).to_socket_addrs().map(Iterator::collect));
        wake.wake();
        next = LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner).next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::reactor::{Reactor, Session, Status, Turn};
    use crate::net::signals::Signals;

    struct Asker(Vec<Asked>);

    impl Session for Asker {
        fn advance(&mut self, _turn: Turn) -> Result<Status, Error> {
            self.0.retain_mut(|asked| match asked.take() {
                Some(result) => {
                    let addresses = result.unwrap().unwrap();
                    assert_eq!(addresses, ["127.0.0.1:7".parse().unwrap()]);
                    false
                }
                None => true,
            });
            Ok(if self.0.is_empty() { Status::Done } else { Status::Waiting })
        }
    }

    #[test]
    fn more_names_than_threads_are_all_answered() {
        let mut reactor = Reactor::new(&Signals::install(|_| {}).unwrap()).unwrap();
        let ask = |io: &Io| Asked::new("127.0.0.1".into(), 7, io).unwrap();
        reactor
            .add(|io| {
                // Every other one is not wanted any more.
                for _ in 0..4 * MOST_AT_ONCE {
                    drop(ask(&io));
                }
                Ok(Asker((0..4 * MOST_AT_ONCE).map(|_| ask(&io)).collect()))
            })
            .unwrap();
        reactor.run().unwrap();
        assert!(LOOKUPS.lock().unwrap().running <= MOST_AT_ONCE);
    }
}
