//! What a server says of files that HTTP has brought: the same as of those of the native protocol.

use rustix::process::Signal;
use serde_json::{Map, Value};

use super::Web;
use super::uploads::{Slow, rest};
use crate::harness::{In, LIMIT, Out, payload, sendall};
use crate::transfer::xfer::{Place, address, begin, digest};

/// Ends a server, and returns the lines that it wrote after the first ones.
fn ended(web: Web) -> Vec<String> {
    web.server.signal(Signal::TERM);
    let stderr = web.server.finish().stderr;
    let is_of_upload = |line: &&str| line.contains("from ") || line.contains("already");
    stderr.lines().filter(is_of_upload).map(str::to_owned).collect()
}

/// A line without what differs each time: ports and times.
fn fixed(line: &str) -> String {
    let words = line.split(' ').map(|word| match word {
        _ if word.starts_with("127.0.0.1:") => "PEER:",
        _ if word.ends_with("s,") && word.contains('.') => "TIME,",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_file_by_http_has_the_line_of_one_by_the_native_protocol() {
    let web = Web::storing(&[]);
    let here = Place::new();
    let (path, at) = (here.write("a", b"content"), address(&web.server));
    for _ in 0..2 {
        begin(&["upload", "-q", &path, &at]).finish().expect(0);
    }
    for status in [201, 200] {
        web.put("/dir/b", b"content", &[]).expect(status);
    }
    let lines: Vec<String> = ended(web).iter().map(|line| fixed(line)).collect();
    let (received, digest) = ("from PEER: 7 bytes in TIME,", digest(b"content"));
    let there = format!("is there already, with the same content, {digest}");
    let expected = [
        format!("received a {received} {digest}"),
        format!("a {there}"),
        format!("received dir/b {received} {digest}"),
        format!("dir/b {there}"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn an_upload_that_was_continued_says_where_it_was() {
    let web = Web::storing(&[]);
    let bytes = payload(300);
    drop(Slow::begin(web.port, "PUT /f", &["Content-Length: 300"], &bytes[..100]));
    web.wait_for_offset("/f", 100);
    web.put("/f", &bytes[100..], &[&rest(100, 300)]).expect(201);
    let lines = ended(web);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(fixed(&lines[0]).contains("200 bytes in TIME, resumed after 100 bytes, BLAKE3 "), "{lines:?}");
}

#[test]
fn one_transfer_by_http_is_reported_as_well() {
    let web = Web::storing(&["--once"]);
    web.put("/b", b"content", &[]).expect(201);
    let stderr = web.server.finish().expect(0).stderr;
    assert!(stderr.contains("received b from 127.0.0.1:"), "{stderr}");
}

#[test]
fn events_of_a_file_by_http_are_those_of_the_native_protocol() {
    let (place, here) = (Place::new(), Place::new());
    let args = ["serve", "127.0.0.1:0", "--http", "--json", "--store", place.arg()];
    let server = sendall(&args, In::Null, Out::Collect);
    let is_there = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("\"event\":\"web\"");
    assert!(server.stderr.wait(LIMIT, is_there), "{}", server.stderr.text());
    let at = server.stderr.text();
    let at = at.split_once("\"address\":\"").expect("an address").1.split('"').next().expect("an address");
    let port = at.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let web = Web { place, server, port };
    begin(&["upload", "-q", &here.write("a", b"content"), at]).finish().expect(0);
    web.put("/a", b"content", &[]).expect(200);
    web.put("/b", b"content", &[]).expect(201);
    web.server.signal(Signal::TERM);
    let stderr = web.server.finish().stderr;
    let mut events: Vec<Map<String, Value>> =
        stderr.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    events.retain(|event| ["file", "summary"].iter().any(|kind| event["event"] == *kind));
    let seen: Vec<_> = events.iter().map(|event| (event["event"].clone(), event["path"].clone())).collect();
    let of = |path: &str| [("file".into(), path.into()), ("summary".into(), path.into())];
    assert_eq!(seen, [of("a"), of("a"), of("b")].concat());
    // Of one that was new: all but the name, the client and the times are the same.
    for event in &mut events {
        assert!(event["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{event:?}");
        for varying in ["path", "peer", "time", "seconds", "verified"] {
            event.remove(varying);
        }
    }
    assert_eq!(events[..2], events[4..]);
    assert_eq!((&events[2]["state"], &events[3]["there"]), (&"there".into(), &1.into()));
}
