//! The answer of a server that is known, or trusted unseen (`--trust-new`), to a client that has shown its key: the session
//! begins without waiting for it.

use std::sync::Arc;

use super::{ENDED, RunTrust, untrusted};
use crate::error::{Error, Exit, Retry};
use crate::net::stream::Opening;
use crate::proto::secure::client::ClientAdmission;
use crate::proto::secure::pin::Pin;

/// An answer that is due before everything else that the server sends.
pub(super) struct AwaitedAnswer {
    machine: ClientAdmission,
    trust: Arc<RunTrust>,
    key: Option<Pin>,
    /// The server, as errors name it.
    host: String,
    failure: Option<(Exit, Retry, String)>,
}

impl AwaitedAnswer {
    /// The answer of the server with this key to `machine`.
    pub(super) fn new(
        machine: ClientAdmission,
        trust: &Arc<RunTrust>,
        key: Option<Pin>,
        host: &str,
    ) -> AwaitedAnswer {
        AwaitedAnswer { machine, trust: Arc::clone(trust), key, host: host.to_owned(), failure: None }
    }
}

impl Opening for AwaitedAnswer {
    fn wanted(&self) -> Result<usize, Error> {
        match &self.failure {
            Some((exit, retry, text)) => Err(Error::new(*exit, text).with_retry(*retry)),
            None => Ok(self.machine.wanted()),
        }
    }

    fn take(&mut self, piece: &[u8]) {
        match self.machine.receive(piece) {
            Ok(_) => {
                if let Some(admission) = self.machine.admission() {
                    self.trust.admitted(self.key, admission, false);
                }
            }
            Err(why) => {
                let error = self.trust.not_trusted(&why).context(&self.host);
                self.failure = Some((error.exit(), error.retry(), error.to_string()));
            }
        }
    }

    fn ended(&self) -> Error {
        untrusted(ENDED).context(&self.host)
    }
}
