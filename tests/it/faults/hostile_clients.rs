//! Clients that are none, or that do not keep to the protocol, against `serve --store` and `--share`.

use std::net::Shutdown;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{LIMIT, Running, assert_within, now, payload};
use crate::transfer::frames::*;
use crate::transfer::xfer::{Place, address, failures, in_parallel, run, serve};

/// One client's bytes to a server with `--once`: its code, its line, and what the client heard.
#[track_caller]
fn alone(bytes: &[u8], ends: bool, code: i32, words: &str) -> Vec<u8> {
    let there = Place::new();
    let server =
        serve(&["--store", there.arg(), "--count", "1", "--timeout", "500ms", "--idle-timeout", "500ms"]);
    let mut peer = Peer::connect(&address(&server));
    peer.say(bytes);
    if ends {
        let _ = peer.0.shutdown(Shutdown::Write);
    }
    let heard = peer.hear_all();
    drop(peer);
    server.finish_within(Duration::from_secs(2)).expect_saying(code, words);
    there.expect_names(&[]);
    heard
}

fn put(frames: &[Vec<u8>]) -> Vec<u8> {
    [hello(PUT, b""), frames.concat()].concat()
}

#[test]
fn other_first_bytes_are_refused_at_once() {
    let text = "the client speaks text";
    let texts = [&b"\n"[..], b"x", b"upload|f|3"];
    in_parallel(&texts, |bytes| {
        let start = now();
        let heard = alone(bytes, false, 7, text);
        assert!(
            heard.starts_with(b"501 refused: this is a sendall transfer server") && heard.ends_with(b"\r\n")
        );
        assert_within(start, Duration::from_secs(2));
    });
    // Methods of HTTP are in capitals.
    for bytes in [&b"GET / HTTP/1.0\r\n\r\n"[..], b"PUT /x HTTP/1.1\r\nHost: a\r\n\r\n", b"SSH-2.0-x\r\n"] {
        let heard = alone(bytes, false, 7, "the client speaks HTTP or other text");
        assert!(heard.starts_with(b"HTTP/1.1 403 Forbidden\r\n") && heard.ends_with(b"instead.\n"));
    }
    alone(&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3], false, 7, "the client speaks TLS");
    alone(b"\0\0\0\0", false, 7, "something else");
    alone(b"\x89SALL\n\x1a\n", false, 7, "something else");
    alone(b"\xff\x1b[2J\n\x9b", false, 7, "something else");
    let mut version = hello(PUT, b"");
    version[8] = 2;
    let heard = alone(&version, false, 7, "version 2");
    assert_eq!((&heard[..8], heard[10], heard[32]), (&MAGIC[..], 3, ERROR));
    alone(&hello(4, b"short"), false, 6, "session of a JOIN");
    // A further connection of no session is refused, and is not a client that counts.
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--count", "1"]);
    let mut stray = Peer::connect(&address(&server));
    stray.say(&hello(4, &[7; 16]));
    assert_eq!(&stray.hear_all()[..8], MAGIC);
    drop(stray);
    server.assert_waits();
    let mut last = Peer::connect(&address(&server));
    last.say(b"x");
    last.hear_all();
    drop(last);
    server.finish().expect_saying(7, text);
    for operation in [0, 5, 255] {
        alone(&hello(operation, b""), false, 7, &format!("operation {operation}"));
    }
}

#[test]
fn every_cut_of_a_hello_is_a_lost_connection_or_the_time_limit() {
    let bytes = hello(PUT, b"");
    let ended = (0..bytes.len()).map(|length| (length, true, 5, "handshake"));
    let silent = [0, 1, 8, 31].map(|length| (length, false, 4, "--timeout"));
    let cases: Vec<_> = ended.chain(silent).collect();
    in_parallel(&cases, |(length, ends, code, words)| {
        alone(&bytes[..*length], *ends, *code, words);
    });
    alone(&bytes, true, 5, "ended");
    alone(&bytes, false, 4, "--idle-timeout");
}

#[test]
fn the_handshakes_limit_is_absolute() {
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--count", "1", "--timeout", "500ms"]);
    let mut peer = Peer::connect(&address(&server));
    let (start, bytes) = (now(), hello(PUT, b""));
    let mut sent = 0;
    // A byte every 50 ms: it would take 1.6 seconds.
    for byte in &bytes {
        if server.ends_within(Duration::from_millis(50)) || !peer.say(&[*byte]) {
            break;
        }
        sent += 1;
    }
    assert!(sent < bytes.len(), "it took the whole handshake");
    server.finish_within(Duration::from_secs(1)).expect_saying(4, "handshake took over 500ms");
    assert_within(start, Duration::from_millis(1500));
}

#[test]
fn length_fields_of_a_hello_are_checked_before_anything_is_allocated() {
    let mut long_name = hello(GET, b"");
    long_name[28..30].copy_from_slice(&4097_u16.to_be_bytes());
    alone(&long_name, false, 6, "4097");
    // As long as allowed, and never sent.
    let mut longest = hello(GET, b"");
    longest[28..32].copy_from_slice(&[0x10, 0, 0xff, 0xff]);
    alone(&longest, false, 4, "--timeout");
    let mut unknown = hello(PUT, b"");
    unknown[30..32].copy_from_slice(&4_u16.to_be_bytes());
    unknown.extend([0x80, 9, 0, 0]);
    alone(&unknown, false, 7, "extension 0x8009");
    let mut short_run = hello(PUT, b"");
    short_run[31] = 7;
    short_run.extend([0, 5, 0, 3, 1, 2, 3]);
    alone(&short_run, false, 6, "a run");
    alone(&hello(PUT, b"name"), false, 6, "names in a PUT");
}

#[test]
fn frames_out_of_bounds_or_order_end_the_session() {
    let offer = |more: Vec<u8>| put(&[entry(0, b"f", 3), turn(), more]);
    alone(&put(&[entry(1, b"f", 3)]), false, 6, "order");
    alone(&put(&[frame(DATA, 0, 0, 0, b"x")]), false, 6, "DATA out of turn");
    alone(&put(&[eot(0, 0)]), false, 6, "EOT out of turn");
    for length in [0, 1, 25, 65_537, 1 << 31, 1 << 63, u64::MAX] {
        alone(&put(&[header(ENTRY, 0, 0, 0, length)]), false, 6, "length of");
    }
    for length in [0, 16 * 1024 * 1024 + 1, 1 << 31, 1 << 63, u64::MAX] {
        alone(&offer(header(DATA, 0, 0, 0, length)), false, 6, "length of");
    }
    alone(&offer(frame(DATA, 0, 0, 0, b"1234")), false, 6, "beyond");
    alone(&offer(frame(DATA, 0, 0, u64::MAX, b"123")), false, 6, "gap");
    alone(&offer(frame(DATA, 0, u32::MAX, 0, b"123")), false, 6, "order");
    alone(&offer([frame(DATA, 0, 0, 0, b"123"), eot(1, 3)].concat()), false, 6, "EOT before");
    alone(
        &offer([frame(DATA, 0, 0, 0, b"123"), frame(END, 4, 0, 3, &[0; 32])].concat()),
        false,
        6,
        "DIFFERS",
    );
    alone(&put(&[entry(0, b"f", u64::MAX), turn()]), false, 4, "--idle-timeout");
    alone(&put(&[error(18, b"\x1b[2J\n")]), false, 5, "stopped: \\x1b[2J\\x0a");
}

#[test]
fn every_frame_cut_at_every_byte_leaves_nothing() {
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--max-per-source", "100"]);
    let whole = put(&[entry(0, b"f", 3), turn(), whole(0, b"abc"), eot(1, 3)]);
    let to = address(&server);
    // END is behind all but EOT, 40 bytes: from there on the file may be there, and whole. Who has said nothing is no
    // failure.
    for length in 1..whole.len() - 40 {
        let mut peer = Peer::connect(&to);
        peer.say(&whole[..length]);
        let _ = peer.0.shutdown(Shutdown::Write);
        peer.hear_all();
    }
    let lines = |text: &[u8]| failures(&String::from_utf8_lossy(text), "");
    assert!(server.stderr.wait(LIMIT, |text, _| lines(text) == whole.len() - 41), "{}", server.stderr.text());
    server.signal(Signal::TERM);
    server.finish().ended(143);
    there.expect_names(&[]);
}

#[test]
fn a_client_that_sends_more_than_it_announced_is_cut() {
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--once"]);
    let mut peer = Peer::connect(&address(&server));
    peer.say(&put(&[entry(0, b"f", 1024), turn()]));
    let chunk = [header(DATA, 0, 0, 0, 1 << 20), vec![0; 1 << 20]].concat();
    let sent = (0..10 << 10).take_while(|_| peer.say(&chunk)).count();
    assert!(sent < 10 << 10, "all of it was taken");
    server.finish().expect_saying(6, "beyond the size");
    there.expect_names(&[]);
}

/// A store with canaries around it: the folder, and what must not change.
struct Guarded {
    around: Place,
    server: Running,
}

impl Guarded {
    fn new() -> Guarded {
        let around = Place::new();
        around.folder("store");
        around.folder("canary/sub");
        for name in ["x", "canary/x", "canary/sub/x"] {
            around.write(name, b"canary");
        }
        let server = serve(&["--store", &around.at("store")]);
        Guarded { around, server }
    }

    fn check(&self) {
        self.around.expect_names(&["canary", "store", "x"]);
        for name in ["x", "canary/x", "canary/sub/x"] {
            self.around.expect(name, b"canary");
        }
        let all = crate::transfer::xfer::names_in(&self.around.path("canary"));
        assert_eq!(all, ["sub", "x"]);
    }
}

#[test]
fn hostile_names_reach_nothing_outside() {
    let guarded = Guarded::new();
    let to = address(&guarded.server);
    let absolute = guarded.around.at("absolute").into_bytes();
    let (long, longest) = ([b'x'; 256], [b'x'; 4096]);
    let deep = [b"a".as_slice()].repeat(257).join(&b'/');
    let refused: [&[u8]; 23] = [
        b"",
        b".",
        b"..",
        b"../x",
        b"../canary/x",
        b"a/../../x",
        b"/x",
        &absolute,
        b"//x",
        b"a//b",
        b"a/./b",
        b"x/",
        b"./x",
        b"x/.",
        b"x/..",
        b"a\0b",
        b"\0",
        &long,
        &longest,
        &deep,
        b".sendall-0123456789abcdef.part",
        b".sendall-0123456789abcdef.part/x",
        b"sub/.sendall-0123456789abcdef.part",
    ];
    for name in refused {
        let mut peer = Peer::connect(&to);
        peer.say(&put(&[entry(0, name, 3), turn(), eot(0, 0)]));
        peer.hear(32);
        let (kind, _, body) = peer.hear_frame();
        assert_eq!((kind, body[0]), (HAVE, 3), "{}", String::from_utf8_lossy(name));
        assert!([5, 8].contains(&body[1]), "reason {} for {}", body[1], String::from_utf8_lossy(name));
        peer.hear_until(RESULT);
        guarded.check();
    }
    // Longer than a path may be is no name any more.
    let mut peer = Peer::connect(&to);
    peer.say(&put(&[entry(0, &[b'x'; 4097], 3), turn()]));
    peer.hear(32);
    assert_eq!(peer.hear_frame().0, ERROR);
    drop(peer);
    assert_eq!(
        crate::transfer::xfer::names_in(&guarded.around.path("store")),
        Vec::<std::ffi::OsString>::new()
    );
    guarded.server.signal(Signal::TERM);
    let text = guarded.server.finish().ended(143).stderr;
    assert!(!text.lines().any(|line| line.chars().any(char::is_control)), "{text:?}");
}

#[test]
fn strange_names_are_kept_and_escaped_wherever_they_are_shown() {
    use std::os::unix::ffi::OsStrExt;
    let names: [(&[u8], &str); 6] = [
        (b"a\x1b[2Jb", "a\\x1b[2Jb"),
        (b"line\nsendall: done", "line\\x0asendall: done"),
        (b"c1\x9b31m", "c1\\x9b31m"),
        ("rtl\u{202e}gpj.exe".as_bytes(), "rtl\\u{202e}gpj.exe"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"bell\x07\r", "bell\\x07\\x0d"),
    ];
    let (here, there, back) = (Place::new(), Place::new(), Place::new());
    let server = serve(&["--store", there.arg(), "--share", there.arg()]);
    let to = address(&server);
    for (name, shown) in names {
        let path = here.path(std::ffi::OsStr::from_bytes(name));
        std::fs::write(&path, b"content").expect("written");
        // Its name is not UTF-8: the shell hands it on.
        let folder = here.arg().to_owned();
        let client =
            crate::transfer::xfer::limited(&format!("cd '{folder}' && set -- upload -v * \"$1\""), &[&to]);
        let text = client.finish().ended(0).stderr;
        assert!(text.contains(shown), "{text}");
        assert!(
            !text.lines().any(|line| line.chars().any(|c| c.is_control() || c == '\u{202e}')),
            "{text:?}"
        );
        assert_eq!(
            std::fs::read(there.path(std::ffi::OsStr::from_bytes(name))).expect("arrived"),
            b"content"
        );
        std::fs::remove_file(path).expect("removed");
    }
    let text = run(&["download", &to, "-v", "-o", back.arg()]).ended(0).stderr;
    assert!(names.iter().all(|(_, shown)| text.contains(shown)), "{text}");
    assert_eq!(back.names(), there.names());
    server.signal(Signal::TERM);
    let text = server.finish().ended(143).stderr;
    assert!(names.iter().all(|(_, shown)| text.contains(shown)), "{text}");
    assert!(!text.lines().any(|line| line.chars().any(|c| c.is_control() || c == '\u{202e}')), "{text:?}");
}

#[test]
fn one_name_twice_in_a_session_is_written_once() {
    let there = Place::new();
    let server = serve(&["--store", there.arg(), "--once"]);
    let mut peer = Peer::connect(&address(&server));
    let offer = [entry(0, b"f", 3), entry(1, b"f", 3), turn()];
    peer.say(&put(&[offer.concat(), whole(0, b"abc"), eot(1, 3)]));
    peer.hear(32);
    peer.hear_until(RESULT);
    drop(peer);
    server.finish().ended(9);
    there.expect("f", b"abc");
}

#[test]
fn a_client_that_never_reads_is_cut_and_costs_little() {
    let there = Place::new();
    let shared = there.write("f", &payload(40_000_000));
    let server = serve(&["--share", &shared, "--once", "--idle-timeout", "500ms"]);
    let mut peer = Peer::connect(&address(&server));
    peer.say(&hello(GET, b""));
    peer.hear(32);
    peer.hear_until(TURN);
    peer.say(&[want(0), turn()].concat());
    assert!(server.ends_within(LIMIT), "it is still there");
    server.finish().expect_saying(4, "--idle-timeout");
    drop(peer);
}
