//! Further connections: a session is for the client that began it, on the server where it did, and for nothing else.

use std::time::Duration;

use sendall::net::tls::key::Key;
use sendall::proto::SessionId;
use sendall::proto::secure::account::CodeAccount;
use sendall::proto::secure::client::{Admission, ClientAdmission, Credential, NotTrusted};
use sendall::proto::secure::code::Code;
use sendall::proto::secure::guesses::Uses;
use sendall::proto::secure::refusal::Reason;
use sendall::proto::secure::server::By;
use sendall::proto::secure::{Rights, refusal::Refusal};

use super::super::scene::{CODE, Server, User};
use super::peer::{Impostor, Peer};
use super::policy::{Knows, admitted, show};
use crate::harness::{In, LIMIT, Running, wait_until};
use crate::transfer::frames::{GET, PUT, accept_with, hello, turn, want};
use crate::transfer::xfer::{Place, is_part};

const JOIN: u8 = 4;
/// The status "not allowed" of ACCEPT.
const NOT_ALLOWED: u8 = 5;
/// The session id of an ACCEPT of the test.
const ID: SessionId = [7; 16];

/// A client that was admitted by the code and has begun an upload, in which TREE was agreed on.
fn uploading(server: &Server, key: &Key) -> (Peer, Admission, SessionId) {
    let (mut peer, admission) = admitted(&server.address, key);
    let mut greeting = hello(PUT, b"");
    greeting[15] = 1;
    peer.say(&greeting);
    let accept = peer.hear(32);
    assert_eq!((accept.len(), accept[10]), (32, 0), "{accept:02x?}");
    (peer, admission, *accept[16..].first_chunk().expect("an id"))
}

/// What a server answers to a message of admission that nobody else has a use for.
fn refusal(result: Result<Admission, NotTrusted>) -> Reason {
    match result {
        Err(NotTrusted::Refused(Refusal { reason, .. })) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_is_joined_by_its_own_client_alone() {
    let (inbox, outbox) = (Place::new(), Place::new());
    outbox.write("f", b"shared");
    let server = User::with(CODE).serve(&["--store", inbox.arg(), "--share", outbox.arg()]);
    let (key, other_key) = (Key::generate().expect("a key"), Key::generate().expect("a key"));
    let (first, admission, id) = uploading(&server, &key);
    let (_second, other_admission, other_id) = uploading(&server, &other_key);
    let connect = |key: &Key| Peer::connect(&server.address, Some(key));
    let by = |id, admission| Credential::Session { id, session: admission };
    // By the session: to join it. Not to join another one, and to begin nothing.
    for (what, greeting, status) in [
        ("its session", hello(JOIN, &id), 0),
        ("another one's", hello(JOIN, &other_id), NOT_ALLOWED),
        ("an upload", hello(PUT, b""), NOT_ALLOWED),
        ("a download", hello(GET, b"f"), NOT_ALLOWED),
    ] {
        let mut peer = connect(&key);
        show(&mut peer, by(id, &admission.session)).expect("admitted");
        peer.say(&greeting);
        let accept = peer.hear(32);
        assert_eq!(accept[10], status, "{what}: {accept:02x?}");
    }
    // By the code, with a key of one's own: not to join anybody's.
    for key in [&key, &other_key] {
        let (mut peer, _) = admitted(&server.address, key);
        peer.say(&hello(JOIN, &id));
        assert_eq!(peer.hear(32)[10], NOT_ALLOWED);
    }
    // The session's secret and another key; another session's secret; one that nobody has.
    for (key, id, admission) in [
        (&other_key, id, &admission),
        (&key, other_id, &admission),
        (&key, id, &other_admission),
        (&key, [9; 16], &admission),
    ] {
        let reason = refusal(show(&mut connect(key), by(id, &admission.session)));
        assert_eq!(reason, Reason::SessionNotKnown);
    }
    // What was said on another connection.
    let machine = ClientAdmission::new(by(id, &admission.session), connect(&key).channel(), &[8; 64]);
    let recorded = machine.expect("begins").take_outgoing();
    let mut replaying = connect(&key);
    replaying.say(&recorded);
    assert_eq!(replaying.hear_message()[4], Reason::SessionNotKnown.code());
    // Once it is over.
    drop(first);
    let is_over = || show(&mut connect(&key), by(id, &admission.session)).is_err();
    assert!(wait_until(LIMIT, is_over), "it can still be joined");
    assert_eq!(inbox.names().iter().filter(|name| !is_part(name)).count(), 0);
}

/// A client that uploads a large file with four connections to an impostor that has the code. What it shows on the second
/// one is up to the test.
fn further(user: &User, place: &Place) -> (Running, Impostor, Peer, Knows) {
    let file = place.at("a-secret-name");
    std::fs::File::create(&file).and_then(|file| file.set_len(64 << 20)).expect("a file");
    let impostor = Impostor::new();
    let client = user.start(&["upload", &file, &impostor.address, "-j", "4", "--retry", "2", "-v"], In::Null);
    let account = CodeAccount::new(Code::parse(CODE).expect("a code"), Rights::ALL, Uses::Many);
    let mut knows = Knows::code(account);
    let mut first = impostor.accept();
    let begun = knows.admit(&mut first).expect("admitted");
    assert_eq!(begun.by, By::Code);
    knows.sessions.insert(ID, begun.session);
    first.hear(32);
    first.say(&[accept_with(0, 1), want(0), turn()].concat());
    (client, impostor, first, knows)
}

#[test]
fn further_connections_of_an_upload_show_its_session() {
    let place = Place::new();
    let (client, impostor, _first, knows) = further(&User::with(CODE), &place);
    for _ in 1..4 {
        let mut peer = impostor.accept();
        let by = knows.admit(&mut peer).expect("admitted").by;
        assert_eq!((by, peer.heard[0]), (By::Session(ID), 5));
        let greeting = peer.hear(48);
        assert_eq!((greeting[10], &greeting[32..]), (JOIN, &ID[..]));
    }
    drop(client);
}

/// The transfer goes on over the connection that is trusted.
#[test]
fn another_key_on_a_further_connection_is_shown_nothing() {
    let (place, other) = (Place::new(), Impostor::new());
    let (client, impostor, _first, knows) = further(&User::with(CODE), &place);
    let mut peer = impostor.accept_as(&other);
    assert!(knows.admit(&mut peer).is_none());
    peer.hear_all();
    assert_eq!(peer.heard, b"");
    let words = format!("the server's key is {}, and not {}", other.pin, impostor.pin);
    let is_said = |text: &[u8], ended| ended || String::from_utf8_lossy(text).contains(&words);
    assert!(client.stderr.wait(LIMIT, is_said) && client.stderr.text().contains(&words));
    let mut peer = impostor.accept();
    assert_eq!(knows.admit(&mut peer).map(|admitted| admitted.by), Some(By::Session(ID)));
}

#[test]
fn another_key_after_a_retry_is_a_failure_of_trust() {
    let (place, other) = (Place::new(), Impostor::new());
    let (client, impostor, first, knows) = further(&User::with(CODE), &place);
    first.reset();
    // Further connections may have been begun before.
    let mut tries = 0;
    while wait_until(LIMIT, || impostor.has_client() || client.ends_within(Duration::ZERO))
        && impostor.has_client()
    {
        let mut peer = impostor.accept_as(&other);
        assert!(knows.admit(&mut peer).is_none());
        peer.hear_all();
        assert_eq!(peer.heard, b"", "it was shown something");
        tries += 1;
    }
    assert!((1..=4).contains(&tries), "{tries}");
    let finished = client.finish();
    assert_eq!(finished.code, 8, "{}", finished.stderr);
    assert!(finished.stderr.contains("the first connection"), "{}", finished.stderr);
}
