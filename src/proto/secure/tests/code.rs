//! Codes: made, typed, mistyped.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::code::{Code, CodeFault, words_that_begin};
use super::CODE;

fn normal(typed: &str) -> String {
    Code::parse(typed).unwrap_or_else(|fault| panic!("{typed}: {fault}")).reveal().to_owned()
}

fn fault(typed: &str) -> CodeFault {
    Code::parse(typed).map(drop).expect_err(typed)
}

#[test]
fn three_words_of_33_bits() {
    let made = |random: [u8; 6]| Code::from_random(&random).reveal().to_owned();
    assert_eq!(made([0; 6]), "abandon-abandon-abandon");
    assert_eq!(made([0xFF; 6]), "zoo-zoo-zoo");
    assert_eq!(made([0, 1, 0, 2, 0x07, 0xFF]), "ability-able-zoo");
    // The five bits above a word's number mean nothing.
    assert_eq!(made([0xF8, 1, 0x08, 2, 0x5F, 0xFF]), "ability-able-zoo");
    let all: BTreeSet<&str> = words_that_begin("").collect();
    assert_eq!(all.len(), 2048);
}

#[test]
fn one_code_can_be_typed_in_many_ways() {
    for typed in [
        "violin-acoustic-lunar",
        "VIOLIN ACOUSTIC LUNAR",
        " Violin - Acoustic\tLunar\r\n",
        "viol-acou-luna",
        "viol acoust lunar",
        "--violin--acoustic--lunar--",
    ] {
        assert_eq!(normal(typed), CODE, "{typed}");
    }
    // A word of three letters, and one that begins another.
    assert_eq!(normal("act add zoo"), "act-add-zoo");
    assert_eq!(normal("car card cart"), "car-card-cart");
    assert_eq!(normal("zoo zoo zoo zoo abandon"), "zoo-zoo-zoo-zoo-abandon");
}

#[test]
fn typing_errors_are_refused() {
    let not_a_word = |position, closest| CodeFault::NotAWord { position, closest };
    assert_eq!(fault("violin acoustic lunat"), not_a_word(3, Some("lunar")));
    assert_eq!(fault("vilin acoustic lunar"), not_a_word(1, Some("violin")));
    assert_eq!(fault("violin acuostic lunar"), not_a_word(2, Some("acoustic")));
    assert_eq!(fault("violin acoustic xqxqxq"), not_a_word(3, None));
    assert_eq!(fault("violin acoustic xqxqxqxqxqxqxqxqxqxqxq"), not_a_word(3, None));
    // Three letters do not stand for a longer word.
    assert!(matches!(fault("vio acoustic lunar"), CodeFault::NotAWord { position: 1, .. }));
    assert_eq!(fault("violin-acoustic"), CodeFault::TooFewWords(2));
    assert_eq!(fault("violin"), CodeFault::TooFewWords(1));
    assert_eq!(fault(""), CodeFault::Empty);
    assert_eq!(fault(" \r\n"), CodeFault::Empty);
    assert_eq!(fault("---"), CodeFault::TooShort);
    assert_eq!(fault("acid acou5"), CodeFault::TooShort);
}

#[test]
fn codes_of_ones_own() {
    assert_eq!(fault("elevenchars"), CodeFault::TooShort);
    assert_eq!(normal("twelve-chars"), "twelve-chars");
    assert_eq!(normal("  Correct Horse battery staple\n"), "Correct Horse battery staple");
    assert_eq!(normal("zwölf Zeichen"), "zwölf Zeichen");
    assert_eq!(fault("zwölf Zeich"), CodeFault::TooShort);
    assert_eq!(normal("a1-b2-c3-d4-e5"), "a1-b2-c3-d4-e5");
    assert_eq!(fault("twelve\nchars and more"), CodeFault::Control);
    assert_eq!(fault("twelve\0chars and more"), CodeFault::Control);
    assert_eq!(normal(&"x".repeat(1024)), "x".repeat(1024));
    assert_eq!(fault(&"x".repeat(1025)), CodeFault::TooLong);
}

#[test]
fn nothing_shows_a_code() {
    assert_eq!(format!("{:?}", Code::parse(CODE)), "Ok(Code)");
    let faults = [
        fault("violin acoustic lunat"),
        fault("violin acoustic"),
        fault("viol!n"),
        fault("\0 violin acoustic lunar"),
    ];
    for fault in faults {
        let text = fault.to_string();
        assert!(text.contains("type "), "{text}");
        for word in ["violin", "acoustic", "lunat", "lunar", "viol!n"] {
            assert!(!text.contains(word), "{text}");
        }
    }
    assert_eq!(fault("violin acoustic lunat").hint().as_deref(), Some("did you mean lunar?"));
    assert_eq!(fault("violin acoustic").hint(), None);
}

#[test]
fn words_are_completed() {
    let words = |typed| words_that_begin(typed).collect::<Vec<_>>();
    assert_eq!(words("viol"), ["violin"]);
    assert_eq!(words("VIO"), ["violin"]);
    assert_eq!(words("zo"), ["zone", "zoo"]);
    assert!(words("zzz").is_empty());
    assert!(words("zö").is_empty());
    assert!(words("violinviolin").is_empty());
}

proptest! {
    #[test]
    fn a_normal_form_is_its_own(typed in "(?s).{0,60}") {
        if let Ok(code) = Code::parse(&typed) {
            let again = Code::parse(code.reveal()).expect("a code");
            prop_assert_eq!(again.reveal(), code.reveal());
        }
    }

    #[test]
    fn four_letters_suffice(random in any::<[u8; 6]>(), upper in any::<bool>()) {
        let code = Code::from_random(&random);
        let short: Vec<&str> = code.reveal().split('-').map(|word| &word[..word.len().min(4)]).collect();
        let short = short.join(" ");
        let typed = if upper { short.to_uppercase() } else { short };
        prop_assert_eq!(normal(&typed), code.reveal());
    }

    #[test]
    fn one_wrong_letter_is_never_another_code_of_ours(random in any::<[u8; 6]>(), at in any::<prop::sample::Index>(), letter in b'a'..=b'z') {
        let code = Code::from_random(&random);
        let mut typed = code.reveal().as_bytes().to_vec();
        let at = at.index(typed.len());
        prop_assume!(typed[at] != b'-' && typed[at] != letter);
        typed[at] = letter;
        let typed = String::from_utf8(typed).expect("ASCII");
        // Refused, or three words: never taken for a code that somebody chose.
        if let Ok(other) = Code::parse(&typed) {
            prop_assert!(other.reveal().split('-').all(|word| words_that_begin(word).next() == Some(word)));
        }
    }
}
