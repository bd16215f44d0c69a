//! CONNECT of HTTP/1 (RFC 9110, section 9.3.6): the client's side.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::fault::{Cause, ProxyFault};
use super::http_head::{HeadFault, HeadReader};
use super::target::ProxyTarget;
use super::users::Credentials;
use crate::proto::handshake::Handshake;

/// The most interim answers (1xx) before the answer.
pub(crate) const MAX_INTERIM: u32 = 100;

/// The client's machine, for a tunnel to one target.
pub struct HttpConnectClient {
    head: HeadReader,
    outgoing: Vec<u8>,
    has_credentials: bool,
    interim: u32,
    over: bool,
}

impl HttpConnectClient {
    /// Creates a machine. Credentials are sent at once (RFC 7617): a proxy that needs none ignores them.
    pub fn new(target: &ProxyTarget, credentials: Option<&Credentials>) -> HttpConnectClient {
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some(credentials) = credentials {
            let pair = [credentials.user(), b":", credentials.password()].concat();
            request += &format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(pair));
        }
        request += "\r\n";
        HttpConnectClient {
            head: HeadReader::default(),
            outgoing: request.into_bytes(),
            has_credentials: credentials.is_some(),
            interim: 0,
            over: false,
        }
    }

    fn parse_answer(&mut self) -> Result<(), ProxyFault> {
        let (line, _) = self.head.parse().map_err(head_fault)?;
        let (status, reason) = parse_status(line).ok_or(NO_PROXY)?;
        match status {
            100..=199 if self.interim == MAX_INTERIM => return Err(ENDLESS),
            100..=199 => (self.head, self.interim) = (HeadReader::default(), self.interim + 1),
            200..=299 => self.over = true,
            // Some proxies answer 401, as an ordinary server would.
            401 | 407 if self.has_credentials => {
                let text = format!("does not accept the user and the password ({status})");
                return Err(ProxyFault::Untrusted(text));
            }
            401 | 407 => return Err(ProxyFault::wants_credentials()),
            // Its own failures may be temporary, like those of the way to the target.
            504 => return Err(ProxyFault::unreachable(Cause::TimedOut, &reason)),
            500..=599 => return Err(ProxyFault::unreachable(Cause::Other, &reason)),
            _ => return Err(ProxyFault::Refused(format!("refuses: {reason}"))),
        }
        Ok(())
    }
}

const ENDLESS: ProxyFault = ProxyFault::Protocol("gives one interim answer after another");
const NO_PROXY: ProxyFault = ProxyFault::Protocol("does not answer as an HTTP proxy does");

fn head_fault(fault: HeadFault) -> ProxyFault {
    match fault {
        HeadFault::TooLong => ProxyFault::Protocol("answers with a head of over 8 KiB or 100 fields"),
        HeadFault::Malformed => NO_PROXY,
    }
}

/// Parses the status, and returns it with the line from there on.
pub(crate) fn parse_status(line: &[u8]) -> Option<(u16, String)> {
    let rest = line.strip_prefix(b"HTTP/1.0 ").or(line.strip_prefix(b"HTTP/1.1 "))?;
    let (digits, reason) = rest.split_at_checked(3)?;
    let is_status = digits.iter().all(u8::is_ascii_digit) && (reason.is_empty() || reason[0] == b' ');
    let status = std::str::from_utf8(digits).ok()?.parse().ok().filter(|_| is_status)?;
    Some((status, String::from_utf8_lossy(rest).trim_end().to_owned()))
}

impl Handshake for HttpConnectClient {
    type Error = ProxyFault;

    fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    fn wanted(&self) -> usize {
        if self.over { 0 } else { self.head.wanted() }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ProxyFault> {
        self.head.take(piece).map_err(head_fault)?;
        if self.head.cannot_be_answer() {
            return Err(NO_PROXY);
        }
        if self.head.wanted() == 0 { self.parse_answer() } else { Ok(()) }
    }
}
