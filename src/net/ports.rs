//! Several ports of one host, as they are typed: `host:20-25,80`.

use std::collections::BTreeSet;

use super::endpoint::{Endpoint, Role};

/// Parses `HOST:PORTS`, two words `HOST PORTS`, or a Unix socket, which has none. PORTS are numbers and ranges with
/// commas between them.
///
/// Returns the endpoint with the first port, and all of them, in order and each once. The error says what to type instead.
pub fn parse(words: &[String]) -> Result<(Endpoint, Vec<u16>), String> {
    let (host, list) = match words {
        [host, _] if is_unix(host) => return Err(format!("{host} has no port: leave that out")),
        [host, list] => (host.as_str(), list.as_str()),
        [word] if !is_unix(word) && word.contains(':') => word.rsplit_once(':').unwrap_or_default(),
        _ => {
            let word = words.first().map_or("", String::as_str);
            return Endpoint::parse(word, Role::Connect).map(|endpoint| (endpoint, Vec::new()));
        }
    };
    let ports = parse_list(list)?;
    let first = ports.first().map_or_else(String::new, u16::to_string);
    let endpoint = match words {
        [_, _] => Endpoint::parse_two(host, &first, Role::Connect),
        _ => Endpoint::parse(&format!("{host}:{first}"), Role::Connect),
    };
    Ok((endpoint?, ports))
}

fn is_unix(word: &str) -> bool {
    word.starts_with("unix:") || word.starts_with("unix-seqpacket:")
}

fn parse_list(list: &str) -> Result<Vec<u16>, String> {
    let mut ports = BTreeSet::new();
    for item in list.split(',') {
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

    fn parsed(text: &str) -> Result<(String, Vec<u16>), String> {
        let words: Vec<String> = text.split(' ').map(String::from).collect();
        parse(&words).map(|(endpoint, ports)| (endpoint.to_string(), ports))
    }

    #[test]
    fn ports_come_in_order_and_once() {
        for (text, endpoint, ports) in [
            ("host:80", "host:80", vec![80]),
            ("host:80,20-22,21", "host:20", vec![20, 21, 22, 80]),
            ("host 7-7", "host:7", vec![7]),
            ("[::1]:1,65535", "[::1]:1", vec![1, 65535]),
            ("::1 5", "[::1]:5", vec![5]),
            ("unix:/run/x:1", "unix:/run/x:1", vec![]),
            ("unix-seqpacket:@x", "unix-seqpacket:@x", vec![]),
        ] {
            assert_eq!(parsed(text), Ok((endpoint.into(), ports)), "{text}");
        }
        assert_eq!(parsed("h:1-65535").map(|(_, ports)| ports.len()), Ok(65535));
    }

    #[test]
    fn errors_say_what_to_type() {
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
            ("host http", "20-25,80"),
            ("host", "host:PORT"),
            ("80", "localhost:80"),
            ("a:b:80", "type [a:b]:80"),
            ("unix:/x 80", "no port"),
            ("unix:", "unix:/path"),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.contains(hint), "{text}: {error}");
        }
    }
}
