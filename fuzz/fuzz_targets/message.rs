//! Arbitrary bytes, in arbitrary pieces, to the decoder of each framing, and what it finds back through the encoder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::relay::message::{Decoder, Encoder, Framing, Split};

const FRAMINGS: [Framing; 10] = [
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
const MAX_BYTES: u64 = 300;

fuzz_target!(|input: (u8, u8, Vec<u8>)| {
    let (framing, piece, bytes) = input;
    let framing = FRAMINGS[usize::from(framing) % FRAMINGS.len()];
    let (mut decoder, mut encoder) = (Decoder::new(framing, MAX_BYTES), Encoder::new(framing, Split::Lines, MAX_BYTES));
    let (mut said, mut has_lines) = (Vec::new(), false);
    for mut rest in bytes.chunks(usize::from(piece).max(1)) {
        while !rest.is_empty() {
            let Ok((used, is_complete)) = decoder.take(rest) else { return };
            assert!(used > 0 && used <= rest.len());
            assert!(is_complete || decoder.message().is_empty());
            if is_complete {
                assert!(decoder.message().len() as u64 <= MAX_BYTES);
                // A message with a line feed in it cannot be a line.
                has_lines |= decoder.message().contains(&b'\n');
                let line = [decoder.message(), b"\n"].concat();
                if !has_lines {
                    assert_eq!(encoder.take(&line, &mut said), Ok(line.len()));
                }
            }
            rest = &rest[used..];
        }
    }
    if !has_lines {
        assert!(bytes.starts_with(&said) && (decoder.end().is_err() || said.len() == bytes.len()));
    }
});
