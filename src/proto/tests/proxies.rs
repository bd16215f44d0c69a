//! SOCKS5 and HTTP CONNECT: the two sides against each other, in pieces of any size; and what each does not take.

use std::rc::Rc;

use core::net::SocketAddr;
use proptest::prelude::*;

use crate::proto::handshake::{Credentials, Handshake, Users};
use crate::proto::http_connect::HttpClient;
use crate::proto::http_head::MAX_HEAD_BYTES;
use crate::proto::proxy_fault::ProxyFault;
use crate::proto::proxy_server::{Denial, Misuse, ProxyServer};
use crate::proto::socks::client::SocksClient;
use crate::proto::target::Target;

type Client = Box<dyn Handshake<Fault = ProxyFault>>;

const BEHIND: &[u8] = b"\x05\x01the stream\r\n\r\n";

fn client(socks: bool, target: &Target, credentials: Option<Credentials>) -> Client {
    if socks {
        Box::new(SocksClient::new(target.clone(), credentials))
    } else {
        Box::new(HttpClient::new(target, credentials.as_ref()))
    }
}

fn ann(password: &str) -> Credentials {
    Credentials::new(b"ann", password.as_bytes()).unwrap()
}

fn users() -> Option<Rc<Users>> {
    Some(Rc::new(Users::parse(b"bob:b\nann:secret\n").unwrap()))
}

/// Gives `bytes`, and the stream behind them, in pieces; what is left when the machine has enough.
fn feed<H: Handshake + ?Sized>(machine: &mut H, bytes: &[u8], piece: usize) -> Result<Vec<u8>, H::Fault> {
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

/// Both sides, until each has what it wants. The stream's first bytes stand behind the last ones of each side.
fn play(
    client: &mut Client,
    server: &mut ProxyServer,
    outcome: Result<Option<SocketAddr>, Denial>,
    piece: usize,
) -> Result<Result<(), ProxyFault>, Misuse> {
    loop {
        let mut said = client.take_outgoing();
        let is_last = said.starts_with(b"CONNECT ") || (said.starts_with(&[5, 1, 0]) && said.len() > 3);
        if is_last {
            said.extend(BEHIND);
        }
        let rest = feed(server, &said, piece)?;
        let mut answer = server.take_outgoing();
        let is_decided = server.target().is_some();
        if is_decided {
            assert_eq!(rest, BEHIND, "the server took of the stream");
            answer.extend(server.answer(outcome));
            answer.extend(BEHIND);
        }
        match feed(client.as_mut(), &answer, piece) {
            Err(fault) => return Ok(Err(fault)),
            Ok(rest) if is_decided => {
                assert_eq!((rest.as_slice(), client.wanted()), (BEHIND, 0), "the client took of the stream");
                return Ok(Ok(()));
            }
            Ok(_) => {}
        }
    }
}

fn targets() -> Vec<Target> {
    let long = format!("{}:443", "n".repeat(255));
    let texts = ["example.org:80", "192.0.2.1:1", "[2001:db8::1]:65535", "a:9", &long];
    texts.iter().map(|text| Target::parse(text).unwrap()).collect()
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
fn what_became_of_the_target_is_told() {
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
            let fault = feed(client.as_mut(), &misuse.answer, 3).unwrap_err();
            assert!(matches!(fault, ProxyFault::Untrusted(_)), "{fault}");
        }
    }
}

#[test]
fn a_server_explains_what_it_does_not_do() {
    let head = |text: &str| text.replace('\n', "\r\n").into_bytes();
    let long = format!("CONNECT a:1 HTTP/1.1\r\nHost: {}", "a".repeat(MAX_HEAD_BYTES));
    for (bytes, text, answer) in [
        (b"\x04\x01\0\x50\x7f\0\0\x01\0".to_vec(), "SOCKS4", "\0\x5b"),
        (b"\x16\x03\x01".to_vec(), "neither", ""),
        (b"\x05\x01\x02".to_vec(), "without a user", "\x05\u{ff}"),
        (b"\x05\x00".to_vec(), "without a user", "\x05\u{ff}"),
        (b"\x05\x01\0\x05\x02\0\x01".to_vec(), "another command", "\x05\x07\0\x01"),
        (b"\x05\x01\0\x05\x01\0\x02".to_vec(), "unknown kind", "\x05\x08\0\x01"),
        (b"\x05\x01\0\x05\x01\0\x03\0\0\x50".to_vec(), "nothing can have", "\x05\x01\0\x01"),
        (b"\x05\x01\0\x05\x01\0\x03\x02a \0\x50".to_vec(), "nothing can have", "\x05\x01"),
        (b"\x05\x01\0\x05\x01\0\x01\x7f\0\0\x01\0\0".to_vec(), "nothing can have", "\x05\x01"),
        (head("GET http://a/ HTTP/1.1\nHost: a\n\n"), "another HTTP method", "HTTP/1.1 405 "),
        (head("CONNECT a:1 HTTP/1.1\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a:1 HTTP/1.1\nHost: a\nHost: a\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a:1 HTTP/1.0\nContent-Length: 5\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a:1 HTTP/1.0\nTransfer-Encoding: chunked\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a HTTP/1.0\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT a:1 HTTP/2.0\n\n"), "proper", "HTTP/1.1 400 "),
        (head("CONNECT  a:1 HTTP/1.0\n\n"), "proper", "HTTP/1.1 400 "),
        (b"CONNECT a:1 HTTP/1.0\n\n".to_vec(), "proper", "HTTP/1.1 400 "),
        (long.into_bytes(), "8 KiB", "HTTP/1.1 431 "),
    ] {
        for piece in [1, 3, 100_000] {
            let mut server = ProxyServer::new(None);
            let misuse = feed(&mut server, &bytes, piece).unwrap_err();
            let begins: Vec<u8> = answer.chars().map(|c| c as u8).collect();
            assert!(misuse.text.contains(text), "{bytes:?}: {misuse}");
            assert!(misuse.answer.starts_with(&begins), "{bytes:?}: {:?}", misuse.answer);
            assert!(!begins.is_empty() || misuse.answer.is_empty());
        }
    }
    let mut old = ProxyServer::new(None);
    assert!(feed(&mut old, b"CONNECT a:1 HTTP/1.0\r\n\r\n", 5).is_ok());
    assert_eq!(old.target(), Target::parse("a:1").as_ref());
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

proptest! {
    #[test]
    fn no_bytes_break_a_side(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        begin in 0..5_usize,
        piece in 1..5_usize,
    ) {
        let begins: [&[u8]; 5] = [b"", b"\x05\x01\0\x05\x01\0", b"CONNECT a:1 HTTP/1.1\r\n", b"\x05\0\x05\0\0", b"HTTP/1.1 200\r\n"];
        let bytes = [begins[begin], &bytes].concat();
        let _ = feed(&mut ProxyServer::new(users()), &bytes, piece);
        let _ = feed(&mut ProxyServer::new(None), &bytes, piece);
        for socks in [true, false] {
            let _ = feed(client(socks, &targets()[0], Some(ann("x"))).as_mut(), &bytes, piece);
        }
    }
}
