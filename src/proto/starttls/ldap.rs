//! StartTLS of LDAP: one request, one response (RFC 4511, 4.12 and 4.14).

use super::StartTlsFault;
use super::lines::refused;

/// The extended request `1.3.6.1.4.1.1466.20037`, as message 1.
pub(super) const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// The most bytes of a response.
const MAX_RESPONSE_BYTES: usize = 8 << 10;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;
/// `ExtendedResponse`: [APPLICATION 24].
const EXTENDED_RESPONSE: u8 = 0x78;

/// What the server answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ExtendedResponse {
    Success,
    Refused(String),
}

/// Parses the response at the beginning of `bytes`. Returns it with the number of its bytes. None: a part is missing.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(ExtendedResponse, usize)>, StartTlsFault> {
    let Some((content, rest)) = value(bytes, SEQUENCE)? else { return Ok(None) };
    let used = bytes.len() - rest.len();
    let inner = |bytes, tag| value(bytes, tag)?.ok_or(StartTlsFault::NotSpoken);
    let (id, content) = inner(content, INTEGER)?;
    // Message 0 is the server's notice that it disconnects (RFC 4511, 4.4.1).
    if id != [1] && id != [0] {
        return Err(StartTlsFault::NotSpoken);
    }
    let (response, _) = inner(content, EXTENDED_RESPONSE)?;
    let (code, response) = inner(response, ENUMERATED)?;
    let (_, response) = inner(response, OCTET_STRING)?;
    let (words, _) = inner(response, OCTET_STRING)?;
    Ok(Some(match (id, code) {
        ([1], [0]) => (ExtendedResponse::Success, used),
        (_, [code]) => {
            let StartTlsFault::Refused(words) = refused(words) else { return Err(StartTlsFault::NotSpoken) };
            (ExtendedResponse::Refused(format!("result {code}: {words}")), used)
        }
        _ => return Err(StartTlsFault::NotSpoken),
    }))
}

/// The content of a value, and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The content of the value with this tag at the beginning of `bytes`, and what follows. None: a part is missing.
fn value(bytes: &[u8], tag: u8) -> Result<Option<Split<'_>>, StartTlsFault> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
    if *first != tag {
        return Err(StartTlsFault::NotSpoken);
    }
    let Some((first, rest)) = rest.split_first() else { return Ok(None) };
    // X.690, 8.1.3: a short length, or the number of the bytes of a long one. LDAP has no indefinite lengths.
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let Some((bytes, rest)) = rest.split_at_checked(usize::from(first & 0x7f)) else {
                return Ok(None);
            };
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return Err(StartTlsFault::NotSpoken),
    };
    if length > MAX_RESPONSE_BYTES {
        return Err(StartTlsFault::Endless);
    }
    Ok(rest.split_at_checked(length))
}
