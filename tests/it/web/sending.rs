//! How answers travel: slow clients, files that change on the way, requests in one packet.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::{Web, exchange};
use crate::harness::{LIMIT, assert_same, assert_within, now, payload, wait_until};

/// A client that has said something.
fn client(port: u16, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream.write_all(bytes).expect("sent");
    stream
}

fn get(port: u16, target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n{fields}\r\n").into_bytes()
}

/// Reads until the end: the bytes, and whether the end was orderly.
fn rest(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut heard = Vec::new();
    match stream.read_to_end(&mut heard) {
        Ok(_) => (heard, true),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
            (heard, false)
        }
    }
}

#[test]
fn a_head_that_comes_slowly_is_given_up() {
    let web = Web::sharing(&["--timeout", "200ms"]);
    let begun = now();
    // Nothing at all.
    let mut silent = client(web.port, b"");
    // A byte now and then does not help.
    let mut stream = client(web.port, b"GET /a HTTP/1.1\r\nX: ");
    let mut writing = stream.try_clone().expect("a copy");
    let dripping = std::thread::spawn(move || {
        wait_until(LIMIT, || writing.write_all(b"x").is_err());
    });
    let (heard, _) = rest(&mut stream);
    stream.shutdown(Shutdown::Both).expect("closed");
    assert!(heard.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&heard));
    assert_eq!(rest(&mut silent).0, b"");
    dripping.join().expect("it ends");
    assert_within(begun, Duration::from_secs(2));
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let web = Web::sharing(&["--idle-timeout", "200ms"]);
    File::create(web.place.path("large")).and_then(|file| file.set_len(1 << 30)).expect("a large file");
    let begun = now();
    let mut stream = client(web.port, &get(web.port, "/large", ""));
    let line = "the client does not read";
    assert!(web.server.stderr.wait(LIMIT, |bytes, _| String::from_utf8_lossy(bytes).contains(line)));
    assert_within(begun, Duration::from_secs(2));
    let (heard, is_orderly) = rest(&mut stream);
    assert!(heard.len() < 1 << 29 && !is_orderly, "{} bytes", heard.len());
    // One that waits between requests is let go in order.
    web.place.write("a", b"x");
    let (heard, is_orderly) = rest(&mut client(web.port, &get(web.port, "/a", "")));
    assert!(heard.ends_with(b"\r\n\r\nx") && is_orderly);
}

#[test]
fn a_file_that_changes_while_it_is_sent_never_looks_whole() {
    const SIZE_BYTES: u64 = 64 << 20;
    let web = Web::sharing(&[]);
    let path = web.place.path("large");
    let fresh = || {
        let _ = std::fs::remove_file(&path);
        let file = File::create(&path).expect("a file");
        file.set_len(SIZE_BYTES).expect("a large file");
        file
    };
    type Change = fn(&std::path::Path, &File);
    let changes: [(&str, Change); 5] = [
        ("a byte", |_, file| file.write_all_at(b"x", 1 << 20).expect("written")),
        ("shorter", |_, file| file.set_len(SIZE_BYTES - (10 << 20)).expect("truncated")),
        ("longer", |_, file| file.set_len(SIZE_BYTES + 1).expect("grown")),
        ("replaced", |path, _| {
            let other = path.with_extension("new");
            std::fs::write(&other, b"new").and_then(|()| std::fs::rename(&other, path)).expect("replaced");
        }),
        ("its old time", |path, file| {
            let modified = path.metadata().and_then(|metadata| metadata.modified()).expect("a time");
            file.write_all_at(b"x", SIZE_BYTES - 1)
                .and_then(|()| file.set_modified(modified))
                .expect("changed");
        }),
    ];
    for (name, change) in changes {
        for fields in [
            "",
            "Range: bytes=5-\r\n",
            "Range: bytes=0-1,9-67000000,67000005-67000009\r\n",
            "Connection: close\r\n",
        ] {
            let file = fresh();
            let mut stream = client(web.port, &get(web.port, "/large", fields));
            stream.read_exact(&mut [0; 1000]).expect("the beginning");
            change(&path, &file);
            let (heard, is_orderly) = rest(&mut stream);
            assert!(
                !is_orderly && (heard.len() as u64) < SIZE_BYTES,
                "{name} {fields}: {} bytes",
                heard.len()
            );
        }
    }
    let log = web.server.stderr.text();
    assert!(log.contains("while it was sent"), "{log}");
}

#[test]
fn requests_in_one_packet_are_answered_in_their_order() {
    let web = Web::storing(&[]);
    let large = payload(300_000);
    web.place.write("a", b"first");
    web.place.write("large", &large);
    let port = web.port;
    let put = "PUT /new HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 4\r\n\r\nbody";
    let requests = [
        get(port, "/a", ""),
        get(port, "/large", ""),
        get(port, "/none", ""),
        get(port, "/?text", ""),
        get(port, "/a", "Range: bytes=1-2\r\n"),
        put.replace("PORT", &port.to_string()).into_bytes(),
        get(port, "/new", ""),
        get(port, "/large", ""),
    ];
    let mut stream = client(port, &requests.concat());
    let mut next = |status: u16| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a head");
            head.extend(byte);
        }
        let head = String::from_utf8(head).expect("text");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        stream.read_exact(&mut body).expect("a body");
        body
    };
    assert_eq!(next(200), b"first");
    assert_same(&next(200), &large, "large");
    next(404);
    assert_eq!(next(200).iter().filter(|byte| **byte == b'\n').count(), 2);
    assert_eq!(next(206), b"ir");
    next(201);
    assert_eq!(next(200), b"body");
    assert_same(&next(200), &large, "large");
}

#[test]
fn a_body_that_nobody_takes_is_no_request() {
    let web = Web::sharing(&[]);
    web.place.write("a", b"x");
    let hidden = String::from_utf8(get(web.port, "/a", "")).expect("text");
    for target in ["/a", "/", "/none"] {
        for framing in
            [format!("Content-Length: {}\r\n", hidden.len()), "Transfer-Encoding: chunked\r\n".into()]
        {
            let body = match framing.starts_with('T') {
                true => format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len()),
                false => hidden.clone(),
            };
            let request = [get(web.port, target, &framing), body.into_bytes()].concat();
            let heard = exchange(web.port, &request);
            let heard = String::from_utf8_lossy(&heard);
            assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{target} {framing}: {heard}");
        }
    }
    // Both lengths at once, a length twice, and a coding that nobody knows.
    for framing in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
    ] {
        let heard = exchange(
            web.port,
            &[&get(web.port, "/a", framing)[..], b"0\r\n\r\n", hidden.as_bytes()].concat(),
        );
        let heard = String::from_utf8_lossy(&heard);
        assert!(
            heard.starts_with("HTTP/1.1 400 ") || heard.starts_with("HTTP/1.1 501 "),
            "{framing}: {heard}"
        );
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{framing}: {heard}");
    }
}
