//! The sender, with servers written by hand.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::sync::mpsc;

use rustix::process::Signal;

use crate::harness::{A_WHILE, Finished, In, LIMIT, Out, Running, payload, sendall, wait_until};
use crate::transfer::frames::{FakeServer, Peer};
use crate::transfer::xfer::{Place, begin, run};

/// Does something to a sender, or to its file, when it has to wait with most of a large body still to be sent. The
/// server must see a reset. What became of the sender.
#[track_caller]
fn in_mid_body(large: &str, act: impl FnOnce(&Running)) -> Finished {
    let (waits, waiting) = mpsc::channel();
    let (goes_on, going_on) = mpsc::channel();
    let server = FakeServer::new(move |peer| {
        peer.hear("upload|large|67108864".len());
        peer.say(b"ok");
        peer.hear(1);
        waits.send(()).expect("a test");
        going_on.recv_timeout(LIMIT).expect("a test");
        let end = std::io::copy(&mut peer.0, &mut std::io::sink()).map_err(|error| error.kind());
        assert_eq!(end, Err(ErrorKind::ConnectionReset));
    });
    let client = begin(&["upload", "--wire", "text", large, &server.address]);
    waiting.recv_timeout(LIMIT).expect("a body");
    act(&client);
    goes_on.send(()).expect("a server");
    let client = client.finish();
    server.join();
    client
}

#[test]
fn the_sender_believes_only_an_orderly_end() {
    let here = Place::new();
    let (small, large) = (here.write("small", b"abc"), here.write("large", &payload(20_000_000)));
    let header = b"upload|small|3".len();
    let send = |path: &str, server: FakeServer| {
        let limits = ["--timeout", "500ms", "--idle-timeout", "500ms"];
        let client = run(&[&["upload", "--wire", "text"], &limits[..], &[path, &server.address]].concat());
        server.join();
        client
    };
    let server = |script: fn(&mut Peer, usize)| FakeServer::new(move |peer| script(peer, header));
    let in_order = |peer: &mut Peer, header: usize| {
        peer.hear(header);
        peer.say(b"?");
        assert_eq!(peer.hear(3), b"abc");
    };
    send(&small, server(in_order)).expect(0);
    let ends_at_once = |peer: &mut Peer, header| drop(peer.hear(header));
    send(&small, server(ends_at_once)).expect_saying(5, "instead of answering");
    let never_answers = |peer: &mut Peer, _| drop(peer.hear_all());
    send(&small, server(never_answers)).expect_saying(4, "--timeout");
    // It has everything, and does not say so.
    let never_ends = |peer: &mut Peer, header| {
        peer.hear(header);
        peer.say(b"ok");
        peer.hear_all();
        assert!(
            wait_until(LIMIT, || !peer.say(b"") || peer.0.take_error().is_ok_and(|error| error.is_some()))
        );
    };
    send(&small, server(never_ends)).expect_saying(4, "unknown");
    // The body goes to a socket that is gone.
    let goes = |peer: &mut Peer, header| {
        peer.hear(header);
        peer.say(b"ok");
    };
    for path in [&small, &large] {
        send(path, server(goes)).expect(5);
    }
    // Closed with bytes unread: a reset.
    let reads_nothing = |peer: &mut Peer, header| {
        peer.hear(header);
        peer.say(b"ok");
        peer.hear(1);
    };
    send(&small, server(reads_nothing)).expect(5);
    send(&large, server(reads_nothing)).expect(5);
    let refuses_late = |peer: &mut Peer, header| {
        peer.hear(header);
        peer.say(b"200 ok\n");
        peer.hear(3);
        peer.say(b"507 refused: no space left\n\x1b");
    };
    send(&small, server(refuses_late)).expect_saying(7, "small: the peer said: 507 refused: no space left");
}

#[test]
fn a_source_that_changes_is_never_sent_whole() {
    let here = Place::new();
    let large = here.write("large", &payload(64 << 20));
    let shrink = |_: &Running| drop(here.write("large", b"short"));
    in_mid_body(&large, shrink).expect_saying(6, "large: changed");
    // As long as it was.
    here.write("large", &payload(64 << 20));
    let rewrite = |_: &Running| drop(here.write("large", &vec![0; 64 << 20]));
    in_mid_body(&large, rewrite).expect_saying(6, "large: changed");
}

#[test]
fn a_killed_sender_does_not_look_like_one_that_has_finished() {
    let here = Place::new();
    in_mid_body(&here.write("large", &payload(64 << 20)), |client| client.signal(Signal::KILL));
}

#[test]
fn several_files_end_with_the_first_connection_that_fails() {
    let here = Place::new();
    let paths = [here.write("a", b"1"), here.write("b", b"2")];
    let server = FakeServer::new(|peer| {
        peer.hear("upload|a|1".len());
        peer.say(b"ok");
        peer.hear(1);
    });
    let client = run(&["upload", "--wire", "text", &paths[0], &paths[1], &server.address]);
    // The listener goes with its first client, perhaps a moment later.
    assert!([3, 5].contains(&client.code), "{}", client.stderr);
    let code = client.code;
    client.expect_saying(code, "after 1 of 2 files were sent");
    server.join();
}

#[test]
fn an_end_in_order_before_everything_has_arrived_is_a_lost_connection() {
    let here = Place::new();
    let path = here.write("f", &payload(1_000_000));
    // It ends while most of the body still waits at the sender's system, then goes away.
    let server = FakeServer::new(|peer| {
        peer.hear("upload|f|1000000".len());
        peer.say(b"ok");
        peer.0.peek(&mut [0]).expect("a body");
        wait_until(A_WHILE, || false);
        let _ = peer.0.shutdown(Shutdown::Write);
        wait_until(A_WHILE, || false);
    });
    run(&["upload", "--wire", "text", &path, &server.address]).expect(5);
    server.join();
}

#[test]
fn a_server_of_the_other_protocol_is_not_believed() {
    let (here, there) = (Place::new(), Place::new());
    let (path, name) = (here.write("f", b"content"), format!("unix:{}", here.at("socket")));
    for at in ["127.0.0.1:0", &name] {
        let args = ["serve", at, "--store", there.arg(), "--count", "1"];
        let server = sendall(&args, In::Null, Out::Collect);
        let to = server.listening(1).remove(0);
        run(&["upload", "--wire", "text", &path, &to])
            .expect_saying(7, "refused: this is a sendall transfer server");
        server.finish();
        there.expect_names(&[]);
    }
}

#[test]
fn events_report_what_was_sent_and_that_it_is_unverified() {
    let (here, there) = (Place::new(), Place::new());
    let (one, two) = (here.write("one", b"12345"), here.write("two", b"678"));
    let args = ["serve", "--json", "--wire", "text", "--store", there.arg(), "127.0.0.1:0"];
    let server = sendall(&args, In::Null, Out::Collect);
    assert!(server.stderr.wait(LIMIT, |bytes, ended| ended || bytes.contains(&b'\n')));
    let listening = server.stderr.text();
    let to = listening.split('"').find(|word| word.starts_with("127.0.0.1:")).expect("an address");
    let several = run(&["upload", "--json", "--wire", "text", &one, &two, to]).ended(0).stderr;
    let three = here.write("three", b"9");
    let single = run(&["upload", "--json", "--wire", "text", &three, to]).ended(0).stderr;
    for (stderr, files, sums) in [
        (&several, 2, r#""entries":2,"done":2,"there":0,"failed":0,"skipped":0,"sent_bytes":8"#),
        (&single, 1, r#""entries":1,"done":1,"there":0,"failed":0,"skipped":0,"sent_bytes":1"#),
    ] {
        assert_eq!(stderr.matches(r#""state":"sent""#).count(), files, "{stderr}");
        let summary = stderr.lines().last().expect("a line");
        assert!(summary.contains(r#""verified":false"#) && summary.contains(sums), "{summary}");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.finish().stderr.matches(r#""state":"received""#).count(), 3);
}

#[test]
fn a_file_whose_size_is_not_known_is_not_sent_as_an_empty_one() {
    let refused = run(&["upload", "--wire", "text", "/proc/version", "127.0.0.1:1"]);
    refused.expect_saying(2, "/proc/version: with --wire text a file whose size is not known cannot be sent");
}
