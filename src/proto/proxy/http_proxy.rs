//! A proxy's side of HTTP/1 towards its clients: tunnels (CONNECT: RFC 9110, section 9.3.6), and requests for `http://` URLs.

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::answer::{Denial, Misuse, MisuseKind, ProxyAnswer};
use super::http_forward;
use super::http_forward::Request;
use super::http_head::{HeadFault, HeadReader};
use super::target::{MAX_NAME_BYTES, ProxyTarget};
use super::users::Users;
use crate::proto::handshake::Handshake;
use crate::proto::http::{ErrorStatus, Exchange, MAX_FIELDS_BYTES, MAX_TARGET_BYTES, ParseEvent, no_fields};

/// The most bytes of a client's head: a method, the longest target, and the fields.
const MAX_HEAD_BYTES: usize = MAX_TARGET_BYTES + MAX_FIELDS_BYTES + 64;

/// The server's machine.
pub struct HttpProxyServer {
    users: Option<Rc<Users>>,
    head: HeadReader,
    request: Option<ProxyRequest>,
}

/// The client's request.
enum ProxyRequest {
    Tunnel(ProxyTarget),
    Request(ProxyTarget, Option<Box<Request>>),
}

impl HttpProxyServer {
    /// Creates a machine. With `users`, clients must authenticate.
    pub fn new(users: Option<Rc<Users>>) -> HttpProxyServer {
        HttpProxyServer { users, head: HeadReader::with_limit(MAX_HEAD_BYTES), request: None }
    }

    /// Returns the client's target, once it is known.
    pub fn target(&self) -> Option<&ProxyTarget> {
        match self.request.as_ref()? {
            ProxyRequest::Tunnel(target) | ProxyRequest::Request(target, _) => Some(target),
        }
    }

    /// Returns the request to forward, once; `None` if the client wants a tunnel.
    pub fn take_request(&mut self) -> Option<Box<Request>> {
        match &mut self.request {
            Some(ProxyRequest::Request(_, request)) => request.take(),
            _ => None,
        }
    }

    /// Returns the answer: the tunnel is open, or the reason of the denial.
    pub fn answer(&self, outcome: Result<(), Denial>) -> ProxyAnswer {
        let status = match outcome {
            Ok(()) => return ProxyAnswer::Established,
            Err(Denial::NotAllowed) => 403,
            Err(Denial::Refused | Denial::Unreachable | Denial::Failed | Denial::BadAnswer) => 502,
            Err(Denial::TimedOut) => 504,
        };
        self.refusal(status, &[], outcome.err().unwrap_or(Denial::Failed).text())
    }

    fn refusal(&self, status: u16, fields: &[(&str, &str)], text: &str) -> ProxyAnswer {
        ProxyAnswer::refusal(status, fields, text, self.head.bytes().starts_with(b"HEAD "))
    }

    fn misuse(&self, status: u16, text: &'static str) -> Misuse {
        Misuse { kind: MisuseKind::Request, text, answer: self.refusal(status, &[], text) }
    }

    fn head_fault(&self, fault: HeadFault) -> Misuse {
        match fault {
            HeadFault::TooLong if !self.head.bytes().contains(&b'\n') => self.refused(ErrorStatus(414)),
            HeadFault::TooLong => self.refused(ErrorStatus(431)),
            HeadFault::Malformed => self.refused(ErrorStatus(400)),
        }
    }

    pub(crate) fn refused(&self, ErrorStatus(status): ErrorStatus) -> Misuse {
        let text = match status {
            414 => "names a target that is too long",
            417 => "expects something that is not known",
            431 => "sends fields of over 8 KiB, or over 100 of them",
            501 => "sends a body in a coding that is not known",
            505 => "speaks another version of HTTP than 1.0 and 1.1",
            _ => "sends no proper request of HTTP/1.1",
        };
        self.misuse(status, text)
    }

    fn parse_request(&mut self) -> Result<(), Misuse> {
        let is_connect = self.head.bytes().starts_with(b"CONNECT ");
        let request = if is_connect { self.connect()? } else { self.forward()? };
        if let Some(users) = &self.users {
            let (_, fields) = self.head.parse().map_err(|fault| self.head_fault(fault))?;
            if !values(&fields, "proxy-authorization").any(|value| is_known(users, value)) {
                let fields = [("Proxy-Authenticate", "Basic realm=\"sendall\"")];
                let answer = self.refusal(407, &fields, "a user and a password are needed");
                let text = "gives no user and password, or wrong ones";
                return Err(Misuse { kind: MisuseKind::Credentials, text, answer });
            }
        }
        self.request = Some(request);
        Ok(())
    }

    fn connect(&self) -> Result<ProxyRequest, Misuse> {
        let (line, fields) = self.head.parse().map_err(|fault| self.head_fault(fault))?;
        let mut parts = line.split(|byte| *byte == b' ').skip(1);
        let (authority, version) = (parts.next(), parts.next());
        let is_newer = match (version, parts.next()) {
            (Some(b"HTTP/1.0"), None) => false,
            // RFC 9110, 2.5: a higher minor version is taken for the highest that is known.
            (Some(&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9']), None) => true,
            (Some(&[b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', ..]), None) => {
                return Err(self.refused(ErrorStatus(505)));
            }
            _ => return Err(self.refused(ErrorStatus(400))),
        };
        let hosts = values(&fields, "host").count();
        let has_content = values(&fields, "transfer-encoding").next().is_some()
            || values(&fields, "content-length").any(|length| length != b"0");
        if hosts > 1 || (hosts == 0 && is_newer) || has_content {
            return Err(self.refused(ErrorStatus(400)));
        }
        let authority = authority.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        self.target_of(authority).map(ProxyRequest::Tunnel)
    }

    fn target_of(&self, authority: &str) -> Result<ProxyTarget, Misuse> {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let status = if host.len() > MAX_NAME_BYTES { 414 } else { 400 };
        ProxyTarget::parse(authority).ok_or_else(|| self.refused(ErrorStatus(status)))
    }

    fn forward(&self) -> Result<ProxyRequest, Misuse> {
        let mut body = Exchange::new(u64::MAX);
        let anew = match Exchange::new(u64::MAX).next_event(self.head.bytes(), &mut no_fields()).1 {
            ParseEvent::Rewritten(anew) => Some(anew.bytes),
            _ => None,
        };
        let mut fields = no_fields();
        let head = match body.next_event(anew.as_deref().unwrap_or(self.head.bytes()), &mut fields).1 {
            ParseEvent::Head(head) => head,
            ParseEvent::Refused(refusal) => return Err(self.refused(refusal)),
            _ => return Err(self.refused(ErrorStatus(400))),
        };
        let Some((authority, path)) = crate::proto::http::split_http_uri(head.target) else {
            const TEXT: &str =
                "asks neither for an http:// URL nor for CONNECT HOST:PORT: this is a proxy server";
            return Err(self.misuse(400, TEXT));
        };
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let target = match authority.strip_suffix(':') {
            Some(host) => self.target_of(&format!("{host}:80"))?,
            None if has_port => self.target_of(authority)?,
            None => self.target_of(&format!("{authority}:80"))?,
        };
        let minor = head.minor;
        let Some(head) = http_forward::request_head(&head, authority, path) else {
            return Err(self.misuse(501, "asks the proxy itself: this one has nothing to say"));
        };
        Ok(ProxyRequest::Request(target, Some(Box::new(Request { head, body, minor }))))
    }
}

fn values<'a>(fields: &[(&'a [u8], &'a [u8])], name: &str) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |field| field.0.eq_ignore_ascii_case(name.as_bytes())).map(|field| field.1)
}

/// Checks credentials (RFC 7617): the scheme in any case, then `user:password` in base64.
fn is_known(users: &Users, value: &[u8]) -> bool {
    let Some((scheme, rest)) = value.split_at_checked(6) else { return false };
    let pair = BASE64.decode(rest.trim_ascii()).unwrap_or_default();
    let colon = pair.iter().position(|byte| *byte == b':');
    scheme.eq_ignore_ascii_case(b"Basic ")
        && colon.is_some_and(|colon| users.know(&pair[..colon], &pair[colon + 1..]))
}

impl Handshake for HttpProxyServer {
    type Error = Misuse;

    fn take_outgoing(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn wanted(&self) -> usize {
        self.head.wanted()
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Misuse> {
        let had_line = self.head.bytes().contains(&b'\n');
        self.head.take(piece).map_err(|fault| self.head_fault(fault))?;
        // A client whose first line is not a request waits for an answer at once.
        let line = self.head.bytes().split(|byte| *byte == b'\n').next().unwrap_or_default();
        let is_request =
            line.split(|byte| *byte == b' ').nth(2).is_some_and(|word| word.starts_with(b"HTTP/"));
        if !had_line && !is_request && line.len() < self.head.bytes().len() {
            return Err(self.refused(ErrorStatus(400)));
        }
        if self.head.wanted() == 0 { self.parse_request() } else { Ok(()) }
    }
}
