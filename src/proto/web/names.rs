//! Names of files, which are any bytes, as pages, links and header fields can carry them.

use core::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// The bytes that stand for themselves in a segment of a path: the unreserved ones of RFC 3986, 2.3. All others are
/// encoded, because programs that read listings treat some of them as special: `;`, `'`, `&` and the colon.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The bytes of `attr-char` in RFC 8187, 3.2.1, that are neither letters nor digits stand for themselves.
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Appends a name as a segment of a URL's path (RFC 3986, 3.3), which is a relative link as well: it holds no colon.
pub fn push_segment(out: &mut String, name: &[u8]) {
    out.extend(percent_encode(name, SEGMENT));
}

/// Returns a path below a folder as a relative link: its segments encoded, its slashes kept.
pub fn link(path: &[u8]) -> String {
    let mut link = String::with_capacity(path.len());
    for (index, segment) in path.split(|&byte| byte == b'/').enumerate() {
        if index > 0 {
            link.push('/');
        }
        push_segment(&mut link, segment);
    }
    link
}

/// Appends a name as text of a page, or as a quoted attribute. Bytes that are not UTF-8, control characters, and those
/// that change the direction of text or cannot be seen become U+FFFD.
pub fn push_html(out: &mut String, name: &[u8]) {
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                c if is_deceptive(c) => out.push(char::REPLACEMENT_CHARACTER),
                c => out.push(c),
            }
        }
        if !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// Returns a name as [`push_html`] appends it.
pub fn html(name: &[u8]) -> String {
    let mut out = String::with_capacity(name.len());
    push_html(&mut out, name);
    out
}

/// True for characters that a name can deceive with. The joiners of scripts and emoji (U+200C, U+200D) are none.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Returns the value of `Content-Disposition` (RFC 6266): `inline` or `attachment`, and the name. The name is there twice if
/// it is not plain: in ASCII for old programs, and by RFC 8187. Bytes that are not UTF-8 become U+FFFD in the latter.
pub fn content_disposition(is_inline: bool, name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    // Some programs decode escapes in a quoted string, and some take a backslash for a separator of folders.
    let is_plain = |c: char| (c == ' ' || c.is_ascii_graphic()) && !matches!(c, '"' | '\\' | '%' | '/');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let kind = if is_inline { "inline" } else { "attachment" };
    let mut value = format!("{kind}; filename=\"{plain}\"");
    if plain != name {
        // Writing to a String cannot fail.
        let _ = write!(value, "; filename*=UTF-8''{}", percent_encode(name.as_bytes(), EXTENDED));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative_and_hold_nothing_special() {
        assert_eq!(link(b"a b/C-1._~/x"), "a%20b/C-1._~/x");
        assert_eq!(link(b"http://evil?#;'&\"<>"), "http%3A//evil%3F%23%3B%27%26%22%3C%3E");
        assert_eq!(link("größe\n%41".as_bytes()), "gr%C3%B6%C3%9Fe%0A%2541");
        assert_eq!(link(b"\xff\\"), "%FF%5C");
    }

    #[test]
    fn text_of_a_page_holds_no_markup_and_deceives_nobody() {
        assert_eq!(html(b"<i a=\"'&"), "&lt;i a=&quot;&#39;&amp;");
        assert_eq!(
            html("x\u{202e}gpj.exe\r\n\0\u{9b}".as_bytes()),
            "x\u{fffd}gpj.exe\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(html(b"a\xff\xc3b"), "a\u{fffd}\u{fffd}b");
        assert_eq!(html("größe 大 👩\u{200d}🔧".as_bytes()), "größe 大 👩\u{200d}🔧");
    }

    #[test]
    fn dispositions_carry_any_name() {
        assert_eq!(content_disposition(true, b"a b.txt"), "inline; filename=\"a b.txt\"");
        assert_eq!(
            content_disposition(false, "na\"\r\n\\ï%41;.txt".as_bytes()),
            "attachment; filename=\"na______41;.txt\"; filename*=UTF-8''na%22%0D%0A%5C%C3%AF%2541%3B.txt"
        );
        assert_eq!(
            content_disposition(false, b"\xff"),
            "attachment; filename=\"_\"; filename*=UTF-8''%EF%BF%BD"
        );
    }

    #[test]
    fn no_name_leaves_the_field() {
        for byte in 0..=255u8 {
            let value = content_disposition(false, &[byte, b'x']);
            assert!(crate::proto::http::is_field_value(value.as_bytes()) && value.is_ascii(), "{byte}");
            assert_eq!(value.matches('"').count(), 2, "{byte}");
        }
    }
}
