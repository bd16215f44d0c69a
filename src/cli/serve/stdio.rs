//! `serve ... stdio:`: what goes with one client at the other end of stdin and stdout.

use super::ServeArgs;
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::run::serve::mode::Mode;
use crate::transfer::WireProtocol;

impl ServeArgs {
    /// Fails if something does not go with `stdio:`.
    pub(super) fn check_stdio(&self, endpoints: &[Endpoint], mode: &Mode) -> Result<(), Error> {
        let usage = |text: String| Err(Error::new(Exit::Usage, text));
        let Mode::Transfer(transfer) = mode else {
            return usage(
                "stdio: is for --store and --share: stdin and stdout are the connection there".to_owned(),
            );
        };
        if endpoints.len() > 1 {
            return usage("stdio: stands alone: there is one client, at the other end of stdin".to_owned());
        }
        let typed = [
            (transfer.web.is_some(), "--http"),
            (transfer.wire == WireProtocol::Text, "--wire text"),
            (self.transfer.workers.is_some(), "--workers"),
            (self.access.is_typed(), "--allow and --deny"),
            (self.trust.is_typed(), "--code, --clients, --key, --open and --plain"),
            (self.socket.is_typed(), "socket options"),
            (self.limits.accept_proxy_protocol, "--accept-proxy-protocol"),
            (self.limits.accept_timeout.is_some(), "--accept-timeout"),
            (self.metrics.is_typed(), "--metrics"),
        ];
        let typed = typed.iter().find(|(is_typed, _)| *is_typed).map(|(_, option)| *option);
        if let Some(option) = self.limits.of_many_clients().or(typed) {
            return usage(format!(
                "{option}: with stdio: there is one client, and whoever started it is trusted: leave that out"
            ));
        }
        if transfer.digests.as_ref().is_some_and(|path| path.as_os_str() == "-") {
            return usage("stdout is the connection with stdio: give --digests a file".to_owned());
        }
        Ok(())
    }
}
