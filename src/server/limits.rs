//! How many clients a server takes, at most as many as there are descriptors for.

use std::time::Duration;

/// Descriptors that are not for clients: standard streams, the reactor's own, listeners, logs.
pub(crate) const DESCRIPTORS_RESERVED: u64 = 16;

/// Stands for a number of clients of one source that is not limited.
pub(crate) const NO_LIMIT: usize = usize::MAX;

/// What becomes of clients over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// They wait, in the system's queue, until somebody leaves
    Wait,
    /// Their connections are reset
    Refuse,
}

/// How many clients are taken in, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct ClientLimits {
    /// At the same time.
    pub(crate) clients: usize,
    /// What `clients` was, if the user typed more than there are descriptors for.
    pub(crate) clients_asked: Option<usize>,
    /// What becomes of those who are more.
    pub(crate) full: Full,
    /// What else may be done about it, as the end of a line.
    pub(crate) if_full: &'static str,
    /// At the same time from one IPv4 address or IPv6 network of 64 bits, or [`NO_LIMIT`].
    pub(crate) per_source: usize,
    /// After so many no more are taken, and the acceptor closes when they have left.
    pub(crate) count: Option<u64>,
    /// Fail if nobody was in for so long; and the option that says so.
    pub(crate) accept_timeout: Option<(Duration, &'static str)>,
    /// Clients come through a proxy that says who they are, in a header that comes within so long.
    pub(crate) header: Option<Duration>,
}

impl ClientLimits {
    /// Never more clients than there are descriptors for. The process's own limit is raised as far as the system lets
    /// it. What the user typed is not lowered in silence, and a limit for each source not at all.
    pub(crate) fn within_descriptors(self, budget: DescriptorBudget, explicit: Explicit) -> ClientLimits {
        let reserved = budget.others.saturating_add(DESCRIPTORS_RESERVED);
        let wanted = (self.clients as u64).saturating_mul(budget.per_client).saturating_add(reserved);
        match crate::net::raised_descriptor_limit(wanted) {
            Some(limit) => self.at_most(limit.saturating_sub(reserved) / budget.per_client, explicit),
            None => self,
        }
    }

    fn at_most(mut self, fitting: u64, explicit: Explicit) -> ClientLimits {
        let fitting = usize::try_from(fitting.max(1)).unwrap_or(usize::MAX);
        if fitting < self.clients {
            self.clients_asked = explicit.clients.then_some(self.clients);
            self.clients = fitting;
            if !explicit.per_source && self.per_source != NO_LIMIT {
                // One source must not be able to take them all.
                self.per_source = self.per_source.min((fitting / 2).max(1));
            }
        }
        self
    }
}

/// What descriptors are needed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DescriptorBudget {
    /// By each client.
    pub(crate) per_client: u64,
    /// Beside clients, and beside what every server needs.
    pub(crate) others: u64,
}

/// Which limits the user has chosen. The others are defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explicit {
    pub(crate) clients: bool,
    pub(crate) per_source: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_lower_defaults_alone() {
        let limits = |clients, per_source| ClientLimits {
            clients,
            clients_asked: None,
            full: Full::Wait,
            if_full: "",
            per_source,
            count: None,
            accept_timeout: None,
            header: None,
        };
        let outcome = |limits: ClientLimits, clients, per_source| {
            let limits = limits.at_most(20, Explicit { clients, per_source });
            (limits.clients, limits.clients_asked, limits.per_source)
        };
        assert_eq!(outcome(limits(100, 16), false, false), (20, None, 10));
        assert_eq!(outcome(limits(100, 16), true, true), (20, Some(100), 16));
        assert_eq!(outcome(limits(100, NO_LIMIT), false, true), (20, None, NO_LIMIT));
        assert_eq!(outcome(limits(100, NO_LIMIT), false, false), (20, None, NO_LIMIT));
        assert_eq!(outcome(limits(20, 16), true, false), (20, None, 16));
    }
}
