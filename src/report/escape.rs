//! Text from elsewhere, made harmless for terminals and logs.

use std::fmt::Write;

/// Escapes what could move a cursor, hide text or start a new line: control bytes, C1, bidi overrides, separators.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            // Writing to a String cannot fail.
            let _ = match u32::from(c) {
                code @ 0..0x100 => write!(safe, "\\x{code:02x}"),
                code => write!(safe, "\\u{{{code:x}}}"),
            };
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Escapes bytes that need not be UTF-8, such as file names.
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

/// The same for JSON, whose strings can name such characters without loss. Control bytes are escaped in it already.
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
        assert_eq!(escape("x\u{202e}gpj.exe\u{9b}\u{2028}"), "x\\u{202e}gpj.exe\\x9b\\u{2028}");
        assert_eq!(escape("größe 大 ok"), "größe 大 ok");
    }
}
