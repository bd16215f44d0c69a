//! `--wire text`: with Python's servers and clients of that kind, with peers written by hand, and with each other.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use crate::frames::{FakeServer, Peer};
use crate::harness::{Finished, In, LIMIT, Out, Running, now, payload, start, wait_until};
use crate::xfer::{CHUNK, Place, address, begin, run, serve, upload_once};

const OK: &[u8] = b"200 ok\n";
/// What the server waits for after the last byte of a header, and what a test may take between two bytes of one.
const HEADER_PAUSE: Duration = Duration::from_millis(50);
const SAFE_PAUSE: Duration = Duration::from_millis(25);

/// Runs one of the scripts; none where there is no Python.
fn python(script: &str, args: &[&str]) -> Option<Running> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("python3").is_file()) {
        println!("skipped: python3 is not installed");
        return None;
    }
    let script = format!("{}/tests/peer/{script}", env!("CARGO_MANIFEST_DIR"));
    Some(start("python3", &[&[script.as_str()], args].concat(), In::Null, Out::Collect))
}

fn receiver(there: &Place, options: &[&str]) -> Running {
    serve(&[&["--wire", "text", "--store", there.arg()], options].concat())
}

/// One client's bytes, in pieces that each wait for an answer, to a server with `--once`: its end, and what was heard.
#[track_caller]
fn alone(there: &Place, options: &[&str], pieces: &[&[u8]], ends: bool) -> (Finished, Vec<u8>) {
    let limits = ["--once", "--timeout", "500ms", "--idle-timeout", "600ms"];
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
    }
    heard.extend(peer.hear_all());
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
fn a_tutorials_client_sends_several_files_on_one_connection() {
    for command in ["upload", "PUT", ""] {
        let (here, there) = (Place::new(), Place::new());
        let sizes = [0, 1, 1024, CHUNK + 1, 3_000_000, 0];
        let names = ["empty", "one", "für 大.txt", "chunk", "large", "last"];
        let paths: Vec<String> =
            names.iter().zip(sizes).map(|(name, size)| here.write(name, &payload(size))).collect();
        let server = receiver(&there, &["--once"]);
        let to = address(&server);
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let Some(client) = python("text_client.py", &[&[command, &to], &paths[..]].concat()) else { return };
        client.finish().ended(0);
        let server = server.finish().expect(0);
        assert_eq!(there.names(), here.names());
        names.iter().zip(sizes).for_each(|(name, size)| there.expect(name, &payload(size)));
        let told = server.stderr.lines().filter(|line| line.ends_with(", unverified"));
        assert_eq!(told.count(), names.len(), "{}", server.stderr);
    }
}

#[test]
fn a_tutorials_client_hears_a_refusal() {
    let (here, there) = (Place::new(), Place::new());
    let server = receiver(&there, &["--once", "--max-size", "10"]);
    let path = here.write("f", &payload(11));
    let Some(client) = python("text_client.py", &["upload", &address(&server), &path]) else { return };
    let client = client.finish().ended(1);
    assert!(client.stderr.contains("413 refused: too large"), "{}", client.stderr);
    server.finish().expect_saying(7, "too large");
    there.expect_names(&[]);
}

#[test]
fn a_tutorials_server_takes_what_upload_sends() {
    let (here, there) = (Place::new(), Place::new());
    let Some(server) = python("text_server.py", &[there.arg()]) else { return };
    let output = server.output.as_ref().expect("Out::Collect");
    assert!(output.wait(LIMIT, |bytes, _| bytes.ends_with(b"\n")), "{}", server.stderr.text());
    let to = format!("127.0.0.1:{}", output.text().trim());
    let one = here.write("one", b"x");
    let client = run(&["upload", "--wire", "text", &one, &to]).expect(0);
    assert!(client.stderr.starts_with("sent one to ") && client.stderr.trim_end().ends_with(", unverified"));
    let sizes = [("empty", 0), ("für 大.txt", 1024), ("chunk", CHUNK), ("large", 3_000_000)];
    let paths: Vec<String> = sizes.iter().map(|(name, size)| here.write(name, &payload(*size))).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let client = run(&[&["upload", "-v", "--wire", "text"], &paths[..], &[&to]].concat()).ended(0);
    assert_eq!(client.stderr.matches(" answered: ok\n").count(), 4, "{}", client.stderr);
    let summary = client.stderr.lines().last().expect("a line");
    assert!(summary.starts_with("sent 4 of 4 files to ") && summary.ends_with(", unverified"), "{summary}");
    assert_eq!(there.names(), here.names());
    sizes.iter().for_each(|(name, size)| there.expect(name, &payload(*size)));
}

#[test]
fn our_sender_and_our_receiver() {
    let (here, there) = (Place::new(), Place::new());
    let server = ["--wire", "text", "--store", there.arg()];
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 20_000_000] {
        let name = format!("f{size}");
        let path = here.write(&name, &payload(size));
        let (client, served) = upload_once(&server, &["--wire", "text", &path]);
        for text in [client.expect(0).stderr, served.expect(0).stderr] {
            assert!(text.contains(&format!(" {size} bytes")) && text.contains(", unverified"), "{text}");
        }
        there.expect(&name, &payload(size));
        let (client, served) = upload_once(&server, &["--wire", "text", &path]);
        client.expect_saying(7, "exists");
        served.expect_saying(7, "exists");
    }
    assert_eq!(there.names(), here.names());
}

#[test]
fn one_that_is_refused_does_not_keep_the_others_back() {
    let (here, there) = (Place::new(), Place::new());
    there.write("b", b"old");
    let paths = [here.write("a", b"1"), here.write("b", b"2"), here.write("c", b"")];
    let server = receiver(&there, &[]);
    let to = address(&server);
    let client = run(&["upload", "--wire", "text", &paths[0], &paths[1], &paths[2], &to]).ended(9);
    assert!(client.stderr.contains("b: the peer said: 409 refused"), "{}", client.stderr);
    assert!(client.stderr.contains("sent 2 of 3 files"), "{}", client.stderr);
    let client = run(&["upload", "--wire", "text", &paths[0], &paths[2], &to]).ended(7);
    assert!(client.stderr.contains("all 2 files failed"), "{}", client.stderr);
    there.expect_names(&["a", "b", "c"]);
    there.expect("b", b"old");
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
    let (server, heard) = alone(&Place::new(), &[], &[b"put|f|"], true);
    server.expect_saying(5, "header");
    assert_eq!(heard, b"");
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

    let here = Place::new();
    in_mid_body(&here.write("large", &payload(64 << 20)), |client| client.signal(Signal::KILL));
}

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
}

#[test]
fn what_the_text_header_cannot_say_is_wrong_usage() {
    let here = Place::new();
    let (plain, barred) = (here.write("f", b"x"), here.write("a|b", b"x"));
    let mistakes: [(&[&str], &str); 5] = [
        (&["upload", "--wire", "text", "--force", &plain, "localhost:1"], "--force"),
        (&["upload", "--wire", "text", &barred, "localhost:1"], "'|'"),
        (&["upload", "--wire", "json", &plain, "localhost:1"], "sendall, text"),
        (&["serve", "0", "--wire", "text"], "--store"),
        (&["serve", "0", "--store", here.arg(), "--share", here.arg(), "--wire", "text"], "--share"),
    ];
    for (args, words) in mistakes {
        run(args).expect_saying(2, words);
    }
}
