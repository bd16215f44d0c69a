//! `serve --forward`: to a server of streams, or of datagrams.

use super::ServeArgs;
use crate::cli::datagram_endpoints::{is_datagram, parse};
use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::run::serve::datagrams::FLOW_IDLE;
use crate::run::serve::mode::{DatagramPlan, Mode};
use crate::server::acceptor::OverloadPolicy;

impl ServeArgs {
    /// True if datagrams are relayed.
    pub(super) fn forwards_datagrams(&self) -> bool {
        self.proxying.forward.as_deref().is_some_and(is_datagram)
    }

    /// Fails for a server of streams that would listen for datagrams.
    pub(super) fn check_listeners(&self) -> Result<(), String> {
        let listener = self.endpoints.iter().find(|word| is_datagram(word));
        match (&self.proxying.forward, listener) {
            (Some(target), Some(word)) => Err(format!(
                "{word} is for datagrams, and --forward {target} for streams: type --forward udp:HOST:PORT, or listen on PORT"
            )),
            (None, Some(word)) => Err(format!(
                "{word} is for datagrams: type --forward udp:HOST:PORT with it to relay them, or 'sendall udp-listen PORT'"
            )),
            (_, None) => Ok(()),
        }
    }

    pub(super) fn plan_forward(&self) -> Option<Result<Mode, Error>> {
        let (timeout, family) = (self.handshake_timeout(), self.socket.options().family);
        match parse(self.proxying.forward.as_ref()?, EndpointUse::Connect) {
            Some(target) => Some(self.plan_datagrams(target).map(Mode::Datagrams)),
            None => self.proxying.destination(timeout, family).transpose().map(|to| to.map(Mode::Forward)),
        }
    }

    fn plan_datagrams(&self, target: Result<Endpoint, String>) -> Result<DatagramPlan, Error> {
        let usage = |text: String| Error::new(Exit::Usage, text);
        let target = target.map_err(|hint| usage(format!("--forward: {hint}")))?;
        if let Some(option) = self.typed_for_streams() {
            return Err(usage(format!("{option} is for streams: leave it out with --forward udp:")));
        }
        if self.limits.full == Some(OverloadPolicy::Queue) {
            let text = "--full wait is for streams: with --forward udp: type --full refuse, or leave it out, and the flow \
                that is silent for longest makes way";
            return Err(usage(text.into()));
        }
        Ok(DatagramPlan { target, idle: self.relay.idle_timeout.unwrap_or(FLOW_IDLE) })
    }

    /// An option that was typed and has nothing to do with datagrams.
    fn typed_for_streams(&self) -> Option<&'static str> {
        let records = &self.relay.tools;
        let typed = [
            ("--accept-proxy-protocol", self.limits.accept_proxy_protocol),
            ("--session-timeout", self.limits.session_timeout.is_some()),
            ("--timeout", self.transfer.timeout.is_some()),
            ("--limit-rate", self.relay.limit_rate.is_some()),
            ("--tee-in", records.tee_in.is_some()),
            ("--tee-out", records.tee_out.is_some()),
            ("--hex-dump", records.hex_dump.is_some()),
            ("--tls", self.tls.plan(self.handshake_timeout()).is_some()),
            ("--code", self.trust.encrypts()),
        ];
        let typed = typed.iter().find(|(_, is_typed)| *is_typed).map(|(option, _)| *option);
        typed.or(self.proxying.typed_for_streams()).or(self.socket.typed_for_streams())
    }
}
