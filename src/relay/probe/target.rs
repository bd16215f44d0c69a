//! A target of a probe: a host with its addresses and the ports that remain, or a Unix socket.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::result::PortReport;
use crate::error::{Error, Exit, Retry};
use crate::net::endpoint::{Endpoint, PeerName};
use crate::net::reactor::Io;
use crate::net::resolve::Resolution;
use crate::relay::connector::Connector;

/// A host with the ports to probe, or a Unix socket.
pub(crate) struct ProbeTarget {
    /// The connector for the first port, or for the Unix socket.
    pub(crate) connector: Connector,
    /// The ports in order; none for a Unix socket.
    pub(crate) ports: Vec<u16>,
    /// What is sent, if these are ports of datagrams.
    pub(super) datagram: Option<Rc<[u8]>>,
    pub(crate) state: TargetState,
    /// Number of rounds before this one.
    pub(crate) round: u32,
    /// Reports of ports that were not open in this round, by index.
    pub(crate) failed: BTreeMap<usize, PortReport>,
    /// Indices of ports that were not tried yet in this round.
    due: VecDeque<usize>,
    /// Number of attempts that have not ended.
    attempts: usize,
    resolution: Option<Resolution>,
    /// No retry can help: an option does not fit its addresses.
    pub(crate) is_hopeless: bool,
    /// The addresses of the host; none for a Unix socket.
    addresses: VecDeque<SocketAddr>,
}

/// The state of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetState {
    /// Its addresses are being resolved.
    Start,
    Trying,
    /// Until this time, when the next round begins.
    Pausing(Instant),
    Over,
}

/// The result of resolving a target.
pub(crate) enum Resolved {
    Waiting,
    /// It was resolved now, to this many addresses.
    Addresses(usize),
    /// No addresses: the last proxy resolves the name.
    Proxies,
    /// No addresses: the state of all its ports, and the reason.
    Nothing(&'static str, String),
}

impl ProbeTarget {
    pub(crate) fn new(connector: Connector, ports: Vec<u16>, datagram: Option<Rc<[u8]>>) -> ProbeTarget {
        ProbeTarget {
            due: (0..ports.len().max(1)).collect(),
            connector,
            ports,
            datagram,
            state: TargetState::Start,
            round: 0,
            failed: BTreeMap::new(),
            attempts: 0,
            resolution: None,
            is_hopeless: false,
            addresses: VecDeque::new(),
        }
    }

    /// Number of its reports: at least one.
    pub(crate) fn port_count(&self) -> usize {
        self.ports.len().max(1)
    }

    /// The number of a port, by index.
    pub(super) fn number_of(&self, index: usize) -> Option<u16> {
        self.ports.get(index).copied()
    }

    /// The name of a port, by index, as it was typed.
    pub(super) fn name_of(&self, index: usize) -> PeerName {
        let name = PeerName::from_endpoint(self.connector_of(index).endpoint());
        if self.datagram.is_some() { name.of_datagrams() } else { name }
    }

    /// The connector for a port, by index.
    pub(crate) fn connector_of(&self, index: usize) -> Connector {
        self.ports.get(index).map_or_else(|| self.connector.clone(), |port| self.connector.to_port(*port))
    }

    /// Resolves the host, in each round anew: a name may get an address later.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn resolve(&mut self, limit: Duration, io: &Io, now: Instant) -> Result<Resolved, Error> {
        match self.state {
            TargetState::Pausing(until) if now >= until => {
                self.due.extend(std::mem::take(&mut self.failed).into_keys());
                (self.state, self.round) = (TargetState::Start, self.round + 1);
            }
            TargetState::Start => {}
            _ => return Ok(Resolved::Waiting),
        }
        if !self.connector.is_direct() {
            self.state = TargetState::Trying;
            return Ok(Resolved::Proxies);
        }
        let endpoint = self.connector.endpoint();
        if let (None, Endpoint::Tcp { host, port }) = (&self.resolution, endpoint) {
            self.resolution = Some(Resolution::new(endpoint, (host, *port), limit, (io, None), now)?);
        }
        let found =
            self.resolution.as_mut().map(|resolution| resolution.advance(self.connector.local(), now));
        self.addresses = match found {
            Some(Ok(None)) => return Ok(Resolved::Waiting),
            Some(Err(error)) => {
                (self.state, self.resolution) = (TargetState::Trying, None);
                self.is_hopeless = error.retry() == Retry::Never;
                let state = if error.exit() == Exit::TimedOut { "timeout" } else { "unreachable" };
                let text = error.to_string();
                let before = format!("cannot connect to {}: ", self.connector.endpoint());
                return Ok(Resolved::Nothing(state, text.strip_prefix(&before).unwrap_or(&text).to_owned()));
            }
            Some(Ok(Some(addresses))) => addresses,
            None => VecDeque::new(),
        };
        (self.state, self.resolution) = (TargetState::Trying, None);
        Ok(Resolved::Addresses(self.addresses.len()))
    }

    /// Takes the index of the next port to try, and its addresses.
    pub(crate) fn next_due(&mut self) -> Option<(usize, VecDeque<SocketAddr>)> {
        let index = self.due.front().copied().filter(|_| self.state == TargetState::Trying)?;
        self.due.pop_front();
        self.attempts += 1;
        let mut addresses = self.addresses.clone();
        if let Some(port) = self.ports.get(index) {
            addresses.iter_mut().for_each(|address| address.set_port(*port));
        }
        Some((index, addresses))
    }

    /// Records that an attempt has ended.
    pub(crate) fn attempt_ended(&mut self) {
        self.attempts -= 1;
    }

    /// Puts a port back whose attempt has ended without a result.
    pub(crate) fn requeue(&mut self, index: usize) {
        self.attempts -= 1;
        self.due.push_front(index);
    }

    /// Takes the indices of all ports that were not tried.
    pub(crate) fn take_due(&mut self) -> Vec<usize> {
        self.due.drain(..).collect()
    }

    /// True when all ports of this round were tried.
    pub(crate) fn is_tried(&self) -> bool {
        self.state == TargetState::Trying && self.due.is_empty() && self.attempts == 0
    }

    /// When to advance it if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            TargetState::Start => self.resolution.as_ref().map(Resolution::deadline),
            TargetState::Pausing(until) => Some(until),
            TargetState::Trying | TargetState::Over => None,
        }
    }
}
