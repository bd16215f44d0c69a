//! `send` takes a part, `send_all` takes everything, and of what was taken the count is kept: on real sockets.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::PollFlags;
use sendall::net::send::{SendBuffer, Sent, send, send_all};
use sendall::net::stream::Stream;

use crate::harness::{LIMIT, assert_same, payload, wait_for_fd};

/// More than the kernel's buffers of both ends hold.
const MUCH_BYTES: usize = 24 << 20;

struct Tcp(TcpStream);

impl Stream for Tcp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

sendall::without!([] Tcp; KernelEnds SocketState Timed RelayHints);

impl Tcp {
    fn wait_writable(&self) {
        assert!(wait_for_fd(self.0.as_fd(), PollFlags::OUT, LIMIT), "no room");
    }
}

fn pair() -> (Tcp, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let here = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    here.set_nonblocking(true).expect("non-blocking");
    let there = listener.accept().expect("a client").0;
    there.set_read_timeout(Some(LIMIT)).expect("a time limit");
    (Tcp(here), there)
}

fn queued(bytes: &[u8]) -> SendBuffer {
    let mut outgoing = SendBuffer::default();
    outgoing.push(bytes);
    outgoing
}

#[test]
fn send_is_one_attempt_and_takes_a_part() {
    let (mut here, mut there) = pair();
    let bytes = payload(MUCH_BYTES);
    let taken = send(&mut here, &bytes).expect("some of it");
    assert!(taken > 0 && taken < bytes.len(), "{taken} of {}", bytes.len());
    here.finish_writing().expect("a half-close");
    let mut got = Vec::new();
    there.read_to_end(&mut got).expect("all that was taken");
    assert_same(&got, &bytes[..taken], "at the peer");
}

#[test]
fn send_without_room_would_block() {
    let (mut here, _there) = pair();
    let bytes = payload(MUCH_BYTES);
    let mut sent = 0;
    let error = loop {
        match send(&mut here, &bytes) {
            Ok(taken) => sent += taken,
            Err(error) => break error,
        }
        assert!(sent < 10 * MUCH_BYTES, "a kernel without limits");
    };
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn send_all_takes_everything_over_several_calls() {
    let (mut here, mut there) = pair();
    let bytes = payload(MUCH_BYTES);
    let mut outgoing = queued(&bytes);
    assert_eq!(send_all(&mut here, &mut outgoing).expect("a part"), Sent::Blocked);
    assert!(outgoing.pending() > 0 && outgoing.pending() < bytes.len());
    let reading = std::thread::spawn(move || {
        let (mut got, mut part) = (Vec::new(), [0; 5000]);
        loop {
            match there.read(&mut part).expect("bytes") {
                0 => return got,
                count => got.extend_from_slice(&part[..count]),
            }
        }
    });
    let mut calls = 1;
    loop {
        here.wait_writable();
        calls += 1;
        let pending = outgoing.pending();
        match send_all(&mut here, &mut outgoing).expect("the peer reads") {
            Sent::All => break,
            Sent::Blocked => assert!(outgoing.pending() <= pending),
        }
    }
    assert!(calls > 1);
    assert_eq!(outgoing.pending(), 0);
    here.finish_writing().expect("a half-close");
    assert_same(&reading.join().expect("the peer"), &bytes, "at the peer");
}

#[test]
fn send_all_of_nothing_is_done() {
    let (mut here, _there) = pair();
    assert_eq!(send_all(&mut here, &mut SendBuffer::default()).expect("nothing to do"), Sent::All);
}

#[test]
fn what_is_appended_later_follows_what_was_queued() {
    let (mut here, mut there) = pair();
    let mut outgoing = queued(b"one ");
    assert_eq!(send_all(&mut here, &mut outgoing).expect("all"), Sent::All);
    outgoing.push(b"two ");
    outgoing.push(b"three");
    assert_eq!(send_all(&mut here, &mut outgoing).expect("all"), Sent::All);
    here.finish_writing().expect("a half-close");
    let mut got = String::new();
    there.read_to_string(&mut got).expect("text");
    assert_eq!(got, "one two three");
}

#[test]
fn after_a_reset_it_is_known_how_much_was_taken() {
    let (mut here, there) = pair();
    let mut outgoing = queued(&payload(MUCH_BYTES));
    assert_eq!(send_all(&mut here, &mut outgoing).expect("a part"), Sent::Blocked);
    let taken = (MUCH_BYTES - outgoing.pending()) as u64;
    socket2::SockRef::from(&there).set_linger(Some(Duration::ZERO)).expect("linger");
    drop(there);
    assert!(wait_for_fd(here.0.as_fd(), PollFlags::RDHUP, LIMIT), "no reset");
    let error = send_all(&mut here, &mut outgoing).expect_err("the connection is gone");
    assert_eq!(outgoing.taken_bytes(), taken);
    assert!(matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe));
}
