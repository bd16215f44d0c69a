//! Codes and keys: shown nowhere, whatever fails, and read from nothing that others had a hand in.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use sendall::net::tls::key::Key;
use sendall::proto::secure::message::ServerMessage;
use sendall::proto::secure::refusal::{Reason, Refusal, Wanted};

use super::super::scene::{CODE, User};
use super::peer::Impostor;
use crate::harness::In;
use crate::transfer::xfer::Place;

#[test]
fn no_output_of_a_failure_holds_the_code() {
    let place = Place::new();
    let (file, in_file) = (place.write("f", b"hello"), place.write("code", CODE.as_bytes()));
    for options in [&["-vv"][..], &["--json", "-vv"]] {
        for is_in_file in [false, true] {
            let impostor = Impostor::new();
            let (user, code) = match is_in_file {
                true => (User::new(), &["--code-file", &in_file][..]),
                false => (User::with(CODE), &[][..]),
            };
            let args = [&["upload", &file, &impostor.address], options, code].concat();
            let client = user.start(&args, In::Null);
            let mut peer = impostor.accept();
            peer.hear_message();
            let line = std::fs::read(format!("/proc/{}/cmdline", client.id())).expect("a process");
            let refusal = Refusal::new(Reason::WrongCode, Wanted::CODE);
            peer.say(&ServerMessage::Refused(refusal).encode());
            let finished = client.finish();
            assert_eq!(finished.code, 8, "{}", finished.stderr);
            for text in [line, finished.stdout, finished.stderr.into_bytes()] {
                let text = String::from_utf8_lossy(&text);
                assert!(CODE.split('-').all(|word| !text.contains(word)), "{text}");
            }
        }
    }
}

#[test]
fn keys_that_others_had_a_hand_in_are_refused() {
    let place = Place::new();
    let whole = Key::generate().expect("a key").to_pem().expect("PEM");
    let private = |name: &str, bytes: &[u8]| {
        let path = place.write(name, bytes);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    };
    let refused = |path: &str, words: &str| {
        for args in [
            &["serve", "0.0.0.0:0", "--store", place.arg(), "--key", path][..],
            &["upload", path, "127.0.0.1:9", "--trust-new", "--key", path],
        ] {
            let finished = User::new().run(args).expect(2);
            assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
            assert!(!finished.stderr.contains("PRIVATE KEY-----\nM"), "{}", finished.stderr);
        }
    };
    for cut in [40, whole.len() / 2, whole.len() - 12] {
        refused(&private("cut", &whole.as_bytes()[..cut]), "cut");
    }
    let (open, link) = (place.write("open", whole.as_bytes()), place.at("link"));
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    symlink(&open, &link).expect("a link");
    refused(&link, "chmod 600");
    let nowhere = place.at("nowhere");
    symlink("/nowhere/at/all", &nowhere).expect("a link");
    refused(&nowhere, "does not exist");
    refused(&place.folder("folder"), "folder");
}
