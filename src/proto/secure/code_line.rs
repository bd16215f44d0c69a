//! A code while it is typed at a terminal: a line with the usual keys, and Tab, which completes a word of the list.

use zeroize::Zeroizing;

use super::code::{MAX_BYTES, WORDS, words_that_begin};

/// The most words that Tab lists.
const MAX_LISTED: usize = 8;
const BELL: char = '\x07';
const ESCAPE: u8 = 0x1b;

/// The bytes that keys send, as the terminal's settings have them. Zero: no key does that.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Backspace; 8 and 127 are always that.
    pub erase: u8,
    /// Erases a word: ^W.
    pub word_erase: u8,
    /// Erases the line: ^U.
    pub kill: u8,
    /// Ends the input: ^D.
    pub end: u8,
    /// Stops the process: ^Z.
    pub suspend: u8,
}

/// What a key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing yet.
    Typing,
    /// The line is there.
    Entered,
    /// There is none: the input has ended.
    Ended,
    /// The process is to be stopped, and the line drawn again when it goes on.
    Suspended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sequence {
    None,
    Begun,
    /// Up to its last byte.
    Inside,
}

/// The line. It is overwritten when it is dropped.
pub struct CodeLine {
    prompt: String,
    keys: Keys,
    /// With all its room from the start: a text that grows leaves copies behind.
    text: Zeroizing<String>,
    /// The bytes of a character that is not whole.
    character: Zeroizing<Vec<u8>>,
    /// Of a key such as an arrow.
    sequence: Sequence,
    /// What is to be written to the terminal, with its room, too.
    screen: Zeroizing<String>,
}

impl CodeLine {
    /// An empty line behind `prompt`.
    pub fn new(prompt: &str, keys: Keys) -> CodeLine {
        CodeLine {
            prompt: prompt.to_owned(),
            keys,
            text: Zeroizing::new(String::with_capacity(MAX_BYTES)),
            character: Zeroizing::new(Vec::with_capacity(4)),
            sequence: Sequence::None,
            screen: Zeroizing::new(String::with_capacity(4 * MAX_BYTES)),
        }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is to be written to the terminal.
    pub fn screen(&self) -> &str {
        &self.screen
    }

    /// It was written.
    pub fn clear_screen(&mut self) {
        self.screen.clear();
    }

    /// Writes the text again. It stands behind a prompt.
    pub fn redraw(&mut self) {
        self.screen.push_str(&self.text);
    }

    /// Takes a byte from the terminal.
    pub fn press(&mut self, byte: u8) -> Step {
        self.sequence = match (self.sequence, byte) {
            (Sequence::Begun, b'[' | b'O') => Sequence::Inside,
            (Sequence::Inside, 0x20..=0x3f) => Sequence::Inside,
            (Sequence::Inside, 0x40..=0x7e) => return self.forget_sequence(),
            (_, ESCAPE) => Sequence::Begun,
            _ => Sequence::None,
        };
        let keys = self.keys;
        let is = |key: u8| key != 0 && byte == key;
        match byte {
            _ if self.sequence != Sequence::None => {}
            b'\r' | b'\n' => {
                self.screen.push('\n');
                return Step::Entered;
            }
            _ if is(keys.suspend) => return Step::Suspended,
            _ if is(keys.end) && self.text.is_empty() => return Step::Ended,
            b'\t' => self.complete(),
            8 | 127 => self.erase(),
            _ if is(keys.erase) => self.erase(),
            _ if is(keys.kill) => self.shorten(0),
            _ if is(keys.word_erase) => {
                let length = self.text.trim_end_matches(is_separator).len();
                self.shorten(word_start(&self.text[..length]));
            }
            0..0x20 => self.screen.push(BELL),
            _ => self.add_byte(byte),
        }
        Step::Typing
    }

    fn forget_sequence(&mut self) -> Step {
        self.sequence = Sequence::None;
        self.screen.push(BELL);
        Step::Typing
    }

    /// Adds a byte of a character, and the character once it is whole.
    fn add_byte(&mut self, byte: u8) {
        self.character.push(byte);
        match std::str::from_utf8(&self.character) {
            Err(fault) if fault.error_len().is_none() => return,
            // A control character may be two bytes long.
            Ok(character)
                if self.text.len() + character.len() <= MAX_BYTES
                    && !character.contains(char::is_control) =>
            {
                self.text.push_str(character);
                self.screen.push_str(character);
            }
            _ => self.screen.push(BELL),
        }
        self.character.clear();
    }

    fn erase(&mut self) {
        match self.text.char_indices().next_back() {
            Some((start, _)) => self.shorten(start),
            None => self.screen.push(BELL),
        }
    }

    /// Erases what follows the first `length` bytes.
    fn shorten(&mut self, length: usize) {
        let erased = &self.text[length..];
        if erased.is_ascii() {
            (0..erased.len()).for_each(|_| self.screen.push_str("\x08 \x08"));
            self.text.truncate(length);
        } else {
            // How wide it is only the terminal knows.
            self.text.truncate(length);
            self.screen.push_str("\r\x1b[K");
            self.screen.push_str(&self.prompt);
            self.redraw();
        }
    }

    /// Completes the last word as far as one or several of the list begin alike, or lists them.
    fn complete(&mut self) {
        let typed = &self.text[word_start(&self.text)..];
        let words: Vec<&'static str> = words_that_begin(typed).collect();
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return self.screen.push(BELL);
        };
        // The list is in order.
        let common = first.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count();
        let mut more = Zeroizing::new(first[typed.len()..common].to_owned());
        let count = self.text.split(is_separator).filter(|piece| !piece.is_empty()).count();
        if words.len() == 1 && count < WORDS {
            more.push('-');
        }
        if !more.is_empty() {
            more.bytes().for_each(|letter| self.add_byte(letter));
        } else if (2..=MAX_LISTED).contains(&words.len()) {
            self.screen.push('\n');
            self.screen.push_str(&words.join("  "));
            self.screen.push('\n');
            self.screen.push_str(&self.prompt);
            self.redraw();
        } else {
            self.screen.push(BELL);
        }
    }
}

fn is_separator(c: char) -> bool {
    c == '-' || c == ' '
}

/// Where the last word begins.
fn word_start(text: &str) -> usize {
    text.rfind(is_separator).map_or(0, |at| at + 1)
}
