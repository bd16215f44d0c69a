//! The values of nc's letters and operands.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::net::services;

/// The most seconds of nc's limits: milliseconds fit into an `int`.
const MAX_SECONDS: u64 = i32::MAX as u64 / 1000;

/// Names of `-T` that are no code points: their values as the type of service.
const CLASSES: &[(&str, u8)] = &[
    ("critical", 0xa0),
    ("inetcontrol", 0xc0),
    ("netcontrol", 0xe0),
    ("lowdelay", 0x10),
    ("throughput", 0x08),
    ("reliability", 0x04),
];

/// Seconds; `what` names the value in the error.
pub(super) fn seconds(text: &str, what: &str) -> Result<Duration, String> {
    let number = text.parse::<u64>().ok().filter(|number| *number <= MAX_SECONDS);
    number.map(Duration::from_secs).ok_or_else(|| format!("{what} invalid: {}", text.escape_debug()))
}

/// The seconds of `-q`; `None` for a negative number: forever.
pub(super) fn quit_seconds(text: &str) -> Result<Option<Duration>, String> {
    match text.parse::<i64>() {
        Ok(number) if number < 0 => Ok(None),
        _ => seconds(text, "quit timer").map(Some),
    }
}

/// A number within bounds.
pub(super) fn number(text: &str, what: &str, bounds: std::ops::RangeInclusive<u64>) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number.ok_or_else(|| format!("{what} invalid: {}", text.escape_debug()))
}

/// One port: a number, or the name of a service.
pub(super) fn port(text: &str) -> Result<u16, String> {
    let shown = text.escape_debug();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return services::port_of(text).ok_or_else(|| format!("port number invalid: {shown}"));
    }
    text.parse().map_err(|_| format!("port number too large: {shown}"))
}

/// The ports of an operand: one, or a range such as `20-25`. Port 0 cannot be connected to.
pub(super) fn ports(text: &str) -> Result<Vec<u16>, String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (low, high) = match text.split_once('-') {
        Some((low, high)) if is_number(low) && is_number(high) => (port(low)?, port(high)?),
        _ => (port(text)?, port(text)?),
    };
    let (low, high) = (low.min(high), low.max(high));
    if low == 0 {
        return Err("port number too small: 0".into());
    }
    Ok((low..=high).collect())
}

/// The class of `-T` (RFC 2474): a number is the whole byte, whose two lower bits are the kernel's.
pub(super) fn class(text: &str) -> Result<u8, String> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    let name = || CLASSES.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    match number.or_else(name) {
        Some(value) if value & 3 == 0 => Ok(value >> 2),
        Some(_) => Err(format!("{}: the two lower bits are the kernel's (RFC 3168)", text.escape_debug())),
        None => crate::cli::socket_args::dscp(text)
            .ok()
            .filter(|_| !text.starts_with(|c: char| c.is_ascii_digit()))
            .ok_or_else(|| format!("illegal tos value {}", text.escape_debug())),
    }
}

/// A Unix socket: a path, or `@name`.
pub(super) fn unix(word: &OsStr) -> Result<Endpoint, String> {
    match word.to_str() {
        Some(text) => Endpoint::parse(&format!("unix:{text}"), EndpointUse::Listen),
        None => Ok(Endpoint::UnixPath(word.into())),
    }
}

/// The words of `-e`: separated by spaces, as ncat has it; `'...'`, `"..."` and `\` quote.
pub(super) fn command(line: &OsStr) -> Result<Vec<OsString>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<Vec<u8>>, None);
    let mut bytes = line.as_bytes().iter().copied();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None, b' ' | b'\t') => words.extend(word.take()),
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (Some(mark), _) if byte == mark => quote = None,
            (None | Some(b'"'), b'\\') => word.get_or_insert_default().extend(bytes.next()),
            _ => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    if quote.is_some() {
        return Err("-e: a quote is not closed".into());
    }
    if words.is_empty() {
        return Err("-e: no command".into());
    }
    Ok(words.iter().map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_or_refused_in_the_words_of_nc() {
        assert_eq!(ports("20-22"), Ok(vec![20, 21, 22]));
        assert_eq!(ports("22-20"), Ok(vec![20, 21, 22]));
        assert_eq!((ports("http"), port("0")), (Ok(vec![80]), Ok(0)));
        for (text, error) in [
            ("99999", "port number too large: 99999"),
            ("no-such-service", "port number invalid: no-such-service"),
            ("", "port number invalid: "),
            ("0", "port number too small: 0"),
            ("1-99999", "port number too large: 99999"),
        ] {
            assert_eq!(ports(text), Err(error.into()), "{text}");
        }
        assert_eq!(seconds("3", "timeout"), Ok(Duration::from_secs(3)));
        for text in ["", "x", "-1", "1.5", "3s", "2147484"] {
            assert_eq!(seconds(text, "timeout"), Err(format!("timeout invalid: {text}")));
        }
        assert_eq!((quit_seconds("-1"), quit_seconds("0")), (Ok(None), Ok(Some(Duration::ZERO))));
        let classes = ["ef", "af11", "cs7", "critical", "lowdelay", "0xb8", "184"].map(class);
        assert_eq!(classes, [46, 10, 56, 40, 4, 46, 46].map(Ok));
        assert_eq!(class("foo"), Err("illegal tos value foo".into()));
        assert!(class("0x03").is_err_and(|why| why.contains("lower bits")) && class("256").is_err());
    }

    #[test]
    fn a_command_is_cut_at_spaces_that_are_not_quoted() {
        let words = |line: &str| {
            let words = command(OsStr::new(line))?;
            Ok(words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>())
        };
        let wanted =
            |words: &[&str]| Ok::<_, String>(words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(words("/bin/sh -i"), wanted(&["/bin/sh", "-i"]));
        assert_eq!(words(r#" a 'b  c' "d\"e" f\ g '' "#), wanted(&["a", "b  c", "d\"e", "f g", ""]));
        assert!(words("a 'b").is_err() && words("  ").is_err());
    }
}
