//! Who gets to the web face: both protocols at one port, the secret path, tokens, names of the server.

use super::{Reply, Web, exchange, exchange_with};
use crate::harness::skips::skip;
use crate::harness::{In, LIMIT, Out, sendall};
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

#[test]
fn other_machines_need_the_secret_path_that_is_printed_once() {
    let place = Place::new();
    place.write("a", b"x");
    place.folder("b");
    let args = ["serve", "0.0.0.0:0", "-q", "--plain", "--share", place.arg(), "--http"];
    let server = sendall(&args, In::Null, Out::Collect);
    let is_there = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("/\n");
    assert!(server.stderr.wait(LIMIT, is_there), "{}", server.stderr.text());
    let text = server.stderr.text();
    let url = text.split_once("in a browser: http://").expect("a URL").1.trim_end();
    let (at, path) = url.split_once('/').expect("a path");
    let secret = path.trim_end_matches('/');
    assert_eq!(secret.len(), 26, "{text}");
    let port: u16 = at.rsplit_once(':').expect("a port").1.parse().expect("a number");
    let ask = |to: &str, target: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n");
        Reply::parse(&exchange_with(to, request.as_bytes()), false)
    };
    // On this machine nobody needs it.
    ask(&format!("127.0.0.1:{port}"), "/a").expect(200);
    ask(&format!("127.0.0.1:{port}"), &format!("/{secret}/a")).expect(200);
    if at.starts_with("HOST:") {
        return skip(format_args!("no address but loopback"));
    }
    assert_eq!(ask(at, &format!("/{secret}/a")).expect(200).body, b"x");
    let location = |target: &str| ask(at, target).expect(301).field("Location").expect("a place").to_owned();
    assert_eq!(location(&format!("/{secret}")), format!("./{secret}/"));
    assert_eq!(location(&format!("/{secret}/b")), "./b/");
    for wrong in ["/a", "/", &format!("/{}/a", "0".repeat(26)), &format!("/{}/a", &secret[..25])] {
        let reply = ask(at, wrong).expect(404);
        assert_eq!(reply.text(), "404 Not Found\n");
    }
    ask(at, &format!("/{secret}/none")).expect(404);
}

#[test]
fn the_url_is_an_event_and_has_no_secret_where_none_is_needed() {
    let place = Place::new();
    let server = sendall(&["serve", "0", "--json", "--share", place.arg(), "--http"], In::Null, Out::Collect);
    let line = "{\"event\":\"web\",\"url\":\"http://localhost:";
    let is_there = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains(line);
    assert!(server.stderr.wait(LIMIT, is_there), "{}", server.stderr.text());
    let text = server.stderr.text();
    let port =
        text.split_once("\"address\":\"127.0.0.1:").expect("an address").1.split('"').next().expect("a port");
    assert!(text.contains(&format!("{line}{port}/\",")), "{text}");
}

#[test]
fn behind_a_proxy_nobody_is_on_this_machine_unless_the_proxy_says_so() {
    let web = Web::sharing(&["--plain", "--accept-proxy-protocol"]);
    web.place.write("a", b"x");
    let ask = |header: &str, target: &str| {
        let port = web.port;
        let request = format!("{header}GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
        Reply::parse(&exchange(port, request.as_bytes()), false).status
    };
    let is_there = |bytes: &[u8], _| String::from_utf8_lossy(bytes).contains("/\n");
    assert!(web.server.stderr.wait(LIMIT, is_there), "{}", web.server.stderr.text());
    let text = web.server.stderr.text();
    let url = text.split_once("in a browser: http://").expect("a URL").1.lines().next().expect("a line");
    let path = url.split_once('/').expect("a path").1;
    assert_eq!(path.len(), 27, "{text}");
    // What connects is the proxy, and this header names nobody.
    assert_eq!(ask("PROXY UNKNOWN\r\n", "/a"), 404);
    assert_eq!(ask("PROXY UNKNOWN\r\n", &format!("/{path}a")), 200);
    assert_eq!(ask(&format!("PROXY TCP4 127.0.0.1 127.0.0.1 4711 {}\r\n", web.port), "/a"), 200);
}

#[test]
fn a_proxy_on_this_machine_opens_no_server_that_others_reach() {
    let place = Place::new();
    place.write("a", b"x");
    let args = ["serve", "0.0.0.0:0", "--plain", "--share", place.arg(), "--http", "--host", "files.example"];
    let server = sendall(&args, In::Null, Out::Collect);
    let to = format!("127.0.0.1:{}", server.port());
    let status = |host: &str| {
        let request = format!("GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        Reply::parse(&exchange_with(&to, request.as_bytes()), false).status
    };
    assert_eq!([status(&to), status("files.example")], [200, 404]);
    let reply = exchange_with(&to, b"GET /a HTTP/1.0\r\n\r\n");
    assert_eq!(Reply::parse(&reply, false).status, 404);
}
