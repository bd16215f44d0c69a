//! The connections of a client to its server: their validated arguments, and further ones of a transfer.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::net::connecting::Connect;
use crate::net::endpoint::Endpoint;
use crate::net::local_end::LocalEnd;
use crate::net::reactor::Io;
use crate::relay::connector::Connector;
use crate::relay::proxies::Route;
use crate::transfer::Dialer;

/// The validated arguments of a connection to a server.
pub(crate) struct ConnectorPlan {
    pub(crate) endpoint: Endpoint,
    /// The proxies, without their passwords.
    pub(crate) route: Option<Route>,
    /// The file of `--proxy-password-file`.
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) local: LocalEnd,
}

impl ConnectorPlan {
    /// Reads the passwords of the proxies.
    pub(crate) fn connector(&self) -> Result<Connector, Error> {
        let route = self.route.clone().map(|route| route.with_passwords(self.password_file.as_deref()));
        Ok(Connector::new(self.endpoint.clone(), route.transpose()?, self.local.clone()))
    }
}

impl Dialer for Connector {
    fn connecting(&self, limit: Duration, io: &Io) -> Result<Box<dyn Connect>, Error> {
        Connector::connecting(self, limit, io)
    }
}
