//! The server's machine of admission as a handshake, and its refusals in the server's words.

use std::sync::Arc;
use std::time::Instant;

use crate::error::{Error, Exit};
use crate::proto::handshake::Handshake;
use crate::proto::secure::guesses::MAX_WRONG_PROOFS;
use crate::proto::secure::refusal::{Reason, Refusal};
use crate::proto::secure::server::{Policy, ServerAdmission, Violation};
use crate::server::trust::SharedPolicy;

/// The machine as a handshake.
pub(super) struct AdmissionHandshake {
    pub(super) admission: ServerAdmission,
    pub(super) policy: Arc<SharedPolicy>,
    /// The time of this turn.
    pub(super) now: Instant,
}

impl Handshake for AdmissionHandshake {
    type Error = Violation;

    fn take_outgoing(&mut self) -> Vec<u8> {
        self.admission.take_outgoing()
    }

    fn wanted(&self) -> usize {
        self.admission.wanted()
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Violation> {
        self.admission.receive(piece, &*self.policy, self.now).map(drop)
    }
}

/// The failure of a client that was refused, in the server's words.
pub(super) fn not_admitted(refusal: &Refusal, machine: &AdmissionHandshake) -> Error {
    let refused = |text: &str| Error::new(Exit::Refused, text);
    match refusal.reason {
        Reason::WrongCode => {
            let count = machine.policy.code().map_or(0, |account| account.wrong_proofs());
            refused(&format!(
                "not admitted: a wrong code ({count} of {MAX_WRONG_PROOFS} before it is withdrawn)"
            ))
        }
        // A client that knows the server asks for the code only now.
        Reason::CodeWanted => refused("not admitted: it has shown no code").of_health_check(),
        Reason::KeyNotKnown => {
            let (code, key) = (machine.policy.code(), machine.admission.client_key());
            let error = match key.filter(|_| machine.policy.has_keys()) {
                Some(key) => refused(&format!("not admitted: {key} is not in the list of clients")),
                None => refused("not admitted: it has shown no code"),
            };
            if code.is_some() { error.of_health_check() } else { error }
        }
        Reason::CodeWithdrawn => {
            refused("not admitted: the code was guessed too often: start again for a new one")
        }
        Reason::CodeUsed => refused("not admitted: the code was used up (see --code-uses)"),
        Reason::NoCode => refused("not admitted: it has a code, and this server has none (--open)"),
        Reason::Wait => refused("not admitted now: it has to wait"),
        Reason::SessionNotKnown => refused("not admitted: its session is over"),
        _ => refused("not admitted"),
    }
}
