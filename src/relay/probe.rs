//! `connect --probe`: a report for each port, open or not. Nothing is sent on connections, and a datagram to ports of
//! datagrams.

mod datagrams;
mod result;
pub(crate) mod target;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::datagrams::DatagramProbe;
use self::result::{Outcome, PortReport, poll_direct, poll_proxied};
use self::target::{ProbeTarget, Resolved, TargetState};
use super::proxies::Via;
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::connecting::Connect;
use crate::net::dial::Dial;
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Context, Io, Session, Status};
use crate::net::send::{SendBuffer, Sent, send_all};
use crate::net::stdio::{Stdio, check_stdout};
use crate::net::udp::ReceiveBuffer;
use crate::report::Report;

/// Most attempts at a time; fewer where descriptors are short.
const MAX_CONCURRENT: u64 = 1000;
const DESCRIPTORS_RESERVED: u64 = 16;
/// The same through a proxy, which has limits of its own.
const MAX_CONCURRENT_BY_PROXY: usize = 8;

/// The targets of a probe, and its limits.
pub(crate) struct ProbePlan {
    pub(crate) targets: Vec<ProbeTarget>,
    /// For each address of a host.
    pub(crate) connect_timeout: Duration,
    /// For an answer from a port of datagrams.
    pub(crate) answer_timeout: Duration,
    /// Further rounds, for ports that are not open.
    pub(crate) retries: u32,
    /// From the last failure of a host's round to the next round.
    pub(crate) retry_interval: Duration,
    /// For the whole probe.
    pub(crate) total_timeout: Option<Duration>,
}

/// A probe: tries the ports, and prints a line for each in the order of the plan.
pub(crate) struct Probe {
    plan: ProbePlan,
    deadline: Option<Instant>,
    io: Io,
    attempts: Vec<Attempt>,
    max_concurrent: usize,
    /// Reports by number, which wait for those before them.
    ready_reports: BTreeMap<usize, PortReport>,
    next_to_print: usize,
    /// Ports that are not open, and those among them that are silent.
    closed: usize,
    silent: usize,
    last_reason: String,
    has_announced_retry: bool,
    stdout: Stdio,
    lines: SendBuffer,
    /// For answers.
    buffer: ReceiveBuffer,
    report: Report,
}

struct Attempt {
    target: usize,
    /// Among the target's ports.
    index: usize,
    started: Instant,
    route: ProbeRoute,
}

enum ProbeRoute {
    Direct(Box<Dial>),
    /// With the name of the port.
    Proxied(Box<Via>, PeerName),
    Datagram(Box<DatagramProbe>),
}

impl ProbeRoute {
    fn deadline(&self) -> Option<Instant> {
        match self {
            ProbeRoute::Direct(dial) => dial.deadline(),
            ProbeRoute::Proxied(via, _) => via.deadline(),
            ProbeRoute::Datagram(probe) => Some(probe.deadline()),
        }
    }
}

impl Probe {
    pub(crate) fn new(plan: ProbePlan, io: Io, report: &Report, now: Instant) -> Result<Probe, Error> {
        check_stdout()?;
        Ok(Probe {
            deadline: plan.total_timeout.map(|within| now + within),
            plan,
            attempts: Vec::new(),
            max_concurrent: MAX_CONCURRENT as usize,
            ready_reports: BTreeMap::new(),
            next_to_print: 0,
            closed: 0,
            silent: 0,
            last_reason: String::new(),
            has_announced_retry: false,
            stdout: Stdio::open(&io)?,
            lines: SendBuffer::default(),
            buffer: ReceiveBuffer::default(),
            report: report.clone(),
            io,
        })
    }

    fn port_count(&self) -> usize {
        self.plan.targets.iter().map(ProbeTarget::port_count).sum()
    }

    /// Advances each host: to its addresses, to its next round, to its end.
    fn advance_targets(&mut self, now: Instant) -> Result<(), Error> {
        let is_late = self.deadline.is_some_and(|end| now >= end);
        for index in 0..self.plan.targets.len() {
            let ProbePlan { targets, connect_timeout, retries, retry_interval, .. } = &mut self.plan;
            let target = &mut targets[index];
            match target.resolve(*connect_timeout, &self.io, now)? {
                Resolved::Addresses(count) => {
                    self.max_concurrent = self.max_concurrent.min(max_concurrent_for(count))
                }
                Resolved::Proxies => self.max_concurrent = self.max_concurrent.min(MAX_CONCURRENT_BY_PROXY),
                Resolved::Nothing(state, why) => {
                    let failed: Vec<usize> = target.take_due();
                    for port in failed {
                        let name = target.name_of(port);
                        let (result, time) = ((state, &name), Duration::ZERO);
                        let outcome =
                            PortReport::new(&self.report, target.number_of(port), result, Some(&why), time);
                        target.failed.insert(port, outcome);
                    }
                }
                Resolved::Waiting => {}
            }
            if is_late {
                self.time_out(index, now);
                continue;
            }
            if target.is_tried() {
                if target.failed.is_empty() || target.round >= *retries || target.is_hopeless {
                    self.finish_target(index);
                } else {
                    target.state = TargetState::Pausing(now + *retry_interval);
                }
            }
        }
        self.announce_retry_once();
        Ok(())
    }

    /// Reports all ports of a host that are not open yet as timed out.
    fn time_out(&mut self, index: usize, now: Instant) {
        let attempts: Vec<Attempt> =
            self.attempts.extract_if(.., |attempt| attempt.target == index).collect();
        let target = &mut self.plan.targets[index];
        let started = attempts.iter().map(|attempt| (attempt.index, attempt.started));
        let due: Vec<(usize, Instant)> = target.take_due().into_iter().map(|port| (port, now)).collect();
        for (port, started) in started.chain(due) {
            let name = target.name_of(port);
            let state = if target.datagram.is_some() { "silent" } else { "timeout" };
            let why = Some("no answer in time");
            let outcome =
                PortReport::new(&self.report, target.number_of(port), (state, &name), why, now - started);
            target.failed.entry(port).or_insert(outcome);
        }
        self.finish_target(index);
    }

    /// Ends a host's last round: the reports of its closed ports are ready.
    fn finish_target(&mut self, index: usize) {
        let before: usize = self.plan.targets[..index].iter().map(ProbeTarget::port_count).sum();
        let target = &mut self.plan.targets[index];
        target.state = TargetState::Over;
        self.ready_reports.extend(
            std::mem::take(&mut target.failed).into_iter().map(|(port, outcome)| (before + port, outcome)),
        );
    }

    /// Announces the retries, once, when all ports were tried and some will be tried again.
    fn announce_retry_once(&mut self) {
        let targets = &self.plan.targets;
        let is_first_round_over = targets.iter().all(|target| {
            matches!(target.state, TargetState::Pausing(_) | TargetState::Over) || target.round > 0
        });
        if self.has_announced_retry || !is_first_round_over {
            return;
        }
        let mut waiting = targets
            .iter()
            .filter(|target| target.state != TargetState::Over)
            .flat_map(|target| &target.failed);
        let text = match (waiting.next(), waiting.count()) {
            (None, _) => return,
            (Some((_, outcome)), 0) => outcome.reason.clone(),
            (Some(_), more) => format!("{} of {} ports are not open", more + 1, self.port_count()),
        };
        self.has_announced_retry = true;
        let (pause, retries) = (humantime::format_duration(self.plan.retry_interval), self.plan.retries);
        let limit = match self.plan.total_timeout {
            Some(within) => format!(", for {}", humantime::format_duration(within)),
            None => format!(", {retries} times"),
        };
        self.report.retry(format_args!("{text}; trying again every {pause}{limit}"));
    }

    /// Starts as many attempts as allowed, for each host in turn.
    fn start_attempts(&mut self, now: Instant) -> Result<(), Error> {
        let mut is_any_left = true;
        while is_any_left {
            is_any_left = false;
            for (number, target) in self.plan.targets.iter_mut().enumerate() {
                if self.attempts.len() >= self.max_concurrent {
                    return Ok(());
                }
                let Some((index, addresses)) = target.next_due() else { continue };
                is_any_left = true;
                let (limit, connector) = (self.plan.connect_timeout, target.connector_of(index));
                let route = match connector.through(limit, &self.io)? {
                    None if let Some(payload) = target.datagram.clone() => {
                        let (local, limit) = (connector.local(), self.plan.answer_timeout);
                        let probe = DatagramProbe::new(&addresses, payload, local, limit, (&self.io, now));
                        ProbeRoute::Datagram(Box::new(probe))
                    }
                    Some(via) => {
                        ProbeRoute::Proxied(Box::new(via), PeerName::from_endpoint(connector.endpoint()))
                    }
                    None if target.ports.is_empty() => {
                        ProbeRoute::Direct(Box::new(connector.dial(limit, &self.io)))
                    }
                    None => ProbeRoute::Direct(Box::new(connector.dial(limit, &self.io).to(addresses))),
                };
                self.attempts.push(Attempt { target: number, index, started: now, route });
            }
        }
        Ok(())
    }

    /// Removes the attempts that have ended, and keeps their reports.
    fn collect_results(&mut self, now: Instant) -> Result<(), Error> {
        let mut at = 0;
        while at < self.attempts.len() {
            let is_alone = self.attempts.len() == 1;
            let Attempt { target, index, started, route } = &mut self.attempts[at];
            let (number, index) = (*target, *index);
            let target = &mut self.plan.targets[number];
            let found = match route {
                ProbeRoute::Direct(dial) => poll_direct(dial, target.connector.endpoint(), is_alone, now)?,
                ProbeRoute::Datagram(probe) => probe.poll(&mut self.buffer, is_alone, now)?,
                ProbeRoute::Proxied(via, name) => {
                    poll_proxied(via, name, target.round < self.plan.retries, now)?
                }
            };
            let Some(found) = found else {
                at += 1;
                continue;
            };
            let Some((state, name, why)) = found else {
                self.attempts.swap_remove(at);
                self.max_concurrent = self.attempts.len();
                target.requeue(index);
                continue;
            };
            let outcome = PortReport::new(
                &self.report,
                target.number_of(index),
                (state, &name),
                why.as_deref(),
                now - *started,
            );
            target.attempt_ended();
            self.attempts.swap_remove(at);
            if outcome.is_open() || target.round >= self.plan.retries {
                let before: usize = self.plan.targets[..number].iter().map(ProbeTarget::port_count).sum();
                self.ready_reports.insert(before + index, outcome);
            } else {
                target.failed.insert(index, outcome);
            }
        }
        Ok(())
    }

    /// Prints the reports whose turn it is. True if all were written.
    fn print(&mut self) -> Result<bool, Error> {
        while let Some(outcome) = self.ready_reports.remove(&self.next_to_print) {
            self.next_to_print += 1;
            self.lines.push(outcome.text.as_bytes());
            if !outcome.is_open() {
                self.closed += 1;
                self.silent += usize::from(outcome.outcome == Outcome::Silent);
                self.last_reason = outcome.reason;
            }
        }
        match send_all(&mut self.stdout, &mut self.lines).map_err(|error| cannot_write(&error))? {
            Sent::Blocked => Ok(false),
            Sent::All => Ok(self.next_to_print == self.port_count()),
        }
    }

    /// The outcome of the whole probe.
    fn result(&self, now: Instant) -> Result<(), Error> {
        let text = match (self.closed, self.silent, self.port_count()) {
            (0, _, _) => return Ok(()),
            (_, _, 1) => self.last_reason.clone(),
            (closed, 0, all) => format!("{closed} of {all} ports are not open"),
            (closed, silent, all) if closed == silent => format!("{silent} of {all} ports are silent"),
            (closed, silent, all) => {
                format!("{closed} of {all} ports are not open, {silent} of these are silent")
            }
        };
        // Silence proves nothing: something may be there.
        let exit = if self.closed == self.silent { Exit::TimedOut } else { Exit::NoConnection };
        match self.plan.total_timeout.filter(|_| self.deadline.is_some_and(|end| now >= end)) {
            Some(within) => {
                let within = humantime::format_duration(within);
                Err(Error::new(Exit::TimedOut, format!("after {within}: {text} (see --within)")))
            }
            None => Err(Error::new(exit, text)),
        }
    }
}

/// Most attempts at a time for a host: each takes as many descriptors as the host has addresses.
fn max_concurrent_for(addresses: usize) -> usize {
    let descriptors = crate::net::raised_descriptor_limit(MAX_CONCURRENT + DESCRIPTORS_RESERVED)
        .map_or(MAX_CONCURRENT, |limit| limit.saturating_sub(DESCRIPTORS_RESERVED).clamp(1, MAX_CONCURRENT));
    (descriptors as usize / addresses.max(1)).max(1)
}

impl Session for Probe {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.advance_targets(context.now)?;
        self.start_attempts(context.now)?;
        let attempts = self.attempts.len();
        self.collect_results(context.now)?;
        let has_room = self.attempts.len() < attempts;
        if !self.print()? {
            return Ok(if has_room { Status::Again } else { Status::Waiting });
        }
        self.result(context.now).map(|()| Status::Done)
    }

    fn deadline(&self) -> Option<Instant> {
        let targets = self.plan.targets.iter().filter_map(ProbeTarget::deadline);
        let attempts = self.attempts.iter().filter_map(|attempt| attempt.route.deadline());
        let is_over = self.plan.targets.iter().all(|target| target.state == TargetState::Over);
        targets.chain(attempts).chain(self.deadline.filter(|_| !is_over)).min()
    }
}
