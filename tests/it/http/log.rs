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
fn a_blocked_stdout_blocks_no_client() {
    let args = ["http-hello", "127.0.0.1:0", "--log", "common", "--count", "24001"];
    let mut running = sendall(&args, In::Null, Out::Held);
    let port = running.port();
    let requests = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(500)).repeat(1000);
    // Over 12 MB of lines. The pipe holds 64 KiB, the server keeps 4 MiB, and 4 MiB more are being written.
    for _ in 0..24 {
        assert_eq!(ask(port, &requests).matches("Hello, World\n").count(), 1000);
    }
    // It is reported while stdout still accepts nothing.
    assert!(running.stderr.wait(LIMIT, |bytes, _| String::from_utf8_lossy(bytes).contains("were left out")));
    let mut stdout = running.stdout.take().expect("a pipe");
    let reading = std::thread::spawn(move || {
        let mut log = String::new();
        stdout.read_to_string(&mut log).expect("text");
        log.lines().count()
    });
    // Reached only now: an end that is good but for the log.
    assert_eq!(ask(port, std::str::from_utf8(PROBE).expect("text")).matches("Hello, World\n").count(), 1);
    let finished = running.finish();
    let count = reading.join().expect("a count");
    assert!((5000..24_000).contains(&count), "{count} lines");
    let left_out = format!("sendall: {} lines of the log were left out", 24_001 - count);
    assert!(finished.code == 9 && finished.stderr.contains(&left_out), "{left_out}: {}", finished.stderr);
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

/// Asks `count` times, 100 requests on each connection.
fn ask_often(port: u16, count: usize) {
    for _ in 0..count / 100 {
        let answers = ask(port, &"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100));
        assert_eq!(answers.matches("Hello, World\n").count(), 100);
    }
}

#[test]
fn a_good_end_waits_for_a_slow_reader() {
    let args = ["http-hello", "127.0.0.1:0", "--log", "json", "--count", "3000"];
    let mut running = sendall(&args, In::Null, Out::Held);
    ask_often(running.port(), 3000);
    // All were answered, and the pipe has room for a fraction of the lines.
    let waits = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("stdout takes nothing");
    assert!(running.stderr.wait(LIMIT, waits), "{}", running.stderr.text());
    let mut log = String::new();
    running.stdout.take().expect("a pipe").read_to_string(&mut log).expect("text");
    assert_eq!((log.lines().count(), log.ends_with("}\n")), (3000, true));
    running.finish().expect(0);
}

#[test]
fn a_stdout_that_others_have_made_non_blocking_is_waited_for() {
    let (mut reader, stdout) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&stdout, true).expect("non-blocking");
    let args = ["http-hello", "127.0.0.1:0", "--log", "json", "--count", "3000"];
    let running = sendall(&args, In::Null, Out::Fd(stdout.into()));
    ask_often(running.port(), 3000);
    // More lines than a pipe holds.
    running.assert_waits();
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("lines");
    assert_eq!(text.lines().count(), 3000);
    running.finish().expect(0);
}

#[test]
fn lines_that_a_signal_leaves_out_are_counted() {
    for (count, signal, code) in [("3000", Signal::INT, 130), ("9999", Signal::TERM, 143)] {
        let args = ["http-hello", "127.0.0.1:0", "--log", "json", "--count", count];
        let mut running = sendall(&args, In::Null, Out::Held);
        ask_often(running.port(), 3000);
        if count == "3000" {
            let waits = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("stdout takes nothing");
            assert!(running.stderr.wait(LIMIT, waits), "{}", running.stderr.text());
        }
        running.signal(signal);
        assert!(running.ends_within(LIMIT));
        let mut log = String::new();
        running.stdout.take().expect("a pipe").read_to_string(&mut log).expect("text");
        assert!(log.ends_with("}\n"), "a line was cut");
        let left_out = format!("{} lines of the log were left out", 3000 - log.lines().count());
        let finished = running.finish().expect(code);
        assert!(finished.stderr.contains(&left_out), "{left_out}: {}", finished.stderr);
    }
}

#[test]
fn a_stdout_that_fails_at_the_end_is_no_good_end() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let args = ["http-hello", "127.0.0.1:0", "--log", "common", "--count", "1"];
    let running = sendall(&args, In::Null, Out::Fd(full.into()));
    assert!(get(running.port(), "/", "").contains("200 OK"));
    running.finish().expect(10);
}
