//! Name resolution on a bounded number of threads: getaddrinfo(3) blocks while the resolver is silent, and cannot be
//! stopped.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};

use super::io::IoHandle;
use super::wakers::ThreadWaker;
use crate::error::{Error, Exit};

/// Lookups that run at the same time. Others wait, which uses up their own time limit.
const MAX_CONCURRENT: usize = 32;
/// Lookups for one client of a server at the same time: names without an answer must not hold up other clients.
const MAX_PER_CLIENT: usize = 8;
/// At this length of the queue, lookups whose session has ended are removed from it.
const PRUNE_AT: usize = 64;

static LOOKUPS: Mutex<Lookups> =
    Mutex::new(Lookups { running: Vec::new(), waiting: VecDeque::new(), prune_at: PRUNE_AT });

struct Lookups {
    /// For each running lookup, the client that it is for, if any.
    running: Vec<Option<IpAddr>>,
    waiting: VecDeque<Lookup>,
    prune_at: usize,
}

struct Lookup {
    asker: Option<IpAddr>,
    name: String,
    port: u16,
    answer: mpsc::Sender<io::Result<Vec<SocketAddr>>>,
    /// Dead when the session that asked has ended.
    wanted: Weak<()>,
    wake: ThreadWaker,
}

/// A lookup that runs or waits. If this is dropped before it runs, it never does.
pub(super) struct PendingLookup {
    result: mpsc::Receiver<io::Result<Vec<SocketAddr>>>,
    _wanted: Arc<()>,
}

impl PendingLookup {
    /// Starts or queues a lookup, for the client `asker` if there is one. The session of `io` is advanced when it has ended.
    pub(super) fn new(
        name: String,
        port: u16,
        asker: Option<IpAddr>,
        io: &IoHandle,
    ) -> Result<PendingLookup, Error> {
        let (answer, result) = mpsc::channel();
        let wanted = Arc::new(());
        let asker = asker.map(network);
        let lookup =
            Lookup { asker, name, port, answer, wanted: Arc::downgrade(&wanted), wake: io.thread_waker() };
        let mut lookups = LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner);
        match lookups.has_room_for(asker) {
            true => {
                std::thread::Builder::new()
                    .spawn(move || work(lookup))
                    .map_err(|error| Error::new(Exit::Failed, format!("cannot start a thread: {error}")))?;
                lookups.running.push(asker);
            }
            false => lookups.wait(lookup),
        }
        Ok(PendingLookup { result, _wanted: wanted })
    }

    /// Returns the result, once: `None` until there is one.
    pub(super) fn poll_result(&mut self) -> Option<Result<io::Result<Vec<SocketAddr>>, Error>> {
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
            self.prune_at = PRUNE_AT.max(self.waiting.len() * 2);
        }
        self.waiting.push_back(lookup);
    }

    fn has_room_for(&self, asker: Option<IpAddr>) -> bool {
        let of_one = || self.running.iter().filter(|other| **other == asker).count();
        self.running.len() < MAX_CONCURRENT && (asker.is_none() || of_one() < MAX_PER_CLIENT)
    }

    /// Notes that a lookup for `asker` has ended. Returns the next one for its thread, or `None` if the thread must end.
    fn next(&mut self, asker: Option<IpAddr>) -> Option<Lookup> {
        if let Some(index) = self.running.iter().position(|other| *other == asker) {
            self.running.swap_remove(index);
        }
        let mut index = 0;
        while let Some(lookup) = self.waiting.get(index) {
            if lookup.wanted.strong_count() == 0 {
                self.waiting.remove(index);
            } else if self.has_room_for(lookup.asker) {
                self.running.push(lookup.asker);
                return self.waiting.remove(index);
            } else {
                index += 1;
            }
        }
        None
    }
}

/// The client that an address stands for: an IPv6 network of 64 bits, in which one client can have any address.
fn network(address: IpAddr) -> IpAddr {
    const HOST_BITS: u32 = 64;
    match address {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> HOST_BITS << HOST_BITS).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Runs lookups, one after the other, until none waits.
fn work(first: Lookup) {
    let mut next = Some(first);
    while let Some(Lookup { asker, name, port, answer, wake, .. }) = next {
        // The receiver is gone if its session ended first; then the result is dropped.
        let _ = answer.send((name.as_str(), port).to_socket_addrs().map(Iterator::collect));
        wake.wake();
        next = LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner).next(asker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::reactor::{Context, Reactor, Session, Status};
    use crate::net::signals::Signals;

    struct Asker(Vec<PendingLookup>);

    impl Session for Asker {
        fn advance(&mut self, _turn: Context) -> Result<Status, Error> {
            self.0.retain_mut(|asked| match asked.poll_result() {
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
        let mut reactor = Reactor::new(&Signals::install(|_, _| {}).unwrap()).unwrap();
        let ask = |io: &IoHandle, asker| PendingLookup::new("127.0.0.1".into(), 7, asker, io).unwrap();
        reactor
            .add(|io| {
                // Every other one is not wanted any more.
                for _ in 0..4 * MAX_CONCURRENT {
                    drop(ask(&io, None));
                }
                let asker = |number: usize| (number & 1 == 0).then_some(IpAddr::from([192, 0, 2, 1]));
                Ok(Asker((0..4 * MAX_CONCURRENT).map(|number| ask(&io, asker(number))).collect()))
            })
            .unwrap();
        reactor.run().unwrap();
        assert!(LOOKUPS.lock().unwrap().running.len() <= MAX_CONCURRENT);
    }

    #[test]
    fn a_client_cannot_take_all_threads() {
        let [one, other] = ["2001:db8::1", "2001:db8::2"].map(|text| Some(network(text.parse().unwrap())));
        assert_eq!(one, other, "of one network");
        let lookups = Lookups { running: vec![one; MAX_PER_CLIENT], waiting: VecDeque::new(), prune_at: 1 };
        assert!(!lookups.has_room_for(one) && lookups.has_room_for(None));
        assert!(lookups.has_room_for(Some([192, 0, 2, 1].into())));
        let lookups = Lookups { running: vec![None; MAX_CONCURRENT], ..lookups };
        assert!(!lookups.has_room_for(None) && !lookups.has_room_for(one));
    }
}
