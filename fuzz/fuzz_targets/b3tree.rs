//! Arbitrary text, in arbitrary pieces, to the parser of a file's block values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::web::proof::{TreeParser, tree_text};

fuzz_target!(|input: &[u8]| {
    let Some((piece, text)) = input.split_first() else { return };
    // The length that the text itself says, so that it is not refused for that alone.
    let word = text.split(|byte| *byte == b' ').nth(3).unwrap_or_default();
    let size_bytes = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).unwrap_or(0);
    let mut parser = TreeParser::new(size_bytes);
    let parsed = text.chunks(usize::from(*piece).max(1)).try_for_each(|piece| parser.push(piece));
    let mut at_once = TreeParser::new(size_bytes);
    assert_eq!(at_once.push(text), parsed);
    if let (Ok(()), Ok(tree)) = (parsed, parser.finish()) {
        assert_eq!(tree_text(tree.size_bytes, &tree.root, &tree.values).as_bytes(), text);
        assert_eq!(at_once.finish(), Ok(tree));
    }
});
