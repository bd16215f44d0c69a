//! The connections of a client to its server: their validated arguments, and further ones of a transfer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::remote::{self, RemotePlan};
use super::tls::ClientTlsPlan;
use super::trust::ClientTrustPlan;
use crate::error::{Error, Exit};
use crate::net::connecting::{Connect, Connecting};
use crate::net::endpoint::{Endpoint, PeerName};
use crate::net::local_end::LocalEnd;
use crate::net::reactor::{Io, IoHandle, Reactor, Session};
use crate::net::signals::Signals;
use crate::net::stream::Transport;
use crate::proto::SessionId;
use crate::relay::connector::{Connector, describe, report_connected};
use crate::relay::proxies::Route;
use crate::relay::remote::RemoteServer;
use crate::report::Report;
use crate::transfer::{Dialer, RunState};

/// The validated arguments of a connection to a server.
pub(crate) struct ConnectorPlan {
    pub(crate) endpoint: Endpoint,
    /// The proxies, without their passwords.
    pub(crate) route: Option<Route>,
    /// The file of `--proxy-password-file`.
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) local: LocalEnd,
    pub(crate) tls: Option<ClientTlsPlan>,
    pub(crate) trust: Option<ClientTrustPlan>,
}

impl ConnectorPlan {
    /// Reads the passwords of the proxies, the files of TLS, codes and keys.
    pub(crate) fn connector(&self, is_transfer: bool, report: &Report) -> Result<Connector, Error> {
        let route = self.route.clone().map(|route| route.with_passwords(self.password_file.as_deref()));
        let connector = Connector::new(self.endpoint.clone(), route.transpose()?, self.local.clone());
        if let Some(plan) = &self.trust {
            return Ok(connector.with_trust(plan.load(
                (&self.endpoint, self.route.is_none()),
                is_transfer,
                report,
            )?));
        }
        let Some(plan) = &self.tls else { return Ok(connector) };
        Ok(connector.with_tls(plan.load()?, plan.host(&self.endpoint), plan.starttls))
    }
}

/// The server of a transfer, from its validated arguments.
pub(crate) enum ServerPlan {
    /// One that is connected to.
    Network(Box<ConnectorPlan>),
    /// One behind a program.
    Remote(RemotePlan),
}

impl ServerPlan {
    /// Reads what belongs to it: files, the environment.
    pub(crate) fn server(&self, report: &Report) -> Result<Server, Error> {
        Ok(match self {
            ServerPlan::Network(plan) => Server::Network(Box::new(plan.connector(true, report)?)),
            ServerPlan::Remote(plan) => Server::Remote(plan.server(report)?),
        })
    }
}

/// The server of a transfer.
pub(crate) enum Server {
    Network(Box<Connector>),
    Remote(RemoteServer),
}

/// A connection to the server of a transfer.
pub(crate) struct Opened {
    pub(crate) transport: Transport,
    pub(crate) now: Instant,
    pub(crate) peer: PeerName,
    /// For further connections.
    pub(crate) dialer: Box<dyn Dialer>,
    pub(crate) io: Io,
}

impl Server {
    /// Runs `attempt`, again with the code that the user is asked for if the server wants one.
    pub(crate) fn retry_with_code<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self {
            Server::Network(connector) => connector.retry_with_code(attempt),
            Server::Remote(_) => attempt(),
        }
    }

    /// Connects within `limit`, and runs the session that `make` makes of the connection, which is an event if it `is_reported`.
    pub(crate) fn run<S: Session + 'static>(
        &self,
        (limit, is_reported): (Duration, bool),
        run_state: &RunState,
        (report, signals): (&Report, &Signals),
        make: impl FnOnce(Opened) -> Result<S, Error> + 'static,
    ) -> Result<(), Error> {
        let reported = report.clone();
        match self {
            Server::Network(connector) => {
                let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
                reactor.add(|io| {
                    let connecting = connector.connecting(limit, &io)?;
                    let dialer = connector.clone();
                    Ok(Connecting::new(connecting, move |transport, now| {
                        let peer = if is_reported {
                            report_connected(&transport, &reported)
                        } else {
                            describe(&transport, &reported);
                            transport.peer_name()
                        };
                        let peer = dialer.server(peer);
                        make(Opened { transport, now, peer, dialer, io })
                    }))
                })?;
                reactor.run()
            }
            Server::Remote(server) => {
                let peer = server.peer_name();
                remote::run(server, run_state, (report, signals), move |transport, now, io| {
                    if is_reported {
                        reported.peer("connected", &peer);
                    }
                    make(Opened { transport, now, peer, dialer: Box::new(NoMore), io })
                })
            }
        }
    }
}

/// Behind a program there is one connection.
struct NoMore;

impl Dialer for NoMore {
    fn connecting(&self, _: Duration, _: &IoHandle, _: SessionId) -> Result<Box<dyn Connect + Send>, Error> {
        Err(Error::new(Exit::Failed, "there is one connection"))
    }
}

impl Dialer for Connector {
    fn connecting(
        &self,
        limit: Duration,
        io: &IoHandle,
        session: SessionId,
    ) -> Result<Box<dyn Connect + Send>, Error> {
        self.joining(limit, io, Some(session))
    }
}
