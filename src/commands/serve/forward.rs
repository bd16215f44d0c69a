//! `--forward`: each client is joined to a connection of its own to one target.

use std::time::{Duration, Instant};

use super::each::Client;
use crate::commands::attended::Visit;
use crate::commands::joined::Joined;
use crate::commands::lost;
use crate::error::Error;
use crate::net::dial::Dial;
use crate::net::endpoint::Endpoint;
use crate::net::local_end::LocalEnd;
use crate::net::options::{Family, SocketOptions};
use crate::net::rate::Limited;
use crate::net::reactor::{Session, Status, Turn};
use crate::net::stream::Stream;
use crate::proto::proxy_header::{HeaderVersion, ProxyHeader};
use crate::report::Report;

/// Where clients are led.
#[derive(Clone)]
pub(super) struct Destination {
    pub(super) endpoint: Endpoint,
    /// For each of its addresses.
    pub(super) timeout: Duration,
    /// The only family of its addresses that is tried.
    pub(super) family: Option<Family>,
    /// Whether it is told whose connection it is.
    pub(super) header: Option<HeaderVersion>,
}

/// A client on its way to the target, or there.
pub(super) struct Forward(State);

enum State {
    Dialling(Box<Dialling>),
    Joined(Box<Joined<Box<dyn Stream>>>),
}

struct Dialling {
    /// There until it is joined; its bytes wait in the kernel.
    client: Option<Limited<Box<dyn Stream>>>,
    dial: Dial,
    header: Vec<u8>,
    report: Report,
}

impl Forward {
    pub(super) fn new(client: Client, destination: &Destination) -> Forward {
        let Client { peer, io, name, local, report, destination: connected_to, .. } = client;
        let addresses = name.address().zip(connected_to.or_else(|| local.address()));
        let header = destination.header.map(|version| ProxyHeader { addresses }.encode(version));
        let header = header.unwrap_or_default();
        let options = SocketOptions { family: destination.family, ..SocketOptions::default() };
        let dial = Dial::new(destination.endpoint.clone(), destination.timeout, io)
            .from(&LocalEnd { options, ..LocalEnd::default() })
            .asked_by(name.ip());
        Forward(State::Dialling(Box::new(Dialling { client: Some(peer), dial, header, report })))
    }
}

impl Session for Forward {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        if let State::Dialling(waiting) = &mut self.0 {
            let Dialling { client, dial, header, report } = &mut **waiting;
            // Without a target the client's connection is over, and it is not what was lost.
            let Some(target) = dial.advance(turn.now).inspect_err(|_| *client = None)? else {
                // A client that is gone needs no target.
                if let Some(client) = client {
                    client.take_error().map_err(|error| lost(&error))?;
                }
                return Ok(Status::Waiting);
            };
            report.detail(format_args!("joined to {}", target.peer_name()));
            if let Some(client) = client.take() {
                let mut joined = Joined::new(client, target)?;
                joined.tell_target(header);
                self.0 = State::Joined(Box::new(joined));
            }
        }
        match &mut self.0 {
            State::Joined(joined) => joined.advance(turn),
            State::Dialling(_) => Ok(Status::Waiting),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.0 {
            State::Dialling(waiting) => waiting.dial.deadline(),
            State::Joined(joined) => joined.deadline(),
        }
    }
}

impl Visit for Forward {
    fn moved(&self) -> (u64, u64) {
        match &self.0 {
            State::Dialling(_) => (0, 0),
            State::Joined(joined) => joined.moved(),
        }
    }

    fn is_more_than_a_check(&self) -> bool {
        match &self.0 {
            State::Joined(joined) => joined.has_lost_target(),
            State::Dialling(waiting) => waiting.client.is_none(),
        }
    }
}
