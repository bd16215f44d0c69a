//! The start of a sending session.

use crate::proto::transfer::hello::Accept;
use crate::proto::transfer::sender::Sender;

/// The start of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At once with the first round, before ACCEPT was received.
    AtOnce,
    /// After ACCEPT, which decides between rounds and a stream.
    AfterAccept,
    /// This side has sent ACCEPT.
    Accepted(Accept),
}

/// Starts the machine as both sides agreed.
pub(super) fn agree(machine: &mut Sender, accept: &Accept) {
    machine.agree(accept.capabilities);
    machine.begin(accept.stream);
}
