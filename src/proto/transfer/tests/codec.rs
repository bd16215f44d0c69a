//! Frames: round trips, cuts, bad lengths.

use proptest::prelude::*;

use super::samples;
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::frame;
use crate::proto::transfer::frame::{EndState, FileEnd, Frame, HEADER_BYTES, MAX_DATA_BYTES, ParsedFrame};
use crate::proto::transfer::have::HaveReply;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;

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
                Err(Violation::Length { length: reported, .. }) => assert_eq!(reported, length),
                Err(Violation::FrameType(reported)) => assert_eq!(reported, kind),
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

#[test]
fn types_count_from_one_to_the_largest() {
    for kind in 0..=255u8 {
        let mut header = [0; HEADER_BYTES];
        header[0] = kind;
        let is_known = !matches!(frame::parse(&header), Err(Violation::FrameType(_)));
        assert_eq!(is_known, (1..=frame::MAX_TYPE).contains(&kind), "{kind}");
    }
}

/// A frame, and where in it the length of a field stands.
#[test]
fn every_length_within_a_frame_is_held() {
    let entry = |entry| frame::encode(&Frame::Entry { file: 0, entry });
    let not_offered = entry(samples::not_offered("x"));
    let link = entry(samples::link("x", b"../\xff"));
    let refused = HaveReply::Refused(Reason::NoSpace, "full".to_owned());
    let have = frame::encode(&Frame::Have { file: 1, reply: refused });
    let error = frame::encode(&Frame::Error { reason: Reason::Stopped, text: "bye".to_owned() });
    let result = frame::encode(&Frame::Result(samples::result(2, 1, &[3])));
    for (name, bytes, place) in [
        ("path", &not_offered, 24 + 24),
        ("reason", &not_offered, 24 + 26 + 1 + 2),
        ("target", &link, 24 + 26 + 1 + 2),
        ("have text", &have, 24 + 2),
        ("error text", &error, 24 + 2),
        ("failure path", &result, 24 + 12 + 6),
        ("failure text", &result, 24 + 12 + 8),
    ] {
        let right = u16::from_be_bytes([bytes[place], bytes[place + 1]]);
        assert!(right > 0 && right < 10, "{name}");
        for length in [0, 1, 1024, 1025, 4096, 4097, 0x7fff, 0x8000, 0xffff, right - 1, right + 1] {
            let mut wrong = bytes.clone();
            wrong[place..place + 2].copy_from_slice(&length.to_be_bytes());
            if length != right {
                assert!(frame::parse(&wrong).is_err(), "{name} of {length}");
            }
        }
    }
}

/// Fields that are all there, and as long as they may be, or one byte longer.
#[test]
fn every_field_has_a_longest_length() {
    let raw = |kind: u8, body: &[&[u8]]| {
        let body = body.concat();
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[0] = kind;
        bytes[16..].copy_from_slice(&(body.len() as u64).to_be_bytes());
        bytes.extend(body);
        frame::parse(&bytes)
    };
    let many = |length: usize| vec![b'x'; length];
    let size = |length: usize| (length as u16).to_be_bytes();
    let (file, link) = ([&[1; 4][..], &[0; 20]].concat(), [&[3; 4][..], &[0; 20]].concat());
    let path = |length| raw(1, &[&file, &size(length), &many(length)]);
    let target = |length| raw(1, &[&link, &[0, 1, b'l', 0x80, 1], &size(length), &many(length)]);
    let reason = |length| raw(1, &[&file, &[0, 1, b'f', 0, 1], &size(length + 1), &[7], &many(length)]);
    let have = |length| raw(2, &[&[3, 7], &size(length), &[0; 32], &many(length)]);
    let error = |length| raw(11, &[&[7, 0], &size(length), &many(length)]);
    let counts = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let failure = |path, text| {
        raw(9, &[&counts, &[0, 0, 0, 0, 7, 0], &size(path), &size(text), &many(path), &many(text)])
    };
    for (name, longest, longer) in [
        ("a path", path(4096), path(4097)),
        ("a link's target", target(4096), target(4097)),
        ("a text", reason(1024), reason(1025)),
        ("HAVE", have(1024), have(1025)),
        ("ERROR", error(1024), error(1025)),
        ("a path", failure(4096, 1024), failure(4097, 1024)),
        ("a text", failure(4096, 1024), failure(4096, 1025)),
    ] {
        assert!(matches!(longest, Ok(ParsedFrame::Frame { .. })), "{name}: {longest:?}");
        assert!(matches!(longer, Err(Violation::Length { what, .. }) if what == name), "{name}: {longer:?}");
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
    for (code, accepted) in [([0x7f, 0xff], true), ([0x80, 0x02], false), ([0x80, 0x01], false)] {
        let mut extended = [bytes.as_slice(), &code, &[0, 1, 9]].concat();
        extended[23] += 5;
        assert_eq!(frame::parse(&extended).is_ok(), accepted, "a target of a file is none");
    }
    for code in [9, 0] {
        let mut have = frame::encode(&Frame::Have { file: 0, reply: HaveReply::WHOLE });
        have[24] = code;
        assert!(frame::parse(&have).is_err());
    }
    for status in [0, 2, 3] {
        let mut result = frame::encode(&Frame::Result(samples::result(2, 1, &[3])));
        result[24] = status;
        assert!(matches!(frame::parse(&result), Err(Violation::Contradiction(_))), "1 is right");
    }
}

#[test]
fn folders_have_no_size_and_links_have_a_target() {
    let kind_of = |entry: Entry, kind: u8, size: u64| {
        let mut bytes = frame::encode(&Frame::Entry { file: 0, entry });
        bytes[24] = kind;
        bytes[28..36].copy_from_slice(&size.to_be_bytes());
        match frame::parse(&bytes) {
            Ok(ParsedFrame::Frame { frame: Frame::Entry { entry, .. }, .. }) => {
                Some((entry.kind, entry.size))
            }
            other => {
                assert!(matches!(other, Err(Violation::Malformed(_))), "{other:?}");
                None
            }
        }
    };
    let (file, link) = (samples::file("x", 1), samples::link("x", b"t"));
    assert_eq!(kind_of(file.clone(), 1, 7), Some((EntryKind::File, Some(7))));
    assert_eq!(kind_of(file.clone(), 1, u64::MAX), Some((EntryKind::File, None)));
    assert_eq!(kind_of(file.clone(), 2, 0), Some((EntryKind::Folder, Some(0))));
    assert_eq!(kind_of(file.clone(), 9, 7), Some((EntryKind::Other(9), Some(7))));
    assert_eq!(kind_of(link.clone(), 3, 0), Some((EntryKind::Link(b"t".to_vec()), Some(0))));
    assert_eq!(kind_of(link.clone(), 9, 0), Some((EntryKind::Other(9), Some(0))));
    for (entry, kind, size) in [
        (&file, 3, 0),
        (&link, 1, 0),
        (&link, 2, 0),
        (&file, 2, 1),
        (&file, 2, u64::MAX),
        (&link, 3, 1),
        (&link, 3, u64::MAX),
    ] {
        assert_eq!(kind_of(entry.clone(), kind, size), None, "kind {kind}, size {size}");
    }
}

#[test]
fn of_several_flags_of_an_end_the_lowest_counts() {
    let end = FileEnd { file: 1, size: 9, state: EndState::Whole, digest: [7; 32] };
    for flags in 0..=255u8 {
        let mut bytes = frame::encode(&Frame::End(end));
        bytes[1] = flags;
        let state = match flags & 15 {
            0 => EndState::Whole,
            low if low & 1 != 0 => EndState::Unreadable,
            low if low & 2 != 0 => EndState::Changed,
            low if low & 4 != 0 => EndState::Differs,
            _ => EndState::Stopped,
        };
        let expected = Frame::End(FileEnd { state, ..end });
        assert_eq!(frame::parse(&bytes), Ok(ParsedFrame::Frame { frame: expected, used: bytes.len() }));
    }
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
    let bytes = frame::encode(&Frame::Entry { file: 0, entry: samples::link("l", &[b'x'; 4097]) });
    let Ok(ParsedFrame::Frame { frame: Frame::Entry { entry, .. }, .. }) = frame::parse(&bytes) else {
        panic!("an entry")
    };
    assert_eq!(entry.kind, EntryKind::Link(Vec::new()), "a target is never cut");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_frame_comes_back(frame in samples::frame()) {
        let bytes = frame::encode(&frame);
        prop_assert_eq!(frame::parse(&bytes), Ok(ParsedFrame::Frame { frame, used: bytes.len() }));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(kind in 0..=frame::MAX_TYPE + 1, mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
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
