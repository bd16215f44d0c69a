//! `connect --probe`: which ports of a host take connections. Nothing is sent on them.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::commands::cannot_write;
use crate::commands::connector::Connector;
use crate::commands::opened::Opening;
use crate::commands::proxies::Via;
use crate::error::{Error, Exit};
use crate::net::dial::{Dial, explain};
use crate::net::endpoint::{Endpoint, PeerName};
use crate::net::reactor::{Io, Session, Status, Turn};
use crate::net::resolve::Resolution;
use crate::net::send::{Outgoing, Sent, send_all};
use crate::net::stdio::{Stdio, check_stdout};
use crate::net::stream::Transport;
use crate::proto::proxy_fault::Cause;
use crate::report::{Probed, Report};

/// Connections that are tried at once, at most; fewer where descriptors are short.
const MOST_AT_ONCE: u64 = 1000;
const DESCRIPTORS_RESERVED: u64 = 16;
/// The same through a proxy, which has limits of its own.
const MOST_THROUGH_A_PROXY: usize = 8;

/// What is to be tried.
pub(super) struct Targets {
    /// The way to the host, with the first port; or to a Unix socket.
    pub(super) connector: Connector,
    /// In order; of a Unix socket none.
    pub(super) ports: Vec<u16>,
    /// For each address.
    pub(super) limit: Duration,
}

impl Targets {
    /// What took the connection: one of a host's addresses, or the Unix socket.
    fn name_of(&self, transport: &Transport) -> PeerName {
        match self.connector.endpoint() {
            Endpoint::Tcp { .. } => transport.peer_name(),
            other => PeerName::of_endpoint(other),
        }
    }
}

/// Tries them, and prints a line for each, in their order.
pub(super) struct Probe {
    targets: Targets,
    io: Io,
    step: Step,
    /// Places in the order, of which none has been tried: from the first on, and those that have to be tried again.
    next: usize,
    again: Vec<usize>,
    tries: Vec<Try>,
    most_at_once: usize,
    /// Lines that wait for those before them.
    done: BTreeMap<usize, Line>,
    printed: usize,
    closed: usize,
    last_reason: String,
    stdout: Stdio,
    lines: Outgoing,
    json: bool,
}

enum Step {
    Start,
    Resolving(Resolution),
    /// Of the host; of a Unix socket none.
    Trying(VecDeque<SocketAddr>),
}

struct Try {
    place: usize,
    begun: Instant,
    way: Way,
}

enum Way {
    Direct(Box<Dial>),
    /// And what the port is called.
    Proxied(Box<Via>, PeerName),
}

impl Way {
    fn deadline(&self) -> Option<Instant> {
        match self {
            Way::Direct(dial) => dial.deadline(),
            Way::Proxied(via, _) => via.deadline(),
        }
    }
}

/// What became of a port: in a word, at which address, and why in words. `None`: it has to be tried again.
type Verdict = Option<(&'static str, PeerName, Option<String>)>;

struct Line {
    is_open: bool,
    text: String,
    /// In words, with the address.
    reason: String,
}

impl Probe {
    pub(super) fn new(targets: Targets, io: Io, report: &Report) -> Result<Probe, Error> {
        check_stdout()?;
        let (stdout, json) = (Stdio::open(&io)?, report.is_json());
        Ok(Probe {
            targets,
            io,
            step: Step::Start,
            next: 0,
            again: Vec::new(),
            tries: Vec::new(),
            most_at_once: 1,
            done: BTreeMap::new(),
            printed: 0,
            closed: 0,
            last_reason: String::new(),
            stdout,
            lines: Outgoing::default(),
            json,
        })
    }

    fn count(&self) -> usize {
        self.targets.ports.len().max(1)
    }

    /// Finds the host's addresses.
    fn resolve(&mut self, now: Instant) -> Result<(), Error> {
        let targets = &self.targets;
        let endpoint = targets.connector.endpoint();
        if !targets.connector.is_direct() {
            if matches!(self.step, Step::Start) {
                self.most_at_once = MOST_THROUGH_A_PROXY;
                self.step = Step::Trying(VecDeque::new());
            }
            return Ok(());
        }
        if let (Step::Start, Endpoint::Tcp { host, port }) = (&self.step, endpoint) {
            let host = (host, *port);
            self.step =
                Step::Resolving(Resolution::new(endpoint, host, targets.limit, (&self.io, None), now)?);
        }
        let addresses = match &mut self.step {
            Step::Start => VecDeque::new(),
            Step::Resolving(resolution) => match resolution.advance(targets.connector.local(), now)? {
                Some(addresses) => addresses,
                None => return Ok(()),
            },
            Step::Trying(_) => return Ok(()),
        };
        // A port takes as many descriptors as the host has addresses.
        let descriptors = crate::net::raised_descriptor_limit(MOST_AT_ONCE + DESCRIPTORS_RESERVED)
            .map_or(MOST_AT_ONCE, |limit| limit.saturating_sub(DESCRIPTORS_RESERVED).clamp(1, MOST_AT_ONCE));
        self.most_at_once = (descriptors as usize / addresses.len().max(1)).max(1);
        self.step = Step::Trying(addresses);
        Ok(())
    }

    /// Begins as many tries as there is room for.
    fn begin(&mut self, now: Instant) -> Result<(), Error> {
        let Step::Trying(addresses) = &self.step else { return Ok(()) };
        while self.tries.len() < self.most_at_once {
            let place = match self.again.pop() {
                Some(place) => place,
                None if self.next < self.count() => {
                    self.next += 1;
                    self.next - 1
                }
                None => return Ok(()),
            };
            let Targets { connector, ports, limit } = &self.targets;
            let connector =
                ports.get(place).map_or_else(|| connector.clone(), |port| connector.to_port(*port));
            let way = match (connector.through(*limit, &self.io)?, ports.get(place)) {
                (Some(via), _) => Way::Proxied(Box::new(via), PeerName::of_endpoint(connector.endpoint())),
                (None, Some(&port)) => {
                    let mut addresses = addresses.clone();
                    addresses.iter_mut().for_each(|address| address.set_port(port));
                    Way::Direct(Box::new(connector.dial(*limit, &self.io).to(addresses)))
                }
                (None, None) => Way::Direct(Box::new(connector.dial(*limit, &self.io))),
            };
            self.tries.push(Try { place, begun: now, way });
        }
        Ok(())
    }

    /// Takes out the tries that have ended.
    fn look(&mut self, now: Instant) -> Result<(), Error> {
        let mut index = 0;
        while index < self.tries.len() {
            let is_alone = self.tries.len() == 1;
            let Try { place, begun, way } = &mut self.tries[index];
            let verdict = match way {
                Way::Direct(dial) => direct(dial, &self.targets, is_alone, now)?,
                Way::Proxied(via, name) => proxied(via, name, now)?,
            };
            let Some(line) = verdict else {
                index += 1;
                continue;
            };
            let (place, begun) = (*place, *begun);
            self.tries.swap_remove(index);
            match line {
                Some((state, name, why)) => {
                    let line = self.line(place, (state, &name), why.as_deref(), now - begun);
                    self.done.insert(place, line);
                }
                None => {
                    self.most_at_once = self.tries.len();
                    self.again.push(place);
                }
            }
        }
        Ok(())
    }

    fn line(
        &self,
        place: usize,
        (state, name): (&'static str, &PeerName),
        why: Option<&str>,
        time: Duration,
    ) -> Line {
        let port = self.targets.ports.get(place).copied();
        let probed = Probed { state, address: name, port, text: why, time };
        let text = if self.json { probed.json().unwrap_or_default() } else { probed.line() };
        let reason = format!("{name} is not open: {}", why.unwrap_or_default());
        Line { is_open: state == "open", text, reason }
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
        match send_all(&mut self.stdout, &mut self.lines).map_err(|failed| cannot_write(&failed.error))? {
            Sent::Blocked => Ok(false),
            Sent::All => Ok(self.printed == self.count()),
        }
    }
}

/// What became of a port that is tried from here. `None`: nothing yet.
fn direct(
    dial: &mut Dial,
    targets: &Targets,
    is_alone: bool,
    now: Instant,
) -> Result<Option<Verdict>, Error> {
    let error = match dial.advance(now) {
        Ok(None) => return Ok(None),
        // Dropped, and so closed in order: nothing was said.
        Ok(Some(transport)) => return Ok(Some(Some(("open", targets.name_of(&transport), None)))),
        Err(error) => error,
    };
    match verdict(dial.failures()) {
        // It never came to a try: what was asked of this end is not to be had.
        None => Err(error),
        Some((_, _, why)) if is_shortage(why) && is_alone => Err(error),
        Some((_, _, why)) if is_shortage(why) => Ok(Some(None)),
        Some((state, name, why)) => Ok(Some(Some((state, name.clone(), Some(explain(why)))))),
    }
}

/// The same of a port that the last proxy tries. A proxy that does not do its part says nothing of the port.
fn proxied(via: &mut Via, name: &PeerName, now: Instant) -> Result<Option<Verdict>, Error> {
    let error = match via.advance(now) {
        Ok(None) => return Ok(None),
        Ok(Some(_)) => return Ok(Some(Some(("open", name.clone(), None)))),
        Err(error) => error,
    };
    let state = match via.cause() {
        Some(Cause::Refused) => "refused",
        Some(Cause::TimedOut) => "timeout",
        Some(Cause::Other) => "unreachable",
        None => return Err(error),
    };
    Ok(Some(Some((state, name.clone(), Some(error.to_string())))))
}

/// What became of a port, as the most telling of its addresses has it; `None` if none was tried.
fn verdict(failures: &[(PeerName, io::Error)]) -> Option<(&'static str, &PeerName, &io::Error)> {
    let state = |error: &io::Error| match error.kind() {
        // Somebody took the connection, and threw it away at once.
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => (0, "open"),
        _ if is_shortage(error) => (1, "unreachable"),
        io::ErrorKind::ConnectionRefused => (2, "refused"),
        io::ErrorKind::TimedOut => (3, "timeout"),
        _ => (4, "unreachable"),
    };
    let (name, error) = failures.iter().min_by_key(|(_, error)| state(error).0)?;
    Some((state(error).1, name, error))
}

/// True for want of descriptors or memory, which says nothing of the port.
fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| shortages.contains(&error))
}

impl Session for Probe {
    fn advance(&mut self, turn: Turn) -> Result<Status, Error> {
        self.resolve(turn.now)?;
        self.begin(turn.now)?;
        let under_way = self.tries.len();
        self.look(turn.now)?;
        let has_room = self.tries.len() < under_way;
        if !self.print()? {
            return Ok(if has_room { Status::Again } else { Status::Waiting });
        }
        match (self.closed, self.count()) {
            (0, _) => Ok(Status::Done),
            (_, 1) => Err(Error::new(Exit::NoConnection, &self.last_reason)),
            (closed, all) => {
                let text = format!("{closed} of {all} ports are not open");
                Err(Error::new(Exit::NoConnection, text))
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.step {
            Step::Start => None,
            Step::Resolving(resolution) => Some(resolution.deadline()),
            Step::Trying(_) => self.tries.iter().filter_map(|one| one.way.deadline()).min(),
        }
    }
}
