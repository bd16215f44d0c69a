//! Servers that are none, or that do not keep to the protocol, against `upload` and `download`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::process::Signal;

use crate::harness::{Finished, LIMIT, assert_within, now, payload, wait_for_fd};
use crate::transfer::frames::*;
use crate::transfer::xfer::{Place, begin, run, status_kib};

/// Fetches from a fake server with short time limits; nothing may be left here.
#[track_caller]
fn download_from(server: FakeServer, names: &[&str], code: i32) -> Finished {
    let here = Place::new();
    let limits = ["--timeout", "500ms", "--idle-timeout", "500ms", "-o", here.arg()];
    let finished = run(&[&["download", &server.address], names, &limits].concat()).expect(code).ended(code);
    here.expect_names(&[]);
    server.join();
    finished
}

#[track_caller]
fn upload_to(server: FakeServer, code: i32) -> Finished {
    let here = Place::new();
    let path = here.write("f", &payload(3_000_000));
    let limits = ["--timeout", "500ms", "--idle-timeout", "500ms"];
    let finished = run(&[&["upload", &path, &server.address][..], &limits].concat()).expect(code).ended(code);
    server.join();
    finished
}

/// Both commands against the same server.
#[track_caller]
fn both(server: impl Fn() -> FakeServer, code: i32, words: &str) {
    for finished in [upload_to(server(), code), download_from(server(), &[], code)] {
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
}

#[test]
fn an_echo_is_not_a_server() {
    let echo = || {
        FakeServer::new(|peer| {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = peer.0.read(&mut buffer) {
                if peer.0.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
        })
    };
    both(echo, 7, "own bytes");
}

#[test]
fn http_ssh_and_tls_servers_are_distinguished_from_ours() {
    let greetings: [&[u8]; 4] = [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        &[0x15, 3, 3, 0, 2, 2, 40],
        b"\x89SALL\n\x1a\n is what a newline conversion makes of it",
    ];
    for greeting in greetings {
        both(|| FakeServer::saying(0, greeting.to_vec()), 7, "does not speak sendall's transfer protocol");
    }
    let other_version = [MAGIC.as_slice(), &[2, 0, 0, 0, 0, 0, 0, 0], &[0; 16]].concat();
    both(|| FakeServer::saying(0, other_version.clone()), 7, "version 2");
}

#[test]
fn a_silent_server_costs_the_time_limit() {
    let silent = || FakeServer::new(|peer| drop(peer.hear_all()));
    let start = now();
    both(silent, 4, "--timeout");
    assert_within(start, Duration::from_secs(4));
    // Also one that has begun to answer.
    both(|| FakeServer::new(|peer| drop((peer.say(&accept()[..31]), peer.hear_all()))), 4, "--timeout");
    // And one that goes silent after the handshake.
    both(|| FakeServer::new(|peer| drop((peer.say(&accept()), peer.hear_all()))), 4, "--idle-timeout");
}

#[test]
fn a_server_that_closes_at_once_is_a_lost_connection() {
    both(|| FakeServer::new(|_| ()), 5, "");
    both(|| FakeServer::saying(0, Vec::new()), 5, "closed the connection instead of answering");
    both(|| FakeServer::saying(0, accept()), 5, "ended");
    let here = Place::new();
    let path = here.write("f", b"x");
    run(&["upload", &path, "127.0.0.1:1"]).expect_saying(3, "refused");
    run(&["download", "127.0.0.1:1", "-o", here.arg()]).expect_saying(3, "refused");
    run(&["download", "no.such.host.invalid:1", "-o", here.arg()]).expect(3);
    run(&["upload", &path, &format!("unix:{}", here.at("missing"))]).expect(3);
}

#[test]
fn a_refusal_has_its_reason_and_its_text_escaped() {
    let mut refusal = accept();
    refusal[10] = 5;
    let hostile = b"no\x1b[2J\nsendall: done\r\xe2\x80\xae\x9b\xff";
    let refusing = || FakeServer::saying(0, [refusal.clone(), error(5, hostile)].concat());
    for finished in [upload_to(refusing(), 7), download_from(refusing(), &[], 7)] {
        let text = finished.stderr;
        assert!(text.contains("not allowed: no\\x1b[2J\\x0asendall: done\\x0d\\u{202e}"), "{text:?}");
        assert!(!text.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
    }
    // Without the frame that says more.
    both(|| FakeServer::saying(0, refusal.clone()), 7, "not allowed");
}

/// What a server sends after ACCEPT to a download that asked for these names: the exit code, and some words.
#[track_caller]
fn offers(names: &[&str], frames: &[Vec<u8>], code: i32, words: &str) {
    let first = names.first().map_or(0, |name| name.len());
    let bytes = [accept(), frames.concat()].concat();
    let finished = download_from(FakeServer::saying(first, bytes), names, code);
    assert!(finished.stderr.contains(words), "{}", finished.stderr);
}

#[test]
fn only_what_was_asked_for_is_taken() {
    offers(&["f"], &[entry(0, b"g", 3), turn()], 6, "not asked for");
    offers(&["f"], &[entry(0, b"f", 3), entry(1, b"g", 3), turn()], 6, "not asked for");
    offers(&["f"], &[entry(0, b"../f", 3), turn()], 6, "not asked for");
    offers(&["f"], &[turn(), eot(0, 0)], 6, "not answered");
    offers(&["f"], &[entry(1, b"f", 3), turn()], 6, "order");
    offers(&["f"], &[entry_of_kind(4, 0o755, 0, b"f", 3), turn(), eot(0, 0)], 7, "not a regular file");
    offers(&[], &[entry_of_kind(255, 0o777, 0, b"f", 3), turn(), eot(0, 0)], 7, "not a regular file");
    offers(&["f"], &[entry_of_kind(2, 0o755, 0, b"f", 3), turn()], 6, "with a size");
    offers(&["f"], &[entry_of_kind(3, 0o777, 0, b"f", 0), turn()], 6, "without a target");
}

#[test]
fn hostile_names_are_refused_in_an_offer() {
    let long = [b'x'; 256];
    let names: [&[u8]; 13] = [
        b"",
        b".",
        b"..",
        b"../x",
        b"a/../../x",
        b"/etc/x",
        b"a//b",
        b"a/./b",
        b"x/",
        b"a\0b",
        &long,
        b"a/..",
        b".sendall-0123456789abcdef.part",
    ];
    for name in names {
        // An entry that is refused gets no more frames.
        offers(&[], &[entry(0, name, 3), turn(), eot(0, 0)], 7, "");
    }
    let text = download_from(
        FakeServer::saying(0, [accept(), entry(0, b"../\x1b]0;x\x07\n\xff", 3), turn(), eot(0, 0)].concat()),
        &[],
        7,
    );
    assert!(text.stderr.contains("../\\x1b]0;x\\x07\\x0a\\xff: unsafe name"), "{}", text.stderr);
}

#[test]
fn sizes_that_do_not_fit_are_refused_before_anything_is_written() {
    for size in [1 << 62, 1 << 63, u64::MAX - 1] {
        offers(&[], &[entry(0, b"f", size), turn(), eot(0, 0)], 10, "no space");
    }
}

#[test]
fn violations_end_a_download() {
    let offer = [entry(0, b"f", 3), turn()].concat();
    let after = |frames: &[u8]| [offer.clone(), frames.to_vec()];
    offers(&[], &after(&frame(DATA, 0, 0, 0, b"1234")), 6, "beyond the size");
    offers(&[], &after(&frame(DATA, 0, 0, 1, b"12")), 6, "gap");
    offers(&[], &after(&frame(DATA, 0, 1, 0, b"123")), 6, "order of the files");
    offers(&[], &after(&frame(END, 0, 0, 3, &[0; 32])), 6, "before the size");
    offers(&[], &after(&eot(1, 3)), 6, "EOT before");
    offers(&[], &after(&want(0)), 6, "HAVE out of turn");
    offers(&[], &after(&result(1, 0)), 6, "RESULT out of turn");
    offers(&[], &after(&header(14, 0, 0, 0, 0)), 6, "unknown frame type 14");
    offers(&[], &after(&frame(12, 0, 0, 0, &[1, 0, 0, 1, b'x'])), 6, "SKIPPED out of turn");
    offers(&[], &after(&frame(13, 1, 0, 0, &[0; 16])), 6, "TOTALS out of turn");
    offers(&[], &after(&frame(13, 1, 0, 0, &[0; 15])), 6, "length of 15");
    offers(&[], &after(&frame(6, 0, 0, 0, &[0; 32])), 6, "BLOCK without its block");
    offers(&[], &after(&header(DATA, 0, 0, 0, 0)), 6, "length of 0");
    for length in [16 * 1024 * 1024 + 1, 1 << 31, 1 << 63, u64::MAX] {
        offers(&[], &after(&header(DATA, 0, 0, 0, length)), 6, "length of");
        offers(&[], &after(&header(ENTRY, 0, 0, 0, length)), 6, "length of");
    }
    let wrong = [whole(0, b"abc")[..27].to_vec(), frame(END, 0, 0, 3, &[9; 32]), eot(1, 3)].concat();
    offers(&[], &after(&wrong), 6, "digest mismatch");
    offers(&[], &after(&frame(DATA, 0, 0, 0, b"12")), 5, "ended before everything");
}

#[test]
fn a_server_that_sends_more_than_it_announced_is_cut() {
    let server = FakeServer::new(|peer| {
        peer.hear(32);
        peer.say(&[accept(), entry(0, b"f", 1024), turn()].concat());
        let chunk = [header(DATA, 0, 0, 0, 1 << 20), vec![0; 1 << 20]].concat();
        let sent = (0..10 << 10).take_while(|_| peer.say(&chunk)).count();
        assert!(sent < 10 << 10, "all of it was taken");
    });
    let finished = download_from(server, &[], 6);
    assert!(finished.stderr.contains("beyond the size"));
}

#[test]
fn a_hostile_answer_to_an_upload_ends_it() {
    let answer = |frames: &[Vec<u8>], code, words: &str| {
        let finished = upload_to(FakeServer::saying(0, [accept(), frames.concat()].concat()), code);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    };
    answer(&[want(1), turn()], 6, "order");
    answer(&[want(0), want(1), turn()], 6, "order");
    answer(&[turn()], 6, "TURN before");
    answer(&[result(1, 0)], 6, "RESULT out of turn");
    answer(&[want(0), turn(), result(1, 0)], 6, "RESULT out of turn");
    answer(&[want(0), turn(), frame(ACK, 0, 0, 1 << 40, b"")], 6, "ACK of more");
    answer(&[frame(HAVE, 0, 0, u64::MAX, &want(0)[24..])], 6, "more than the file");
    answer(&[entry(0, b"f", 1)], 6, "ENTRY out of turn");
    answer(&[header(HAVE, 0, 0, 0, 1 << 63)], 6, "length of");
    answer(&[error(17, b"")], 4, "time limit");
    answer(&[error(18, b"")], 5, "stopped");
}

#[test]
fn a_result_that_contradicts_itself_is_no_success() {
    let full = refused(0, 10, b"\x1b[31mfull\n");
    for (verdict, answer, code, words) in [
        (want(0), result(1, 0), 0, ""),
        (want(0), result(0, 0), 6, "counts"),
        (want(0), result(2, 0), 6, "counts"),
        (want(0), result(0, 1), 6, "failures"),
        (want(0), result(u32::MAX, 1), 6, "counts"),
        (full.clone(), result(1, 0), 6, "failures"),
        (full, result(0, 1), 7, "no space left there: \\x1b[31mfull\\x0a"),
        (refused(0, 200, b""), result(0, 1), 1, "f: failed"),
    ] {
        let server = FakeServer::new(move |peer| {
            peer.hear(32);
            peer.say(&[accept(), verdict, turn()].concat());
            peer.hear_until(EOT);
            peer.say(&answer);
            let _ = peer.0.shutdown(Shutdown::Write);
            peer.hear_all();
        });
        let finished = upload_to(server, code);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
}

#[test]
fn pings_without_end_do_not_take_the_command_from_its_user() {
    for is_upload in [true, false] {
        let here = Place::new();
        let path = here.write("f", b"x");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let flood = std::thread::spawn(move || {
            assert!(wait_for_fd(listener.as_fd(), PollFlags::IN, LIMIT));
            let mut stream = listener.accept().expect("a client").0;
            stream.write_all(&accept()).expect("accepted");
            let pings = ping().repeat(10_000);
            (0..).take_while(|_| stream.write_all(&pings).is_ok()).count()
        });
        let client = if is_upload {
            begin(&["upload", &path, &address])
        } else {
            begin(&["download", &address, "-o", here.arg()])
        };
        client.assert_waits();
        assert!(status_kib(client.id(), "VmHWM") < 32 << 10);
        client.signal(Signal::TERM);
        client.finish_within(Duration::from_secs(1)).expect(143);
        assert!(flood.join().expect("the flood") > 0);
    }
}
