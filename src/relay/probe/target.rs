//! A host, or a Unix socket, whose ports are probed: its addresses, and what is still to be tried.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Line;
use crate::error::{Error, Exit, Retry};
use crate::net::endpoint::Endpoint;
use crate::net::reactor::Io;
use crate::net::resolve::Resolution;
use crate::relay::connector::Connector;

/// One endpoint, with all of its ports.
pub(crate) struct Target {
    /// The way to the host, with the first port; or to a Unix socket.
    pub(crate) connector: Connector,
    /// In order; of a Unix socket none.
    pub(crate) ports: Vec<u16>,
    pub(crate) step: Step,
    /// How often all that was not open was tried again.
    pub(crate) round: u32,
    /// What was not open in this round.
    pub(crate) failed: BTreeMap<usize, Line>,
    /// Ports that were not tried in this round, by their places.
    due: VecDeque<usize>,
    /// How many are being tried.
    under_way: usize,
    resolution: Option<Resolution>,
    /// What was asked of this end does not fit it; no try mends that.
    pub(crate) is_hopeless: bool,
    /// Of the host; of a Unix socket none.
    addresses: VecDeque<SocketAddr>,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its addresses are not known, or not asked for again.
    Start,
    Trying,
    /// Until it is tried again.
    Pausing(Instant),
    Over,
}

/// What was found out about its addresses.
pub(crate) enum Found {
    Waiting,
    /// So many, just now.
    Addresses(usize),
    /// None, because proxies look for them.
    Proxies,
    /// None: the state of all its ports, and why.
    Nothing(&'static str, String),
}

impl Target {
    pub(crate) fn new(connector: Connector, ports: Vec<u16>) -> Target {
        Target {
            due: (0..ports.len().max(1)).collect(),
            connector,
            ports,
            step: Step::Start,
            round: 0,
            failed: BTreeMap::new(),
            under_way: 0,
            resolution: None,
            is_hopeless: false,
            addresses: VecDeque::new(),
        }
    }

    /// How many lines it has.
    pub(crate) fn count(&self) -> usize {
        self.ports.len().max(1)
    }

    /// With one of its ports.
    pub(crate) fn endpoint_of(&self, index: usize) -> Endpoint {
        self.connector_of(index).endpoint().clone()
    }

    /// The way to one of its ports.
    pub(crate) fn connector_of(&self, index: usize) -> Connector {
        self.ports.get(index).map_or_else(|| self.connector.clone(), |port| self.connector.to_port(*port))
    }

    /// Finds the host's addresses, anew in each round: a name may come to have one.
    ///
    /// # Errors
    /// There is no thread for it.
    pub(crate) fn resolve(&mut self, limit: Duration, io: &Io, now: Instant) -> Result<Found, Error> {
        match self.step {
            Step::Pausing(until) if now >= until => {
                self.due.extend(std::mem::take(&mut self.failed).into_keys());
                (self.step, self.round) = (Step::Start, self.round + 1);
            }
            Step::Start => {}
            _ => return Ok(Found::Waiting),
        }
        if !self.connector.is_direct() {
            self.step = Step::Trying;
            return Ok(Found::Proxies);
        }
        let endpoint = self.connector.endpoint();
        if let (None, Endpoint::Tcp { host, port }) = (&self.resolution, endpoint) {
            self.resolution = Some(Resolution::new(endpoint, (host, *port), limit, (io, None), now)?);
        }
        let found =
            self.resolution.as_mut().map(|resolution| resolution.advance(self.connector.local(), now));
        self.addresses = match found {
            Some(Ok(None)) => return Ok(Found::Waiting),
            Some(Err(error)) => {
                (self.step, self.resolution) = (Step::Trying, None);
                self.is_hopeless = error.retry() == Retry::Never;
                let state = if error.exit() == Exit::TimedOut { "timeout" } else { "unreachable" };
                let text = error.to_string();
                let before = format!("cannot connect to {}: ", self.connector.endpoint());
                return Ok(Found::Nothing(state, text.strip_prefix(&before).unwrap_or(&text).to_owned()));
            }
            Some(Ok(Some(addresses))) => addresses,
            None => VecDeque::new(),
        };
        (self.step, self.resolution) = (Step::Trying, None);
        Ok(Found::Addresses(self.addresses.len()))
    }

    /// The next port that is to be tried, by its place, with where it is.
    pub(crate) fn next_due(&mut self) -> Option<(usize, VecDeque<SocketAddr>)> {
        let index = self.due.front().copied().filter(|_| self.step == Step::Trying)?;
        self.due.pop_front();
        self.under_way += 1;
        let mut addresses = self.addresses.clone();
        if let Some(port) = self.ports.get(index) {
            addresses.iter_mut().for_each(|address| address.set_port(*port));
        }
        Some((index, addresses))
    }

    /// A try has ended.
    pub(crate) fn has_ended(&mut self) {
        self.under_way -= 1;
    }

    /// A try has ended, and said nothing of the port.
    pub(crate) fn is_due_again(&mut self, index: usize) {
        self.under_way -= 1;
        self.due.push_front(index);
    }

    /// All that is not tried.
    pub(crate) fn take_due(&mut self) -> Vec<usize> {
        self.due.drain(..).collect()
    }

    /// True when all of this round was tried.
    pub(crate) fn is_tried(&self) -> bool {
        self.step == Step::Trying && self.due.is_empty() && self.under_way == 0
    }

    /// When to look at it again if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.step {
            Step::Start => self.resolution.as_ref().map(Resolution::deadline),
            Step::Pausing(until) => Some(until),
            Step::Trying | Step::Over => None,
        }
    }
}
