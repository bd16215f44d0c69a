//! A server's list of the clients that it admits by their keys (`--clients`). It is read again when its file changes.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Exit};
use crate::net::endpoint::PeerName;
use crate::net::wall::utc_now;
use crate::proto::secure::Rights;
use crate::proto::secure::clients::{Client, Clients, line};
use crate::proto::secure::pin::Pin;
use crate::report::{Report, escape_name};
use crate::store::{Folder, ListStamp, PrivateError, append_line, read_list};

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
    /// `None` while the file cannot be used: a key that was removed must not be good because of a slip in another line.
    clients: Option<Clients>,
    /// The state of the file then. `None`: there was none.
    stamp: Option<ListStamp>,
    /// The state in which it cannot be used, however often it is read.
    faulty: Option<Option<ListStamp>>,
}

impl ClientList {
    /// Reads the list. With `pairs` its file may be missing.
    ///
    /// # Errors
    /// The list cannot be used, or has a client whose folder cannot be.
    pub(crate) fn load(path: PathBuf, pairs: bool, report: &Report) -> Result<ClientList, Error> {
        let usage = |text: String| Error::new(Exit::Usage, text);
        let list = ClientList { path, pairs, report: report.clone(), current: Mutex::default() };
        let current = list.read().map_err(|(fault, _)| usage(format!("--clients {fault}")))?;
        if current.stamp.is_none() && !pairs {
            let text = "there is no such file: write a line for each client with its key (sha256:...), or type --pair";
            return Err(usage(format!("--clients {}: {text}", list.name())));
        }
        for store in current.clients.iter().flat_map(Clients::stores) {
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
        self.current().clients.as_ref()?.get(key).cloned()
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // It is right after every statement, so a thread that has panicked leaves nothing half done.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = ListStamp::now(&self.path);
        if stamp == current.stamp && current.clients.is_some() || current.faulty.is_some_and(|is| is == stamp)
        {
            return current;
        }
        let read = match self.read() {
            Ok(Current { stamp: None, .. }) if !self.pairs => Err((format!("{} is gone", self.name()), true)),
            read => read,
        };
        *current = read.unwrap_or_else(|(fault, is_lasting)| {
            if is_lasting || current.clients.is_some() {
                self.report.warning(format_args!("no client is admitted by its key: {fault}"));
            }
            Current { clients: None, stamp: None, faulty: is_lasting.then_some(stamp) }
        });
        current
    }

    /// Adds a client that was admitted by a code, unless its key is in the list, or may be.
    pub(crate) fn pair(&self, key: Pin, rights: Rights, peer: &PeerName) {
        if !self.pairs {
            return;
        }
        match self.current().clients.as_ref().map(|clients| clients.get(&key)) {
            Some(None) => {}
            Some(Some(_)) => return,
            None => return self.report.warning(format_args!("{peer} is not added to {}", self.name())),
        }
        let line = line(key, rights, &format!("paired {} from {peer}", utc_now()));
        match append_line(&self.path, line.as_bytes()) {
            Ok(()) => self.report.info(format_args!("{} has the key of {peer}: {key}", self.name())),
            Err(fault) => self.report.warning(fault.about(self.name())),
        }
    }

    /// Reads the file. One that is missing has no clients. A fault is true if it lasts until the file changes.
    fn read(&self) -> Result<Current, (String, bool)> {
        let list = read_list(&self.path)
            .map_err(|fault| (fault.about(self.name()), !matches!(fault, PrivateError::Store(_))))?;
        let Some(list) = list else {
            return Ok(Current { clients: Some(Clients::default()), ..Current::default() });
        };
        let clients = Clients::parse(&list.bytes).map_err(|bad| (format!("{}: {bad}", self.name()), true))?;
        Ok(Current { clients: Some(clients), stamp: Some(list.stamp), faulty: None })
    }

    fn name(&self) -> String {
        escape_name(self.path.as_os_str().as_bytes())
    }
}
