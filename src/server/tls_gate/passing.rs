//! The way from the gate to the handler: a client that was let through takes a place, or waits for one.

use std::time::Instant;

use super::{IncomingClient, TlsGate};
use crate::error::{Error, Exit};
use crate::report::Refusal;
use crate::server::acceptor::{ClientLimits, Handler, OverloadPolicy};
use crate::server::trust::Authorization;

/// How many clients the handler serves.
pub(super) struct Places {
    /// At a time.
    max: usize,
    /// In all.
    total: Option<u64>,
    /// Without a place a client is reset, and does not wait.
    resets: bool,
}

impl Places {
    pub(super) fn new(limits: &ClientLimits) -> Places {
        let resets = limits.overload == OverloadPolicy::Reset;
        Places { max: limits.max_clients, total: limits.total_clients, resets }
    }
}

/// What becomes of a client that was let through.
enum Fate {
    Served,
    Waits,
    Refused(Refusal, &'static str),
}

impl<H: Handler> TlsGate<H> {
    /// Hands on the clients that were let through, as far as there are places.
    pub(super) fn serve_passed(&mut self, now: Instant) {
        let mut waiting = Vec::new();
        loop {
            let Some(client) = self.gate.passed.borrow_mut().pop_front() else { break };
            match self.fate(&client) {
                Fate::Served => {
                    client.permit.end_arriving();
                    self.handler.accept(client, now);
                }
                // It stays among those that wait. Each end of a client advances the acceptor.
                Fate::Waits => {
                    waiting.push(client);
                    // Without a total number all wait for the same, in their order.
                    if self.places.total.is_none() {
                        break;
                    }
                }
                Fate::Refused(why, text) => {
                    client.permit.discount(&Error::new(Exit::Refused, text), why);
                    let _ = client.socket.reset_on_close(true);
                }
            }
        }
        for client in waiting.into_iter().rev() {
            self.gate.passed.borrow_mut().push_front(client);
        }
    }

    fn fate(&self, client: &IncomingClient) -> Fate {
        let (permit, places) = (&client.permit, &self.places);
        let clients = permit.permits();
        // A client of a server with TLS alone was counted when it came.
        if permit.is_arriving() {
            let is_complete = places.total.is_some_and(|total| clients.clients() >= total);
            if is_complete && !is_further(&client.authorization) {
                return match self.handler.count_may_decrease() {
                    true => Fate::Waits,
                    false => {
                        Fate::Refused(Refusal::Count, "all clients that were wanted have come (see --count)")
                    }
                };
            }
            if clients.served() >= places.max {
                return match places.resets {
                    true => Fate::Refused(Refusal::Full, "too many clients (see --max-clients and --full)"),
                    false => Fate::Waits,
                };
            }
        }
        // A client that may still be rejected cannot be one of the `--count` clients.
        let may_exceed = places.total.is_none() && self.handler.may_exceed_source_limit();
        match permit.slot.try_acquire() || may_exceed {
            true => Fate::Served,
            false => {
                Fate::Refused(Refusal::PerSource, "too many clients from its address (see --max-per-source)")
            }
        }
    }
}

/// True for a further connection of a client that is here.
fn is_further(trust: &Authorization) -> bool {
    matches!(trust, Authorization::Admitted(by) if by.is_by_session())
}
