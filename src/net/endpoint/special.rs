//! Endpoints that are neither TCP nor Unix sockets: `vsock:CID:PORT`, `tty:/dev/...` and `pty:LINK`.

use std::fmt;
use std::path::PathBuf;

use super::EndpointUse;

/// Such an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Special {
    /// `vsock:CID:PORT`: a socket between a virtual machine and its host, vsock(7). To listen also `vsock::PORT`.
    Vsock {
        /// The machine; `None`: every one that this machine is.
        cid: Option<u32>,
        /// The port, of 32 bits.
        port: u32,
    },
    /// `tty:PATH,OPTIONS`: a serial line.
    Line(PathBuf, LineSettings),
    /// `pty:LINK`: a pseudoterminal, pty(7), which programs open by this link.
    Pty(PathBuf),
}

/// How a serial line is set, termios(3). The rest is raw: 8 bits, without echo or signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineSettings {
    /// Bits per second; `None`: as it is.
    pub speed: Option<u32>,
    /// Data bits, 5 to 8.
    pub data_bits: Option<u8>,
    /// Parity.
    pub parity: Parity,
    /// Two stop bits.
    pub has_two_stops: bool,
    /// Flow control.
    pub flow: Flow,
}

/// The parity bit after each byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parity {
    /// None.
    #[default]
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// How the other side says that it has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// Not at all.
    #[default]
    None,
    /// By wires, RTS and CTS.
    Wires,
    /// By the bytes XON and XOFF.
    Bytes,
}

/// What to type for a line's options.
const OPTIONS: &str =
    "type a speed, as in b115200, a frame, as in 8n1 or 7e1, and rtscts or xonxoff, with commas between them";

impl Special {
    /// Parses a word; `None` for any other kind of endpoint.
    pub(super) fn parse(word: &str, role: EndpointUse) -> Option<Result<Special, String>> {
        if let Some(rest) = word.strip_prefix("vsock:") {
            return Some(vsock(rest, role));
        }
        let parsed = match word.split_once(':')? {
            ("tty", rest) if rest.contains('/') => line(rest),
            ("pty", link) if !link.is_empty() && link.parse::<u16>().is_err() => {
                Ok(Special::Pty(link.into()))
            }
            _ => return None,
        };
        Some(match role {
            EndpointUse::Connect => parsed,
            EndpointUse::Listen => Err(format!(
                "{word} cannot be listened on: type 'sendall connect {word}', or --forward {word}"
            )),
        })
    }

    /// True for a terminal: a serial line or a pseudoterminal.
    pub fn is_terminal(&self) -> bool {
        !matches!(self, Special::Vsock { .. })
    }
}

fn vsock(rest: &str, role: EndpointUse) -> Result<Special, String> {
    let forms = match role {
        EndpointUse::Connect => "type vsock:CID:PORT, as in vsock:2:9000 for the host of this machine",
        EndpointUse::Listen => "type vsock::PORT, or vsock:CID:PORT for one of this machine's own addresses",
    };
    let wrong = || format!("'vsock:{}' is no address of vsock: {forms}", rest.escape_debug());
    let number =
        |text: &str| text.parse::<u32>().ok().filter(|number| *number < u32::MAX && !text.starts_with('+'));
    let (cid, port) = rest.split_once(':').ok_or_else(wrong)?;
    let port = number(port).ok_or_else(wrong)?;
    let cid = match (cid, role) {
        ("", EndpointUse::Listen) => None,
        ("host", _) => Some(2),
        ("local", _) => Some(1),
        (cid, _) => Some(number(cid).ok_or_else(wrong)?),
    };
    Ok(Special::Vsock { cid, port })
}

fn line(rest: &str) -> Result<Special, String> {
    let mut words = rest.split(',');
    let path = words.next().unwrap_or_default();
    let mut settings = LineSettings::default();
    // A speed, a frame, a flow control: each once.
    let mut is_set = [false; 3];
    for word in words {
        let lower = word.to_ascii_lowercase();
        let digits = lower.strip_prefix('b').unwrap_or(&lower);
        let which = match (lower.as_bytes(), digits.parse::<u32>()) {
            ([bits @ b'5'..=b'8', parity @ (b'n' | b'e' | b'o'), stops @ (b'1' | b'2')], _) => {
                settings.data_bits = Some(bits - b'0');
                settings.parity = match parity {
                    b'e' => Parity::Even,
                    b'o' => Parity::Odd,
                    _ => Parity::None,
                };
                settings.has_two_stops = *stops == b'2';
                1
            }
            (b"rtscts" | b"xonxoff", _) => {
                settings.flow = if lower == "rtscts" { Flow::Wires } else { Flow::Bytes };
                2
            }
            (_, Ok(speed)) if speed > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                settings.speed = Some(speed);
                0
            }
            _ => return Err(format!("'{}' is no option of a serial line: {OPTIONS}", word.escape_debug())),
        };
        if std::mem::replace(&mut is_set[which], true) {
            return Err(format!("'{word}' is the second of its kind: {OPTIONS}"));
        }
    }
    Ok(Special::Line(path.into(), settings))
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Special::Vsock { cid: Some(cid), port } => write!(f, "vsock:{cid}:{port}"),
            Special::Vsock { cid: None, port } => write!(f, "vsock::{port}"),
            Special::Line(path, _) => write!(f, "tty:{}", path.display()),
            Special::Pty(link) => write!(f, "pty:{}", link.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::endpoint::Endpoint;

    fn parsed(word: &str, role: EndpointUse) -> Result<Special, String> {
        match Endpoint::parse(word, role)? {
            Endpoint::Special(special) => Ok(special),
            other => Err(format!("{word} is {other:?}")),
        }
    }

    #[test]
    fn each_form_is_parsed() {
        use EndpointUse::{Connect, Listen};
        assert_eq!(parsed("vsock:3:9000", Connect), Ok(Special::Vsock { cid: Some(3), port: 9000 }));
        assert_eq!(
            parsed("vsock:host:4000000000", Connect),
            Ok(Special::Vsock { cid: Some(2), port: 4_000_000_000 })
        );
        assert_eq!(parsed("vsock::9000", Listen), Ok(Special::Vsock { cid: None, port: 9000 }));
        assert_eq!(parsed("vsock:local:9000", Listen), Ok(Special::Vsock { cid: Some(1), port: 9000 }));
        assert_eq!(parsed("pty:./modem", Connect), Ok(Special::Pty("./modem".into())));
        let line = |speed, data_bits, parity, has_two_stops, flow| LineSettings {
            speed,
            data_bits,
            parity,
            has_two_stops,
            flow,
        };
        for (word, settings) in [
            ("tty:/dev/ttyS0", LineSettings::default()),
            ("tty:/dev/ttyS0,b115200", line(Some(115_200), None, Parity::None, false, Flow::None)),
            ("tty:/dev/ttyS0,9600,7E2", line(Some(9600), Some(7), Parity::Even, true, Flow::None)),
            ("tty:/dev/ttyS0,8o1,rtscts", line(None, Some(8), Parity::Odd, false, Flow::Wires)),
            ("tty:/dev/ttyS0,xonxoff,b50", line(Some(50), None, Parity::None, false, Flow::Bytes)),
        ] {
            assert_eq!(parsed(word, Connect), Ok(Special::Line("/dev/ttyS0".into(), settings)), "{word}");
        }
        // Hosts of these names.
        assert!(matches!(Endpoint::parse("pty:80", Connect), Ok(Endpoint::Tcp { port: 80, .. })));
        assert!(matches!(Endpoint::parse("tty:http", Connect), Ok(Endpoint::Tcp { port: 80, .. })));
    }

    #[test]
    fn errors_name_what_to_type() {
        use EndpointUse::{Connect, Listen};
        for (word, role, hint) in [
            ("tty:/dev/ttyS0,b9600,115200", Connect, "'115200' is the second"),
            ("tty:/dev/ttyS0,8n1,rtscts,7e1", Connect, "'7e1' is the second"),
            ("tty:/dev/ttyS0,xonxoff,rtscts", Connect, "'rtscts' is the second"),
            ("vsock:", Connect, "type vsock:CID:PORT"),
            ("vsock:9000", Connect, "type vsock:CID:PORT"),
            ("vsock::9000", Connect, "type vsock:CID:PORT"),
            ("vsock:3:4294967295", Connect, "type vsock:CID:PORT"),
            ("vsock:+3:1", Connect, "type vsock:CID:PORT"),
            ("vsock:9000", Listen, "type vsock::PORT"),
            ("tty:/dev/ttyS0,fast", Connect, "b115200"),
            ("tty:/dev/ttyS0,b0", Connect, "b115200"),
            ("tty:/dev/ttyS0,9n1", Connect, "8n1"),
            ("tty:/dev/ttyS0", Listen, "'sendall connect tty:/dev/ttyS0'"),
            ("pty:./x", Listen, "--forward pty:./x"),
        ] {
            let error = parsed(word, role).expect_err(word);
            assert!(error.contains(hint), "{word}: {error}");
        }
    }
}
