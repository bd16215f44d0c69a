//! Where clients come in: the endpoints, the acceptor before them, and on which terms clients stay.

use std::time::Instant;

use super::acceptor::{Acceptor, AccessLists, ClientLimits, Handler, Incoming};
use super::admission::AccessArgs;
use super::client_session::{CountedSession, SessionLimits};
use super::invitation::invite;
use crate::cli::options::ToolArgs;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::activation::Ready;
use crate::net::child::keep_descriptors;
use crate::net::endpoint::Endpoint;
use crate::net::listen::{Listener, listen_with};
use crate::net::options::SocketOptions;
use crate::net::reactor::{Io, Reactor, Waker};
use crate::net::signals::Signals;
use crate::relay::modes::hub::{Closing, Hub};
use crate::relay::modes::per_client::{Client, Make, PerClient};
use crate::relay::modes::stdio_client::{StdioClient, Ways};
use crate::relay::modes::subscriber::{Manners, Subscriber};
use crate::relay::tools::Tools;
use crate::report::Report;

/// On which terms a client is served.
#[derive(Clone)]
pub(crate) struct ClientTerms {
    pub(crate) session_limits: SessionLimits,
    /// Bytes per second, each way.
    pub(crate) rate: Option<u64>,
    /// Of its socket.
    pub(crate) socket: SocketOptions,
    /// What is written down of it.
    pub(crate) tools: Tools,
}

/// Where clients come in.
pub(crate) struct ServerSetup {
    pub(crate) endpoints: Vec<Endpoint>,
    /// What people are told to type elsewhere, with ADDR for the address.
    pub(crate) invitation: &'static str,
    pub(crate) limits: ClientLimits,
    pub(crate) access: Access,
    pub(crate) access_args: AccessArgs,
    pub(crate) terms: ClientTerms,
    pub(crate) tool_args: ToolArgs,
}

impl ServerSetup {
    /// True if others than this machine's users can connect, and there are no access lists.
    pub(crate) fn is_open_to_others(&self) -> bool {
        self.access.is_empty() && !self.endpoints.iter().all(Endpoint::is_local)
    }

    /// A session of its own for each client.
    pub(crate) fn each<F>(mut self, report: &Report, signals: &Signals, make: F) -> Result<(), Error>
    where
        F: FnMut(Client) -> Result<Box<dyn CountedSession>, Error> + 'static,
    {
        self.terms.tools = Tools::new(&self.tool_args, report)?;
        self.open(report, signals, |io, terms| Ok(PerClient::new(io, terms, make)))
    }

    /// Clients that share stdin and stdout.
    pub(crate) fn keep_open(
        mut self,
        report: &Report,
        signals: &Signals,
        hub: Hub,
        mut manners: Manners,
        ways: Ways,
    ) -> Result<(), Error> {
        self.terms.tools = Tools::new(&self.tool_args, report)?;
        self.open(report, signals, |io, terms| {
            io.spawn(|io| {
                let stdio = StdioClient::open(&hub, &io, manners, ways)?;
                manners.leaves_with_its_end |= !stdio.has_an_end();
                Ok(stdio)
            })?;
            let (closing, acceptor) = (Closing(hub.clone()), io.waker());
            let make = move |client| {
                Ok(Box::new(Subscriber::new(client, &closing.0, manners)) as Box<dyn CountedSession>)
            };
            Ok(Gathering { each: PerClient::new(io, terms, make), hub, acceptor })
        })
    }

    /// Opens the acceptor to a handler.
    pub(crate) fn open<H: Handler + 'static>(
        self,
        report: &Report,
        signals: &Signals,
        handler: impl FnOnce(&Io, ClientTerms) -> Result<H, Error>,
    ) -> Result<(), Error> {
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        let mut _ready = None;
        reactor.add(|io| {
            let lists = AccessLists::new(&self.access_args, self.limits.count.is_some(), (&io, signals))?;
            let listeners =
                listen_on_all((&self.endpoints, self.invitation), &self.terms.socket, &io, report)?;
            let handler = handler(&io, self.terms)?;
            _ready = tell_ready(report);
            Acceptor::new(listeners, self.limits, (self.access, lists), (&io, report), handler)
        })?;
        reactor.run()
    }
}

/// Clients whose words must be written before the end.
struct Gathering<F> {
    each: PerClient<F>,
    hub: Hub,
    acceptor: Waker,
}

impl<F: Make> Handler for Gathering<F> {
    fn accept(&mut self, incoming: Incoming, now: Instant) -> bool {
        self.each.accept(incoming, now)
    }

    fn may_close(&self) -> bool {
        self.hub.is_written(self.hub.said_to_output(), &self.acceptor)
    }
}

/// Binds every endpoint, then reports each listener, and what to type elsewhere to reach them.
pub(crate) fn listen_on_all(
    (endpoints, invitation): (&[Endpoint], &str),
    options: &SocketOptions,
    io: &Io,
    report: &Report,
) -> Result<Vec<Listener>, Error> {
    let mut listeners = Vec::new();
    for endpoint in endpoints {
        listeners.extend(listen_with(endpoint, options, io)?);
    }
    keep_descriptors();
    for listener in &listeners {
        report.listening(listener.name());
    }
    let bound = listeners.iter().filter_map(|listener| listener.name().address()).collect();
    invite(bound, endpoints, invitation, report);
    Ok(listeners)
}

/// Tells whoever has started the process that it serves, until the returned value is dropped.
pub(crate) fn tell_ready(report: &Report) -> Option<Ready> {
    let told = Ready::tell();
    told.map_err(|error| report.warning(format_args!("cannot tell NOTIFY_SOCKET: {error}"))).ok()
}
