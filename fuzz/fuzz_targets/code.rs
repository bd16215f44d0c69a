//! What is typed as a code: refused, or the same again in its normal form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::secure::code::{Code, MAX_BYTES, MIN_CHARACTERS, WORDS, words_that_begin};

fuzz_target!(|input: (u8, [u8; 6], &str)| {
    let (twist, random, typed) = input;
    check(typed);
    words_that_begin(typed).for_each(|word| assert!(word.len() >= typed.len()));
    // A code of ours, with something in it.
    let made = Code::from_random(&random);
    let mut text = made.reveal().to_owned();
    let at = usize::from(twist) % text.len();
    text.insert_str(at, typed);
    check(&text);
});

fn check(typed: &str) {
    match Code::parse(typed) {
        Ok(code) => {
            let normal = code.reveal();
            let words = normal.split('-').filter(|word| words_that_begin(word).next() == Some(word)).count();
            assert!(words >= WORDS || normal.chars().count() >= MIN_CHARACTERS);
            assert!(normal.len() <= 5 * MAX_BYTES);
            assert_eq!(Code::parse(normal).expect("a code").reveal(), normal);
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}
