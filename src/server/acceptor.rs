//! Takes clients in: one accept loop for every server, with its limits.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) use super::access_lists::AccessLists;
use super::admission::{Admission, AdmissionError, Permit};
pub(crate) use super::limits::{
    ClientLimits, DESCRIPTORS_RESERVED, DescriptorBudget, ExplicitLimits, NO_LIMIT, OverloadPolicy,
};
use super::proxy_header_gate::{IdentifiedClient, ProxyHeaderGate};
use crate::error::{Error, Exit};
use crate::net::access::Access;
use crate::net::endpoint::PeerName;
use crate::net::listen::Listener;
use crate::net::listen::is_one_clients;
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::net::stream::Socket;
use crate::report::Report;

/// How long accepting pauses when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the same trouble is told.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);
/// How long lines about clients are counted before they are summed up: twice as long after each time that there were too
/// many, up to a minute.
const SUMMING_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_SUMMING_INTERVAL: Duration = Duration::from_secs(60);

/// A client that may come in.
pub(crate) struct AdmittedClient {
    pub(crate) socket: Socket,
    /// Where it connected to, if a PROXY header has said that.
    pub(crate) destination: Option<SocketAddr>,
    /// To be held for as long as the client is served.
    pub(crate) permit: Permit,
}

/// What is behind an acceptor.
pub(crate) trait Handler {
    /// Serves a client. What fails is that client's affair, see [`Permit::fail`]. False if it was gone already: then it
    /// does not count.
    fn accept(&mut self, incoming: AdmittedClient, now: Instant) -> bool;

    /// Whether a client that is too many from its source is heard all the same, because it may need no place of its own.
    fn may_exceed_source_limit(&self) -> bool {
        false
    }

    /// Whether somebody who is in may turn out to be no client, but a further connection of one.
    fn count_may_decrease(&self) -> bool {
        false
    }

    /// A client may not come in; its connection is reset when its socket is dropped.
    fn reject(&mut self, _socket: Socket, _why: AdmissionError) {}

    /// False while something of those who have left is still to be done; then the acceptor is woken when it is worth
    /// asking again.
    fn may_close(&self) -> bool {
        true
    }

    /// Called in each of the acceptor's turns, before clients are taken in. An error or [`Status::RunOver`] ends the run.
    fn advance(&mut self) -> Result<Status, Error> {
        Ok(Status::Waiting)
    }
}

/// Several listeners and one handler.
pub(crate) struct Acceptor<H> {
    listeners: Vec<Listener>,
    handler: H,
    limits: ClientLimits,
    admission: Admission,
    gate: Option<ProxyHeaderGate>,
    lists: Option<AccessLists>,
    taken: u64,
    /// It was told that the next client waits.
    reported_full: bool,
    /// Since when nobody is in.
    empty_since: Option<Instant>,
    paused_until: Option<Instant>,
    complaints: Complaints,
    /// Until when lines about clients are counted, if there was one, and how long it is each time.
    summing_until: Option<Instant>,
    summing_interval: Duration,
    report: Report,
}

impl<H: Handler> Acceptor<H> {
    /// An acceptor that opens when it is first advanced.
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
        Ok(Acceptor {
            listeners,
            handler,
            admission: Admission::new(access, limits.per_source, limits.total_clients == Some(1), io.waker()),
            gate: limits.proxy_header_timeout.map(|limit| ProxyHeaderGate::new(limit, io, report)),
            limits,
            lists,
            taken: 0,
            reported_full: false,
            empty_since: None,
            paused_until: None,
            complaints: Complaints::default(),
            summing_until: None,
            summing_interval: SUMMING_INTERVAL,
            report: report.clone(),
        })
    }

    fn accept(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.paused_until = None;
        for announced in self.gate.as_ref().map(ProxyHeaderGate::announced).unwrap_or_default() {
            self.take_in(announced, now);
        }
        let mut index = 0;
        while index < self.listeners.len() {
            let is_full = !self.has_room();
            if is_full && !(self.refuses_when_full() && self.listeners[index].can_refuse()) {
                self.report_full_once();
                index += 1;
                continue;
            }
            match self.listeners[index].accept() {
                Ok(Some((socket, name))) if is_full => self.reject(socket, &name, AdmissionError::Full),
                Ok(Some((socket, name))) => match &self.gate {
                    Some(gate) => gate.enter(socket, name, now),
                    None => self.take_in(IdentifiedClient { socket, name, destination: None }, now),
                },
                Ok(None) => index += 1,
                Err(error) if is_one_clients(&error) => {}
                Err(error) => {
                    self.paused_until = Some(now + ACCEPT_PAUSE);
                    if self.complaints.may_complain(now) {
                        self.report.warning(format_args!("cannot accept clients for now: {error}"));
                    }
                    return;
                }
            }
        }
    }

    /// How many have not said who they are.
    fn waiting(&self) -> usize {
        self.gate.as_ref().map_or(0, ProxyHeaderGate::waiting)
    }

    /// How many clients have come, as far as is known.
    fn clients(&self) -> u64 {
        self.taken.saturating_sub(self.admission.further())
    }

    /// With all that are wanted no more are awaited.
    fn close_if_complete(&mut self) {
        if self.limits.total_clients.is_some_and(|count| self.clients() >= count)
            && !self.handler.count_may_decrease()
        {
            self.listeners.clear();
        }
    }

    /// Whether one more may come; those who have not said who they are count as if they were in.
    fn has_room(&self) -> bool {
        let waiting = self.waiting();
        let is_last_one_here = |count| self.clients() + waiting as u64 >= count;
        self.admission.inside() + waiting < self.limits.max_clients
            && !self.limits.total_clients.is_some_and(is_last_one_here)
    }

    /// Whether clients who find no room are turned away. Not if they wait because of `--count`: the last one that is
    /// wanted may be gone again without having said who it is.
    fn refuses_when_full(&self) -> bool {
        self.limits.overload == OverloadPolicy::Reset
            && self.admission.inside() + self.waiting() >= self.limits.max_clients
    }

    /// Who waits hears nothing, so the server's owner does, once.
    fn report_full_once(&mut self) {
        let clients = self.limits.max_clients;
        if self.admission.inside() < clients || self.limits.total_clients.is_some() || self.reported_full {
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

    fn take_in(&mut self, client: IdentifiedClient, now: Instant) {
        let IdentifiedClient { socket, name, destination } = client;
        // Whoever is served only perhaps cannot be one of so many.
        let over_source_limit_ok =
            self.limits.total_clients.is_none() && self.handler.may_exceed_source_limit();
        match self.admission.enter(&name, self.report.about(&name), over_source_limit_ok) {
            Ok(permit) => {
                self.report.detail(format_args!("client {name}"));
                self.report.peer("connected", &name);
                self.taken +=
                    u64::from(self.handler.accept(AdmittedClient { socket, destination, permit }, now));
                self.close_if_complete();
            }
            Err(why) => self.reject(socket, &name, why),
        }
    }

    fn reject(&mut self, socket: Socket, name: &PeerName, why: AdmissionError) {
        self.report.about(name).warning(match why {
            AdmissionError::Denied => "refused by --allow or --deny",
            AdmissionError::TooMany => "refused: too many clients from its address (see --max-per-source)",
            AdmissionError::Full => "refused: too many clients (see --max-clients and --full)",
        });
        // An orderly end would look as if it had been served and there was nothing to say. A client that is gone
        // already hears nothing.
        let _ = socket.reset_on_close(true);
        self.handler.reject(socket, why);
    }

    /// Fails when nobody was in for too long.
    fn check_presence(&mut self, now: Instant) -> Result<(), Error> {
        if self.admission.inside() + self.waiting() > 0 {
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
    /// Sums up the lines about clients when it is time. Each that fails has the acceptor advanced.
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
        if self.handler.advance()? == Status::RunOver {
            return Ok(Status::RunOver);
        }
        if let Some(access) = self.lists.as_mut().and_then(|lists| lists.advance(&self.report)) {
            self.admission.set_access(access);
        }
        self.close_if_complete();
        self.accept(context.now);
        if self.listeners.is_empty() && self.admission.inside() == 0 && self.handler.may_close() {
            return self.admission.outcome().map(|()| Status::Done);
        }
        self.check_presence(context.now)?;
        self.sum_up(context.now);
        Ok(Status::Waiting)
    }

    fn stop(&mut self) -> Stop {
        self.listeners.clear();
        // What has failed just now is told. Errors that end the run have come too late for that.
        let _ = self.handler.advance();
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        let alone = self.empty_since.zip(self.limits.accept_timeout).map(|(since, (limit, _))| since + limit);
        [self.paused_until, self.summing_until, alone].into_iter().flatten().min()
    }
}

/// The same trouble is told once a second at most.
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
