//! Requests that a client was not admitted to.

use super::Serving;
use crate::error::{Error, Exit};
use crate::proto::secure::Rights;
use crate::proto::transfer::hello::Operation;
use crate::proto::transfer::reason::Reason;
use crate::server::trust::ClientTrust;
use crate::transfer::connection::wire::Failure;

impl Serving {
    /// Fails if the client was not admitted to what it asks for.
    pub(super) fn check_trust(&self, operation: &Operation) -> Result<(), Failure> {
        let text = match &self.trust {
            ClientTrust::NotAsked => return Ok(()),
            ClientTrust::Admitted(by) => {
                let may = match operation {
                    Operation::Put { .. } => by.may(Rights::STORE),
                    Operation::Get { .. } | Operation::List => by.may(Rights::SHARE),
                    Operation::Join(session) => by.may_join(session),
                };
                if may || self.lacks(operation) {
                    return Ok(());
                }
                "this client was not admitted to that"
            }
        };
        let error = Error::new(Exit::Refused, text);
        Err(Failure { error, to_peer: Some((Reason::NotAllowed, text.to_owned())) })
    }

    /// Returns whether the server does not have what is asked for, whoever asks.
    fn lacks(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Put { .. } => self.offer.store.is_none(),
            Operation::Get { .. } | Operation::List => self.offer.share.is_none(),
            Operation::Join(_) => false,
        }
    }
}
