//! Where clients come in: the endpoints, the door before them, and on which terms clients stay.

use std::time::Instant;

use super::desk::{Desk, Ways};
use super::each::{Client, Each, Make};
use super::hub::{Closing, Hub};
use super::member::{Manners, Member};
use crate::commands::admission::AccessArgs;
use crate::commands::attended::{StayLimits, Visit};
use crate::commands::door::{Door, DoorLimits, Guest, Host, Lists};
use crate::commands::invite::invite;
use crate::commands::options::ToolArgs;
use crate::commands::tools::Tools;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::activation::Ready;
use crate::net::child::keep_descriptors;
use crate::net::endpoint::Endpoint;
use crate::net::listen::{Listener, listen_with};
use crate::net::options::SocketOptions;
use crate::net::reactor::{Io, Nudge, Reactor};
use crate::net::signals::Signals;
use crate::report::Report;

/// On which terms a client is served.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) stay: StayLimits,
    /// Bytes per second, each way.
    pub(super) rate: Option<u64>,
    /// Of its socket.
    pub(super) socket: SocketOptions,
    /// What is written down of it.
    pub(super) tools: Tools,
}

/// Where clients come in.
pub(super) struct Entrance {
    pub(super) endpoints: Vec<Endpoint>,
    /// What people are told to type elsewhere, with ADDR for the address.
    pub(super) invitation: &'static str,
    pub(super) limits: DoorLimits,
    pub(super) access: Access,
    pub(super) access_args: AccessArgs,
    pub(super) terms: Terms,
    pub(super) tool_args: ToolArgs,
}

impl Entrance {
    /// True if others than this machine's users can connect, and there are no access lists.
    pub(super) fn is_open_to_others(&self) -> bool {
        self.access.is_empty() && !self.endpoints.iter().all(Endpoint::is_local)
    }

    /// A session of its own for each client.
    pub(super) fn each<F>(mut self, report: &Report, signals: &Signals, make: F) -> Result<(), Error>
    where
        F: FnMut(Client) -> Result<Box<dyn Visit>, Error> + 'static,
    {
        self.terms.tools = Tools::new(&self.tool_args, report)?;
        self.open(report, signals, |io, terms| Ok(Each::new(io, terms, make)))
    }

    /// Clients that share stdin and stdout.
    pub(super) fn keep_open(
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
                let desk = Desk::open(&hub, &io, manners, ways)?;
                manners.leaves_with_its_end |= !desk.has_an_end();
                Ok(desk)
            })?;
            let (closing, door) = (Closing(hub.clone()), io.nudge());
            let make = move |client| Ok(Box::new(Member::new(client, &closing.0, manners)) as Box<dyn Visit>);
            Ok(Gathering { each: Each::new(io, terms, make), hub, door })
        })
    }

    /// Opens the door to a host.
    pub(super) fn open<H: Host + 'static>(
        self,
        report: &Report,
        signals: &Signals,
        host: impl FnOnce(&Io, Terms) -> Result<H, Error>,
    ) -> Result<(), Error> {
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        let mut _ready = None;
        reactor.add(|io| {
            let lists = Lists::new(&self.access_args, self.limits.count.is_some(), (&io, signals))?;
            let listeners =
                listen_on_all((&self.endpoints, self.invitation), &self.terms.socket, &io, report)?;
            let host = host(&io, self.terms)?;
            _ready = tell_ready(report);
            Door::new(listeners, self.limits, (self.access, lists), (&io, report), host)
        })?;
        reactor.run()
    }
}

/// Clients whose words must be written before the end.
struct Gathering<F> {
    each: Each<F>,
    hub: Hub,
    door: Nudge,
}

impl<F: Make> Host for Gathering<F> {
    fn welcome(&mut self, guest: Guest, now: Instant) -> bool {
        self.each.welcome(guest, now)
    }

    fn may_close(&self) -> bool {
        self.hub.is_written(self.hub.said_to_output(), &self.door)
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
