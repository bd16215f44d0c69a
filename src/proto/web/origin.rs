//! Which requests come from pages of others: `Host`, `Origin` and `Sec-Fetch-Site`.
//!
//! A page on any site can send requests to this machine, and a name of its own that suddenly stands for an address of
//! this machine (DNS rebinding) lets it read the answers. Nothing but the names that this server goes by keeps it away.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::proto::http::{RequestHead, values};

/// A request that is refused before anything else is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignRequest {
    /// It names another server: RFC 9110, 15.5.20.
    Misdirected,
    /// A page of another site wants to change something.
    CrossSite,
}

impl ForeignRequest {
    /// Returns the status of the answer.
    pub fn status(self) -> u16 {
        match self {
            ForeignRequest::Misdirected => 421,
            ForeignRequest::CrossSite => 403,
        }
    }

    /// Returns the text of the answer, which repeats nothing of the request.
    pub fn text(self) -> &'static str {
        match self {
            ForeignRequest::Misdirected => {
                "This server does not go by the name in that URL. Use its address, or start it with --host NAME.\n"
            }
            ForeignRequest::CrossSite => "A page of another site may not change anything here.\n",
        }
    }
}

/// The way a request has come.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The address and port at which the client's connection has arrived; `None` for a Unix socket.
    pub at: Option<SocketAddr>,
    /// True if the connection has TLS.
    pub has_tls: bool,
    /// True if the path had the secret, which no page of others knows.
    pub has_secret: bool,
}

/// A host with a port, if one is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostName {
    host: String,
    port: Option<u16>,
}

impl HostName {
    /// Parses `NAME`, `NAME:PORT` or an address, as `--host` and `Host` have it. Case and a dot at the end do not matter.
    /// `None`: it is not a host.
    pub fn parse(text: &str) -> Option<HostName> {
        // An address of IPv6 is typed without brackets, too.
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Some(HostName { host: address.to_canonical().to_string(), port: None });
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (literal, port) = rest.split_once(']')?;
                (literal.parse::<Ipv6Addr>().ok()?.to_canonical().to_string(), port)
            }
            None => {
                let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
                (host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(), port)
            }
        };
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port.strip_prefix(':') {
            // RFC 3986, 3.2.3: an empty port is none.
            Some("") => None,
            None if port.is_empty() => None,
            digits => Some(digits.filter(|digits| is_digits(digits))?.parse().ok()?),
        };
        let is_host =
            !host.is_empty() && !host.bytes().any(|byte| b"/@?#%\\".contains(&byte) || byte <= b' ');
        is_host.then_some(HostName { host, port })
    }

    /// Returns the port, or the default one of the scheme.
    fn port(&self, has_tls: bool) -> u16 {
        self.port.unwrap_or(if has_tls { 443 } else { 80 })
    }
}

/// The names that a server goes by.
#[derive(Clone, Debug)]
pub struct Hosts {
    own: Vec<String>,
    given: Vec<HostName>,
}

impl Hosts {
    /// Creates the names of a server: `localhost`, those of the machine, and those of `--host`.
    ///
    /// A machine `box.example` goes by `box.example`, `box` and, as mDNS has it (RFC 6762), `box.local`.
    pub fn new(machine: &str, given: Vec<HostName>) -> Hosts {
        let mut own = vec!["localhost".to_owned()];
        if let Some(HostName { host, port: None }) = HostName::parse(machine)
            && host.parse::<IpAddr>().is_err()
        {
            let first = host.split('.').next().unwrap_or(&host).to_owned();
            own.push(format!("{first}.local"));
            own.push(first);
            own.push(host);
        }
        Hosts { own, given }
    }

    /// Checks a request before its target is looked at.
    ///
    /// `Host` must name an address of its connection or a name of this server, with the connection's port, which may be
    /// missing where it is the default one. A name of `--host` may stand without a port in any case, because a server
    /// in front of this one may have the default port. A request of HTTP/1.0 without `Host` is no browser's.
    ///
    /// A method that may change something needs `Sec-Fetch-Site`, if it is there, to be `same-origin` or `none`, and
    /// `Origin`, if it is there, to be this server's. `null`, which browsers send for a form of a page with
    /// `Referrer-Policy: no-referrer`, is this server's if the browser says `same-origin` or the path had the secret.
    ///
    /// # Errors
    /// The request is refused.
    pub fn check(&self, request: &RequestHead<'_, '_>, arrival: Arrival) -> Result<(), ForeignRequest> {
        let host = authority(request).map(|authority| HostName::parse(authority).unwrap_or_default());
        if host.as_ref().is_some_and(|host| !self.is_own_host(host, arrival)) {
            return Err(ForeignRequest::Misdirected);
        }
        if matches!(request.method_text, "GET" | "HEAD" | "OPTIONS") {
            return Ok(());
        }
        let mut is_same_origin = false;
        for site in values(request.fields, "sec-fetch-site") {
            match site {
                b"same-origin" => is_same_origin = true,
                b"none" => {}
                _ => return Err(ForeignRequest::CrossSite),
            }
        }
        let is_ours = |origin: &[u8]| match origin {
            b"null" => is_same_origin || arrival.has_secret,
            _ => self.is_own_origin(origin, host.as_ref(), arrival),
        };
        if values(request.fields, "origin").all(is_ours) { Ok(()) } else { Err(ForeignRequest::CrossSite) }
    }

    fn is_own_host(&self, host: &HostName, arrival: Arrival) -> bool {
        let is_own = self.own.contains(&host.host) || is_address_of(arrival.at, &host.host);
        let is_at_own_port = arrival.at.is_none_or(|at| host.port(arrival.has_tls) == at.port());
        (is_own && is_at_own_port) || self.is_given(host, arrival)
    }

    fn is_given(&self, host: &HostName, arrival: Arrival) -> bool {
        let is_at_own_port = || arrival.at.is_some_and(|at| host.port == Some(at.port()));
        let names = |given: &HostName| host.port.is_none() || host.port == given.port || is_at_own_port();
        self.given.iter().any(|given| given.host == host.host && names(given))
    }

    /// Returns whether an origin (RFC 6454, 7) is that of the request's `Host`, or one of `--host`. A server in front of
    /// this one may have TLS where the connection has none.
    fn is_own_origin(&self, origin: &[u8], host: Option<&HostName>, arrival: Arrival) -> bool {
        let origin = std::str::from_utf8(origin).ok().and_then(|text| text.split_once("://"));
        let (has_tls, named) = match origin {
            Some(("http", named)) => (false, HostName::parse(named)),
            Some(("https", named)) => (true, HostName::parse(named)),
            _ => return false,
        };
        let Some(named) = named.filter(|_| has_tls || !arrival.has_tls) else { return false };
        let is_same = |host: &HostName| {
            has_tls == arrival.has_tls && host.host == named.host && host.port(has_tls) == named.port(has_tls)
        };
        host.is_some_and(is_same) || self.is_given(&named, arrival)
    }
}

/// Returns whether a request names this machine as only its own programs do: `localhost`, or an address of loopback. A proxy on
/// this machine may pass on the name that its clients know.
pub fn names_loopback(request: &RequestHead<'_, '_>) -> bool {
    let Some(host) = authority(request) else { return false };
    let host = HostName::parse(host).unwrap_or_default().host;
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Returns the server that a request names: that of a whole URI as its target, else that of `Host` (RFC 9112, 3.2.2).
/// Of several `Host` fields none has passed the parser. An empty one names no server.
fn authority<'b>(request: &RequestHead<'_, 'b>) -> Option<&'b str> {
    if let Some((scheme, rest)) = request.target.split_once("://")
        && ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return rest.split(['/', '?', '#']).next();
    }
    let host = values(request.fields, "host").next()?;
    // What is not UTF-8 has not passed the parser either.
    Some(std::str::from_utf8(host).unwrap_or_default())
}

fn is_address_of(at: Option<SocketAddr>, host: &str) -> bool {
    let named = host.parse::<IpAddr>().map(|address| address.to_canonical());
    at.is_some_and(|at| named == Ok(at.ip().to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::{Exchange, ParseEvent, no_fields};

    const PLAIN: Arrival = Arrival { at: None, has_tls: false, has_secret: false };

    fn at(address: &str) -> Arrival {
        Arrival { at: Some(address.parse().unwrap()), ..PLAIN }
    }

    fn hosts(given: &[&str]) -> Hosts {
        Hosts::new("Box.example", given.iter().map(|text| HostName::parse(text).unwrap()).collect())
    }

    /// What becomes of a request with these lines of a head.
    fn check(hosts: &Hosts, line: &str, fields: &str, arrival: Arrival) -> Result<(), ForeignRequest> {
        let text = format!("{line}\r\n{fields}\r\n");
        let mut buffer = no_fields();
        match Exchange::new(0).next_event(text.as_bytes(), &mut buffer).1 {
            ParseEvent::Head(head) => hosts.check(&head, arrival),
            other => panic!("{text}: {other:?}"),
        }
    }

    fn get(hosts: &Hosts, host: &str, arrival: Arrival) -> bool {
        let is_own = check(hosts, "GET / HTTP/1.1", &format!("Host: {host}\r\n"), arrival);
        // A whole URI goes before the field, and decides alike.
        if !host.is_empty() {
            let fields = "Host: other.example\r\n";
            assert_eq!(
                check(hosts, &format!("GET http://{host}/a HTTP/1.1"), fields, arrival),
                is_own,
                "{host}"
            );
        }
        assert!(is_own != Err(ForeignRequest::CrossSite));
        is_own.is_ok()
    }

    #[test]
    fn a_host_is_an_address_of_the_connection_or_a_name_of_the_server() {
        let hosts = hosts(&["files.example", "192.0.2.200:8081", "2001:db8::9"]);
        let here = at("192.0.2.7:8080");
        for own in [
            "192.0.2.7:8080",
            "localhost:8080",
            "LOCALHOST.:8080",
            "box:8080",
            "box.example:8080",
            "box.local:8080",
            "[::ffff:192.0.2.7]:8080",
            "files.example:8080",
            "files.example",
            "Files.Example.",
            "files.example:",
            "192.0.2.200:8081",
            "192.0.2.200",
            "192.0.2.200:8080",
            "[2001:db8::9]",
        ] {
            assert!(get(&hosts, own, here), "{own}");
        }
        for other in [
            "192.0.2.7",
            "192.0.2.7:80",
            "192.0.2.8:8080",
            "127.0.0.1:8080",
            "localhost",
            "box",
            "box:8081",
            "evil.example:8080",
            "localhost.evil.example:8080",
            "files.example:8082",
            "x.files.example",
            "192.0.2.200:8082",
            "[2001:db8::9]:81",
            "[2001:db8::8]",
            "192.0.2.7:99999",
            "3221225991:8080",
            "%6cocalhost:8080",
        ] {
            assert!(!get(&hosts, other, here), "{other}");
        }
        assert!(!get(&hosts, "", here), "an empty host is nobody's");
        assert_eq!(check(&hosts, "GET / HTTP/1.0", "", here), Ok(()));
    }

    #[test]
    fn a_default_port_may_be_missing() {
        let (hosts, tls) = (hosts(&[]), |arrival| Arrival { has_tls: true, ..arrival });
        assert!(get(&hosts, "[::1]", at("[::1]:80")) && get(&hosts, "[::1]:80", at("[::1]:80")));
        assert!(get(&hosts, "localhost", tls(at("[::1]:443"))) && !get(&hosts, "localhost", at("[::1]:443")));
        assert!(!get(&hosts, "localhost", tls(at("[::1]:80"))));
        assert!(get(&hosts, "127.0.0.1", at("[::ffff:127.0.0.1]:80")));
        // A Unix socket has no address, and any port.
        assert!(get(&hosts, "localhost", PLAIN) && get(&hosts, "box:81", PLAIN));
        assert!(!get(&hosts, "127.0.0.1", PLAIN) && !get(&hosts, "evil.example", PLAIN));
    }

    #[test]
    fn the_machine_goes_by_its_name_unless_it_is_an_address() {
        let own = |machine: &str| Hosts::new(machine, Vec::new()).own.join(" ");
        assert_eq!(own("box"), "localhost box.local box box");
        for none in ["", "(none)/", "192.0.2.1", "a:1", "2001:db8::1"] {
            assert_eq!(own(none), "localhost", "{none}");
        }
    }

    #[test]
    fn what_changes_something_comes_from_an_own_page_or_from_none() {
        let hosts = hosts(&["files.example"]);
        let put = |fields: &str, arrival: Arrival| {
            let fields = format!("Host: localhost:8080\r\n{fields}");
            for method in ["POST", "PATCH", "DELETE", "MKCOL"] {
                let result = check(&hosts, &format!("{method} / HTTP/1.1"), &fields, arrival);
                assert_eq!(result, check(&hosts, "PUT / HTTP/1.1", &fields, arrival), "{method} {fields}");
            }
            for method in ["GET", "HEAD", "OPTIONS"] {
                assert_eq!(check(&hosts, &format!("{method} / HTTP/1.1"), &fields, arrival), Ok(()));
            }
            check(&hosts, "PUT / HTTP/1.1", &fields, arrival)
        };
        let here = at("127.0.0.1:8080");
        for own in [
            "",
            "Sec-Fetch-Site: none\r\n",
            "Sec-Fetch-Site: same-origin\r\n",
            "Origin: http://localhost:8080\r\nSec-Fetch-Site: same-origin\r\n",
            "Origin: https://files.example\r\n",
            "Origin: http://files.example:8080\r\n",
            "Origin: null\r\nSec-Fetch-Site: same-origin\r\n",
        ] {
            assert_eq!(put(own, here), Ok(()), "{own}");
        }
        for other in [
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: same-site\r\n",
            "Sec-Fetch-Site: \r\n",
            "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n",
            "Origin: null\r\n",
            "Origin: \r\n",
            "Origin: null\r\nSec-Fetch-Site: none\r\n",
            "Origin: http://localhost\r\n",
            "Origin: https://localhost:8080\r\n",
            "Origin: http://localhost:8080 http://evil.example\r\n",
            "Origin: http://localhost:8080/\r\n",
            "Origin: http://localhost:8080@evil.example\r\n",
            "Origin: http://127.0.0.1:8080\r\n",
            "Origin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\n",
            "Origin: http://localhost:8080\r\nOrigin: http://evil.example\r\n",
            "Origin: ftp://localhost:8080\r\n",
            "Origin: https://files.example:8443\r\n",
            "Origin: \u{f6}\r\n",
        ] {
            assert_eq!(put(other, here), Err(ForeignRequest::CrossSite), "{other}");
        }
        let knowing = Arrival { has_secret: true, ..here };
        assert_eq!(put("Origin: null\r\n", knowing), Ok(()));
        assert!(put("Origin: http://evil.example\r\n", knowing).is_err());
        assert!(put("Origin: null\r\nSec-Fetch-Site: cross-site\r\n", knowing).is_err());
        let with_tls = Arrival { has_tls: true, ..here };
        assert_eq!(put("Origin: https://localhost:8080\r\n", with_tls), Ok(()));
        for plain in ["http://localhost:8080", "http://files.example:8080"] {
            assert!(put(&format!("Origin: {plain}\r\n"), with_tls).is_err(), "{plain}");
        }
        let unnamed = check(&hosts, "PUT / HTTP/1.0", "Origin: http://localhost:8080\r\n", here);
        assert_eq!(unnamed, Err(ForeignRequest::CrossSite));
    }
}
