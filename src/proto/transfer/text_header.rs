//! The text header of the classic tutorial protocol: `command|name|size`, or `name|size`.
//!
//! Nothing marks its end. A whole header may be the beginning of a longer one (`f|1`, `f|10`), so [`parse`] only
//! classifies the bytes as they stand; a reader takes a header as complete when it parses and nothing follows for a
//! while. Answers are lines of ASCII; those of other programs are not specified.

use std::fmt;

use super::hello::MAGIC;
use super::names::{CleanPath, NameFault};
use super::reason::Reason;

/// The longest header, in bytes: peers of this kind read one with a single call and a buffer of this size.
pub const MAX_HEADER_BYTES: usize = 1024;
/// The answer to an accepted header: the client sends the body after it.
pub const ACCEPTED: &[u8] = b"200 ok\n";

/// Commands that announce an upload, in any case. The first is the one that is sent.
const COMMANDS: [&str; 4] = ["upload", "put", "post", "send"];
/// Text after the status in the first line of a refusal, so that no other text is taken for one.
const REFUSED: &[u8] = b" refused: ";

/// An announced file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextHeader {
    /// Its name: a single component without `|`.
    pub name: CleanPath,
    /// Its size in bytes.
    pub size: u64,
}

/// Classification of bytes as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParsedText {
    /// The beginning of a header.
    Incomplete,
    /// A header. More digits may still follow.
    Complete(TextHeader),
}

/// Why bytes cannot become a header. The texts continue the sentence "the header ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFault {
    /// More than 1024 bytes.
    TooLong,
    /// Three fields, the first of which is no command that announces an upload.
    Command,
    /// More than three fields.
    Fields,
    /// The size is something else than ASCII digits.
    Size,
    /// The size is over 2^64 - 1.
    Overflow,
    /// The name is not clean.
    Name(NameFault),
    /// The name has folders.
    Folders,
    /// It is the HELLO of sendall's own protocol.
    Hello,
}

impl TextFault {
    /// Returns the reason for the peer.
    pub fn reason(self) -> Reason {
        match self {
            TextFault::Name(_) | TextFault::Folders => Reason::UnsafeName,
            TextFault::Command | TextFault::Hello => Reason::Unsupported,
            TextFault::Overflow => Reason::TooLarge,
            TextFault::TooLong | TextFault::Fields | TextFault::Size => Reason::Protocol,
        }
    }
}

impl fmt::Display for TextFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            TextFault::TooLong => "is over 1024 bytes long",
            TextFault::Command => "has a command other than upload, put, post and send",
            TextFault::Fields => "has over three fields (a name cannot have a '|')",
            TextFault::Size => {
                "has a size that is not all digits (a body must wait for the answer, and no line end stands before it)"
            }
            TextFault::Overflow => "has a size of over 64 bits",
            TextFault::Name(fault) => return write!(out, "has a bad name: it {fault}"),
            TextFault::Folders => "has a bad name: it has folders",
            TextFault::Hello => "is sendall's own HELLO (the peer was started without --wire text)",
        })
    }
}

impl std::error::Error for TextFault {}

/// Parses the received bytes of a header.
///
/// The fields are separated by `|`. With three, the first must be `upload`, `put`, `post` or `send`, in any case; with
/// two there is no command, so `put|12` announces a file called `put`. The size is one or more ASCII digits and nothing
/// else: no sign, no space, no line end; leading zeros are ignored. The name is a [`CleanPath`] of one component,
/// otherwise byte-exact.
///
/// # Errors
/// The bytes cannot become a header, whatever follows. The result stays the same with more bytes.
pub fn parse(bytes: &[u8]) -> Result<ParsedText, TextFault> {
    if bytes.starts_with(&MAGIC) {
        return Err(TextFault::Hello);
    }
    let parsed = parse_fields(&bytes[..bytes.len().min(MAX_HEADER_BYTES)])?;
    if bytes.len() > MAX_HEADER_BYTES { Err(TextFault::TooLong) } else { Ok(parsed) }
}

fn parse_fields(bytes: &[u8]) -> Result<ParsedText, TextFault> {
    let mut fields = bytes.split(|byte| *byte == b'|');
    let (name, size) = match (fields.next(), fields.next(), fields.next(), fields.next()) {
        (Some(command), Some(name), Some(size), None) if is_command(command) => (name, size),
        (_, _, Some(_), None) => return Err(TextFault::Command),
        (_, _, _, Some(_)) => return Err(TextFault::Fields),
        // The name may be incomplete.
        (Some(command), Some(rest), None, _) if is_command(command) && !is_number(rest) => {
            return Ok(ParsedText::Incomplete);
        }
        (Some(name), Some(size), None, _) => (name, size),
        (_, None, ..) | (None, ..) => return Ok(ParsedText::Incomplete),
    };
    let name = single(name)?;
    if size.is_empty() {
        return Ok(ParsedText::Incomplete);
    }
    if !is_number(size) {
        return Err(TextFault::Size);
    }
    let value =
        size.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    match value {
        Some(size) => Ok(ParsedText::Complete(TextHeader { name, size })),
        // Digits after a command may be the beginning of a name.
        None if is_command(
            bytes.strip_suffix(size).and_then(|head| head.strip_suffix(b"|")).unwrap_or(b""),
        ) =>
        {
            Ok(ParsedText::Incomplete)
        }
        None => Err(TextFault::Overflow),
    }
}

fn is_command(field: &[u8]) -> bool {
    COMMANDS.iter().any(|command| field.eq_ignore_ascii_case(command.as_bytes()))
}

fn is_number(field: &[u8]) -> bool {
    !field.is_empty() && field.iter().all(u8::is_ascii_digit)
}

fn single(name: &[u8]) -> Result<CleanPath, TextFault> {
    let name = CleanPath::parse(name).map_err(TextFault::Name)?;
    if name.is_single() { Ok(name) } else { Err(TextFault::Folders) }
}

/// Encodes the header of a file as `upload|name|size`.
///
/// # Errors
/// The name is not a clean component, or has a `|`.
pub fn encode(name: &[u8], size: u64) -> Result<Vec<u8>, TextFault> {
    let name = single(name)?;
    if name.as_bytes().contains(&b'|') {
        return Err(TextFault::Fields);
    }
    Ok([COMMANDS[0].as_bytes(), name.as_bytes(), size.to_string().as_bytes()].join(&b'|'))
}

/// Encodes the line that refuses a file, or gives the reason for the end of the connection: a status as in HTTP, and
/// words in ASCII.
pub fn refusal(reason: Reason, text: &str) -> Vec<u8> {
    let status = match reason {
        Reason::Protocol => 400,
        Reason::NotAllowed | Reason::UnsafeName => 403,
        Reason::NotFound => 404,
        Reason::TimeLimit => 408,
        Reason::Exists => 409,
        Reason::TooLarge => 413,
        Reason::Unsupported => 501,
        Reason::Busy | Reason::Stopped => 503,
        Reason::NoSpace => 507,
        _ => 500,
    };
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let text: String = text.chars().map(plain).collect();
    [status.to_string().as_bytes(), REFUSED, text.as_bytes(), b"\n"].concat()
}

/// Returns whether a line is a [`refusal`].
pub fn is_refusal(line: &[u8]) -> bool {
    let Some((status, rest)) = line.split_at_checked(3) else { return false };
    matches!(status, [b'4' | b'5', tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit())
        && rest.starts_with(REFUSED)
}
