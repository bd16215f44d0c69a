//! Receive coalescing: a fast stream from socket to socket is read in large pieces, because the kernel wakes its reader
//! for many bytes only.
//!
//! A process that reads as fast as the peer sends is woken for every packet, and wakes the next process for it. Between
//! processors that costs more than the bytes. `SO_RCVLOWAT` (socket(7); for poll(2) with TCP since Linux 4.18) sets a
//! low-water mark. An end, an error and a full window wake the reader as always, and fewer bytes than the mark are read
//! after `MAX_DELAY`. Meanwhile the sending socket waits for full segments (`TCP_NODELAY` off, tcp(7)): one more
//! segment for the rest of each piece costs as much as the piece.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::stream::KernelEnd;

/// The low-water mark: the number of bytes that wakes the reader.
const MARK_BYTES: u32 = 512 << 10;
/// The time after which fewer bytes are read.
const MAX_DELAY: Duration = Duration::from_millis(1);
/// Coalescing begins when a stream has brought this many marks, each within that delay on average.
const FAST_MARKS: u32 = 4;
/// If it then brings fewer marks than this, it consists of requests and replies, each of which pays the delay: the
/// number of marks that the next time needs is doubled.
const LONG_MARKS: u32 = 4;
/// The most times that the number is doubled.
const MAX_DOUBLED: u32 = 4;

/// The state of receive coalescing between two sockets.
#[derive(Default)]
pub(super) struct Coalescing {
    state: State,
    /// How many times the number of marks that is needed was doubled.
    doubled: u32,
    /// The sink had `TCP_NODELAY` before.
    had_nodelay: bool,
}

/// The numbers are bytes received in this state.
#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// Measuring the rate since this time.
    Measuring(u64, Instant),
    /// Coalescing.
    On(u64),
    /// Coalescing, and waiting for more bytes until this time.
    Waiting(u64, Instant),
}

impl Coalescing {
    /// Handles `count` bytes that were read from the source at once.
    pub(super) fn on_read(
        &mut self,
        count: u64,
        now: Instant,
        (source, sink): (KernelEnd<'_>, KernelEnd<'_>),
    ) {
        if count == 0 {
            return;
        }
        let marks = FAST_MARKS << self.doubled;
        self.state = match self.state {
            State::Idle => State::Measuring(count, now),
            State::Measuring(_, since) if now > since + marks * MAX_DELAY => State::Measuring(count, now),
            State::Measuring(before, since) if before + count < u64::from(marks) * u64::from(MARK_BYTES) => {
                State::Measuring(before + count, since)
            }
            State::Measuring(..) if !set_mark(source.fd, MARK_BYTES) => State::Idle,
            State::Measuring(..) => {
                self.had_nodelay = set_nodelay(sink.fd, false);
                State::On(0)
            }
            State::On(before) | State::Waiting(before, _) => State::On(before + count),
        };
    }

    /// Handles a source that is not readable.
    pub(super) fn on_wait(&mut self, now: Instant) {
        if let State::On(count) = self.state {
            self.state = State::Waiting(count, now + MAX_DELAY);
        }
    }

    /// Ends coalescing if the delay is over: if bytes are there, the source is readable at once.
    pub(super) fn tick(&mut self, now: Instant, (source, sink): (KernelEnd<'_>, KernelEnd<'_>)) {
        let State::Waiting(count, time) = self.state else { return };
        if now < time {
            return;
        }
        set_mark(source.fd, 1);
        if self.had_nodelay {
            set_nodelay(sink.fd, true);
        }
        let was_long = count >= u64::from(LONG_MARKS * MARK_BYTES);
        let doubled = if was_long { 0 } else { (self.doubled + 1).min(MAX_DOUBLED) };
        *self = Coalescing { doubled, ..Coalescing::default() };
    }

    /// When to call [`Coalescing::tick`].
    pub(super) fn wake_up(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(_, time) => Some(time),
            _ => None,
        }
    }
}

/// Sets the low-water mark. False where the system does not support it.
#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn set_mark(socket: BorrowedFd<'_>, bytes: u32) -> bool {
    use std::os::fd::AsRawFd;
    use uapi::c::{SO_RCVLOWAT, SOL_SOCKET};

    uapi::setsockopt(socket.as_raw_fd(), SOL_SOCKET, SO_RCVLOWAT, &bytes).is_ok()
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn set_mark(_socket: BorrowedFd<'_>, _bytes: u32) -> bool {
    false
}

/// Sets `TCP_NODELAY`, which sends the bytes that were held back. True if it was the other way before.
fn set_nodelay(socket: BorrowedFd<'_>, nodelay: bool) -> bool {
    let socket = socket2::SockRef::from(&socket);
    socket.tcp_nodelay().is_ok_and(|before| before != nodelay) && socket.set_tcp_nodelay(nodelay).is_ok()
}

#[cfg(all(target_os = "linux", not(sendall_portable)))]
#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsFd, AsRawFd};

    use super::*;
    use crate::net::reactor::Readiness;
    use crate::net::stream::FdKind;

    struct Ends(TcpStream, Readiness);

    impl Ends {
        /// A socket that is source and sink, as of an echo.
        fn new() -> Ends {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let socket =
                TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
            socket.set_nodelay(true).expect("an option");
            Ends(socket, Readiness::always())
        }

        fn both(&self) -> (KernelEnd<'_>, KernelEnd<'_>) {
            let end = KernelEnd { fd: self.0.as_fd(), kind: FdKind::Socket, readiness: &self.1 };
            (end, end)
        }

        fn mark(&self) -> u32 {
            let mut mark = 0_u32;
            let (level, option) = (uapi::c::SOL_SOCKET, uapi::c::SO_RCVLOWAT);
            uapi::getsockopt(self.0.as_raw_fd(), level, option, &mut mark).expect("an option");
            mark
        }

        #[track_caller]
        fn expect(&self, mark: u32, nodelay: bool) {
            assert_eq!((self.mark(), self.0.nodelay().expect("an option")), (mark, nodelay));
        }
    }

    const PIECE: u64 = 16 << 10;

    /// Reads pieces worth this many marks in no time.
    fn bring(coalescing: &mut Coalescing, marks: u32, now: Instant, ends: &Ends) {
        (0..marks * MARK_BYTES / PIECE as u32).for_each(|_| coalescing.on_read(PIECE, now, ends.both()));
    }

    /// Waits until the delay is over.
    fn pause(coalescing: &mut Coalescing, now: Instant, ends: &Ends) -> Instant {
        coalescing.on_wait(now);
        coalescing.tick(now + MAX_DELAY, ends.both());
        assert_eq!(coalescing.wake_up(), None);
        ends.expect(1, true);
        now + MAX_DELAY
    }

    #[test]
    fn a_fast_stream_is_coalesced_until_it_pauses() {
        let (ends, now) = (Ends::new(), Instant::now());
        let mut coalescing = Coalescing::default();
        bring(&mut coalescing, FAST_MARKS - 1, now, &ends);
        coalescing.on_wait(now);
        assert_eq!(coalescing.wake_up(), None);
        ends.expect(1, true);
        bring(&mut coalescing, 1, now + FAST_MARKS * MAX_DELAY, &ends);
        ends.expect(MARK_BYTES, false);

        coalescing.on_wait(now);
        coalescing.on_read(u64::from(MARK_BYTES), now, ends.both());
        assert_eq!(coalescing.wake_up(), None, "the mark was reached");
        coalescing.on_wait(now);
        coalescing.on_wait(now + MAX_DELAY / 2);
        assert_eq!(coalescing.wake_up(), Some(now + MAX_DELAY), "from the first time on");
        coalescing.tick(now + MAX_DELAY / 2, ends.both());
        ends.expect(MARK_BYTES, false);
        pause(&mut coalescing, now, &ends);
    }

    #[test]
    fn a_slower_stream_is_not_coalesced() {
        let (ends, start) = (Ends::new(), Instant::now());
        let (mut coalescing, pieces) = (Coalescing::default(), FAST_MARKS * MARK_BYTES / PIECE as u32);
        for piece in 0..4 * pieces {
            coalescing.on_read(PIECE, start + piece * (FAST_MARKS * MAX_DELAY) / (pieces - 2), ends.both());
        }
        ends.expect(1, true);
    }

    #[test]
    fn requests_and_replies_wait_ever_less_often() {
        let (ends, mut now) = (Ends::new(), Instant::now());
        let mut coalescing = Coalescing::default();
        for doubled in [0, 1, 2, 3, 4, 4] {
            bring(&mut coalescing, (FAST_MARKS << doubled) - 1, now, &ends);
            ends.expect(1, true);
            bring(&mut coalescing, 1, now, &ends);
            ends.expect(MARK_BYTES, false);
            bring(&mut coalescing, LONG_MARKS - 1, now, &ends);
            now = pause(&mut coalescing, now, &ends);
        }
        bring(&mut coalescing, FAST_MARKS << MAX_DOUBLED, now, &ends);
        bring(&mut coalescing, LONG_MARKS, now, &ends);
        now = pause(&mut coalescing, now, &ends);
        bring(&mut coalescing, FAST_MARKS, now, &ends);
        ends.expect(MARK_BYTES, false);
    }
}
