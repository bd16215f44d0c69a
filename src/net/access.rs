//! Access lists: networks and names, compared with canonical addresses.
//!
//! The longest prefix that matches an address decides; of two equally long ones, the denial. An address that no rule matches
//! is admitted if there are denials only.

use std::net::{IpAddr, ToSocketAddrs};

use ipnet::IpNet;
use rustix::io::Errno;

/// A rule as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Addresses, written as `10.0.0.0/8` or as one address.
    Network(IpNet),
    /// A name, which stands for its addresses.
    Host(String),
}

impl Rule {
    /// Parses one word. The error says what to type instead.
    pub fn parse(word: &str) -> Result<Rule, String> {
        let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Rule::Network(IpNet::from(address.to_canonical())));
        }
        if let Ok(network) = bare.parse::<IpNet>() {
            return Ok(Rule::Network(canonical(network)));
        }
        let looks_like_a_host = bare.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let is_number = bare.chars().all(|c| c.is_ascii_digit() || c == '.');
        if !looks_like_a_host || is_number {
            return Err(format!(
                "'{word}' is not a network, address or name: type 10.0.0.0/8, 2001:db8::/32, 192.0.2.7 or host.example"
            ));
        }
        Ok(Rule::Host(bare.to_owned()))
    }

    /// The networks that it stands for now. Blocks while a name is resolved.
    fn resolve(&self) -> Result<Vec<IpNet>, String> {
        match self {
            Rule::Network(network) => Ok(vec![*network]),
            Rule::Host(name) => {
                let found =
                    (name.as_str(), 0).to_socket_addrs().map_err(|error| format!("{name}: {error}"))?;
                Ok(found.map(|address| IpNet::from(address.ip().to_canonical())).collect())
            }
        }
    }
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    match network {
        IpNet::V6(v6) if v6.prefix_len() >= MAPPED_BITS => match v6.addr().to_canonical() {
            address @ IpAddr::V4(_) => {
                IpNet::new(address, v6.prefix_len() - MAPPED_BITS).unwrap_or(network).trunc()
            }
            IpAddr::V6(_) => network.trunc(),
        },
        _ => network.trunc(),
    }
}

/// Resolved rules.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Networks, and whether each is admitted.
    rules: Vec<(IpNet, bool)>,
    /// True if an address that no rule matches is admitted: there is no list of allowed ones.
    admits_others: bool,
    /// True if an address of this machine is admitted only by a rule for that address alone.
    spares_own: bool,
}

impl Access {
    /// Resolves the names, which blocks. With `allowed`, even if it is empty, no other address is admitted.
    ///
    /// # Errors
    /// The line that says which name has no address.
    pub fn new(allowed: Option<&[Rule]>, denied: &[Rule]) -> Result<Access, String> {
        let mut rules = Vec::new();
        for (list, admits) in [(allowed.unwrap_or_default(), true), (denied, false)] {
            for rule in list {
                rules.extend(rule.resolve()?.into_iter().map(|network| (network, admits)));
            }
        }
        Ok(Access { rules, admits_others: allowed.is_none(), spares_own: false })
    }

    /// Admits this machine's own addresses only where they are allowed one by one. For targets: for clients it would cost
    /// system calls each time.
    #[must_use]
    pub fn sparing_own(self) -> Access {
        Access { spares_own: true, ..self }
    }

    /// True if there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.admits_others
    }

    /// True if `address` may connect, or be connected to.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let best = self.best(address);
        if !best.map_or(self.admits_others, |(_, admits)| *admits) {
            return false;
        }
        let is_named = best.is_some_and(|(network, _)| network.prefix_len() == network.max_prefix_len());
        // Loopback networks have rules of their own.
        if !self.spares_own || is_named || address.is_loopback() {
            return true;
        }
        // An address of a translator or a tunnel is a way to the IPv4 address within it.
        let is_denied_inside = |inner| self.best(inner).is_some_and(|(_, admits)| !admits) || is_own(inner);
        !is_own(address) && !carried(address).is_some_and(is_denied_inside)
    }

    /// The rule that decides about a canonical address.
    fn best(&self, address: IpAddr) -> Option<&(IpNet, bool)> {
        let matching = self.rules.iter().filter(|(network, _)| network.contains(&address));
        matching.max_by_key(|(network, admits)| (network.prefix_len(), !admits))
    }
}

/// The IPv4 address within an IPv6 address of a translator (64:ff9b::/96: RFC 6052) or of 6to4 (2002::/16: RFC 3056).
fn carried(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else { return None };
    let octets = v6.octets();
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => <[u8; 4]>::try_from(&octets[12..]).ok().map(IpAddr::from),
        [0x2002, ..] => <[u8; 4]>::try_from(&octets[2..6]).ok().map(IpAddr::from),
        _ => None,
    }
}

/// True if `address` belongs to this machine: a socket can be bound to it (unless `net.ipv4.ip_nonlocal_bind` is set), or its
/// route is a local one. Nothing is sent. If bind(2) fails for another reason, the address counts as this machine's; where
/// routes cannot be queried, bind(2) alone decides.
fn is_own(address: IpAddr) -> bool {
    let is_strange = |error: std::io::Error| {
        let error = Errno::from_io_error(&error);
        matches!(error, Some(Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT | Errno::INVAL | Errno::NODEV))
    };
    !std::net::UdpSocket::bind((address, 0)).is_err_and(is_strange)
        || super::route::is_local(address).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(allowed: &[&str], denied: &[&str]) -> Access {
        let rules = |words: &[&str]| words.iter().map(|word| Rule::parse(word).unwrap()).collect::<Vec<_>>();
        let allowed = (!allowed.is_empty()).then(|| rules(allowed));
        Access::new(allowed.as_deref(), &rules(denied)).unwrap()
    }

    fn admits(access: &Access, address: &str) -> bool {
        access.admits(address.parse().unwrap())
    }

    #[test]
    fn the_longest_prefix_wins_and_a_tie_denies() {
        let list = access(&["10.0.0.0/8", "10.1.2.3"], &["10.1.0.0/16", "10.0.0.0/8"]);
        assert!(!admits(&list, "10.9.9.9"), "a tie");
        assert!(!admits(&list, "10.1.9.9"));
        assert!(admits(&list, "10.1.2.3"));
        assert!(!admits(&list, "192.0.2.1"), "there is a list of those who may");
        let denials = access(&[], &["2001:db8::/32"]);
        assert!(admits(&denials, "192.0.2.1") && !admits(&denials, "2001:db8::1"));
        assert!(access(&[], &[]).is_empty() && admits(&access(&[], &[]), "::1"));
        assert!(!admits(&access(&[], &["0.0.0.0/0", "::/0"]), "::1"));
    }

    #[test]
    fn an_empty_list_admits_no_client() {
        let nobody = Access::new(Some(&[]), &[]).unwrap();
        assert!(!admits(&nobody, "192.0.2.1") && !nobody.is_empty());
    }

    #[test]
    fn own_addresses_are_admitted_only_by_name() {
        // Two that no machine has, and one that this one has for certain, but which has rules of its own.
        for list in [access(&[], &[]), access(&["0.0.0.0/0", "::/0"], &[])] {
            let list = list.sparing_own();
            assert!(admits(&list, "192.0.2.1") && admits(&list, "2001:db8::1") && admits(&list, "127.0.0.1"));
        }
        assert!(is_own("127.0.0.1".parse().unwrap()) && !is_own("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn an_address_within_another_is_where_it_leads() {
        let list = access(&["::/0", "0.0.0.0/0"], &["192.0.2.0/24"]).sparing_own();
        for (address, is_admitted) in [
            ("64:ff9b::198.51.100.1", true),
            ("64:ff9b::192.0.2.1", false),
            ("2002:c633:6401::1", true),
            ("2002:c000:201::1", false),
        ] {
            assert_eq!(admits(&list, address), is_admitted, "{address}");
        }
        let named = access(&["64:ff9b::192.0.2.1", "0.0.0.0/0"], &["192.0.2.0/24"]).sparing_own();
        assert!(admits(&named, "64:ff9b::192.0.2.1") && !admits(&named, "192.0.2.1"));
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let list = access(&["127.0.0.1"], &[]);
        assert!(admits(&list, "::ffff:127.0.0.1") && !admits(&list, "::1"));
        let mapped = access(&["::ffff:10.0.0.0/104"], &["::ffff:10.1.0.7"]);
        assert!(admits(&mapped, "10.200.0.1") && !admits(&mapped, "::ffff:10.1.0.7"));
        assert!(!admits(&mapped, "::1"));
    }

    #[test]
    fn what_cannot_be_a_rule_is_explained() {
        for word in ["", "10.0.0.0/33", "10.0.0", "1", "::1/129", "a/8", "host:80", "*"] {
            assert!(Rule::parse(word).is_err_and(|hint| hint.contains("type 10.0.0.0/8")), "{word}");
        }
        assert_eq!(Rule::parse("localhost"), Ok(Rule::Host("localhost".into())));
        assert_eq!(Rule::parse("[::1]"), Rule::parse("::1/128"));
        assert_eq!(Rule::parse("10.1.2.3/8"), Rule::parse("10.0.0.0/8"));
        assert!(admits(&access(&["localhost"], &[]), "127.0.0.1"));
        assert!(Access::new(Some(&[Rule::Host("no.such.name.invalid".into())]), &[]).is_err());
    }
}
