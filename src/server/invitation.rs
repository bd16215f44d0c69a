//! The command and the URL that reach a server from another machine.

use std::net::SocketAddr;

use zeroize::Zeroizing;

use crate::net::default_port::TRANSFER_PORT;
use crate::net::endpoint::Endpoint;
use crate::net::reachable::{Reach, reach};
use crate::report::Report;

/// Prints how to reach a server from another machine, if a person reads stderr. `command` has ADDR in place of the address.
/// A server that only this machine reaches has a line if its endpoint is the default one: a user who typed none may not
/// know it.
pub(crate) fn invite(bound: Vec<SocketAddr>, endpoints: &[Endpoint], command: &str, report: &Report) {
    if !report.is_read_by_a_person() || command.is_empty() {
        return;
    }
    match reach(bound) {
        Some(Reach::Address(address)) => {
            let command = command.replace("ADDR", &address.to_string());
            report.info(format_args!("on another machine: {command}"));
        }
        Some(Reach::Port(port)) => {
            let command = command.replace("ADDR", &format!("HOST:{port}"));
            report.info(format_args!(
                "on another machine, with this one's name or address for HOST: {command}"
            ));
        }
        None if *endpoints == [Endpoint::transfers_here()] => {
            let command = command.replace("ADDR", &format!("localhost:{TRANSFER_PORT}"));
            report.info(format_args!("on this machine: {command}; for others, listen on :{TRANSFER_PORT}"));
        }
        None => {}
    }
}

/// What people need for their browsers.
pub(crate) struct WebInvitation {
    /// The first segment of each path for other machines.
    pub(crate) secret: Option<Zeroizing<String>>,
    /// A proxy connects: where its clients are is not known before they come.
    pub(crate) is_behind_proxy: bool,
    /// Files can be sent.
    pub(crate) is_writable: bool,
    /// Browsers are shown a certificate that they may know.
    pub(crate) has_certificate: bool,
}

impl WebInvitation {
    /// Prints the URL, and for a person how to send a file by curl, and the URL for a camera.
    pub(crate) fn print(&self, bound: Vec<SocketAddr>, report: &Report) {
        let here = bound.first().map(|address| format!("localhost:{}", address.port()));
        let (host, is_reached) = match reach(bound) {
            Some(Reach::Address(address)) => (Some(address.to_string()), true),
            Some(Reach::Port(port)) => (Some(format!("HOST:{port}")), true),
            None => (here, false),
        };
        // Of a Unix socket there is no URL.
        let Some(host) = host else { return };
        let scheme = if self.has_certificate { "https" } else { "http" };
        // On this machine nobody needs the secret.
        let secret = self.secret.as_ref().filter(|_| is_reached || self.is_behind_proxy);
        let path = secret.map_or_else(String::new, |secret| format!("{}/", secret.as_str()));
        let url = Zeroizing::new(format!("{scheme}://{host}/{path}"));
        report.web(&url, secret.is_some());
        if !report.is_read_by_a_person() {
            return;
        }
        if self.is_writable {
            report.info(format_args!("by curl: curl -f -T FILE {}", url.as_str()));
        }
        if is_reached && !host.starts_with("HOST:") {
            report.qr_code(&url);
        }
    }
}
