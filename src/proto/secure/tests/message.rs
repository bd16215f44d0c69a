//! Messages: byte-exact, in pieces of any size, wrong at every byte.

use proptest::prelude::*;

use super::super::Rights;
use super::super::message::{ClientMessage, HEADER_BYTES, MessageFault, ServerMessage};
use super::super::refusal::{MAX_TEXT_BYTES, Reason, Refusal, Wanted};
use crate::error::Retry;
use crate::proto::Parsed;

fn of_client() -> Vec<(ClientMessage, Vec<u8>)> {
    let session = ClientMessage::Session { id: [7; 16], tag: [9; 64] };
    vec![
        (ClientMessage::Open, vec![0x01, 0, 0, 0]),
        (ClientMessage::Share([5; 32]), [&[0x02, 0, 0, 32][..], &[5; 32]].concat()),
        (ClientMessage::Proof([6; 64]), [&[0x03, 0, 0, 64][..], &[6; 64]].concat()),
        (ClientMessage::Key, vec![0x04, 0, 0, 0]),
        (session, [&[0x05, 0, 0, 80][..], &[7; 16], &[9; 64]].concat()),
    ]
}

fn of_server() -> Vec<(ServerMessage, Vec<u8>)> {
    let refusal = Refusal {
        reason: Reason::Wait,
        wanted: Wanted::CODE.and(Wanted::KEY),
        seconds: 0x0102,
        text: "later".into(),
    };
    let short = Refusal::new(Reason::CodeWanted, Wanted::CODE);
    vec![
        (ServerMessage::Admitted(Rights::STORE.and(Rights::SHARE)), vec![0x80, 0, 0, 1, 3]),
        (ServerMessage::Share([5; 32]), [&[0x82, 0, 0, 32][..], &[5; 32]].concat()),
        (ServerMessage::Proof([6; 64]), [&[0x83, 0, 0, 64][..], &[6; 64]].concat()),
        (ServerMessage::Refused(refusal), [&[0x8F, 0, 0, 9, 5, 3, 1, 2][..], b"later"].concat()),
        (ServerMessage::Refused(short), vec![0x8F, 0, 0, 4, 1, 1, 0, 0]),
    ]
}

/// Checks a message at every cut, with bytes after it, and with every wrong header.
fn check<M: PartialEq>(message: &M, bytes: &[u8], parse: impl Fn(&[u8]) -> Result<Parsed<M>, MessageFault>) {
    for cut in 0..bytes.len() {
        let Ok(Parsed::Incomplete { needed }) = parse(&bytes[..cut]) else {
            panic!("cut at {cut}: {bytes:02x?}")
        };
        assert_eq!(needed, if cut < HEADER_BYTES { HEADER_BYTES } else { bytes.len() });
    }
    let long = [bytes, &[0xAA; 70]].concat();
    for bytes in [bytes, &long] {
        let Ok(Parsed::Complete { value, used }) = parse(bytes) else { panic!("{bytes:02x?}") };
        assert!(value == *message && used == long.len() - 70);
    }
    for other in 1..=255 {
        assert!(matches!(parse(&[bytes[0], other]), Err(MessageFault::NotZero)));
    }
    let is_refusal = bytes[0] == 0x8F;
    for length in 0..=u16::MAX {
        let [high, low] = length.to_be_bytes();
        let is_allowed = match is_refusal {
            true => (4..=4 + MAX_TEXT_BYTES).contains(&length.into()),
            false => usize::from(length) == bytes.len() - HEADER_BYTES,
        };
        assert_eq!(parse(&[bytes[0], 0, high, low]).is_ok(), is_allowed, "{length}");
    }
}

#[test]
fn each_message_is_byte_exact() {
    for (message, bytes) in of_client() {
        assert_eq!(message.encode(), bytes);
        check(&message, &bytes, ClientMessage::parse);
    }
    for (message, bytes) in of_server() {
        assert_eq!(message.encode(), bytes);
        check(&message, &bytes, ServerMessage::parse);
    }
}

#[test]
fn a_wrong_kind_is_refused_at_its_first_byte() {
    for kind in 0..=255u8 {
        assert_eq!(ClientMessage::parse(&[kind]).is_ok(), (1..=5).contains(&kind), "{kind:#x}");
        assert_eq!(
            ServerMessage::parse(&[kind]).is_ok(),
            [0x80, 0x82, 0x83, 0x8F].contains(&kind),
            "{kind:#x}"
        );
    }
}

#[test]
fn reasons_count_from_0_and_say_what_to_do() {
    for (code, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(reason.code()), code);
        assert_eq!(Reason::from_code(reason.code()), reason);
        let text = Refusal::new(reason, Wanted::CODE).to_string();
        assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
    }
    assert_eq!(Reason::from_code(9), Reason::Other);
    assert_eq!(Reason::from_code(255), Reason::Other);
    let wait = Refusal { seconds: 40, ..Refusal::new(Reason::Wait, Wanted::CODE) };
    assert!(wait.to_string().ends_with("try again in 40 s"));
    // A failure of trust is not tried again.
    let error = crate::error::Error::new(crate::error::Exit::Untrusted, wait);
    assert_eq!(error.retry(), Retry::Never);
}

#[test]
fn a_text_is_cut_at_a_character() {
    let text = format!("x{}", "ü".repeat(MAX_TEXT_BYTES));
    let bytes =
        ServerMessage::Refused(Refusal { text, ..Refusal::new(Reason::Other, Wanted::CODE) }).encode();
    assert_eq!(bytes.len(), HEADER_BYTES + 4 + MAX_TEXT_BYTES - 1);
    let Ok(Parsed::Complete { value: ServerMessage::Refused(refusal), .. }) = ServerMessage::parse(&bytes)
    else {
        panic!("a refusal");
    };
    assert!(refusal.text.ends_with('ü'));
}

#[test]
fn unknown_bits_are_ignored() {
    assert_eq!(Rights::from_bits(0xFF), Rights::ALL);
    assert!(Rights::ALL.has(Rights::STORE) && !Rights::STORE.has(Rights::SHARE));
    assert_eq!(Rights::STORE.and(Rights::SHARE).common(Rights::SHARE.and(Rights::STREAM)), Rights::SHARE);
    assert_eq!(Wanted::from_bits(0xFE), Wanted::KEY);
    let bytes = [0x8F, 0, 0, 6, 0xEE, 0xFF, 0, 0, 0xC3, 0x28];
    let Ok(Parsed::Complete { value: ServerMessage::Refused(refusal), used: 10 }) =
        ServerMessage::parse(&bytes)
    else {
        panic!("a refusal");
    };
    assert_eq!((refusal.reason, refusal.wanted.bits()), (Reason::Other, 3));
    assert_eq!(refusal.text, "\u{FFFD}(");
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_none(bytes in prop::collection::vec(any::<u8>(), 0..120), kind in 0usize..12) {
        let kinds = [1, 2, 3, 4, 5, 0x80, 0x82, 0x83, 0x8F];
        let mut bytes = bytes;
        if let (Some(first), Some(kind)) = (bytes.first_mut(), kinds.get(kind)) {
            *first = *kind;
        }
        if let Ok(Parsed::Complete { value, used }) = ClientMessage::parse(&bytes) {
            prop_assert_eq!(&value.encode()[..], &bytes[..used]);
        }
        if let Ok(Parsed::Complete { value: ServerMessage::Share(share), used }) = ServerMessage::parse(&bytes) {
            prop_assert_eq!(ServerMessage::Share(share).encode(), &bytes[..used]);
        }
    }
}
