//! The options of servers that hold for both faces: `--once`, `--limit-rate`, `--log`, `--max-size`, `--keep-existing`.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{Reply, Web, exchange};
use crate::harness::{In, LIMIT, Out, assert_same, assert_within, now, payload, sendall};
use crate::transfer::xfer::{Place, address, begin};

#[test]
fn one_transfer_by_http_ends_a_server_that_serves_once() {
    let web = Web::sharing(&["--once"]);
    web.place.write("a", b"whole");
    // Neither a page nor a part of a file is a transfer.
    web.get("/").expect(200);
    web.ask("GET", "/a", &["Range: bytes=0-1"]).expect(206);
    web.ask("GET", "/a", &["Range: bytes=1-"]).expect(206);
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
    assert_eq!(ends[..2], ["GET /a HTTP/1.1\" 200 1", "GET - HTTP/1.1\" 421 96"], "{text}");
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

#[test]
fn clients_of_both_protocols_count_and_further_connections_do_not() {
    let web = Web::storing(&["--count", "3"]);
    let here = Place::new();
    let large = here.write("large", &payload(20 << 20));
    begin(&["upload", "-j", "4", &large, &address(&web.server)]).finish().expect(0);
    web.get("/large").expect(200);
    web.get("/none").expect(404);
    web.server.finish().expect(0);
}

#[test]
fn a_client_that_fails_by_http_is_a_failure_of_the_run() {
    let web = Web::storing(&["--count", "3"]);
    File::create(web.place.path("large")).and_then(|file| file.set_len(1 << 30)).expect("a large file");
    let head = |method: &str| format!("{method} HTTP/1.1\r\nHost: localhost:{}\r\n", web.port);
    let cut = format!("{}Content-Length: 9\r\n\r\nabc", head("PUT /cut"));
    Reply::parse(&exchange(web.port, cut.as_bytes()), false).expect(400);
    let mut stopped = TcpStream::connect(("127.0.0.1", web.port)).expect("a connection");
    write!(stopped, "{}\r\n", head("GET /large"))
        .and_then(|()| stopped.read_exact(&mut [0; 1000]))
        .expect("some");
    drop(stopped);
    web.get("/none").expect(404);
    let finished = web.server.finish();
    assert_eq!(finished.code, 9, "{}", finished.stderr);
    assert!(finished.stderr.contains("after 3 of 9 bytes"), "{}", finished.stderr);
    assert!(finished.stderr.contains("2 of 3 clients failed"), "{}", finished.stderr);
    let web = Web::storing(&["--count", "1"]);
    let cut = format!("PUT /cut HTTP/1.1\r\nHost: localhost:{}\r\nContent-Length: 9\r\n\r\nabc", web.port);
    exchange(web.port, cut.as_bytes());
    assert_eq!(web.server.finish().code, 5);
    // Nothing can be written there.
    let server =
        sendall(&["serve", "0", "--http", "--store", "/proc", "--count", "1"], In::Null, Out::Collect);
    let port = server.port();
    let web = Web { place: Place::new(), server, port };
    web.put("/a", b"x", &[]).expect(500);
    assert_eq!(web.server.finish().code, 1);
}

#[test]
fn a_client_whose_source_has_no_place_is_told_so() {
    let web = Web::sharing(&["--max-per-source", "1"]);
    let mut first = TcpStream::connect(("127.0.0.1", web.port)).expect("a connection");
    write!(first, "GET /?none HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", web.port).expect("sent");
    first.read_exact(&mut [0; 12]).expect("an answer");
    // Nothing of what it has sent may be unread at the end: a reset would destroy the answer.
    for _ in 0..5 {
        let reply = web.ask("GET", "/", &[&format!("X: {}", "x".repeat(60_000))]).expect(503);
        assert_eq!(reply.field("Retry-After"), Some("1"), "{}", reply.head);
        assert_eq!(reply.text(), "503 Service Unavailable: this address has too many connections here\n");
    }
}

#[test]
fn silent_connections_of_one_source_leave_room_for_others() {
    let web = Web::sharing(&["--max-clients", "8", "--max-per-source", "2"]);
    web.place.write("a", b"x");
    let connect = |from: [u8; 4]| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((from, 0)).into()).expect("bound");
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, web.port)).into()).expect("a connection");
        socket.set_read_timeout(Some(LIMIT)).expect("a limit");
        TcpStream::from(socket)
    };
    let begun = now();
    let _silent: Vec<TcpStream> = (0..12).map(|_| connect([127, 0, 0, 1])).collect();
    let mut other = connect([127, 0, 0, 2]);
    write!(other, "GET /a HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", web.port)
        .expect("sent");
    let mut heard = Vec::new();
    other.read_to_end(&mut heard).expect("an answer");
    Reply::parse(&heard, false).expect(200);
    // Silent ones are let go after 10 seconds.
    assert_within(begun, Duration::from_secs(5));
}
