//! Endpoints of datagrams among those of streams: `udp:HOST:PORT` and `unix-dgram:/path`.

use crate::net::endpoint::{Endpoint, EndpointUse};

const UDP: &str = "udp:";
const UNIX: &str = "unix-dgram:";

/// True for a word that names an endpoint of datagrams.
pub(crate) fn is_datagram(word: &str) -> bool {
    word.starts_with(UDP) || word.starts_with(UNIX)
}

/// Parses such a word; `None` for any other. The error says what to type instead.
pub(crate) fn parse(word: &str, role: EndpointUse) -> Option<Result<Endpoint, String>> {
    if let Some(path) = word.strip_prefix(UNIX) {
        return Some(Endpoint::parse(&format!("unix:{path}"), role));
    }
    let rest = word.strip_prefix(UDP)?;
    Some(match Endpoint::parse(rest, role) {
        Ok(endpoint @ Endpoint::Tcp { .. }) => Ok(endpoint),
        Ok(_) => Err(format!("udp: has a host and a port: type {UNIX}/path for a Unix socket of datagrams")),
        Err(hint) => Err(hint.replace("type ", "type udp:")),
    })
}

/// Parses the endpoints that a relay of datagrams listens on. Sockets that are passed on may be of any kind.
pub(crate) fn parse_listeners(words: &[String]) -> Result<Vec<Endpoint>, String> {
    let listener = |word: &String| {
        let is_passed = word.starts_with("systemd:") || word.starts_with("fd:");
        let other = || match is_passed {
            true => Endpoint::parse(word, EndpointUse::Listen),
            false => {
                Err(format!("--forward udp: relays datagrams, and {word} is for streams: type udp:{word}"))
            }
        };
        parse(word, EndpointUse::Listen).unwrap_or_else(other)
    };
    if words.is_empty() {
        return Err(
            "type where to listen: udp:PORT for this machine only, or udp::PORT for every interface".into()
        );
    }
    words.iter().map(listener).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parsed_or_explained() {
        use EndpointUse::{Connect, Listen};
        let parsed = |word, role| parse(word, role).map(|result| result.map(|endpoint| endpoint.to_string()));
        for (word, role, due) in [
            ("udp:53", Listen, Ok("53")),
            ("udp::53", Listen, Ok(":53")),
            ("udp:[::1]:53", Listen, Ok("[::1]:53")),
            ("udp:dns.example:domain", Connect, Ok("dns.example:53")),
            ("unix-dgram:/dev/log", Connect, Ok("unix:/dev/log")),
            ("unix-dgram:@log", Connect, Ok("unix:@log")),
            ("udp:53", Connect, Err("type udp:localhost:53")),
            ("udp:host", Connect, Err("type udp:host:PORT")),
            ("udp:unix:/x", Connect, Err("type unix-dgram:/path")),
            ("unix-dgram:", Connect, Err("unix:/path")),
        ] {
            match (parsed(word, role).expect(word), due) {
                (Ok(endpoint), due) => assert_eq!(Ok(endpoint.as_str()), due, "{word}"),
                (Err(hint), due) => assert!(due.is_err_and(|due| hint.contains(due)), "{word}: {hint}"),
            }
        }
        assert!(parse("host:53", Connect).is_none() && parse("unix:/x", Listen).is_none());
        let listeners = |word: &str| parse_listeners(&[word.to_owned()]);
        assert!(listeners("systemd:dns").is_ok() && listeners("fd:3").is_ok());
        assert!(listeners("5353").is_err_and(|hint| hint.contains("type udp:5353")));
    }
}
