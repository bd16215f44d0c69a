//! The receiver, with clients written by hand.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::time::Duration;

use rustix::process::Signal;

use super::receiver;
use crate::harness::{Finished, LIMIT, now, payload, wait_until};
use crate::transfer::frames::Peer;
use crate::transfer::xfer::{Place, address};

const OK: &[u8] = b"200 ok\n";
/// What the server waits for after the last byte of a header, and what a test may take between two bytes of one.
const HEADER_PAUSE: Duration = Duration::from_millis(50);
const SAFE_PAUSE: Duration = Duration::from_millis(25);

/// One client's bytes, in pieces that each wait for an answer, to a server with `--once`: its end, and what was heard.
#[track_caller]
fn alone(there: &Place, options: &[&str], pieces: &[&[u8]], ends: bool) -> (Finished, Vec<u8>) {
    let limits = ["--count", "1", "--timeout", "500ms", "--idle-timeout", "600ms"];
    let server = receiver(there, &[&limits, options].concat());
    let mut peer = Peer::connect(&address(&server));
    let mut heard = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        peer.say(piece);
        if index + 1 < pieces.len() {
            heard.extend(peer.hear(OK.len()));
        }
    }
    if ends {
        let _ = peer.0.shutdown(Shutdown::Write);
        heard.extend(peer.hear_all());
    }
    // One that has read why it is refused leaves.
    let is_refused =
        |heard: &[u8]| heard.windows(9).any(|part| part == b"refused: ") && heard.ends_with(b"\n");
    while !ends && !is_refused(&heard) {
        heard.extend(peer.hear(1));
    }
    drop(peer);
    (server.finish_within(Duration::from_secs(5)), heard)
}

#[track_caller]
fn refused(header: &[u8], status: &str, code: i32, words: &str) {
    let there = Place::new();
    let (server, heard) = alone(&there, &[], &[header], false);
    server.expect_saying(code, words);
    let heard = String::from_utf8(heard).expect("ASCII");
    assert!(heard.starts_with(&format!("{status} refused: ")) && heard.ends_with('\n'), "{heard}");
    there.expect_names(&[]);
}

#[test]
fn hostile_names_and_headers_are_refused_in_words() {
    let names: [&[u8]; 11] =
        [b"", b".", b"..", b"../x", b"a/../../x", b"/x", b"a//b", b"a/b", b"x/", b"a\0b", &[b'x'; 256]];
    for name in names {
        refused(&[b"put|", name, b"|3"].concat(), "403", 7, "bad name");
    }
    refused(b"put|.sendall-0123456789abcdef.part|3", "403", 7, ".sendall-");
    for size in ["+3", "-3", " 3", "3 ", "3\n", "3abc", "0x3", "abc"] {
        refused(format!("put|f|{size}").as_bytes(), "400", 7, "digits");
    }
    refused(b"put|f|18446744073709551616", "413", 7, "64 bits");
    refused(b"put|a|b|3", "400", 7, "three fields");
    refused(b"delete|f|3", "501", 7, "command");
    refused(&[b'x'; 1025], "400", 7, "1024");
    refused(b"\x89SALL\r\n\x1a\n", "501", 7, "--wire text");
    refused(b"put|f|18446744073709551615", "507", 10, "no space");
    // Incomplete until the time limit.
    refused(b"put|f|", "408", 4, "header took over 500ms");
    refused(&[b'x'; 1024], "408", 4, "--timeout");
    refused(b"", "408", 4, "--timeout");
    for (beginning, answer) in [
        (&b""[..], &b""[..]),
        (b"p", b"400 refused: the header is cut\n"),
        (b"put|f|", b"400 refused: the header is cut\n"),
        (b"put|99999999999999999999", b"400 refused: the header is cut\n"),
    ] {
        let (server, heard) = alone(&Place::new(), &[], &[beginning], true);
        server.expect_saying(5, "header");
        assert_eq!(heard, answer);
    }
}

#[test]
fn limits_hold_before_anything_is_created() {
    let there = Place::new();
    let (server, heard) = alone(&there, &["--max-size", "1MB"], &[b"f|10000000000"], false);
    server.expect_saying(7, "at most 1000000 bytes");
    assert!(heard.starts_with(b"413 refused: "));
    there.write("f", b"old");
    let (server, heard) = alone(&there, &[], &[b"f|3"], false);
    server.expect_saying(7, "exists");
    assert!(heard.starts_with(b"409 refused: "));
    there.expect_names(&["f"]);
    there.expect("f", b"old");
}

#[test]
fn a_body_that_is_cut_leaves_no_file() {
    for sent in [0, 1, 9] {
        let there = Place::new();
        let (server, heard) = alone(&there, &[], &[b"put|f|10", &payload(sent)], true);
        server.expect_saying(5, &format!("f: the connection ended after {sent} of 10 bytes"));
        assert!(heard.starts_with(b"200 ok\n400 refused: "), "{heard:?}");
        there.expect_names(&[]);
        // The client only falls silent.
        let (server, heard) = alone(&there, &[], &[b"put|f|10", &payload(sent)], false);
        server.expect_saying(4, "--idle-timeout");
        assert!(heard.starts_with(b"200 ok\n408 refused: "), "{heard:?}");
        there.expect_names(&[]);
    }
}

#[test]
fn what_follows_a_body_is_the_next_header() {
    let there = Place::new();
    let (server, heard) = alone(&there, &[], &[b"f|3", b"abcg|2", b"hi"], true);
    server.expect(0);
    assert_eq!(heard, [OK, OK].concat());
    there.expect("f", b"abc");
    there.expect("g", b"hi");
    let written = std::fs::metadata(there.path("g")).and_then(|meta| meta.modified()).expect("a time");
    assert!(written.elapsed().is_ok_and(|age| age < LIMIT), "{written:?}");
    // Bytes beyond the announced size are no header: what was announced has arrived.
    let (server, heard) = alone(&there, &[], &[b"put|h|3", b"abc|||"], true);
    server.expect_saying(7, "the header");
    assert!(heard.starts_with(b"200 ok\n400 refused: "), "{heard:?}");
    there.expect("h", b"abc");
    there.expect_names(&["f", "g", "h"]);
}

#[test]
fn a_header_is_complete_when_nothing_follows_for_a_while() {
    let there = Place::new();
    let server = receiver(&there, &[]);
    let was_quick = |round| {
        let name = format!("f{round}");
        let mut peer = Peer::connect(&address(&server));
        let header = format!("upload|{name}|123456");
        let mut gaps = Vec::new();
        let mut last = now();
        for byte in header.as_bytes() {
            peer.say(&[*byte]);
            wait_until(Duration::from_millis(5), || false);
            gaps.push(now() - last);
            last = now();
        }
        if gaps.iter().any(|gap| *gap > SAFE_PAUSE) {
            // The machine was busy: the server may have seen a shorter number.
            return false;
        }
        assert_eq!(peer.hear(OK.len()), OK);
        assert!(peer.say(&payload(123_456)));
        drop(peer);
        assert!(wait_until(LIMIT, || there.path(&name).exists()), "{}", server.stderr.text());
        there.expect(&name, &payload(123_456));
        true
    };
    assert!((0..20).any(was_quick), "never quick enough");
    let mut peer = Peer::connect(&address(&server));
    let start = now();
    peer.say(b"g|1");
    assert_eq!(peer.hear(OK.len()), OK);
    assert!(start.elapsed() >= HEADER_PAUSE, "{:?}", start.elapsed());
}

#[test]
fn clients_at_the_same_time() {
    let there = Place::new();
    let server = receiver(&there, &["--max-per-source", "2"]);
    let to = address(&server);
    let mut slow = Peer::connect(&to);
    slow.say(b"slow|6");
    assert_eq!(slow.hear(OK.len()), OK);
    slow.say(b"abc");
    let mut quick = Peer::connect(&to);
    quick.say(b"quick|2");
    assert_eq!(quick.hear(OK.len()), OK);
    let mut third = Peer::connect(&to);
    assert!(third.hear_all().starts_with(b"503 refused: too many clients"));
    quick.say(b"hislow|2");
    assert!(quick.hear_all().starts_with(b"409 refused: "));
    there.expect("quick", b"hi");
    slow.say(b"def");
    let _ = slow.0.shutdown(Shutdown::Write);
    assert_eq!(slow.hear_all(), b"");
    there.expect("slow", b"abcdef");
    there.expect_names(&["quick", "slow"]);
}

#[test]
fn a_killed_process_does_not_look_like_one_that_has_finished() {
    let there = Place::new();
    let server = receiver(&there, &[]);
    let mut peer = Peer::connect(&address(&server));
    peer.say(b"f|3");
    assert_eq!(peer.hear(OK.len()), OK);
    server.signal(Signal::KILL);
    let end = peer.0.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    // One that is asked to stop removes the part that the other left, and its own.
    let server = receiver(&there, &[]);
    let mut peer = Peer::connect(&address(&server));
    there.expect_names(&[]);
    peer.say(b"f|3");
    assert_eq!(peer.hear(OK.len()), OK);
    server.signal(Signal::TERM);
    server.finish_within(Duration::from_secs(2)).expect(143);
    let end = peer.0.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    there.expect_names(&[]);
}

#[test]
fn one_client_sends_no_more_files_than_it_may() {
    let there = Place::new();
    let pieces: [&[u8]; 3] = [b"put|a|1", b"xput|b|1", b"yput|c|1"];
    let (server, heard) = alone(&there, &["--max-entries", "2"], &pieces, false);
    server.expect_saying(7, "more than 2 files");
    assert!(heard.starts_with(b"200 ok\n200 ok\n413 refused: "), "{heard:?}");
    there.expect_names(&["a", "b"]);
}
