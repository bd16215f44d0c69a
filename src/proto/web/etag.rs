//! Entity tags: RFC 9110, 8.8.3, and the lists of `If-Match` and `If-None-Match`.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::file_facts::FileFacts;

/// A strong entity tag: two answers that have the same one are the same byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Makes the tag of a file from its metadata.
    pub fn of_file(facts: &FileFacts) -> ETag {
        ETag::of_stamp(&facts.stamp)
    }

    /// Makes a tag from what changes with the content, and tells nothing of it.
    pub fn of_stamp(stamp: &[u8; 16]) -> ETag {
        ETag::quoted(stamp)
    }

    /// Makes a tag from the digest of a content.
    pub fn of_digest(digest: &[u8; 32]) -> ETag {
        ETag::quoted(digest)
    }

    fn quoted(bytes: &[u8]) -> ETag {
        ETag(format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Returns the tag with its quotes, as fields have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The two comparisons of RFC 9110, 8.8.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// A weak tag equals none.
    Strong,
    /// `W/` makes no difference.
    Weak,
}

/// What a list of tags says of one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// The list is `*`: anything that exists.
    Any,
    /// The tag is in the list.
    Yes,
    /// It is not.
    No,
    /// It is not in the part that could be read, and the rest is not a list of tags.
    Malformed,
}

/// Looks a tag up in the values of all fields of one name. Without a tag nothing equals it.
pub fn look_up<'v>(
    values: impl IntoIterator<Item = &'v [u8]>,
    tag: Option<&ETag>,
    comparison: Comparison,
) -> Listed {
    let (mut is_listed, mut is_malformed, mut stars, mut count) = (false, false, 0_usize, 0_usize);
    for value in values {
        let mut rest = value;
        loop {
            rest = without_separators(rest);
            if rest.is_empty() {
                break;
            }
            count += 1;
            if let Some(after) = rest.strip_prefix(b"*") {
                stars += 1;
                rest = after;
            } else if let Some((listed, after)) = Listing::parse(rest) {
                is_listed |= tag.is_some_and(|tag| listed.equals(tag, comparison));
                rest = after;
            } else {
                is_malformed = true;
                break;
            }
            if !rest.trim_ascii_start().is_empty() && !rest.trim_ascii_start().starts_with(b",") {
                is_malformed = true;
                break;
            }
        }
    }
    match stars {
        0 if is_listed => Listed::Yes,
        0 if is_malformed || count == 0 => Listed::Malformed,
        0 => Listed::No,
        1 if count == 1 && !is_malformed => Listed::Any,
        _ => Listed::Malformed,
    }
}

/// Returns whether the value is one strong tag, and this one: `If-Range` (RFC 9110, 13.1.5).
pub fn is_same(value: &[u8], tag: &ETag) -> bool {
    value == tag.0.as_bytes()
}

/// Returns whether the value begins like a tag rather than like a date.
pub fn looks_like_tag(value: &[u8]) -> bool {
    value.starts_with(b"\"") || value.starts_with(b"W/")
}

/// Skips white space, commas and empty elements (RFC 9110, 5.6.1).
fn without_separators(list: &[u8]) -> &[u8] {
    let start = list.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b',')).unwrap_or(list.len());
    &list[start..]
}

/// A tag in a list.
struct Listing<'v> {
    is_weak: bool,
    /// With its quotes.
    quoted: &'v [u8],
}

impl<'v> Listing<'v> {
    /// Parses a tag at the beginning, and returns what is after it.
    fn parse(list: &'v [u8]) -> Option<(Listing<'v>, &'v [u8])> {
        let (is_weak, list) = list.strip_prefix(b"W/").map_or((false, list), |list| (true, list));
        let opaque = list.strip_prefix(b"\"")?;
        let length = opaque.iter().position(|&byte| !is_in_tags(byte))?;
        let (quoted, after) = list.split_at_checked(length + 2)?;
        quoted.ends_with(b"\"").then_some((Listing { is_weak, quoted }, after))
    }

    fn equals(&self, tag: &ETag, comparison: Comparison) -> bool {
        self.quoted == tag.0.as_bytes() && (comparison == Comparison::Weak || !self.is_weak)
    }
}

/// Returns whether the byte may stand in a tag: visible ones without the quote, and those beyond ASCII.
fn is_in_tags(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::file_facts::Timestamp;
    use super::*;

    fn facts() -> FileFacts {
        let time = Timestamp { seconds: 4, nanoseconds: 5 };
        let stamp = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 254, 255];
        FileFacts { stamp, modified: time, changed: time }
    }

    #[test]
    fn tags_have_only_what_tags_may_have() {
        // Caches keep them for years: they stay as they are.
        let file = ETag::of_file(&facts());
        assert_eq!(file.as_str(), "\"AAECAwQFBgcICQoLDA3-_w\"");
        let all = [file, ETag::of_stamp(&[0; 16]), ETag::of_digest(&[0; 32])];
        for (index, tag) in all.iter().enumerate() {
            assert!(!all[..index].contains(tag));
            assert!(tag.as_str().bytes().all(|byte| byte == b'"' || is_in_tags(byte)));
            assert_eq!(tag.to_string(), tag.as_str());
        }
    }

    #[test]
    fn a_list_is_read_as_the_rfc_has_it() {
        use Comparison::{Strong, Weak};
        let tag = ETag("\"x,y\"".to_owned());
        let table: &[(&[&str], Listed, Listed)] = &[
            (&["\"x,y\""], Listed::Yes, Listed::Yes),
            (&["W/\"x,y\""], Listed::No, Listed::Yes),
            (&["w/\"x,y\""], Listed::Malformed, Listed::Malformed),
            (&["\"a\", \"b\""], Listed::No, Listed::No),
            (&["\"a\",\"x,y\""], Listed::Yes, Listed::Yes),
            (&["\"a\"", "\"x,y\""], Listed::Yes, Listed::Yes),
            (&[",, \"a\" ,\t, \"x,y\" ,"], Listed::Yes, Listed::Yes),
            (&["\"x\",\"y\""], Listed::No, Listed::No),
            (&["\"\""], Listed::No, Listed::No),
            (&["\"\u{e4}\""], Listed::No, Listed::No),
            (&["*"], Listed::Any, Listed::Any),
            (&[" * "], Listed::Any, Listed::Any),
            (&["*, \"x,y\""], Listed::Malformed, Listed::Malformed),
            (&["\"x,y\"", "*"], Listed::Malformed, Listed::Malformed),
            (&["*", "*"], Listed::Malformed, Listed::Malformed),
            (&["**"], Listed::Malformed, Listed::Malformed),
            (&[""], Listed::Malformed, Listed::Malformed),
            (&[], Listed::Malformed, Listed::Malformed),
            (&["x,y"], Listed::Malformed, Listed::Malformed),
            (&["\"x,y"], Listed::Malformed, Listed::Malformed),
            (&["\"a b\""], Listed::Malformed, Listed::Malformed),
            (&["\"a\"\"x,y\""], Listed::Malformed, Listed::Malformed),
            (&["\"a\" \"x,y\""], Listed::Malformed, Listed::Malformed),
            (&["W/ \"x,y\""], Listed::Malformed, Listed::Malformed),
            (&["\"x,y\", junk"], Listed::Yes, Listed::Yes),
            (&["junk, \"x,y\""], Listed::Malformed, Listed::Malformed),
        ];
        for (values, strong, weak) in table {
            let values = || values.iter().map(|value| value.as_bytes());
            assert_eq!(look_up(values(), Some(&tag), Strong), *strong, "{values:?}", values = values());
            assert_eq!(look_up(values(), Some(&tag), Weak), *weak);
            assert_ne!(look_up(values(), None, Weak), Listed::Yes);
        }
    }

    #[test]
    fn one_tag_is_the_same_only_as_it_is_written() {
        let tag = ETag::of_file(&facts());
        assert!(is_same(tag.as_str().as_bytes(), &tag));
        for other in
            [format!("W/{tag}"), format!("{tag}, {tag}"), tag.as_str().replace('"', ""), String::new()]
        {
            assert!(!is_same(other.as_bytes(), &tag));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_list_or_not(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            look_up([&value[..]], Some(&ETag::of_file(&facts())), Comparison::Weak);
        }
    }
}
