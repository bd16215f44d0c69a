//! Steps back to less than TLS 1.3 with admission inside: none is taken, and none is tried again.

use std::io::{Read as _, Write as _};

use rustls::version::{TLS12, TLS13};
use sendall::proto::secure::ALPN;

use super::super::scene::{CODE, User};
use super::between::{assert_refused, secretive};
use super::peer::Impostor;
use crate::transfer::frames;
use crate::transfer::xfer::Place;

#[test]
fn answers_in_the_clear_end_it() {
    let place = Place::new();
    let answers: &[(&str, &[u8])] = &[
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        ("ACCEPT", &frames::accept()),
        ("a greeting", b"220 mail.example ESMTP\r\n"),
        ("an alert of TLS 1.2", &[21, 3, 3, 0, 2, 2, 40]),
        ("an alert for the version", &[21, 3, 3, 0, 2, 2, 70]),
        ("a warning, and nothing", &[21, 3, 3, 0, 2, 1, 0]),
    ];
    for (turn, (what, answer)) in answers.iter().enumerate() {
        let impostor = Impostor::new();
        let client = secretive(&User::with(CODE), turn, &place, &impostor.address, &[]);
        let mut socket = impostor.accept_raw();
        let mut first = [0; 5];
        socket.read_exact(&mut first).expect("a record");
        assert_eq!(first[..2], [22, 3], "{what}: a hello of TLS");
        let mut hello = vec![0; usize::from(u16::from_be_bytes([first[3], first[4]]))];
        socket.read_exact(&mut hello).expect("a hello");
        socket.write_all(answer).expect("sent");
        socket.shutdown(std::net::Shutdown::Write).expect("an end");
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest);
        // An alert at most.
        assert!(rest.len() <= 7, "{what}: {rest:02x?}");
        assert_refused(what, client, &impostor, &[], 0);
    }
}

#[test]
fn other_versions_and_protocols_of_tls_end_it() {
    let place = Place::new();
    let servers: &[(&str, _, &[&[u8]], &str)] = &[
        ("TLS 1.2 only", &TLS12, &[ALPN], "another version of TLS"),
        ("no protocol", &TLS13, &[], "sendall/1"),
        ("another protocol", &TLS13, &[b"h2"], "ALPN"),
    ];
    for (turn, (what, version, protocols, words)) in servers.iter().enumerate() {
        for code in [Some(CODE), None] {
            let impostor = Impostor::with(version, protocols);
            let user = User { code: code.map(String::from), ..User::new() };
            let pin = impostor.pin.to_string();
            let (turn, options) = match code {
                Some(_) => (turn, &[][..]),
                None => (0, &["--pin", &pin][..]),
            };
            let client = secretive(&user, turn, &place, &impostor.address, options);
            let mut peer = impostor.accept();
            peer.hear_all();
            let finished = assert_refused(what, client, &impostor, &peer.heard, 0);
            assert!(finished.stderr.contains(words), "{what}: {}", finished.stderr);
        }
    }
}
