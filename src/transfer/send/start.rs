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

/// Starts the machine as both sides agreed.
pub(super) fn agree(machine: &mut Sender, accept: &Accept) {
    machine.agree(accept.capabilities);
    machine.begin(accept.stream);
}
