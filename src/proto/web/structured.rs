//! Structured fields (RFC 9651), as far as they are read here: dictionaries and items.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The most digits of an integer, and of a decimal before its point (RFC 9651, 4.2.4).
const MAX_DIGITS: usize = 15;

/// Base64 as parsers have to take it: padded or not (RFC 9651, 4.2.7).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A value, without its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `:BASE64:`
    Bytes(Vec<u8>),
    /// Of up to 15 digits.
    Integer(i64),
    /// `?1`, `?0`, or a key alone.
    Boolean(bool),
    /// Any other kind.
    Other,
}

/// The value of a key in the dictionary that all fields of one name have together. Of several the last one counts.
///
/// # Errors
/// The fields are not a dictionary.
pub fn in_dictionary<'v>(
    values: impl IntoIterator<Item = &'v [u8]>,
    key: &str,
) -> Result<Option<Value>, NotStructured> {
    let mut found = None;
    for value in values.into_iter().map(spaces_trimmed).filter(|value| !value.is_empty()) {
        let mut rest = Cursor(value);
        loop {
            let this = rest.key().ok_or(NotStructured)?;
            let value = rest.member().ok_or(NotStructured)?;
            if this == key.as_bytes() {
                found = Some(value);
            }
            rest.skip(b" \t");
            if rest.0.is_empty() {
                break;
            }
            rest.take(b',').ok_or(NotStructured)?;
            rest.skip(b" \t");
        }
    }
    Ok(found)
}

/// The value of a field that is an item.
///
/// # Errors
/// The field is not an item.
pub fn item(value: &[u8]) -> Result<Value, NotStructured> {
    let mut rest = Cursor(spaces_trimmed(value));
    let value = rest.bare_item().filter(|_| rest.parameters().is_some() && rest.0.is_empty());
    value.ok_or(NotStructured)
}

/// Fields that break the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotStructured;

fn spaces_trimmed(value: &[u8]) -> &[u8] {
    let mut trimmed = value;
    while let [b' ', inner @ ..] | [inner @ .., b' '] = trimmed {
        trimmed = inner;
    }
    trimmed
}

/// What is left of a value. A method that returns `None` has met something else than it parses.
struct Cursor<'v>(&'v [u8]);

impl<'v> Cursor<'v> {
    fn skip(&mut self, bytes: &[u8]) {
        self.take_while(|byte| bytes.contains(&byte));
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn take_while(&mut self, is_part: impl Fn(u8) -> bool) -> &'v [u8] {
        let length = self.0.iter().position(|&byte| !is_part(byte)).unwrap_or(self.0.len());
        let (part, rest) = self.0.split_at(length);
        self.0 = rest;
        part
    }

    /// RFC 9651, 4.2.3.3.
    fn key(&mut self) -> Option<&'v [u8]> {
        let first = self.0.first()?;
        let is_key = first.is_ascii_lowercase() || *first == b'*';
        is_key.then(|| {
            self.take_while(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte)
            })
        })
    }

    /// What comes after a key: a value or none, and its parameters.
    fn member(&mut self) -> Option<Value> {
        let value = match self.take(b'=') {
            None => Value::Boolean(true),
            Some(()) if self.0.starts_with(b"(") => self.inner_list()?,
            Some(()) => self.bare_item()?,
        };
        self.parameters()?;
        Some(value)
    }

    /// RFC 9651, 4.2.1.2.
    fn inner_list(&mut self) -> Option<Value> {
        self.take(b'(')?;
        loop {
            self.skip(b" ");
            if self.take(b')').is_some() {
                return Some(Value::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            if !matches!(self.0.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    /// RFC 9651, 4.2.3.2.
    fn parameters(&mut self) -> Option<()> {
        while self.take(b';').is_some() {
            self.skip(b" ");
            self.key()?;
            if self.take(b'=').is_some() {
                self.bare_item()?;
            }
        }
        Some(())
    }

    /// RFC 9651, 4.2.3.1.
    fn bare_item(&mut self) -> Option<Value> {
        match self.0.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b':' => self.bytes(),
            b'?' => self.boolean(),
            b'"' => self.string(),
            b'@' => {
                self.take(b'@')?;
                self.number().filter(|value| *value != Value::Other).map(|_| Value::Other)
            }
            b'%' => {
                self.take(b'%')?;
                self.string()
            }
            first if first.is_ascii_alphabetic() || *first == b'*' => {
                self.take_while(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte));
                Some(Value::Other)
            }
            _ => None,
        }
    }

    /// An integer, or a decimal of up to 12 digits and 3 more.
    fn number(&mut self) -> Option<Value> {
        let sign = if self.take(b'-').is_some() { -1 } else { 1 };
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() || digits.len() > MAX_DIGITS {
            return None;
        }
        if self.take(b'.').is_some() {
            let fraction = self.take_while(|byte| byte.is_ascii_digit());
            let is_decimal = digits.len() <= MAX_DIGITS - 3 && matches!(fraction.len(), 1..=3);
            return is_decimal.then_some(Value::Other);
        }
        let number = digits.iter().fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0'));
        Some(Value::Integer(sign * number))
    }

    fn bytes(&mut self) -> Option<Value> {
        self.take(b':')?;
        let text = self.take_while(|byte| byte != b':');
        self.take(b':')?;
        BASE64.decode(text).ok().map(Value::Bytes)
    }

    fn boolean(&mut self) -> Option<Value> {
        self.take(b'?')?;
        match (self.take(b'1'), self.take(b'0')) {
            (Some(()), None) => Some(Value::Boolean(true)),
            (None, Some(())) => Some(Value::Boolean(false)),
            _ => None,
        }
    }

    /// A string between quotes, in which a quote and a backslash are escaped.
    fn string(&mut self) -> Option<Value> {
        self.take(b'"')?;
        loop {
            self.take_while(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
            if self.take(b'"').is_some() {
                return Some(Value::Other);
            }
            self.take(b'\\')?;
            self.take(b'"').or_else(|| self.take(b'\\'))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(value: &str) -> Result<Option<Value>, NotStructured> {
        in_dictionary([value.as_bytes()], "a")
    }

    #[test]
    fn a_dictionary_has_values_of_many_kinds() {
        let table = [
            ("", None),
            ("b=1", None),
            ("a", Some(Value::Boolean(true))),
            ("a;q=1", Some(Value::Boolean(true))),
            ("a=?0", Some(Value::Boolean(false))),
            ("a=10", Some(Value::Integer(10))),
            ("a=-999999999999999;x;y=\"z\"", Some(Value::Integer(-999_999_999_999_999))),
            ("a=1.5", Some(Value::Other)),
            ("a=:AQI=:", Some(Value::Bytes(vec![1, 2]))),
            ("a=:AQI:", Some(Value::Bytes(vec![1, 2]))),
            ("a=::", Some(Value::Bytes(vec![]))),
            ("a=tok*en/x:y", Some(Value::Other)),
            ("a=\"x, a=1 \\\" \\\\\"", Some(Value::Other)),
            ("a=(1 \"2\" :AQI=:;x=1)", Some(Value::Other)),
            ("a=()", Some(Value::Other)),
            ("a=@1700000000", Some(Value::Other)),
            ("a=%\"f%c3%bc\"", Some(Value::Other)),
            ("a=1, b=2,\ta=3", Some(Value::Integer(3))),
            ("  *x=1 , a=4 ", Some(Value::Integer(4))),
            ("b=\"a=1\", a=2", Some(Value::Integer(2))),
            ("aa=1, a-b=2", None),
        ];
        for (value, expected) in table {
            assert_eq!(of(value), Ok(expected), "{value}");
        }
        assert_eq!(in_dictionary([&b"a=1"[..], b"", b"b=2"], "a"), Ok(Some(Value::Integer(1))));
        assert_eq!(in_dictionary([], "a"), Ok(None));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        let table = [
            ",",
            "a=",
            "a=1,",
            "a=1 b=2",
            "A=1",
            "1=a",
            "a =1",
            "a= 1",
            "a=1;",
            "a=1;=2",
            "a=--1",
            "a=1.",
            "a=.5",
            "a=1.2345",
            "a=1234567890123456",
            "a=1234567890123.5",
            "a=:AQI=",
            "a=:A:",
            "a=:A Q:",
            "a=?2",
            "a=?",
            "a=?10",
            "a=\"x",
            "a=\"\\x\"",
            "a=(1",
            "a=(1,2)",
            "a=(1\"2\")",
            "a=@1.5",
            "a=@",
            "a=%x",
            "a={}",
            "a=1\t;x",
            "a=\u{e4}",
        ];
        for value in table {
            assert_eq!(of(value), Err(NotStructured), "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_dictionary_or_not(value in "[a=:;,()\"\\\\?@%.*0-9A-Z \t-]{0,40}") {
            // What is one by itself is one behind another.
            if of(&value).is_ok() && !spaces_trimmed(value.as_bytes()).is_empty() {
                let behind = format!("x=1, {}", value.trim_matches(' '));
                prop_assert!(of(&behind).is_ok());
            }
        }
    }
}
