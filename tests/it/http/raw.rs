//! The corpus, over real sockets.

use super::corpus::{Case, MAX_BODY_BYTES, corpus};
use super::{Client, PROBE, server, statuses};

/// Gives a case to the server in pieces of a size, and asks for one more answer behind it.
fn check(port: u16, case: &Case, size: usize) {
    let mut client = Client::new(port);
    let mut due = case.statuses.to_vec();
    for piece in case.raw.chunks(size) {
        client.say(piece);
        // A closed server gets no more bytes: to continue would be the client's fault.
        if !case.stays && statuses(&client.got).len() == due.len() {
            break;
        }
    }
    if case.stays {
        client.say(PROBE);
        due.push(200);
        while statuses(&client.got).len() < due.len() {
            assert!(client.hear(), "{}: ended after {:?}", case.name, super::text(&client.got));
        }
        client.finish();
    }
    while client.hear() {}
    assert_eq!(statuses(&client.got), due, "{}, in pieces of {size}", case.name);
}

#[test]
fn every_case_is_answered_at_once_and_byte_by_byte() {
    let (_running, port) = server(&["--max-body", &MAX_BODY_BYTES.to_string()]);
    for case in corpus() {
        check(port, &case, usize::MAX);
        if case.raw.len() < 1000 {
            check(port, &case, 1);
        }
    }
}

#[test]
fn every_case_is_answered_by_other_workers_and_after_a_delay() {
    let (_running, port) = server(&["--workers", "3", "--delay", "1ms", "--log", "json"]);
    for case in corpus() {
        check(port, &case, usize::MAX);
    }
}

#[test]
fn ten_thousand_requests_at_once_are_answered_in_order() {
    let (running, port) = server(&["--echo"]);
    let mut client = Client::new(port);
    let mut writer = client.stream.try_clone().expect("a clone");
    let sending = std::thread::spawn(move || {
        use std::io::Write;
        for number in 0..10_000 {
            let request = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n{number:05}\n");
            writer.write_all(request.as_bytes()).expect("sent");
        }
        writer.shutdown(std::net::Shutdown::Write).expect("an end");
    });
    while client.hear() {}
    sending.join().expect("all were sent");
    let answers = super::text(&client.got);
    let bodies: Vec<&str> =
        answers.split("HTTP/1.1 200 OK\r\n").skip(1).map(|answer| super::body(answer).trim_end()).collect();
    let expected: Vec<String> = (0..10_000).map(|number| format!("{number:05}")).collect();
    assert_eq!(bodies, expected);
    drop(running);
}
