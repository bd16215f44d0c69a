//! `serve --socks` as the proxy of `http_proxy=`: requests for `http://` URLs, forwarded to servers and back.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::link::{Link, TestListener};
use crate::harness::others::installed;
use crate::harness::{In, LIMIT, Out, Running, payload, sendall};
use crate::transfer::xfer::{cpu_ticks, is_slow_wanted, serve};

pub(crate) const ALLOWED: [&str; 3] = ["--socks", "--allow-target", "127.0.0.0/8"];

/// A proxy, a server's listener, and the name of that server.
pub(crate) fn proxy_and_server() -> (Running, TestListener, String) {
    let listener = TestListener::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let name = listener.name.clone();
    (serve(&ALLOWED), listener, name)
}

/// Reads a message head, up to the empty line.
#[track_caller]
pub(crate) fn head(link: &mut Link) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(
            link.read(&mut byte).expect("a head"),
            1,
            "ended after {}",
            String::from_utf8_lossy(&head)
        );
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text").replace("\r\n", "\n")
}

/// Reads everything up to the end.
#[track_caller]
fn rest(link: &mut Link) -> String {
    let mut bytes = Vec::new();
    link.read_to_end(&mut bytes).expect("an end");
    String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
}

pub(crate) fn send(link: &mut Link, text: &str) {
    link.send(text.replace('\n', "\r\n").as_bytes());
}

#[test]
fn a_request_goes_to_its_server_and_the_next_one_nowhere() {
    let (proxy, listener, name) = proxy_and_server();
    let mut client = Link::connect(proxy.port());
    send(
        &mut client,
        &format!("POST http://{name}/a?b HTTP/1.1\nHost: x\nContent-Length: 5\nConnection: keep-alive\n\n"),
    );
    let mut server = listener.accept().expect("joined");
    let got = head(&mut server);
    assert_eq!(
        got,
        format!(
            "POST /a?b HTTP/1.1\nHost: {name}\nContent-Length: 5\nVia: 1.1 sendall\nConnection: close\n\n"
        )
    );
    send(&mut client, &format!("helloGET http://{name}/secret HTTP/1.1\nHost: x\n\n"));
    server.expect(b"hello");
    // Neither the second request nor an end arrives: many servers take an end for a hang-up.
    server.assert_quiet();
    send(&mut server, "HTTP/1.1 200 OK\nConnection: keep-alive\nContent-Length: 3\n\n");
    server.send(b"yes");
    server.end();
    let answer = head(&mut client);
    assert_eq!(answer, "HTTP/1.1 200 OK\nContent-Length: 3\nVia: 1.1 sendall\nConnection: close\n\n");
    client.expect_all(b"yes");
    assert_eq!(rest(&mut server), "");
}

#[test]
fn bodies_pass_whole_however_they_are_framed() {
    let (proxy, listener, name) = proxy_and_server();
    let bytes = payload(3_000_000);
    let chunked = [b"2dc6c0;x=y\r\n", &bytes[..], b"\r\n0\r\nTrailer: t\r\n\r\n"].concat();
    for (framing, body) in
        [("Content-Length: 3000000", bytes.clone()), ("Transfer-Encoding: chunked", chunked)]
    {
        let mut client = Link::connect(proxy.port());
        send(&mut client, &format!("PUT http://{name}/ HTTP/1.1\nHost: x\n{framing}\n\n"));
        let (mut writing, sent) = (client.try_clone(), body.clone());
        let writer = std::thread::spawn(move || writing.send(&sent));
        let mut server = listener.accept().expect("joined");
        assert!(head(&mut server).contains(framing));
        server.expect(&body);
        writer.join().expect("sent");
        send(&mut server, "HTTP/1.1 201 Created\n\n");
        server.send(&bytes);
        server.end();
        assert!(head(&mut client).starts_with("HTTP/1.1 201 Created\n"));
        client.expect_all(&bytes);
    }
}

#[test]
fn a_client_gets_100_continue_and_an_early_answer() {
    let (proxy, listener, name) = proxy_and_server();
    let mut client = Link::connect(proxy.port());
    send(
        &mut client,
        &format!("POST http://{name}/ HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 4\n\n"),
    );
    let mut server = listener.accept().expect("joined");
    assert!(head(&mut server).contains("\nExpect: 100-continue\n"));
    send(&mut server, "HTTP/1.1 100 Continue\n\n");
    assert_eq!(head(&mut client), "HTTP/1.1 100 Continue\nVia: 1.1 sendall\n\n");
    client.send(b"body");
    server.expect(b"body");
    send(&mut server, "HTTP/1.1 204 No Content\n\n");
    server.end();
    assert!(rest(&mut client).starts_with("HTTP/1.1 204 No Content\n"));
    // A server that refuses a large body and closes: the client writes first, and receives it all the same.
    let mut client = Link::connect(proxy.port());
    send(&mut client, &format!("POST http://{name}/ HTTP/1.1\nHost: x\nContent-Length: 8000000\n\n"));
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    send(&mut server, "HTTP/1.1 413 Content Too Large\nContent-Length: 0\n\n");
    server.end();
    client.send(&payload(8_000_000));
    assert!(head(&mut client).starts_with("HTTP/1.1 413 "));
}

#[test]
fn a_refused_request_is_answered_and_never_dialled() {
    let (proxy, listener, name) = proxy_and_server();
    let strict = serve(&["--socks"]);
    let long = "a".repeat(300);
    for (server, request, status) in [
        (&strict, format!("GET http://{name}/ HTTP/1.1\nHost: x\n\n"), "403"),
        (&proxy, "GET / HTTP/1.1\nHost: x\n\n".into(), "400"),
        (&proxy, format!("GET http://{name}/ HTTP/1.1\n\n"), "400"),
        (
            &proxy,
            format!(
                "POST http://{name}/ HTTP/1.1\nHost: x\nContent-Length: 1\nTransfer-Encoding: chunked\n\n"
            ),
            "400",
        ),
        (
            &proxy,
            format!("POST http://{name}/ HTTP/1.1\nHost: x\nContent-Length: 1\nContent-Length: 2\n\n"),
            "400",
        ),
        (&proxy, format!("GET http://{name}/ HTTP/2.0\nHost: x\n\n"), "505"),
        (&proxy, format!("CONNECT {name} HTTP/2.0\nHost: x\n\n"), "505"),
        (&proxy, format!("CONNECT {long}:80 HTTP/1.1\nHost: x\n\n"), "414"),
        (&proxy, "hello\n".into(), "400"),
    ] {
        let mut client = Link::connect(server.port());
        send(&mut client, &request);
        // A client that continues to write receives it all the same.
        client.send(&[b'x'; 3_000_000]);
        let answer = rest(&mut client);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(answer.contains("\nDate: ") && answer.contains("\nConnection: close\n"), "{answer}");
    }
    assert!(!listener.has_client());
    let mut client = Link::connect(strict.port());
    send(&mut client, &format!("HEAD http://{name}/ HTTP/1.1\nHost: x\n\n"));
    let answer = rest(&mut client);
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with("\n\n"), "{answer}");
}

#[test]
fn a_server_that_does_not_answer_is_reported() {
    let (proxy, listener, name) = proxy_and_server();
    for sent in ["", "HTTP/1.1 200 O", "SSH-2.0-x\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"] {
        let mut client = Link::connect(proxy.port());
        send(&mut client, &format!("GET http://{name}/ HTTP/1.1\nHost: x\n\n"));
        let mut server = listener.accept().expect("joined");
        head(&mut server);
        server.send(sent.as_bytes());
        // It may be reset already.
        drop(server);
        let answer = rest(&mut client);
        assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\n"), "{sent}: {answer}");
    }
    // Chunks that are none: refused, and the server gets no more.
    let mut client = Link::connect(proxy.port());
    send(&mut client, &format!("POST http://{name}/ HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\nzz\n"));
    assert!(rest(&mut client).starts_with("HTTP/1.1 400 "));
    // One that is lost in the middle of its answer loses its client.
    let mut client = Link::connect(proxy.port());
    send(&mut client, &format!("GET http://{name}/ HTTP/1.1\nHost: x\n\n"));
    let mut server = listener.accept().expect("joined");
    let mut server = match head(&mut server).starts_with("POST") {
        true => listener.accept().expect("joined"),
        false => server,
    };
    send(&mut server, "HTTP/1.1 200 OK\nContent-Length: 9\n\n");
    head(&mut client);
    server.reset();
    assert!(client.read(&mut [0; 9]).is_err(), "a half answer looks whole");
    // The same of one that ends in order, but too early.
    let mut client = Link::connect(proxy.port());
    send(&mut client, &format!("GET http://{name}/ HTTP/1.1\nHost: x\n\n"));
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    send(&mut server, "HTTP/1.1 200 OK\nContent-Length: 9\n\nhalf");
    server.end();
    assert!(client.read_to_end(&mut Vec::new()).is_err(), "a half answer looks whole");
    let why = || proxy.stderr.text().contains("ended in the middle of its answer");
    assert!(crate::harness::wait_until(LIMIT, why), "{}", proxy.stderr.text());
}

#[test]
fn a_client_that_reads_late_is_waited_for_without_work() {
    if !is_slow_wanted("a client that reads after 4 s") {
        return;
    }
    let (proxy, listener, name) = proxy_and_server();
    let mut client = Link::connect(proxy.port());
    let bytes = payload(1_000_000);
    send(&mut client, &format!("GET http://{name}/ HTTP/1.1\nHost: x\n\n"));
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    send(&mut server, "HTTP/1.1 200 OK\nContent-Length: 1000000\n\n");
    server.send(&bytes);
    server.end();
    assert!(!proxy.ends_within(Duration::from_secs(3)));
    let before = cpu_ticks(proxy.id());
    assert!(!proxy.ends_within(Duration::from_secs(1)));
    assert!(cpu_ticks(proxy.id()) - before < 5, "it is busy");
    head(&mut client);
    client.expect_all(&bytes);
}

#[test]
fn nothing_after_a_body_is_forwarded() {
    let listener = TestListener::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let name = listener.name.clone();
    let proxy = sendall(&[&["serve", "127.0.0.1:0", "-v"], &ALLOWED[..]].concat(), In::Null, Out::Collect);
    let mut client = Link::connect(proxy.port());
    send(&mut client, &format!("POST http://{name}/ HTTP/1.1\nHost: x\nContent-Length: 5\n\nhello and more"));
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    server.expect(b"hello");
    send(&mut server, "HTTP/1.1 200 OK\nContent-Length: 3\n\nyes and more");
    head(&mut client);
    assert_eq!(rest(&mut client), "yes");
    drop(client);
    let counted = || proxy.stderr.text().contains("sent 3 bytes, received 5 bytes");
    assert!(crate::harness::wait_until(LIMIT, counted), "{}", proxy.stderr.text());
}

#[test]
fn endless_interim_answers_delay_no_other_client() {
    let (proxy, listener, name) = proxy_and_server();
    let mut first = Link::connect(proxy.port());
    send(&mut first, &format!("GET http://{name}/ HTTP/1.0\nHost: x\n\n"));
    let mut flooding = listener.accept().expect("joined");
    head(&mut flooding);
    let flooder = std::thread::spawn(move || {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(4000);
        while flooding.write_all(&interim).is_ok() {}
    });
    let mut second = Link::connect(proxy.port());
    send(&mut second, &format!("GET http://{name}/ HTTP/1.1\nHost: x\n\n"));
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    send(&mut server, "HTTP/1.1 204 No Content\n\n");
    server.end();
    assert!(rest(&mut second).starts_with("HTTP/1.1 204 "));
    first.reset();
    flooder.join().expect("the connection is reset");
}

#[test]
fn a_server_that_keeps_its_connection_open_is_closed_after_its_answer() {
    let (proxy, listener, name) = proxy_and_server();
    for (method, head, body) in [
        ("GET", "HTTP/1.1 200 OK\nContent-Length: 3\n", "yes"),
        ("GET", "HTTP/1.1 200 OK\nContent-Length: 3\n", ""),
        ("HEAD", "HTTP/1.1 200 OK\nContent-Length: 3\n", ""),
        ("HEAD", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n", ""),
        ("GET", "HTTP/1.1 304 Not Modified\nContent-Length: 3\n", ""),
        ("POST", "HTTP/1.1 204 No Content\n", ""),
    ] {
        let mut client = Link::connect(proxy.port());
        send(&mut client, &format!("{method} http://{name}/ HTTP/1.1\nHost: x\n\n"));
        let mut server = listener.accept().expect("joined");
        self::head(&mut server);
        send(&mut server, &format!("{head}\n{body}"));
        let due = if method == "GET" && head.contains(" 200 ") { "yes" } else { "" };
        let received = self::head(&mut client);
        if body != due {
            server.send(due.as_bytes());
        }
        // The server receives no end before the client has.
        assert_eq!(rest(&mut client), due, "{method} {received}");
        drop(client);
        assert_eq!(rest(&mut server), "");
    }
}

/// Runs a program with the proxy in its environment. Returns its output; `None` if it is not installed.
fn output_through(proxy: &Running, program: &str, args: &[&str]) -> Option<String> {
    let url = format!("http://127.0.0.1:{}", proxy.port());
    installed(program)?;
    let output = Command::new(program)
        .args(args)
        .env("http_proxy", &url)
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .stdin(Stdio::null())
        .output()
        .expect("started");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {text}");
    Some(text)
}

#[test]
fn clients_configured_with_the_proxy_use_it() {
    let proxy = serve(&ALLOWED);
    let hello =
        sendall(&["http-hello", "127.0.0.1:0", "--echo", "--max-body", "9MB"], In::Null, Out::Collect);
    let url = format!("http://127.0.0.1:{}/x", hello.port());
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "x".repeat(5_000_000)).expect("written");
    let from = format!("@{}", file.path().display());
    let size = ["-sSf", "--max-time", "15", "-o", "/dev/null", "-w", "%{size_download}"];
    for options in [
        &["-H", "Expect: 100-continue", "--data-binary", &from][..],
        &["-H", "Transfer-Encoding: chunked", "--data-binary", &from],
        &["-H", "Expect:", "--data-binary", &from],
        &["--http1.0", "--data-binary", &from],
    ] {
        let Some(text) = output_through(&proxy, "curl", &[&size, options, &[&url]].concat()) else { break };
        assert_eq!(text, "5000000", "{options:?}");
    }
    if let Some(text) = output_through(&proxy, "curl", &["-sSI", "--max-time", "15", &url]) {
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("\r\nVia: 1.1 sendall\r\n"),
            "{text}"
        );
        let two = output_through(&proxy, "curl", &["-sSf", "--max-time", "15", "-d", "abc", &url, &url]);
        assert_eq!(two.as_deref(), Some("abcabc"));
    }
    let script = "
import sys, urllib.request
url = sys.argv[1]
for n in (1, 100, 2000000):
    assert urllib.request.urlopen(url, data=b'x' * n, timeout=20).read() == b'x' * n
assert urllib.request.urlopen(url, timeout=20).headers['Via'] == '1.1 sendall'
print('ok')
";
    if let Some(text) = output_through(&proxy, "python3", &["-c", script, &url]) {
        assert_eq!(text, "ok\n");
    }
    assert!(!hello.ends_within(LIMIT / 1000));
}

#[test]
fn a_server_that_answers_first_and_reads_on_gets_the_whole_request() {
    let (proxy, listener, name) = proxy_and_server();
    let mut client = Link::connect(proxy.port());
    let bytes = payload(1_000_000);
    send(&mut client, &format!("POST http://{name}/ HTTP/1.1\nHost: x\nContent-Length: {}\n\n", bytes.len()));
    client.send(&bytes[..1000]);
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    server.expect(&bytes[..1000]);
    send(&mut server, "HTTP/1.1 200 OK\nContent-Length: 2\n\nOK");
    head(&mut client);
    client.expect(b"OK");
    client.send(&bytes[1000..]);
    server.expect(&bytes[1000..]);
}

#[test]
fn an_answer_without_a_length_that_is_reset_while_the_request_is_sent_is_cut() {
    let listener = TestListener::from(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let name = listener.name.clone();
    let proxy = serve(&[&ALLOWED[..], &["--count", "1"]].concat());
    let mut client = Link::connect(proxy.port());
    send(&mut client, &format!("POST http://{name}/ HTTP/1.1\nHost: x\nContent-Length: 900000000\n\n"));
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    send(&mut server, "HTTP/1.1 200 OK\n\na part");
    head(&mut client);
    client.expect(b"a part");
    server.reset();
    let mut uploading = client.try_clone();
    let upload = std::thread::spawn(move || while uploading.write_all(&[b'x'; 1 << 16]).is_ok() {});
    // Any of the client's calls may get the reset.
    let _ = client.read_to_end(&mut Vec::new());
    upload.join().expect("ended");
    proxy.finish().expect(5);
}
