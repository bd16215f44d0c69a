//! `connect --probe`: which ports of some hosts take connections. Nothing is sent on them.

pub(crate) mod target;
mod verdict;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::target::{Found, Step, Target};
use self::verdict::{direct, proxied};
use super::proxies::Via;
use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::connecting::Connect;
use crate::net::dial::Dial;
use crate::net::endpoint::PeerName;
use crate::net::reactor::{Context, Io, Session, Status};
use crate::net::send::{SendBuffer, Sent, send_all};
use crate::net::stdio::{Stdio, check_stdout};
use crate::report::{Probed, Report};

/// Connections that are tried at once, at most; fewer where descriptors are short.
const MOST_AT_ONCE: u64 = 1000;
const DESCRIPTORS_RESERVED: u64 = 16;
/// The same through a proxy, which has limits of its own.
const MOST_THROUGH_A_PROXY: usize = 8;

/// What is to be tried, and how often.
pub(crate) struct Plan {
    pub(crate) targets: Vec<Target>,
    /// For each address.
    pub(crate) limit: Duration,
    /// Further tries of what is not open.
    pub(crate) retries: u32,
    /// From a host's last failure to the next try.
    pub(crate) pause: Duration,
    /// For all of it.
    pub(crate) within: Option<Duration>,
}

/// Tries them, and prints a line for each, in their order.
pub(crate) struct Probe {
    plan: Plan,
    end: Option<Instant>,
    io: Io,
    tries: Vec<Try>,
    most_at_once: usize,
    /// Lines that wait for those before them.
    done: BTreeMap<usize, Line>,
    printed: usize,
    closed: usize,
    last_reason: String,
    has_told: bool,
    stdout: Stdio,
    lines: SendBuffer,
    report: Report,
}

struct Try {
    target: usize,
    /// Among the target's ports.
    index: usize,
    begun: Instant,
    route: ProbeRoute,
}

enum ProbeRoute {
    Direct(Box<Dial>),
    /// And what the port is called.
    Proxied(Box<Via>, PeerName),
}

impl ProbeRoute {
    fn deadline(&self) -> Option<Instant> {
        match self {
            ProbeRoute::Direct(dial) => dial.deadline(),
            ProbeRoute::Proxied(via, _) => via.deadline(),
        }
    }
}

/// What is printed of a port.
pub(crate) struct Line {
    is_open: bool,
    text: String,
    /// In words, with the address.
    reason: String,
}

impl Probe {
    pub(crate) fn new(plan: Plan, io: Io, report: &Report, now: Instant) -> Result<Probe, Error> {
        check_stdout()?;
        Ok(Probe {
            end: plan.within.map(|within| now + within),
            plan,
            tries: Vec::new(),
            most_at_once: MOST_AT_ONCE as usize,
            done: BTreeMap::new(),
            printed: 0,
            closed: 0,
            last_reason: String::new(),
            has_told: false,
            stdout: Stdio::open(&io)?,
            lines: SendBuffer::default(),
            report: report.clone(),
            io,
        })
    }

    fn count(&self) -> usize {
        self.plan.targets.iter().map(Target::count).sum()
    }

    /// Takes each host one step further: to its addresses, to its next try, to its end.
    fn step(&mut self, now: Instant) -> Result<(), Error> {
        let is_late = self.end.is_some_and(|end| now >= end);
        for index in 0..self.plan.targets.len() {
            let Plan { targets, limit, retries, pause, .. } = &mut self.plan;
            let target = &mut targets[index];
            match target.resolve(*limit, &self.io, now)? {
                Found::Addresses(count) => self.most_at_once = self.most_at_once.min(at_once(count)),
                Found::Proxies => self.most_at_once = self.most_at_once.min(MOST_THROUGH_A_PROXY),
                Found::Nothing(state, why) => {
                    let failed: Vec<usize> = target.take_due();
                    for port in failed {
                        let name = PeerName::from_endpoint(&target.endpoint_of(port));
                        let line =
                            line(&self.report, target, port, (state, &name), Some(&why), Duration::ZERO);
                        target.failed.insert(port, line);
                    }
                }
                Found::Waiting => {}
            }
            if is_late {
                self.give_up(index, now);
                continue;
            }
            if target.is_tried() {
                if target.failed.is_empty() || target.round >= *retries || target.is_hopeless {
                    self.settle(index);
                } else {
                    target.step = Step::Pausing(now + *pause);
                }
            }
        }
        self.tell_once();
        Ok(())
    }

    /// What is not open now was not open in time.
    fn give_up(&mut self, index: usize, now: Instant) {
        let under_way: Vec<Try> = self.tries.extract_if(.., |one| one.target == index).collect();
        let target = &mut self.plan.targets[index];
        let begun = under_way.iter().map(|one| (one.index, one.begun));
        let due: Vec<(usize, Instant)> = target.take_due().into_iter().map(|port| (port, now)).collect();
        for (port, begun) in begun.chain(due) {
            let name = PeerName::from_endpoint(&target.endpoint_of(port));
            let line =
                line(&self.report, target, port, ("timeout", &name), Some("no answer in time"), now - begun);
            target.failed.entry(port).or_insert(line);
        }
        self.settle(index);
    }

    /// A host has no further try: what it has failed at is printed.
    fn settle(&mut self, index: usize) {
        let before: usize = self.plan.targets[..index].iter().map(Target::count).sum();
        let target = &mut self.plan.targets[index];
        target.step = Step::Over;
        self.done
            .extend(std::mem::take(&mut target.failed).into_iter().map(|(port, line)| (before + port, line)));
    }

    /// When everything was tried once, and something is to be tried again: what is waited for.
    fn tell_once(&mut self) {
        let targets = &self.plan.targets;
        let is_first_round_over = targets
            .iter()
            .all(|target| matches!(target.step, Step::Pausing(_) | Step::Over) || target.round > 0);
        if self.has_told || !is_first_round_over {
            return;
        }
        let mut waiting =
            targets.iter().filter(|target| target.step != Step::Over).flat_map(|target| &target.failed);
        let text = match (waiting.next(), waiting.count()) {
            (None, _) => return,
            (Some((_, line)), 0) => line.reason.clone(),
            (Some(_), more) => format!("{} of {} ports are not open", more + 1, self.count()),
        };
        self.has_told = true;
        let (pause, retries) = (humantime::format_duration(self.plan.pause), self.plan.retries);
        let limit = match self.plan.within {
            Some(within) => format!(", for {}", humantime::format_duration(within)),
            None => format!(", {retries} times"),
        };
        self.report.retry(format_args!("{text}; trying again every {pause}{limit}"));
    }

    /// Begins as many tries as there is room for, of each host in turn.
    fn begin(&mut self, now: Instant) -> Result<(), Error> {
        let mut is_any_left = true;
        while is_any_left {
            is_any_left = false;
            for (number, target) in self.plan.targets.iter_mut().enumerate() {
                if self.tries.len() >= self.most_at_once {
                    return Ok(());
                }
                let Some((index, addresses)) = target.next_due() else { continue };
                is_any_left = true;
                let (limit, connector) = (self.plan.limit, target.connector_of(index));
                let route = match connector.through(limit, &self.io)? {
                    Some(via) => {
                        ProbeRoute::Proxied(Box::new(via), PeerName::from_endpoint(connector.endpoint()))
                    }
                    None if target.ports.is_empty() => {
                        ProbeRoute::Direct(Box::new(connector.dial(limit, &self.io)))
                    }
                    None => ProbeRoute::Direct(Box::new(connector.dial(limit, &self.io).to(addresses))),
                };
                self.tries.push(Try { target: number, index, begun: now, route });
            }
        }
        Ok(())
    }

    /// Takes out the tries that have ended.
    fn look(&mut self, now: Instant) -> Result<(), Error> {
        let mut at = 0;
        while at < self.tries.len() {
            let is_alone = self.tries.len() == 1;
            let Try { target, index, begun, route } = &mut self.tries[at];
            let (number, index) = (*target, *index);
            let target = &mut self.plan.targets[number];
            let found = match route {
                ProbeRoute::Direct(dial) => direct(dial, target.connector.endpoint(), is_alone, now)?,
                ProbeRoute::Proxied(via, name) => proxied(via, name, target.round < self.plan.retries, now)?,
            };
            let Some(found) = found else {
                at += 1;
                continue;
            };
            let Some((state, name, why)) = found else {
                self.tries.swap_remove(at);
                self.most_at_once = self.tries.len();
                target.is_due_again(index);
                continue;
            };
            let line = line(&self.report, target, index, (state, &name), why.as_deref(), now - *begun);
            target.has_ended();
            self.tries.swap_remove(at);
            if line.is_open || target.round >= self.plan.retries {
                let before: usize = self.plan.targets[..number].iter().map(Target::count).sum();
                self.done.insert(before + index, line);
            } else {
                target.failed.insert(index, line);
            }
        }
        Ok(())
    }

    /// Hands over the lines whose turn it is. True if all have been written.
    fn print(&mut self) -> Result<bool, Error> {
        while let Some(line) = self.done.remove(&self.printed) {
            self.printed += 1;
            self.lines.push(line.text.as_bytes());
            if !line.is_open {
                self.closed += 1;
                self.last_reason = line.reason;
            }
        }
        match send_all(&mut self.stdout, &mut self.lines).map_err(|error| cannot_write(&error))? {
            Sent::Blocked => Ok(false),
            Sent::All => Ok(self.printed == self.count()),
        }
    }

    /// What all of it has come to.
    fn outcome(&self, now: Instant) -> Result<(), Error> {
        let text = match (self.closed, self.count()) {
            (0, _) => return Ok(()),
            (_, 1) => self.last_reason.clone(),
            (closed, all) => format!("{closed} of {all} ports are not open"),
        };
        match self.plan.within.filter(|_| self.end.is_some_and(|end| now >= end)) {
            Some(within) => {
                let within = humantime::format_duration(within);
                Err(Error::new(Exit::TimedOut, format!("after {within}: {text} (see --within)")))
            }
            None => Err(Error::new(Exit::NoConnection, text)),
        }
    }
}

/// How many ports of a host may be tried at once: each takes as many descriptors as it has addresses.
fn at_once(addresses: usize) -> usize {
    let descriptors = crate::net::raised_descriptor_limit(MOST_AT_ONCE + DESCRIPTORS_RESERVED)
        .map_or(MOST_AT_ONCE, |limit| limit.saturating_sub(DESCRIPTORS_RESERVED).clamp(1, MOST_AT_ONCE));
    (descriptors as usize / addresses.max(1)).max(1)
}

fn line(
    report: &Report,
    target: &Target,
    index: usize,
    (state, name): (&'static str, &PeerName),
    why: Option<&str>,
    time: Duration,
) -> Line {
    let probed = Probed { state, address: name, port: target.ports.get(index).copied(), text: why, time };
    let text = if report.is_json() { probed.json().unwrap_or_default() } else { probed.line() };
    let reason = format!("{name} is not open: {}", why.unwrap_or_default());
    Line { is_open: state == "open", text, reason }
}

impl Session for Probe {
    fn advance(&mut self, context: Context) -> Result<Status, Error> {
        self.step(context.now)?;
        self.begin(context.now)?;
        let under_way = self.tries.len();
        self.look(context.now)?;
        let has_room = self.tries.len() < under_way;
        if !self.print()? {
            return Ok(if has_room { Status::Again } else { Status::Waiting });
        }
        self.outcome(context.now).map(|()| Status::Done)
    }

    fn deadline(&self) -> Option<Instant> {
        let targets = self.plan.targets.iter().filter_map(Target::deadline);
        let tries = self.tries.iter().filter_map(|one| one.route.deadline());
        let is_over = self.plan.targets.iter().all(|target| target.step == Step::Over);
        targets.chain(tries).chain(self.end.filter(|_| !is_over)).min()
    }
}
