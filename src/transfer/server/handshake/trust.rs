//! What a client was admitted to.

use std::os::unix::ffi::OsStrExt;

use super::Serving;
use crate::error::{Error, Exit};
use crate::proto::secure::Rights;
use crate::proto::transfer::hello::Operation;
use crate::proto::transfer::reason::Reason;
use crate::report::escape_name;
use crate::server::trust::Authorization;
use crate::store::{Folder, StagingFolder};
use crate::transfer::connection::wire::Failure;
use crate::transfer::failure::{Role, local_failure};
use crate::transfer::receive::{Naming, ReceiveFolder};

impl<S> Serving<S> {
    /// Fails if the client was not admitted to what it asks for.
    pub(super) fn check_trust(&self, operation: &Operation) -> Result<(), Failure> {
        let text = match &self.authorization {
            Authorization::NotAsked => return Ok(()),
            Authorization::Admitted(admitted) => {
                let may = match operation {
                    Operation::Put { .. } => admitted.client().rights.has(Rights::STORE),
                    Operation::Get { .. } | Operation::List => admitted.client().rights.has(Rights::SHARE),
                    Operation::Join(session) => admitted.may_join(session),
                };
                // What the server lacks passes: `choose` refuses it, and names the option.
                if may || self.lacks(operation) {
                    return Ok(());
                }
                match (admitted.is_by_key(), operation) {
                    (false, _) | (true, Operation::Join(_)) => "this client was not admitted to that",
                    (true, Operation::Put { .. }) => {
                        "the server's list of clients does not let this key store files"
                    }
                    (true, Operation::Get { .. } | Operation::List) => {
                        "the server's list of clients does not let this key read files"
                    }
                }
            }
        };
        let error = Error::new(Exit::Refused, text);
        Err(Failure { error, to_peer: Some((Reason::NotAllowed, text.to_owned())) })
    }

    /// Returns where an upload goes: to the server's folder, unless the client's line in the list has another one.
    pub(super) fn destination(&self, folder: &Folder, replace: bool) -> Result<ReceiveFolder, Failure> {
        let client = match &self.authorization {
            Authorization::Admitted(admitted) => Some(admitted.client()),
            Authorization::NotAsked => None,
        };
        let own = client.and_then(|client| client.store.as_deref());
        let failed = |fault| {
            let place = own.map(|own| format!(" in {}", escape_name(own.as_os_str().as_bytes())));
            let what = format!("cannot store files{}", place.unwrap_or_default());
            local_failure(Role::Receiver, what, &fault)
        };
        let folder = own.map(Folder::open).transpose().map_err(failed)?.unwrap_or_else(|| folder.clone());
        Ok(ReceiveFolder {
            staging: StagingFolder::new(&folder).map_err(failed)?,
            folder,
            naming: Naming::AsSent,
            replace: replace && !self.offer.keep_existing,
            max_size: client
                .and_then(|client| client.max_size_bytes)
                .into_iter()
                .chain(self.offer.max_size)
                .min(),
            max_entries: self.offer.max_entries,
            spare_parts: self.offer.spare_parts,
        })
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
