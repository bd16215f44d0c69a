//! Clients that a server does not admit: nothing is done for them, and little is kept of what they send.

use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use sendall::proto::secure::ALPN;

use super::super::scene::{CODE, User};
use super::peer::{Impostor, Peer, connect_from};
use crate::harness::In;
use crate::transfer::frames::{PUT, entry, eot, hello, turn, whole};
use crate::transfer::xfer::{Place, status_kib};

/// A whole upload, as it would be sent to a server that asks nobody.
fn upload() -> Vec<u8> {
    [hello(PUT, b""), entry(0, b"f", 5), turn(), whole(0, b"hello"), eot(1, 5)].concat()
}

#[test]
fn what_is_sent_before_admission_does_nothing() {
    let inbox = Place::new();
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "--share", inbox.arg()]);
    let before = status_kib(server.running.id(), "VmRSS");
    let long = vec![0xFF; 8 << 20];
    let cases: &[(&str, &[u8])] = &[
        ("HELLO", &upload()),
        ("OPEN, and HELLO", &[&[1, 0, 0, 0], &upload()[..]].concat()),
        ("KEY, and HELLO", &[&[4, 0, 0, 0], &upload()[..]].concat()),
        ("a PROOF first", &[&[3, 0, 0, 64], &[0; 64][..], &upload()].concat()),
        ("a SESSION of nobody", &[&[5, 0, 0, 80], &[0; 80][..], &upload()].concat()),
        ("a long message", &[2, 0, 0xFF, 0xFF]),
        ("an ADMITTED of its own", &[&[0x80, 0, 0, 1, 7], &upload()[..]].concat()),
        ("much", &long),
    ];
    for (what, bytes) in cases {
        let mut peer = Peer::connect(&server.address, None);
        peer.say(bytes);
        let answer = peer.hear_all();
        // A refusal at most, and not one of the transfer protocol.
        assert!(answer.is_empty() || answer[0] == 0x8F, "{what}: {answer:02x?}");
    }
    let grown = status_kib(server.running.id(), "VmRSS").saturating_sub(before);
    assert!(grown < 4 << 10, "{grown} KiB");
    assert_eq!(inbox.names().len(), 0);
}

#[test]
fn other_versions_and_protocols_of_tls_are_not_served() {
    let inbox = Place::new();
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "--open"]);
    for (what, version, protocols) in [
        ("TLS 1.2", &TLS12, &[ALPN][..]),
        ("no protocol", &TLS13, &[]),
        ("another protocol", &TLS13, &[&b"h2"[..]]),
    ] {
        let mut peer = Peer::with(connect_from(1, &server.address), None, version, protocols);
        peer.say(&[&[1, 0, 0, 0], &upload()[..]].concat());
        assert_eq!(peer.hear_all(), b"", "{what}");
    }
    // The same, as it should be.
    let mut peer = Peer::connect(&server.address, None);
    peer.say(&[&[1, 0, 0, 0], &upload()[..]].concat());
    assert_eq!(peer.hear_message()[0], 0x80);
}

#[test]
fn new_keys_without_end_are_not_followed() {
    let inbox = Place::new();
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let mut peer = Peer::connect(&server.address, None);
    let followed = (0..1000).take_while(|_| peer.renew_keys()).count();
    peer.hear_all();
    assert!(followed < 1000 || !peer.say(b"x"));
    server.logs("breaks the rules of TLS");
    let place = Place::new();
    let file = place.write("f", b"hello");
    User::with(CODE).run(&["upload", &file, &server.address]).expect(0);
}

#[test]
fn a_client_in_the_clear_is_refused_once_and_for_all() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("a-secret-name", b"a secret content");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let args = ["upload", "--plain", &file, &server.address, "--retry", "3"];
    let finished = User::new().run(&args).expect(7);
    assert!(!finished.stderr.contains("trying again"), "{}", finished.stderr);
    assert_eq!(inbox.names().len(), 0);
}

/// Says a byte every 100 ms, until the other side has gone or all is said. True if it has gone. 36 bytes take seconds: a
/// limit of 300 ms is over by then on a busy machine, too.
fn drip(peer: &mut Peer, bytes: &[u8]) -> bool {
    peer.socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a limit");
    bytes.chunks(1).any(|byte| {
        peer.hear(1);
        peer.has_gone() || !peer.say(byte)
    })
}

#[test]
fn the_limit_of_admission_is_absolute_at_both_ends() {
    let inbox = Place::new();
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "--timeout", "300ms"]);
    let mut peer = Peer::connect(&server.address, None);
    assert!(drip(&mut peer, &[&[2, 0, 0, 32], &[7; 32][..]].concat()), "it takes all the time");
    server.logs("TLS and admission took over 300ms");
    // A refusal with a text as long as may be.
    let impostor = Impostor::new();
    let args = ["upload", &inbox.write("f", b"hello"), &impostor.address, "--timeout", "300ms"];
    let client = User::with(CODE).start(&args, In::Null);
    let mut peer = impostor.accept();
    peer.hear_message();
    assert!(drip(&mut peer, &[&[0x8F, 0, 4, 4, 0, 0, 0, 0], &[b'x'; 1024][..]].concat()));
    let finished = client.finish().expect(4);
    assert!(finished.stderr.contains("took over 300ms"), "{}", finished.stderr);
}
