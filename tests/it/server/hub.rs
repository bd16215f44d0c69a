//! `serve --keep-open` and `serve --broker`: clients that receive what others send, or share stdin and stdout.

use std::fs::File;
use std::io::{Read, Write};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::link::Link;
use crate::harness::{In, LIMIT, Out, Running, assert_same, payload, sendall, wait_until};

fn keep_open(options: &[&str], input: In, output: Out) -> Running {
    sendall(
        &[&["serve", "127.0.0.1:0", "--keep-open", "--max-per-source", "99"], options].concat(),
        input,
        output,
    )
}

fn broker(options: &[&str]) -> Running {
    let args = [&["serve", "127.0.0.1:0", "--broker", "--max-per-source", "99"], options].concat();
    sendall(&args, In::Null, Out::Collect)
}

/// Connects clients, each of which is a subscriber: it has received something.
fn subscribers(server: &Running, count: usize) -> Vec<Link> {
    let mut links: Vec<Link> = (0..count).map(|_| Link::connect(server.port())).collect();
    // A client that receives the last byte was a subscriber before.
    for speaker in 0..count {
        let others = |link: &mut Link| wait_until(LIMIT, || rustix_has_bytes(link));
        let is_heard = wait_until(LIMIT, || {
            links[speaker].send(b".");
            (0..count).filter(|other| *other != speaker).all(|other| rustix_has_bytes(&links[other]))
        });
        assert!(is_heard);
        for (other, link) in links.iter_mut().enumerate() {
            if other != speaker {
                assert!(others(link));
                drain(link);
            }
        }
    }
    // Dots that were still in flight.
    std::thread::scope(|_| links.iter_mut().for_each(drain));
    links
}

fn rustix_has_bytes(link: &Link) -> bool {
    use std::os::fd::AsFd;
    crate::harness::wait_for_fd(link.as_fd(), rustix::event::PollFlags::IN, Duration::from_millis(20))
}

fn drain(link: &mut Link) {
    let mut bytes = [0; 4096];
    while rustix_has_bytes(link) {
        let _ = link.read(&mut bytes);
    }
}

#[test]
fn what_clients_send_is_on_stdout_before_they_receive_the_end() {
    let server = keep_open(&["--count", "3"], In::Null, Out::Collect);
    for size in [3_000_000, 0, 1] {
        let mut link = Link::connect(server.port());
        link.send(&payload(size));
        link.end();
        link.expect_all(b"");
        // Its end came after the last byte.
        let output = server.output.as_ref().expect("collected");
        assert!(output.wait(LIMIT, |written, _| written.ends_with(&payload(size))), "{size}");
    }
    let finished = server.finish().expect(0);
    assert_same(&finished.stdout, &[payload(3_000_000), payload(1)].concat(), "stdout");
}

#[test]
fn labels_keep_lines_whole() {
    let server = keep_open(&["--label", "--count", "2"], In::Null, Out::Collect);
    let (mut one, mut two) = (Link::connect(server.port()), Link::connect(server.port()));
    one.send(b"first ");
    two.send(b"other\nlast");
    one.send(b"line\n");
    for link in [&mut one, &mut two] {
        link.end();
        link.expect_all(b"");
    }
    let text = String::from_utf8(server.finish().expect(0).stdout).expect("UTF-8");
    let mut lines: Vec<&str> = text.lines().map(|line| line.split_once("] ").expect("a label").1).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["first line", "last", "other"]);
    assert!(text.lines().all(|line| line.starts_with("[127.0.0.1:")), "{text}");
}

#[test]
fn stdin_goes_to_all_and_its_end_too() {
    for slow in ["wait", "cut"] {
        let mut server = keep_open(&["--count", "3", "--slow", slow], In::Open, Out::Collect);
        let mut links: Vec<Link> = (0..3).map(|_| Link::connect(server.port())).collect();
        // A client is a subscriber once its bytes are on stdout.
        for link in &mut links {
            link.send(b"x");
        }
        server.expect_output(b"xxx");
        let readers: Vec<_> = links
            .iter()
            .map(|link| {
                let mut link = link.try_clone();
                std::thread::spawn(move || {
                    let mut bytes = Vec::new();
                    link.read_to_end(&mut bytes).map(|_| bytes)
                })
            })
            .collect();
        server.say(&payload(2_000_000));
        server.end_input();
        for reader in readers {
            let bytes = reader.join().expect("a thread").expect("bytes and the end");
            assert_same(&bytes, &payload(2_000_000), slow);
        }
        links.iter().for_each(Link::end);
        drop(links);
        server.finish().expect(0);
    }
}

#[test]
fn stdin_waits_for_the_first_client_and_is_whole_for_it() {
    let server = keep_open(&["--count", "1"], In::Bytes(payload(4_000_000)), Out::Collect);
    server.listening(1);
    server.assert_waits();
    let mut link = Link::connect(server.port());
    link.expect_all(&payload(4_000_000));
    link.end();
    server.finish().expect(0);
}

#[test]
fn recv_only_reads_nothing_and_clients_leave_with_their_end() {
    let server = keep_open(&["--recv-only", "--count", "1"], In::Open, Out::Collect);
    let mut link = Link::connect(server.port());
    link.send(b"x");
    link.end();
    link.expect_all(b"");
    assert_eq!(server.finish().expect(0).stdout, b"x");
}

#[test]
fn stdout_that_fails_ends_it_with_its_code() {
    let closed = keep_open(&[], In::Null, Out::Closed).finish().expect(10);
    assert!(!closed.stderr.contains("listening"), "{}", closed.stderr);

    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let server = keep_open(&[], In::Null, Out::Fd(full.into()));
    Link::connect(server.port()).send(b"x");
    server.finish().expect(10);

    let mut server = keep_open(&[], In::Null, Out::Held);
    server.stdout = None;
    Link::connect(server.port()).send(b"x");
    server.finish().expect(141);
}

#[test]
fn a_blocked_stdout_holds_clients_back_and_loses_nothing() {
    let mut server = keep_open(&["--count", "2"], In::Null, Out::Held);
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let mut link = Link::connect(server.port());
            std::thread::spawn(move || {
                link.send(&payload(12_000_000));
                link.end();
                link.expect_all(b"");
            })
        })
        .collect();
    assert!(!server.ends_within(Duration::from_millis(500)));
    assert!(crate::transfer::xfer::status_kib(server.id(), "VmHWM") < 32 << 10, "memory");
    assert!(clients.iter().all(|client| !client.is_finished()), "ended before it was written");
    let mut bytes = Vec::new();
    server.stdout.take().expect("held").read_to_end(&mut bytes).expect("bytes");
    assert_eq!(bytes.len(), 24_000_000);
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    server.finish().expect(0);
}

#[test]
fn what_one_client_sends_all_others_receive() {
    let server = broker(&[]);
    let mut links = subscribers(&server, 4);
    links[0].send(b"hello");
    for link in &mut links[1..] {
        link.expect(b"hello");
    }
    links[0].assert_quiet();
    // Who has ended leaves; the others go on.
    let mut leaver = links.pop().expect("a client");
    leaver.send(b"bye");
    leaver.end();
    for link in &mut links {
        link.expect(b"bye");
    }
    leaver.expect_all(b"");
    links[1].send(b"still");
    links[0].expect(b"still");
    server.signal(Signal::INT);
    assert_eq!(server.finish_within(Duration::from_secs(2)).code, 130);
}

#[test]
fn chat_names_the_sender_and_is_harmless_to_a_terminal() {
    let server = broker(&["--chat"]);
    let mut speaker = Link::connect(server.port());
    let mut hearer = Link::connect(server.port());
    // Heard once it is in.
    let is_in = wait_until(LIMIT, || {
        speaker.send(b"\n");
        rustix_has_bytes(&hearer)
    });
    assert!(is_in);
    drain(&mut hearer);
    speaker.send("gr\u{fc}\u{df} \x1b[2J dich\r\n".as_bytes());
    let mut text = String::new();
    while !text.contains('\n') {
        let mut bytes = [0; 4096];
        let count = hearer.read(&mut bytes).expect("bytes");
        text += std::str::from_utf8(&bytes[..count]).expect("UTF-8");
    }
    assert!(text.starts_with("<127.0.0.1:") && text.ends_with("> grüß \\x1b[2J dich\n"), "{text:?}");
}

#[test]
fn one_stuck_reader_does_not_stop_the_rest() {
    const PIECE: usize = 64 << 10;
    const PIECES: usize = 300;
    for slow in ["cut", "drop"] {
        let server = broker(&["--slow", slow]);
        let mut links = subscribers(&server, 3);
        // Never reads from now on.
        let stuck = links.pop().expect("a client");
        socket2::SockRef::from(&stuck).set_recv_buffer_size(PIECE).expect("a small buffer");
        let (mut speaker, mut hearer) = (links.pop().expect("a client"), links.pop().expect("a client"));
        for _ in 0..PIECES {
            speaker.send(&payload(PIECE));
            hearer.expect(&payload(PIECE));
        }
        assert!(crate::transfer::xfer::status_kib(server.id(), "VmHWM") < 32 << 10, "memory");
        if slow == "cut" {
            let is_reported =
                |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("cut: it kept the others waiting");
            assert!(server.stderr.wait(LIMIT, is_reported), "{}", server.stderr.text());
        } else {
            // The log has how much it missed, at its end.
            let mut stuck = stuck;
            stuck.end();
            let mut rest = Vec::new();
            stuck.read_to_end(&mut rest).expect("what fitted, and the end");
            let is_reported = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("it missed");
            assert!(server.stderr.wait(LIMIT, is_reported), "{}", server.stderr.text());
            let text = server.stderr.text();
            let missed =
                text.split("it missed ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a number");
            let missed: usize = missed.parse().expect("a number");
            assert_eq!(rest.len() + missed, PIECES * PIECE, "received and missed");
        }
        drop((speaker, hearer));
    }
}

#[test]
fn clients_that_read_as_fast_as_they_can_are_not_cut() {
    let options = ["--count", "2", "--limit-rate", "200KiB"];
    let server = keep_open(&options, In::Bytes(payload(600_000)), Out::Collect);
    server.listening(1);
    let clients: Vec<_> = (0..2)
        .map(|index| {
            let mut link = Link::connect(server.port());
            if index == 0 {
                // The other one connects later, and receives less.
                link.expect(&payload(600_000)[..8192]);
            }
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let result = link.read_to_end(&mut bytes).map(|_| bytes.len());
                link.end();
                result
            })
        })
        .collect();
    for client in clients {
        assert!(client.join().expect("a thread").is_ok_and(|count| count > 300_000));
    }
    server.finish().expect(0);
}

#[test]
fn an_incomplete_line_of_a_client_that_fails_is_completed() {
    let options = ["--label", "--count", "1", "--session-timeout", "400ms"];
    let server = keep_open(&options, In::Null, Out::Collect);
    let mut link = Link::connect(server.port());
    link.send(b"whole\nbegun");
    let text = String::from_utf8(server.finish().expect(4).stdout).expect("UTF-8");
    assert!(text.ends_with("] begun\n") && text.lines().count() == 2, "{text:?}");
}

#[test]
fn with_wait_no_client_misses_anything() {
    let server = broker(&["--slow", "wait"]);
    let mut links = subscribers(&server, 3);
    let mut speaker = links.pop().expect("a client");
    let speaking = std::thread::spawn(move || speaker.write_all(&payload(30_000_000)).map(|()| speaker));
    let first = links.pop().expect("a client");
    let mut late = links.pop().expect("a client");
    let mut reading = first.try_clone();
    let reading = std::thread::spawn(move || {
        let mut bytes = vec![0; 30_000_000];
        reading.read_exact(&mut bytes).map(|()| bytes)
    });
    assert!(!wait_until(Duration::from_millis(1500), || speaking.is_finished()), "it did not wait");
    let mut bytes = vec![0; 30_000_000];
    late.read_exact(&mut bytes).expect("everything");
    assert_same(&bytes, &payload(30_000_000), "the late one");
    assert_same(&reading.join().expect("a thread").expect("everything"), &payload(30_000_000), "the other");
    drop(speaking.join().expect("a thread").expect("said"));
}
