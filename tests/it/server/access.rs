//! Which clients may connect, how many, and for how long.

use std::io::{Read, Write};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::Link;
use crate::harness::{In, LIMIT, Out, sendall, wait_until};
use crate::transfer::xfer::{Place, expect_rest, in_parallel, limited, serve};

/// True if this client gets an echo; false if it is disconnected without a byte.
fn is_echoed(link: &mut Link) -> bool {
    if link.write_all(b"x").is_err() {
        return false;
    }
    let mut byte = [0];
    matches!(link.read(&mut byte), Ok(1))
}

#[test]
fn lists_decide_before_the_first_byte() {
    let cases: &[(&[&str], bool)] = &[
        (&["--deny", "127.0.0.0/8"], false),
        (&["--deny", "10.0.0.0/8"], true),
        (&["--allow", "127.0.0.1"], true),
        (&["--allow", "10.0.0.0/8", "--allow", "::1"], false),
        (&["--allow", "127.0.0.0/8", "--deny", "127.0.0.0/8"], false),
        (&["--deny", "0.0.0.0/0", "--allow", "127.0.0.1/32"], true),
        (&["--deny", "::ffff:127.0.0.0/104"], false),
        (&["--allow", "localhost"], true),
    ];
    for (options, admitted) in cases {
        // A reply is sent at once, but not to a client that is not allowed.
        for mode in [&["--echo"][..], &["--reply", "x"]] {
            let server = serve(&[mode, options].concat());
            let mut link = Link::connect(server.port());
            if mode == ["--echo"] {
                assert_eq!(is_echoed(&mut link), *admitted, "{options:?}");
            } else {
                let mut bytes = Vec::new();
                let _ = link.read_to_end(&mut bytes);
                assert_eq!(!bytes.is_empty(), *admitted, "{options:?}");
            }
            let refused =
                |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("refused by --allow or --deny");
            assert_eq!(
                server.stderr.wait(Duration::from_millis(if *admitted { 10 } else { 9999 }), refused),
                !*admitted
            );
        }
    }
}

#[test]
fn a_server_without_a_mode_serves_the_first_client_that_is_allowed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("socket");
    let unix = format!("unix:{}", path.display());
    let args = ["serve", "127.0.0.1:0", &unix, "--deny", "127.0.0.1"];
    let server = sendall(&args, In::Bytes(b"hello".to_vec()), Out::Collect);
    let mut denied = Link::connect(server.port());
    let mut bytes = Vec::new();
    let _ = denied.read_to_end(&mut bytes);
    assert!(bytes.is_empty(), "a byte before the decision");
    // Peers without an address are under no list.
    let mut link = Link::Unix(std::os::unix::net::UnixStream::connect(&path).expect("a connection"));
    link.expect_all(b"hello");
    link.end();
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

#[test]
fn lists_in_files_are_read_again_on_sighup() {
    let place = Place::new();
    let list = place.write("list", b"# none yet\n10.0.0.0/8\n");
    let server = serve(&["--echo", "--allow", &format!("@{list}")]);
    assert!(!is_echoed(&mut Link::connect(server.port())));
    // An empty list allows no client.
    let empty = place.write("empty", b"# none\n");
    let closed = serve(&["--echo", "--allow", &format!("@{empty}")]);
    assert!(!is_echoed(&mut Link::connect(closed.port())));
    place.write("list", b"10.0.0.0/8\n127.0.0.1 # this machine\n");
    server.signal(Signal::HUP);
    assert!(wait_until(LIMIT, || is_echoed(&mut Link::connect(server.port()))), "{}", server.stderr.text());
    // What cannot be read leaves the old rules in force.
    place.write("list", b"nonsense/99\n");
    server.signal(Signal::HUP);
    let is_reported =
        |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("the old access lists stay in force");
    assert!(server.stderr.wait(LIMIT, is_reported), "{}", server.stderr.text());
    assert!(is_echoed(&mut Link::connect(server.port())));
    server.signal(Signal::TERM);
    assert_eq!(server.finish().code, 143);
}

#[test]
fn names_are_resolved_again_on_sighup() {
    let server = serve(&["--echo", "--allow", "localhost"]);
    assert!(is_echoed(&mut Link::connect(server.port())));
    server.signal(Signal::HUP);
    let is_reported = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("were read again");
    assert!(server.stderr.wait(LIMIT, is_reported), "{}", server.stderr.text());
    assert!(is_echoed(&mut Link::connect(server.port())));
}

#[test]
fn one_source_is_limited_and_another_is_served() {
    let server = serve(&["--echo", "--max-per-source", "3"]);
    let port = server.port();
    let mut held: Vec<Link> = (0..3).map(|_| Link::connect(port)).collect();
    assert!(held.iter_mut().all(is_echoed));
    for _ in 0..200 {
        assert!(!is_echoed(&mut Link::connect(port)));
    }
    let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    other.bind(&std::net::SocketAddr::from(([127, 0, 0, 2], 0)).into()).expect("bound");
    other.connect(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()).expect("connected");
    assert!(is_echoed(&mut Link::Tcp(other.into())), "another source");
    // Who leaves makes room.
    held.pop();
    assert!(wait_until(LIMIT, || is_echoed(&mut Link::connect(port))));
    let lines = server.stderr.text().matches("--max-per-source").count();
    assert!((1..=10).contains(&lines), "{lines} lines for 200 clients");
}

#[test]
fn clients_over_the_limit_wait_for_their_turn() {
    let server = serve(&["--echo", "--max-clients", "1"]);
    let port = server.port();
    let mut first = Link::connect(port);
    assert!(is_echoed(&mut first));
    let mut second = Link::connect(port);
    second.send(b"y");
    second.assert_quiet();
    drop(first);
    second.expect(b"y");
}

#[test]
fn time_limits_end_clients_and_servers() {
    let server = serve(&["--echo", "--idle-timeout", "900ms", "--count", "1"]);
    let mut link = Link::connect(server.port());
    for _ in 0..4 {
        link.assert_quiet();
        assert!(is_echoed(&mut link), "traffic keeps it");
    }
    let finished = server.finish_within(Duration::from_secs(2)).expect(4);
    assert!(finished.stderr.contains("--idle-timeout"), "{}", finished.stderr);

    let modes = [&["--echo", "--count", "1"][..], &["--discard", "--count", "1"], &[]];
    in_parallel(&modes, |mode| {
        let server = serve(&[*mode, &["--session-timeout", "400ms"]].concat());
        let mut link = Link::connect(server.port());
        while link.write_all(b"x").is_ok() && !server.ends_within(Duration::from_millis(20)) {}
        let finished = server.finish_within(Duration::from_secs(2)).expect(4);
        assert!(finished.stderr.contains("--session-timeout"), "{}", finished.stderr);
    });

    let server = serve(&["--echo", "--accept-timeout", "300ms"]);
    let link = Link::connect(server.port());
    assert!(!server.ends_within(Duration::from_millis(600)), "a client is connected");
    drop(link);
    let finished = server.finish_within(Duration::from_secs(2)).expect(4);
    assert!(finished.stderr.contains("--accept-timeout"), "{}", finished.stderr);
}

#[test]
fn without_descriptors_it_waits_warns_and_recovers() {
    let server =
        limited("ulimit -n 32", &["serve", "127.0.0.1:0", "--reply", "x", "--max-per-source", "100"]);
    let port = server.port();
    let held: Vec<Link> = (0..60).map(|_| Link::connect(port)).collect();
    expect_rest(&server);
    let lines = server.stderr.text().lines().count();
    assert!(lines < 5, "{}", server.stderr.text());
    drop(held);
    let is_served = || {
        let mut bytes = Vec::new();
        Link::connect(port).read_to_end(&mut bytes).is_ok_and(|_| bytes == b"x")
    };
    assert!(wait_until(LIMIT, is_served), "{}", server.stderr.text());
}
