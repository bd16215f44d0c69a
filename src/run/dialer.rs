//! The way of a client's session to its server, for further connections.

use std::time::Duration;

use crate::error::Error;
use crate::net::connecting::Connect;
use crate::net::reactor::Io;
use crate::relay::connector::Connector;
use crate::transfer::Dialer;

impl Dialer for Connector {
    fn connecting(&self, limit: Duration, io: &Io) -> Result<Box<dyn Connect>, Error> {
        Connector::connecting(self, limit, io)
    }
}
