//! A session for each client, all on the acceptor's reactor, with `--tee-in` and its like.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use crate::error::Error;
use crate::error::lost;
use crate::net::endpoint::PeerName;
use crate::net::rate::Limited;
use crate::net::reactor::Io;
use crate::net::stream::{SocketState, Stream};
use crate::relay::tools::Tools;
use crate::report::Report;
use crate::server::acceptor::{Handler, IncomingClient};
use crate::server::client_session::{ClientSession, CountedSession, begin};
use crate::server::setup::ClientOptions;

/// A client that needs a session.
pub(crate) struct RelayClient {
    /// The connection. A drop resets it, unless it was ended in order before.
    pub(crate) peer: Limited<Box<dyn Stream>>,
    /// The session's handle.
    pub(crate) io: Io,
    /// Its address.
    pub(crate) name: PeerName,
    /// The address that it connected to, if a PROXY header names it.
    pub(crate) destination: Option<SocketAddr>,
    /// The address on this side.
    pub(crate) local: PeerName,
    /// Its report, which names the client.
    pub(crate) report: Report,
    /// The time at which it was accepted.
    pub(crate) now: Instant,
}

/// Makes a client's session.
pub(crate) trait Make: FnMut(RelayClient) -> Result<Box<dyn CountedSession>, Error> {}

impl<F: FnMut(RelayClient) -> Result<Box<dyn CountedSession>, Error>> Make for F {}

/// Serves each client by a session that `make` makes.
pub(crate) struct PerClient<F> {
    io: Io,
    options: ClientOptions,
    tools: Tools,
    make: F,
}

impl<F: Make> PerClient<F> {
    /// For sessions on the reactor of `io`.
    pub(crate) fn new(io: &Io, options: ClientOptions, tools: Tools, make: F) -> PerClient<F> {
        PerClient { io: io.clone(), options, tools, make }
    }
}

impl<F: Make> Handler for PerClient<F> {
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool {
        let IncomingClient { socket, destination, permit, .. } = incoming;
        let permit = Rc::new(permit);
        begin(&self.io, (socket, &self.options.socket), Some(&permit), |mut transport, io| {
            transport.reset_on_close(true).map_err(|error| lost(&error))?;
            let local = transport.local_name();
            let peer = self.tools.recorded(transport, Some(&permit.peer), now)?;
            let mut peer = Limited::new(peer, now);
            peer.limit_rate(self.options.rate, 0);
            let (name, report) = (permit.peer.clone(), permit.report.clone());
            let session = (self.make)(RelayClient { peer, io, name, local, destination, report, now })?;
            Ok(ClientSession::new(session, Rc::clone(&permit), self.options.session_limits, now))
        })
    }
}
