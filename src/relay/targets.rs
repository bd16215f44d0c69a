//! The targets that a proxy server connects to.

use std::sync::Arc;

use crate::error::{Error, Exit};
use crate::net::access::{Access, Rule};
use crate::server::access_sources::rules;

/// Targets that are denied unless they are allowed by name: this machine itself, its link, the metadata services of
/// clouds, and addresses that belong to no single machine.
const NOT_BY_DEFAULT: [&str; 21] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::/10",
    "ff00::/8",
    // Metadata and the like, of clouds that have it at addresses of other kinds.
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::/32",
    "fd20:ce::254",
    // IPv4 in other spellings: compatible (unused), translated within one site, in a tunnel, and at the relays of
    // tunnels. The IPv4 addresses in 64:ff9b::/96 and 2002::/16 are checked as such.
    "::/96",
    "64:ff9b:1::/48",
    "2001::/32",
    "192.88.99.0/24",
    "fec0::/10",
    "100::/64",
];

/// The sources of the rules for targets: items of access lists, some of which name files.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetSources {
    /// Only these, if there are any.
    pub(crate) allowed: Vec<String>,
    /// Not these.
    pub(crate) denied: Vec<String>,
}

impl TargetSources {
    /// Loads the rules. Blocks: it reads files and resolves names.
    pub(crate) fn load(&self) -> Result<Arc<Access>, Error> {
        let allowed = rules(&self.allowed, "--allow-target")?;
        let mut denied = rules(&self.denied, "--deny-target")?;
        // Of two rules for one network the denial wins: one of ours must not override one that the user allows.
        let ours = NOT_BY_DEFAULT.iter().filter_map(|network| Rule::parse(network).ok());
        denied.extend(ours.filter(|rule| !allowed.contains(rule)));
        let is_a_list = !self.allowed.is_empty();
        let access = Access::new(is_a_list.then_some(&allowed[..]), &denied).map(Access::sparing_own);
        let named = |text| Error::new(Exit::NoConnection, format!("--allow-target or --deny-target: {text}"));
        Ok(Arc::new(access.map_err(named)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(allowed: &[&str], denied: &[&str], address: &str) -> bool {
        let items = |list: &[&str]| list.iter().map(|word| (*word).to_string()).collect();
        let sources = TargetSources { allowed: items(allowed), denied: items(denied) };
        sources.load().unwrap().admits(address.parse().unwrap())
    }

    #[test]
    fn this_machine_and_its_link_are_not_targets_by_default() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "169.254.169.254",
            "255.255.255.255",
            "239.1.2.3",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "fe80::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "240.0.0.1",
            "0.1.2.3",
            "::ffff:168.63.129.16",
            "::127.0.0.1",
            "::169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::100.100.100.200",
            "64:ff9b::240.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::",
            "2002:a83f:8110::1",
            "2001:0:1:2:3:4:5:6",
        ] {
            assert!(!admits(&[], &[], address), "{address}");
            assert!(!admits(&["0.0.0.0/0", "::/0"], &[], address), "{address} by a wide list");
        }
        // Private networks are what such a proxy is for, and shared ones are those of other people's tunnels.
        for address in [
            "192.0.2.1",
            "10.0.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "2001:db8::1",
            "fd00::1",
            "64:ff9b::192.0.2.1",
        ] {
            assert!(admits(&[], &[], address), "{address}");
        }
    }

    #[test]
    fn what_is_allowed_by_name_is_a_target_and_a_denial_holds() {
        assert!(admits(&["127.0.0.0/8"], &[], "127.0.0.1"));
        assert!(admits(&["127.0.0.1"], &[], "127.0.0.1") && !admits(&["127.0.0.1"], &[], "127.0.0.2"));
        assert!(!admits(&["127.0.0.1"], &[], "192.0.2.1"), "a list of those that may be reached");
        assert!(!admits(&["127.0.0.0/8"], &["127.0.0.0/8"], "127.0.0.1"));
        assert!(!admits(&[], &["192.0.2.0/24"], "192.0.2.1"));
    }
}
