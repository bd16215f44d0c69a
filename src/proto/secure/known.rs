//! The list of known hosts: which key belongs to which name. A line is `HOST:PORT sha256:... TIME HOW`, and the last
//! two words are for people.

use core::net::IpAddr;
use std::fmt;

use super::list::{BadLine, LineFault, SPACES, lines};
use super::pin::Pin;

/// How a host became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By a code, which both sides had.
    Code,
    /// By a pin that was typed.
    Pin,
    /// By nothing: the first key that it showed (`--trust-new`).
    TrustNew,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            How::Code => "code",
            How::Pin => "pin",
            How::TrustNew => "trust-new",
        })
    }
}

/// A host that is in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its key.
    pub pin: Pin,
    /// The first line that says so, counted from 1.
    pub line: usize,
}

/// Looks for a host, in the whole list. Case does not matter, nor dots at the end of a name, nor the spelling of an
/// address. `host` is a name or an address without brackets.
///
/// # Errors
/// A bad line anywhere; two lines with different keys for this host.
pub fn lookup(list: &[u8], host: &str, port: u16) -> Result<Option<Known>, BadLine> {
    let wanted = Host::new(host);
    let mut found: Option<Known> = None;
    for line in lines(list) {
        let (line, text) = line?;
        let (known_host, known_port, pin) = parse(text).map_err(|fault| BadLine { line, fault })?;
        if known_port != port || !wanted.is(known_host) {
            continue;
        }
        match found {
            Some(first) if first.pin != pin => {
                return Err(BadLine { line, fault: LineFault::Contradiction(first.line) });
            }
            Some(_) => {}
            None => found = Some(Known { pin, line }),
        }
    }
    Ok(found)
}

/// A host that no line can name: an empty one, or one with spaces or control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHost;

impl fmt::Display for BadHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("has no name that a list of known hosts could hold")
    }
}

impl std::error::Error for BadHost {}

/// The line for a host, its newline included. `host` is a name or an address without brackets, `time` one word, such
/// as a time of RFC 3339.
///
/// # Errors
/// [`BadHost`].
pub fn line(host: &str, port: u16, pin: Pin, time: &str, how: How) -> Result<String, BadHost> {
    let name = Host::new(host).name;
    let line = match name.contains(':') {
        true => format!("[{name}]:{port} {pin} {time} {how}\n"),
        false => format!("{name}:{port} {pin} {time} {how}\n"),
    };
    // It must be found again, and be one line.
    match lookup(line.as_bytes(), host, port) {
        Ok(Some(_)) if line.lines().count() == 1 => Ok(line),
        _ => Err(BadHost),
    }
}

/// A host as it is written in a list.
struct Host {
    name: String,
    address: Option<IpAddr>,
}

impl Host {
    fn new(host: &str) -> Host {
        let address: Option<IpAddr> = host.parse().ok();
        let name = match address {
            Some(address) => address.to_string(),
            None => bare(host).to_ascii_lowercase(),
        };
        Host { name, address }
    }

    /// Whether a host in a line is this one.
    fn is(&self, other: &str) -> bool {
        match self.address {
            None => bare(other).eq_ignore_ascii_case(&self.name),
            Some(address) => other.parse() == Ok(address),
        }
    }
}

fn bare(name: &str) -> &str {
    name.trim_end_matches('.')
}

/// Host (without brackets), port and key of a line.
fn parse(text: &str) -> Result<(&str, u16, Pin), LineFault> {
    let mut words = text.split(SPACES).filter(|word| !word.is_empty());
    let place = words.next().and_then(|word| word.rsplit_once(':')).ok_or(LineFault::Host)?;
    let (host, port) = place;
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| is_number).ok_or(LineFault::Host)?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_name = bracketed.is_none() && !host.contains(':') && !host.starts_with('[');
    let host = bracketed.or(Some(host).filter(|_| is_name)).filter(|host| !bare(host).is_empty());
    let host = host.ok_or(LineFault::Host)?;
    let pin = words.next().ok_or(LineFault::NoPin)?.parse().map_err(LineFault::Pin)?;
    match words.nth(2) {
        None => Ok((host, port, pin)),
        Some(_) => Err(LineFault::Surplus),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pin::BadPin;
    use super::*;
    use proptest::prelude::*;

    const PIN: &str = "sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    const OTHER: &str = "sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn known(line: usize) -> Result<Option<Known>, BadLine> {
        Ok(Some(Known { pin: Pin::of(b""), line }))
    }

    #[test]
    fn a_host_is_found_however_it_is_spelled() {
        let list = format!(
            "# mine\na.example:7255 {PIN} 2026-11-30T08:00:00Z code\r\n\n192.0.2.1:1 {PIN}\n[2001:db8::1]:7255 {PIN} t pin\n\
             [fe80::1%eth0]:7255\t{PIN}\nB.Example.:7255  {PIN} by hand"
        );
        let find = |host, port| lookup(list.as_bytes(), host, port);
        assert_eq!(find("a.example", 7255), known(2));
        assert_eq!(find("A.EXAMPLE.", 7255), known(2));
        assert_eq!(find("192.0.2.1", 1), known(4));
        assert_eq!(find("2001:DB8:0::1", 7255), known(5));
        assert_eq!(find("fe80::1%ETH0", 7255), known(6));
        assert_eq!(find("b.example", 7255), known(7));
        for (host, port) in
            [("a.example", 7256), ("a", 7255), ("b.a.example", 7255), ("192.0.2.1", 7255), ("", 1)]
        {
            assert_eq!(find(host, port), Ok(None), "{host}:{port}");
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, fault) in [
            ("a", LineFault::Host),
            ("a:", LineFault::Host),
            (":1 x", LineFault::Host),
            (".:1 x", LineFault::Host),
            ("a:+1 x", LineFault::Host),
            ("a:65536 x", LineFault::Host),
            ("2001:db8::1:7255 x", LineFault::Host),
            ("[a:1 x", LineFault::Host),
            ("[]:1 x", LineFault::Host),
            ("a:1", LineFault::NoPin),
            ("a:1 b", LineFault::Pin(BadPin::Prefix)),
            (&format!("a:1 {}", &PIN[..40]), LineFault::Pin(BadPin::Digest)),
            (&format!("a:1 {PIN} time how more"), LineFault::Surplus),
            ("a:1 \u{1}", LineFault::NotText),
        ] {
            let list = format!("b:1 {PIN}\n{text}\n");
            assert_eq!(lookup(list.as_bytes(), "b", 1), Err(BadLine { line: 2, fault }), "{text}");
        }
    }

    #[test]
    fn two_keys_for_one_host_are_none() {
        let list = format!("a:1 {PIN}\nb:1 {OTHER}\nA.:1 {PIN}\na:1 {OTHER}\n");
        let contradiction = BadLine { line: 4, fault: LineFault::Contradiction(1) };
        assert_eq!(lookup(list.as_bytes(), "a", 1), Err(contradiction));
        assert_eq!(contradiction.to_string(), "line 4: contradicts line 1: remove one of them");
        assert_eq!(lookup(list.as_bytes(), "b", 1).unwrap().unwrap().line, 2);
    }

    #[test]
    fn a_list_cut_anywhere_knows_nothing_wrong() {
        let list = format!("a:1 {PIN} time code\nb:2 {OTHER} time code\n");
        for end in 0..list.len() {
            if let Ok(Some(found)) = lookup(&list.as_bytes()[..end], "a", 1) {
                assert_eq!(Ok(Some(found)), known(1));
            }
        }
    }

    #[test]
    fn what_is_written_is_found_again() {
        let written = line("A.Example.", 7255, Pin::of(b""), "2026-11-30T08:00:00Z", How::TrustNew).unwrap();
        assert_eq!(written, format!("a.example:7255 {PIN} 2026-11-30T08:00:00Z trust-new\n"));
        let written = line("2001:db8:0::1", 1, Pin::of(b""), "now", How::Code).unwrap();
        assert_eq!(written, format!("[2001:db8::1]:1 {PIN} now code\n"));
        for host in ["", "a b", "a\nb", "#a", "a\0", ".", "[a"] {
            assert_eq!(line(host, 1, Pin::of(b""), "now", How::Pin), Err(BadHost), "{host:?}");
        }
        let written = line("a..", 1, Pin::of(b""), "now", How::Pin).unwrap();
        assert_eq!(lookup(written.as_bytes(), "A..", 1), known(1));
        for time in ["to day", &format!("now x\nb:1 {OTHER}")] {
            assert_eq!(line("a", 1, Pin::of(b""), time, How::Pin), Err(BadHost), "{time}");
        }
    }

    proptest! {
        #[test]
        fn any_list_is_read_or_refused(list: Vec<u8>, host: String, port: u16) {
            let _ = lookup(&list, &host, port);
        }

        #[test]
        fn any_host_is_written_and_found_or_refused(host in "\\PC{0,20}|[aA.:#\\[\\]%1]{0,8}", port: u16, pin: [u8; 32]) {
            if let Ok(line) = line(&host, port, Pin(pin), "now", How::Code) {
                let more = format!("{line}z:1 {PIN}\n{line}");
                prop_assert_eq!(lookup(more.as_bytes(), &host, port), Ok(Some(Known { pin: Pin(pin), line: 1 })));
            }
        }
    }
}
