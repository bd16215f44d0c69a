//! Request targets and hosts.

use super::{BAD_REQUEST, ErrorStatus, Method};

/// The schemes of the absolute form.
const SCHEMES: [&str; 2] = ["http://", "https://"];

/// Checks a request target: a path, `*` for OPTIONS, or a whole URI (RFC 9112, 3.2). A fragment is never sent. The
/// target of an unknown method is not checked.
pub(super) fn check(target: &str, method: Method) -> Result<(), ErrorStatus> {
    let is_valid = match target.as_bytes() {
        // RFC 3986: bytes other than ASCII are escaped.
        _ if !target.is_ascii() => false,
        _ if method == Method::Unknown => true,
        b"*" => method == Method::Options,
        [b'/', rest @ ..] => !rest.contains(&b'#'),
        _ => match authority_and_path(target) {
            Some((authority, path)) => {
                !authority.is_empty() && check_host(authority.as_bytes()).is_ok() && !path.contains('#')
            }
            None => false,
        },
    };
    if is_valid { Ok(()) } else { Err(BAD_REQUEST) }
}

/// Returns the path of a target without its query. In a whole URI it may be empty for `/`.
pub fn path(target: &str) -> &str {
    match split_path(target).0 {
        "" => "/",
        path => path,
    }
}

/// Splits a target into its path and its query without the `?`. In a whole URI an empty path is `/`; only a target that
/// begins with the query has an empty one.
pub fn split_path(target: &str) -> (&str, Option<&str>) {
    let (is_uri, target) = authority_and_path(target).map_or((false, target), |(_, path)| (true, path));
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    (if is_uri && path.is_empty() { "/" } else { path }, query)
}

/// Splits an `http://` target into its authority, a valid one by RFC 9110, 7.2, and the rest.
pub fn split_http_uri(target: &str) -> Option<(&str, &str)> {
    let has_scheme = target.get(..SCHEMES[0].len()).is_some_and(|s| s.eq_ignore_ascii_case(SCHEMES[0]));
    let parts = authority_and_path(target).filter(|_| has_scheme);
    parts.filter(|(authority, path)| {
        !authority.is_empty() && check_host(authority.as_bytes()).is_ok() && !path.contains('#')
    })
}

/// Splits a target in the absolute form.
fn authority_and_path(target: &str) -> Option<(&str, &str)> {
    let begins_with =
        |scheme: &str| target.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
    let scheme = SCHEMES.iter().find(|scheme| begins_with(scheme))?;
    let rest = &target[scheme.len()..];
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// Checks a `Host` value: a host and perhaps a port (RFC 9110, 7.2). An empty one belongs to a target without
/// authority.
pub(super) fn check_host(value: &[u8]) -> Result<(), ErrorStatus> {
    let (host, port) = match value {
        [b'[', rest @ ..] => {
            let end = memchr::memchr(b']', rest).ok_or(BAD_REQUEST)?;
            let is_ip_literal =
                rest[..end].iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte));
            if end == 0 || !is_ip_literal {
                return Err(BAD_REQUEST);
            }
            (&b""[..], &rest[end + 1..])
        }
        _ => value.split_at(memchr::memchr(b':', value).unwrap_or(value.len())),
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if is_port && host.iter().all(|&byte| is_in_names(byte)) { Ok(()) } else { Err(BAD_REQUEST) }
}

/// Returns whether the byte may stand in a name: unreserved, sub-delims and escapes (RFC 3986, 3.2.2).
fn is_in_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}
