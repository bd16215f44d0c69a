//! `serve --forward` of datagrams.

use std::time::Duration;

use super::mode::{DatagramPlan, Mode};
use super::{Plan, start_metrics};
use crate::datagram::relay::intake::{FlowRules, max_new_flows};
use crate::datagram::relay::session::Relaying;
use crate::datagram::relay::target::Target;
use crate::error::{Error, Exit};
use crate::net::child::keep_descriptors;
use crate::net::endpoint::Endpoint;
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::udp::{self, DatagramSocket, Options};
use crate::proto::datagram::flows::FlowLimits;
use crate::report::Report;
use crate::server::acceptor::{AccessLists, ClientLimits, OverloadPolicy};
use crate::server::invitation::invite;
use crate::server::places::SourceSlots;
use crate::server::setup::notify_ready;

/// The size of the receive queue of each flow: for a burst of the largest datagrams.
const FLOW_QUEUE_BYTES: usize = 4 << 20;
/// The default time after which a silent flow ends. RFC 4787, section 4.3: not less than two minutes.
pub(crate) const FLOW_IDLE: Duration = Duration::from_secs(120);

/// Relays datagrams until `--count` peers were served, or a signal arrives.
pub(super) fn relay(
    plan: Plan,
    limits: ClientLimits,
    (report, signals): (&Report, &Signals),
) -> Result<(), Error> {
    let access = plan.access.load()?;
    let _metrics = start_metrics((&plan.metrics, &plan.mode), report, signals)?;
    let Mode::Datagrams(DatagramPlan { target, idle }) = plan.mode else { return Ok(()) };
    let is_named =
        |endpoint: &Endpoint| matches!(endpoint, Endpoint::UnixPath(_) | Endpoint::UnixAbstract(_));
    if !access.is_empty() && plan.endpoints.iter().any(is_named) {
        let text = "--allow and --deny are about addresses, and peers of a Unix socket have none";
        return Err(Error::new(Exit::Usage, text));
    }
    let family = plan.socket.family;
    let options = Options { family, receive_queue_bytes: Some(FLOW_QUEUE_BYTES), ..Options::default() };
    let target = Target::new(target, options, report)?;
    if let Some(asked) = limits.requested_max_clients {
        report.warning(format_args!(
            "--max-clients {asked}: the limit on descriptors (ulimit -n) has room for {} flows at a time",
            limits.max_clients
        ));
    }
    let mut _ready = None;
    let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
    reactor.add_at_start(|io, now| {
        let mut sockets: Vec<DatagramSocket> = Vec::new();
        for endpoint in &plan.endpoints {
            sockets.extend(udp::listen(endpoint, &Options { family, ..Options::default() }, &io)?);
        }
        keep_descriptors();
        target.check(&sockets.iter().collect::<Vec<_>>(), &io)?;
        let lists = AccessLists::new(&plan.access, None, limits.total_clients.is_some(), (&io, signals))?;
        for socket in &sockets {
            report.listening(socket.local_address());
        }
        let bound = sockets.iter().filter_map(|socket| socket.local_address().to_name().address()).collect();
        invite(bound, &plan.endpoints, plan.client_command, report);
        _ready = notify_ready(report);
        let rules = FlowRules {
            access,
            sources: SourceSlots::new(limits.per_source),
            count: limits.total_clients,
            max_flows: limits.max_clients,
            max_new_flows: max_new_flows(),
        };
        let evicts = limits.overload == OverloadPolicy::Queue;
        let flows = FlowLimits { max_flows: limits.max_clients, idle, evicts };
        Ok(Relaying::new(sockets, target, flows, (rules, lists), limits.accept_timeout, (&io, report), now))
    })?;
    reactor.run()
}
