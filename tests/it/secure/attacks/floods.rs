//! Connections that do nothing, or little, beside an honest client: it is served, and soon.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::super::scene::{CODE, Server, User};
use super::peer::{Peer, connect_from};
use crate::harness::skips::skip;
use crate::harness::{In, assert_within, now};
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

/// They may begin admission, too: only four runs are at it at a time.
#[test]
fn runs_that_do_not_go_on_keep_no_honest_client_out() {
    let inbox = Place::new();
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let mut runs = Vec::new();
    for _ in 0..24 {
        let mut peer = Peer::over(connect_from(2, &server.address), None);
        let share =
            super::between::exchange(sendall::proto::secure::cpace::Party::Initiator, "zoo-zoo-zoo", &peer)
                .share();
        peer.say(&[&[2, 0, 0, 32][..], &share].concat());
        assert_eq!(peer.hear_message()[0], 0x82);
        runs.push(peer);
    }
    upload(&server, &inbox, "f");
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
