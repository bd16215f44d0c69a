//! Arbitrary bytes, growing by arbitrary pieces, to the parser of the text header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::transfer::text_header::{MAX_HEADER_BYTES, ParsedText, encode, is_refusal, parse};

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (piece, bytes) = input;
    let piece = usize::from(piece).max(1);
    let mut refused = false;
    for end in (0..bytes.len()).step_by(piece).chain([bytes.len()]) {
        let parsed = parse(&bytes[..end]);
        assert!(parsed.is_err() || !refused, "a refusal was taken back");
        refused = parsed.is_err();
        if let Ok(ParsedText::Complete(header)) = &parsed {
            assert!(end <= MAX_HEADER_BYTES);
            let again = encode(header.name.as_bytes(), header.size).map(|bytes| parse(&bytes));
            assert_eq!(again, Ok(parsed));
        }
    }
    is_refusal(&bytes);
});
