//! `serve --accept-proxy-protocol`: a header names the client.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use crate::harness::link::{Link, Net, TestListener};
use crate::harness::others::installed;
use crate::harness::{In, LIMIT, Out, Running, payload, sendall, start};
use crate::transfer::xfer::{Place, address, run, serve};

const ACCEPT: &str = "--accept-proxy-protocol";
const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x07\xc6\x33\x64\x01\x12\x67\0\x50\x04\0\0";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

#[track_caller]
fn wait_for(server: &Running, line: &str) {
    let is_written = server.stderr.wait(LIMIT, |bytes, _| String::from_utf8_lossy(bytes).contains(line));
    assert!(is_written, "no '{line}': {}", server.stderr.text());
}

#[test]
fn the_header_names_the_client_and_the_stream_follows_it() {
    for (header, name) in [(V1, "192.0.2.7:4711"), (V2, "192.0.2.7:4711"), (LOCAL, "127.0.0.1:")] {
        for piece in [1, 5, 1 << 20] {
            let server = serve(&["--echo", "-v", "--count", "1", ACCEPT]);
            let mut link = Link::connect(server.port());
            let sent = [header, &payload(100)].concat();
            sent.chunks(piece).for_each(|part| link.send(part));
            link.end();
            link.expect_all(&payload(100));
            drop(link);
            let finished = server.finish();
            assert_eq!(finished.code, 0, "{}", finished.stderr);
            assert!(finished.stderr.contains(&format!("client {name}")), "{}", finished.stderr);
        }
    }
}

#[test]
fn every_mode_accepts_the_header() {
    let mut server = sendall(&["serve", "127.0.0.1:0", ACCEPT, "--json"], In::Open, Out::Collect);
    let mut link = loop {
        if let Some(port) = server.stderr.text().split("127.0.0.1:").nth(1).map(|rest| rest.to_owned()) {
            let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
            break Link::connect(digits.parse().expect("a port"));
        }
        assert!(server.stderr.wait(LIMIT, |bytes, ended| ended || bytes.ends_with(b"\n")), "no listener");
    };
    link.send(&[V2, b"to stdout"].concat());
    server.expect_output(b"to stdout");
    server.end_input();
    link.expect_all(b"");
    drop(link);
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(
        finished.stderr.contains("192.0.2.7:4711") && finished.stderr.contains("relayed"),
        "{}",
        finished.stderr
    );

    // The transfer server, through our own proxy.
    let place = Place::new();
    std::fs::create_dir(place.path("in")).expect("a folder");
    std::fs::write(place.path("file"), payload(3_000_000)).expect("written");
    let (store, file) = (place.path("in").display().to_string(), place.path("file").display().to_string());
    let server = serve(&["--store", &store, "--plain", ACCEPT, "-v"]);
    let front = serve(&["--forward", &address(&server), "--proxy-protocol", "v2", "-v"]);
    run(&["upload", &file, &address(&front)]).expect(0);
    assert_eq!(std::fs::read(place.path("in").join("file")).expect("the file"), payload(3_000_000));
    // Both know the client by the same address.
    let log = front.stderr.text();
    let name = log.split("client ").nth(1).and_then(|rest| rest.lines().next()).expect("a client").to_owned();
    wait_for(&server, &format!("client {name}"));
}

#[test]
fn lists_and_limits_see_the_client_and_not_the_proxy() {
    let denied = |options: &[&str], header: &[u8]| {
        let server = serve(&[&["--reply", "x", ACCEPT], options].concat());
        let mut link = Link::connect(server.port());
        link.send(header);
        link.read(&mut [0]).is_err()
    };
    assert!(denied(&["--deny", "192.0.2.0/24"], V1) && !denied(&["--deny", "192.0.2.0/24"], LOCAL));
    assert!(denied(&["--allow", "127.0.0.1"], V2) && !denied(&["--allow", "192.0.2.7"], V2));
    assert!(!denied(&["--deny", "127.0.0.0/8"], V2));

    let server = serve(&["--echo", ACCEPT, "--max-per-source", "1"]);
    let mut first = Link::connect(server.port());
    first.send(&[V1, b"a"].concat());
    first.expect(b"a");
    let mut second = Link::connect(server.port());
    second.send(V2);
    assert!(second.read(&mut [0]).is_err(), "two from one address");
    wait_for(&server, "192.0.2.7:4711: refused: too many clients");
    let mut other = Link::connect(server.port());
    other.send(b"PROXY TCP4 192.0.2.8 198.51.100.1 4711 80\r\nb");
    other.expect(b"b");
}

#[test]
fn a_client_without_a_header_is_reset() {
    for (sent, why) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "the PROXY header is missing"),
        (b"PROXY TCP4 192.0.2.7 nonsense 1 1\r\n", "the PROXY header is malformed"),
        (&[&b"PROXY UNKNOWN "[..], &[b'x'; 100]].concat(), "the PROXY header is too long"),
    ] {
        let server = serve(&["--reply", "secret", ACCEPT]);
        let mut link = Link::connect(server.port());
        link.send(sent);
        let error = link.read(&mut [0; 10]).expect_err("not served");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        wait_for(&server, why);
    }
    for mode in ["--socks", "--echo"] {
        let server = serve(&[mode, ACCEPT, "--timeout", "100ms"]);
        let mut link = Link::connect(server.port());
        link.send(b"PROXY ");
        assert!(link.read(&mut [0; 10]).is_err());
        wait_for(&server, "no PROXY header came within 100ms");
        // That is no limit for a server without clients.
        assert!(!server.ends_within(Duration::from_millis(150)), "{}", server.stderr.text());
        let mut ended = Link::connect(server.port());
        ended.send(b"PROXY ");
        ended.end();
        wait_for(&server, "it ended before its PROXY header did");
    }
}

#[test]
fn a_chain_passes_on_where_the_client_connected_to() {
    for (version, expected) in [("v1", V1), ("v2", &V2[..28])] {
        let target = TestListener::bind(Net::Tcp, Default::default());
        let middle = serve(&["--forward", &target.name, ACCEPT, "--proxy-protocol", version]);
        // With an extension, which is none of the addresses.
        let front = serve(&["--forward", &address(&middle), "--proxy-protocol", version, ACCEPT]);
        let mut link = Link::connect(front.port());
        link.send(V2);
        let mut there = target.accept().expect("a connection");
        let mut bytes = vec![0; expected.len()];
        there.read_exact(&mut bytes).expect("a header");
        if version == "v2" {
            let addresses = [&V2[..14], b"\0\x0c", &V2[16..28]].concat();
            assert_eq!(bytes, addresses);
        } else {
            assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(expected));
        }
    }
}

#[test]
fn http_hello_accepts_the_header() {
    let options = ["http-hello", "127.0.0.1:0", "--whoami", ACCEPT, "--header-timeout", "2s"];
    let server = sendall(&options, In::Null, Out::Collect);
    let mut link = Link::connect(server.port());
    link.send(&[V1, b"GET / HTTP/1.0\r\n\r\n"].concat());
    let mut answer = String::new();
    link.read_to_string(&mut answer).expect("an answer, and an orderly end");
    assert!(answer.contains("192.0.2.7:4711") && answer.contains("198.51.100.1:80"), "{answer}");
    let mut silent = Link::connect(server.port());
    silent.send(b"GET / HTTP/1.0\r\n\r\n");
    assert!(silent.read(&mut [0; 10]).is_err(), "answered without a header");
    wait_for(&server, "the PROXY header is missing");
}

#[test]
fn a_client_without_a_header_yet_counts_as_connected() {
    let options = ["--echo", ACCEPT, "--accept-timeout", "300ms"];
    let server = serve(&options);
    let silent = Link::connect(server.port());
    assert!(!server.ends_within(Duration::from_millis(600)), "{}", server.stderr.text());
    drop(silent);
    let finished = server.finish();
    assert_eq!(finished.code, 4);
    assert!(finished.stderr.contains("--accept-timeout"), "{}", finished.stderr);
}

#[test]
fn clients_without_a_header_yet_are_limited_and_do_not_end_a_server() {
    let server = serve(&["--echo", ACCEPT, "--max-clients", "1", "--count", "1"]);
    let silent = Link::connect(server.port());
    let mut other = Link::connect(server.port());
    other.send(&[V1, b"a"].concat());
    other.assert_quiet();
    // Its place is free when it has gone, and it was none of those that count.
    drop(silent);
    other.expect(b"a");
    other.end();
    other.expect_all(b"");
    drop(other);
    let finished = server.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

#[test]
fn curl_sends_the_header() {
    if installed("curl").is_none() {
        return;
    }
    let server = serve(&["--reply", r"HTTP/1.0 200 OK\r\n\r\nhello", ACCEPT, "-v"]);
    let url = format!("http://127.0.0.1:{}/", server.port());
    let finished =
        start("curl", &["-sS", "--noproxy", "*", "--haproxy-protocol", &url], In::Null, Out::Collect)
            .finish();
    assert_eq!(finished.stdout, b"hello", "{}", finished.stderr);
    wait_for(&server, "client 127.0.0.1:");
}

#[test]
fn a_process_gets_the_client_of_the_header() {
    let server = serve(&["--sh", "echo $SENDALL_PEER_ADDR $SENDALL_PEER_PORT", "--count", "1", ACCEPT]);
    let mut link = Link::connect(server.port());
    link.send(V1);
    link.end();
    link.expect_all(b"192.0.2.7 4711\n");
    drop(link);
    server.finish().expect(0);
}
