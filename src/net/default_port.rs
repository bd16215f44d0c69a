//! Endpoints of transfers, where the port may be left out.

use std::net::Ipv6Addr;

use super::endpoint::{Endpoint, EndpointUse, Host};
use crate::proto::secure::pin;

/// The port of transfers where none is typed. IANA has assigned it to nobody.
pub const TRANSFER_PORT: u16 = 7255;

impl Endpoint {
    /// Where transfers are listened for if nothing is typed: this machine only.
    pub fn transfers_here() -> Endpoint {
        Endpoint::Tcp { host: Host::Loopback, port: TRANSFER_PORT }
    }

    /// True if the word is an endpoint that needs no default: a socket's name, or a host with its port. A server's key behind
    /// it is as good as a port.
    pub fn is_whole(word: &str, role: EndpointUse) -> bool {
        match pin::split(word) {
            Ok((host, Some(_))) if role == EndpointUse::Connect => {
                Endpoint::parse_first_of_transfer(host, None, role).is_ok()
            }
            _ => Endpoint::parse(word, role).is_ok(),
        }
    }

    /// [`Endpoint::parse_first`] for transfers: a host without a port has [`TRANSFER_PORT`]. In the form `HOST PORT` the port
    /// is a number, because the name of a service may as well be a host or a file.
    pub fn parse_first_of_transfer(
        first: &str,
        second: Option<&str>,
        role: EndpointUse,
    ) -> Result<(Endpoint, usize), String> {
        let is_port = |word: &&str| {
            let is_number = word.bytes().all(|b| b.is_ascii_digit()) && word.parse::<u16>().is_ok();
            is_number || word.starts_with(':')
        };
        let second = second.filter(is_port);
        Endpoint::parse_first(first, second, role).or_else(|hint| {
            if second.is_some() {
                return Err(hint);
            }
            if is_host(first) {
                return Endpoint::parse_two(first, &TRANSFER_PORT.to_string(), role)
                    .map(|endpoint| (endpoint, 1));
            }
            Err(bare_colon(first, role).unwrap_or(hint))
        })
    }

    /// [`Endpoint::parse_list`] for transfers.
    pub fn parse_list_of_transfers(words: &[String], role: EndpointUse) -> Result<Vec<Endpoint>, String> {
        let (mut endpoints, mut rest) = (Vec::new(), words);
        while let Some((first, more)) = rest.split_first() {
            let second = more.first().map(String::as_str);
            let (endpoint, used) = Endpoint::parse_first_of_transfer(first, second, role)?;
            endpoints.push(endpoint);
            rest = &rest[used..];
        }
        Ok(endpoints)
    }
}

/// True for a name or an address that can be nothing else.
fn is_host(word: &str) -> bool {
    if let Some(v6) = word.strip_prefix('[') {
        return v6.strip_suffix(']').is_some_and(is_v6);
    }
    if is_v6(word) {
        // The last part may be meant for a port.
        return !word
            .rsplit_once(':')
            .is_some_and(|(host, port)| is_v6(host) && port.parse().is_ok_and(|port: u16| port > 0));
    }
    let is_number = word.bytes().all(|b| b.is_ascii_digit());
    let is_in_names = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    !is_number && !word.starts_with(['.', '-']) && word.chars().all(is_in_names)
}

fn is_v6(word: &str) -> bool {
    word.split('%').next().unwrap_or(word).parse::<Ipv6Addr>().is_ok()
}

/// `host:`, as scp has it.
fn bare_colon(word: &str, role: EndpointUse) -> Option<String> {
    let host = word.strip_suffix(':')?;
    match role {
        EndpointUse::Listen if host.is_empty() => {
            Some(format!("no port after the colon: type :{TRANSFER_PORT}"))
        }
        _ => is_host(host).then(|| {
            format!("no port after the colon: type {host} for port {TRANSFER_PORT}, or {host}:PORT")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str], role: EndpointUse) -> Result<(String, usize), String> {
        let second = words.get(1).copied();
        Endpoint::parse_first_of_transfer(words[0], second, role)
            .map(|(endpoint, used)| (endpoint.to_string(), used))
    }

    #[test]
    fn a_host_needs_no_port() {
        for (words, endpoint, used) in [
            (&["localhost"][..], "localhost:7255", 1),
            (&["nas.example"], "nas.example:7255", 1),
            (&["münchen"], "münchen:7255", 1),
            (&["192.0.2.1"], "192.0.2.1:7255", 1),
            (&["::1"], "[::1]:7255", 1),
            (&["[::1]"], "[::1]:7255", 1),
            (&["fe80::1%eth0"], "[fe80::1%eth0]:7255", 1),
            (&["localhost", "name"], "localhost:7255", 1),
            // Services, and a number that is no port.
            (&["localhost", "mail"], "localhost:7255", 1),
            (&["localhost", "20261129"], "localhost:7255", 1),
            (&["localhost", "9000"], "localhost:9000", 2),
            (&["::1", "9000"], "[::1]:9000", 2),
            (&["localhost:9000"], "localhost:9000", 1),
            (&["localhost:http", "name"], "localhost:80", 1),
            (&["localhost:9000", "9001"], "localhost:9000", 1),
            (&["unix:/run/x"], "unix:/run/x", 1),
        ] {
            assert_eq!(parsed(words, EndpointUse::Connect), Ok((endpoint.into(), used)), "{words:?}");
        }
        for (words, endpoint, used) in [
            (&["0.0.0.0"][..], "0.0.0.0:7255", 1),
            (&["::"], "[::]:7255", 1),
            (&["9000", "9001"], "9000", 1),
            (&[":9000"], ":9000", 1),
            (&["fd:3"], "fd:3", 1),
        ] {
            assert_eq!(parsed(words, EndpointUse::Listen), Ok((endpoint.into(), used)), "{words:?}");
        }
        assert_eq!(Endpoint::transfers_here().to_string(), "7255");
    }

    #[test]
    fn ambiguous_arguments_are_reported() {
        use EndpointUse::{Connect, Listen};
        for (words, role, hint) in [
            (&["9000"][..], Connect, "type localhost:9000"),
            (&["localhost", ":9000"], Connect, "type localhost:9000"),
            (&["localhost:", "9000"], Connect, "type localhost:9000"),
            (&["localhost:", "name"], Connect, "type localhost for port 7255, or localhost:PORT"),
            (&[":"], Listen, "type :7255"),
            (&["user@host:/tmp"], Connect, "type host:PORT"),
            (&["2001:db8::1:80"], Connect, "type [2001:db8::1]:80"),
            (&["./socket"], Connect, "unix:./socket"),
            (&["http://host/x"], Connect, "as in host"),
            (&["localhost:x"], Connect, "0 to 65535"),
            (&["three words here"], Connect, "PORT"),
            (&[""], Connect, "PORT"),
        ] {
            let error = parsed(words, role).expect_err("an error");
            assert!(error.contains(hint), "{words:?}: {error}");
        }
    }
}
