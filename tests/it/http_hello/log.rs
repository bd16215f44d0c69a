//! `--log`: a line for each answer, whatever stdout does.

use std::io::Read;

use rustix::process::Signal;

use super::{Client, PROBE, ask, get, server};
use crate::harness::{In, LIMIT, Out, sendall};

#[test]
fn each_answer_has_a_line() {
    let (running, port) = server(&["--log", "common", "--path", "/health=204"]);
    get(port, "/a?\"b\"", "");
    ask(port, "HEAD /health HTTP/1.0\r\n\r\n");
    ask(port, "\0\r\n");
    running.signal(Signal::TERM);
    let finished = running.finish().expect(143);
    let log = String::from_utf8(finished.stdout).expect("text");
    let lines: Vec<(&str, &str)> = log
        .lines()
        .map(|line| (line.split_once(" [").expect("a time").0, line.split_once("] ").expect("a request").1))
        .collect();
    assert_eq!(
        lines,
        [
            ("127.0.0.1 - -", r#""GET /a?\"b\" HTTP/1.1" 200 13"#),
            ("127.0.0.1 - -", r#""HEAD /health HTTP/1.0" 204 0"#),
            ("127.0.0.1 - -", r#""-" 400 16"#),
        ]
    );
}

#[test]
fn a_line_can_be_an_object() {
    let (running, port) = server(&["--log", "json", "--workers", "2"]);
    for number in 0..10 {
        get(port, &format!("/{number}"), "");
    }
    running.signal(Signal::INT);
    let finished = running.finish().expect(130);
    let log = String::from_utf8(finished.stdout).expect("text");
    let mut targets: Vec<String> = log
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(
                (&value["status"], &value["bytes"], &value["version"]),
                (&200.into(), &13.into(), &"HTTP/1.1".into())
            );
            assert!(value["time"].as_str().is_some_and(|time| time.len() == 20), "{line}");
            assert!(value["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{line}");
            value["target"].as_str().expect("a target").to_owned()
        })
        .collect();
    targets.sort();
    assert_eq!(targets, (0..10).map(|number| format!("/{number}")).collect::<Vec<_>>());
}

#[test]
fn a_blocked_stdout_blocks_nobody() {
    let mut running = sendall(&["http-hello", "127.0.0.1:0", "--log", "common"], In::Null, Out::Held);
    let port = running.port();
    let requests = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(500)).repeat(1000);
    // Over 5 MB of lines, of which the pipe takes 64 KiB and the server keeps 4 MiB.
    for _ in 0..12 {
        assert_eq!(ask(port, &requests).matches("Hello, World\n").count(), 1000);
    }
    let mut stdout = running.stdout.take().expect("a pipe");
    let reading = std::thread::spawn(move || {
        let mut log = String::new();
        stdout.read_to_string(&mut log).expect("text");
        log.lines().count()
    });
    assert!(running.stderr.wait(LIMIT, |bytes, _| String::from_utf8_lossy(bytes).contains("were left out")));
    running.signal(Signal::TERM);
    assert!(running.ends_within(LIMIT));
    let count = reading.join().expect("a count");
    assert!((5000..12_000).contains(&count), "{count} lines");
}

#[test]
fn a_stdout_that_fails_ends_it() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let running = sendall(&["http-hello", "127.0.0.1:0", "--log", "common"], In::Null, Out::Fd(full.into()));
    assert!(get(running.port(), "/", "").contains("200 OK"));
    running.finish().expect(10);

    let mut running = sendall(&["http-hello", "127.0.0.1:0", "--log", "json"], In::Null, Out::Held);
    let port = running.port();
    drop(running.stdout.take());
    let mut client = Client::new(port);
    client.say(PROBE);
    running.finish().expect(141);

    sendall(&["http-hello", "127.0.0.1:0", "--log", "json"], In::Null, Out::Closed).finish().expect(10);
}
