//! What stands between a client and a server: it paces, cuts, resets, flips and holds.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use socket2::Socket;

use crate::harness::{LIMIT, fill, now, silent_port, wait_for_fd, wait_until};

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing.
    #[default]
    Pass,
    /// One byte per write.
    Bytewise,
    /// Everything that is there when nothing has come for a while, in one write.
    Gathered,
    /// After so many bytes that direction ends; what still comes is thrown away.
    EndAfter(u64),
    /// After so many bytes both connections are reset.
    ResetAfter(u64),
    /// The byte at this offset is changed.
    Flip(u64),
    /// A byte in every so many is changed.
    FlipEvery(u64),
    /// After so many bytes it waits to be released.
    HoldAfter(u64),
}

/// Serves one client, on a thread of its own, until both directions have ended.
pub(crate) struct Proxy {
    pub(crate) address: String,
    /// Keeps the port when the proxy listens no more: who connects then must not meet another test's server.
    _port: Arc<Socket>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Bytes passed on, client to server and back.
    passed: [AtomicU64; 2],
    held: AtomicBool,
    released: AtomicBool,
    over: AtomicBool,
}

impl Proxy {
    /// Stands before `server`; `up` is for the bytes to the server, `down` for those to the client. Further
    /// connections are refused.
    pub(crate) fn new(server: &str, up: Rule, down: Rule) -> Proxy {
        Proxy::of_one(server, up, down, drop)
    }

    /// As [`Proxy::new`], but further connections wait for an answer in vain.
    pub(crate) fn deaf(server: &str, up: Rule, down: Rule) -> Proxy {
        Proxy::of_one(server, up, down, |listener| fill(listener.into()))
    }

    fn of_one<T: 'static>(server: &str, up: Rule, down: Rule, end: fn(TcpListener) -> T) -> Proxy {
        let (port, listener) = listen();
        let (port, address) = (Arc::new(port), listener.local_addr().expect("an address").to_string());
        let (shared, server) = (Arc::<Shared>::default(), server.to_owned());
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            if wait_for_fd(listener.as_fd(), PollFlags::IN, LIMIT)
                && let Ok((client, _)) = listener.accept()
                && let Ok(server) = connect(&server)
            {
                let _ended = end(listener);
                pass(client, server, [Lane::new(up), Lane::new(down)], &of_thread);
            }
            of_thread.over.store(true, Ordering::SeqCst);
        });
        Proxy { address, _port: port, shared }
    }

    /// As [`Proxy::new`], for one client after the other, each with rules of its own, at one address.
    pub(crate) fn series(server: &str, rules: &[(Rule, Rule)]) -> Vec<Proxy> {
        let (port, listener) = listen();
        let (port, address) = (Arc::new(port), listener.local_addr().expect("an address").to_string());
        let proxy = |_| Proxy { address: address.clone(), _port: Arc::clone(&port), shared: Arc::default() };
        let proxies: Vec<Proxy> = rules.iter().map(proxy).collect();
        let shared: Vec<Arc<Shared>> = proxies.iter().map(|proxy| Arc::clone(&proxy.shared)).collect();
        let (rules, server) = (rules.to_vec(), server.to_owned());
        std::thread::spawn(move || {
            for ((up, down), shared) in rules.into_iter().zip(shared) {
                if wait_for_fd(listener.as_fd(), PollFlags::IN, LIMIT)
                    && let Ok((client, _)) = listener.accept()
                    && let Ok(server) = connect(&server)
                {
                    // The next one may come while this one is held.
                    std::thread::spawn(move || {
                        pass(client, server, [Lane::new(up), Lane::new(down)], &shared);
                        shared.over.store(true, Ordering::SeqCst);
                    });
                }
            }
        });
        proxies
    }

    /// The bytes that went to the server, and to the client, once both directions have ended.
    pub(crate) fn counts(&self) -> (u64, u64) {
        assert!(wait_until(LIMIT, || self.shared.over.load(Ordering::SeqCst)), "the proxy still works");
        self.passed()
    }

    /// As [`Proxy::counts`], by now.
    pub(crate) fn passed(&self) -> (u64, u64) {
        let [up, down] = &self.shared.passed;
        (up.load(Ordering::SeqCst), down.load(Ordering::SeqCst))
    }

    /// Waits until it holds something back.
    #[track_caller]
    pub(crate) fn wait_held(&self) {
        assert!(wait_until(LIMIT, || self.shared.held.load(Ordering::SeqCst)), "nothing to hold");
    }

    pub(crate) fn release(&self) {
        self.shared.released.store(true, Ordering::SeqCst);
    }
}

/// What a socket takes in, so that a sender cannot run far ahead of what is held.
const BUFFER_BYTES: usize = 64 << 10;

/// A listener, and what keeps its port after it.
fn listen() -> (Socket, TcpListener) {
    let (port, address) = silent_port();
    let listener = TcpListener::bind(address).expect("its own port");
    socket2::SockRef::from(&listener).set_recv_buffer_size(BUFFER_BYTES).expect("a buffer size");
    (port, listener)
}

fn connect(server: &str) -> std::io::Result<TcpStream> {
    let address: std::net::SocketAddr = server.parse().expect("an address");
    let socket = Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}

struct Lane {
    rule: Rule,
    passed: u64,
    pending: Vec<u8>,
    source_ended: bool,
    sink_ended: bool,
}

impl Lane {
    fn new(rule: Rule) -> Lane {
        Lane { rule, passed: 0, pending: Vec::new(), source_ended: false, sink_ended: false }
    }

    fn wants_bytes(&self) -> bool {
        !self.source_ended && (self.pending.is_empty() || self.rule == Rule::Gathered)
    }

    /// How many of the pending bytes may go now.
    fn may_go(&self, quiet: bool, released: bool) -> usize {
        let until = |limit: u64| self.pending.len().min((limit - self.passed) as usize);
        match self.rule {
            Rule::Bytewise => self.pending.len().min(1),
            Rule::Gathered if !quiet && !self.source_ended => 0,
            Rule::EndAfter(limit) | Rule::ResetAfter(limit) => until(limit),
            Rule::HoldAfter(limit) if !released => until(limit),
            _ => self.pending.len(),
        }
    }

    fn flip(&mut self, from: usize) {
        if let Rule::Flip(offset) = self.rule
            && let Some(index) = (offset.checked_sub(self.passed)).map(|index| index as usize)
            && index >= from
            && let Some(byte) = self.pending.get_mut(index)
        {
            *byte ^= 1 << (offset % 8);
        }
        if let Rule::FlipEvery(period) = self.rule {
            let first = self.passed + from as u64;
            let end = self.passed + self.pending.len() as u64;
            for offset in (first.div_ceil(period).max(1)..).map(|n| n * period).take_while(|at| *at < end) {
                self.pending[(offset - self.passed) as usize] ^= 1;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.source_ended && self.sink_ended
    }
}

fn pass(client: TcpStream, server: TcpStream, mut lanes: [Lane; 2], shared: &Shared) {
    let ends = [client, server];
    for end in &ends {
        end.set_nonblocking(true).and_then(|()| end.set_nodelay(true)).expect("socket options");
    }
    let deadline = now() + 3 * LIMIT;
    let mut quiet = false;
    while !lanes.iter().all(Lane::is_over) && now() < deadline {
        let released = shared.released.load(Ordering::SeqCst);
        let mut interest = [PollFlags::empty(); 2];
        for (from, lane) in lanes.iter_mut().enumerate() {
            let limit = match lane.rule {
                Rule::ResetAfter(limit) if lane.passed >= limit => {
                    for end in &ends {
                        let _ = socket2::SockRef::from(end).set_linger(Some(Duration::ZERO));
                    }
                    return;
                }
                Rule::EndAfter(limit) => limit,
                _ => u64::MAX,
            };
            let ended = lane.passed >= limit || (lane.source_ended && lane.pending.is_empty());
            if ended && !lane.sink_ended {
                lane.sink_ended = true;
                let _ = ends[1 - from].shutdown(Shutdown::Write);
            }
            if lane.sink_ended {
                lane.pending.clear();
            }
            if matches!(lane.rule, Rule::HoldAfter(limit) if lane.passed >= limit) && !lane.pending.is_empty()
            {
                shared.held.store(true, Ordering::SeqCst);
            }
            interest[from].set(PollFlags::IN, lane.wants_bytes());
            interest[1 - from].set(PollFlags::OUT, lane.may_go(quiet, released) > 0);
        }
        let mut ready = [PollFlags::empty(); 2];
        {
            // An end of which nothing is wanted is not asked about: its hang-up would be reported without end.
            let asked: Vec<usize> = (0..2).filter(|end| !interest[*end].is_empty()).collect();
            let fd = |end: &usize| PollFd::from_borrowed_fd(ends[*end].as_fd(), interest[*end]);
            let mut fds: Vec<PollFd<'_>> = asked.iter().map(fd).collect();
            let timeout = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
            quiet = rustix::event::poll(&mut fds, Some(&timeout)).is_ok_and(|count| count == 0);
            asked.iter().zip(&fds).for_each(|(end, fd)| ready[*end] = fd.revents());
        }
        for (from, lane) in lanes.iter_mut().enumerate() {
            if ready[from].intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) && lane.wants_bytes() {
                read(&ends[from], lane);
            }
            let count = lane.may_go(quiet, released);
            if count > 0 {
                write(&ends[1 - from], lane, count, &shared.passed[from]);
            }
        }
    }
}

fn read(mut source: &TcpStream, lane: &mut Lane) {
    let mut buffer = [0; 64 << 10];
    match source.read(&mut buffer) {
        Ok(0) => lane.source_ended = true,
        Ok(count) => {
            let from = lane.pending.len();
            lane.pending.extend_from_slice(&buffer[..count]);
            lane.flip(from);
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(_) => lane.source_ended = true,
    }
}

fn write(mut sink: &TcpStream, lane: &mut Lane, count: usize, passed: &AtomicU64) {
    match sink.write(&lane.pending[..count]) {
        Ok(count) => {
            lane.pending.drain(..count);
            lane.passed += count as u64;
            passed.store(lane.passed, Ordering::SeqCst);
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Err(_) => {
            // Nobody takes it any more.
            lane.pending.clear();
            lane.sink_ended = true;
        }
    }
}
