//! Clients that know their server send `HELLO` without waiting for its answer.

use sendall::net::tls::key::Key;
use sendall::proto::secure::Rights;
use sendall::proto::secure::message::{ClientMessage, ServerMessage};
use sendall::proto::secure::refusal::{Reason, Refusal, Wanted};

use super::super::scene::User;
use super::peer::{Impostor, Peer};
use crate::harness::In;
use crate::transfer::xfer::Place;

#[test]
fn a_server_that_is_known_gets_the_names_at_once_and_is_not_trusted_before_its_answer() {
    let place = Place::new();
    let file = place.write("name", b"content");
    let accept = b"\x89SALL";
    let refused = ServerMessage::Refused(Refusal::new(Reason::KeyNotKnown, Wanted::KEY)).encode();
    let share = ServerMessage::Share([1; 32]).encode();
    for (answer, words) in [
        ([&refused[..], accept].concat(), "does not know the key of this client"),
        ([&share[..], accept].concat(), "out of its turn"),
        (accept.to_vec(), "broke the rules of admission"),
        (
            ServerMessage::Admitted(Rights::ALL).encode()[..4].to_vec(),
            "ended the connection during admission",
        ),
        (Vec::new(), "ended the connection during admission"),
    ] {
        let (impostor, user) = (Impostor::new(), User::new());
        let pin = impostor.pin.to_string();
        let client =
            user.start(&["upload", &file, &impostor.address, "--pin", &pin, "--retry", "3"], In::Null);
        let mut peer = impostor.accept();
        assert_eq!(peer.hear_message(), ClientMessage::Key.encode());
        let hello = peer.hear(5 + 20);
        assert!(hello.starts_with(accept), "{hello:?}");
        peer.say(&answer);
        peer.close();
        let finished = client.finish().expect(8);
        assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
        assert!(!impostor.has_client(), "{words}: it has come again");
        assert!(user.known().is_empty(), "{words}");
    }
}

#[test]
fn a_client_that_has_begun_already_gets_its_refusal() {
    let inbox = Place::new();
    let list = inbox.write("clients", b"");
    let store = inbox.folder("inbox");
    let server = User::new().serve(&["--store", &store, "--clients", &list]);
    let key = Key::generate().expect("a key");
    let mut peer = Peer::connect(&server.address, Some(&key));
    // More than one read of the server takes.
    assert!(peer.say(&[&ClientMessage::Key.encode()[..], &vec![0x89; 60_000]].concat()));
    let message = peer.hear_message();
    assert_eq!((message.first(), message.get(4)), (Some(&0x8f), Some(&Reason::KeyNotKnown.code())));
    assert!(peer.hear_all().is_empty());
    drop(peer);
    server.logs(&format!("not admitted: {} is not in the list of clients", key.pin()));
}
