//! `HOST#sha256:...`: the endpoint names the server's key.

use super::scene::{CODE, User};
use crate::harness::identity::IdentityFiles;
use crate::harness::link::{Net, TestListener};
use crate::harness::{In, payload};
use crate::transfer::xfer::Place;

const OTHER: &str = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn transfers_know_the_server_by_the_key_of_the_endpoint() {
    let (place, inbox, back) = (Place::new(), Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let server = User::new().serve(&["--store", inbox.arg(), "--share", inbox.arg(), "--open"]);
    let key = server.says("key");
    let (host, port) = server.address.split_once(':').expect("a port");
    let pinned = format!("{}#{key}", server.address);
    let client = User::new();
    client.run(&["upload", &file, &pinned]).expect(0);
    inbox.expect("f", b"hello");
    assert!(client.known()[0].starts_with(&format!("{} {key} ", server.address)), "{:?}", client.known());
    let args = ["download", host, &format!("{port}#{key}"), "f", "-o", back.arg()];
    User::new().run(&args).expect(0);
    back.expect("f", b"hello");
    // Another key: neither a name nor content leaves, with --pin or without.
    let other = place.write("other", b"kept back");
    let wrong = format!("{}#{OTHER}", server.address);
    let refused = User::new().run(&["upload", &other, &wrong, "--retry", "3"]).expect(8);
    for words in [&key, OTHER, "as the endpoint says: nothing was sent"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("trying again"), "{}", refused.stderr);
    User::new().run(&["download", &wrong, "f", "-o", place.arg(), "--force"]).expect(8);
    inbox.expect_names(&["f"]);
    // The key of a known server gives way to none that is typed.
    client.run(&["upload", &other, &wrong]).expect(8);
}

#[test]
fn what_is_no_key_is_2_and_nobody_is_called() {
    let place = Place::new();
    let file = place.write("f", b"hello");
    let listener = TestListener::bind(Net::Tcp, place.path("unused"));
    let (bad, good) = (format!("{}#sha256:x", listener.name), format!("{}#{OTHER}", listener.name));
    let pin = OTHER.replace("AAAA", "BBBB");
    for (args, hint) in [
        (&["upload", &file, &bad][..], "43 characters"),
        (&["download", &bad], "43 characters"),
        (&["connect", &bad, "--tls"], "43 characters"),
        (&["connect", &good], "--tls or --code"),
        (&["upload", &file, &good, "--pin", &pin], "one of them only"),
        (&["udp-send", &good, "x"], &listener.name),
        (&["serve", &good], &listener.name),
    ] {
        let finished = User::new().run(args).expect(2);
        assert!(finished.stderr.contains(hint), "{args:?}: {}", finished.stderr);
    }
    assert!(!listener.has_client());
}

#[test]
fn raw_streams_take_the_key_with_tls_and_with_a_code() {
    let identity = IdentityFiles::new();
    let server =
        User::new().start(&[&["serve", "127.0.0.1:0", "--echo"], &identity.shown()[..]].concat(), In::Null);
    let address = server.listening(1).remove(0);
    let code = User::with(CODE).serve(&["--code", "--echo"]);
    for (user, address, key, option) in [
        (User::new(), address, identity.pin.clone(), "--tls"),
        (User::with(CODE), code.address.clone(), code.says("key"), "--code"),
    ] {
        let bytes = payload(10_000);
        let right = user.start(&["connect", &format!("{address}#{key}"), option], In::Bytes(bytes.clone()));
        assert_eq!(right.finish().expect(0).stdout, bytes, "{option}");
        let wrong = user.start(&["connect", &format!("{address}#{OTHER}"), option], In::Bytes(bytes));
        let finished = wrong.finish().expect(8);
        assert!(
            finished.stdout.is_empty() && finished.stderr.contains("the endpoint"),
            "{}",
            finished.stderr
        );
    }
}
