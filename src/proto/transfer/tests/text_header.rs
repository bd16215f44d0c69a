//! The text header: what is one, what may become one, what never will.

use proptest::prelude::*;

use crate::proto::transfer::hello::MAGIC;
use crate::proto::transfer::names::{CleanPath, NameFault};
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::text_header::{
    ACCEPTED, MAX_HEADER_BYTES, ParsedText, TextFault, TextHeader, encode, is_refusal, parse, refusal,
};

fn complete(name: &[u8], size: u64) -> Result<ParsedText, TextFault> {
    Ok(ParsedText::Complete(TextHeader { name: CleanPath::parse(name).unwrap(), size }))
}

#[test]
fn headers_with_and_without_a_command() {
    let table: &[(&[u8], &[u8], u64)] = &[
        (b"upload|f|0", b"f", 0),
        (b"put|f|3", b"f", 3),
        (b"POST|f|3", b"f", 3),
        (b"Send|f|3", b"f", 3),
        (b"f|3", b"f", 3),
        (b"put|3", b"put", 3),
        (b"put|put|3", b"put", 3),
        (b"3|3", b"3", 3),
        (b"f|0003", b"f", 3),
        (b"f|18446744073709551615", b"f", u64::MAX),
        ("f\u{fc}r \u{5927}.txt|7".as_bytes(), "f\u{fc}r \u{5927}.txt".as_bytes(), 7),
        (b"put|\xff\x1b\n|7", b"\xff\x1b\n", 7),
        (b"put|..x|7", b"..x", 7),
    ];
    for (bytes, name, size) in table {
        assert_eq!(parse(bytes), complete(name, *size), "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn beginnings_wait() {
    for bytes in
        [&b""[..], b"p", b"upload", b"upload|", b"upload|f", b"upload|f|", b"f|", b"put|../x", &MAGIC[..7]]
    {
        assert_eq!(parse(bytes), Ok(ParsedText::Incomplete), "{:?}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(parse(&[b'x'; MAX_HEADER_BYTES]), Ok(ParsedText::Incomplete));
    // A name may begin with more digits than a size has.
    let digits = "99999999999999999999";
    for bytes in [format!("put|{digits}"), format!("SEND|{digits}x"), format!("post|{digits}|")] {
        assert_eq!(parse(bytes.as_bytes()), Ok(ParsedText::Incomplete), "{bytes}");
    }
    assert_eq!(parse(format!("put|{digits}|3").as_bytes()), complete(digits.as_bytes(), 3));
}

#[test]
fn what_never_becomes_a_header_is_refused_at_once() {
    let long = [b"put|".as_slice(), &[b'x'; 256], b"|"].concat();
    let table: &[(&[u8], TextFault)] = &[
        (&[b'x'; MAX_HEADER_BYTES + 1], TextFault::TooLong),
        (&[b"f|".as_slice(), &[b'0'; MAX_HEADER_BYTES]].concat(), TextFault::TooLong),
        (b"delete|f|3", TextFault::Command),
        (b"|f|3", TextFault::Command),
        (b"put |f|3", TextFault::Command),
        (b"put|a|b|3", TextFault::Fields),
        (b"a|b|3", TextFault::Command),
        (b"f|+3", TextFault::Size),
        (b"f|-3", TextFault::Size),
        (b"f| 3", TextFault::Size),
        (b"f|3 ", TextFault::Size),
        (b"f|3\n", TextFault::Size),
        (b"f|3abc", TextFault::Size),
        (b"f|0x3", TextFault::Size),
        (b"f|1_0", TextFault::Size),
        (b"f|3.0", TextFault::Size),
        (b"f|\xd9\xa3", TextFault::Size),
        (b"put|f|x", TextFault::Size),
        (b"f|18446744073709551616", TextFault::Overflow),
        (b"f|99999999999999999999999", TextFault::Overflow),
        (b"|3", TextFault::Name(NameFault::Empty)),
        (b"put||3", TextFault::Name(NameFault::Empty)),
        (b"..|3", TextFault::Name(NameFault::Parent)),
        (b"put|../x|", TextFault::Name(NameFault::Parent)),
        (b"put|.|3", TextFault::Name(NameFault::Dot)),
        (b"put|/etc/passwd|3", TextFault::Name(NameFault::Absolute)),
        (b"put|a\0|3", TextFault::Name(NameFault::Nul)),
        (b"put|x/|3", TextFault::Name(NameFault::EmptyComponent)),
        (&long, TextFault::Name(NameFault::ComponentTooLong)),
        (b"put|a/b|3", TextFault::Folders),
        (&MAGIC, TextFault::Hello),
    ];
    for (bytes, fault) in table {
        assert_eq!(parse(bytes), Err(*fault), "{:?}", String::from_utf8_lossy(bytes));
        let line = refusal(fault.reason(), &fault.to_string());
        assert!(is_refusal(&line) && line.is_ascii() && line.ends_with(b"\n"));
    }
}

#[test]
fn names_that_do_not_fit_are_not_sent() {
    assert_eq!(encode(b"f", 3), Ok(b"upload|f|3".to_vec()));
    assert_eq!(encode(b"a|b", 3), Err(TextFault::Fields));
    assert_eq!(encode(b"a/b", 3), Err(TextFault::Folders));
    assert_eq!(encode(b"..", 3), Err(TextFault::Name(NameFault::Parent)));
    assert!(encode(&[b'x'; 255], u64::MAX).is_ok_and(|bytes| bytes.len() <= MAX_HEADER_BYTES));
}

#[test]
fn only_our_own_refusals_are_taken_for_one() {
    assert_eq!(refusal(Reason::Exists, "t\u{fc}r\n\x1b"), b"409 refused: t?r??\n");
    for reason in Reason::ALL {
        assert!(is_refusal(&refusal(reason, "")), "{reason}");
    }
    for line in
        [ACCEPTED, b"", b"40", b"409", b"409 bytes are here", b"200 refused: x", b"4 9 refused: x", b"ok"]
    {
        assert!(!is_refusal(line), "{:?}", String::from_utf8_lossy(line));
    }
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let clean =
        |name: &Vec<u8>| CleanPath::parse(name).is_ok_and(|path| path.is_single()) && !name.contains(&b'|');
    prop_oneof![prop::collection::vec(any::<u8>(), 1..40), prop::collection::vec(b'0'..=b'9', 18..40)]
        .prop_filter("a clean component without |", clean)
}

proptest! {
    #[test]
    fn what_is_sent_is_read_and_every_piece_of_it_waits_or_stands(
        name in name(), size in any::<u64>(), steps in prop::collection::vec(1..=3_usize, 1..500),
    ) {
        let bytes = encode(&name, size).unwrap();
        let mut cut = 0;
        for step in steps {
            cut = (cut + step).min(bytes.len());
            prop_assert!(parse(&bytes[..cut]).is_ok());
        }
        prop_assert_eq!(parse(&bytes), complete(&name, size));
        // Without a command, too, even if the name is that of one.
        prop_assert_eq!(parse(&bytes["upload|".len()..]), complete(&name, size));
    }

    #[test]
    fn a_refusal_stays_one_with_more_bytes(bytes in "(put\\|9{0,21})?[a|0-9p./\\x00ut]{0,12}", steps in prop::collection::vec(1..=3_usize, 37)) {
        let bytes = bytes.as_bytes();
        let (mut cut, mut refused) = (0, false);
        for step in steps {
            cut = (cut + step).min(bytes.len());
            let now = parse(&bytes[..cut]).is_err();
            prop_assert!(now || !refused, "cut at {}", cut);
            refused = now;
        }
    }
}
