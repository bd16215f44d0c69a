//! The lines that `nc` writes, in the words of Debian's OpenBSD nc 1.219: scripts read them.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, PeerName};
use crate::net::services;
use crate::report::Report;

/// Our words in errors, and those of nc.
const REWORDED: &[(&str, &str)] = &[
    ("(see --idle-timeout)", "(see -w)"),
    ("(see --timeout)", "(see -w)"),
    ("address in use", "Address already in use"),
    ("--source ", "-s and -p: "),
    ("--rcvbuf ", "-I "),
    ("--sndbuf ", "-O "),
    ("--ttl ", "-M "),
    ("--dscp ", "-T "),
    ("--proxy: ", "-x: "),
    (" (type USER@ before its host)", " (see -P)"),
    ("in --proxy-password-file FILE or ", "in "),
    ("connection lost: ", ""),
];

/// An error in the words of nc.
pub(crate) fn reworded(error: Error) -> Error {
    error.reworded(REWORDED)
}

/// Writes lines with `-v`.
#[derive(Clone)]
pub(crate) struct Words {
    report: Report,
    is_verbose: bool,
    /// Without `-n`: names of hosts and services.
    has_names: bool,
}

impl Words {
    /// Words on `report`, with `-v` and with `-n`.
    pub(crate) fn new(report: Report, is_verbose: bool, is_numeric: bool) -> Words {
        Words { report, is_verbose, has_names: !is_numeric }
    }

    /// The report below.
    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// True if hosts must be numbers.
    pub(crate) fn is_numeric(&self) -> bool {
        !self.has_names
    }

    /// The host as it is shown: nc looks names up, of which only that of this machine is certain without a question to
    /// a server.
    fn host(&self, ip: IpAddr) -> String {
        if self.has_names && ip.is_loopback() { "localhost".into() } else { ip.to_string() }
    }

    fn host_and_port(&self, address: SocketAddr) -> String {
        format!("{} {}", self.host(address.ip().to_canonical()), address.port())
    }

    fn line(&self, text: &str) {
        if self.is_verbose {
            self.report.info(text);
        }
    }

    /// A listener. `is_stream`: clients connect to it.
    pub(super) fn listening(&self, address: Option<SocketAddr>, endpoint: &Endpoint, is_stream: bool) {
        match (address, is_stream) {
            (Some(address), true) => self.line(&format!("Listening on {}", self.host_and_port(address))),
            (Some(address), false) => self.line(&format!("Bound on {}", self.host_and_port(address))),
            (None, _) => {
                let name = unix_name(endpoint);
                self.line(&format!("Bound on {name}"));
                if is_stream {
                    self.line(&format!("Listening on {name}"));
                }
            }
        }
    }

    /// A client, or the first datagram of one.
    pub(super) fn received(&self, address: Option<SocketAddr>, endpoint: &Endpoint) {
        match address {
            Some(address) => self.line(&format!("Connection received on {}", self.host_and_port(address))),
            None => self.line(&format!("Connection received on {}", unix_name(endpoint))),
        }
    }

    /// A connection to `host` at `ip`, if that is known. `protocol` is `tcp` or `udp`.
    pub(super) fn succeeded(&self, (host, port): (&str, u16), ip: Option<IpAddr>, protocol: &str) {
        let name = services::name_of(port, protocol).filter(|_| self.has_names);
        let (host, name) = (with_address(host, ip), name.unwrap_or_else(|| "*".into()));
        self.line(&format!("Connection to {host} {port} port [{protocol}/{name}] succeeded!"));
    }

    /// An attempt that has failed.
    pub(super) fn failed(&self, (host, port): (&str, u16), peer: &PeerName, error: &io::Error) {
        if !self.is_verbose {
            return;
        }
        let host = with_address(host, peer.ip());
        let text = match error.kind() {
            io::ErrorKind::TimedOut => "timed out: Operation now in progress".into(),
            _ => format!("failed: {}", plain(error)),
        };
        self.report.warning(format_args!("connect to {host} port {port} (tcp) {text}"));
    }

    /// A name that was not found. It is written without `-v`, too.
    pub(super) fn unresolved(&self, (host, port): (&str, u16), why: &str) {
        self.report.warning(format_args!("getaddrinfo for host \"{host}\" port {port}: {why}"));
    }

    /// A Unix socket that cannot be used. It is written without `-v`, too.
    pub(super) fn unix_failed(&self, endpoint: &Endpoint, error: &io::Error) {
        self.report.warning(format_args!("{}: {}", unix_name(endpoint), plain(error)));
    }
}

/// The words of the system.
pub(super) fn plain(error: &io::Error) -> String {
    Error::new(Exit::Failed, error).to_string()
}

fn with_address(host: &str, ip: Option<IpAddr>) -> String {
    match ip {
        Some(ip) if host.parse::<IpAddr>().is_err() && !host.contains('%') => format!("{host} ({ip})"),
        _ => host.to_owned(),
    }
}

fn unix_name(endpoint: &Endpoint) -> String {
    let name = endpoint.to_string();
    name.strip_prefix("unix:").map_or_else(|| name.clone(), str::to_owned)
}
