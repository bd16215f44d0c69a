//! Next to a peer in Python that was written from PROTOCOL.md alone: `tests/peer/code_peer.py`. And the key exchange that
//! a quantum computer does not break, with it and between two of ours.

use std::process::Command;
use std::sync::LazyLock;

use super::scene::{CODE, Server, User};
use crate::harness::skips::skip;
use crate::harness::{In, Out, Running, payload, start_with};
use crate::transfer::xfer::Place;

const HYBRID: &str = "X25519MLKEM768";

/// The peer; none where Python or its packages are missing.
fn upload(server: &Server, code: &str, words: &[&str]) -> Option<Running> {
    static CAN: LazyLock<bool> = LazyLock::new(|| {
        let needs = "import blake3, rbcl; from OpenSSL import SSL; SSL.Connection.get_group_name";
        Command::new("python3").args(["-c", needs]).output().is_ok_and(|output| output.status.success())
    });
    if !*CAN {
        skip("python3 with the packages blake3, rbcl and pyopenssl 26 is not installed");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/code_peer.py");
    let (host, port) = server.address.rsplit_once(':').expect("an address");
    Some(start_with(
        "python3",
        &[&["-B", script, host, port], words].concat(),
        &[("SENDALL_CODE", code)],
        In::Null,
        Out::Collect,
    ))
}

#[test]
fn a_peer_from_python_uploads_with_the_right_code_only() {
    let (place, inbox, empty) = (Place::new(), Place::new(), Place::new());
    let bytes = payload(3_000_000);
    let (file, other) = (place.write("right", &bytes), place.write("wrong", b"never seen"));
    // A wrong proof is answered after a second: another server is served meanwhile.
    let guessed = User::with(CODE).serve(&["--store", empty.arg()]);
    let Some(wrong) = upload(&guessed, "abandon-ability-able", &[&other]) else { return };
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "-vv"]);
    let right = upload(&server, CODE, &[&file]).expect("Python").finish().expect(0);
    assert_eq!(String::from_utf8_lossy(&right.stdout), format!("group {HYBRID}\nin place\n"));
    inbox.expect("right", &bytes);
    server.logs(&format!("{HYBRID}, protocol sendall/1"));
    // The protocol was spoken to its end.
    server.logs("received right from");
    let wrong = wrong.finish();
    assert_eq!(wrong.code, 8, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("refused with reason 2"), "{}", wrong.stderr);
    guessed.logs("not admitted: a wrong code (1 of 100");
    empty.expect_names(&[]);
}

#[test]
fn a_code_in_mere_words_admits_the_peer_too() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"");
    let server = User::with("ZEBR-actor LUNA").serve(&["--store", inbox.arg()]);
    let Some(peer) = upload(&server, "Zebra Actor-LUNAR", &[&file]) else { return };
    peer.finish().expect(0);
    inbox.expect("f", b"");
}

/// It speaks on before the server has admitted it.
#[test]
fn the_peer_knows_a_server_by_its_key() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::new().serve(&["--store", inbox.arg(), "--open"]);
    let Some(other) = upload(&server, "", &[&file, "sha256:AAAA"]) else { return };
    let other = other.finish();
    assert_eq!(other.code, 8, "{}", other.stderr);
    inbox.expect_names(&[]);
    upload(&server, "", &[&file, &server.says("key")]).expect("Python").finish().expect(0);
    inbox.expect("f", b"hello");
    // Without --open the server wants a code all the same.
    let inbox = Place::new();
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let refused = upload(&server, "", &[&file, &server.says("key")]).expect("Python").finish();
    assert_eq!(refused.code, 8, "{}", refused.stderr);
    assert!(refused.stderr.contains("refused with reason 1"), "{}", refused.stderr);
    inbox.expect_names(&[]);
}

#[test]
fn both_of_ours_say_that_the_key_exchange_is_hybrid() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "-vv"]);
    let client = User::with(CODE).run(&["upload", "-vv", &file, &server.address]);
    assert_eq!(client.code, 0, "{}", client.stderr);
    for words in ["TLSv1_3", HYBRID] {
        assert!(client.stderr.contains(words), "{}", client.stderr);
        server.logs(words);
    }
}
