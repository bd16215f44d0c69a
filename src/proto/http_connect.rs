//! CONNECT of HTTP/1 (RFC 9110, section 9.3.6): a tunnel through a proxy, from both sides.

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::handshake::{Credentials, Handshake, Users};
use super::http_head::{Head, HeadFault};
use super::proxy_fault::ProxyFault;
use super::proxy_server::{Denial, Misuse};
use super::target::Target;

/// Asks a proxy for a tunnel to one target.
pub struct HttpClient {
    head: Head,
    outgoing: Vec<u8>,
    has_credentials: bool,
    over: bool,
}

impl HttpClient {
    /// With credentials, they are sent at once (RFC 7617): a proxy that wants none ignores them.
    pub fn new(target: &Target, credentials: Option<&Credentials>) -> HttpClient {
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some(credentials) = credentials {
            let pair = [credentials.user(), b":", credentials.password()].concat();
            request += &format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(pair));
        }
        request += "\r\n";
        HttpClient {
            head: Head::default(),
            outgoing: request.into_bytes(),
            has_credentials: credentials.is_some(),
            over: false,
        }
    }

    fn answered(&mut self) -> Result<(), ProxyFault> {
        let (line, _) = self.head.parse().map_err(head_fault)?;
        let (status, reason) = parse_status(line).ok_or(NO_PROXY)?;
        match status {
            100..=199 => self.head = Head::default(),
            200..=299 => self.over = true,
            407 if self.has_credentials => {
                return Err(ProxyFault::Untrusted("does not accept the user and the password (407)".into()));
            }
            407 => return Err(ProxyFault::wants_credentials()),
            // Of a gateway; other failures are those of a server that is no proxy, or does not want to be.
            502..=504 => return Err(ProxyFault::unreachable(&reason)),
            _ => return Err(ProxyFault::Refused(format!("refuses: {reason}"))),
        }
        Ok(())
    }
}

const NO_PROXY: ProxyFault = ProxyFault::Protocol("does not answer as an HTTP proxy does");

fn head_fault(fault: HeadFault) -> ProxyFault {
    match fault {
        HeadFault::TooLong => ProxyFault::Protocol("answers with a head of over 8 KiB or 100 fields"),
        HeadFault::Malformed => NO_PROXY,
    }
}

/// The number, and the line from there on.
fn parse_status(line: &[u8]) -> Option<(u16, String)> {
    let rest = line.strip_prefix(b"HTTP/1.0 ").or(line.strip_prefix(b"HTTP/1.1 "))?;
    let (digits, reason) = rest.split_at_checked(3)?;
    let is_status = digits.iter().all(u8::is_ascii_digit) && (reason.is_empty() || reason[0] == b' ');
    let status = std::str::from_utf8(digits).ok()?.parse().ok().filter(|_| is_status)?;
    Some((status, String::from_utf8_lossy(rest).trim_end().to_owned()))
}

impl Handshake for HttpClient {
    type Fault = ProxyFault;

    fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    fn wanted(&self) -> usize {
        if self.over { 0 } else { self.head.wanted() }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ProxyFault> {
        const VERSION: &[u8] = b"HTTP/1.";
        self.head.take(piece).map_err(head_fault)?;
        // What cannot become an answer is not waited for.
        let bytes = self.head.bytes();
        let known = bytes.len().min(VERSION.len());
        if bytes[..known] != VERSION[..known] {
            return Err(NO_PROXY);
        }
        if self.head.wanted() == 0 { self.answered() } else { Ok(()) }
    }
}

/// Hears what a client wants, and tells it what became of it.
pub struct HttpServer {
    users: Option<Rc<Users>>,
    head: Head,
    target: Option<Target>,
}

impl HttpServer {
    /// With `users`, nobody else is served.
    pub fn new(users: Option<Rc<Users>>) -> HttpServer {
        HttpServer { users, head: Head::default(), target: None }
    }

    /// What the client wants, once it has said it.
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// The answer: the tunnel stands, or why not.
    pub fn answer(&self, outcome: Result<(), Denial>) -> Vec<u8> {
        match outcome {
            Ok(()) => b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec(),
            Err(denial) => refusal(
                match denial {
                    Denial::NotAllowed => "403 Forbidden",
                    Denial::Refused | Denial::Unreachable | Denial::Failed => "502 Bad Gateway",
                    Denial::TimedOut => "504 Gateway Timeout",
                },
                "",
                denial.text(),
            ),
        }
    }

    fn asked(&mut self) -> Result<(), Misuse> {
        let (line, fields) = self.head.parse().map_err(misuse)?;
        let mut words = line.split(|byte| *byte == b' ');
        let (method, authority, version) = (words.next(), words.next(), words.next());
        let is_newer = match (version, words.next()) {
            (Some(b"HTTP/1.0"), None) => false,
            (Some(b"HTTP/1.1"), None) => true,
            _ => return Err(misuse(HeadFault::Malformed)),
        };
        if method != Some(b"CONNECT") {
            let hint = "this proxy does CONNECT only (curl: --proxytunnel)";
            let answer = refusal("405 Method Not Allowed", "Allow: CONNECT\r\n", hint);
            return Err(Misuse { text: "wants another HTTP method than CONNECT", answer });
        }
        let values = |name: &str| {
            let name = name.as_bytes().to_vec();
            fields.iter().filter(move |field| field.0.eq_ignore_ascii_case(&name)).map(|field| field.1)
        };
        let hosts = values("host").count();
        let has_content =
            values("transfer-encoding").count() > 0 || values("content-length").any(|n| n != b"0");
        let target = authority.and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(Target::parse);
        let Some(target) = target.filter(|_| hosts <= 1 && (hosts == 1 || !is_newer) && !has_content) else {
            return Err(misuse(HeadFault::Malformed));
        };
        if let Some(users) = &self.users {
            let known = values("proxy-authorization").any(|value| is_known(users, value));
            if !known {
                let field = "Proxy-Authenticate: Basic realm=\"sendall\"\r\n";
                let hint = "a user and a password are needed";
                let answer = refusal("407 Proxy Authentication Required", field, hint);
                return Err(Misuse { text: "gives no user and password, or wrong ones", answer });
            }
        }
        self.target = Some(target);
        Ok(())
    }
}

/// RFC 7617: the scheme in any case, then `user:password` in base64.
fn is_known(users: &Users, value: &[u8]) -> bool {
    let Some((scheme, rest)) = value.split_at_checked(6) else { return false };
    let pair = BASE64.decode(rest.trim_ascii()).unwrap_or_default();
    let colon = pair.iter().position(|byte| *byte == b':');
    scheme.eq_ignore_ascii_case(b"Basic ")
        && colon.is_some_and(|colon| users.know(&pair[..colon], &pair[colon + 1..]))
}

fn misuse(fault: HeadFault) -> Misuse {
    let (text, status) = match fault {
        HeadFault::TooLong => {
            ("sends a head of over 8 KiB or 100 fields", "431 Request Header Fields Too Large")
        }
        HeadFault::Malformed => ("sends no proper CONNECT", "400 Bad Request"),
    };
    Misuse { text, answer: refusal(status, "", text) }
}

fn refusal(status: &str, fields: &str, text: &str) -> Vec<u8> {
    let length = text.len() + 1;
    format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}\n"
    )
    .into_bytes()
}

impl Handshake for HttpServer {
    type Fault = Misuse;

    fn take_outgoing(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn wanted(&self) -> usize {
        self.head.wanted()
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Misuse> {
        self.head.take(piece).map_err(misuse)?;
        if self.head.wanted() == 0 { self.asked() } else { Ok(()) }
    }
}
