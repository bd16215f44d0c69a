//! Frames and first bytes: round trips, cuts, bad lengths.

use proptest::prelude::*;

use super::samples;
use crate::proto::frame::{self, Frame, HEADER_BYTES, MAX_DATA_BYTES, ParsedFrame};
use crate::proto::hello::{Accept, FIXED_BYTES, Hello, MAGIC, Operation, Parsed};
use crate::proto::reason::Reason;
use crate::proto::violation::Violation;

const BAD_LENGTHS: [u64; 8] =
    [65_537, (16 << 20) + 1, 1 << 31, 1 << 32, (1 << 32) + 36, 1 << 63, u64::MAX - 23, u64::MAX];

#[test]
fn frames_come_back_and_every_cut_asks_for_more() {
    for frame in samples::frames() {
        let bytes = frame::encode(&frame);
        for cut in 0..bytes.len() {
            match frame::parse(&bytes[..cut]) {
                Ok(ParsedFrame::Incomplete { needed }) => assert!(cut < needed && needed <= bytes.len()),
                other => panic!("{frame:?} cut at {cut}: {other:?}"),
            }
        }
        let followed = [bytes.as_slice(), b"next"].concat();
        assert_eq!(frame::parse(&followed), Ok(ParsedFrame::Frame { frame, used: bytes.len() }));
    }
}

#[test]
fn every_length_out_of_bounds_is_refused_at_the_header() {
    for kind in 0..=255u8 {
        for length in BAD_LENGTHS {
            let mut header = [0; HEADER_BYTES];
            header[0] = kind;
            header[16..].copy_from_slice(&length.to_be_bytes());
            match frame::parse(&header) {
                Err(Violation::Length { length: told, .. }) => assert_eq!(told, length),
                Err(Violation::FrameType(told)) => assert_eq!(told, kind),
                Ok(ParsedFrame::Data { length, .. }) => assert!(length <= MAX_DATA_BYTES),
                other => panic!("type {kind}, length {length}: {other:?}"),
            }
        }
    }
    for (length, good) in [(0, false), (1, true), (16 << 20, true), ((16 << 20) + 1, false)] {
        let header = frame::data_header(1, 2, length);
        let expected = ParsedFrame::Data { file: 1, offset: 2, length, used: 24 };
        assert_eq!(frame::parse(&header).ok(), good.then_some(expected));
    }
}

#[test]
fn every_other_body_length_of_a_frame_is_refused() {
    for frame in samples::frames() {
        let bytes = frame::encode(&frame);
        for length in 0..bytes.len() + 3 {
            if length + HEADER_BYTES == bytes.len() {
                continue;
            }
            let mut wrong = [bytes.as_slice(), &[0; 4]].concat();
            wrong[16..24].copy_from_slice(&(length as u64).to_be_bytes());
            let read = frame::parse(&wrong);
            // Fewer failures are a shorter list, an unknown extension may follow an entry: both are whole frames.
            let tolerant = matches!(frame, Frame::Result(_) | Frame::Entry { .. });
            assert!(
                tolerant || !matches!(read, Ok(ParsedFrame::Frame { .. })),
                "{frame:?} as {length}: {read:?}"
            );
        }
    }
}

/// Frames whose inner length field stands at this place, and whether this value is read.
#[test]
fn every_length_within_a_frame_is_held() {
    let entry = frame::encode(&Frame::Entry { file: 0, entry: samples::not_offered("x") });
    let have = &samples::frames()[5];
    let error = frame::encode(&samples::frames()[17]);
    let result = frame::encode(&samples::frames()[14]);
    for (name, bytes, place) in [
        ("path", &entry, 24 + 24),
        ("extension", &entry, 24 + 26 + 1 + 2),
        ("have text", &frame::encode(have), 24 + 2),
        ("error text", &error, 24 + 2),
        ("failure text", &result, 24 + 12 + 6),
    ] {
        let right = u16::from_be_bytes([bytes[place], bytes[place + 1]]);
        for length in [0, 1, 1024, 1025, 4096, 4097, 0x7fff, 0x8000, 0xffff, right - 1, right + 1] {
            let mut wrong = bytes.clone();
            wrong[place..place + 2].copy_from_slice(&length.to_be_bytes());
            if length != right {
                assert!(frame::parse(&wrong).is_err(), "{name} of {length}");
            }
        }
    }
}

#[test]
fn fields_out_of_their_range_are_refused() {
    let bytes = frame::encode(&Frame::Entry { file: 0, entry: samples::file("x", 1) });
    let mut late = bytes.clone();
    late[24 + 20..24 + 24].copy_from_slice(&1_000_000_000u32.to_be_bytes());
    assert!(matches!(frame::parse(&late), Err(Violation::Malformed(_))));
    let mut without_reason = bytes.clone();
    without_reason[1] = 1;
    assert!(matches!(frame::parse(&without_reason), Err(Violation::Malformed(_))));
    for (code, accepted) in [([0x7f, 0xff], true), ([0x80, 0x02], false)] {
        let mut extended = [bytes.as_slice(), &code, &[0, 1, 9]].concat();
        extended[23] += 5;
        assert_eq!(frame::parse(&extended).is_ok(), accepted);
    }
    for (place, code) in [(24, 9), (24, 0)] {
        let mut have = frame::encode(&samples::frames()[2]);
        have[place] = code;
        assert!(frame::parse(&have).is_err());
    }
    let mut result = frame::encode(&samples::frames()[14]);
    result[24] = 0;
    assert!(matches!(frame::parse(&result), Err(Violation::Contradiction(_))));
}

#[test]
fn texts_and_paths_that_are_too_long_stay_harmless() {
    let text = "é".repeat(4000);
    let bytes = frame::encode(&Frame::Error { reason: Reason::Failed, text });
    let Ok(ParsedFrame::Frame { frame: Frame::Error { text, .. }, .. }) = frame::parse(&bytes) else {
        panic!("an error")
    };
    assert_eq!(text.len(), 1024);
    let entry = samples::file(&"x".repeat(70_000), 1);
    let bytes = frame::encode(&Frame::Entry { file: 0, entry });
    let Ok(ParsedFrame::Frame { frame: Frame::Entry { entry, .. }, .. }) = frame::parse(&bytes) else {
        panic!("an entry")
    };
    assert!(entry.path.is_empty());
}

fn hellos() -> Vec<Hello> {
    vec![
        Hello::put(false, None, None),
        Hello::put(true, Some(1 << 40), Some(3)),
        Hello::get(Vec::new()).unwrap(),
        Hello::get(vec![b"a".to_vec()]).unwrap(),
        Hello::get(vec![b"a".to_vec(), vec![0xff; 4096], b"../c".to_vec()]).unwrap(),
    ]
}

#[test]
fn hello_and_accept_come_back_and_every_cut_asks_for_more() {
    for hello in hellos() {
        let bytes = hello.encode();
        for cut in 0..bytes.len() {
            let read = Hello::parse(&bytes[..cut]);
            let needed = if cut < FIXED_BYTES { FIXED_BYTES } else { bytes.len() };
            assert_eq!(read, Ok(Parsed::Incomplete { needed }));
        }
        let followed = [bytes.as_slice(), b"next"].concat();
        assert_eq!(Hello::parse(&followed), Ok(Parsed::Complete { value: hello, used: bytes.len() }));
    }
    for refused in [None, Some(Reason::Busy)] {
        let accept = Accept { refused, session: [9; 16] };
        let bytes = accept.encode();
        for cut in 0..FIXED_BYTES {
            assert_eq!(Accept::parse(&bytes[..cut]), Ok(Parsed::Incomplete { needed: FIXED_BYTES }));
        }
        assert_eq!(Accept::parse(&bytes), Ok(Parsed::Complete { value: accept, used: FIXED_BYTES }));
    }
}

#[test]
fn the_magic_is_refused_at_its_first_wrong_byte() {
    for wrong in 0..MAGIC.len() {
        let mut bytes = MAGIC[..=wrong].to_vec();
        assert!(matches!(Hello::parse(&bytes), Ok(Parsed::Incomplete { needed: FIXED_BYTES })));
        bytes[wrong] ^= 0x20;
        assert_eq!(Hello::parse(&bytes), Err(Violation::NotOurs));
        assert_eq!(Accept::parse(&bytes), Err(Violation::NotOurs));
    }
    for stranger in [b"GET / HTTP/1.1".as_slice(), b"\x16\x03\x01", b"SSH-2.0", b"\0"] {
        assert_eq!(Hello::parse(stranger), Err(Violation::NotOurs));
    }
}

#[test]
fn what_a_hello_asks_for_in_vain_is_told_apart() {
    let with = |place: usize, value: &[u8]| {
        let mut bytes = hellos()[3].encode();
        bytes[place..place + value.len()].copy_from_slice(value);
        Hello::parse(&bytes)
    };
    assert_eq!(with(8, &[2]), Err(Violation::Version(2)));
    assert_eq!(with(8, &[0]), Err(Violation::Version(0)));
    assert_eq!(Hello::parse(&[&MAGIC[..], &[2]].concat()), Err(Violation::Version(2)));
    assert!(matches!(with(9, &[200]), Ok(Parsed::Complete { .. })));
    for operation in [0, 3, 4, 255] {
        assert_eq!(with(10, &[operation]), Err(Violation::Operation(operation)));
    }
    for violation in [Violation::Version(2), Violation::Operation(3), Violation::Extension(0x8002)] {
        assert_eq!(violation.reason(), Reason::Unsupported);
    }
    assert!(matches!(with(10, &[1]), Err(Violation::Malformed(_))), "a PUT with a name");
    for length in [4097u16, 0x8000, 0xffff] {
        let expected = Err(Violation::Length { what: "a name", length: length.into() });
        assert_eq!(with(28, &length.to_be_bytes()), expected);
    }
    assert_eq!(with(28, &4096u16.to_be_bytes()), Ok(Parsed::Incomplete { needed: 32 + 4096 }));
    assert_eq!(with(30, &[0xff, 0xff]), Ok(Parsed::Incomplete { needed: 32 + 1 + 65_535 }));
    let mut accept = Accept { refused: None, session: [0; 16] }.encode();
    accept[8] = 2;
    assert_eq!(Accept::parse(&accept), Err(Violation::Version(2)));
}

#[test]
fn extensions_of_a_hello() {
    let read = |name: &[u8], extensions: &[u8]| {
        let mut bytes = Hello::get(Vec::new()).unwrap().encode();
        bytes[29] = name.len() as u8;
        bytes[31] = extensions.len() as u8;
        bytes.extend(name);
        bytes.extend(extensions);
        match Hello::parse(&bytes)? {
            Parsed::Complete { value, .. } => {
                assert_eq!(value.operation, Operation::Get);
                Ok(value.names().to_vec())
            }
            Parsed::Incomplete { needed } => panic!("{needed}"),
        }
    };
    let two = vec![b"a".to_vec(), b"b".to_vec()];
    assert_eq!(read(b"a", b"\x00\x07\0\x02zz\x80\x01\0\x01b"), Ok(two));
    assert_eq!(read(b"a", b"\x80\x02\0\0"), Err(Violation::Extension(0x8002)));
    for (name, extensions) in [
        (b"a".as_slice(), b"\x80\x01\0\0".as_slice()),
        (b"", b"\x80\x01\0\x01b"),
        (b"a", b"\x80\x01\0\x02b"),
        (b"a", b"\x80\x01\xff\xffb"),
        (b"a", b"\x00\x07\0"),
        (b"a", b"\x00"),
    ] {
        assert!(read(name, extensions).is_err(), "{extensions:?}");
    }
}

#[test]
fn names_that_do_not_fit_are_told_before_they_are_sent() {
    assert!(Hello::get(vec![Vec::new()]).is_err());
    assert!(Hello::get(vec![vec![b'x'; 4097]]).is_err());
    assert!(Hello::get(vec![vec![b'x'; 4092]; 17]).is_err());
    assert!(Hello::get(vec![vec![b'x'; 4091]; 17]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_frame_comes_back(frame in samples::frame()) {
        let bytes = frame::encode(&frame);
        prop_assert_eq!(frame::parse(&bytes), Ok(ParsedFrame::Frame { frame, used: bytes.len() }));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(kind in 0..12u8, mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Hello::parse(&[&MAGIC[..], &bytes].concat());
        let _ = Accept::parse(&bytes);
        let length = bytes.len().saturating_sub(HEADER_BYTES) as u64;
        if let Some(header) = bytes.first_chunk_mut::<HEADER_BYTES>() {
            header[0] = kind;
            header[16..].copy_from_slice(&length.to_be_bytes());
        }
        if let Ok(ParsedFrame::Frame { frame, used }) = frame::parse(&bytes) {
            prop_assert_eq!(used, bytes.len());
            // What was read can be said again; replaced and cut texts aside it is the same.
            prop_assert!(frame::parse(&frame::encode(&frame)).is_ok());
        }
    }
}
