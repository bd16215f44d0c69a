//! The connections of a client to its server: their validated arguments, and further ones of a transfer.

use std::path::PathBuf;
use std::time::Duration;

use super::tls::ClientTlsPlan;
use super::trust::ClientTrustPlan;

use crate::error::Error;
use crate::net::connecting::Connect;
use crate::net::endpoint::Endpoint;
use crate::net::local_end::LocalEnd;
use crate::net::reactor::Io;
use crate::proto::SessionId;
use crate::relay::connector::Connector;
use crate::relay::proxies::Route;
use crate::report::Report;
use crate::transfer::Dialer;

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

impl Dialer for Connector {
    fn connecting(&self, limit: Duration, io: &Io, session: SessionId) -> Result<Box<dyn Connect>, Error> {
        self.joining(limit, io, Some(session))
    }
}
