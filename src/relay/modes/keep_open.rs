//! `--keep-open`: clients that share stdin and stdout.

use std::time::Instant;

use super::hub::{CloseOnDrop, Hub};
use super::per_client::{Make, PerClient};
use super::stdio_client::{StdioClient, StdioDirections};
use super::subscriber::{Subscriber, SubscriberOptions};
use crate::error::Error;
use crate::net::reactor::Waker;
use crate::net::signals::Signals;
use crate::relay::tools::Tools;
use crate::report::Report;
use crate::server::acceptor::{Handler, IncomingClient};
use crate::server::client_session::CountedSession;
use crate::server::setup::ServerSetup;

/// Serves clients that share a hub with the standard streams, until a signal comes.
pub(crate) fn run(
    setup: ServerSetup,
    tools: Tools,
    (report, signals): (&Report, &Signals),
    hub: Hub,
    mut options: SubscriberOptions,
    directions: StdioDirections,
) -> Result<(), Error> {
    setup.open(report, signals, |io, client_options| {
        io.spawn(|io| {
            let stdio = StdioClient::open(&hub, &io, options, directions)?;
            options.closes_at_eof |= !stdio.input_can_end();
            Ok(stdio)
        })?;
        let (closing, acceptor) = (CloseOnDrop::new(&hub), io.waker());
        let make = move |client| {
            Ok(Box::new(Subscriber::new(client, closing.hub(), options)) as Box<dyn CountedSession>)
        };
        Ok(KeepOpen { clients: PerClient::new(io, client_options, tools, make), hub, acceptor })
    })
}

/// A handler that waits until stdout has written the clients' bytes.
struct KeepOpen<F> {
    clients: PerClient<F>,
    hub: Hub,
    acceptor: Waker,
}

impl<F: Make> Handler for KeepOpen<F> {
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool {
        self.clients.accept(incoming, now)
    }

    fn may_close(&self) -> bool {
        self.hub.is_written(self.hub.published_to_output(), &self.acceptor)
    }
}
