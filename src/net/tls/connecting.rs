//! A connection in the making, with TLS: it is there once the handshake is complete.

use std::time::{Duration, Instant};

use super::client::ClientTls;
use crate::error::{Error, Exit, lost};
use crate::net::connecting::Connect;
use crate::net::stream::{SocketState, Transport};

/// Does the handshake once there is a connection.
pub(crate) struct TlsConnecting {
    below: Box<dyn Connect + Send>,
    tls: ClientTls,
    /// The server, as its certificate must name it.
    host: String,
    limit: Duration,
    handshaking: Option<(Transport, Instant)>,
}

impl TlsConnecting {
    /// TLS with `host` over the connection of `below`. `limit` is the handshake's.
    pub(crate) fn new(
        below: Box<dyn Connect + Send>,
        (tls, host): (&ClientTls, &str),
        limit: Duration,
    ) -> TlsConnecting {
        let (tls, host) = (tls.clone(), host.to_owned());
        TlsConnecting { below, tls, host, limit, handshaking: None }
    }

    fn named(&self, error: Error) -> Error {
        error.context(&self.host)
    }
}

impl Connect for TlsConnecting {
    fn advance(&mut self, now: Instant) -> Result<Option<Transport>, Error> {
        if self.handshaking.is_none() {
            let Some(transport) = self.below.advance(now)? else { return Ok(None) };
            let layer = self.tls.layer(&self.host)?;
            let transport = transport.with_tls(layer).map_err(|error| self.named(lost(&error)))?;
            self.handshaking = Some((transport, now + self.limit));
        }
        let Some((transport, deadline)) = &mut self.handshaking else { return Ok(None) };
        let is_complete = transport.handshake();
        let deadline = *deadline;
        match is_complete {
            Ok(true) => Ok(self.handshaking.take().map(|(transport, _)| transport)),
            Ok(false) if now >= deadline => {
                let limit = humantime::format_duration(self.limit);
                let text = format!("the TLS handshake did not end within {limit}");
                Err(self.named(Error::new(Exit::TimedOut, text)))
            }
            Ok(false) => Ok(None),
            Err(error) => {
                // The server is sent the reason, not a reset.
                let _ = transport.reset_on_close(false);
                Err(self.named(lost(&error)))
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.handshaking {
            Some((_, deadline)) => Some(*deadline),
            None => self.below.deadline(),
        }
    }
}
