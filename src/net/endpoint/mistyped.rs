//! What to type instead of words that are no endpoint, but look like one that another tool takes.
//!
//! What is advised is parsed first: so it is never refused for the same reason.

use std::net::Ipv6Addr;

use super::{Endpoint, EndpointUse, is_number};
use crate::net::services;

/// Words before an address, as socat and URLs of other tools have them.
const PROTOCOLS: [&str; 18] = [
    "tcp",
    "tcp4",
    "tcp6",
    "udp",
    "udp4",
    "udp6",
    "tcp-connect",
    "tcp4-connect",
    "tcp6-connect",
    "tcp-listen",
    "tcp4-listen",
    "tcp6-listen",
    "udp-connect",
    "udp-sendto",
    "udp-datagram",
    "udp-listen",
    "udp4-listen",
    "udp6-listen",
];
const UNIX: [&str; 5] = ["unix", "unix-connect", "unix-listen", "unix-client", "local"];

/// A line that says more about a word that cannot be parsed than the parser does.
pub(in crate::net) fn explain(word: &str, role: EndpointUse) -> Option<String> {
    if ["unix:", "unix-seqpacket:", "systemd:", "fd:", "vsock:", "tty:/", "tty:./", "pty:"]
        .iter()
        .any(|form| word.starts_with(form))
    {
        return None;
    }
    key(word, role)
        .or_else(|| blank(word, role))
        .or_else(|| protocol(word, role))
        .or_else(|| address_alone(word))
        .or_else(|| service_alone(word, role))
        .or_else(|| user_or_path(word, role))
}

/// The same for two words, of which the second one is a port.
pub(super) fn explain_two(first: &str, port: &str, role: EndpointUse) -> Option<String> {
    let (host, port) = (first.strip_suffix(':').unwrap_or(first), port.strip_prefix(':').unwrap_or(port));
    let endpoint = Endpoint::parse_two(host, port, role).ok()?;
    Some(format!("there is a space next to the colon: type {endpoint}"))
}

/// `host:80#sha256:...`, where no key can be, and `host:80#...`.
pub(super) fn key(word: &str, role: EndpointUse) -> Option<String> {
    let (before, key) = word.split_once('#')?;
    let (word, host) = (word.escape_debug(), before.escape_debug());
    if !key.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case("sha256")) {
        return Some(format!(
            "'{word}' has a # in it: a server's key is typed as {host}#sha256:..., 43 characters"
        ));
    }
    let advice =
        Endpoint::parse(before, role).map_or_else(|_| String::new(), |it| format!(": type {it} here"));
    Some(format!(
        "'{word}' names a server's key, which goes with 'upload', 'download' and 'connect' (--tls or --code){advice}"
    ))
}

/// `'localhost 9300'`.
fn blank(word: &str, role: EndpointUse) -> Option<String> {
    let mut parts = word.split_whitespace();
    let (Some(host), Some(port), None) = (parts.next(), parts.next(), parts.next()) else { return None };
    let host = host.strip_suffix(':').unwrap_or(host);
    let endpoint = Endpoint::parse_two(host, port.trim_start_matches(':'), role).ok()?;
    Some(format!("'{}' is one word with a blank in it: type {endpoint}", word.escape_debug()))
}

/// `tcp:localhost:80`, `UNIX-CONNECT:/run/x`.
fn protocol(word: &str, role: EndpointUse) -> Option<String> {
    let (before, rest) = word.split_once(':')?;
    let is_among = |names: &[&str]| names.iter().any(|name| before.eq_ignore_ascii_case(name));
    // Behind a comma socat has options.
    let rest = rest.split(',').next().unwrap_or(rest).trim_start_matches('/');
    if is_among(&PROTOCOLS) {
        let endpoint = Endpoint::parse(rest, role).ok()?;
        if before == "udp" {
            return Some(datagrams(word, &endpoint, role));
        }
        return Some(format!(
            "no '{before}:' stands before an endpoint: type {endpoint}; 'udp-send' and 'udp-listen' are for UDP, the other \
             commands for TCP"
        ));
    }
    if before == "unix-dgram" {
        let endpoint = Endpoint::parse(&format!("unix:{}", word.split_once(':')?.1), role).ok()?;
        return Some(datagrams(word, &endpoint, role));
    }
    let path = word.split_once(':')?.1.split(',').next()?;
    let is_path = is_among(&UNIX) && path.contains('/');
    is_path.then(|| format!("'{}' is not an endpoint: type unix:{path}", word.escape_debug()))
}

/// An endpoint of datagrams, which is known here, where only others are taken.
fn datagrams(word: &str, endpoint: &Endpoint, role: EndpointUse) -> String {
    let word = word.escape_debug();
    match role {
        EndpointUse::Listen => format!(
            "'{word}' is for datagrams: type {endpoint} with 'sendall udp-listen', or 'sendall serve --forward \
             udp:HOST:PORT {word}' to relay them"
        ),
        EndpointUse::Connect if word.to_string().starts_with("udp:") => format!(
            "'{word}' is for datagrams: type {endpoint} with 'sendall udp-send', or 'sendall connect --probe {word}' to \
             see whether one is answered"
        ),
        EndpointUse::Connect => format!("'{word}' is for datagrams: type {endpoint} with 'sendall udp-send'"),
    }
}

/// `::`, `[::1]`.
fn address_alone(word: &str) -> Option<String> {
    let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
    let is_v6 = |text: &str| text.split('%').next().unwrap_or(text).parse::<Ipv6Addr>().is_ok();
    if !is_v6(bare) {
        return None;
    }
    match bare.rsplit_once(':').filter(|(host, _)| bare == word && is_v6(host)) {
        // It may be both.
        Some((host, port)) if port.parse::<u16>().is_ok_and(|port| port > 0) => Some(format!(
            "'{word}' has no brackets: type [{host}]:{port}, or [{word}]:PORT if all of it is the address"
        )),
        _ => Some(format!("'{word}' is an address without a port: type [{bare}]:PORT")),
    }
}

/// `http://host/path`.
pub(super) fn url(word: &str) -> Option<String> {
    let (scheme, rest) = word.split_once("://")?;
    let host = rest.split('/').next().and_then(|host| host.rsplit('@').next()).unwrap_or(rest);
    let has_port = host.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
    let port = match services::port_of(scheme) {
        _ if has_port => String::new(),
        Some(port) => format!(":{port}"),
        None => ":PORT".into(),
    };
    Some(format!("'{word}' is a URL: type its host and port only, as in {host}{port}"))
}

/// `user@host:22`, `host:/tmp`, `host:80/tcp`, `host:80:file`, `host:80:`.
fn user_or_path(word: &str, role: EndpointUse) -> Option<String> {
    let split_path = || word.find('/').map(|at| word.split_at(at));
    let (place, rest) = word.rsplit_once(':').or_else(split_path).unwrap_or((word, ""));
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    let is_name = |text: &str| text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    // The port stands before the path.
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match host.split_once(':') {
        Some((host, port)) if is_port(port) && !is_number(rest) => (host, port),
        Some(_) => return None,
        None => (host, if is_port(name) { name } else { "PORT" }),
    };
    if word.contains("://") || host.is_empty() || host.starts_with('.') || !is_name(host) {
        return None;
    }
    let advised = match role {
        EndpointUse::Listen if is_port(host) && port == "PORT" => host.to_owned(),
        EndpointUse::Connect if is_port(host) && port == "PORT" => format!("localhost:{host}"),
        _ => format!("{host}:{port}"),
    };
    let word = word.escape_debug();
    if rest.is_empty() && place.ends_with(&format!("{host}:{port}")) {
        return Some(format!("'{word}' has a colon too many at its end: type {advised}"));
    }
    if !path.is_empty() && PROTOCOLS.contains(&path.to_ascii_lowercase().as_str()) {
        return Some(format!(
            "'{word}' names a protocol, and an endpoint has none: type {advised}; 'udp-send' and 'udp-listen' are for UDP"
        ));
    }
    if rest.starts_with('~') || rest.contains('/') || place.ends_with(&format!("{host}:{port}")) {
        return Some(format!("'{word}' names a path, as scp does, and an endpoint has none: type {advised}"));
    }
    (host != place).then(|| format!("'{word}' has a user's name, and an endpoint has none: type {advised}"))
}

/// `http`, where a port alone may stand.
fn service_alone(word: &str, role: EndpointUse) -> Option<String> {
    let is_service = role == EndpointUse::Listen && services::port_of(word).is_some();
    is_service
        .then(|| format!("'{word}' has no port: type {word}:PORT, or localhost:{word} if it is the port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_names_what_to_type() {
        use EndpointUse::{Connect, Listen};
        for (word, role, advice) in [
            ("user@host:/tmp", Connect, "type host:PORT"),
            ("user@host:22", Connect, "type host:22"),
            ("user@host", Connect, "type host:PORT"),
            ("host:/tmp", Listen, "type host:PORT"),
            ("host:~/x", Connect, "type host:PORT"),
            ("host:a/b.txt", Connect, "type host:PORT"),
            ("host/a/b.txt", Connect, "type host:PORT"),
            ("folder/", Listen, "type folder:PORT"),
            ("host:9000/in", Connect, "type host:9000"),
            ("user@host:9000/in", Connect, "type host:9000"),
            ("host:7255:a.txt", Connect, "type host:7255"),
            ("host:80:", Connect, "a colon too many at its end: type host:80"),
            ("user@host:80:", Connect, "a colon too many at its end: type host:80"),
            ("host:80/tcp", Connect, "type host:80;"),
            ("host/tcp", Connect, "type host:PORT;"),
            ("9000/udp", Listen, "type 9000;"),
            ("9000/udp", Connect, "type localhost:9000;"),
            ("http", Listen, "type http:PORT, or localhost:http"),
            ("[::1]", Connect, "type [::1]:PORT"),
            ("[fe80::1%eth0]", Connect, "type [fe80::1%eth0]:PORT"),
            ("::", Listen, "type [::]:PORT"),
            ("::1", Listen, "type [::1]:PORT"),
            ("fe80::1", Connect, "type [fe80::1]:PORT"),
            ("::1:8080", Connect, "type [::1]:8080, or [::1:8080]:PORT"),
            ("2001:db8::1:80", Listen, "type [2001:db8::1]:80"),
            ("host:80#sha256:x", Connect, "names a server's key, which goes with"),
            ("host:80#sha256:x", Connect, "(--tls or --code): type host:80 here"),
            ("[::1]:80#SHA256//12", Listen, "(--tls or --code): type [::1]:80 here"),
            ("host#sha256:1", Listen, "names a server's key"),
            ("host:80#9rSu", Connect, "is typed as host:80#sha256:..., 43 characters"),
            ("host#1:80", Connect, "is typed as host#sha256:..., 43 characters"),
            ("localhost 9300", Connect, "type localhost:9300"),
            ("localhost: 9300", Connect, "type localhost:9300"),
            ("localhost :9300", Listen, "type localhost:9300"),
            ("::1 80", Connect, "type [::1]:80"),
            ("tcp:127.0.0.1:80", Connect, "type 127.0.0.1:80;"),
            ("udp:127.0.0.1:53", Connect, "'sendall connect --probe udp:127.0.0.1:53'"),
            ("udp:h:53", Connect, "type h:53"),
            ("udp::53", Listen, "type :53"),
            ("unix-dgram:/x", Connect, "type unix:/x"),
            ("unix-dgram:/x", Listen, "type unix:/x"),
            ("TCP6:[::1]:80", Connect, "type [::1]:80;"),
            ("tcp://host:80", Connect, "type host:80;"),
            ("TCP-CONNECT:host:80,retry=5", Connect, "type host:80;"),
            ("tcp4-listen::80,fork", Listen, "type :80;"),
            ("UNIX-CONNECT:/run/x", Connect, "type unix:/run/x"),
            ("UNIX:/run/x", Connect, "type unix:/run/x"),
            ("unix-listen:./x,fork", Listen, "type unix:./x"),
            ("http://user@host:80/x", Connect, "as in host:80"),
            ("http://host/x", Connect, "as in host:80"),
            ("https://[::1]/x", Connect, "as in [::1]:443"),
            ("ssh://host", Connect, "as in host:22"),
            ("x://host", Connect, "as in host:PORT"),
            ("a:b:80", Connect, "more than one colon"),
            ("localhost:80:90", Connect, "more than one colon"),
            ("host:no-such-service", Connect, "0 to 65535"),
            ("host:80x", Connect, "0 to 65535"),
        ] {
            let error = Endpoint::parse(word, role).expect_err(word);
            assert!(error.contains(advice), "{word:?}: {error}");
            assert!(!error.contains('\n') && !error.contains("[tcp"), "{error}");
            // What is advised is taken, with any port.
            let advised = advice
                .rsplit_once("type ")
                .map(|(_, advised)| advised)
                .map(|advised| advised.replace("PORT", "7").replace(" here", ""));
            for advised in advised.iter().flat_map(|advised| advised.trim_end_matches(';').split(", or ")) {
                assert!(Endpoint::parse(advised, role).is_ok(), "{word:?}: {advised}");
            }
        }
    }

    #[test]
    fn a_blank_beside_the_colon() {
        for (first, second) in [("localhost:", "9300"), ("localhost", ":9300"), ("localhost:", ":9300")] {
            let error = Endpoint::parse_first(first, Some(second), EndpointUse::Connect).expect_err(first);
            assert!(error.contains("type localhost:9300"), "{error}");
        }
    }

    #[test]
    fn errors_name_what_to_type() {
        for (word, role, hint) in [
            ("::1:8080", EndpointUse::Connect, "type [::1]:8080"),
            ("8080", EndpointUse::Connect, "localhost:8080"),
            (":8080", EndpointUse::Connect, "localhost:8080"),
            ("host", EndpointUse::Connect, "host:PORT"),
            ("host:", EndpointUse::Connect, "0 to 65535"),
            ("host:65536", EndpointUse::Connect, "0 to 65535"),
            ("host:+5", EndpointUse::Connect, "0 to 65535"),
            ("99999", EndpointUse::Listen, "0 to 65535"),
            ("host:0", EndpointUse::Connect, "1 to 65535"),
            ("[::1:80", EndpointUse::Connect, "']' is missing"),
            ("[host]:80", EndpointUse::Connect, "not an IPv6 address"),
            ("unix:", EndpointUse::Listen, "unix:/path"),
            ("unix:@", EndpointUse::Listen, "unix:/path"),
            ("/run/x", EndpointUse::Listen, "unix:/run/x"),
            ("fd:", EndpointUse::Listen, "fd:3"),
            ("fd:2", EndpointUse::Listen, "fd:3"),
            ("fd:+4", EndpointUse::Listen, "fd:3"),
            ("http://localhost:80/x", EndpointUse::Connect, "as in localhost:80"),
            ("", EndpointUse::Listen, "PORT"),
        ] {
            let error = Endpoint::parse(word, role).expect_err(word);
            assert!(error.contains(hint), "{word:?}: {error}");
        }
    }
}
