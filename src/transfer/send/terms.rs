//! How a session that sends begins.

use crate::proto::transfer::hello::Accept;
use crate::proto::transfer::sender::Sender;

/// How a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With the first round, before ACCEPT is here.
    AtOnce,
    /// As ACCEPT says.
    AfterAccept,
    /// ACCEPT was sent by this side.
    Accepted(Accept),
}

/// What both sides have said that they can.
pub(super) fn agree(machine: &mut Sender, accept: &Accept) {
    if accept.skipped {
        machine.tell_skipped();
    }
    if accept.totals {
        machine.tell_totals();
    }
    if accept.tree {
        machine.allow_blocks();
    }
    machine.begin(accept.stream);
}
