//! The code that a server shows and that a client's user types: three words, 33 bits, of the list of BIP-39 (2048 English
//! words, each known by its first four letters); or one of the user's own.
//!
//! Both sides run CPace with the *normal form*, so that it is the same however a code was typed:
//! - The text is cut at spaces, tabs, line ends and dashes. If there are at least three pieces, and each is a word of the
//!   list or at least the first four letters of one, in any case, the normal form is the words in lower case, joined by `-`.
//! - Exactly three pieces of letters only must be such words, and two pieces must not be: with a typing error they are refused
//!   here, before a guess is spent.
//! - Any other text of at least 12 characters is its own normal form, without the white space around it.

use std::fmt;

use bip39::Language;
use zeroize::Zeroizing;

/// The number of words of a code that is made here.
pub const WORDS: usize = 3;
/// The fewest characters of a code that is not of words.
pub const MIN_CHARACTERS: usize = 12;
/// The longest text of a code, in bytes.
pub const MAX_BYTES: usize = 1024;
/// The fewest letters that stand for a longer word.
const PREFIX_LETTERS: usize = 4;
/// The most bytes of a word and its separator.
const WORD_ROOM: usize = 9;
/// Bits of the number of a word.
const WORD_MASK: u16 = 0x07FF;

/// A code in normal form. It is overwritten when it is dropped, and `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Code(Zeroizing<String>);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

/// Why a text is no code. The text names no part of the code: it may be printed and logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeFault {
    /// It is empty.
    Empty,
    /// It has fewer than three words and fewer than 12 characters.
    TooShort,
    /// It is words of the list, but this many.
    TooFewWords(usize),
    /// A word is not on the list.
    NotAWord {
        /// Which word, counted from 1.
        position: usize,
        /// The word of the list that is most like it, if one is. For a terminal only, see [`CodeFault::hint`].
        closest: Option<&'static str>,
    },
    /// It has over 1024 bytes.
    TooLong,
    /// It has a line end, a NUL or another control character inside.
    Control,
}

impl CodeFault {
    /// Returns a question for a user who typed the code at a terminal. It tells about the code: it is not for logs.
    pub fn hint(&self) -> Option<String> {
        match self {
            CodeFault::NotAWord { closest: Some(word), .. } => Some(format!("did you mean {word}?")),
            _ => None,
        }
    }
}

impl fmt::Display for CodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodeFault::Empty => f.write_str("the code is empty: type its three words"),
            CodeFault::TooShort => write!(
                f,
                "the code is too short: type its three words; one of your own needs {MIN_CHARACTERS} characters"
            ),
            CodeFault::TooFewWords(count) => {
                write!(f, "the code has {WORDS} words at least, and not {count}: type all of them")
            }
            CodeFault::NotAWord { position, .. } => {
                write!(
                    f,
                    "word {position} of the code is not on the list: type it again, or its first four letters"
                )
            }
            CodeFault::TooLong => {
                write!(f, "the code has over {MAX_BYTES} bytes: type its three words")
            }
            CodeFault::Control => {
                f.write_str("the code has a line end or another control character in it: type it on one line")
            }
        }
    }
}

impl std::error::Error for CodeFault {}

impl Code {
    /// Makes a code of three words. `random` must be bytes that nobody can predict; 33 bits of them are used.
    pub fn from_random(random: &[u8; 2 * WORDS]) -> Code {
        let mut text = Zeroizing::new(String::with_capacity(WORDS * WORD_ROOM));
        for pair in random.chunks_exact(2) {
            let number = u16::from_be_bytes([pair[0], pair[1]]) & WORD_MASK;
            push_word(&mut text, list()[usize::from(number)]);
        }
        Code(text)
    }

    /// Makes a code of what a user has typed or a file has.
    ///
    /// # Errors
    /// It is no code, or has a typing error.
    pub fn parse(typed: &str) -> Result<Code, CodeFault> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(CodeFault::Empty);
        }
        if typed.len() > MAX_BYTES {
            return Err(CodeFault::TooLong);
        }
        let pieces =
            || typed.split(|c: char| c.is_ascii_whitespace() || c == '-').filter(|piece| !piece.is_empty());
        let count = pieces().count();
        let first_unknown = pieces().position(|piece| word(piece).is_none());
        match first_unknown {
            None if count >= WORDS => {
                let mut text = Zeroizing::new(String::with_capacity(count * WORD_ROOM));
                pieces().filter_map(word).for_each(|word| push_word(&mut text, word));
                return Ok(Code(text));
            }
            None if count > 0 => return Err(CodeFault::TooFewWords(count)),
            Some(unknown) if count == WORDS && pieces().all(is_of_letters) => {
                let closest = pieces().nth(unknown).and_then(closest);
                return Err(CodeFault::NotAWord { position: unknown + 1, closest });
            }
            _ => {}
        }
        if typed.chars().any(char::is_control) {
            return Err(CodeFault::Control);
        }
        if typed.chars().count() < MIN_CHARACTERS {
            return Err(CodeFault::TooShort);
        }
        // With all its room from the start: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(typed.len()));
        text.push_str(typed);
        Ok(Code(text))
    }

    /// Returns the code, to show it to the user who passes it on.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Returns the words of the list that begin with `typed`, in any case, for completion at a terminal.
pub fn words_that_begin(typed: &str) -> impl Iterator<Item = &'static str> {
    list().iter().copied().filter(move |word| begins(word, typed))
}

fn list() -> &'static [&'static str; 2048] {
    Language::English.word_list()
}

fn push_word(text: &mut String, word: &str) {
    if !text.is_empty() {
        text.push('-');
    }
    text.push_str(word);
}

fn is_of_letters(piece: &str) -> bool {
    piece.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn begins(word: &str, typed: &str) -> bool {
    word.get(..typed.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(typed))
}

/// Returns the word that a piece is, or whose first letters it is.
fn word(piece: &str) -> Option<&'static str> {
    let exact = list().iter().find(|word| word.eq_ignore_ascii_case(piece));
    let by_letters = || list().iter().find(|word| piece.len() >= PREFIX_LETTERS && begins(word, piece));
    exact.or_else(by_letters).copied()
}

/// Returns the word that is most like a piece: at most two letters must be added, left out or replaced.
fn closest(piece: &str) -> Option<&'static str> {
    let distances = list().iter().map(|word| (distance(word, piece), *word));
    distances
        .filter(|(distance, _)| *distance <= 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Levenshtein's distance; many, if `piece` is much longer than any word.
fn distance(word: &str, piece: &str) -> usize {
    const MOST: usize = 12;
    if piece.len() >= MOST {
        return usize::MAX;
    }
    let mut row: [usize; MOST] = core::array::from_fn(|index| index);
    for (above, letter) in word.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (left, other) in piece.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != other.to_ascii_lowercase());
            diagonal = row[left + 1];
            row[left + 1] = replaced.min(diagonal + 1).min(row[left] + 1);
        }
    }
    row[piece.len()]
}
