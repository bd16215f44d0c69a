//! STARTTLS of XMPP, as far as its tags (RFC 6120, 4 and 5). Text between tags is skipped.

use super::lines::refused;
use super::{Progress, StartTlsFault};

/// The longest tag.
const MAX_TAG_BYTES: usize = 8 << 10;
const NAMESPACE: &str = "urn:ietf:params:xml:ns:xmpp-tls";

/// The state of the server's stream.
#[derive(Default)]
pub(super) struct Streams {
    awaited: Awaited,
    is_open: bool,
    is_offered: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Awaited {
    #[default]
    Features,
    Consent,
    /// The end tag of the consent.
    ConsentEnd,
}

/// The beginning of the client's stream to the domain `host`.
pub(super) fn opening(host: &str) -> Vec<u8> {
    let host = host.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;");
    format!(
        "<?xml version='1.0'?><stream:stream to='{host}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    .into_bytes()
}

/// A tag: `<prefix:name ...>`, `</prefix:name>` or `<prefix:name .../>`.
struct Tag<'a> {
    /// Without a prefix.
    name: &'a [u8],
    /// All of it, without the angle brackets.
    text: &'a [u8],
    is_end: bool,
    is_empty: bool,
}

impl Tag<'_> {
    /// True for an element of the namespace of STARTTLS, which it declares itself.
    fn is_about_tls(&self) -> bool {
        self.text.windows(NAMESPACE.len()).any(|part| part == NAMESPACE.as_bytes())
    }
}

impl Streams {
    /// Takes the text up to the end of the first tag.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Progress, StartTlsFault> {
        let start = bytes.iter().position(|byte| *byte == b'<').unwrap_or(bytes.len());
        // Only white space stands outside of the stream's elements (RFC 6120, 4.4), and no element between consent and end.
        let may_have_text = self.is_open && self.awaited == Awaited::Features;
        if !may_have_text && !bytes[..start].iter().all(u8::is_ascii_whitespace) {
            return Err(StartTlsFault::NotSpoken);
        }
        let Some(end) = end_of_tag(&bytes[start..]) else {
            let is_too_long = bytes.len() - start > MAX_TAG_BYTES;
            return if is_too_long { Err(StartTlsFault::Endless) } else { Ok(Progress::More) };
        };
        let text = &bytes[start + 1..start + end];
        let used = start + end + 1;
        let nothing = Ok(Progress::Used(used, Vec::new()));
        match text.first() {
            Some(b'?') if !self.is_open => return nothing,
            // Comments, document types and sections are not part of XMPP (RFC 6120, 11.1).
            None | Some(b'?' | b'!') => return Err(StartTlsFault::NotSpoken),
            Some(_) => {}
        }
        let tag = tag(text);
        if !self.is_open {
            self.is_open = tag.name == b"stream" && !tag.is_end && !tag.is_empty;
            return if self.is_open { nothing } else { Err(StartTlsFault::NotSpoken) };
        }
        match (self.awaited, tag.name) {
            (_, b"error") | (_, b"failure") => Err(refused(text)),
            (Awaited::Features, b"starttls") => {
                self.is_offered |= tag.is_about_tls();
                nothing
            }
            (Awaited::Features, b"features") if tag.is_end || tag.is_empty => match self.is_offered {
                true => {
                    self.awaited = Awaited::Consent;
                    Ok(Progress::Used(used, format!("<starttls xmlns='{NAMESPACE}'/>").into_bytes()))
                }
                false => Err(StartTlsFault::NotOffered),
            },
            (Awaited::Features, b"stream") => Err(refused(text)),
            (Awaited::Features, _) => nothing,
            (Awaited::Consent, b"proceed") if tag.is_about_tls() && !tag.is_end => match tag.is_empty {
                true => Ok(Progress::Consent(used)),
                false => {
                    self.awaited = Awaited::ConsentEnd;
                    nothing
                }
            },
            (Awaited::ConsentEnd, b"proceed") if tag.is_end => Ok(Progress::Consent(used)),
            _ => Err(StartTlsFault::NotSpoken),
        }
    }
}

/// Where the `>` of a tag is that begins here: not one in quotes.
fn end_of_tag(bytes: &[u8]) -> Option<usize> {
    let mut quote = None;
    bytes.iter().position(|byte| {
        match (quote, byte) {
            (None, b'>') => return true,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
        false
    })
}

fn tag(text: &[u8]) -> Tag<'_> {
    let is_end = text.first() == Some(&b'/');
    let is_empty = text.last() == Some(&b'/');
    let name = text.strip_prefix(b"/").unwrap_or(text);
    let end = name.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/').unwrap_or(name.len());
    let name = &name[..end];
    let name = name.iter().position(|byte| *byte == b':').map_or(name, |colon| &name[colon + 1..]);
    Tag { name, text, is_end, is_empty }
}
