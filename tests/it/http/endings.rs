//! How connections and the command end.

use std::time::Duration;

use rustix::process::Signal;

use super::{Client, PROBE, get, server, text};
use crate::harness::{A_WHILE, In, LIMIT, Out, assert_within, now, sendall, wait_until};

const SOON: Duration = Duration::from_secs(1);

#[test]
fn an_answer_survives_the_close() {
    // The client goes on sending: without lingering its answer would be lost in a reset.
    let (_running, port) = server(&[]);
    for _ in 0..20 {
        let mut client = Client::new(port);
        client.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
        client.say(&vec![b'x'; 200_000]);
        let answer = client.answers(1, "\n");
        assert!(answer.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{answer}");
        client.say(&vec![b'x'; 100_000]);
        client.finish();
        assert_eq!(client.rest(), "");
    }
}

#[test]
fn a_client_that_writes_first_gets_the_reason_of_its_refusal() {
    let (_running, port) = server(&[]);
    let large = vec![b'x'; 5_000_000];
    for (head, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n".to_string(), "413"),
        ("POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 5000000\r\n\r\n".into(), "400"),
        (format!("POST /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000)), "414"),
        (format!("POST / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(9000)), "431"),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 5000000\r\n\r\n".into(), "417"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".into(), "200"),
    ] {
        let mut client = Client::new(port);
        client.say(head.as_bytes());
        // A broken pipe here is what such a client sees instead of the answer.
        client.say(&large);
        client.finish();
        let answer = client.rest();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    }
}

#[test]
fn a_refused_client_that_sends_for_ever_is_cut() {
    let (_running, port) = server(&["--idle-timeout", "300ms"]);
    let mut client = Client::new(port);
    client.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
    client.answers(1, "\n");
    use std::io::Write;
    let start = now();
    while client.stream.write_all(&[b'x'; 10_000]).is_ok() {
        assert!(start.elapsed() < LIMIT, "it is read for ever");
    }
}

#[test]
fn what_was_asked_is_answered_after_the_clients_end() {
    let (_running, port) = server(&["--delay", "50ms"]);
    assert!(get(port, "/", "").ends_with("Hello, World\n"));
    let broken = super::ask(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT");
    assert!(broken.contains("Hello, World\n") && broken.contains("HTTP/1.1 400 "), "{broken}");
}

#[test]
fn it_ends_after_so_many_answers() {
    for workers in ["1", "3"] {
        let (running, port) = server(&["--count", "5", "--workers", workers]);
        let idle = Client::new(port);
        for _ in 0..3 {
            assert!(get(port, "/", "").contains("200 OK"));
        }
        // The sixth has no answer.
        let mut client = Client::new(port);
        client.say(&PROBE.repeat(3));
        let rest = client.rest();
        assert_eq!(rest.matches("Hello, World\n").count(), 2, "{rest}");
        assert_eq!(rest.matches("Connection: close").count(), 1, "{rest}");
        running.finish().expect(0);
        drop(idle);
    }
}

#[test]
fn a_signal_finishes_what_has_begun() {
    for (signal, code, workers) in [(Signal::TERM, 143, "1"), (Signal::INT, 130, "2")] {
        // On a busy machine the answer may come before the signal: then this attempt does not count.
        let mut delays =
            [600, 600, 1500, 1500, 3000, 3000, 6000, 6000].map(Duration::from_millis).into_iter();
        let seen = delays.find(|delay| sees_a_request_finished(signal, code, workers, *delay));
        assert!(seen.is_some(), "too busy a machine");
    }
}

/// False if the signal came too late.
fn sees_a_request_finished(signal: Signal, code: i32, workers: &str, delay: Duration) -> bool {
    // So long before the answer the signal comes, at least and at most: longer the server does not wait.
    const BEFORE: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(600)];
    let option = format!("{}ms", delay.as_millis());
    let (running, port) = server(&["--delay", &option, "--workers", workers]);
    let idle = Client::new(port);
    let mut clients = [Client::new(port), Client::new(port), Client::new(port)];
    let said = now();
    for client in &mut clients {
        client.say(PROBE);
    }
    assert!(wait_until(LIMIT, || running_has_read(&running)), "requests are not read");
    wait_until(LIMIT, || said.elapsed() + BEFORE[1] >= delay);
    let start = now();
    running.signal(signal);
    if said.elapsed() + BEFORE[0] > delay {
        return false;
    }
    for client in clients {
        let rest = client.rest();
        assert!(rest.contains("Connection: close") && rest.ends_with("Hello, World\n"), "{rest}");
    }
    let finished = running.finish_within(SOON).expect(code);
    assert_within(start, SOON);
    assert!(finished.stderr.contains("stopped by"), "{}", finished.stderr);
    drop(idle);
    true
}

/// True when nothing waits in any socket of the server.
fn running_has_read(running: &crate::harness::Running) -> bool {
    let pid = running.id();
    let Ok(table) = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")) else { return true };
    let port = format!(":{:04X} ", running.port());
    table
        .lines()
        .filter(|line| line.split_whitespace().nth(1).is_some_and(|own| format!("{own} ").ends_with(&port)))
        // Column 4: bytes to be sent and to be read. A listener counts clients there.
        .all(|line| line.split_whitespace().nth(4).is_some_and(|queues| queues.ends_with(":00000000")))
}

#[test]
fn a_stuck_client_does_not_keep_it_from_ending() {
    let (running, port) = server(&["--delay", "20s"]);
    let mut client = Client::new(port);
    client.say(PROBE);
    let mut other = Client::new(port);
    other.say(b"GET / HTTP/1.1\r\nHo");
    assert!(wait_until(LIMIT, || running_has_read(&running)));
    running.signal(Signal::TERM);
    running.finish_within(SOON).expect(143);
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("web");
    let endpoint = format!("unix:{}", path.display());
    let running = sendall(&["http-hello", &endpoint, "--whoami"], In::Null, Out::Collect);
    running.listening(1);
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("a connection");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("\nPeer: unix\n"), "{answer}");
    running.signal(Signal::TERM);
    running.finish().expect(143);
    assert!(!path.exists());
}

#[test]
fn an_answer_that_was_lost_does_not_count() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), vec![b'x'; 15_000_000]).expect("written");
    let option = format!("@{}", file.path().display());
    for workers in ["1", "2"] {
        let options = ["--count", "1", "--body", &option, "--idle-timeout", "300ms", "--workers", workers];
        let (running, port) = server(&options);
        // One goes away in the middle, with a reset because of what it has not read.
        let mut client = Client::new(port);
        client.say(PROBE);
        assert!(client.hear());
        drop(client);
        running.assert_waits();
        // A client that reads nothing is cut off.
        let mut client = Client::new(port);
        client.say(PROBE);
        client.answers(1, "x");
        let begun = now();
        running.assert_waits();
        assert!(wait_until(LIMIT, || begun.elapsed() > Duration::from_millis(600)));
        running.assert_waits();
        assert!(get(port, "/", "").ends_with("xxx"));
        running.finish().expect(0);
    }
}

#[test]
fn a_client_that_goes_with_a_reset_has_its_answer() {
    let (running, port) = server(&["--count", "1"]);
    // As health checks do it. A reset that overtakes the confirmation, which systems put off for 40 ms or more, leaves it
    // to the next client, which is slow.
    let has_counted = (0..20).any(|hesitation| {
        let mut client = Client::new(port);
        client.say(PROBE);
        while client.hear() {}
        if client.got.is_empty() {
            // A busy server has counted the one before only now.
            return running.ends_within(LIMIT);
        }
        assert!(text(&client.got).ends_with("World\n"), "{:?}", text(&client.got));
        running.ends_within(Duration::from_millis(10 * hesitation));
        socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).expect("a reset");
        drop(client);
        running.ends_within(A_WHILE)
    });
    assert!(has_counted);
    running.finish().expect(0);
}

#[test]
fn urgent_data_between_two_requests_holds_up_neither() {
    let (_running, port) = server(&["--path", "/2=200:second"]);
    for _ in 0..20 {
        let mut client = Client::new(port);
        client.say(PROBE);
        socket2::SockRef::from(&client.stream).send_out_of_band(b"!").expect("sent");
        client.say(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
        client.answers(2, "second");
    }
}
