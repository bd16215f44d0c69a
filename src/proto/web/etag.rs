//! Entity tags: RFC 9110, 8.8.3, and the lists of `If-Match` and `If-None-Match`.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::file_facts::FileFacts;

/// The bytes of a tag that is made of a file's metadata.
const METADATA_TAG_BYTES: usize = 16;

/// A strong entity tag: two answers that have the same one are the same byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// Makes the tag of a file from its metadata: 128 bits of their SHA-256, so that it shows none of them.
    pub fn of_file(facts: &FileFacts) -> ETag {
        let mut hasher = Sha256::new_with_prefix(b"etag 1\n");
        for number in [facts.device, facts.inode, facts.size_bytes] {
            hasher.update(number.to_be_bytes());
        }
        for time in [facts.modified, facts.changed] {
            hasher.update(time.seconds.to_be_bytes());
            hasher.update(time.nanoseconds.to_be_bytes());
        }
        ETag::quoted(&hasher.finalize()[..METADATA_TAG_BYTES])
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
