//! Arbitrary bytes, and bytes that are nearly right, to both machines: nobody is trusted, nobody admitted.

use curve25519_dalek::{RistrettoPoint, Scalar};
use proptest::prelude::*;

use super::super::Rights;
use super::super::client::NotTrusted;
use super::super::message::{ClientMessage, MessageFault, ServerMessage};
use super::super::refusal::{Reason, Refusal, Wanted};
use super::super::session::SessionSecret;
use super::attacks::{OTHER_KEY, admission_of, answers, server_on, with_code};
use super::{Server, any_time, code, once, server_end};

/// Bytes of one side that are nearly right: a genuine message, with one byte replaced, cut, or followed by another.
fn twisted(messages: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let one = prop::sample::select(messages);
    let parts = prop::collection::vec((one, any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..4);
    parts.prop_map(|parts| {
        let twist = |(mut bytes, at, byte, how): (Vec<u8>, prop::sample::Index, u8, u8)| {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] ^= byte,
                1 => bytes.truncate(at),
                _ => {}
            }
            bytes
        };
        parts.into_iter().flat_map(twist).collect()
    })
}

fn fakes() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let point = RistrettoPoint::mul_base(&Scalar::from(7u8)).compress().to_bytes();
    let of_client = [
        ClientMessage::Open,
        ClientMessage::Share(point),
        ClientMessage::Proof([1; 64]),
        ClientMessage::Key,
        ClientMessage::Session { id: [3; 16], tag: [2; 64] },
    ];
    let of_server = [
        ServerMessage::Admitted(Rights::ALL),
        ServerMessage::Share(point),
        ServerMessage::Proof([1; 64]),
        ServerMessage::Refused(Refusal::new(Reason::Wait, Wanted::CODE)),
    ];
    (
        of_client.iter().map(ClientMessage::encode).collect(),
        of_server.iter().map(ServerMessage::encode).collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_make_a_client_trust(bytes in twisted(fakes().1), piece in 1usize..80) {
        let code = code();
        let mut client = with_code(&code, 1);
        let result: Result<(), NotTrusted> =
            bytes.chunks(piece).try_for_each(|part| client.receive(part).map(drop));
        prop_assert!(client.admission().is_none());
        if let Err(NotTrusted::NoMessage(MessageFault::UnknownKind(kind))) = result {
            prop_assert!(![0x80, 0x82, 0x83, 0x8F].contains(&kind));
        }
        prop_assert!(client.take_outgoing().len() <= 36 + 68);
    }

    #[test]
    fn no_bytes_make_a_server_admit(bytes in twisted(fakes().0), piece in 1usize..80) {
        let mut policy = Server::with_code(once());
        policy.keys.insert(OTHER_KEY, Rights::ALL);
        policy.sessions.insert([3; 16], SessionSecret::by_channel(&server_end(77), Rights::ALL));
        let mut server = server_on(1);
        let now = any_time();
        let _ = bytes.chunks(piece).try_for_each(|part| server.receive(part, &policy, now).map(drop));
        prop_assert!(server.into_admitted().is_none());
    }

    #[test]
    fn random_shares_lead_nowhere(share in any::<[u8; 32]>(), tag in prop::array::uniform32(any::<u8>())) {
        let (code, policy) = (code(), Server::with_code(once()));
        let tag: [u8; 64] = [tag, tag].concat().try_into().expect("64 bytes");
        let mut client = with_code(&code, 1);
        let (fault, _) = answers(&mut client, &[ServerMessage::Share(share), ServerMessage::Proof(tag)]);
        prop_assert!(matches!(fault, Some(NotTrusted::WrongProof | NotTrusted::BadShare(_))));
        let begun = admission_of(&[ClientMessage::Share(share), ClientMessage::Proof(tag)], &policy, 1);
        prop_assert!(begun.is_err() || begun.is_ok_and(|server| server.into_admitted().is_none()));
    }
}
