//! `serve --once`: one session, with all of its connections, and nothing else uses it up.

use std::io::Read;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::Link;
use crate::harness::{LIMIT, payload, wait_until};
use crate::transfer::xfer::{Place, address, begin, run, serve, wait_for_part};

#[test]
fn a_client_that_is_silent_or_refused_does_not_use_it_up() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("f", b"content");
    for wire in [&[][..], &["--wire", "text"]] {
        let store = there.folder(wire.len().to_string().as_str());
        let server = serve(&[&["--store", &store, "--once"], wire].concat());
        let port = server.port();
        drop(Link::connect(port));
        Link::connect(port).reset();
        for garbage in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\xff\xff"]
        {
            let mut link = Link::connect(port);
            link.send(garbage);
            link.end();
            let _ = link.read_to_end(&mut Vec::new());
        }
        if wire.is_empty() {
            run(&["download", &address(&server)]).expect(7);
        }
        // One that is still there, and silent, does not hold up the end either.
        let silent = Link::connect(port);
        run(&[&["upload", &path, &address(&server)], wire].concat()).expect(0);
        let finished = server.finish_within(Duration::from_secs(5));
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert_eq!(std::fs::read(format!("{store}/f")).expect("the file"), b"content");
        drop(silent);
    }
}

#[test]
fn a_listing_is_no_session() {
    let (here, there) = (Place::new(), Place::new());
    here.write("f", b"content");
    let server = serve(&["--share", here.arg(), "--once"]);
    let to = address(&server);
    for _ in 0..2 {
        run(&["download", "--list", &to]).expect(0);
    }
    run(&["download", &to, "-o", there.arg()]).expect(0);
    server.finish().ended(0);
    there.expect("f", b"content");
}

#[test]
fn further_connections_join_the_one_session_and_other_clients_do_not() {
    let (here, there) = (Place::new(), Place::new());
    let bytes = payload(16 << 20);
    let path = here.write("large", &bytes);
    let server = serve(&["--store", there.arg(), "--once", "-v"]);
    let client = begin(&["upload", &path, &address(&server), "-j", "3", "--limit-rate", "24MiB"]);
    wait_for_part(there.root(), 1);
    let others = here.write("other", b"x");
    run(&["upload", &others, &address(&server)]).expect_saying(7, "one session");
    client.finish().expect(0);
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let clients = finished.stderr.matches("client 127.0.0.1:").count();
    assert!(clients >= 4, "{clients} connections: {}", finished.stderr);
    there.expect("large", &bytes);
}

#[test]
fn further_connections_are_no_clients_that_count() {
    let (here, there) = (Place::new(), Place::new());
    let large = here.write("large", &payload(12 << 20));
    let small = here.write("small", b"x");
    let server = serve(&["--store", there.arg(), "--count", "2"]);
    let to = address(&server);
    // None of them is refused: as many come as there is still to be had.
    run(&["upload", &large, &to, "-j", "4", "--limit-rate", "24MiB"]).expect(0);
    run(&["upload", &small, &to]).expect(0);
    server.finish().ended(0);
    there.expect_names(&["large", "small"]);
}

#[test]
fn its_outcome_is_the_exit_code_and_a_signal_leaves_nothing() {
    let (here, there) = (Place::new(), Place::new());
    here.write("f", b"one");
    there.write("f", b"two");
    let server = serve(&["--store", there.arg(), "--once"]);
    run(&["upload", &here.at("f"), &address(&server)]).ended(7);
    assert_eq!(server.finish().code, 7);

    let server = serve(&["--store", there.arg(), "--once"]);
    let path = here.write("large", &payload(8 << 20));
    let client = begin(&["upload", &path, &address(&server), "--limit-rate", "1MiB"]);
    wait_for_part(there.root(), 1);
    server.signal(Signal::TERM);
    assert_eq!(server.finish_within(Duration::from_secs(2)).code, 143);
    client.signal(Signal::TERM);
    assert!(wait_until(LIMIT, || client.ends_within(Duration::ZERO)));
}
