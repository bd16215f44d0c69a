//! The options of servers that hold for both faces: `--once`, `--limit-rate`, `--log`, `--max-size`, `--keep-existing`.

use std::time::Duration;

use super::{Web, exchange};
use crate::harness::{In, Out, assert_same, now, payload, sendall};
use crate::transfer::xfer::Place;

#[test]
fn one_transfer_by_http_ends_a_server_that_serves_once() {
    let web = Web::sharing(&["--once"]);
    web.place.write("a", b"whole");
    // Neither a page nor a part of a file is a transfer.
    web.get("/").expect(200);
    web.ask("GET", "/a", &["Range: bytes=0-1"]).expect(206);
    web.get("/none").expect(404);
    assert_eq!(web.get("/a").expect(200).body, b"whole");
    web.server.finish().expect(0);
    let web = Web::storing(&["--once"]);
    web.put("/b", b"content", &[]).expect(201);
    web.server.finish().expect(0);
    web.place.expect("b", b"content");
}

#[test]
fn a_rate_holds_for_both_directions() {
    let web = Web::storing(&["--limit-rate", "2MB"]);
    let bytes = payload(700_000);
    web.place.write("a", &bytes);
    let begun = now();
    assert_same(&web.get("/a").expect(200).body, &bytes, "the file");
    let reading = begun.elapsed();
    let begun = now();
    web.put("/b", &bytes, &["Expect: 100-continue"]).expect(201);
    for time in [reading, begun.elapsed()] {
        assert!(time >= Duration::from_millis(200), "too fast: {time:?}");
    }
    web.place.expect("b", &bytes);
}

#[test]
fn the_log_has_a_line_for_each_answer_and_no_secret() {
    let place = Place::new();
    place.write("a", b"x");
    let server = sendall(
        &["serve", ":0", "--plain", "--share", place.arg(), "--http", "--log", "common"],
        In::Null,
        Out::Collect,
    );
    let port = server.port();
    exchange(port, format!("GET /a HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n").as_bytes());
    exchange(port, format!("GET /x HTTP/1.1\r\nHost: evil:{port}\r\n\r\n").as_bytes());
    exchange(port, b"GET /\x01 HTTP/1.1\r\n\r\n");
    server.signal(rustix::process::Signal::TERM);
    let finished = server.finish();
    let text = String::from_utf8(finished.stdout).expect("text");
    let ends: Vec<&str> = text.lines().filter_map(|line| line.split_once('"').map(|(_, end)| end)).collect();
    assert_eq!(ends[..2], ["GET /a HTTP/1.1\" 200 1", "GET /x HTTP/1.1\" 421 96"], "{text}");
    assert!(ends[2].starts_with("-\" 400 "), "{text}");
}

#[test]
fn what_a_server_does_not_take_is_refused_before_the_body() {
    let web = Web::storing(&["--max-size", "10", "--keep-existing"]);
    let refused = |target: &str, fields: &[&str]| {
        let length = &["Content-Length: 11", "Expect: 100-continue"][..];
        web.send("PUT", target, &[length, fields].concat(), b"").status
    };
    assert_eq!(refused("/a", &[]), 413);
    web.send("PUT", "/a", &["Transfer-Encoding: chunked"], b"b\r\nhello world\r\n0\r\n\r\n").expect(413);
    let tag = web.put("/a", b"first", &[]).expect(201).field("ETag").expect("a tag").to_owned();
    web.put("/a", b"other", &[&format!("If-Match: {tag}")]).expect(409);
    web.put("/a", b"first", &[]).expect(200);
    web.place.expect("a", b"first");
    assert_eq!(web.place.names().len(), 1, "{:?}", web.place.names());
}
