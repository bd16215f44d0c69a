//! Keys, and what is on the line after them.

use proptest::prelude::*;

use super::super::code::{Code, MAX_BYTES};
use super::super::code_line::{CodeLine, Keys, Step};

const KEYS: Keys = Keys { erase: 127, word_erase: 0x17, kill: 0x15, end: 4, suspend: 0x1a };

fn line() -> CodeLine {
    CodeLine::new("code: ", KEYS)
}

/// The line after these keys, and what was written.
fn typed(keys: &str) -> (String, String) {
    let mut line = line();
    for byte in keys.bytes() {
        assert_eq!(line.press(byte), Step::Typing, "{keys:?}");
    }
    (line.text().to_owned(), line.screen().to_owned())
}

#[test]
fn the_usual_keys_change_the_line() {
    for (keys, text) in [
        ("abc", "abc"),
        ("abc\x7f\x08d", "ad"),
        ("\x7fa", "a"),
        ("one two\x17", "one "),
        ("one-two-\x17x", "one-x"),
        ("one\x17\x17x", "x"),
        ("one two\x15x", "x"),
        // Arrows, Home, Delete and a bare Escape.
        ("a\x1b[Ab\x1bOHc\x1b[3~d\x1b[1;5Ce", "abcde"),
        ("a\x1bb", "ab"),
        // Keys that mean nothing here.
        ("a\x01\x0c\0b\u{9b}c", "abc"),
        ("ärger\x7f", "ärge"),
        ("日本\x7f\x7fx", "x"),
    ] {
        assert_eq!(typed(keys).0, text, "{keys:?}");
    }
    assert_eq!(typed("ab\x7f").1, "ab\x08 \x08");
    assert_eq!(typed("a日\x7f").1, "a日\r\x1b[Kcode: a");
    assert_eq!(typed("\x7f\x01").1, "\x07\x07");
}

#[test]
fn tab_completes_a_word_that_is_the_only_one() {
    for (keys, text) in [
        ("viol\t", "violin-"),
        ("VIO\t", "VIOlin-"),
        ("viol\taco\tlunar\t", "violin-acoustic-lunar"),
        ("viol\taco\tluna\t", "violin-acoustic-lunar"),
        ("viol aco\t", "viol acoustic-"),
        // As far as they begin alike.
        ("zo\t", "zo"),
        ("eq\t", "equ"),
        ("out\t", "out"),
        ("prog\t", "program-"),
        ("pro\t", "pro"),
        ("\t", ""),
        ("zzz\t", "zzz"),
        ("zö\t", "zö"),
    ] {
        assert_eq!(typed(keys).0, text, "{keys:?}");
    }
    assert_eq!(typed("zo\t").1, "zo\nzone  zoo\ncode: zo");
    assert_eq!(typed("pro\t").1, "pro\x07", "too many");
    assert_eq!(typed("zzz\t").1, "zzz\x07", "none");
    assert_eq!(typed("a-b-lunar\t").1, "a-b-lunar\x07", "it is there");
}

#[test]
fn the_ends_of_a_line() {
    let mut line = line();
    assert_eq!(line.press(0x1a), Step::Suspended);
    assert_eq!(line.press(4), Step::Ended);
    assert_eq!(line.press(b'a'), Step::Typing);
    assert_eq!(line.press(4), Step::Typing, "a line that is begun");
    assert_eq!(line.press(b'\r'), Step::Entered);
    assert_eq!(line.screen(), "a\x07\n");
    // A terminal without such a key.
    let mut bare = CodeLine::new("", Keys { erase: 0, word_erase: 0, kill: 0, end: 0, suspend: 0 });
    for byte in [0, 4, 0x1a, 0x15, 0x17] {
        assert_eq!(bare.press(byte), Step::Typing);
    }
    assert_eq!(bare.screen(), "\x07".repeat(5));
}

#[test]
fn a_line_has_an_end() {
    let (text, screen) = typed(&"x".repeat(MAX_BYTES + 1));
    assert_eq!((text.len(), screen.len(), screen.ends_with('\x07')), (MAX_BYTES, MAX_BYTES + 1, true));
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes: Vec<u8>) {
        let mut line = line();
        for byte in bytes {
            line.press(byte);
            prop_assert!(!line.text().contains(char::is_control));
        }
    }

    #[test]
    fn a_code_can_be_typed_with_few_letters(random: [u8; 6]) {
        let code = Code::from_random(&random);
        let keys: String = code.reveal().split('-').map(|word| word[..word.len().min(4)].to_owned() + "\t").collect();
        let keys = keys.replace("\t", "\t-");
        let parsed = Code::parse(&typed(&keys).0);
        prop_assert!(parsed.is_ok_and(|parsed| parsed.reveal() == code.reveal()));
    }
}
