//! A server of the test that admits as it likes.

use std::collections::HashMap;
use std::sync::Arc;

use sendall::net::tls::key::Key;
use sendall::proto::SessionId;
use sendall::proto::secure::Rights;
use sendall::proto::secure::account::CodeAccount;
use sendall::proto::secure::client::{Admission, ClientAdmission, Credential, NotTrusted};
use sendall::proto::secure::code::Code;
use sendall::proto::secure::pin::Pin;
use sendall::proto::secure::server::{Admitted, Policy, ServerAdmission, Status};
use sendall::proto::secure::session::SessionSecret;

use super::super::scene::CODE;
use super::peer::Peer;
use crate::harness::now;

/// What it knows.
#[derive(Default)]
pub(super) struct Knows {
    code: Option<Arc<CodeAccount>>,
    pub(super) sessions: HashMap<SessionId, SessionSecret>,
}

impl Knows {
    pub(super) fn code(account: Arc<CodeAccount>) -> Knows {
        Knows { code: Some(account), ..Knows::default() }
    }

    /// Admits a client by the rules. None: it has left, or was refused.
    pub(super) fn admit(&self, peer: &mut Peer) -> Option<Admitted> {
        if !peer.is_joined() {
            return None;
        }
        let home = std::net::Ipv4Addr::LOCALHOST.into();
        let mut machine = ServerAdmission::new(peer.channel(), home, &[6; 64]);
        while machine.wanted() > 0 {
            let bytes = peer.hear(machine.wanted());
            if bytes.is_empty() || machine.receive(&bytes, self, now()).is_err() {
                return None;
            }
            peer.say(&machine.take_outgoing());
        }
        match machine.status() {
            Status::Admitted(_) => machine.into_admitted(),
            Status::Pending | Status::Refused(_) => None,
        }
    }
}

impl Policy for Knows {
    fn open(&self) -> Option<Rights> {
        None
    }

    fn has_keys(&self) -> bool {
        false
    }

    fn key(&self, _key: &Pin) -> Option<Rights> {
        None
    }

    fn session(&self, id: &SessionId) -> Option<SessionSecret> {
        self.sessions.get(id).cloned()
    }

    fn code(&self) -> Option<Arc<CodeAccount>> {
        self.code.clone()
    }
}

/// Shows something to a server, as a client does.
pub(super) fn show(peer: &mut Peer, credential: Credential<'_>) -> Result<Admission, NotTrusted> {
    let mut machine = ClientAdmission::new(credential, peer.channel(), &[8; 64])?;
    loop {
        peer.say(&machine.take_outgoing());
        if let Some(admission) = machine.admission() {
            return Ok(admission.clone());
        }
        let bytes = peer.hear(machine.wanted());
        assert!(!bytes.is_empty(), "it ended the connection");
        machine.receive(&bytes)?;
    }
}

/// A client with this key that was admitted by the usual code.
pub(super) fn admitted(address: &str, key: &Key) -> (Peer, Admission) {
    let mut peer = Peer::connect(address, Some(key));
    let code = Code::parse(CODE).expect("a code");
    let admission = show(&mut peer, Credential::Code(&code)).expect("admitted");
    (peer, admission)
}
