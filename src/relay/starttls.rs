//! `--starttls`: a connection in the making, up to the server's consent to TLS.

use std::time::{Duration, Instant};

use crate::error::{Error, Exit, lost};
use crate::net::connecting::Connect;
use crate::net::handshake::{HandshakeDriver, HandshakeFailure};
use crate::net::stream::Transport;
use crate::proto::starttls::{StartTls, StartTlsProtocol};

/// Leads the dialogue once there is a connection.
pub(crate) struct StartTlsConnecting {
    below: Box<dyn Connect + Send>,
    protocol: StartTlsProtocol,
    host: String,
    limit: Duration,
    talking: Option<Talking>,
}

struct Talking {
    transport: Transport,
    driver: HandshakeDriver<StartTls>,
    deadline: Instant,
}

impl StartTlsConnecting {
    /// The dialogue of `protocol` with `host` over the connection of `below`, within `limit`.
    pub(crate) fn new(
        below: Box<dyn Connect + Send>,
        (protocol, host): (StartTlsProtocol, &str),
        limit: Duration,
    ) -> StartTlsConnecting {
        StartTlsConnecting { below, protocol, host: host.to_owned(), limit, talking: None }
    }

    fn named(&self, exit: Exit, why: &dyn std::fmt::Display) -> Error {
        Error::new(exit, format!("{}: --starttls, {}: {why}", self.host, self.protocol))
    }
}

impl Connect for StartTlsConnecting {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        if self.talking.is_none() {
            let Some(transport) = self.below.advance(now)? else { return Ok(None) };
            let driver = HandshakeDriver::new(StartTls::new(self.protocol, &self.host));
            self.talking = Some(Talking { transport, driver, deadline: now + self.limit });
        }
        let Some(Talking { transport, driver, deadline }) = &mut self.talking else { return Ok(None) };
        match driver.advance(transport) {
            Ok(true) => Ok(self.talking.take().map(|talking| talking.transport)),
            Ok(false) if now >= *deadline => {
                let limit = humantime::format_duration(self.limit);
                Err(self.named(Exit::TimedOut, &format!("the server did not consent to TLS within {limit}")))
            }
            Ok(false) => Ok(None),
            Err(HandshakeFailure::Lost(error)) => Err(lost(&error).context(&self.host)),
            Err(HandshakeFailure::Ended) => {
                Err(self.named(Exit::Lost, &"the server ended the connection before TLS"))
            }
            // Nothing is sent without TLS that was meant to be sent with it.
            Err(HandshakeFailure::Fault(fault)) => Err(self.named(Exit::Untrusted, &fault)),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.talking {
            Some(talking) => Some(talking.deadline),
            None => self.below.deadline(),
        }
    }
}
