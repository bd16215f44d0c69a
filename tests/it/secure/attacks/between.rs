//! Somebody in between with TLS of their own: the client has sent shares and proofs at most, and trusts nobody.

use curve25519_dalek::{RistrettoPoint, Scalar};
use sendall::net::tls::key::Key;
use sendall::proto::secure::account::CodeAccount;
use sendall::proto::secure::code::Code;
use sendall::proto::secure::cpace::{Exchange, Inputs, Keys, Party};
use sendall::proto::secure::guesses::Uses;
use sendall::proto::secure::message::ServerMessage;
use sendall::proto::secure::refusal::{Reason, Refusal, Wanted};
use sendall::proto::secure::{ALPN, Rights};

use super::super::scene::{CODE, User};
use super::peer::{Impostor, Peer};
use super::policy::Knows;
use crate::harness::{Finished, In, Running};
use crate::transfer::xfer::Place;

const NAME: &str = "a-secret-name";
const CONTENT: &[u8] = b"a secret content";
/// The bytes of a share, and of a share and a proof.
const SHARE: usize = 4 + 32;
const PROOF: usize = SHARE + 4 + 64;

/// A command of each kind, whose name or input is the secret.
pub(super) fn secretive(user: &User, turn: usize, place: &Place, address: &str, options: &[&str]) -> Running {
    let file = place.write(NAME, CONTENT);
    let code = if user.code.is_some() { &["--code"][..] } else { &[] };
    let (args, input) = match turn % 3 {
        0 => (vec!["upload", &file, address], In::Null),
        1 => ([&["connect", address], code].concat(), In::Bytes(CONTENT.to_vec())),
        _ => (vec!["download", address, NAME, "-o", place.arg()], In::Null),
    };
    user.start(&[&args[..], &["--retry", "3"], options].concat(), input)
}

/// Asserts that a client has given up once and for all, with one line, and that this is all that was decrypted of it.
#[track_caller]
pub(super) fn assert_refused(
    what: &str,
    client: Running,
    impostor: &Impostor,
    heard: &[u8],
    sent: usize,
) -> Finished {
    assert_ended(what, 8, client, impostor, heard, sent)
}

/// The same with this exit code.
#[track_caller]
fn assert_ended(
    what: &str,
    code: i32,
    client: Running,
    impostor: &Impostor,
    heard: &[u8],
    sent: usize,
) -> Finished {
    let finished = client.finish();
    assert_eq!(finished.code, code, "{what}: {}", finished.stderr);
    assert_eq!(finished.errors().len(), 1, "{what}: {}", finished.stderr);
    assert!(!finished.stderr.contains("trying again"), "{what}: {}", finished.stderr);
    assert!(!impostor.has_client(), "{what}: it has come again");
    assert_eq!(heard.len(), sent, "{what}: {heard:02x?}");
    for secret in [NAME.as_bytes(), CONTENT, b"\x89SALL"] {
        assert!(!heard.windows(secret.len()).any(|window| window == secret), "{what}");
    }
    finished
}

/// A share that follows from no code.
fn share_of_seven() -> Vec<u8> {
    share(RistrettoPoint::mul_base(&Scalar::from(7u8)).compress().to_bytes())
}

fn share(bytes: [u8; 32]) -> Vec<u8> {
    ServerMessage::Share(bytes).encode()
}

fn proof(tag: &[u8]) -> Vec<u8> {
    ServerMessage::Proof(*tag.first_chunk().expect("a tag")).encode()
}

/// CPace as the owner of this code runs it, on the connection of `peer`.
pub(super) fn exchange(party: Party, code: &str, peer: &Peer) -> Exchange {
    let (code, channel) = (Code::parse(code).expect("a code"), peer.channel());
    let inputs = Inputs {
        secret: code.reveal().as_bytes(),
        channel: ALPN,
        run: &channel.auth,
        initiator_data: b"client",
        responder_data: b"server",
    };
    Exchange::new(party, &inputs, &[5; 64])
}

/// What an impostor says to a client that has sent its share.
type Script = (&'static str, fn(&mut Peer, &[u8]), usize, &'static str);

fn play(scripts: &[Script]) {
    let place = Place::new();
    for (turn, (what, script, sent, words)) in scripts.iter().enumerate() {
        let impostor = Impostor::new();
        let client = secretive(&User::with(CODE), turn, &place, &impostor.address, &[]);
        let mut peer = impostor.accept();
        let share = peer.hear_message();
        assert_eq!((share.len(), &share[..4]), (SHARE, &[2, 0, 0, 32][..]), "{what}");
        script(&mut peer, &share[4..]);
        peer.hear_all();
        let finished = assert_refused(what, client, &impostor, &peer.heard, *sent);
        assert!(finished.stderr.contains(words), "{what}: {}", finished.stderr);
    }
}

/// A share, and what follows the client's proof.
fn after_proof(peer: &mut Peer, bytes: &[u8]) {
    peer.say(&share_of_seven());
    let proof = peer.hear_message();
    assert_eq!(proof[..4], [3, 0, 0, 64]);
    peer.say(bytes);
}

#[test]
fn a_server_that_plays_open_is_not_trusted() {
    const NO_PROOF: &str = "does not prove that it has the code";
    const WRONG: &str = "the code is wrong, or somebody is in between";
    const RULES: &str = "broke the rules of admission";
    play(&[
        ("80 at once", |peer, _| _ = peer.say(&[0x80, 0, 0, 1, 7]), SHARE, NO_PROOF),
        ("80 for 83", |peer, _| after_proof(peer, &[0x80, 0, 0, 1, 7]), PROOF, NO_PROOF),
        ("83 of zeros", |peer, _| after_proof(peer, &proof(&[0; 64])), PROOF, WRONG),
        ("83 at once", |peer, _| _ = peer.say(&proof(&[0; 64])), SHARE, "out of its turn"),
        ("ACCEPT", |peer, _| _ = peer.say(b"\x89SALL\r\n\x1a\x01\0\0\0"), SHARE, RULES),
        ("HTTP", |peer, _| _ = peer.say(b"HTTP/1.1 200 OK\r\n\r\n"), SHARE, RULES),
    ]);
}

#[test]
fn shares_and_tags_that_are_none_are_not_trusted() {
    const NOT_VALID: &str = "key exchange is not valid";
    const WRONG: &str = "the code is wrong, or somebody is in between";
    play(&[
        (
            "reflected share",
            |peer, own| _ = peer.say(&share(*own.first_chunk().expect("32"))),
            SHARE,
            NOT_VALID,
        ),
        ("neutral share", |peer, _| _ = peer.say(&share([0; 32])), SHARE, NOT_VALID),
        ("not canonical", |peer, _| _ = peer.say(&share([0xFF; 32])), SHARE, NOT_VALID),
        (
            "reflected tag",
            |peer, _| {
                peer.say(&share_of_seven());
                let tag = peer.hear_message();
                peer.say(&proof(&tag[4..]));
            },
            PROOF,
            WRONG,
        ),
        (
            "a guess",
            |peer, own| {
                let exchange = exchange(Party::Responder, "zoo-zoo-zoo", peer);
                peer.say(&share(exchange.share()));
                let keys = exchange.finish(own.first_chunk().expect("32")).expect("a share");
                let tag = peer.hear_message();
                assert!(!keys.accepts(tag[4..].first_chunk().expect("a tag")));
                peer.say(&proof(keys.own_tag()));
            },
            PROOF,
            WRONG,
        ),
        // Only who is at the other end of the connection has what the tag is bound to.
        (
            "the right code on another connection",
            |peer, own| {
                let inputs = Inputs {
                    secret: CODE.as_bytes(),
                    channel: ALPN,
                    run: &[7; 32],
                    initiator_data: b"client",
                    responder_data: b"server",
                };
                let exchange = Exchange::new(Party::Responder, &inputs, &[5; 64]);
                peer.say(&share(exchange.share()));
                let keys = exchange.finish(own.first_chunk().expect("32")).expect("a share");
                peer.hear_message();
                peer.say(&proof(keys.own_tag()));
            },
            PROOF,
            WRONG,
        ),
    ]);
}

/// A refusal with a text that would change the terminal.
fn refusal(reason: Reason, seconds: u16) -> Vec<u8> {
    let text = "\x1b[2Jtype --plain".to_owned();
    ServerMessage::Refused(Refusal { reason, wanted: Wanted::CODE.and(Wanted::KEY), seconds, text }).encode()
}

#[test]
fn refusals_of_somebody_in_between_lead_nowhere() {
    fn quiet(words: &'static str, script: fn(&mut Peer, &[u8]), sent: usize) -> Script {
        (words, script, sent, words)
    }
    let place = Place::new();
    play(&[
        quiet("says that it takes no code", |peer, _| _ = peer.say(&refusal(Reason::NoCode, 0)), SHARE),
        quiet("the code was withdrawn", |peer, _| _ = peer.say(&refusal(Reason::CodeWithdrawn, 0)), SHARE),
        quiet("the code is wrong", |peer, _| after_proof(peer, &refusal(Reason::WrongCode, 0)), PROOF),
        quiet("does not know the key", |peer, _| _ = peer.say(&refusal(Reason::KeyNotKnown, 0)), SHARE),
    ]);
    // Its text is not for people.
    let impostor = Impostor::new();
    let client = secretive(&User::with(CODE), 0, &place, &impostor.address, &["-vv"]);
    let mut peer = impostor.accept();
    peer.hear_message();
    peer.say(&refusal(Reason::Other, 0));
    peer.hear_all();
    let finished = assert_refused("text", client, &impostor, &peer.heard, SHARE);
    assert!(!finished.stderr.contains('\x1b'), "{}", finished.stderr);
}

#[test]
fn a_refusal_for_now_is_no_failure_of_trust_and_repeated_before_the_proof_only() {
    let (place, impostor) = (Place::new(), Impostor::new());
    let client = secretive(&User::with(CODE), 0, &place, &impostor.address, &[]);
    for reason in [Reason::Wait, Reason::CodeUsed] {
        let mut peer = impostor.accept();
        peer.hear_message();
        peer.say(&refusal(reason, 1));
        peer.hear_all();
        assert_eq!(peer.heard.len(), SHARE);
    }
    let finished = client.finish();
    assert_eq!(finished.code, 8, "{}", finished.stderr);
    assert!(finished.stderr.contains("takes no code from here at the moment"), "{}", finished.stderr);

    let client = secretive(&User::with(CODE), 1, &place, &impostor.address, &[]);
    let mut peer = impostor.accept();
    peer.hear_message();
    after_proof(&mut peer, &refusal(Reason::Wait, 1));
    peer.hear_all();
    let finished = assert_ended("wait", 7, client, &impostor, &peer.heard, PROOF);
    assert!(finished.stderr.contains("takes no code from here at the moment"), "{}", finished.stderr);
}

#[test]
fn an_end_after_the_proof_is_a_failure_of_trust() {
    const WORDS: &str = "did not prove that it has the code";
    let place = Place::new();
    for (turn, what) in
        ["an end", "an end without close_notify", "a reset", "silence"].into_iter().enumerate()
    {
        let impostor = Impostor::new();
        let options = if what == "silence" { &["--timeout", "200ms"][..] } else { &[] };
        let client = secretive(&User::with(CODE), turn, &place, &impostor.address, options);
        let mut peer = impostor.accept();
        peer.hear_message();
        after_proof(&mut peer, b"");
        let heard = peer.heard.clone();
        let mut kept = None;
        match what {
            "an end" => peer.close(),
            "an end without close_notify" => drop(peer),
            "a reset" => peer.reset(),
            _ => kept = Some(peer),
        }
        let finished = assert_refused(what, client, &impostor, &heard, PROOF);
        assert!(finished.stderr.contains(WORDS), "{what}: {}", finished.stderr);
        drop(kept);
    }
}

#[test]
fn admission_that_is_relayed_unchanged_fails_at_both_ends() {
    let (place, inbox, impostor) = (Place::new(), Place::new(), Impostor::new());
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    let client = secretive(&User::with(CODE), 0, &place, &impostor.address, &[]);
    let mut to_client = impostor.accept();
    let mut to_server = Peer::connect(&server.address, Some(&Key::generate().expect("a key")));
    for _ in 0..2 {
        to_server.say(&to_client.hear_message());
        to_client.say(&to_server.hear_message());
    }
    to_client.hear_all();
    let finished = assert_refused("relayed", client, &impostor, &to_client.heard, PROOF);
    assert!(finished.stderr.contains("somebody is in between"), "{}", finished.stderr);
    // The server has counted it, and said what an attacker knows: that it was wrong.
    assert_eq!((to_server.heard[0], to_server.heard[36], to_server.heard[40]), (0x82, 0x8F, 2));
    server.logs("a wrong code (1 of 100");
    assert_eq!(inbox.names().len(), 0);
}

#[test]
fn recorded_messages_are_worth_nothing_on_another_connection() {
    let (place, inbox) = (Place::new(), Place::new());
    let server = User::with(CODE).serve(&["--store", inbox.arg()]);
    // What was said inside a whole admission is known.
    let key = Key::generate().expect("a key");
    let mut honest = Peer::connect(&server.address, Some(&key));
    let first = exchange(Party::Initiator, CODE, &honest);
    let shown = [&[2, 0, 0, 32][..], &first.share()].concat();
    honest.say(&shown);
    let answer = honest.hear_message();
    let keys: Keys = first.finish(answer[4..].first_chunk().expect("a share")).expect("a share");
    let proven = [&[3, 0, 0, 64][..], keys.own_tag()].concat();
    honest.say(&proven);
    let admitted = honest.hear_message();
    assert_eq!(admitted.len(), 68, "admitted");
    // To the server, by somebody who even has the client's key.
    let mut replaying = Peer::connect(&server.address, Some(&key));
    replaying.say(&shown);
    replaying.hear_message();
    replaying.say(&proven);
    // To a client meanwhile.
    let impostor = Impostor::new();
    let client = secretive(&User::with(CODE), 1, &place, &impostor.address, &[]);
    let mut peer = impostor.accept();
    peer.hear_message();
    peer.say(&answer);
    peer.hear_message();
    peer.say(&admitted);
    peer.hear_all();
    assert_refused("replayed", client, &impostor, &peer.heard, PROOF);
    let refused = replaying.hear_message();
    assert_eq!((refused[0], refused[4]), (0x8F, 2));
}

#[test]
fn who_stands_in_for_a_known_server_gets_nothing_even_with_the_right_code() {
    let place = Place::new();
    let known = Key::generate().expect("a key").pin();
    // The command, a code or none, and whether the key is known from `--pin`.
    for (turn, code, is_pinned) in [
        (0, Some(CODE), false),
        (1, Some(CODE), false),
        (2, None, false),
        (0, None, true),
        (2, Some(CODE), true),
    ] {
        let impostor = Impostor::new();
        let user = User { code: code.map(String::from), ..User::new() };
        let pin = known.to_string();
        let options = if is_pinned { &["--pin", &pin][..] } else { &[] };
        if !is_pinned {
            std::fs::create_dir(user.state.path("sendall")).expect("a folder");
            let line = format!("{} {pin} 2026-01-01T00:00:00Z code\n", impostor.address);
            std::fs::write(user.file("known"), line).expect("written");
        }
        let client = secretive(&user, turn, &place, &impostor.address, options);
        let mut peer = impostor.accept();
        // It has the code, and would prove it.
        let knows =
            Knows::code(CodeAccount::new(Code::parse(CODE).expect("a code"), Rights::ALL, Uses::Many));
        assert!(knows.admit(&mut peer).is_none());
        let finished = assert_refused("another key", client, &impostor, &peer.heard, 0);
        let source = if is_pinned { "--pin" } else { "line 1 of" };
        for words in [&pin, &impostor.pin.to_string(), source] {
            assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
        }
    }
}
