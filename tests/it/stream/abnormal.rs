//! Ends that are no ends: a killed or failing process, urgent data, files that are longer than they say.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::SendFlags;
use rustix::process::Signal;

use crate::faults::trace;
use crate::harness::link::Link;
use crate::harness::{In, LIMIT, Out, assert_same, payload, sendall, wait_until};
use crate::transfer::frames::{Peer, hello, ping, turn, want};
use crate::transfer::xfer::{Place, address, names_in, serve, status_kib, upload_once};

const GET: u8 = 2;

#[test]
fn a_killed_sender_does_not_look_like_one_that_has_finished() {
    for (signal, code) in [(Signal::KILL, -9), (Signal::TERM, 143), (Signal::INT, 130)] {
        let server = sendall(&["serve", "127.0.0.1:0"], In::Null, Out::Collect);
        let to = format!("127.0.0.1:{}", server.port());
        let mut client = sendall(&["connect", &to], In::Open, Out::Collect);
        client.say(b"half of it");
        server.expect_output(b"half of it");
        client.signal(signal);
        assert_eq!(client.finish().code, code);
        server.finish().expect(5);
    }
}

#[test]
fn a_sender_fails_if_the_receiver_could_not_write() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let server = sendall(&["serve", "127.0.0.1:0"], In::Null, Out::Fd(full.into()));
    let to = format!("127.0.0.1:{}", server.port());
    let client = sendall(&["connect", &to], In::Bytes(b"hi".to_vec()), Out::Collect);
    server.finish().expect(10);
    client.finish().expect(5);
}

#[test]
fn urgent_data_does_not_end_a_stream() {
    let (before, after) = (b"before".to_vec(), payload(300_000));
    for to_file in [false, true] {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let output = if to_file { Out::Fd(file.reopen().expect("opened").into()) } else { Out::Collect };
        let server = sendall(&["serve", "127.0.0.1:0"], In::Null, output);
        let mut peer = TcpStream::connect(("127.0.0.1", server.port())).expect("connected");
        peer.write_all(&before).expect("sent");
        let written = || {
            let collected = server.output.as_ref().map(|output| output.bytes().len());
            collected.unwrap_or_else(|| std::fs::metadata(file.path()).expect("a file").len() as usize)
        };
        assert!(wait_until(LIMIT, || written() == before.len()));
        rustix::net::send(&peer, b"!", SendFlags::OOB).expect("sent");
        peer.write_all(&after).expect("sent");
        peer.shutdown(std::net::Shutdown::Write).expect("ended");
        let mut end = Vec::new();
        peer.read_to_end(&mut end).expect("an orderly end");
        let finished = server.finish().expect(0);
        let got = if to_file { std::fs::read(file.path()).expect("read") } else { finished.stdout };
        assert_same(&got, &[&before[..], &after].concat(), "all but the urgent byte");
    }
}

#[test]
fn a_source_that_is_longer_than_its_size_is_sent_whole() {
    let there = Place::new();
    let (client, server) = upload_once(&["--store", there.arg()], &["/proc/version"]);
    client.ended(0);
    server.ended(0);
    there.expect("version", &std::fs::read("/proc/version").expect("read"));
}

#[test]
fn a_client_that_does_not_read_cannot_make_a_server_queue() {
    let there = Place::new();
    there.write("big", &payload(64 << 20));
    let server = serve(&["--share", there.arg()]);
    let mut peer = Peer::connect(&address(&server));
    assert!(peer.say(&hello(GET, b"big")));
    peer.hear(32);
    peer.hear_until(3);
    assert!(peer.say(&[want(0), turn()].concat()));
    let before = status_kib(server.id(), "VmRSS");
    for _ in 0..300 {
        assert!(peer.say(&ping()));
        wait_until(Duration::from_millis(1), || false);
    }
    let grown = status_kib(server.id(), "VmRSS").saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more for a client that does not read");
}

#[test]
fn a_server_removes_what_a_killed_one_left_long_ago() {
    let there = Place::new();
    let old = there.write(".sendall-0123456789abcdef.part", b"a leftover");
    let old = File::options().write(true).open(old).expect("the leftover");
    old.set_modified(std::time::UNIX_EPOCH).expect("its time");
    there.write(".sendall-aedcba9876543210.part", b"too small to be resumed");
    there.write(".sendall-fedcba9876543210.part", &payload(1 << 20));
    there.write("f", b"a file");
    let server = serve(&["--store", there.arg()]);
    server.port();
    assert_eq!(names_in(there.root()), [".sendall-fedcba9876543210.part", "f"]);
}

/// For a splice a socket of ours is made to block, and back: a failure to do so is one, not a matter of waiting.
#[test]
fn bytes_that_were_moved_are_not_forgotten_when_the_next_call_fails() {
    if cfg!(sendall_portable) || !trace::is_there() {
        return;
    }
    let bytes = payload(300_000);
    let receive = |log: &str, options: &[&str], output: Out| {
        let running = sendall(&["serve", "127.0.0.1:0", "--recv-only"], In::Null, output);
        running.listening(1);
        let strace = trace::attach(&running, log, &[&["--trace=ioctl"], options].concat());
        let mut link = Link::connect(running.port());
        // A server that has failed takes no more.
        let _ = link.write_all(&bytes).and_then(|()| link.try_end());
        let finished = running.finish();
        strace.finish();
        finished
    };
    for to_file in [false, true] {
        let place = Place::new();
        let file = || File::create(place.at("copy")).expect("a file");
        let output = || if to_file { Out::Fd(file().into()) } else { Out::Collect };
        receive(&place.at("log"), &[], output()).expect(0);
        let calls = trace::some_calls(&place.path("log"));
        let back = calls.iter().find(|call| call.line.contains("FIONBIO, [1]")).expect("a splice");
        let finished = receive(&place.at("log"), &[&back.inject("error=EAGAIN")], output()).expect(5);
        let copy = if to_file { std::fs::read(place.at("copy")).expect("a copy") } else { finished.stdout };
        assert!(bytes.starts_with(&copy), "{} other bytes", copy.len());
    }
}
