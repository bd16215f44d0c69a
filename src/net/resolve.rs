//! The addresses of a host, resolved on another thread.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::endpoint::{Endpoint, Host};
use super::local_end::LocalEnd;
use super::lookup::PendingLookup;
use super::reactor::IoHandle;
use crate::error::{Error, Exit, Retry};

/// A name that is being resolved.
pub struct Resolution {
    target: Endpoint,
    source: Source,
    limit: Duration,
    deadline: Instant,
}

enum Source {
    /// The name is an address.
    Known(SocketAddr),
    PendingLookup(PendingLookup),
}

impl Resolution {
    /// Starts to resolve `target`, which is `host` and `port`, within `limit` from `now`. `asker` is the client of a server
    /// for which this is done.
    pub fn new(
        target: &Endpoint,
        (host, port): (&Host, u16),
        limit: Duration,
        (io, asker): (&IoHandle, Option<IpAddr>),
        now: Instant,
    ) -> Result<Resolution, Error> {
        let name = match host {
            Host::Named(name) => name.clone(),
            Host::Loopback | Host::Any => "localhost".into(),
        };
        let source = match name.parse() {
            Ok(ip) => Source::Known(SocketAddr::new(ip, port)),
            Err(_) => Source::PendingLookup(PendingLookup::new(name, port, asker, io)?),
        };
        Ok(Resolution { target: target.clone(), source, limit, deadline: now + limit })
    }

    /// Returns the addresses that can be reached from `local`, once, in the order of the attempts.
    ///
    /// # Errors
    /// The name is not known, has no such address, or the time has run out.
    pub fn advance(&mut self, local: &LocalEnd, now: Instant) -> Result<Option<VecDeque<SocketAddr>>, Error> {
        let addresses = match &mut self.source {
            Source::Known(address) => vec![*address],
            Source::PendingLookup(asked) => match asked.poll_result() {
                None if now >= self.deadline => {
                    return Err(timed_out(&self.target, "resolving the name", self.limit));
                }
                None => return Ok(None),
                Some(result) => result?.map_err(|error| self.unresolved(&error))?,
            },
        };
        if addresses.is_empty() {
            return Err(self.unresolved(&"the name has no address"));
        }
        let mut queue = interleave(addresses.into_iter().map(canonical).collect());
        queue.retain(|address| local.reaches(address));
        match local.source {
            _ if queue.is_empty()
                && let Some(family) = local.options.family =>
            {
                Err(self.unresolved(&family.is_missing()).with_retry(Retry::Never))
            }
            Some(source) if queue.is_empty() => {
                let why = format!("it has no address of the family of --source {source}");
                Err(self.unresolved(&why).with_retry(Retry::Never))
            }
            _ => Ok(Some(queue)),
        }
    }

    /// When to call [`Resolution::advance`] again at the latest.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    fn unresolved(&self, error: &impl ToString) -> Error {
        let error = error.to_string();
        Error::new(Exit::NoConnection, format!("cannot connect to {}: {error}", self.target))
    }
}

/// The failure of a step that took too long.
pub(super) fn timed_out(target: &Endpoint, what: &str, limit: Duration) -> Error {
    let limit = humantime::format_duration(limit);
    Error::new(
        Exit::TimedOut,
        format!("cannot connect to {target}: {what} took over {limit} (see --timeout)"),
    )
}

/// An IPv4-mapped address leads over IPv4, where the options of IPv4 hold.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::from((v4, address.port())),
        IpAddr::V6(_) => address,
    }
}

/// Alternates the families, beginning with that of the first address (RFC 8305, section 4).
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let v6_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == v6_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut queue = VecDeque::new();
    loop {
        let (one, other) = (first.next(), second.next());
        if one.is_none() && other.is_none() {
            return queue;
        }
        queue.extend(one.into_iter().chain(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &[&str]) -> Vec<SocketAddr> {
        text.iter().map(|address| address.parse().expect("an address")).collect()
    }

    #[test]
    fn families_alternate() {
        let sorted = interleave(list(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]));
        assert_eq!(sorted, list(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]));
    }

    #[test]
    fn a_mapped_address_is_one_of_ipv4() {
        let mapped: Vec<SocketAddr> =
            list(&["[::ffff:1.1.1.1]:1", "[fe80::1%3]:1"]).into_iter().map(canonical).collect();
        assert_eq!(mapped, list(&["1.1.1.1:1", "[fe80::1%3]:1"]));
    }
}
