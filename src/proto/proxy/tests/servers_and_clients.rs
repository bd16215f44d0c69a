//! SOCKS5 and HTTP CONNECT: the two sides against each other, in pieces of any size; and what each does not take.

use std::rc::Rc;

use core::net::SocketAddr;
use proptest::prelude::*;

use crate::proto::handshake::Handshake;
use crate::proto::proxy::answer::{Denial, Misuse, MisuseKind};
use crate::proto::proxy::fault::ProxyFault;
use crate::proto::proxy::http_connect::HttpConnectClient;
use crate::proto::proxy::http_forward::{AnswerHead, BadAnswer};
use crate::proto::proxy::server::ProxyServer;
use crate::proto::proxy::socks::client::SocksClient;
use crate::proto::proxy::target::ProxyTarget;
use crate::proto::proxy::users::{Credentials, Users};

type Client = Box<dyn Handshake<Error = ProxyFault>>;

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const STREAM: &[u8] = b"\x05\x01the stream\r\n\r\n";

fn client(socks: bool, target: &ProxyTarget, credentials: Option<Credentials>) -> Client {
    if socks {
        Box::new(SocksClient::new(target.clone(), credentials))
    } else {
        Box::new(HttpConnectClient::new(target, credentials.as_ref()))
    }
}

fn ann(password: &str) -> Credentials {
    Credentials::new(b"ann", password.as_bytes()).unwrap()
}

fn users() -> Option<Rc<Users>> {
    Some(Rc::new(Users::parse(b"bob:b\nann:secret\n").unwrap()))
}

/// Feeds `bytes`, and the stream after them, in pieces. Returns the bytes that the machine leaves.
fn feed<H: Handshake + ?Sized>(machine: &mut H, bytes: &[u8], piece: usize) -> Result<Vec<u8>, H::Error> {
    let mut used = 0;
    for part in bytes.chunks(piece) {
        let count = machine.receive(part)?;
        used += count;
        if count < part.len() {
            break;
        }
    }
    Ok(bytes[used..].to_vec())
}

/// Runs both sides to their ends. The stream's first bytes follow the last ones of each side.
fn play(
    client: &mut Client,
    server: &mut ProxyServer,
    outcome: Result<Option<SocketAddr>, Denial>,
    piece: usize,
) -> Result<Result<(), ProxyFault>, Misuse> {
    loop {
        let mut sent = client.take_outgoing();
        let is_last = sent.starts_with(b"CONNECT ") || (sent.starts_with(&[5, 1, 0]) && sent.len() > 3);
        if is_last {
            sent.extend(STREAM);
        }
        let rest = feed(server, &sent, piece)?;
        let mut answer = server.take_outgoing();
        let is_decided = server.target().is_some();
        if is_decided {
            assert_eq!(rest, STREAM, "the server took of the stream");
            answer.extend(server.answer(outcome).encode(DATE));
            answer.extend(STREAM);
        }
        match feed(client.as_mut(), &answer, piece) {
            Err(fault) => return Ok(Err(fault)),
            Ok(rest) if is_decided => {
                assert_eq!((rest.as_slice(), client.wanted()), (STREAM, 0), "the client took of the stream");
                return Ok(Ok(()));
            }
            Ok(_) => {}
        }
    }
}

fn targets() -> Vec<ProxyTarget> {
    let long = format!("{}:443", "n".repeat(255));
    let texts = ["example.org:80", "192.0.2.1:1", "[2001:db8::1]:65535", "a:9", &long];
    texts.iter().map(|text| ProxyTarget::parse(text).unwrap()).collect()
}

#[test]
fn both_sides_agree_and_leave_the_stream_alone() {
    let bound = "[2001:db8::7]:4000".parse().unwrap();
    for (target, socks, piece) in targets()
        .iter()
        .flat_map(|target| [(target, true), (target, false)])
        .flat_map(|(target, socks)| [1, 2, 3, 7, 10_000].map(|piece| (target, socks, piece)))
    {
        for outcome in [Ok(Some(bound)), Ok(None)] {
            let mut server = ProxyServer::new(None);
            let played = play(&mut client(socks, target, None), &mut server, outcome, piece);
            assert_eq!(played, Ok(Ok(())), "{target} socks {socks} piece {piece}");
            assert_eq!(server.target(), Some(target));
        }
    }
}

#[test]
fn the_outcome_of_the_target_is_reported() {
    let target = &targets()[0];
    for (denial, words) in [
        (Denial::NotAllowed, ["does not allow", "403 Forbidden"]),
        (Denial::Refused, ["connection refused", "502"]),
        (Denial::Unreachable, ["unreachable", "502"]),
        (Denial::TimedOut, ["no answer", "504"]),
        (Denial::Failed, ["failure", "502"]),
    ] {
        for (socks, word) in [(true, words[0]), (false, words[1])] {
            let mut server = ProxyServer::new(None);
            let fault =
                play(&mut client(socks, target, None), &mut server, Err(denial), 2).unwrap().unwrap_err();
            assert!(fault.to_string().contains(word), "{fault}");
            let is_refusal = matches!(fault, ProxyFault::Refused(_));
            assert_eq!(is_refusal, denial == Denial::NotAllowed, "{fault}");
        }
    }
}

#[test]
fn users_are_asked_for_their_passwords() {
    let target = &targets()[0];
    for socks in [true, false] {
        let mut server = ProxyServer::new(users());
        let played = play(&mut client(socks, target, Some(ann("secret"))), &mut server, Ok(None), 1);
        assert_eq!(played, Ok(Ok(())));
        // A server that wants none lets everybody in.
        let mut server = ProxyServer::new(None);
        let played = play(&mut client(socks, target, Some(ann("x"))), &mut server, Ok(None), 1);
        assert_eq!(played, Ok(Ok(())));
        for credentials in [None, Some(ann("wrong"))] {
            let mut client = client(socks, target, credentials);
            let misuse = play(&mut client, &mut ProxyServer::new(users()), Ok(None), 1).unwrap_err();
            assert_eq!(misuse.kind, MisuseKind::Credentials);
            let fault = feed(client.as_mut(), &misuse.answer.encode(DATE), 3).unwrap_err();
            assert!(matches!(fault, ProxyFault::Untrusted(_)), "{fault}");
        }
    }
}

#[test]
fn a_server_explains_what_it_does_not_do() {
    let head = |text: &str| text.replace('\n', "\r\n").into_bytes();
    let long = format!("CONNECT a:1 HTTP/1.1\r\nHost: {}", "a".repeat(20_000));
    for (bytes, text, answer) in [
        (b"\x04\x02".to_vec(), "another command", "\0\x5b"),
        (b"\x16\x03\x01".to_vec(), "neither", ""),
        (b"\x05\x01\x02".to_vec(), "without a user", "\x05\u{ff}"),
        (b"\x05\x00".to_vec(), "without a user", "\x05\u{ff}"),
        (b"\x05\x01\0\x05\x02\0\x01".to_vec(), "another command", "\x05\x07\0\x01"),
        (b"\x05\x01\0\x05\x01\0\x02".to_vec(), "unknown kind", "\x05\x08\0\x01"),
        (b"\x05\x01\0\x05\x01\0\x03\0\0\x50".to_vec(), "nothing can have", "\x05\x01\0\x01"),
        (b"\x05\x01\0\x05\x01\0\x03\x02a \0\x50".to_vec(), "nothing can have", "\x05\x01"),
        (b"\x05\x01\0\x05\x01\0\x01\x7f\0\0\x01\0\0".to_vec(), "nothing can have", "\x05\x01"),
        (head("GET / HTTP/1.1\nHost: a\n\n"), "this is a proxy", "HTTP/1.1 400 "),
        (head("GET https://a/ HTTP/1.1\nHost: a\n\n"), "this is a proxy", "HTTP/1.1 400 "),
        (head("X ftp://a/ HTTP/1.1\nHost: a\n\n"), "this is a proxy", "HTTP/1.1 400 "),
        (head("GET http://u@a/ HTTP/1.1\nHost: a\n\n"), "proper", "HTTP/1.1 400 "),
        (head("GET http://a/ HTTP/1.1\n\n"), "proper", "HTTP/1.1 400 "),
        (
            head("POST http://a/ HTTP/1.1\nHost: a\nContent-Length: 1\nContent-Length: 1\n\n"),
            "proper",
            "HTTP/1.1 400 ",
        ),
        (
            head("POST http://a/ HTTP/1.1\nHost: a\nContent-Length: 1\nTransfer-Encoding: chunked\n\n"),
            "proper",
            "HTTP/1.1 400 ",
        ),
        (head("POST http://a/ HTTP/1.0\nTransfer-Encoding: chunked\n\n"), "proper", "HTTP/1.1 400 "),
        (
            head("POST http://a/ HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n\n"),
            "coding",
            "HTTP/1.1 501 ",
        ),
        (
            head("OPTIONS http://a/ HTTP/1.1\nHost: a\nMax-Forwards: 0\n\n"),
            "the proxy itself",
            "HTTP/1.1 501 ",
        ),
        (head("CONNECT a:1 HTTP/1.1\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a:1 HTTP/1.1\nHost: a\nHost: a\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a:1 HTTP/1.0\nContent-Length: 5\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a:1 HTTP/1.0\nTransfer-Encoding: chunked\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a HTTP/1.0\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a:1 HTTP/2.0\n\n"), "another version", "HTTP/1.1 505 "),
        (head("PRI * HTTP/2.0\n\n"), "another version", "HTTP/1.1 505 "),
        (head("CONNECT  a:1 HTTP/1.0\n\n"), "proper", "HTTP/1.1 400 "),
        (b"CONNECT a:1 HTTP/1.0\n\n".to_vec(), "proper", "HTTP/1.1 400 "),
        (head(&format!("CONNECT {}:1 HTTP/1.0\n\n", "a".repeat(256))), "too long", "HTTP/1.1 414 "),
        (format!("CONNECT {}", "a".repeat(20_000)).into_bytes(), "too long", "HTTP/1.1 414 "),
        (head(&format!("GET http://a/{} HTTP/1.0\n\n", "a".repeat(9000))), "too long", "HTTP/1.1 414 "),
        (head("hello there\n"), "proper", "HTTP/1.1 400 "),
        (b"quit\n".to_vec(), "proper", "HTTP/1.1 400 "),
        (b"\r\n\r\n            ".to_vec(), "proper", "HTTP/1.1 400 "),
        (long.into_bytes(), "8 KiB", "HTTP/1.1 431 "),
    ] {
        for piece in [1, 3, 100_000] {
            explains(&bytes, piece, text, answer);
        }
    }
}

/// Feeds a proxy server what it does not take: why not, and how its answer begins.
fn explains(bytes: &[u8], piece: usize, text: &str, answer: &str) {
    let misuse = feed(&mut ProxyServer::new(None), bytes, piece).unwrap_err();
    let begins: Vec<u8> = answer.chars().map(|c| c as u8).collect();
    assert!(misuse.text.contains(text), "{bytes:?}: {misuse}");
    let kind = if answer == "\x05\u{ff}" { MisuseKind::Credentials } else { MisuseKind::Request };
    assert_eq!(misuse.kind, kind);
    let answered = misuse.answer.encode(DATE);
    assert!(answered.starts_with(&begins), "{bytes:?}: {answered:?}");
    assert!(!begins.is_empty() || answered.is_empty());
    let has_date = String::from_utf8_lossy(&answered).contains(&format!("\r\nDate: {DATE}\r\n"));
    assert_eq!(has_date, answer.starts_with("HTTP/"));
}

#[test]
fn a_client_of_http_1_0_needs_no_host() {
    let mut old = ProxyServer::new(None);
    assert!(feed(&mut old, b"CONNECT a:1 HTTP/1.0\r\n\r\n", 5).is_ok());
    assert_eq!(old.target(), ProxyTarget::parse("a:1").as_ref());
}

#[test]
fn a_client_waits_for_nothing_that_cannot_come() {
    for (bytes, word) in [(&b"S"[..], "SOCKS5"), (b"\x05\x07", "not offered"), (b"\x05\xff", "wants a user")]
    {
        let fault = feed(client(true, &targets()[0], None).as_mut(), bytes, 1).unwrap_err();
        assert!(fault.to_string().contains(word), "{fault}");
    }
    for (bytes, word) in [
        (&b"S"[..], "as an HTTP proxy does"),
        (b"HTTP/2 ", "as an HTTP proxy does"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "as an HTTP proxy does"),
        (b"HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", "302 Found"),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "wants a user"),
    ] {
        let fault = feed(client(false, &targets()[0], None).as_mut(), bytes, 1).unwrap_err();
        assert!(fault.to_string().contains(word), "{fault}");
    }
    let mut patient = client(false, &targets()[0], None);
    let answer = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.0 200\r\nVia: x\r\n\r\nstream";
    assert_eq!(feed(patient.as_mut(), answer, 2), Ok(b"stream".to_vec()));
    // A reply whose address is an empty name, as some servers send it.
    let mut socks = client(true, &targets()[0], None);
    assert_eq!(feed(socks.as_mut(), b"\x05\0\x05\0\0\x03\0\0\0stream", 1), Ok(b"stream".to_vec()));
}

#[test]
fn a_client_does_not_read_interim_answers_for_ever() {
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
    let of = |count| {
        let mut client = client(false, &targets()[0], None);
        feed(&mut client, &[&interim.repeat(count), &b"HTTP/1.1 200 OK\r\n\r\n"[..]].concat(), 99).is_ok()
    };
    assert!(of(100) && !of(101));
}

#[test]
fn failures_of_a_proxy_are_of_a_kind() {
    for (status, is_of_this_kind) in [
        ("500 x", (|fault| matches!(fault, ProxyFault::Unreachable(..))) as fn(&ProxyFault) -> bool),
        ("501 x", |fault| matches!(fault, ProxyFault::Unreachable(..))),
        ("503", |fault| matches!(fault, ProxyFault::Unreachable(..))),
        ("599", |fault| matches!(fault, ProxyFault::Unreachable(..))),
        ("401 x", |fault| matches!(fault, ProxyFault::Untrusted(_))),
        ("407 x", |fault| matches!(fault, ProxyFault::Untrusted(_))),
        ("403 x", |fault| matches!(fault, ProxyFault::Refused(_))),
        ("404 x", |fault| matches!(fault, ProxyFault::Refused(_))),
    ] {
        for credentials in [None, Some(ann("x"))] {
            let answer = format!("HTTP/1.1 {status}\r\n\r\n");
            let fault =
                feed(client(false, &targets()[0], credentials).as_mut(), answer.as_bytes(), 9).unwrap_err();
            assert!(is_of_this_kind(&fault), "{status}: {fault:?}");
        }
    }
}

/// The bytes of a request that its server gets.
fn forwarded(request: &str) -> (String, String) {
    let mut server = ProxyServer::new(None);
    let rest = feed(&mut server, request.replace('\n', "\r\n").as_bytes(), 7).unwrap();
    assert!(rest.is_empty());
    let target = server.target().unwrap().to_string();
    let request = server.take_request().unwrap();
    (target, String::from_utf8(request.head).unwrap().replace("\r\n", "\n"))
}

#[test]
fn a_request_is_written_anew_for_its_server() {
    for (asked, target, line, host) in [
        ("GET http://a/ HTTP/1.1", "a:80", "GET / HTTP/1.1", "a"),
        ("GET HTTP://a:81/b?c HTTP/1.1", "a:81", "GET /b?c HTTP/1.1", "a:81"),
        ("GET http://a/ HTTP/1.7", "a:80", "GET / HTTP/1.1", "a"),
        ("GET http://a: HTTP/1.1", "a:80", "GET / HTTP/1.1", "a"),
        ("GET http://a?b HTTP/1.1", "a:80", "GET /?b HTTP/1.1", "a"),
        ("OPTIONS http://a HTTP/1.1", "a:80", "OPTIONS * HTTP/1.1", "a"),
        ("OPTIONS http://a/ HTTP/1.1", "a:80", "OPTIONS / HTTP/1.1", "a"),
        ("BREW http://[2001:db8::1]/ HTTP/1.0", "[2001:db8::1]:80", "BREW / HTTP/1.0", "[2001:db8::1]"),
        ("GET http://[2001:db8::1]:9/ HTTP/1.1", "[2001:db8::1]:9", "GET / HTTP/1.1", "[2001:db8::1]:9"),
    ] {
        let (to, head) = forwarded(&format!("{asked}\nHost: elsewhere\n\n"));
        let minor = line.chars().last().unwrap();
        assert_eq!(to, target, "{asked}");
        assert_eq!(head, format!("{line}\nHost: {host}\nVia: 1.{minor} sendall\nConnection: close\n\n"));
    }
    let (_, head) = forwarded(
        "POST http://a/ HTTP/1.1\nHost: b\nAccept: x\nConnection: X-Mine , close\nX-Mine: 1\nKeep-Alive: 5\nTE: trailers\n\
         Upgrade: h2c\nProxy-Connection: keep-alive\nProxy-Authorization: Basic x\nConnection: content-length\n\
         Content-Length: 0\nExpect: 100-continue\nVia: 1.0 other\nCookie: c\n\n",
    );
    assert_eq!(
        head,
        "POST / HTTP/1.1\nHost: a\nAccept: x\nExpect: 100-continue\nVia: 1.0 other\nCookie: c\nContent-Length: 0\n\
         Via: 1.1 sendall\nConnection: close\n\n"
    );
    let (_, head) = forwarded("PUT http://a/ HTTP/1.1\nHost: b\nTransfer-Encoding: ,CHUNKED\n\n");
    assert!(head.contains("\nTransfer-Encoding: chunked\n"), "{head}");
    let (_, head) = forwarded("TRACE http://a/ HTTP/1.1\nHost: b\nMax-Forwards: 3\n\n");
    assert!(head.contains("\nMax-Forwards: 2\n"), "{head}");
}

#[test]
fn an_answer_is_written_anew_for_its_client() {
    let receive = |minor: u8, text: &str, piece: usize| {
        let mut answer = AnswerHead::new(minor);
        let rest = feed(&mut answer, text.replace('\n', "\r\n").as_bytes(), piece)?;
        let answered = String::from_utf8(answer.take_outgoing()).unwrap().replace("\r\n", "\n");
        Ok::<_, BadAnswer>((answered, String::from_utf8(rest).unwrap(), answer.is_over()))
    };
    let answer = "HTTP/1.1 100 Continue\nX: y\n\nHTTP/1.0 200\nKeep-Alive: 3\nConnection: a\nA: b\nContent-Length: 4\n\
                  Transfer-Encoding: chunked\nVia: 1.0 other\nSet-Cookie: 1\nSet-Cookie: 2\n\n";
    for piece in [1, 5, 1000] {
        let (answered, rest, is_over) = receive(1, &format!("{answer}body"), piece).unwrap();
        assert_eq!(
            answered,
            "HTTP/1.1 100 Continue\nX: y\nVia: 1.1 sendall\n\nHTTP/1.1 200\nVia: 1.0 other\nSet-Cookie: 1\nSet-Cookie: 2\n\
             Transfer-Encoding: chunked\nVia: 1.0 sendall\nConnection: close\n\n"
        );
        assert!("body".starts_with(&rest) || "body".ends_with(&rest));
        assert!(is_over);
    }
    let (answered, ..) = receive(
        0,
        "HTTP/1.1 103 Early\n\nHTTP/1.1 204 No Content\nContent-Length: 5\nContent-Length: 5\n\n",
        3,
    )
    .unwrap();
    assert_eq!(
        answered,
        "HTTP/1.1 204 No Content\nContent-Length: 5\nVia: 1.1 sendall\nConnection: close\n\n"
    );
    for (minor, text) in [
        (0, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"),
        (1, "HTTP/1.1 101 Switching Protocols\n\n"),
        (1, "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\n"),
        (1, "HTTP/1.1 200 OK\nContent-Length: 5, 5\n\n"),
        (1, "HTTP/1.1 200 OK\nContent-Length: +5\n\n"),
        (1, "HTTP/1.1 20 OK........\n\n"),
        (1, "HTTP/2 200 OK.........\n\n"),
        (1, "HTTP/1.1 200 OK\nA : b\n\n"),
        (1, "SSH-2.0-OpenSSH_9.2\n"),
    ] {
        assert!(receive(minor, text, 4).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_break_a_side(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        begin in 0..6_usize,
        piece in 1..5_usize,
    ) {
        let begins: [&[u8]; 6] = [b"GET http://a/ HTTP/1.1\r\nHost: a\r\n", b"", b"\x05\x01\0\x05\x01\0", b"CONNECT a:1 HTTP/1.1\r\n", b"\x05\0\x05\0\0", b"HTTP/1.1 200\r\n"];
        let bytes = [begins[begin], &bytes].concat();
        let _ = feed(&mut ProxyServer::new(users()), &bytes, piece);
        let _ = feed(&mut ProxyServer::new(None), &bytes, piece);
        let _ = feed(&mut AnswerHead::new(1), &bytes, piece);
        for socks in [true, false] {
            let _ = feed(client(socks, &targets()[0], Some(ann("x"))).as_mut(), &bytes, piece);
        }
    }
}
