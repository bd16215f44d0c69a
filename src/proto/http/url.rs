//! `http://` and `https://` URLs, as a client types them or a redirect names them: RFC 3986 and RFC 9110, 4.2.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, percent_encode};

use super::MAX_TARGET_BYTES;
use super::target::check_host;

/// Bytes that a request target cannot have as they are (RFC 3986, 2): controls, and what is neither reserved nor
/// unreserved. `%` stays: it begins an escape.
const NOT_IN_TARGETS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A URL of a web server, without user, password and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    is_tls: bool,
    /// A name or an address; an IPv6 address without its brackets.
    host: String,
    port: u16,
    /// Path and query: ASCII, begins with `/`.
    target: String,
}

/// Why text is no URL that can be fetched. The texts say what to type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// Another scheme.
    Scheme,
    /// A user or a password in it.
    User,
    /// No host, or none that is valid.
    Host,
    /// A port that is none.
    Port,
    /// A fragment, which is never sent.
    Fragment,
    /// Over the limit of a target.
    TooLong,
}

impl fmt::Display for UrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UrlFault::Scheme => "it is no http:// or https:// URL",
            UrlFault::User => "a user or password in a URL is not sent: leave out what stands before the @",
            UrlFault::Host => "its host is not valid: type http://HOST/PATH",
            UrlFault::Port => "its port is not a number from 1 to 65535",
            UrlFault::Fragment => {
                "a server never gets what follows a #: leave it out, or type %23 if it is part of a name"
            }
            UrlFault::TooLong => "it is longer than 8 KiB",
        })
    }
}

impl HttpUrl {
    /// Returns whether a word begins as such a URL does.
    pub fn is_begun(word: &str) -> bool {
        scheme_of(word.as_bytes()).is_some()
    }

    /// Parses a URL that was typed. Spaces and bytes other than ASCII in path and query are escaped.
    ///
    /// # Errors
    /// It has a part that cannot be used.
    pub fn parse(text: &str) -> Result<HttpUrl, UrlFault> {
        if text.contains('#') {
            return Err(UrlFault::Fragment);
        }
        let (is_tls, rest) = scheme_of(text.as_bytes()).ok_or(UrlFault::Scheme)?;
        HttpUrl::from_rest(is_tls, rest)
    }

    /// Parses what follows `scheme://`.
    fn from_rest(is_tls: bool, rest: &[u8]) -> Result<HttpUrl, UrlFault> {
        let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = split_authority(authority, if is_tls { 443 } else { 80 })?;
        Ok(HttpUrl { is_tls, host, port, target: clean_target(target)? })
    }

    /// Resolves the `Location` of an answer to this URL (RFC 3986, 5.2). Its fragment is left out.
    ///
    /// # Errors
    /// As [`HttpUrl::parse`].
    pub fn resolve(&self, location: &[u8]) -> Result<HttpUrl, UrlFault> {
        let end = location.iter().position(|byte| *byte == b'#').unwrap_or(location.len());
        let location = &location[..end];
        let at_same_host = |target: &[u8]| Ok(HttpUrl { target: clean_target(target)?, ..self.clone() });
        if let Some(rest) = location.strip_prefix(b"//") {
            return HttpUrl::from_rest(self.is_tls, rest);
        }
        match location {
            [] => Ok(self.clone()),
            [b'/', ..] => at_same_host(location),
            [b'?', ..] => at_same_host(&[self.path().as_bytes(), location].concat()),
            _ if has_scheme(location) => {
                let (is_tls, rest) = scheme_of(location).ok_or(UrlFault::Scheme)?;
                HttpUrl::from_rest(is_tls, rest)
            }
            _ => {
                let folder = self.path().rfind('/').map_or("/", |slash| &self.path()[..=slash]);
                at_same_host(&[folder.as_bytes(), location].concat())
            }
        }
    }

    /// Returns whether it is fetched over TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns the host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the request target: path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the path.
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or(&self.target)
    }

    /// Returns the query, without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Returns the same path with this query, or with none.
    #[must_use]
    pub fn with_query(&self, query: Option<&str>) -> HttpUrl {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        HttpUrl { target: format!("{}{query}", self.path()), ..self.clone() }
    }

    /// Returns the value of `Host`: with a port only if it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let default = if self.is_tls { 443 } else { 80 };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }

    /// Returns scheme, host and port, as they may be shown: a path may be a secret.
    pub fn origin(&self) -> String {
        format!("http{}://{}", if self.is_tls { "s" } else { "" }, self.authority())
    }

    /// Returns the last segment of the path, decoded: any bytes. `None` if the path ends with a slash.
    pub fn last_segment(&self) -> Option<Vec<u8>> {
        let segment = self.path().rsplit('/').next().filter(|segment| !segment.is_empty())?;
        Some(percent_decode_str(segment).collect())
    }
}

impl HttpUrl {
    /// Returns the last segment of the path that is not empty, decoded: any bytes.
    pub fn folder_name(&self) -> Option<Vec<u8>> {
        let segment = self.path().rsplit('/').find(|segment| !segment.is_empty())?;
        Some(percent_decode_str(segment).collect())
    }
}

/// The scheme, true if it is that of TLS, and what follows `://`.
fn scheme_of(text: &[u8]) -> Option<(bool, &[u8])> {
    let after = |scheme: &[u8]| {
        let (begin, rest) = text.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let plain = after(b"http://").map(|rest| (false, rest));
    plain.or_else(|| after(b"https://").map(|rest| (true, rest)))
}

/// Returns whether a reference begins with a scheme (RFC 3986, 3.1).
fn has_scheme(reference: &[u8]) -> bool {
    let name = reference.split(|byte| b":/?".contains(byte)).next().unwrap_or_default();
    reference.get(name.len()) == Some(&b':')
        && name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
}

/// Splits host and port.
fn split_authority(authority: &[u8], default: u16) -> Result<(String, u16), UrlFault> {
    let text = std::str::from_utf8(authority).map_err(|_| UrlFault::Host)?;
    if text.contains('@') {
        return Err(UrlFault::User);
    }
    check_host(authority).map_err(|_| UrlFault::Host)?;
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(UrlFault::Host)?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    if host.is_empty() || host.contains('%') {
        return Err(UrlFault::Host);
    }
    let port = match port.strip_prefix(':') {
        None | Some("") => default,
        Some(digits) => digits.parse().ok().filter(|port| *port > 0).ok_or(UrlFault::Port)?,
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// Escapes a target, and removes the segments `.` and `..` of its path (RFC 3986, 5.2.4).
fn clean_target(target: &[u8]) -> Result<String, UrlFault> {
    let escaped = percent_encode(target, NOT_IN_TARGETS).to_string();
    let (path, query) = match escaped.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&escaped[..], None),
    };
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let last = segments.len() - 1;
    for (index, segment) in segments.into_iter().enumerate() {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        match &plain[..] {
            "." | ".." => {
                if plain == ".." {
                    kept.pop();
                }
                if index == last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("/{}{query}", kept.join("/"));
    if target.len() > MAX_TARGET_BYTES { Err(UrlFault::TooLong) } else { Ok(target) }
}
