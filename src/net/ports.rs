//! Several ports of one host, as they are typed: `host:20-25,80`.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use super::endpoint::{Endpoint, EndpointUse, mistyped};
use super::services;

/// An endpoint with the first of its ports, and all of them, in order and each once; of a Unix socket none.
pub type WithPorts = (Endpoint, Vec<u16>);

/// Parses several of `HOST:PORTS`, two words `HOST PORTS`, or a Unix socket, which has none. PORTS are numbers, names of
/// services and ranges with commas between them. The error says what to type instead.
pub fn parse_all(words: &[String]) -> Result<Vec<WithPorts>, String> {
    let (mut all, mut rest) = (Vec::new(), words);
    while let Some((first, more)) = rest.split_first() {
        let ports = more.first().filter(|second| are_two(first, second));
        all.push(parse(first, ports.map(String::as_str))?);
        rest = &more[usize::from(ports.is_some())..];
    }
    Ok(all)
}

/// True if `second` can only be meant for the ports of `first`.
fn are_two(first: &str, second: &str) -> bool {
    let is_bare =
        !first.contains(':') || first.split('%').next().is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
    let is_bracketed = first.starts_with('[') && first.ends_with(']');
    let is_number = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    let rest = second.strip_prefix(':').unwrap_or(second);
    if is_unix(first) {
        return is_number(second);
    }
    // A word with a point or a colon has a host in it.
    (is_bare || is_bracketed || first.ends_with(':')) && !is_number(first) && !rest.contains([':', '/', '.'])
}

fn parse(first: &str, second: Option<&str>) -> Result<WithPorts, String> {
    let (host, list) = match second {
        Some(_) if is_unix(first) => return Err(format!("{first} has no port: leave that out")),
        Some(list) if first.ends_with(':') || list.starts_with(':') => {
            let (host, list) = (first.trim_end_matches(':'), list.trim_start_matches(':'));
            return Err(format!("there is a space next to the colon: type {host}:{list}"));
        }
        Some(list) => (first, list),
        None if !is_unix(first) && first.contains(':') => first.rsplit_once(':').unwrap_or_default(),
        None => return Endpoint::parse(first, EndpointUse::Connect).map(|endpoint| (endpoint, Vec::new())),
    };
    let explained = |hint| {
        second.is_none().then(|| mistyped::explain(first, EndpointUse::Connect)).flatten().unwrap_or(hint)
    };
    let ports = parse_list(list).map_err(explained)?;
    let port = ports.first().map_or_else(String::new, u16::to_string);
    let endpoint = match second {
        Some(_) => Endpoint::parse_two(host, &port, EndpointUse::Connect),
        None => Endpoint::parse(&format!("{host}:{port}"), EndpointUse::Connect),
    };
    Ok((endpoint?, ports))
}

fn is_unix(word: &str) -> bool {
    // A line of vsock has its port in its name, and only one.
    ["unix:", "unix-seqpacket:", "vsock:"].iter().any(|form| word.starts_with(form))
}

fn parse_list(list: &str) -> Result<Vec<u16>, String> {
    let mut ports = BTreeSet::new();
    for item in list.split(',') {
        if let Some(port) = services::port_of(item) {
            ports.insert(port);
            continue;
        }
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last) = (parse_port(first)?, parse_port(last)?);
        if first > last {
            return Err(format!("'{item}' has no port in it: type {last}-{first}"));
        }
        ports.extend(first..=last);
    }
    Ok(ports.into_iter().collect())
}

fn parse_port(text: &str) -> Result<u16, String> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_number && *number > 0);
    number.ok_or_else(|| {
        let text = text.escape_debug();
        format!("'{text}' is not a port: type numbers from 1 to 65535 and ranges, as in 20-25,80,8000-8100")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<(String, Vec<u16>)>, String> {
        let words: Vec<String> = text.split(' ').map(String::from).collect();
        let all = parse_all(&words)?;
        Ok(all.into_iter().map(|(endpoint, ports)| (endpoint.to_string(), ports)).collect())
    }

    fn parsed(text: &str) -> Result<(String, Vec<u16>), String> {
        all(text).map(|mut all| {
            assert_eq!(all.len(), 1, "{text}");
            all.remove(0)
        })
    }

    #[test]
    fn several_endpoints_in_either_form() {
        let one = |endpoint: &str, ports: &[u16]| (endpoint.to_owned(), ports.to_vec());
        assert_eq!(all("db:5432 cache:6379"), Ok(vec![one("db:5432", &[5432]), one("cache:6379", &[6379])]));
        let mixed = "db 5432,5433 unix:/run/x ::1 http [::1]:7 b:1-2";
        let due = [
            one("db:5432", &[5432, 5433]),
            one("unix:/run/x", &[]),
            one("[::1]:80", &[80]),
            one("[::1]:7", &[7]),
            one("b:1", &[1, 2]),
        ];
        assert_eq!(all(mixed), Ok(due.to_vec()));
        for (text, hint) in [
            ("db:1 80", "localhost:80"),
            ("db 1 2", "localhost:2"),
            ("a:1 db", "db:PORT"),
            ("db 10.0.0.1 80", "db:PORT"),
            ("localhost: 9300", "type localhost:9300"),
            ("localhost :9300", "type localhost:9300"),
        ] {
            let error = all(text).expect_err(text);
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn ports_come_in_order_and_once() {
        for (text, endpoint, ports) in [
            ("host:80", "host:80", vec![80]),
            ("host:80,20-22,21", "host:20", vec![20, 21, 22, 80]),
            ("host 7-7", "host:7", vec![7]),
            ("[::1]:1,65535", "[::1]:1", vec![1, 65535]),
            ("host:http,22", "host:22", vec![22, 80]),
            ("host https", "host:443", vec![443]),
            ("::1 5", "[::1]:5", vec![5]),
            ("unix:/run/x:1", "unix:/run/x:1", vec![]),
            ("unix-seqpacket:@x", "unix-seqpacket:@x", vec![]),
        ] {
            assert_eq!(parsed(text), Ok((endpoint.into(), ports)), "{text}");
        }
        assert_eq!(parsed("h:1-65535").map(|(_, ports)| ports.len()), Ok(65535));
    }

    #[test]
    fn errors_name_what_to_type() {
        for (text, hint) in [
            ("host:25-20", "type 20-25"),
            ("host:0", "1 to 65535"),
            ("host:0-5", "1 to 65535"),
            ("host:1-65536", "1 to 65535"),
            ("host:", "20-25,80"),
            ("host:80,", "20-25,80"),
            ("host:-5", "20-25,80"),
            ("host:5-", "20-25,80"),
            ("host:1-2-3", "20-25,80"),
            ("host:+5", "20-25,80"),
            ("host no-such-service", "20-25,80"),
            ("host", "host:PORT"),
            ("80", "localhost:80"),
            ("a:b:80", "more than one colon"),
            ("udp:127.0.0.1:53", "type 127.0.0.1:53"),
            ("user@host:/tmp", "type host:PORT"),
            ("unix:/x 80", "no port"),
            ("unix:", "unix:/path"),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.contains(hint), "{text}: {error}");
        }
    }
}
