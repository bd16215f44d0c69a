//! The session that receives from the clients of a relay, and ends flows.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::flow::{Listener, Shared};
use super::intake::{FlowRules, Intake};
use super::target::Target;
use crate::datagram::turn_cost;
use crate::error::{Error, Exit};
use crate::net::reactor::{Context, Io, Session, Status, Stop};
use crate::net::udp::DatagramSocket;
use crate::proto::datagram::flows::{FlowLimits, FlowTable};
use crate::report::Report;
use crate::server::acceptor::AccessLists;

/// The session of `serve --forward` with datagrams.
pub(crate) struct Relaying {
    shared: Rc<Shared>,
    intake: Intake,
    /// Access lists that may change.
    lists: Option<AccessLists>,
    /// The run fails if there is no flow for this long. The text is the option's name.
    accept_timeout: Option<(Duration, &'static str)>,
    empty_since: Option<Instant>,
    report: Report,
}

impl Relaying {
    pub(crate) fn new(
        sockets: Vec<DatagramSocket>,
        target: Target,
        limits: FlowLimits,
        (rules, lists): (FlowRules, Option<AccessLists>),
        accept_timeout: Option<(Duration, &'static str)>,
        (io, report): (&Io, &Report),
        now: Instant,
    ) -> Relaying {
        sockets.iter().for_each(|socket| report.metrics().datagrams.watch_drops(socket.drop_reader()));
        let listeners = sockets.into_iter().map(Listener::new).collect();
        let shared = Shared::new(listeners, FlowTable::new(limits), target, io.waker(), report);
        let shared = Rc::new(shared);
        let intake = Intake::new(rules, Rc::clone(&shared), (io, report), now);
        Relaying { shared, intake, lists, accept_timeout, empty_since: None, report: report.clone() }
    }

    /// Receives until nothing is there, there is no room to send, or each listener's share of the budget is used up.
    fn receive(&mut self, context: Context) -> Result<Status, Error> {
        let Relaying { shared, intake, .. } = self;
        let mut status = Status::Waiting;
        if !intake.advance(context.now) {
            return Ok(if intake.wants_turn() { Status::Again } else { status });
        }
        for (index, listener) in shared.listeners.iter().enumerate() {
            let mut share_bytes = context.budget_bytes / shared.listeners.len();
            while intake.is_empty() {
                if share_bytes == 0 {
                    status = Status::Again;
                    break;
                }
                let result = listener.socket.receive(&mut shared.buffer.borrow_mut(), |datagram| {
                    share_bytes = share_bytes.saturating_sub(turn_cost(datagram.payload));
                    intake.accept(datagram, index);
                });
                match result {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // A client that was replied to is gone: others are there.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(error) => return Err(Error::new(Exit::Failed, format!("cannot receive: {error}"))),
                }
                // What could not be sent waits, and is sent before more is received.
                intake.flush();
            }
        }
        Ok(if intake.wants_turn() { Status::Again } else { status })
    }

    /// Ends the flows that are silent for too long, or whose peers are denied by new access lists.
    fn end_flows(&mut self, now: Instant) {
        let mut ended = self.shared.flows.borrow_mut().expire(now);
        if let Some(access) = self.lists.as_mut().and_then(|lists| lists.advance(&self.report)) {
            let mut flows = self.shared.flows.borrow_mut();
            ended.extend(flows.retain(|key| key.peer.ip().is_none_or(|ip| access.admits(ip))));
            self.intake.rules.access = access;
        }
        ended.iter().for_each(|flow| self.shared.end(flow));
    }

    /// Fails if there was no flow for too long.
    fn check_presence(&mut self, now: Instant) -> Result<(), Error> {
        if !self.shared.flows.borrow().is_empty() {
            self.empty_since = None;
            return Ok(());
        }
        let since = *self.empty_since.get_or_insert(now);
        match self.accept_timeout {
            Some((limit, option)) if now >= since + limit => {
                let limit = humantime::format_duration(limit);
                Err(Error::new(Exit::TimedOut, format!("no datagram came within {limit} (see {option})")))
            }
            _ => Ok(()),
        }
    }

    fn step(&mut self, context: Context) -> Result<Status, Error> {
        for listener in &self.shared.listeners {
            self.shared.send_replies(listener);
        }
        self.end_flows(context.now);
        let status = self.receive(context)?;
        let has_flows = !self.shared.flows.borrow().is_empty();
        let count = self.intake.rules.count;
        let is_complete = count.is_some_and(|count| self.shared.stats.borrow().flows >= count);
        if is_complete && !has_flows && self.intake.is_empty() {
            return Ok(Status::Done);
        }
        self.check_presence(context.now)?;
        Ok(status)
    }

    fn report_sums(&self) {
        let mut stats = self.shared.stats.borrow_mut();
        stats.count_drops(self.shared.sockets());
        let target = self.shared.target.borrow().endpoint().to_string();
        stats.report_sums("relayed", &target, &self.report);
    }
}

impl Session for Relaying {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        let result = self.step(context);
        self.shared.show_counts();
        match &result {
            Ok(Status::Done) => {
                self.report_sums();
                self.shared.stats.borrow().check()?;
            }
            Err(_) => self.report_sums(),
            _ => {}
        }
        result
    }

    fn stop(&mut self) -> Stop {
        self.report_sums();
        Stop::Now
    }

    fn deadline(&self) -> Option<Instant> {
        let alone = self.empty_since.zip(self.accept_timeout).map(|(since, (limit, _))| since + limit);
        let silent = self.shared.flows.borrow().deadline();
        [silent, alone, self.intake.deadline()].into_iter().flatten().min()
    }
}
