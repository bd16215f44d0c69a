//! Very many clients at once, idle or slow. Slow tests: `SENDALL_SLOW=1`.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::Link;
use crate::harness::skips::skip;
use crate::harness::{LIMIT, now, payload, wait_until};
use crate::transfer::frames::{PUT, hello, ping};
use crate::transfer::xfer::{Place, begin, cpu_ticks, descriptors, is_slow_wanted, serve, status_kib};

const IDLE_CLIENTS: usize = 10_000;
const SLOW_CLIENTS: usize = 500;

/// Connects from one of several addresses of this machine: a single one has not enough ports.
fn connect(index: usize, port: u16) -> Link {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from(([127, 0, 0, 2 + (index % 4) as u8], 0));
    socket.bind(&from.into()).expect("bound");
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).expect("connected");
    socket.set_read_timeout(Some(LIMIT)).expect("a time limit");
    Link::Tcp(socket.into())
}

#[test]
fn ten_thousand_idle_clients_cost_little_and_a_new_one_is_served() {
    if !is_slow_wanted("10,000 idle clients") {
        return;
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if limit.is_some_and(|limit| limit < IDLE_CLIENTS as u64 + 500) {
        skip(format_args!("{limit:?} descriptors are too few"));
        return;
    }
    let many = (2 * IDLE_CLIENTS).to_string();
    let there = Place::in_memory();
    for mode in ["--echo", "--discard", "--broker", "--store"] {
        let folder = if mode == "--store" { &[there.arg(), "--timeout", "10m"][..] } else { &[] };
        let limits = ["--max-clients", &many, "--max-per-source", &many];
        let server = serve(&[&[mode][..], folder, &limits].concat());
        let port = server.port();
        let before = status_kib(server.id(), "VmRSS");
        let mut links: Vec<Link> = (0..IDLE_CLIENTS).map(|index| connect(index, port)).collect();
        if mode == "--echo" {
            // Those who were active once cost no more.
            for link in &mut links {
                link.send(&payload(1000));
                link.expect(&payload(1000));
            }
        }
        assert!(wait_until(LIMIT, || descriptors(server.id()) > IDLE_CLIENTS), "all are in");
        let each = (status_kib(server.id(), "VmRSS") - before) * 1024 / IDLE_CLIENTS as u64;
        let ticks = cpu_ticks(server.id());
        assert!(!server.ends_within(Duration::from_secs(2)));
        let idle = cpu_ticks(server.id()) - ticks;
        println!("{mode}: {each} bytes for each client, {idle} hundredths of a second in 2 s");
        assert!(each <= 8 << 10, "{each} bytes for each");
        assert!(idle <= 2, "{idle} hundredths of a second in 2 s");
        if mode == "--store" {
            assert!(status_kib(server.id(), "Threads") <= 6, "no thread for each");
            let here = Place::new();
            begin(&["upload", &here.write("f", &payload(5 << 20)), &server.listening(1).remove(0)])
                .finish()
                .ended(0);
            continue;
        }
        // Other tests run beside this one: the quickest of a few counts.
        let served = (0..5).map(|_| {
            let start = now();
            let mut new = connect(0, port);
            new.send(b"x");
            if mode == "--echo" {
                new.expect(b"x");
            }
            now() - start
        });
        let quickest = served.min().expect("some");
        assert!(quickest < Duration::from_millis(50), "a new one waits {quickest:?}");
    }
}

#[test]
fn a_thousand_small_uploads_at_once_all_arrive() {
    const UPLOADS: usize = 1000;
    if !is_slow_wanted("1,000 uploads at once") {
        return;
    }
    let (here, there) = (Place::in_memory(), Place::new());
    let many = UPLOADS.to_string();
    let server = serve(&["--store", there.arg(), "--max-clients", &many, "--max-per-source", &many]);
    let to = server.listening(1).remove(0);
    let before = (status_kib(server.id(), "Threads"), descriptors(server.id()));
    let name = |number: usize| format!("f{number}");
    let content = |number: usize| payload(5000 + number);
    let files: Vec<String> = (0..UPLOADS).map(|number| here.write(&name(number), &content(number))).collect();
    // All are waited for: a busy machine may take longer than a client's own limit.
    let uploads: Vec<_> = files.iter().map(|file| begin(&["upload", "--timeout", "2m", file, &to])).collect();
    for upload in uploads {
        upload.finish().ended(0);
    }
    (0..UPLOADS).for_each(|number| there.expect(&name(number), &content(number)));
    let most = status_kib(server.id(), "VmHWM");
    println!("{most} KiB");
    assert!(most < 256 << 10, "{most} KiB");
    let is_back = || (status_kib(server.id(), "Threads"), descriptors(server.id())) <= before;
    assert!(wait_until(LIMIT, is_back), "threads and descriptors are given back");
}

#[test]
fn hundreds_of_sessions_that_wait_are_kept_and_told_of_the_end() {
    const SESSIONS: usize = 600;
    if !is_slow_wanted("600 sessions that wait") {
        return;
    }
    let there = Place::new();
    let many = SESSIONS.to_string();
    let server = serve(&["--store", there.arg(), "--max-clients", &many, "--max-per-source", &many]);
    let port = server.port();
    let mut links: Vec<Link> = (0..SESSIONS).map(|index| connect(index, port)).collect();
    for link in &mut links {
        link.send(&hello(PUT, b""));
        let mut accept = [0; 32];
        link.read_exact(&mut accept).expect("an answer");
        assert_eq!(accept[10], 0, "accepted");
    }
    assert!(wait_until(LIMIT, || status_kib(server.id(), "Threads") <= 4), "none needs a thread");
    // An event for each, and silence again.
    links.iter_mut().for_each(|link| link.send(&ping()));
    assert!(wait_until(LIMIT, || status_kib(server.id(), "Threads") <= 4), "none needs a thread");
    server.signal(Signal::TERM);
    for link in &mut links {
        let mut heard = Vec::new();
        link.read_to_end(&mut heard).expect("an end in order");
        assert!(!heard.is_empty(), "the reason");
    }
    assert_eq!(server.finish().code, 128 + 15);
}

#[test]
fn many_slow_clients_are_cut_and_an_upload_beside_them_continues() {
    if !is_slow_wanted("slow clients beside an upload") {
        return;
    }
    let (here, there) = (Place::in_memory(), Place::in_memory());
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        here.write(name, &payload(100_000_000));
    }
    let limits = ["--max-clients", "600", "--max-per-source", "600", "--timeout", "15s"];
    let server = serve(&[&["--store", there.arg()][..], &limits].concat());
    let (port, to) = (server.port(), server.listening(1).remove(0));
    let upload = |name: &str| {
        let start = now();
        begin(&["upload", &here.at(name), &to]).finish().ended(0);
        now() - start
    };
    // Other tests run beside this one: the quickest of three counts.
    let quickest = |names: &[&str]| names.iter().map(|name| upload(name)).min().expect("some");
    let quiet = quickest(&names[..3]);
    let mut links: Vec<Link> = (0..SLOW_CLIENTS).map(|index| connect(index, port)).collect();
    let start = now();
    // The first byte of a greeting, and one more now and then.
    for link in &mut links {
        link.send(b"\x89S");
    }
    let beside = quickest(&names[3..]);
    for link in &mut links {
        let _ = link.write_all(b"A");
    }
    for link in &mut links {
        let _ = link.read_to_end(&mut Vec::new());
    }
    let cut = now() - start;
    println!("quiet {quiet:?}, beside {SLOW_CLIENTS} slow clients {beside:?}, all cut after {cut:?}");
    assert!(beside < 2 * quiet + Duration::from_millis(500), "{beside:?} instead of {quiet:?}");
    assert!(cut > Duration::from_secs(14) && cut < Duration::from_secs(20), "{cut:?}");
}
