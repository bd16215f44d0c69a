//! Limits on the clients of a server, which never exceed what its descriptors allow.

use std::time::Duration;

/// Descriptors that are not for clients: standard streams, the reactor's own, listeners, logs.
pub(crate) const DESCRIPTORS_RESERVED: u64 = 16;

/// A limit per source that no source reaches.
pub(crate) const NO_LIMIT: usize = usize::MAX;

/// What happens to clients over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverloadPolicy {
    /// They wait in the system's queue until another client leaves.
    Queue,
    /// Their connections are reset.
    Reset,
}

/// Limits on the clients of a server.
#[derive(Clone, Debug)]
pub(crate) struct ClientLimits {
    /// Clients at the same time.
    pub(crate) max_clients: usize,
    /// The number that was typed (for transfers the default, too), if there are not enough descriptors for it.
    pub(crate) requested_max_clients: Option<usize>,
    /// What happens to clients over `max_clients`.
    pub(crate) overload: OverloadPolicy,
    /// Appended to the line that reports a full server: what else the user can do about it.
    pub(crate) full_hint: &'static str,
    /// Clients at the same time from one IPv4 address or IPv6 network of 64 bits, or [`NO_LIMIT`].
    pub(crate) per_source: usize,
    /// After this many clients the acceptor accepts no more, and closes when they have left.
    pub(crate) total_clients: Option<u64>,
    /// The run fails if no client is connected for this long. The text is the option's name.
    pub(crate) accept_timeout: Option<(Duration, &'static str)>,
    /// If set, each connection must begin with a PROXY header, complete within this time.
    pub(crate) proxy_header_timeout: Option<Duration>,
}

impl ClientLimits {
    /// Lowers the limits to the number of clients that there are descriptors for, after raising the process's own limit
    /// as far as the system allows. Lowering a number that the user typed is reported; a limit per source that the user
    /// typed stays.
    pub(crate) fn within_descriptors(
        self,
        budget: DescriptorBudget,
        explicit: ExplicitLimits,
    ) -> ClientLimits {
        let reserved = budget.fixed.saturating_add(DESCRIPTORS_RESERVED);
        let wanted = (self.max_clients as u64).saturating_mul(budget.per_client).saturating_add(reserved);
        match crate::net::raised_descriptor_limit(wanted) {
            Some(limit) => self.cap_clients(limit.saturating_sub(reserved) / budget.per_client, explicit),
            None => self,
        }
    }

    /// Lowers the number of clients.
    pub(crate) fn cap(&mut self, clients: usize) {
        self.max_clients = self.max_clients.min(clients);
    }

    fn cap_clients(mut self, fitting: u64, explicit: ExplicitLimits) -> ClientLimits {
        let fitting = usize::try_from(fitting.max(1)).unwrap_or(usize::MAX);
        if fitting < self.max_clients {
            self.requested_max_clients = explicit.max_clients.then_some(self.max_clients);
            self.max_clients = fitting;
            if !explicit.per_source && self.per_source != NO_LIMIT {
                // One source must not be able to take them all.
                self.per_source = self.per_source.min((fitting / 2).max(1));
            }
        }
        self
    }
}

/// The descriptors that a server needs beyond [`DESCRIPTORS_RESERVED`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct DescriptorBudget {
    /// For each client.
    pub(crate) per_client: u64,
    /// For the server itself, whatever the number of clients.
    pub(crate) fixed: u64,
}

/// The limits that the user typed. The others are defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExplicitLimits {
    pub(crate) max_clients: bool,
    pub(crate) per_source: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_lower_defaults_alone() {
        let limits = |max_clients, per_source| ClientLimits {
            max_clients,
            requested_max_clients: None,
            overload: OverloadPolicy::Queue,
            full_hint: "",
            per_source,
            total_clients: None,
            accept_timeout: None,
            proxy_header_timeout: None,
        };
        let outcome = |limits: ClientLimits, max_clients, per_source| {
            let limits = limits.cap_clients(20, ExplicitLimits { max_clients, per_source });
            (limits.max_clients, limits.requested_max_clients, limits.per_source)
        };
        assert_eq!(outcome(limits(100, 16), false, false), (20, None, 10));
        assert_eq!(outcome(limits(100, 16), true, true), (20, Some(100), 16));
        assert_eq!(outcome(limits(100, NO_LIMIT), false, true), (20, None, NO_LIMIT));
        assert_eq!(outcome(limits(100, NO_LIMIT), false, false), (20, None, NO_LIMIT));
        assert_eq!(outcome(limits(20, 16), true, false), (20, None, 16));
    }
}
