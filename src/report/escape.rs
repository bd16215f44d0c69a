//! Escapes text from peers, so that it is harmless for terminals and logs.

use std::fmt::Write;

/// Escapes characters that could move a cursor, hide text or start a new line: C0 and C1 controls, bidirectional
/// overrides, separators.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            // Writing to a String cannot fail.
            let _ = match u32::from(c) {
                code @ 0..0x80 => write!(safe, "\\x{code:02x}"),
                code => write!(safe, "\\u{{{code:x}}}"),
            };
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Escapes a name reversibly: as [`escape_bytes`], and a backslash becomes two.
pub fn escape_name(name: &[u8]) -> String {
    let mut safe = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        safe += &escape(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            let _ = write!(safe, "\\x{byte:02x}");
        }
    }
    safe
}

/// Escapes text in bytes that need not be UTF-8.
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut safe = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        safe += &escape(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(safe, "\\x{byte:02x}");
        }
    }
    safe
}

/// Escapes JSON text, whose strings can express such characters without loss. Control characters in them are escaped
/// already.
pub fn escape_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmful(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// True for the characters that [`escape`] escapes.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_harmful_comes_through() {
        assert_eq!(escape_bytes(b"a\x1b[2J\n\x9b\xff"), "a\\x1b[2J\\x0a\\x9b\\xff");
        assert_eq!(escape("x\u{202e}gpj.exe\u{9b}\u{2028}"), "x\\u{202e}gpj.exe\\u{9b}\\u{2028}");
        assert_eq!(escape("größe 大 ok"), "größe 大 ok");
    }

    /// Reverses [`escape_name`] as `manual::EVENTS` describes.
    fn unescape_name(mut shown: &str) -> Vec<u8> {
        let mut name = Vec::new();
        while let Some(first) = shown.chars().next() {
            let number = |digits: &str| u32::from_str_radix(digits, 16).unwrap();
            let length = match (first, shown.as_bytes().get(1)) {
                ('\\', Some(b'\\')) => {
                    name.push(b'\\');
                    2
                }
                ('\\', Some(b'x')) => {
                    name.push(number(&shown[2..4]) as u8);
                    4
                }
                ('\\', _) => {
                    let end = shown.find('}').unwrap();
                    let c = char::from_u32(number(&shown[3..end])).unwrap();
                    name.extend(c.to_string().bytes());
                    end + 1
                }
                _ => {
                    name.extend(first.to_string().bytes());
                    first.len_utf8()
                }
            };
            shown = &shown[length..];
        }
        name
    }

    #[test]
    fn names_are_distinguished_and_can_be_unescaped() {
        let names: [&[u8]; 7] =
            [b"a\\x0a", b"a\n", b"\xc2\x9b", b"\x9b", b"\\", "é\u{202e}".as_bytes(), b"\\u{202e}"];
        let shown = names.map(escape_name);
        assert_eq!(shown[..4], ["a\\\\x0a", "a\\x0a", "\\u{9b}", "\\x9b"]);
        for (name, shown) in names.iter().zip(shown) {
            assert_eq!(unescape_name(&shown), *name);
        }
    }
}
