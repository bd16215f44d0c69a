//! Attacks: somebody in between with TLS of their own to each side, servers and clients that do what they like. What is
//! wanted each time: the honest client has sent shares and proofs at most, and trusts nobody; the honest server admits nobody.

use std::time::Duration;

use curve25519_dalek::{RistrettoPoint, Scalar};

use super::super::Rights;
use super::super::client::{ClientAdmission, Credential, NotTrusted, inputs};
use super::super::code::Code;
use super::super::cpace::{BadShare, Exchange, Party};
use super::super::message::{ClientMessage, ServerMessage};
use super::super::refusal::{Reason, Refusal, Wanted};
use super::super::server::{ServerAdmission, Status, Violation};
use super::super::session::SessionSecret;
use super::{CLIENT_KEY, HOME, Server, admit, any_time, client_end, code, end, once, random, server_end};
use crate::proto::secure::pin::Pin;

pub(super) const OTHER_KEY: Pin = Pin([0xEE; 32]);

pub(super) fn with_code(code: &Code, connection: u64) -> ClientAdmission {
    ClientAdmission::new(Credential::Code(code), client_end(connection), &random(connection)).expect("begins")
}

pub(super) fn server_on(connection: u64) -> ServerAdmission {
    ServerAdmission::new(server_end(connection), HOME, &random(connection + 1000))
}

fn is_pending(server: &ServerAdmission) -> bool {
    matches!(server.status(), Status::Pending)
}

/// The client's answer to `messages` of a server, and what it has sent until then.
pub(super) fn answers(
    client: &mut ClientAdmission,
    messages: &[ServerMessage],
) -> (Option<NotTrusted>, Vec<u8>) {
    let mut sent = client.take_outgoing();
    for message in messages {
        if let Err(fault) = client.receive(&message.encode()) {
            assert!(client.admission().is_none() && client.wanted() == 0);
            return (Some(fault), [sent, client.take_outgoing()].concat());
        }
        sent.extend(client.take_outgoing());
    }
    (None, sent)
}

fn share_of(bytes: &[u8]) -> [u8; 32] {
    *bytes[4..].first_chunk().expect("a share")
}

/// The server's answer to a client that has sent `messages`.
pub(super) fn admission_of(
    messages: &[ClientMessage],
    policy: &Server,
    connection: u64,
) -> Result<ServerAdmission, Violation> {
    let mut server = server_on(connection);
    for message in messages {
        server.receive(&message.encode(), policy, any_time())?;
    }
    Ok(server)
}

/// A server's share that follows from no code.
fn share_of_seven() -> ServerMessage {
    ServerMessage::Share(RistrettoPoint::mul_base(&Scalar::from(7u8)).compress().to_bytes())
}

#[test]
fn admission_that_is_relayed_between_two_connections_fails() {
    let (server, code, now) = (Server::with_code(once()), code(), any_time());
    // The client is on connection 1, which ends at somebody who has connection 2 to the server, and passes on all bytes.
    let (mut a, mut b) = (with_code(&code, 1), server_on(2));
    let share = a.take_outgoing();
    b.receive(&share, &server, now).expect("a share");
    a.receive(&b.take_outgoing()).expect("a share");
    b.receive(&a.take_outgoing(), &server, now).expect("a proof");
    assert!(b.take_outgoing().is_empty());
    let due = b.deadline().expect("the answer is held back");
    assert_eq!(due, now + Duration::from_secs(1));
    b.advance(due);
    let refused = Refusal::new(Reason::WrongCode, Wanted::CODE);
    assert_eq!(a.receive(&b.take_outgoing()), Err(NotTrusted::Refused(refused)));
    assert!(b.into_admitted().is_none());
    assert_eq!(server.account().wrong_proofs(), 1);
}

#[test]
fn a_server_without_the_code_is_not_trusted() {
    let code = code();
    // It plays open: at once, after the shares, and with any rights.
    let share = share_of_seven();
    let admitted = ServerMessage::Admitted(Rights::ALL);
    let fault = answers(&mut with_code(&code, 1), std::slice::from_ref(&admitted)).0;
    assert_eq!(fault, Some(NotTrusted::NoProof));
    let fault = answers(&mut with_code(&code, 1), &[share.clone(), admitted]).0;
    assert_eq!(fault, Some(NotTrusted::NoProof));
    // It guesses a proof, or says that it has one before the shares.
    let fault = answers(&mut with_code(&code, 1), &[share.clone(), ServerMessage::Proof([0; 64])]).0;
    assert_eq!(fault, Some(NotTrusted::WrongProof));
    let fault = answers(&mut with_code(&code, 1), &[ServerMessage::Proof([0; 64])]).0;
    assert_eq!(fault, Some(NotTrusted::OutOfTurn));
    let fault = answers(&mut with_code(&code, 1), &[share.clone(), share]).0;
    assert_eq!(fault, Some(NotTrusted::OutOfTurn));
    // One that has its proof may have guessed once: whatever follows, it is a matter of trust.
    let mut client = with_code(&code, 1);
    assert!(!client.has_proven());
    client.receive(&share_of_seven().encode()).expect("a share");
    assert!(client.has_proven());
    // What the client has sent: a share and a proof, each exactly as long.
    let share = share_of_seven();
    let (_, sent) = answers(&mut with_code(&code, 1), &[share, ServerMessage::Proof([1; 64])]);
    assert_eq!((sent.len(), sent[0], sent[36]), (4 + 32 + 4 + 64, 0x02, 0x03));
}

#[test]
fn a_server_with_a_wrong_guess_learns_that_it_is_wrong_and_nothing_else() {
    let (right, guess) = (code(), Code::parse("zoo-zoo-zoo").expect("a code"));
    let mut client = with_code(&right, 1);
    let share = share_of(&client.take_outgoing());
    let channel = server_end(1);
    let theirs = Exchange::new(Party::Responder, &inputs(&guess, &channel), &random(9));
    let answer = ServerMessage::Share(theirs.share());
    let keys = theirs.finish(&share).expect("a share");
    client.receive(&answer.encode()).expect("a share");
    let proof = client.take_outgoing();
    assert!(!keys.accepts(proof[4..].first_chunk().expect("a tag")));
    let fault = client.receive(&ServerMessage::Proof(*keys.own_tag()).encode());
    assert_eq!(fault, Err(NotTrusted::WrongProof));
    assert!(NotTrusted::WrongProof.to_string().contains("nothing was sent; ask for a new code"));
}

#[test]
fn reflected_messages_are_not_trusted() {
    let code = code();
    let mut client = with_code(&code, 1);
    let share = share_of(&client.take_outgoing());
    let fault = client.receive(&ServerMessage::Share(share).encode());
    assert_eq!(fault, Err(NotTrusted::BadShare(BadShare::Reflected)));
    assert!(client.take_outgoing().is_empty());
    // The client's own tag, after a share that the attacker has made.
    let mut client = with_code(&code, 1);
    client.take_outgoing();
    let other = RistrettoPoint::mul_base(&Scalar::from(7u8)).compress().to_bytes();
    client.receive(&ServerMessage::Share(other).encode()).expect("a share");
    let tag = *client.take_outgoing()[4..].first_chunk().expect("a tag");
    assert_eq!(client.receive(&ServerMessage::Proof(tag).encode()), Err(NotTrusted::WrongProof));
    // The server's, in the same way.
    let (policy, now) = (Server::with_code(once()), any_time());
    let mut server = server_on(1);
    server.receive(&ClientMessage::Share(other).encode(), &policy, now).expect("a share");
    let share = share_of(&server.take_outgoing());
    let fault = admission_of(&[ClientMessage::Share(share)], &policy, 1).map(drop);
    assert_eq!(fault, Err(Violation::BadShare(BadShare::Reflected)));
    server.receive(&ClientMessage::Proof([0; 64]).encode(), &policy, now).expect("a wrong proof");
    assert!(server.into_admitted().is_none());
}

/// Encodings that are no share: neutral, not below p, negative, no square.
const BAD_SHARES: [([u8; 32], BadShare); 5] = {
    let mut large = [0xFF; 32];
    large[31] = 0x7F;
    let mut p = large;
    p[0] = 0xED;
    let mut one = [0; 32];
    one[0] = 1;
    [
        ([0; 32], BadShare::Neutral),
        (large, BadShare::NotAPoint),
        (p, BadShare::NotAPoint),
        (one, BadShare::NotAPoint),
        ([0xFF; 32], BadShare::NotAPoint),
    ]
};

#[test]
fn neutral_and_non_canonical_shares_end_it() {
    let (code, policy) = (code(), Server::with_code(once()));
    for (bad, fault) in BAD_SHARES {
        let mut client = with_code(&code, 1);
        let share = client.take_outgoing();
        assert_eq!(
            client.receive(&ServerMessage::Share(bad).encode()),
            Err(NotTrusted::BadShare(fault)),
            "{bad:02x?}"
        );
        // No proof that would be right for a shared point that anybody knows.
        assert!(client.take_outgoing().is_empty() && share.len() == 36);
        let ended = admission_of(&[ClientMessage::Share(bad)], &policy, 1).map(drop);
        assert_eq!(ended, Err(Violation::BadShare(fault)));
    }
    // No run is left over, and none of it was a guess.
    assert_eq!(policy.account().wrong_proofs(), 0);
    assert!(admit(&policy, Credential::Code(&code), 5, HOME, any_time()).0.is_ok());
}

#[test]
fn recorded_messages_are_worth_nothing() {
    let (mut policy, code, now) = (Server::with_code(once()), code(), any_time());
    // A whole admission on connection 1 is recorded.
    let (mut client, mut server) = (with_code(&code, 1), server_on(1));
    let share = client.take_outgoing();
    server.receive(&share, &policy, now).expect("a share");
    let answer = server.take_outgoing();
    client.receive(&answer).expect("a share");
    let proof = client.take_outgoing();
    server.receive(&proof, &policy, now).expect("a proof");
    let admitted = server.take_outgoing();
    client.receive(&admitted).expect("the server's proof");
    let session = client.admission().expect("admitted").session.clone();
    let kept = server.into_admitted().expect("admitted");
    policy.sessions.insert([3; 16], kept.session.clone());
    drop(kept);
    // The client's part, to the server.
    let mut replayed = server_on(2);
    replayed.receive(&share, &policy, now).expect("a share");
    replayed.receive(&proof, &policy, now).expect("a wrong proof");
    assert!(is_pending(&replayed) && replayed.deadline().is_some());
    // The server's part, to the client: with the recorded share, and after a live one.
    let mut victim = with_code(&code, 3);
    assert_eq!(victim.receive(&admitted), Err(NotTrusted::OutOfTurn));
    let mut victim = with_code(&code, 3);
    victim.receive(&answer).expect("a share");
    assert_eq!(victim.receive(&admitted), Err(NotTrusted::WrongProof));
    // A session's tag.
    let further = Credential::Session { id: [3; 16], session: &session };
    let shown = ClientAdmission::new(further, client_end(4), &random(4)).expect("begins").take_outgoing();
    let on = |connection, key| {
        let mut server = ServerAdmission::new(end(connection, key), HOME, &random(connection));
        server.receive(&shown, &policy, now).expect("a message");
        server.into_admitted().is_some()
    };
    assert!(on(4, Some(CLIENT_KEY)));
    assert!(!on(5, Some(CLIENT_KEY)), "another connection");
    assert!(!on(4, Some(OTHER_KEY)), "another client");
    assert!(!on(4, None), "a client without a key");
}

#[test]
fn a_session_is_for_its_server_and_its_client() {
    let (mut policy, code, now) = (Server::with_code(once()), code(), any_time());
    let (session, admitted) = admit(&policy, Credential::Code(&code), 1, HOME, now).0.expect("admitted");
    policy.sessions.insert([3; 16], admitted.session);
    // Another server, or one without a key, sees nothing of it.
    for key in [Some(OTHER_KEY), None] {
        let further = Credential::Session { id: [3; 16], session: &session };
        let begun = ClientAdmission::new(further, end(2, key), &random(2)).map(drop);
        assert_eq!(begun, Err(NotTrusted::OtherKey));
    }
    // Wrong in any bit, of another session, or of none: the answer is the same.
    let further = Credential::Session { id: [3; 16], session: &session };
    let right = ClientAdmission::new(further, client_end(2), &random(2)).expect("begins").take_outgoing();
    for bit in 32..8 * right.len() {
        let mut wrong = right.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        let mut server = server_on(2);
        server.receive(&wrong, &policy, now).expect("a message");
        let Status::Refused(refusal) = server.status() else { panic!("bit {bit}") };
        assert_eq!(*refusal, Refusal::new(Reason::SessionNotKnown, Wanted::CODE));
    }
}

#[test]
fn keys_of_a_code_and_of_a_channel_differ() {
    // Whoever is admitted without a code has no session of somebody who has one, on the same connection.
    let (code, channel) = (code(), server_end(1));
    let policy = Server::with_code(once());
    let (by_code, _) = admit(&policy, Credential::Code(&code), 1, HOME, any_time()).0.expect("admitted");
    let by_channel = SessionSecret::by_channel(&channel, Rights::ALL);
    assert_ne!(by_code.tag(&channel), by_channel.tag(&channel));
}

#[test]
fn messages_out_of_turn_end_it() {
    let code = code();
    let policy = Server { open: Some(Rights::ALL), ..Server::with_code(once()) };
    let share = with_code(&code, 1).take_outgoing();
    let share = ClientMessage::Share(share_of(&share));
    let all = || {
        [
            ClientMessage::Open,
            share.clone(),
            ClientMessage::Key,
            ClientMessage::Session { id: [0; 16], tag: [0; 64] },
        ]
    };
    // A proof first.
    let ended = admission_of(&[ClientMessage::Proof([0; 64])], &policy, 1).map(drop);
    assert_eq!(ended, Err(Violation::OutOfTurn));
    // Anything but a proof after the share: no way around a guess that is counted.
    for second in all() {
        let ended = admission_of(&[share.clone(), second], &policy, 1).map(drop);
        assert_eq!(ended, Err(Violation::OutOfTurn));
    }
    // After the end nothing is taken.
    for first in all() {
        let mut server = admission_of(&[first], &policy, 1).expect("a first message");
        if server.wanted() == 0 {
            assert_eq!(server.receive(&share.encode(), &policy, any_time()), Ok(0));
        }
    }
    // While an answer is held back, neither.
    let mut server =
        admission_of(&[share.clone(), ClientMessage::Proof([0; 64])], &policy, 1).expect("a wrong proof");
    assert_eq!(server.receive(&share.encode(), &policy, any_time()), Ok(0));
    // A client that has shown no code takes no proof, and no share.
    for message in [ServerMessage::Share(share_of(&share.encode())), ServerMessage::Proof([0; 64])] {
        for credential in [Credential::Open, Credential::Key] {
            let mut client = ClientAdmission::new(credential, client_end(1), &random(1)).expect("begins");
            assert_eq!(answers(&mut client, std::slice::from_ref(&message)).0, Some(NotTrusted::OutOfTurn));
        }
    }
}

#[test]
fn a_cut_at_every_byte_admits_nobody() {
    let (code, now) = (code(), any_time());
    let policy = Server::with_code(once());
    let (mut client, mut server) = (with_code(&code, 1), server_on(1));
    let mut to_client = Vec::new();
    let mut to_server = client.take_outgoing();
    server.receive(&to_server, &policy, now).expect("a share");
    to_client.extend(server.take_outgoing());
    client.receive(&to_client).expect("a share");
    to_server.extend(client.take_outgoing());
    server.receive(&to_server[36..], &policy, now).expect("a proof");
    to_client.extend(server.take_outgoing());
    drop(server);
    for cut in 0..to_client.len() {
        let mut client = with_code(&code, 1);
        assert_eq!(client.receive(&to_client[..cut]), Ok(cut));
        assert!(client.admission().is_none() && client.wanted() > 0);
    }
    for cut in 0..to_server.len() {
        let mut server = server_on(1);
        assert_eq!(server.receive(&to_server[..cut], &policy, now), Ok(cut));
        assert!(is_pending(&server) && server.wanted() > 0);
        drop(server);
        // No run is left over.
        assert_eq!(policy.account().wrong_proofs(), 0);
    }
    // Nor is a use of the code.
    assert!(admit(&policy, Credential::Code(&code), 5, HOME, now).0.is_ok());
}

#[test]
fn half_open_runs_do_not_keep_an_honest_client_out() {
    let (policy, code, now) = (Server::with_code(once()), code(), any_time());
    let share = with_code(&code, 1).take_outgoing();
    let attacker = "203.0.113.9".parse().expect("an address");
    let mut open = Vec::new();
    for turn in 0..200 {
        let mut server = ServerAdmission::new(server_end(turn), attacker, &random(5000 + turn));
        server.receive(&share, &policy, now).expect("a share");
        open.push(server);
    }
    assert!(admit(&policy, Credential::Code(&code), 5, HOME, now).0.is_ok());
}
