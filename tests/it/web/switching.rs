//! Who gets to the web face: both protocols at one port, the secret path, tokens, names of the server.

use super::{Reply, Web, exchange};
use crate::harness::{In, Out, sendall};
use crate::transfer::xfer::{Place, address, begin, serve};

#[test]
fn both_protocols_are_spoken_at_one_port() {
    let web = Web::storing(&[]);
    web.place.write("a.txt", b"hello");
    let reply = web.get("/a.txt").expect(200);
    assert_eq!(
        (reply.body.as_slice(), reply.field("Content-Type")),
        (&b"hello"[..], Some("text/plain; charset=utf-8"))
    );
    let (here, back) = (Place::new(), Place::new());
    let at = address(&web.server);
    begin(&["upload", "-q", &here.write("b", b"native"), &at]).finish().expect(0);
    web.place.expect("b", b"native");
    begin(&["download", "-q", &at, "a.txt", "-o", back.arg()]).finish().expect(0);
    back.expect("a.txt", b"hello");
    web.put("/c", b"by HTTP", &[]).expect(201);
    web.place.expect("c", b"by HTTP");
}

#[test]
fn without_http_a_browser_is_told_what_to_type() {
    let place = Place::new();
    let server = serve(&["--share", place.arg()]);
    let heard = exchange(server.port(), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let reply = Reply::parse(&heard, false).expect(403);
    assert!(
        reply.text().contains("--http") && reply.field("Connection") == Some("close"),
        "{}",
        reply.text()
    );
}

#[test]
fn names_that_are_not_the_servers_are_misdirected() {
    let web = Web::sharing(&["--host", "files.example"]);
    web.place.write("a", b"x");
    let ask = |host: &str| web.ask("GET", "/a", &[&format!("Host: {host}")]).status;
    let port = web.port;
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "files.example".into()] {
        assert_eq!(ask(&host), 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1", "localhost.evil.example", "127.0.0.2", "[::2]"] {
        assert_eq!(ask(&format!("{host}:{port}")) / 200, if host == "127.0.0.1" { 1 } else { 2 }, "{host}");
    }
    assert_eq!(ask("127.0.0.1:1"), 421);
}

#[test]
fn a_token_is_asked_for_in_place_of_the_secret_path() {
    let place = Place::new();
    let token = place.write("token", b"s3cret-of-mine\n");
    let web = Web::sharing(&["--token", &token]);
    web.place.write("a", b"x");
    let reply = web.get("/a").expect(401);
    assert!(
        reply.field("WWW-Authenticate").is_some_and(|value| value.starts_with("Basic ")),
        "{}",
        reply.head
    );
    web.ask("GET", "/a", &["Authorization: Bearer s3cret-of-mine"]).expect(200);
    web.ask("GET", "/a", &["Authorization: Bearer wrong"]).expect(401);
    let short = place.write("short", b"x");
    let server =
        sendall(&["serve", "0", "--share", place.arg(), "--http", "--token", &short], In::Null, Out::Collect);
    let finished = server.finish().expect(2);
    assert!(finished.stderr.contains("a token has 8 to 1024 characters"), "{}", finished.stderr);
}
