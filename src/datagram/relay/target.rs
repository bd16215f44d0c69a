//! The target of a relay: its addresses, and what is reported about it.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::datagram::{cannot_send, is_no_way};
use crate::error::{Error, Exit};
use crate::net::endpoint::{Endpoint, Host};
use crate::net::reactor::{BlockingTask, Io};
use crate::net::udp::{DatagramSocket, Options, Peer, addresses_of, open_for};
use crate::report::Report;

/// A name is looked up again for a flow that opens so long after the last time.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(30);
/// The least time between two reports that the target cannot be reached.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// The target of all flows.
pub(crate) struct Target {
    endpoint: Endpoint,
    /// Options of sockets to it.
    options: Options,
    /// At least one.
    addresses: Vec<Peer>,
    /// The index of the address that new flows use.
    current: usize,
    lookup: Option<BlockingTask<Result<Vec<Peer>, Error>>>,
    last_lookup: Option<Instant>,
    /// When it was reported that the target cannot be reached.
    reported: Option<Instant>,
    /// It has answered since then.
    has_answered: bool,
    report: Report,
}

impl Target {
    /// Looks the target up. Blocks.
    ///
    /// # Errors
    /// It has no address.
    pub(crate) fn new(endpoint: Endpoint, options: Options, report: &Report) -> Result<Target, Error> {
        Ok(Target {
            addresses: addresses_of(&endpoint, options.family)?,
            endpoint,
            options,
            current: 0,
            lookup: None,
            last_lookup: None,
            reported: None,
            has_answered: false,
            report: report.clone(),
        })
    }

    /// The target as it was typed.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The number of its addresses.
    pub(crate) fn address_count(&self) -> usize {
        self.addresses.len()
    }

    /// Fails if one of its addresses is that of a listener: each datagram would come back for ever.
    pub(crate) fn check(&self, listeners: &[&DatagramSocket], io: &Io) -> Result<(), Error> {
        for address in &self.addresses {
            let Ok(socket) = open_for(address, &self.options, io) else { continue };
            if is_listener(address, &socket, listeners) {
                return Err(Error::new(Exit::Usage, format!("--forward: {address} is this server itself")));
            }
        }
        Ok(())
    }

    /// Opens a socket to the first address that there is a way to.
    ///
    /// # Errors
    /// That of the last address, after it was reported.
    pub(crate) fn open(
        &mut self,
        listeners: &[&DatagramSocket],
        io: &Io,
        now: Instant,
    ) -> Result<(Peer, DatagramSocket), io::Error> {
        self.look_up_again(io, now);
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..self.addresses.len() {
            let address = self.addresses[self.current].clone();
            match open_for(&address, &self.options, io) {
                Ok(socket) if !is_listener(&address, &socket, listeners) => return Ok((address, socket)),
                Ok(_) => failure = io::Error::other("it is this server itself"),
                Err(error) if is_no_way(&error) => failure = error,
                // Of this side, such as a lack of descriptors.
                Err(error) => {
                    self.failed(&address, &error, now);
                    return Err(error);
                }
            }
            self.failed(&address, &failure, now);
        }
        Err(failure)
    }

    /// Handles a failure to reach one of its addresses: reports it, once until it has answered, and lets new flows use the
    /// next address.
    pub(crate) fn failed(&mut self, address: &Peer, error: &io::Error, now: Instant) {
        self.refused(address);
        let may_report = self.reported.is_none_or(|last| self.has_answered && now >= last + REPORT_INTERVAL);
        if may_report {
            (self.reported, self.has_answered) = (Some(now), false);
            let why = cannot_send(address, error);
            self.report.warning(format_args!("{why}; what comes for it is lost (reported once)"));
        }
    }

    /// Lets new flows use the next address, if they use this one.
    pub(crate) fn refused(&mut self, address: &Peer) {
        if self.addresses.get(self.current) == Some(address) {
            self.current = (self.current + 1) % self.addresses.len();
        }
    }

    /// True if it was reported that it cannot be reached, and it has not answered since then.
    pub(crate) fn is_reported(&self) -> bool {
        self.reported.is_some() && !self.has_answered
    }

    /// Handles an answer.
    pub(crate) fn answered(&mut self, address: &Peer) {
        if self.is_reported() {
            self.report.detail(format_args!("{address} answers"));
        }
        self.has_answered = true;
    }

    /// Looks a name up again if that was long ago. Flows that open after the answer use its addresses.
    fn look_up_again(&mut self, io: &Io, now: Instant) {
        match self.lookup.as_mut().and_then(BlockingTask::take) {
            Some(Ok(Ok(addresses))) => {
                let current = self.addresses.get(self.current);
                // The address in use stays, if it is still one of them.
                let at = addresses.iter().position(|address| Some(address) == current);
                (self.addresses, self.current, self.lookup) = (addresses, at.unwrap_or(0), None);
            }
            Some(Ok(Err(error)) | Err(error)) => {
                self.report.detail(format_args!("the old addresses stay in use: {error}"));
                self.lookup = None;
            }
            None => {}
        }
        let last = *self.last_lookup.get_or_insert(now);
        if is_name(&self.endpoint) && self.lookup.is_none() && now >= last + LOOKUP_INTERVAL {
            let (endpoint, family) = (self.endpoint.clone(), self.options.family);
            self.lookup = io.spawn_blocking(move || addresses_of(&endpoint, family)).ok();
            self.last_lookup = Some(now);
        }
    }
}

/// True for a name that has to be looked up.
fn is_name(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Tcp { host: Host::Named(name), .. }
        if name.split('%').next().unwrap_or(name).parse::<IpAddr>().is_err())
}

/// True if what `socket`, connected to `target`, sends comes to a listener of this process.
fn is_listener(target: &Peer, socket: &DatagramSocket, listeners: &[&DatagramSocket]) -> bool {
    let source = socket.source_address().ok();
    listeners.iter().any(|listener| match (listener.local_address(), target, &source) {
        (Peer::Ip(bound), Peer::Ip(to), Some(Peer::Ip(from))) => {
            let (bound_ip, to_ip) = (bound.ip().to_canonical(), to.ip().to_canonical());
            // A route to this machine begins at the address it leads to, or at another one of the loopback network.
            let is_here = to_ip.is_loopback() || from.ip().to_canonical() == to_ip;
            bound.port() == to.port() && (bound_ip == to_ip || bound_ip.is_unspecified() && is_here)
        }
        (bound, to, _) => bound == to,
    })
}
