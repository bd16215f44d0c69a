//! A server's list of the clients that it admits by their keys (`--clients`). It is read again when its file changes.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::wall::utc_now;
use crate::proto::secure::Rights;
use crate::proto::secure::clients::{Client, Clients, line};
use crate::proto::secure::pin::Pin;
use crate::report::{Report, escape_name};
use crate::store::{Folder, ListStamp, append_line, read_list};

/// A list of clients in a file.
pub(crate) struct ClientList {
    path: PathBuf,
    /// The keys of clients that come by a code are added.
    pairs: bool,
    report: Report,
    current: Mutex<Current>,
}

/// The list as it was read last.
#[derive(Default)]
struct Current {
    /// Empty while the file cannot be read: a key that was removed must not be good because of a slip in another line.
    clients: Clients,
    /// The state of the file then. `None`: there was none.
    stamp: Option<ListStamp>,
}

impl ClientList {
    /// Reads the list. With `pairs` its file may be missing.
    ///
    /// # Errors
    /// The list cannot be used, or has a client whose folder cannot be.
    pub(crate) fn load(path: PathBuf, pairs: bool, report: &Report) -> Result<ClientList, Error> {
        let usage = |text: String| Error::new(Exit::Usage, text);
        let list = ClientList { path, pairs, report: report.clone(), current: Mutex::default() };
        let current = list.read().map_err(|fault| usage(format!("--clients {fault}")))?;
        if current.stamp.is_none() && !pairs {
            let text = "there is no such file: write a line for each client with its key (sha256:...), or type --pair";
            return Err(usage(format!("--clients {}: {text}", list.name())));
        }
        for store in current.clients.stores() {
            let folder = Folder::open(store).map_err(|fault| {
                let store = escape_name(store.as_os_str().as_bytes());
                usage(format!("--clients {}: store={store}: {fault}", list.name()))
            })?;
            folder.remove_leftovers();
        }
        *list.current.lock().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(list)
    }

    /// Returns what the owner of a key may do, by the file as it is now. `None`: the key is not in the list.
    pub(crate) fn get(&self, key: &Pin) -> Option<Client> {
        // It is right after every statement, so a thread that has panicked leaves nothing half done.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = ListStamp::now(&self.path);
        if stamp != current.stamp {
            *current = self.read().unwrap_or_else(|fault| {
                self.report.warning(format_args!("no client is admitted by its key: {fault}"));
                Current { clients: Clients::default(), stamp }
            });
        }
        current.clients.get(key).cloned()
    }

    /// Adds a client that was admitted by a code, unless its key is in the list.
    pub(crate) fn pair(&self, key: Pin, rights: Rights, peer: &PeerName) {
        if !self.pairs || self.get(&key).is_some() {
            return;
        }
        let line = line(key, rights, &format!("paired {} from {peer}", utc_now()));
        match append_line(&self.path, line.as_bytes()) {
            Ok(()) => self.report.info(format_args!("{} has the key of {peer}: {key}", self.name())),
            Err(fault) => self.report.warning(fault.about(self.name())),
        }
    }

    /// Reads the file. One that is missing has no clients.
    fn read(&self) -> Result<Current, String> {
        let Some(list) = read_list(&self.path).map_err(|fault| fault.about(self.name()))? else {
            return Ok(Current::default());
        };
        let clients = Clients::parse(&list.bytes).map_err(|bad| format!("{}: {bad}", self.name()))?;
        Ok(Current { clients, stamp: Some(list.stamp) })
    }

    fn name(&self) -> String {
        escape_name(self.path.as_os_str().as_bytes())
    }
}
