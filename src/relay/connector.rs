//! The way to a server, direct or through proxies, taken as often as it is needed.

use std::sync::Arc;
use std::time::Duration;

use super::admission::{Admitting, RunTrust, with_code};
use super::proxies::{Route, Via};
use super::starttls::StartTlsConnecting;
use crate::error::Error;
use crate::net::connecting::Connect;
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, PeerName};
use crate::net::local_end::LocalEnd;
use crate::net::reactor::IoHandle;
use crate::net::stream::Transport;
use crate::net::tls::client::ClientTls;
use crate::net::tls::connecting::TlsConnecting;
use crate::net::tls::negotiated;
use crate::proto::SessionId;
use crate::proto::starttls::StartTlsProtocol;
use crate::report::Report;

/// Connects to one server.
#[derive(Clone)]
pub(crate) struct Connector {
    endpoint: Endpoint,
    route: Option<Route>,
    local: LocalEnd,
    tls: Option<(ClientTls, String)>,
    starttls: Option<StartTlsProtocol>,
    trust: Option<Arc<RunTrust>>,
}

impl Connector {
    /// The way from `local` to `endpoint`.
    pub(crate) fn new(endpoint: Endpoint, route: Option<Route>, local: LocalEnd) -> Connector {
        Connector { endpoint, route, local, tls: None, starttls: None, trust: None }
    }

    /// Runs `attempt`; see [`with_code`].
    pub(crate) fn retry_with_code<T>(&self, attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        with_code(self.trust.as_deref(), &self.endpoint.to_string(), attempt)
    }

    /// The same with admission.
    #[must_use]
    pub(crate) fn with_trust(self, trust: Option<Arc<RunTrust>>) -> Connector {
        Connector { trust, ..self }
    }

    /// The same with TLS, to a server whose certificate names `host`; after the dialogue of a protocol, if one is given.
    #[must_use]
    pub(crate) fn with_tls(
        self,
        tls: ClientTls,
        host: String,
        starttls: Option<StartTlsProtocol>,
    ) -> Connector {
        Connector { tls: Some((tls, host)), starttls, ..self }
    }

    /// Where to.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where from.
    pub(crate) fn local(&self) -> &LocalEnd {
        &self.local
    }

    /// True if no proxy stands between.
    pub(crate) fn is_direct(&self) -> bool {
        self.route.is_none()
    }

    /// A connection in the making. `limit` is for each address; with proxies, for all of it; and for the TLS handshake.
    pub(crate) fn connecting(
        &self,
        limit: Duration,
        io: &IoHandle,
    ) -> Result<Box<dyn Connect + Send>, Error> {
        self.joining(limit, io, None)
    }

    /// The same as a further connection of a session, if one is named.
    pub(crate) fn joining(
        &self,
        limit: Duration,
        io: &IoHandle,
        joins: Option<SessionId>,
    ) -> Result<Box<dyn Connect + Send>, Error> {
        let below: Box<dyn Connect + Send> = match self.through(limit, io)? {
            Some(via) => Box::new(via),
            None => Box::new(self.dial(limit, io)),
        };
        let below = match (self.starttls, &self.tls) {
            (Some(protocol), Some((_, host))) => {
                Box::new(StartTlsConnecting::new(below, (protocol, host), limit))
            }
            _ => below,
        };
        Ok(match (&self.tls, &self.trust) {
            (_, Some(trust)) => {
                Box::new(Admitting::new(below, (trust, joins), self.endpoint.to_string(), limit))
            }
            (Some((tls, host)), None) => Box::new(TlsConnecting::new(below, (tls, host), limit)),
            (None, None) => below,
        })
    }

    /// The same, where no proxy stands between.
    pub(crate) fn dial(&self, limit: Duration, io: &IoHandle) -> Dial {
        Dial::new(self.endpoint.clone(), limit, io.clone()).from(&self.local)
    }

    /// The same through the proxies, if there are some.
    pub(crate) fn through(&self, limit: Duration, io: &IoHandle) -> Result<Option<Via>, Error> {
        self.route.clone().map(|route| Via::new(route, &self.local, limit, io.clone())).transpose()
    }

    /// The same way to another server.
    ///
    /// # Errors
    /// A proxy cannot reach it.
    pub(crate) fn to_endpoint(&self, endpoint: Endpoint) -> Result<Connector, Error> {
        let route = self.route.as_ref().map(|route| route.to(&endpoint)).transpose()?;
        Ok(Connector { endpoint, route, ..self.clone() })
    }

    /// Another port of the same server.
    pub(crate) fn to_port(&self, port: u16) -> Connector {
        let mut other = self.clone();
        if let Endpoint::Tcp { port: old, .. } = &mut other.endpoint {
            *old = port;
        }
        if let Some(route) = &mut other.route {
            route.set_port(port);
        }
        other
    }

    /// Who the server is: not the proxy, which is the socket's peer.
    pub(crate) fn server(&self, peer: PeerName) -> PeerName {
        if self.is_direct() { peer } else { PeerName::from_endpoint(&self.endpoint) }
    }
}

/// Reports a connection that was made. Returns the peer's name.
pub(crate) fn report_connected(transport: &Transport, report: &Report) -> PeerName {
    let peer = transport.peer_name();
    report.peer("connected", &peer);
    describe(transport, report);
    peer
}

/// Reports the ends and the socket options of a connection, with `-vv`.
pub(crate) fn describe(transport: &Transport, report: &Report) {
    let (local, peer, options) =
        (transport.local_name(), transport.peer_name(), transport.options_in_force());
    report.debug(format_args!("local {local}, peer {peer}, options in force: {options}"));
    if let Some(layer) = transport.tls() {
        report.debug(format_args!("{}", negotiated(layer)));
    }
}
