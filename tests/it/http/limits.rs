//! Clients that take too long, want too much, or are too many.

use std::time::Duration;

use super::{Client, PROBE, get, server, statuses};
use crate::harness::{A_WHILE, In, LIMIT, Out, Running, assert_within, now, start, wait_until};

#[test]
fn a_head_has_its_time_however_busily_it_is_sent() {
    let (_running, port) = server(&["--header-timeout", "500ms"]);
    let start = now();
    let mut slow = Client::new(port);
    slow.stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a limit");
    let mut sent = 0;
    // A byte every 20 ms, until there is an answer.
    while statuses(&slow.got).is_empty() && start.elapsed() < LIMIT {
        let byte = PROBE.get(sent).copied().filter(|_| sent < 20).unwrap_or(b'x');
        slow.say(&[byte]);
        sent += 1;
        let mut buffer = [0; 1000];
        if let Ok(count) = std::io::Read::read(&mut slow.stream, &mut buffer) {
            slow.got.extend_from_slice(&buffer[..count]);
        }
    }
    assert_eq!(statuses(&slow.got), [408]);
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
    assert_within(start, Duration::from_millis(1500));
    // A client that sends nothing gets no answer.
    assert_eq!(Client::new(port).rest(), "");
    // A second request has its own time.
    let mut client = Client::new(port);
    client.say(PROBE);
    client.answers(1, "World\n");
    client.say(b"GET / HT");
    assert!(client.rest().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
}

#[test]
fn silence_between_requests_and_a_slow_body_have_an_end() {
    let (_running, port) = server(&["--idle-timeout", "300ms"]);
    let mut client = Client::new(port);
    client.say(PROBE);
    client.answers(1, "World\n");
    assert_eq!(client.rest(), "");
    let mut client = Client::new(port);
    client.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
    assert!(client.rest().starts_with("HTTP/1.1 408 "));
}

#[test]
fn a_client_that_reads_nothing_is_cut() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), vec![b'x'; 16_000_000]).expect("written");
    let option = format!("@{}", file.path().display());
    let (running, port) = server(&["--body", &option, "--idle-timeout", "500ms", "--max-clients", "3"]);
    let mut stuck: Vec<Client> = (0..3).map(|_| Client::new(port)).collect();
    for client in &mut stuck {
        client.say(&PROBE.repeat(100));
    }
    // There is room for others again when the three are cut.
    let start = now();
    assert!(get(port, "/", "").ends_with("xxx"));
    assert!(start.elapsed() < LIMIT);
    drop((stuck, running));
}

#[test]
fn five_hundred_slow_clients_are_cut_and_others_answered() {
    let (_running, port) = server(&["--header-timeout", "1500ms"]);
    let mut slow: Vec<Client> = (0..500).map(|_| Client::new(port)).collect();
    for client in &mut slow {
        client.say(b"GET / HTTP/1.1\r\nX: ");
    }
    let mut active = Client::new(port);
    for _ in 0..50 {
        active.say(PROBE);
        active.answers(1, "World\n");
    }
    for client in slow {
        assert!(client.rest().starts_with("HTTP/1.1 408 "));
    }
    assert!(get(port, "/", "").contains("200 OK"));
}

#[test]
fn more_clients_wait_and_more_of_one_address_are_refused() {
    let (_running, port) = server(&["--max-clients", "2"]);
    let (mut first, mut second) = (Client::new(port), Client::new(port));
    for client in [&mut first, &mut second] {
        client.say(PROBE);
        client.answers(1, "World\n");
    }
    let mut third = Client::new(port);
    third.say(PROBE);
    third.stream.set_read_timeout(Some(A_WHILE)).expect("a limit");
    assert!(std::io::Read::read(&mut third.stream, &mut [0; 1]).is_err(), "it did not wait");
    drop(first);
    third.stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    third.answers(1, "World\n");

    let (running, port) = server(&["--max-per-source", "1"]);
    let mut first = Client::new(port);
    first.say(PROBE);
    first.answers(1, "World\n");
    let mut second = Client::new(port);
    let ended = std::io::Read::read(&mut second.stream, &mut [0; 1]);
    assert!(!matches!(ended, Ok(1..)), "it was let in");
    assert!(wait_until(LIMIT, || running.stderr.text().contains("--max-per-source")));
}

#[test]
fn only_listed_clients_are_admitted() {
    let (_running, port) = server(&["--deny", "127.0.0.0/8"]);
    let mut client = Client::new(port);
    assert!(!matches!(std::io::Read::read(&mut client.stream, &mut [0; 1]), Ok(1..)));
}

#[test]
fn idle_clients_cost_little() {
    let (running, port) = server(&["--workers", "2"]);
    let memory_kib = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a size");
        line.trim_end_matches("kB").trim().parse::<u64>().expect("a number")
    };
    assert!(get(port, "/", "").contains("200 OK"));
    let before = memory_kib();
    let count = 400;
    let mut clients: Vec<Client> = (0..count).map(|_| Client::new(port)).collect();
    for client in &mut clients {
        client.say(PROBE);
        client.answers(1, "World\n");
    }
    let each = (memory_kib() - before) * 1024 / count;
    assert!(each <= 4096, "{each} bytes each");
}

/// A server that may have so many descriptors, with these options.
fn server_with_descriptors(count: u32, options: &str) -> (Running, u16) {
    let binary = env!("CARGO_BIN_EXE_sendall");
    let script = format!("ulimit -n {count} && exec {binary} http-hello 127.0.0.1:0 {options}");
    let running = start("sh", &["-c", &script], In::Null, Out::Collect);
    let port = running.port();
    (running, port)
}

#[test]
fn clients_without_a_descriptor_wait_and_none_is_refused() {
    for (options, warns) in
        [("", false), ("--workers 8", false), ("--max-clients 1000 --max-per-source 500", true)]
    {
        let (running, port) = server_with_descriptors(80, options);
        let mut clients: Vec<Client> = (0..100).map(|_| Client::new(port)).collect();
        for client in &mut clients {
            client.say(b"GET / HTTP/1.0\r\n\r\n");
        }
        for client in clients {
            assert!(client.rest().ends_with("Hello, World\n"), "{options}");
        }
        let said = running.stderr.text();
        assert_eq!(said.contains("--max-clients 1000: the limit on descriptors"), warns, "{said}");
        assert!(!said.contains("refused") && !said.contains("cannot accept"), "{options}: {said}");
    }
}
