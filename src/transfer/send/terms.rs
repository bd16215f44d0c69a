//! How a sending session starts.

use crate::proto::transfer::hello::Accept;
use crate::proto::transfer::sender::Sender;

/// How a session starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With the first round, before ACCEPT is here.
    AtOnce,
    /// As ACCEPT says.
    AfterAccept,
    /// This side has sent ACCEPT.
    Accepted(Accept),
}

/// Applies the capabilities that both sides have.
pub(super) fn agree(machine: &mut Sender, accept: &Accept) {
    if accept.skipped {
        machine.report_skipped();
    }
    if accept.totals {
        machine.report_totals();
    }
    if accept.tree {
        machine.allow_blocks();
    }
    machine.begin(accept.stream);
}
