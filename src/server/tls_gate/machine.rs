//! The server's machine of admission as a handshake, and its refusals in the server's words.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use zeroize::Zeroizing;

use super::State;
use super::refusal::GateRefusal;
use crate::error::{Error, Exit};
use crate::net::stream::Transport;
use crate::net::tls::peer::channel;
use crate::proto::handshake::Handshake;
use crate::proto::secure::ALPN;
use crate::proto::secure::guesses::MAX_WRONG_PROOFS;
use crate::proto::secure::refusal::{Reason, Refusal};
use crate::proto::secure::server::{Policy, ServerAdmission, Violation};
use crate::server::trust::{ServerTrust, SharedPolicy};

/// The machine as a handshake.
pub(super) struct AdmissionHandshake {
    pub(super) admission: ServerAdmission,
    pub(super) policy: Arc<SharedPolicy>,
    /// The time of this turn.
    pub(super) now: Instant,
}

impl AdmissionHandshake {
    /// Begins once TLS is there. `address` is the client's.
    pub(super) fn new(
        transport: &Transport,
        address: Option<IpAddr>,
        trust: &ServerTrust,
        now: Instant,
    ) -> Result<AdmissionHandshake, Error> {
        let refused = |text: &str| Error::new(Exit::Refused, text);
        let layer = transport.tls().filter(|_| negotiated_admission(transport));
        let layer =
            layer.ok_or_else(|| refused("the client speaks another protocol than sendall's inside TLS"))?;
        let channel = channel(layer).ok_or_else(|| refused("TLS gives no keying material"))?;
        let mut random = Zeroizing::new([0; 64]);
        crate::net::fill_random(&mut *random)?;
        let address = address.ok_or_else(|| refused("the client's address is not known"))?;
        let admission = ServerAdmission::new(channel, address, &random);
        Ok(AdmissionHandshake { admission, policy: Arc::clone(&trust.policy), now })
    }
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

/// Returns whether the client has chosen the protocol that begins with admission (RFC 7301).
pub(super) fn negotiated_admission(transport: &Transport) -> bool {
    transport.tls().is_some_and(|layer| layer.state().alpn_protocol() == Some(ALPN))
}

/// Ends a connection that waits. In admission the client is told to come later, and does not take it for an attack.
///
/// # Errors
/// The connection is in no state for an answer.
pub(super) fn put_off(state: State, why: Error) -> Result<State, Error> {
    let State::Admission(mut transport, mut driver) = state else { return Err(why) };
    let AdmissionHandshake { admission, policy, .. } = &mut driver.machine;
    admission.put_off(&**policy);
    match driver.advance(&mut transport) {
        Ok(true) => Ok(State::Refusal(GateRefusal::after_answer(transport, why))),
        _ => Err(why),
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
