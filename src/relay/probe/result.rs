//! The result of a probed port, from the attempt to connect to it, and the line about it.

use std::io;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::error::{Error, Retry};
use crate::net::connecting::Connect;
use crate::net::dial::{Dial, explain};
use crate::net::endpoint::{Endpoint, PeerName};
use crate::net::stream::Transport;
use crate::proto::proxy::fault::Cause;
use crate::relay::proxies::Via;
use crate::report::{Probed, Report};

/// The result of a port: its state, its address, and the reason. `None`: it must be tried again.
pub(super) type ProbeResult = Option<(&'static str, PeerName, Option<String>)>;

/// The report about a port.
pub(crate) struct PortReport {
    pub(super) outcome: Outcome,
    /// The line on stdout.
    pub(super) text: String,
    /// The reason why it is not open, with the address.
    pub(super) reason: String,
}

/// What a port's state means for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Open,
    /// Datagrams: nothing has come back, which proves nothing.
    Silent,
    Closed,
}

impl PortReport {
    /// The report about a port, or about a Unix socket, which has none.
    pub(super) fn new(
        report: &Report,
        port: Option<u16>,
        (state, name): (&'static str, &PeerName),
        why: Option<&str>,
        time: Duration,
    ) -> PortReport {
        let probed = Probed { state, address: name, port, text: why, time };
        let text = if report.is_json() { probed.json().unwrap_or_default() } else { probed.line() };
        let why = why.unwrap_or_default();
        let (outcome, reason) = match state {
            "open" | "answered" => (Outcome::Open, String::new()),
            "silent" => (Outcome::Silent, format!("{name} is silent: {why}")),
            _ => (Outcome::Closed, format!("{name} is not open: {why}")),
        };
        PortReport { outcome, text, reason }
    }

    pub(super) fn is_open(&self) -> bool {
        self.outcome == Outcome::Open
    }
}

/// The result of a port that is dialled directly; `None` while the attempt lasts.
pub(super) fn poll_direct(
    dial: &mut Dial,
    endpoint: &Endpoint,
    is_alone: bool,
    now: Instant,
) -> Result<Option<ProbeResult>, Error> {
    let error = match dial.advance(now) {
        Ok(None) => return Ok(None),
        // Dropped, and so closed in order: nothing was sent.
        Ok(Some(transport)) => return Ok(Some(Some(("open", name_of(endpoint, &transport), None)))),
        Err(error) => error,
    };
    match result_of(dial.failures()) {
        // No address was tried: an option of this side does not fit.
        None => Err(error),
        Some((_, _, why)) if is_shortage(why) && is_alone => Err(error),
        Some((_, _, why)) if is_shortage(why) => Ok(Some(None)),
        Some((state, name, why)) => Ok(Some(Some((state, name.clone(), Some(explain(why)))))),
    }
}

/// The same for a port that is probed through proxies. A failure of a proxy itself is not a result of the port.
pub(super) fn poll_proxied(
    via: &mut Via,
    name: &PeerName,
    has_retry: bool,
    now: Instant,
) -> Result<Option<ProbeResult>, Error> {
    let error = match via.advance(now) {
        Ok(None) => return Ok(None),
        Ok(Some(_)) => return Ok(Some(Some(("open", name.clone(), None)))),
        Err(error) => error,
    };
    let state = match via.cause() {
        Some(Cause::Refused) => "refused",
        Some(Cause::TimedOut) => "timeout",
        None if !(has_retry && error.retry() == Retry::Again) => return Err(error),
        _ => "unreachable",
    };
    Ok(Some(Some((state, name.clone(), Some(error.to_string())))))
}

/// The result of the address that says most about the port; `None` if no address was tried.
fn result_of(failures: &[(PeerName, io::Error)]) -> Option<(&'static str, &PeerName, &io::Error)> {
    let state = |error: &io::Error| match error.kind() {
        // The connection was accepted, and reset at once.
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => (0, "open"),
        _ if is_shortage(error) => (1, "unreachable"),
        io::ErrorKind::ConnectionRefused => (2, "refused"),
        io::ErrorKind::TimedOut => (3, "timeout"),
        _ => (4, "unreachable"),
    };
    let (name, error) = failures.iter().min_by_key(|(_, error)| state(error).0)?;
    Some((state(error).1, name, error))
}

/// True for want of descriptors or memory, which is not a result of the port.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| shortages.contains(&error))
}

/// The name of the connected peer: one of a host's addresses, or the Unix socket.
fn name_of(endpoint: &Endpoint, transport: &Transport) -> PeerName {
    match endpoint {
        Endpoint::Tcp { .. } => transport.peer_name(),
        _ => PeerName::from_endpoint(endpoint),
    }
}
