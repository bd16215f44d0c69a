//! Who stands in between, guesses, floods or steps back: nothing of names, content and codes has left, nobody is admitted who
//! must not be, and honest clients are served.
//!
//! | attack | where |
//! |---|---|
//! | in between with TLS on both sides: relays, plays open, reflects, bad shares, `80` for `83`, replays, stands in for a known host | [`between`] |
//! | plain and HTTP answers, TLS 1.2, no ALPN, or another one | [`downgrade`]; to a server: [`strangers`] |
//! | wrong proofs from one and many addresses, two right codes at once, a code after a cut and after success | [`guesses`], `codes.rs` |
//! | a further connection of a stranger, of another session, with another key; a key that changes within a run | [`sessions`] |
//! | `HELLO` before the answer of a known server: refusals, ends and rubbish in its place | [`early`] |
//! | records cut, reset, changed, repeated and left out, at each byte | [`records`]; one connection alone: `net/tls/layer/tests` |
//! | data after `close_notify`, floods of empty records and alerts | `net/tls/layer/tests` |
//! | idle connections, half a hello, runs that do not go on | [`floods`], `secure/floods.rs` |
//! | messages of admission of each wrong length and order | [`strangers`], `proto/secure/tests` |
//! | certificates of authorities | `tls/trust.rs` |
//! | secrets in outputs, files of keys | [`secrets`], `keys.rs` |

mod between;
mod downgrade;
mod early;
mod floods;
mod guesses;
mod peer;
mod policy;
mod records;
mod secrets;
mod sessions;
mod strangers;
mod wire;

use std::io::{Read, Write};
use std::net::TcpListener;

use self::wire::Wire;
use super::scene::{CODE, User};
use crate::harness::In;
use crate::transfer::xfer::Place;

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn an_answer_without_tls_is_8_and_takes_no_name() {
    let place = Place::new();
    let file = place.write("a-secret-name", b"a secret content");
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\x89SDA\r\n\x1a\n\x01\x00\x00\x00"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let client = User::with(CODE).start(&["upload", &file, &address, "--retry", "3"], In::Null);
        let (mut peer, _) = listener.accept().expect("a client");
        let mut first = [0; 5];
        peer.read_exact(&mut first).expect("a record");
        assert_eq!(first[0], 0x16, "TLS");
        peer.write_all(answer).expect("sent");
        let mut rest = Vec::new();
        let _ = peer.read_to_end(&mut rest);
        let finished = client.finish().expect(8);
        assert!(!finished.stderr.contains("trying again"), "{}", finished.stderr);
        for secret in [&b"a-secret-name"[..], b"a secret content", b"zebra"] {
            assert!(!holds(&rest, secret));
        }
    }
}

#[test]
fn a_recording_holds_neither_names_nor_content_nor_the_code() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("a-secret-name", b"a secret content");
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let wire = Wire::new(&server.address, None);
    let client = User::with(CODE).start(&["upload", &file, &wire.address, "-j", "1"], In::Null);
    client.finish().expect(0);
    let bytes = wire.passed().0.concat().concat();
    inbox.expect("a-secret-name", b"a secret content");
    assert!(bytes.len() > 500);
    for secret in [&b"a-secret-name"[..], b"a secret content", b"zebra", b"lunar"] {
        assert!(!holds(&bytes, secret));
    }
}
