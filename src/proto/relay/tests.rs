//! Framings: both ways in pieces of any size, at every limit, cut at every byte.

use proptest::prelude::*;

use super::message::{Breach, Decoder, Encoder, Framing, Split, Truncated, Unfit};

const ALL: [Framing; 10] = [
    Framing::U8,
    Framing::U16Be,
    Framing::U16Le,
    Framing::U32Be,
    Framing::U32Le,
    Framing::U64Be,
    Framing::Netstring,
    Framing::OctetCount,
    Framing::Line,
    Framing::Nul,
];
const LIMIT: u64 = 1 << 20;

fn encoded(framing: Framing, text: &[u8], piece: usize) -> Result<Vec<u8>, Unfit> {
    split(framing, Split::Lines, text, piece)
}

fn split(framing: Framing, split: Split, text: &[u8], piece: usize) -> Result<Vec<u8>, Unfit> {
    let (mut encoder, mut output) = (Encoder::new(framing, split, LIMIT), Vec::new());
    for mut rest in text.chunks(piece) {
        while !rest.is_empty() {
            rest = &rest[encoder.take(rest, &mut output)?..];
        }
    }
    encoder.end(&mut output)?;
    Ok(output)
}

/// The messages, and what the end of the stream was.
type Decoded = (Vec<Vec<u8>>, Result<(), Truncated>);

fn decoded(mut decoder: Decoder, stream: &[u8], piece: usize) -> Result<Decoded, Breach> {
    let mut messages = Vec::new();
    for mut rest in stream.chunks(piece) {
        while !rest.is_empty() {
            let (used, is_complete) = decoder.take(rest)?;
            assert!(used > 0, "it stands still");
            if is_complete {
                messages.push(decoder.message().to_vec());
            }
            rest = &rest[used..];
        }
    }
    Ok((messages, decoder.end()))
}

#[test]
fn the_bytes_are_those_of_each_format() {
    for (framing, expected) in [
        (Framing::U8, &b"\x03abc\x00"[..]),
        (Framing::U16Be, b"\x00\x03abc\x00\x00"),
        (Framing::U16Le, b"\x03\x00abc\x00\x00"),
        (Framing::U32Be, b"\x00\x00\x00\x03abc\x00\x00\x00\x00"),
        (Framing::U32Le, b"\x03\x00\x00\x00abc\x00\x00\x00\x00"),
        (Framing::U64Be, b"\x00\x00\x00\x00\x00\x00\x00\x03abc\x00\x00\x00\x00\x00\x00\x00\x00"),
        (Framing::Netstring, b"3:abc,0:,"),
        (Framing::Line, b"abc\n\n"),
        (Framing::Nul, b"abc\x00\x00"),
    ] {
        for piece in 1..=3 {
            assert_eq!(encoded(framing, b"abc\n\n", piece).as_deref(), Ok(expected), "{framing:?}");
            let found = decoded(Decoder::new(framing, 3), expected, piece);
            assert_eq!(found, Ok((vec![b"abc".to_vec(), vec![]], Ok(()))), "{framing:?}");
        }
    }
}

#[test]
fn the_last_line_needs_no_end() {
    assert_eq!(encoded(Framing::U8, b"a\nbc", 1).as_deref(), Ok(&b"\x01a\x02bc"[..]));
    assert_eq!(encoded(Framing::Line, b"a\nbc", 3).as_deref(), Ok(&b"a\nbc\n"[..]));
    assert_eq!(encoded(Framing::Netstring, b"", 1).as_deref(), Ok(&b""[..]));
}

#[test]
fn a_line_that_does_not_fit_is_refused_whole() {
    for (framing, longest) in [(Framing::U8, 255), (Framing::U16Be, 65_535), (Framing::U16Le, 65_535)] {
        assert_eq!(framing.longest(), longest);
        let mut line = vec![b'x'; longest as usize];
        assert!(encoded(framing, &line, 1000).is_ok());
        line.push(b'x');
        let (mut encoder, mut output) = (Encoder::new(framing, Split::Lines, LIMIT), Vec::new());
        assert_eq!(encoder.take(b"a\n", &mut output), Ok(2));
        let before = output.clone();
        assert_eq!(encoder.take(&line, &mut output), Err(Unfit::TooLong(longest)));
        assert_eq!((output, encoder.number()), (before, 2));
    }
    let mut encoder = Encoder::new(Framing::U64Be, Split::Lines, 3);
    assert_eq!(encoder.take(b"abcd", &mut Vec::new()), Err(Unfit::TooLong(3)));
    assert_eq!(encoded(Framing::Nul, b"a\0b\n", 2), Err(Unfit::HasEndMark));
}

#[test]
fn a_length_over_the_limit_is_refused_when_it_is_read() {
    for (framing, length) in [
        (Framing::U8, &[255][..]),
        (Framing::U16Be, &[0, 255]),
        (Framing::U16Le, &[255, 0]),
        (Framing::U32Be, &[0, 0, 0, 255]),
        (Framing::U32Le, &[255, 0, 0, 0]),
        (Framing::U64Be, &[0, 0, 0, 0, 0, 0, 0, 255]),
        (Framing::Netstring, b"255"),
    ] {
        for piece in 1..=3 {
            let found = decoded(Decoder::new(framing, 254), length, piece);
            let expected = match framing {
                Framing::Netstring => Breach::TooLongYet(255),
                _ => Breach::TooLong(255),
            };
            assert_eq!(found, Err(expected), "{framing:?}");
            let found = decoded(Decoder::new(framing, 255), length, piece).map(|(messages, _)| messages);
            assert_eq!(found, Ok(vec![]), "{framing:?}");
        }
    }
    for length in [1 << 31, 1 << 63, u64::MAX] {
        let found = decoded(Decoder::new(Framing::U64Be, LIMIT), &u64::to_be_bytes(length), 1);
        assert_eq!(found, Err(Breach::TooLong(length)));
        let netstring = decoded(Decoder::new(Framing::Netstring, LIMIT), length.to_string().as_bytes(), 1);
        assert!(matches!(netstring, Err(Breach::TooLongYet(length)) if length > LIMIT));
    }
    let endless = [b'9'; 60];
    let found = decoded(Decoder::new(Framing::Netstring, u64::MAX), &endless, 1);
    assert!(matches!(found, Err(Breach::TooLongYet(_))));
    for framing in [Framing::Line, Framing::Nul] {
        assert!(decoded(Decoder::new(framing, 3), b"abc", 1).is_ok());
        assert_eq!(decoded(Decoder::new(framing, 3), b"abcd", 1), Err(Breach::Endless));
    }
}

#[test]
fn what_is_no_netstring_is_told() {
    for (bytes, what) in [
        (&b":abc,"[..], "missing"),
        (b"03:abc,", "begins with 0"),
        (b"00:,", "begins with 0"),
        (b"x", "not a number"),
        (b"-1:", "not a number"),
        (b" 3:abc,", "not a number"),
        (b"3:abcd", "comma"),
        (b"0:x", "comma"),
    ] {
        let found = decoded(Decoder::new(Framing::Netstring, LIMIT), bytes, 1);
        assert!(matches!(found, Err(Breach::Malformed(text)) if text.contains(what)), "{bytes:?}");
    }
}

#[test]
fn octet_counting_is_that_of_rfc_6587() {
    for piece in 1..=4 {
        assert_eq!(encoded(Framing::OctetCount, b"<1>a\nb", piece).as_deref(), Ok(&b"4 <1>a1 b"[..]));
        let found = decoded(Decoder::new(Framing::OctetCount, 5), b"4 <1>a1 \n", piece);
        assert_eq!(found, Ok((vec![b"<1>a".to_vec(), b"\n".to_vec()], Ok(()))));
    }
    assert_eq!(encoded(Framing::OctetCount, b"a\n\n", 1), Err(Unfit::Empty));
    for (bytes, what) in [
        (&b" a"[..], "missing"),
        (b"0 ", "is 0"),
        (b"05 hello", "begins with 0"),
        (b"<34>hi", "not a number"),
        (b"5:", "not a number"),
    ] {
        let found = decoded(Decoder::new(Framing::OctetCount, LIMIT), bytes, 1);
        assert!(matches!(found, Err(Breach::Malformed(text)) if text.contains(what)), "{bytes:?} {found:?}");
    }
    assert_eq!(decoded(Decoder::new(Framing::OctetCount, 9), b"10 ", 1), Err(Breach::TooLongYet(10)));
    let cut = decoded(Decoder::new(Framing::OctetCount, 9), b"3 ab", 1).map(|(_, end)| end);
    assert_eq!(cut, Ok(Err(Truncated::InMessage(2, 3))));
}

#[test]
fn a_stream_is_split_as_it_was_asked_for() {
    for piece in 1..=5 {
        assert_eq!(split(Framing::U8, Split::All, b"a\nb", piece).as_deref(), Ok(&b"\x03a\nb"[..]));
        assert_eq!(split(Framing::U8, Split::All, b"", piece).as_deref(), Ok(&b"\0"[..]));
        assert_eq!(
            split(Framing::U8, Split::Blocks(2), b"a\nbcd", piece).as_deref(),
            Ok(&b"\x02a\n\x02bc\x01d"[..])
        );
        assert_eq!(split(Framing::U8, Split::Blocks(2), b"", piece).as_deref(), Ok(&b""[..]));
        assert_eq!(split(Framing::Line, Split::All, b"a\nb", piece), Err(Unfit::HasEndMark));
    }
    assert!(matches!(split(Framing::U8, Split::All, &[0; 256], 100), Err(Unfit::TooLong(255))));
    let (mut encoder, mut output) = (Encoder::new(Framing::U8, Split::Lines, 3), Vec::new());
    assert_eq!(encoder.message(b"a\nb", &mut output), Ok(()));
    assert_eq!(encoder.message(b"abcd", &mut output), Err(Unfit::TooLong(3)));
    assert_eq!((&output[..], encoder.number()), (&b"\x03a\nb"[..], 2));
}

#[test]
fn a_stream_that_is_cut_says_how_much_came() {
    for (framing, bytes, cut) in [
        (Framing::U32Be, &b"\0\0\0\x01a\0\0"[..], Truncated::InLength(2)),
        (Framing::U32Be, b"\0\0\0\x0aabc", Truncated::InMessage(3, 10)),
        (Framing::U8, b"\x01", Truncated::InMessage(0, 1)),
        (Framing::Netstring, b"12", Truncated::InLength(2)),
        (Framing::Netstring, b"3:abc", Truncated::InMessage(3, 3)),
        (Framing::Netstring, b"0:", Truncated::InMessage(0, 0)),
        (Framing::Line, b"a\nbc", Truncated::BeforeMark(2)),
        (Framing::Nul, b"x", Truncated::BeforeMark(1)),
        (Framing::Line, b"5 hello", Truncated::OctetCounted(7)),
        (Framing::Line, b"a\n2 hi3 a", Truncated::OctetCounted(7)),
        (Framing::Nul, b"5 hello!", Truncated::BeforeMark(8)),
        (Framing::Line, b"5 hell", Truncated::BeforeMark(6)),
        (Framing::Line, b"+2 hi", Truncated::BeforeMark(5)),
    ] {
        let found = decoded(Decoder::new(framing, LIMIT), bytes, 1).map(|(_, end)| end);
        assert_eq!(found, Ok(Err(cut)), "{framing:?} {bytes:?}");
    }
}

#[test]
fn an_announcement_allocates_nothing() {
    let mut decoder = Decoder::new(Framing::U64Be, u64::MAX);
    assert_eq!(decoder.take(&u64::MAX.to_be_bytes()), Ok((8, false)));
    assert_eq!(decoder.take(b"abc"), Ok((3, false)));
    assert_eq!(decoder.end(), Err(Truncated::InMessage(3, u64::MAX)));
}

proptest! {
    #[test]
    fn every_framing_brings_back_what_was_said(
        lines in prop::collection::vec(prop::collection::vec(1u8.., 0..40), 0..8),
        framing in prop::sample::select(&ALL[..]),
        pieces in (1usize..4, 1usize..4),
    ) {
        let lines: Vec<Vec<u8>> =
            lines.into_iter().map(|line| line.into_iter().filter(|byte| *byte != b'\n').collect()).collect();
        // Octet counting has no empty messages.
        let lines: Vec<Vec<u8>> =
            lines.into_iter().filter(|line| framing != Framing::OctetCount || !line.is_empty()).collect();
        let text: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        let stream = encoded(framing, &text, pieces.0).unwrap();
        let (messages, end) = decoded(Decoder::new(framing, 40), &stream, pieces.1).unwrap();
        prop_assert_eq!(&messages, &lines);
        prop_assert_eq!(end, Ok(()));
        // Cut anywhere, whole messages come, and the end is one only between two.
        for cut in 0..stream.len() {
            let (some, end) = decoded(Decoder::new(framing, 40), &stream[..cut], pieces.1).unwrap();
            prop_assert!(lines.starts_with(&some));
            let whole = encoded(framing, &text[..some.iter().map(|line| line.len() + 1).sum()], 9).unwrap();
            prop_assert_eq!(end.is_ok(), whole.len() == cut);
        }
    }

    #[test]
    fn pieces_make_no_difference_to_noise(
        noise in prop::collection::vec(prop_oneof![0u8..4, Just(b':'), Just(b','), b'0'..=b'9', any::<u8>()], 0..60),
        framing in prop::sample::select(&ALL[..]),
        piece in 1usize..4,
    ) {
        let whole = decoded(Decoder::new(framing, 20), &noise, 1000);
        let pieces = decoded(Decoder::new(framing, 20), &noise, piece);
        prop_assert_eq!(whole, pieces);
    }
}
