//! `--forward`: a tunnel for each client, to one target.

use std::time::{Duration, Instant};

use super::per_client::RelayClient;
use crate::error::Error;
use crate::error::lost;
use crate::net::connecting::Connect;
use crate::net::dial::Dial;
use crate::net::endpoint::Endpoint;
use crate::net::local_end::LocalEnd;
use crate::net::options::{Family, SocketOptions};
use crate::net::rate::Limited;
use crate::net::reactor::{Context, Session, Status};
use crate::net::stream::{SocketState, Stream};
use crate::net::tls::client::ClientTls;
use crate::net::tls::connecting::TlsConnecting;
use crate::net::tls::negotiated;
use crate::proto::proxy::header::{HeaderVersion, ProxyHeader};
use crate::relay::tunnel::Tunnel;
use crate::report::Report;
use crate::server::client_session::CountedSession;

/// The target of all clients.
#[derive(Clone)]
pub(crate) struct ForwardTarget {
    pub(crate) endpoint: Endpoint,
    /// For each of its addresses.
    pub(crate) timeout: Duration,
    /// The only family of its addresses that is tried.
    pub(crate) family: Option<Family>,
    /// The PROXY header that it gets before the client's bytes.
    pub(crate) header: Option<HeaderVersion>,
    /// TLS with it, and the name that its certificate must have.
    pub(crate) tls: Option<(ClientTls, String)>,
}

/// A client, while its target is dialled and then in a tunnel to it.
pub(crate) struct Forward(State);

enum State {
    Dialling(Box<Dialling>),
    Tunnel(Box<Tunnel<Box<dyn Stream>>>),
}

struct Dialling {
    /// `None` once it is joined to its target. Until then its bytes wait in the kernel.
    client: Option<Limited<Box<dyn Stream>>>,
    dial: Box<dyn Connect + Send>,
    header: Vec<u8>,
    report: Report,
}

impl Forward {
    pub(crate) fn new(client: RelayClient, destination: &ForwardTarget) -> Forward {
        let RelayClient { peer, io, name, local, report, destination: connected_to, .. } = client;
        let addresses = name.address().zip(connected_to.or_else(|| local.address()));
        let header = destination.header.map(|version| ProxyHeader { addresses }.encode(version));
        let header = header.unwrap_or_default();
        let options = SocketOptions { family: destination.family, ..SocketOptions::default() };
        let dial = Dial::new(destination.endpoint.clone(), destination.timeout, io.handle())
            .from(&LocalEnd { options, ..LocalEnd::default() })
            .asked_by(name.ip());
        let dial: Box<dyn Connect + Send> = match &destination.tls {
            Some((tls, host)) => {
                Box::new(TlsConnecting::new(Box::new(dial), (tls, host), destination.timeout))
            }
            None => Box::new(dial),
        };
        Forward(State::Dialling(Box::new(Dialling { client: Some(peer), dial, header, report })))
    }
}

impl Session for Forward {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        if let State::Dialling(waiting) = &mut self.0 {
            let Dialling { client, dial, header, report } = &mut **waiting;
            // Without a target the client's connection ends. The target was lost, not the client.
            let Some(mut target) = dial.advance(context.now).inspect_err(|_| *client = None)? else {
                // A client that is gone needs no target.
                if let Some(client) = client {
                    client.take_error().map_err(|error| lost(&error))?;
                }
                return Ok(Status::Waiting);
            };
            report.detail(format_args!("joined to {}", target.peer_name()));
            if let Some(layer) = target.tls() {
                report.debug(format_args!("{}", negotiated(layer)));
            }
            if let Some(client) = client.take() {
                target.end_with_input();
                let mut tunnel = Tunnel::new(client, target)?;
                tunnel.send_first_to_target(header);
                self.0 = State::Tunnel(Box::new(tunnel));
            }
        }
        match &mut self.0 {
            State::Tunnel(tunnel) => tunnel.advance(context),
            State::Dialling(_) => Ok(Status::Waiting),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.0 {
            State::Dialling(waiting) => waiting.dial.deadline(),
            State::Tunnel(tunnel) => tunnel.deadline(),
        }
    }
}

impl CountedSession for Forward {
    fn moved(&self) -> (u64, u64) {
        match &self.0 {
            State::Dialling(_) => (0, 0),
            State::Tunnel(tunnel) => tunnel.moved(),
        }
    }

    fn is_more_than_a_check(&self) -> bool {
        match &self.0 {
            State::Tunnel(tunnel) => tunnel.has_lost_target(),
            State::Dialling(waiting) => waiting.client.is_none(),
        }
    }
}
