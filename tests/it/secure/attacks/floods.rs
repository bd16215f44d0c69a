//! Connections that do nothing, or little, beside an honest client: it is served, and soon.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::PollFlags;
use sendall::proto::secure::cpace::Party;
use sendall::proto::secure::refusal::Reason;

use super::super::scene::{CODE, Server, User};
use super::peer::{Peer, connect_from};
use crate::harness::skips::skip;
use crate::harness::{In, assert_within, now, wait_for_fd};
use crate::transfer::xfer::{Place, is_slow_wanted, status_kib};

/// Connections of these addresses in turn, of which each second one has sent the first byte of a hello.
fn idle(server: &Server, hosts: &[u8], count: usize) -> Vec<TcpStream> {
    let connect = |index: usize| {
        let mut stream = connect_from(hosts[index % hosts.len()], &server.address);
        // It may have made way already.
        let _ = stream.write_all(&[0x16][..index % 2]);
        stream
    };
    (0..count).map(connect).collect()
}

/// An upload of another file each time, which must not wait for connections that do nothing.
fn upload(server: &Server, inbox: &Place, name: &str) {
    let place = Place::new();
    let (file, begun) = (place.write(name, b"hello"), now());
    User::with(CODE).run(&["upload", &file, &server.address]).expect(0);
    assert_within(begun, Duration::from_secs(2));
    inbox.expect(name, b"hello");
}

#[test]
fn idle_connections_keep_no_honest_client_out() {
    // Of other addresses than the client's, and of its own; also no more than are let be.
    for (hosts, count) in [(&[2, 3, 4][..], 300), (&[1], 300), (&[1], 40)] {
        let inbox = Place::new();
        let server = User::with(CODE).serve(&["--store", inbox.arg()]);
        let idle = idle(&server, hosts, count);
        upload(&server, &inbox, "f");
        drop(idle);
    }
}

#[test]
fn a_source_has_as_many_clients_as_it_may_once_they_are_let_through() {
    let server = User::with(CODE).serve(&["--code", "--echo", "--max-per-source", "1"]);
    let idle = idle(&server, &[1], 5);
    let connect = |input| User::with(CODE).start(&["connect", "--code", &server.address], input);
    let mut first = connect(In::Open);
    first.say(b"hello");
    first.expect_output(b"hello");
    connect(In::Null).finish().expect(5);
    server.logs("too many clients from its address");
    first.end_input();
    first.finish().expect(0);
    drop(idle);
}

/// Shows a share, and hears the server's.
#[track_caller]
fn begin_admission(peer: &mut Peer) {
    let share = super::between::exchange(Party::Initiator, "zoo-zoo-zoo", peer).share();
    peer.say(&[&[2, 0, 0, 32][..], &share].concat());
    assert_eq!(peer.hear_message()[0], 0x82);
}

/// They may begin admission, too: only four runs are at it at a time.
#[test]
fn runs_that_do_not_go_on_keep_no_honest_client_out() {
    let inbox = Place::new();
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let mut runs = Vec::new();
    for _ in 0..24 {
        let mut peer = Peer::over(connect_from(2, &server.address), None);
        begin_admission(&mut peer);
        runs.push(peer);
    }
    upload(&server, &inbox, "f");
}

/// Where there is one place, or where clients are counted.
#[test]
fn silent_connections_take_no_place_of_a_client() {
    let cases: [(&[&str], usize); 3] =
        [(&[], 1), (&["--echo", "--count", "2"], 2), (&["--discard", "--max-clients", "1"], 2)];
    for (options, clients) in cases {
        let server = User::with(CODE).serve(&[&["--code"], options].concat());
        let idle = idle(&server, &[2], 6);
        let begun = now();
        for _ in 0..clients {
            let connect = ["connect", "--code", &server.address];
            User::with(CODE).start(&connect, In::Bytes(b"hi".to_vec())).finish().expect(0);
        }
        assert_within(begun, Duration::from_secs(4));
        if !options.contains(&"--max-clients") {
            // Those that wait do not keep it from its end.
            server.running.finish().expect(0);
            assert_within(begun, Duration::from_secs(4));
        }
        drop(idle);
    }
}

/// Connections of an address that have done all of TLS, and nothing since. More of them than may wait.
fn secured(server: &Server, host: u8, count: usize) -> Vec<Peer> {
    (0..count).map(|_| Peer::over(connect_from(host, &server.address), None)).collect()
}

/// The places of a server at which this many wait.
const FEW: [&str; 2] = ["--max-clients", "32"];

#[test]
fn a_source_of_many_keeps_no_slow_client_of_another_one_out() {
    let inbox = Place::new();
    let server = User::with(CODE).serve(&[&["--store", inbox.arg()], &FEW[..]].concat());
    let mut kept = secured(&server, 2, 16);
    // It is slow to send its hello, then to go on.
    let slow = connect_from(1, &server.address);
    kept.extend(secured(&server, 2, 2));
    let is_ended = wait_for_fd(slow.as_fd(), PollFlags::IN, Duration::from_millis(260));
    assert!(!is_ended, "it was sent away before its hello");
    let mut slow = Peer::over(slow, None);
    assert!(slow.is_joined(), "it was sent away with its hello");
    kept.extend(secured(&server, 2, 2));
    begin_admission(&mut slow);
    kept.extend(secured(&server, 2, 18));
    // It is judged by its proof.
    slow.say(&[&[3, 0, 0, 64][..], &[7; 64]].concat());
    let answer = slow.hear_message();
    assert_eq!((answer.first(), answer.get(4)), (Some(&0x8F), Some(&Reason::WrongCode.code())), "{answer:?}");
}

#[test]
fn who_makes_way_in_admission_is_told_to_wait() {
    let inbox = Place::new();
    let server = User::with(CODE).serve(&[&["--store", inbox.arg()], &FEW[..]].concat());
    let mut first = Peer::over(connect_from(2, &server.address), None);
    begin_admission(&mut first);
    let kept = secured(&server, 2, 16);
    let answer = first.hear_message();
    assert_eq!((answer.first(), answer.get(4)), (Some(&0x8F), Some(&Reason::Wait.code())), "{answer:?}");
    drop(kept);
}

#[test]
fn a_hello_of_more_than_16_kib_is_not_waited_for() {
    let inbox = Place::new();
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let mut peer = connect_from(2, &server.address);
    let begun = now();
    // A hello of 60,000 bytes in two records, the second one without its end.
    let hello = [&[1, 0, 0xEA, 0x60, 3, 3][..], &[7; 32], &[0; 15_962]].concat();
    let record = [&[0x16, 3, 1, 0x3E, 0x80][..], &hello].concat();
    peer.write_all(&record).expect("taken");
    let _ = peer.write_all(&[&[0x16, 3, 1, 0x3E, 0x80][..], &[0; 8_000]].concat());
    let _ = peer.read(&mut [0; 100]);
    assert_within(begun, Duration::from_secs(2));
    server.logs("more than 16 KiB");
}

#[test]
fn ten_thousand_idle_connections_keep_no_honest_client_out() {
    const COUNT: usize = 10_000;
    if !is_slow_wanted("10,000 idle connections at the gate") {
        return;
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if limit.is_some_and(|limit| limit < COUNT as u64 + 500) {
        skip(format_args!("{limit:?} descriptors are too few"));
        return;
    }
    for hosts in [&[2, 3, 4][..], &[1]] {
        let inbox = Place::new();
        let server = User::with(CODE).serve(&["--store", inbox.arg()]);
        let before = status_kib(server.running.id(), "VmRSS");
        let held = idle(&server, hosts, COUNT);
        upload(&server, &inbox, "f");
        let grown = status_kib(server.running.id(), "VmRSS").saturating_sub(before);
        println!("{COUNT} from {} addresses: {grown} KiB more", hosts.len());
        assert!(grown < 8 << 10, "{grown} KiB");
        drop(held);
        // While they come again and again.
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    drop(idle(&server, hosts, 200));
                }
            });
            for name in ["1", "2", "3"] {
                upload(&server, &inbox, name);
            }
            is_over.store(true, Ordering::Relaxed);
        });
    }
}
