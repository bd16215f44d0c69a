//! Endpoints that bring the server's key: `HOST#sha256:...` means what `--pin` means.

use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::proto::secure::pin::{self, Pin};

/// A server, and the key that it must have.
#[derive(Clone, Debug)]
pub(crate) struct PinnedEndpoint {
    pub(crate) endpoint: Endpoint,
    pub(crate) pin: Option<Pin>,
}

impl PinnedEndpoint {
    /// Parses the server of a transfer: one word, or `HOST PORT`, where the key stands after either. Returns how many words
    /// were used.
    pub(crate) fn parse_first_of_transfer(
        first: &str,
        second: Option<&str>,
    ) -> Result<(PinnedEndpoint, usize), String> {
        let (host, pin) = split(first)?;
        let (port, pin_of_port) = match second {
            Some(word) if may_be_port(word) => split(word).map(|(port, pin)| (Some(port), pin))?,
            _ => (second, None),
        };
        let (endpoint, used) = Endpoint::parse_first_of_transfer(host, port, EndpointUse::Connect)?;
        if matches!(&endpoint, Endpoint::Special(special) if special.is_terminal()) {
            return Err(format!(
                "{endpoint} is no server of files: 'sendall connect {endpoint}' sends a stream there"
            ));
        }
        let pin = same(pin, pin_of_port.filter(|_| used == 2))?;
        PinnedEndpoint { endpoint, pin }.checked().map(|server| (server, used))
    }

    /// Parses the words of the only server of a raw stream.
    pub(crate) fn parse_only(words: &[String]) -> Result<PinnedEndpoint, String> {
        let (mut bare, mut pin) = (Vec::new(), None);
        for word in words {
            let (word, its_pin) = split(word)?;
            bare.push(word.to_owned());
            pin = same(pin, its_pin)?;
        }
        match &Endpoint::parse_list(&bare, EndpointUse::Connect)?[..] {
            [endpoint] => PinnedEndpoint { endpoint: endpoint.clone(), pin }.checked(),
            _ => Err("connect takes one endpoint: type HOST:PORT".into()),
        }
    }

    /// Fails if there is no encryption for such an endpoint.
    fn checked(self) -> Result<PinnedEndpoint, String> {
        match (&self.endpoint, self.pin) {
            (Endpoint::Tcp { .. }, _) | (_, None) => Ok(self),
            (endpoint @ Endpoint::Special(_), Some(_)) => {
                Err(format!("{endpoint} has no key: leave #sha256:... out"))
            }
            (endpoint, Some(_)) => {
                Err(format!("a Unix socket has no key: leave #sha256:... out, and type {endpoint}"))
            }
        }
    }

    /// The keys of `--pin` and of the endpoint.
    pub(crate) fn pins(&self, options: &[Pin]) -> Result<Vec<Pin>, String> {
        match self.pin {
            Some(pin) if options.iter().all(|option| *option == pin) => Ok(vec![pin]),
            Some(_) => Err("the endpoint names one key and --pin another: type one of them only, or --pin for each key that \
                            the server may have"
                .into()),
            None => Ok(options.to_vec()),
        }
    }
}

/// True for a word that stands for a port, with a key or without.
pub(crate) fn may_be_port(word: &str) -> bool {
    let port = word.split('#').next().unwrap_or(word);
    let digits = port.strip_prefix(':').unwrap_or(port);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// True if the word ends with a key, or with what was meant for one.
pub(crate) fn is_pinned(word: &str) -> bool {
    !matches!(pin::split(word), Ok((_, None)))
}

fn split(word: &str) -> Result<(&str, Option<Pin>), String> {
    pin::split(word).map_err(|fault| format!("'{}' ends with no key: {fault}", word.escape_debug()))
}

/// The key that two words name.
fn same(one: Option<Pin>, other: Option<Pin>) -> Result<Option<Pin>, String> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            Err("the endpoint names two keys: type one of them, after the port".into())
        }
        _ => Ok(one.or(other)),
    }
}
