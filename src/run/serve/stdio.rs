//! `serve --store` and `--share` on `stdio:`: one client, at the other end of stdin and stdout.

use std::sync::Arc;

use super::mode::TransferPlan;
use crate::error::{Error, Exit};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::net::stdio::Stdio;
use crate::net::stdio::client::client_name;
use crate::report::Report;
use crate::server::client_session::{SessionLimits, Within};
use crate::server::places::SourceSlots;
use crate::server::trust::Authorization;
use crate::transfer::server::budget::spare_parts;
use crate::transfer::{Claim, Serving};

/// Serves the client, and returns the outcome of its session. Nothing is encrypted, and nobody has to be admitted:
/// whoever started this process speaks.
pub(super) fn serve(
    plan: &TransferPlan,
    session_limits: SessionLimits,
    report: &Report,
    signals: &Signals,
) -> Result<(), Error> {
    let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
    let offer = Arc::new(plan.open(spare_parts(plan.descriptors(), 1))?);
    if let Some(folder) = &offer.store {
        folder.remove_leftovers();
    }
    reactor.add_at_start(|io, now| {
        let (stream, name) = (Stdio::of_client(&io)?, client_name());
        report.peer("connected", &name);
        // Nobody else is there to take it.
        let place = SourceSlots::new(1).slot(&name);
        place.try_acquire();
        let claim = Claim { only: None, client: 1 };
        let terms = (Arc::new(place), claim, Authorization::NotAsked);
        let session =
            Serving::new(stream, now, offer, plan.limits, terms, (io.handle(), report.clone(), name));
        Ok(Within::new(Box::new(session), session_limits.session, now))
    })?;
    let tasks = reactor.tasks();
    let outcome = reactor.run();
    tasks.wait();
    outcome
}
