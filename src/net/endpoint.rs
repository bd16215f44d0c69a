//! Endpoints to listen on or connect to, parsed from what the user types, and addresses as users see them.

pub(super) mod host;
mod inherited;
pub(super) mod mistyped;
mod peer_name;
pub(super) mod special;

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

pub use self::peer_name::PeerName;
pub use self::special::Special;
use super::services;

/// The first descriptor after stdin, stdout and stderr.
pub(super) const FIRST_INHERITED: i32 = 3;

/// An address in one of the forms that the manual lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `HOST:PORT` or `[V6]:PORT`; to listen also `:PORT` or `PORT`.
    Tcp {
        /// The host.
        host: Host,
        /// The port; 0 lets the system choose one to listen on.
        port: u16,
    },
    /// `unix:/path`: a Unix stream socket.
    UnixPath(PathBuf),
    /// `unix:@name`: a Unix stream socket in Linux' abstract name space.
    UnixAbstract(String),
    /// `unix-seqpacket:/path` or `unix-seqpacket:@name`: a Unix socket that preserves packet boundaries.
    SeqPacket(UnixName),
    /// `systemd:`, `systemd:NAME`, `fd:N` or `stdio:`: what the process has inherited.
    Inherited(Inherited),
    /// `vsock:CID:PORT`, `tty:/dev/...` or `pty:LINK`.
    Special(Special),
}

/// Listening sockets that this process has inherited, or a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// The sockets of `LISTEN_FDS`, sd_listen_fds(3): all, or those with a name in `LISTEN_FDNAMES`.
    Systemd(Option<String>),
    /// A descriptor by its number.
    Descriptor(i32),
    /// Stdin and stdout: the connection of one client.
    Stdio,
}

/// The name of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnixName {
    /// A path.
    Path(PathBuf),
    /// A name in Linux' abstract name space.
    Abstract(String),
}

/// The host part of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// No host was typed, only `PORT`: the loopback addresses of both families.
    Loopback,
    /// An empty host, `:PORT`: all addresses of both families.
    Any,
    /// A name or a literal address, with a scope (`fe80::1%eth0`) or without.
    Named(String),
}

/// The use of an endpoint: some forms are for listening only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointUse {
    /// To listen on.
    Listen,
    /// To connect to.
    Connect,
}

impl Endpoint {
    /// Parses one word. The error says what to type instead.
    pub fn parse(word: &str, role: EndpointUse) -> Result<Endpoint, String> {
        Endpoint::parse_word(word, role).map_err(|hint| mistyped::explain(word, role).unwrap_or(hint))
    }

    fn parse_word(word: &str, role: EndpointUse) -> Result<Endpoint, String> {
        if let Some(path) = word.strip_prefix("unix:") {
            return Endpoint::parse_unix(path);
        }
        if let (Some(inherited), EndpointUse::Listen) = (Inherited::parse(word), role) {
            return inherited.map(Endpoint::Inherited);
        }
        if let Some(path) = word.strip_prefix("unix-seqpacket:") {
            return Endpoint::parse_unix(path).map(|endpoint| match endpoint {
                Endpoint::UnixPath(path) => Endpoint::SeqPacket(UnixName::Path(path)),
                Endpoint::UnixAbstract(name) => Endpoint::SeqPacket(UnixName::Abstract(name)),
                other => other,
            });
        }
        if let Some(special) = Special::parse(word, role) {
            return special.map(Endpoint::Special);
        }
        if let Some(advice) = mistyped::url(word) {
            return Err(advice);
        }
        if word.starts_with("/dev/tty") {
            return Err(format!("'{word}' looks like a serial line: type tty:{word}"));
        }
        if word.starts_with('/') || word.starts_with("./") {
            return Err(format!("'{word}' looks like a path: type unix:{word} for a Unix socket"));
        }
        let (host, port) = match word.rsplit_once(':') {
            Some((host, port)) => (Some(host), port),
            None => (None, word),
        };
        let Some(host) = host else {
            return match (port.parse::<u16>(), role) {
                (Ok(port), EndpointUse::Listen) => Ok(Endpoint::Tcp { host: Host::Loopback, port }),
                (Ok(port), EndpointUse::Connect) => Err(format!(
                    "'{word}' has no host: type localhost:{port} for this machine, or HOST:{port}"
                )),
                (Err(_), _) if is_number(port) || is_port_list(port) => Err(port_error(port)),
                (Err(_), _) => Err(format!("'{word}' has no port: type {word}:PORT")),
            };
        };
        Endpoint::from_host_and_port(host, port, role)
    }

    /// Parses the two-word form `HOST PORT`, where the host may be an IPv6 address without brackets.
    pub fn parse_two(host: &str, port: &str, role: EndpointUse) -> Result<Endpoint, String> {
        if host.contains(':') && !host.starts_with('[') {
            return Endpoint::from_host_and_port(&format!("[{host}]"), port, role);
        }
        Endpoint::from_host_and_port(host, port, role)
    }

    fn parse_unix(path: &str) -> Result<Endpoint, String> {
        match path.strip_prefix('@') {
            Some("") | None if path.is_empty() || path == "@" => {
                Err("a Unix socket needs a name: type unix:/path or unix:@name".into())
            }
            _ if path.contains('\0') || path.len() > 107 => {
                Err("a Unix socket's name has at most 107 bytes and no NUL: choose a shorter path".into())
            }
            Some(name) => Ok(Endpoint::UnixAbstract(name.into())),
            None => Ok(Endpoint::UnixPath(path.into())),
        }
    }

    fn from_host_and_port(host: &str, port: &str, role: EndpointUse) -> Result<Endpoint, String> {
        if let Some(hint) = mistyped::key(host, role) {
            return Err(hint);
        }
        let number = if is_number(port) { port.parse::<u16>().ok() } else { services::port_of(port) };
        let Some(number) = number else { return Err(port_error(port)) };
        if number == 0 && role == EndpointUse::Connect {
            return Err("nothing listens on port 0: type a port from 1 to 65535".into());
        }
        let host = if let Some(v6) = host.strip_prefix('[') {
            let v6 = v6.strip_suffix(']').ok_or_else(|| format!("a ']' is missing in '{host}'"))?;
            let literal = v6.split('%').next().unwrap_or(v6);
            if literal.parse::<Ipv6Addr>().is_err() {
                return Err(format!("'{v6}' is not an IPv6 address: brackets hold one, as in [::1]:{port}"));
            }
            v6
        } else if host.contains(':') {
            let is_v6 = host.split('%').next().is_some_and(|literal| literal.parse::<Ipv6Addr>().is_ok());
            return Err(if is_v6 {
                format!("an IPv6 address needs brackets before the port: type [{host}]:{port}")
            } else {
                let word = format!("{host}:{port}");
                format!(
                    "'{}' has more than one colon, and is not an IPv6 address: type HOST:PORT",
                    word.escape_debug()
                )
            });
        } else {
            host
        };
        match (host, role) {
            ("" | "*", EndpointUse::Listen) => Ok(Endpoint::Tcp { host: Host::Any, port: number }),
            ("", EndpointUse::Connect) => {
                Err(format!("no host before :{port}: type localhost:{port} or HOST:{port}"))
            }
            _ if host.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@')) => {
                Err(format!("'{}' is not a host name", host.escape_debug()))
            }
            _ => Ok(Endpoint::Tcp { host: Host::Named(host.into()), port: number }),
        }
    }

    /// Parses a list of words, in which `HOST PORT` may stand for `HOST:PORT`.
    pub fn parse_list(words: &[String], role: EndpointUse) -> Result<Vec<Endpoint>, String> {
        let (mut endpoints, mut rest) = (Vec::new(), words);
        while let Some((first, more)) = rest.split_first() {
            let (endpoint, used) = Endpoint::parse_first(first, more.first().map(String::as_str), role)?;
            endpoints.push(endpoint);
            rest = &rest[used..];
        }
        Ok(endpoints)
    }

    /// Parses `first`, together with `second` where they are `HOST PORT`. Returns how many words were used.
    pub fn parse_first(
        first: &str,
        second: Option<&str>,
        role: EndpointUse,
    ) -> Result<(Endpoint, usize), String> {
        match (Endpoint::parse(first, role), second) {
            (Ok(endpoint), _) => Ok((endpoint, 1)),
            (Err(error), Some(port)) if !is_number(first) && !first.starts_with("unix:") => {
                let has_colon_between = first.ends_with(':') || port.starts_with(':');
                if has_colon_between && let Some(hint) = mistyped::explain_two(first, port, role) {
                    return Err(hint);
                }
                if !is_number(port) && services::port_of(port).is_none() {
                    return Err(error);
                }
                Endpoint::parse_two(first, port, role).map(|endpoint| (endpoint, 2))
            }
            (Err(error), _) => Err(error),
        }
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// True for a list of ports, such as `20-25` and `80,8080`.
fn is_port_list(port: &str) -> bool {
    let is_listed = port.contains(['-', ',']) && port.starts_with(|c: char| c.is_ascii_digit());
    is_listed && port.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b',')
}

fn port_error(port: &str) -> String {
    if port.is_empty() {
        return "a port is missing after the colon: type a number from 0 to 65535, or the name of a service"
            .into();
    }
    if is_port_list(port) {
        return format!(
            "'{port}' is several ports: type one for each endpoint; 'connect --probe HOST:{port}' tries them all"
        );
    }
    let shown = port.escape_debug();
    format!("'{shown}' is not a port: type a number from 0 to 65535, or the name of a service")
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host: Host::Loopback, port } => write!(f, "{port}"),
            Endpoint::Tcp { host: Host::Any, port } => write!(f, ":{port}"),
            Endpoint::Tcp { host: Host::Named(host), port } if host.contains(':') => {
                write!(f, "[{host}]:{port}")
            }
            Endpoint::Tcp { host: Host::Named(host), port } => write!(f, "{host}:{port}"),
            Endpoint::UnixPath(path) => write!(f, "unix:{}", path.display()),
            Endpoint::UnixAbstract(name) => write!(f, "unix:@{name}"),
            Endpoint::Inherited(Inherited::Stdio) => write!(f, "stdio"),
            Endpoint::Inherited(Inherited::Systemd(None)) => write!(f, "systemd"),
            Endpoint::Inherited(Inherited::Systemd(Some(name))) => write!(f, "systemd:{name}"),
            Endpoint::Inherited(Inherited::Descriptor(number)) => write!(f, "fd:{number}"),
            Endpoint::Special(special) => write!(f, "{special}"),
            Endpoint::SeqPacket(UnixName::Path(path)) => write!(f, "unix-seqpacket:{}", path.display()),
            Endpoint::SeqPacket(UnixName::Abstract(name)) => write!(f, "unix-seqpacket:@{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { host: Host::Named(host.into()), port }
    }

    #[test]
    fn every_form_is_parsed() {
        let listen = |word| Endpoint::parse(word, EndpointUse::Listen);
        assert_eq!(listen("8080"), Ok(Endpoint::Tcp { host: Host::Loopback, port: 8080 }));
        assert_eq!(listen(":8080"), Ok(Endpoint::Tcp { host: Host::Any, port: 8080 }));
        assert_eq!(listen("[::1]:0"), Ok(tcp("::1", 0)));
        assert_eq!(listen("[fe80::1%eth0]:9"), Ok(tcp("fe80::1%eth0", 9)));
        assert_eq!(listen("example.org:443"), Ok(tcp("example.org", 443)));
        assert_eq!(listen("unix:/run/a.sock"), Ok(Endpoint::UnixPath("/run/a.sock".into())));
        assert_eq!(listen("unix:@name"), Ok(Endpoint::UnixAbstract("name".into())));
        assert_eq!(listen("systemd:"), Ok(Endpoint::Inherited(Inherited::Systemd(None))));
        assert_eq!(listen("systemd:web"), Ok(Endpoint::Inherited(Inherited::Systemd(Some("web".into())))));
        assert_eq!(listen("localhost:http"), Ok(tcp("localhost", 80)));
        assert_eq!(listen(":domain"), Ok(Endpoint::Tcp { host: Host::Any, port: 53 }));
        assert_eq!(listen("fd:3"), Ok(Endpoint::Inherited(Inherited::Descriptor(3))));
        assert_eq!(Endpoint::parse("fd:3", EndpointUse::Connect), Ok(tcp("fd", 3)));
    }

    #[test]
    fn two_words_are_one_endpoint_and_two_ports_are_two() {
        let parse = |words: &[&str], role| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_string()).collect();
            Endpoint::parse_list(&words, role)
        };
        assert_eq!(parse(&["example.org", "80"], EndpointUse::Connect), Ok(vec![tcp("example.org", 80)]));
        assert_eq!(parse(&["::1", "80"], EndpointUse::Listen), Ok(vec![tcp("::1", 80)]));
        assert_eq!(parse(&["::1", "http"], EndpointUse::Connect), Ok(vec![tcp("::1", 80)]));
        assert_eq!(parse(&["80", "81"], EndpointUse::Listen).map(|list| list.len()), Ok(2));
        assert_eq!(parse(&["a:1", "b", "2"], EndpointUse::Listen).map(|list| list.len()), Ok(2));
    }
}
