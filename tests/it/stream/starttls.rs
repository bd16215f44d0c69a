//! `connect --starttls`: servers that begin in the clear.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use crate::harness::identity::IdentityFiles;
use crate::harness::{Finished, In, LIMIT, Out, sendall};
use crate::transfer::xfer::{address, serve};

/// What the client says, to its end, and what the server answers.
type Turn = (&'static [u8], &'static [u8]);

/// Each protocol: what the client says, to its end, and what the server answers.
const DIALOGUES: &[(&str, &[Turn])] = &[
    (
        "smtp",
        &[
            (b"", b"220-a\r\n220 b\r\n"),
            (b"EHLO [127.0.0.1]\r\n", b"250-a\r\n250-STARTTLS\r\n250 HELP\r\n"),
            (b"STARTTLS\r\n", b"220 go ahead\r\n"),
        ],
    ),
    ("imap", &[(b"", b"* OK ready\r\n"), (b"a STARTTLS\r\n", b"a OK begin\r\n")]),
    ("pop3", &[(b"", b"+OK ready\r\n"), (b"STLS\r\n", b"+OK begin\r\n")]),
    (
        "ldap",
        &[(b"1.3.6.1.4.1.1466.20037", b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00")],
    ),
    ("postgres", &[(b"\0\0\0\x08\x04\xd2\x16\x2f", b"S")]),
    (
        "xmpp",
        &[
            (
                b"xmlns:stream='http://etherx.jabber.org/streams'>",
                b"<stream:stream><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
            ),
            (
                b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
                b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            ),
        ],
    ),
];

/// Accepts one client and leads a dialogue, with `injected` after its last words. Returns what follows, or all of it up to
/// the client's end, as far as there is no server of TLS to which it goes.
fn play(listener: &TcpListener, turns: &[(&[u8], &[u8])], injected: &[u8], tls: Option<&str>) -> Vec<u8> {
    let (mut client, _) = listener.accept().expect("a client");
    client.set_read_timeout(Some(LIMIT)).expect("a limit");
    for (turn, (asked, answer)) in turns.iter().enumerate() {
        let (mut heard, mut byte) = (Vec::new(), [0]);
        while !heard.ends_with(asked) {
            assert_eq!(client.read(&mut byte).expect("a byte"), 1, "{heard:?}");
            heard.push(byte[0]);
        }
        let after = if turn + 1 == turns.len() { injected } else { b"" };
        client.write_all(&[answer, after].concat()).expect("sent");
    }
    let mut rest = Vec::new();
    let Some(tls) = tls else {
        let _ = client.read_to_end(&mut rest);
        return rest;
    };
    let server = TcpStream::connect(tls).expect("a server");
    let back = (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
    let backwards = std::thread::spawn(move || copy(back.0, back.1));
    copy(client, server);
    backwards.join().expect("joined");
    rest
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

/// The end of a client of this protocol.
fn connect(protocol: &str, identity: &IdentityFiles, address: &str) -> Finished {
    let words = ["connect", "--starttls", protocol, "--ca", &identity.certificate, address];
    sendall(&words, In::Bytes(b"secret".to_vec()), Out::Collect).finish()
}

#[test]
fn each_protocol_leads_to_tls() {
    let identity = IdentityFiles::new();
    let echo = serve(&[&["--echo"][..], &identity.shown()].concat());
    let echo = address(&echo);
    for (protocol, turns) in DIALOGUES {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let name = listener.local_addr().expect("an address").to_string();
        std::thread::scope(|scope| {
            scope.spawn(|| play(&listener, turns, b"", Some(&echo)));
            let ended = connect(protocol, &identity, &name).expect(0);
            assert_eq!(ended.stdout, b"secret", "{protocol}");
        });
    }
}

#[test]
fn bytes_after_the_consent_are_refused_and_nothing_is_sent() {
    let identity = IdentityFiles::new();
    for (protocol, turns) in DIALOGUES {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let name = listener.local_addr().expect("an address").to_string();
        std::thread::scope(|scope| {
            let heard = scope.spawn(|| play(&listener, turns, b"250 injected\r\n", None));
            let ended = connect(protocol, &identity, &name).expect(8);
            assert!(ended.stderr.contains("somebody in between put them there"), "{}", ended.stderr);
            assert_eq!(ended.stdout, b"");
            assert_eq!(heard.join().expect("heard"), b"", "{protocol}");
        });
    }
}

#[test]
fn a_server_without_tls_is_refused() {
    let identity = IdentityFiles::new();
    for (protocol, turns, why) in [
        (
            "smtp",
            &[(&b""[..], &b"220 a\r\n"[..]), (b"EHLO [127.0.0.1]\r\n", b"250 HELP\r\n")][..],
            "does not offer TLS",
        ),
        ("pop3", &[(b"", b"+OK\r\n"), (b"STLS\r\n", b"-ERR no\r\n")], "refuses TLS: -ERR no"),
        ("postgres", &[(b"\0\0\0\x08\x04\xd2\x16\x2f", b"N")], "refuses TLS"),
        ("imap", &[(b"", b"SSH-2.0-a\r\n")], "does not speak this protocol"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let name = listener.local_addr().expect("an address").to_string();
        std::thread::scope(|scope| {
            let heard = scope.spawn(|| play(&listener, turns, b"", None));
            let ended = connect(protocol, &identity, &name).expect(8);
            assert!(ended.stderr.contains(why), "{}", ended.stderr);
            assert_eq!(heard.join().expect("heard"), b"", "{protocol}");
        });
    }
}
