//! Receive coalescing: a fast stream from socket to socket is read in large pieces, because the kernel wakes its reader
//! for many bytes only.
//!
//! A process that reads as fast as the peer sends is woken for every packet, and wakes the next process for it. Between
//! processors that costs more than the bytes. `SO_RCVLOWAT` (socket(7); for poll(2) with TCP since Linux 4.18) collects
//! them. An end, an error and a full window wake the reader as always, and fewer bytes than the mark are taken after
//! `MAX_DELAY`. Meanwhile the sending socket sends full segments while it has others on the way (`TCP_NODELAY` off,
//! tcp(7)): one more segment for the rest of each piece costs as much as the piece.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::stream::KernelEnd;

/// How many bytes wake the reader.
const MARK_BYTES: u32 = 512 << 10;
/// Time limit for fewer bytes.
const MAX_DELAY: Duration = Duration::from_millis(1);
/// A stream is fast if it brings the mark within that delay this many times in a row.
const ROW: u32 = 4;
/// If it then brings the mark fewer times, it is one of questions and answers, which pays that delay each time: the
/// next row is twice as long, up to this many times.
const LONG_ROW: u32 = 4;
const MAX_DOUBLED: u32 = 4;

/// The state of receive coalescing between two sockets.
#[derive(Default)]
pub(super) struct Coalescing {
    state: State,
    /// How often the row was doubled.
    doubled: u32,
    /// The sink sent everything at once before.
    was_eager: bool,
}

/// Numbers are bytes that have come since it began.
#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// Since then, as far as it was fast.
    Counted(u64, Instant),
    On(u64),
    /// On, and more are awaited until then.
    Awaited(u64, Instant),
}

impl Coalescing {
    /// `count` bytes were taken from the source at once.
    pub(super) fn took(&mut self, count: u64, now: Instant, (source, sink): (KernelEnd<'_>, KernelEnd<'_>)) {
        if count == 0 {
            return;
        }
        let row = ROW << self.doubled;
        self.state = match self.state {
            State::Idle => State::Counted(count, now),
            State::Counted(_, since) if now > since + row * MAX_DELAY => State::Counted(count, now),
            State::Counted(before, since) if before + count < u64::from(row) * u64::from(MARK_BYTES) => {
                State::Counted(before + count, since)
            }
            State::Counted(..) if !set_mark(source.fd, MARK_BYTES) => State::Idle,
            State::Counted(..) => {
                self.was_eager = set_eager(sink.fd, false);
                State::On(0)
            }
            State::On(before) | State::Awaited(before, _) => State::On(before + count),
        };
    }

    /// The source has nothing, as far as its readiness tells.
    pub(super) fn wait(&mut self, now: Instant) {
        if let State::On(count) = self.state {
            self.state = State::Awaited(count, now + MAX_DELAY);
        }
    }

    /// Ends it if enough time has passed: readiness shows at once if there is something.
    pub(super) fn tick(&mut self, now: Instant, (source, sink): (KernelEnd<'_>, KernelEnd<'_>)) {
        let State::Awaited(count, time) = self.state else { return };
        if now < time {
            return;
        }
        set_mark(source.fd, 1);
        if self.was_eager {
            set_eager(sink.fd, true);
        }
        let was_long = count >= u64::from(LONG_ROW * MARK_BYTES);
        let doubled = if was_long { 0 } else { (self.doubled + 1).min(MAX_DOUBLED) };
        *self = Coalescing { doubled, ..Coalescing::default() };
    }

    /// When to call [`Coalescing::tick`].
    pub(super) fn wake_up(&self) -> Option<Instant> {
        match self.state {
            State::Awaited(_, time) => Some(time),
            _ => None,
        }
    }
}

/// False where that cannot be asked for.
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

/// True if it was the other way before: whether a TCP socket sends everything at once. What it held back is sent then.
fn set_eager(socket: BorrowedFd<'_>, eager: bool) -> bool {
    let socket = socket2::SockRef::from(&socket);
    socket.tcp_nodelay().is_ok_and(|before| before != eager) && socket.set_tcp_nodelay(eager).is_ok()
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
        /// A socket that is both, as of an echo.
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

    /// As many pieces in no time as make a row of so many marks.
    fn bring(coalescing: &mut Coalescing, marks: u32, now: Instant, ends: &Ends) {
        (0..marks * MARK_BYTES / PIECE as u32).for_each(|_| coalescing.took(PIECE, now, ends.both()));
    }

    /// Waits in vain.
    fn pause(coalescing: &mut Coalescing, now: Instant, ends: &Ends) -> Instant {
        coalescing.wait(now);
        coalescing.tick(now + MAX_DELAY, ends.both());
        assert_eq!(coalescing.wake_up(), None);
        ends.expect(1, true);
        now + MAX_DELAY
    }

    #[test]
    fn the_bytes_of_a_fast_stream_gather_until_it_is_none() {
        let (ends, now) = (Ends::new(), Instant::now());
        let mut coalescing = Coalescing::default();
        bring(&mut coalescing, ROW - 1, now, &ends);
        coalescing.wait(now);
        assert_eq!(coalescing.wake_up(), None);
        ends.expect(1, true);
        bring(&mut coalescing, 1, now + ROW * MAX_DELAY, &ends);
        ends.expect(MARK_BYTES, false);

        coalescing.wait(now);
        coalescing.took(u64::from(MARK_BYTES), now, ends.both());
        assert_eq!(coalescing.wake_up(), None, "the mark was reached");
        coalescing.wait(now);
        coalescing.wait(now + MAX_DELAY / 2);
        assert_eq!(coalescing.wake_up(), Some(now + MAX_DELAY), "from the first time on");
        coalescing.tick(now + MAX_DELAY / 2, ends.both());
        ends.expect(MARK_BYTES, false);
        pause(&mut coalescing, now, &ends);
    }

    #[test]
    fn those_of_a_slower_stream_do_not() {
        let (ends, start) = (Ends::new(), Instant::now());
        let (mut coalescing, pieces) = (Coalescing::default(), ROW * MARK_BYTES / PIECE as u32);
        for piece in 0..4 * pieces {
            coalescing.took(PIECE, start + piece * (ROW * MAX_DELAY) / (pieces - 2), ends.both());
        }
        ends.expect(1, true);
    }

    #[test]
    fn questions_and_answers_wait_ever_less_often() {
        let (ends, mut now) = (Ends::new(), Instant::now());
        let mut coalescing = Coalescing::default();
        for doubled in [0, 1, 2, 3, 4, 4] {
            bring(&mut coalescing, (ROW << doubled) - 1, now, &ends);
            ends.expect(1, true);
            bring(&mut coalescing, 1, now, &ends);
            ends.expect(MARK_BYTES, false);
            bring(&mut coalescing, LONG_ROW - 1, now, &ends);
            now = pause(&mut coalescing, now, &ends);
        }
        bring(&mut coalescing, ROW << MAX_DOUBLED, now, &ends);
        bring(&mut coalescing, LONG_ROW, now, &ends);
        now = pause(&mut coalescing, now, &ends);
        bring(&mut coalescing, ROW, now, &ends);
        ends.expect(MARK_BYTES, false);
    }
}
