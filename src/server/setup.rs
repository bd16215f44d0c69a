//! A server's setup: its endpoints, its acceptor, and the options of its clients.

use super::acceptor::{Acceptor, AccessLists, ClientLimits, Handler};
use super::access_sources::AccessSources;
use super::client_session::SessionLimits;
use super::invitation::{WebInvitation, invite};
use super::tls_gate::{GateTerms, TlsGate};
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::activation::Ready;
use crate::net::child::keep_descriptors;
use crate::net::endpoint::Endpoint;
use crate::net::listen::{Listener, listen_with, reached_by_others};
use crate::net::options::SocketOptions;
use crate::net::reactor::{Io, Reactor, Session};
use crate::net::signals::Signals;
use crate::proto::secure::server::Policy as _;
use crate::report::Report;

/// Options that each client's session has.
#[derive(Clone)]
pub(crate) struct ClientOptions {
    pub(crate) session_limits: SessionLimits,
    /// Bytes per second, each way.
    pub(crate) rate: Option<u64>,
    /// Options of its socket.
    pub(crate) socket: SocketOptions,
}

/// A server's endpoints, limits and options, before anything is opened.
pub(crate) struct ServerSetup {
    pub(crate) endpoints: Vec<Endpoint>,
    /// The command that reaches the server from another machine, with ADDR in place of the address.
    pub(crate) invitation: &'static str,
    pub(crate) limits: ClientLimits,
    pub(crate) access: Access,
    pub(crate) access_sources: AccessSources,
    pub(crate) terms: ClientOptions,
    /// What clients do before they are served.
    pub(crate) gate: Option<GateTerms>,
    /// What people need for their browsers.
    pub(crate) web: Option<WebInvitation>,
}

impl ServerSetup {
    /// True if others than this machine's users can connect, and there are no access lists.
    pub(crate) fn is_open_to_others(&self) -> bool {
        let is_reached =
            |endpoint| !matches!(reached_by_others(endpoint, false), Ok(reached) if reached.is_empty());
        self.access.is_empty() && self.endpoints.iter().any(is_reached)
    }

    /// Binds the endpoints, makes the handler, and runs an acceptor for it until the run is over.
    pub(crate) fn open<H: Handler + 'static>(
        self,
        report: &Report,
        signals: &Signals,
        handler: impl FnOnce(&Io, ClientOptions) -> Result<H, Error>,
    ) -> Result<(), Error> {
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        let mut _ready = None;
        reactor.add(|io| {
            let lists = AccessLists::new(
                &self.access_sources,
                self.gate.as_ref().and_then(GateTerms::tls),
                self.limits.total_clients.is_some(),
                (&io, signals),
            )?;
            // Where no code tells a client who the server is, its key does.
            let invitation = match &self.gate {
                Some(GateTerms::Admission { trust, .. })
                    if !trust.is_plain && trust.policy.code().is_none() =>
                {
                    self.invitation.replace("ADDR", &format!("ADDR#{}", trust.tls.pin()))
                }
                _ => self.invitation.to_owned(),
            };
            let listeners = listen_on_all((&self.endpoints, &invitation), &self.terms.socket, &io, report)?;
            if let Some(GateTerms::Admission { trust, .. }) = &self.gate {
                report.admission(trust.shown_code.as_ref().map(|code| code.as_str()), trust.tls.pin());
                if let Some(reached) = &trust.reached {
                    let text = "other machines reach it, so clients need the code (see --open and --plain)";
                    report.info(format_args!("{reached}: {text}"));
                }
                if trust.is_plain {
                    report.warning("--plain: whoever is in between can read and change what passes");
                }
            }
            if let Some(web) = &self.web {
                web.print(
                    listeners.iter().filter_map(|listener| listener.name().address()).collect(),
                    report,
                );
            }
            let handler = handler(&io, self.terms)?;
            _ready = notify_ready(report);
            acceptor((listeners, self.limits), (self.access, lists), self.gate, (&io, report), handler)
        })?;
        reactor.run()
    }
}

/// An acceptor for `handler`: with TLS, for a gate before it.
pub(crate) fn acceptor<H: Handler + 'static>(
    (listeners, limits): (Vec<Listener>, ClientLimits),
    access: (Access, Option<AccessLists>),
    gate: Option<GateTerms>,
    context: (&Io, &Report),
    handler: H,
) -> Result<Box<dyn Session>, Error> {
    Ok(match gate {
        Some(terms) => {
            let handler = TlsGate::new(handler, terms, &limits, context.0);
            Box::new(Acceptor::new(listeners, limits, access, context, handler)?)
        }
        None => Box::new(Acceptor::new(listeners, limits, access, context, handler)?),
    })
}

/// Binds every endpoint, then reports each listener and the command that reaches them from another machine.
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

/// Notifies the service manager (`NOTIFY_SOCKET`) that the server is ready, and, when the value is dropped, that it stops.
pub(crate) fn notify_ready(report: &Report) -> Option<Ready> {
    Ready::notify().map_err(|error| report.warning(format_args!("cannot notify NOTIFY_SOCKET: {error}"))).ok()
}
