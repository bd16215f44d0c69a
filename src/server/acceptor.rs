//! The accept loop of every server, with its limits.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) use super::accept_turn::CLIENTS_PER_TURN;
use super::accept_turn::{AcceptTurn, Look};
pub(crate) use super::access_lists::AccessLists;
pub(crate) use super::limits::{
    ClientLimits, DESCRIPTORS_RESERVED, DescriptorBudget, ExplicitLimits, NO_LIMIT, OverloadPolicy,
};
use super::permits::{Permit, Permits, Rejection};
use super::proxy_header_gate::{IdentifiedClient, ProxyHeaderGate};
use super::trust::Authorization;
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::endpoint::PeerName;
use crate::net::listen::Listener;
use crate::net::listen::is_one_clients;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::net::stream::Socket;
use crate::report::{Refusal, Report};

/// How long accepting pauses when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Interval between two reports of the same trouble.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);
/// Interval after which lines about clients are summed up. It doubles each time that there were too many.
const SUMMING_INTERVAL: Duration = Duration::from_secs(1);
/// Upper bound of that interval.
const LONGEST_SUMMING_INTERVAL: Duration = Duration::from_secs(60);

/// An accepted client within the limits.
pub(crate) struct IncomingClient {
    pub(crate) socket: Socket,
    /// The address that it connected to, if a PROXY header named it.
    pub(crate) destination: Option<SocketAddr>,
    /// Who it is, and what it may do.
    pub(crate) authorization: Authorization,
    /// Counts the client until it is dropped.
    pub(crate) permit: Permit,
}

/// The part of a server that serves the clients of an [`Acceptor`].
pub(crate) trait Handler {
    /// Begins to serve a client. A failure is that client's own: see [`Permit::fail`]. False if the client was gone already
    /// and does not count.
    fn accept(&mut self, incoming: IncomingClient, now: Instant) -> bool;

    /// True if a client over the limit of its source may begin its handshake: it may turn out to need no slot of its own.
    fn may_exceed_source_limit(&self) -> bool {
        false
    }

    /// True if a connected client may turn out to be a further connection of another client.
    fn count_may_decrease(&self) -> bool {
        false
    }

    /// Receives the socket of a rejected client. Its connection is reset when the socket is dropped.
    fn reject(&mut self, _socket: Socket, _why: Rejection, _now: Instant) {}

    /// False while work for clients that have left continues. The handler wakes the acceptor when the answer may have changed.
    fn may_close(&self) -> bool {
        true
    }

    /// False while so many wait for their admission, or after it, that no more can be accepted. Some of them may be evicted.
    fn has_room(&self) -> bool {
        true
    }

    /// No more clients are accepted.
    fn close(&mut self) {}

    /// When [`Handler::advance`] is to be called if nothing happens before.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Called in each of the acceptor's turns, before clients are accepted. An error or [`Status::RunOver`] ends the run.
    fn advance(&mut self, _now: Instant) -> Result<Status, Error> {
        Ok(Status::Waiting)
    }
}

/// A session that accepts clients from several listeners for one handler.
pub(crate) struct Acceptor<H> {
    listeners: Vec<Listener>,
    accept_turn: AcceptTurn,
    handler: H,
    limits: ClientLimits,
    permits: Permits,
    header_gate: Option<ProxyHeaderGate>,
    lists: Option<AccessLists>,
    /// The time of the last turn.
    last_turn: Option<Instant>,
    /// The line that the next client waits was printed.
    reported_full: bool,
    /// Since when no client is connected.
    empty_since: Option<Instant>,
    paused_until: Option<Instant>,
    complaints: Complaints,
    /// When the lines about clients are summed up, if there are any.
    summing_until: Option<Instant>,
    summing_interval: Duration,
    report: Report,
}

impl<H: Handler> Acceptor<H> {
    /// An acceptor that accepts from its first turn on.
    pub(crate) fn new(
        listeners: Vec<Listener>,
        limits: ClientLimits,
        (access, lists): (Access, Option<AccessLists>),
        (io, report): (&Io, &Report),
        handler: H,
    ) -> Result<Acceptor<H>, Error> {
        let report = &report.summing();
        if let Some(asked) = limits.requested_max_clients {
            report.warning(format_args!(
                "--max-clients {asked}: the limit on descriptors (ulimit -n) has room for {} at a time; others wait",
                limits.max_clients
            ));
        }
        report.metrics().max_clients.set(limits.max_clients as u64);
        Ok(Acceptor {
            listeners,
            accept_turn: AcceptTurn::default(),
            handler,
            permits: Permits::new(
                access,
                limits.per_source,
                limits.total_clients == Some(1),
                (io.waker(), report),
            ),
            header_gate: limits.proxy_header_timeout.map(|limit| ProxyHeaderGate::new(limit, io, report)),
            limits,
            lists,
            last_turn: None,
            reported_full: false,
            empty_since: None,
            paused_until: None,
            complaints: Complaints::default(),
            summing_until: None,
            summing_interval: SUMMING_INTERVAL,
            report: report.clone(),
        })
    }

    /// Accepts clients. [`Status::Again`]: more may wait than one turn accepts.
    fn accept(&mut self, now: Instant) -> Status {
        if self.paused_until.is_some_and(|until| now < until) {
            return Status::Waiting;
        }
        self.paused_until = None;
        for client in self.header_gate.as_ref().map(ProxyHeaderGate::identified).unwrap_or_default() {
            self.begin_client(client, now);
        }
        let mut turn = self.accept_turn;
        let is_used_up =
            turn.run(self, |acceptor| acceptor.listeners.len(), |acceptor, index| acceptor.look(index, now));
        self.accept_turn = turn;
        if is_used_up { Status::Again } else { Status::Waiting }
    }

    /// Accepts or rejects a client of one listener, if there is one.
    fn look(&mut self, index: usize, now: Instant) -> Look {
        let is_full = !self.has_room();
        if is_full && !(self.rejects_when_full() && self.listeners[index].can_reset()) {
            self.report_full_once();
            return Look::Nothing;
        }
        let accepted = self.listeners[index].accept();
        if let Ok(Some(_)) = accepted {
            self.report.metrics().connections.add(1);
        }
        match accepted {
            Ok(Some((socket, name))) if is_full => self.reject(socket, &name, Rejection::Full, now),
            Ok(Some((socket, name))) => match &self.header_gate {
                Some(gate) => gate.enter(socket, name, now),
                None => self.begin_client(IdentifiedClient { socket, name, destination: None }, now),
            },
            Ok(None) => return Look::Nothing,
            Err(error) if is_one_clients(&error) => {}
            Err(error) => {
                self.paused_until = Some(now + ACCEPT_PAUSE);
                if self.complaints.may_complain(now) {
                    self.report.warning(format_args!("cannot accept clients for now: {error}"));
                }
                return Look::Stop;
            }
        }
        Look::Client
    }

    /// Connections whose PROXY header is not complete.
    fn waiting(&self) -> usize {
        self.header_gate.as_ref().map_or(0, ProxyHeaderGate::waiting)
    }

    /// Closes the listeners once the wanted number of clients was accepted.
    fn close_if_complete(&mut self) {
        if self.limits.total_clients.is_some_and(|count| self.permits.clients() >= count)
            && !self.handler.count_may_decrease()
        {
            self.listeners.clear();
            self.handler.close();
        }
    }

    /// True if one more client may connect. Connections without a complete PROXY header count as clients.
    fn has_room(&self) -> bool {
        let waiting = self.waiting();
        let is_last_one_here = |count| self.permits.clients() + waiting as u64 >= count;
        self.permits.served() + waiting < self.limits.max_clients
            && self.handler.has_room()
            && !self.limits.total_clients.is_some_and(is_last_one_here)
    }

    /// True if clients over the limit are rejected. Not if they wait because of `--count` alone: the last wanted client may
    /// still leave without a complete PROXY header.
    fn rejects_when_full(&self) -> bool {
        self.limits.overload == OverloadPolicy::Reset
            && self.permits.served() + self.waiting() >= self.limits.max_clients
    }

    /// Reports once that the server is full: a client that waits in the queue gets no message.
    fn report_full_once(&mut self) {
        let clients = self.limits.max_clients;
        if self.permits.served() < clients || self.limits.total_clients.is_some() || self.reported_full {
            return;
        }
        self.reported_full = true;
        let places =
            if clients == 1 { "the one place is".into() } else { format!("all {clients} places are") };
        self.report.warning(format_args!(
            "{places} taken: the next client waits until one leaves (reported once; see --max-clients and --full{})",
            self.limits.full_hint
        ));
    }

    fn begin_client(&mut self, client: IdentifiedClient, now: Instant) {
        let IdentifiedClient { socket, name, destination } = client;
        // A client that may still be rejected cannot be one of the `--count` clients.
        let over_source_limit_ok =
            self.limits.total_clients.is_none() && self.handler.may_exceed_source_limit();
        match self.permits.grant(&name, self.report.about(&name), over_source_limit_ok) {
            Ok(permit) => {
                self.report.detail(format_args!("client {name}"));
                self.report.peer("connected", &name);
                let client =
                    IncomingClient { socket, destination, authorization: Authorization::NotAsked, permit };
                if self.handler.accept(client, now) {
                    self.permits.count_accepted();
                }
                self.close_if_complete();
            }
            Err(why) => self.reject(socket, &name, why, now),
        }
    }

    fn reject(&mut self, socket: Socket, name: &PeerName, why: Rejection, now: Instant) {
        let (counted, text) = match why {
            Rejection::Denied => (Refusal::Denied, "refused by --allow or --deny"),
            Rejection::TooMany => {
                (Refusal::PerSource, "refused: too many clients from its address (see --max-per-source)")
            }
            Rejection::Full => (Refusal::Full, "refused: too many clients (see --max-clients and --full)"),
        };
        self.report.metrics().refused(counted);
        self.report.about(name).warning(text);
        // An orderly end would look like an empty answer. The call fails if the client is gone already.
        let _ = socket.reset_on_close(true);
        self.handler.reject(socket, why, now);
    }

    /// Fails if no client was connected for too long.
    fn check_presence(&mut self, now: Instant) -> Result<(), Error> {
        if self.permits.inside() + self.waiting() > 0 {
            self.empty_since = None;
            return Ok(());
        }
        let since = *self.empty_since.get_or_insert(now);
        match self.limits.accept_timeout {
            Some((limit, option)) if now >= since + limit => {
                let limit = humantime::format_duration(limit);
                Err(Error::new(Exit::TimedOut, format!("no client came within {limit} (see {option})")))
            }
            _ => Ok(()),
        }
    }
}

impl<H> Acceptor<H> {
    /// Sums up the lines about clients when it is time. The end of each client advances the acceptor.
    fn sum_up(&mut self, now: Instant) {
        if self.summing_until.is_some_and(|until| now >= until) {
            let interval = self.summing_interval;
            self.summing_interval = match self.report.sum_up(interval) {
                true => (2 * interval).min(LONGEST_SUMMING_INTERVAL),
                false => SUMMING_INTERVAL,
            };
            self.summing_until = None;
        } else if self.summing_until.is_none() && self.report.has_counted() {
            self.summing_until = Some(now + self.summing_interval);
        }
    }
}

impl<H: Handler> Session for Acceptor<H> {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.last_turn = Some(context.now);
        if self.handler.advance(context.now)? == Status::RunOver {
            return Ok(Status::RunOver);
        }
        if let Some(access) = self.lists.as_mut().and_then(|lists| lists.advance(&self.report)) {
            self.permits.set_access(access);
        }
        self.close_if_complete();
        let status = self.accept(context.now);
        if self.listeners.is_empty() && self.permits.inside() == 0 && self.handler.may_close() {
            return self.permits.outcome().map(|()| Status::Done);
        }
        self.check_presence(context.now)?;
        self.sum_up(context.now);
        Ok(status)
    }

    fn stop(&mut self) -> Stop {
        self.listeners.clear();
        // Reports recent failures. An error that would end the run is too late.
        let _ = self.last_turn.map(|now| self.handler.advance(now));
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        let alone = self.empty_since.zip(self.limits.accept_timeout).map(|(since, (limit, _))| since + limit);
        [self.paused_until, self.summing_until, alone, self.handler.deadline()].into_iter().flatten().min()
    }
}

/// Limits reports of the same trouble to one per [`COMPLAINT_INTERVAL`].
#[derive(Default)]
struct Complaints(Option<Instant>);

impl Complaints {
    fn may_complain(&mut self, now: Instant) -> bool {
        let may = self.0.is_none_or(|last| now >= last + COMPLAINT_INTERVAL);
        if may {
            self.0 = Some(now);
        }
        may
    }
}
