//! Both machines with honest peers: each way in, each refusal, in pieces of any size.

use std::num::NonZeroU32;
use std::time::Duration;

use super::super::client::{ClientAdmission, Credential, NotTrusted};
use super::super::code::Code;
use super::super::guesses::Uses;
use super::super::refusal::{Reason, Refusal, Wanted};
use super::super::server::{By, ServerAdmission, Status};
use super::super::{Channel, Rights};
use super::{
    CLIENT_KEY, HOME, SERVER_KEY, Server, admit, any_time, client_end, code, converse, end, once, random,
    server_end,
};

fn refusal(policy: &Server, credential: Credential<'_>) -> Refusal {
    match admit(policy, credential, 1, HOME, any_time()).0 {
        Err(NotTrusted::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_code_admits_and_further_connections_follow() {
    let mut server = Server::with_code(once());
    let (admitted, _) = admit(&server, Credential::Code(&code()), 1, HOME, any_time());
    let (session, admitted) = admitted.expect("admitted");
    assert_eq!((admitted.by, admitted.rights), (By::Code, Rights::STORE));
    let code_use = admitted.code_use.expect("a use of the code");
    server.sessions.insert([3; 16], admitted.session);
    for connection in 2..6 {
        let credential = Credential::Session { id: [3; 16], session: &session };
        let (further, _) = admit(&server, credential, connection, HOME, any_time());
        let (_, further) = further.expect("admitted");
        assert_eq!((further.by, further.rights), (By::Session([3; 16]), Rights::STORE));
        assert!(further.code_use.is_none());
    }
    code_use.succeeded();
    assert_eq!(refusal(&server, Credential::Code(&code())).reason, Reason::CodeUsed);
    // A session that has begun may go on.
    let credential = Credential::Session { id: [3; 16], session: &session };
    assert!(admit(&server, credential, 9, HOME, any_time()).0.is_ok());
}

#[test]
fn a_key_admits_with_its_rights() {
    let mut server = Server::with_code(Uses::Many);
    let unknown = refusal(&server, Credential::Key);
    assert_eq!((unknown.reason, unknown.wanted), (Reason::KeyNotKnown, Wanted::CODE));
    assert!(unknown.to_string().contains("SENDALL_CODE"));
    server.keys.insert(CLIENT_KEY, Rights::SHARE);
    let (session, admitted) = admit(&server, Credential::Key, 1, HOME, any_time()).0.expect("admitted");
    assert_eq!((admitted.by, admitted.rights), (By::Key(CLIENT_KEY), Rights::SHARE));
    server.sessions.insert([3; 16], admitted.session);
    let credential = Credential::Session { id: [3; 16], session: &session };
    assert!(admit(&server, credential, 2, HOME, any_time()).0.is_ok());
}

#[test]
fn an_open_server_admits_anybody() {
    let server = Server { open: Some(Rights::ALL), ..Server::default() };
    for credential in [Credential::Open, Credential::Key] {
        let (_, admitted) = admit(&server, credential, 1, HOME, any_time()).0.expect("admitted");
        assert_eq!((admitted.by, admitted.rights), (By::Open, Rights::ALL));
    }
    // A client with a code insists on it.
    let refused = refusal(&server, Credential::Code(&code()));
    assert_eq!((refused.reason, refused.wanted), (Reason::NoCode, Wanted::default()));
}

#[test]
fn a_client_without_a_certificate_has_no_key() {
    let mut server = Server::default();
    server.keys.insert(CLIENT_KEY, Rights::SHARE);
    let mut client = ClientAdmission::new(Credential::Key, client_end(1), &random(1)).expect("begins");
    let mut machine = ServerAdmission::new(end(1, None), HOME, &random(2));
    let (result, _) = converse(&mut client, &mut machine, &server, any_time());
    let refused = Refusal::new(Reason::KeyNotKnown, Wanted::KEY);
    assert_eq!(result, Err(NotTrusted::Refused(refused)));
}

#[test]
fn who_shows_nothing_is_told_what_is_wanted() {
    let mut server = Server::default();
    assert_eq!(refusal(&server, Credential::Open), Refusal::new(Reason::Other, Wanted::default()));
    server.keys.insert(CLIENT_KEY, Rights::SHARE);
    assert_eq!(refusal(&server, Credential::Open), Refusal::new(Reason::KeyNotKnown, Wanted::KEY));
    server.code = Server::with_code(once()).code;
    let both = Wanted::CODE.and(Wanted::KEY);
    assert_eq!(refusal(&server, Credential::Open), Refusal::new(Reason::CodeWanted, both));
}

#[test]
fn a_wrong_code_is_counted_and_answered_late() {
    let (server, start) = (Server::with_code(once()), any_time());
    let wrong = Code::parse("violin-acoustic-lunch").expect("a code");
    let mut now = start;
    for (count, delay) in [(1, 1), (2, 1), (3, 5), (4, 5)] {
        let (result, answered) = admit(&server, Credential::Code(&wrong), count, HOME, now);
        let refused = Refusal::new(Reason::WrongCode, Wanted::CODE);
        assert_eq!(result.err(), Some(NotTrusted::Refused(refused)));
        assert_eq!(answered - now, Duration::from_secs(delay));
        assert_eq!(u64::from(server.account().wrong_proofs()), count);
        now = answered;
    }
    // The fourth wrong one blocks its source for 10 s, 5 of which are over.
    let (result, _) = admit(&server, Credential::Code(&code()), 7, HOME, now);
    let Err(NotTrusted::Refused(refused)) = result else { panic!("{result:?}") };
    assert_eq!((refused.reason, refused.seconds), (Reason::Wait, 5));
    let later = now + Duration::from_secs(5);
    assert!(admit(&server, Credential::Code(&code()), 8, HOME, later).0.is_ok());
}

#[test]
fn a_hundred_wrong_codes_withdraw_the_right_one() {
    let (server, mut now) = (Server::with_code(Uses::Times(NonZeroU32::MAX)), any_time());
    let wrong = Code::parse("violin-acoustic-lunch").expect("a code");
    for turn in 0..100 {
        now += Duration::from_secs(600);
        let (result, _) = admit(&server, Credential::Code(&wrong), turn, HOME, now);
        assert_eq!(
            result.err(),
            Some(NotTrusted::Refused(Refusal::new(
                Reason::WrongCode,
                // At the hundredth there is none any more.
                if turn < 99 { Wanted::CODE } else { Wanted::default() },
            )))
        );
    }
    assert!(server.account().is_withdrawn());
    now += Duration::from_secs(600);
    let (result, _) = admit(&server, Credential::Code(&code()), 200, HOME, now);
    assert_eq!(
        result.err(),
        Some(NotTrusted::Refused(Refusal::new(Reason::CodeWithdrawn, Wanted::default())))
    );
}

#[test]
fn a_code_can_be_typed_differently_on_both_sides() {
    let server = Server::with_code(once());
    let typed = Code::parse("VIOL acou luna").expect("a code");
    assert!(admit(&server, Credential::Code(&typed), 1, HOME, any_time()).0.is_ok());
}

#[test]
fn pieces_of_any_size_and_nothing_of_what_follows() {
    for piece in 1..90 {
        let server = Server::with_code(once());
        let (now, code) = (any_time(), code());
        let mut a = ClientAdmission::new(Credential::Code(&code), client_end(1), &random(1)).expect("begins");
        let mut b = ServerAdmission::new(server_end(1), HOME, &random(2));
        for _ in 0..2 {
            let sent = a.take_outgoing();
            for part in sent.chunks(piece) {
                assert!(b.wanted() > 0 && b.wanted() <= 68);
                assert!(b.take_outgoing().is_empty());
                assert_eq!(b.receive(part, &server, now), Ok(part.len()));
            }
            let answer = b.take_outgoing();
            // What follows admission is not touched.
            let is_last = b.wanted() == 0;
            let mut stream = answer.clone();
            stream.extend_from_slice(if is_last { b"\x89SALL" } else { b"" });
            let mut used = 0;
            for part in stream.chunks(piece) {
                used += a.receive(part).expect("an honest server");
            }
            assert_eq!(used, answer.len());
        }
        assert_eq!((a.wanted(), b.wanted()), (0, 0));
        assert!(a.admission().is_some() && matches!(b.status(), Status::Admitted(_)));
        assert_eq!(b.receive(b"\x89SALL", &server, now), Ok(0));
    }
}

#[test]
fn a_client_that_knows_the_server_may_send_hello_at_once() {
    let server = Server { open: Some(Rights::STORE), ..Server::default() };
    let mut client = ClientAdmission::new(Credential::Open, client_end(1), &random(1)).expect("begins");
    let mut machine = ServerAdmission::new(server_end(1), HOME, &random(2));
    let sent = [&client.take_outgoing()[..], b"\x89SALL"].concat();
    assert_eq!(machine.receive(&sent, &server, any_time()), Ok(4));
    assert!(matches!(machine.status(), Status::Admitted(_)));
}

#[test]
fn debug_shows_no_secret() {
    let server = Server::with_code(once());
    let (session, admitted) =
        admit(&server, Credential::Code(&code()), 1, HOME, any_time()).0.expect("admitted");
    let shown = format!("{session:?} {admitted:?} {:?} {:?}", client_end(1), Credential::Code(&code()));
    let Channel { auth, session: exporter, .. } = client_end(1);
    assert!(!shown.contains("violin"));
    for secret in [&auth[..4], &exporter[..4]] {
        assert!(!shown.contains(&format!("{secret:?}")[1..12]), "{shown}");
    }
    assert!(shown.contains(&format!("{SERVER_KEY:?}")));
}
