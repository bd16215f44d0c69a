//! Options of a receiving session: destination, names, and what was agreed with the peer.

use super::parts::SpareParts;
use crate::error::{Error, Exit};
use crate::proto::transfer::entry::{Entry, EntryKind};
use crate::proto::transfer::hello::Accept;
use crate::proto::transfer::names::CleanPath;
use crate::proto::transfer::reason::Reason;
use crate::store::{Folder, StagingFolder};
use crate::transfer::connection::link::Limits;
use crate::transfer::connection::pool::ConnectionOrigin;
use crate::transfer::connection::wire::Failure;

/// Destination of received files, and the limits on them.
pub(crate) struct ReceiveFolder {
    pub(crate) folder: Folder,
    pub(crate) staging: StagingFolder,
    pub(crate) naming: Naming,
    pub(crate) replace: bool,
    pub(crate) max_size: Option<u64>,
    pub(crate) max_entries: u32,
    /// How many parts the session may have open.
    pub(crate) spare_parts: SpareParts,
}

/// How received files are named.
#[derive(Clone, Debug)]
pub(crate) enum Naming {
    /// As sent.
    AsSent,
    /// As asked for, without the leading folders.
    Wanted(Vec<Vec<u8>>),
    /// By this name; only one file is accepted.
    Fixed(Vec<u8>),
    /// Not at all: the only file goes to stdout.
    Stdout,
}

/// Options that are known before a session receives.
pub(crate) struct ReceiveOptions {
    /// The names asked for; `None`: everything.
    pub(crate) wanted: Option<Vec<Vec<u8>>>,
    /// On a server: the ACCEPT that it has sent. A client receives it later.
    pub(crate) agreed: Accept,
    pub(crate) limits: Limits,
    pub(crate) origin: ConnectionOrigin,
}

impl Naming {
    /// Returns the local path for a clean path of the sender.
    pub(crate) fn stored_path(&self, path: &[u8]) -> Vec<u8> {
        match self {
            Naming::AsSent | Naming::Stdout => path.to_vec(),
            Naming::Wanted(names) => below_what_was_wanted(names, path),
            Naming::Fixed(name) => name.clone(),
        }
    }

    /// Fails if a further entry is offered where only one file is accepted.
    pub(super) fn expect_another(&self, entry_count: u32) -> Result<(), Failure> {
        let what = match self {
            Naming::AsSent | Naming::Wanted(_) => return Ok(()),
            _ if entry_count == 0 => return Ok(()),
            Naming::Fixed(_) => "name one, or give -o a folder that exists",
            Naming::Stdout => "name one",
        };
        let text = format!("several files are offered: {what}");
        let to_peer = Some((Reason::NotAskedFor, "one file can be taken, and several are offered".into()));
        Err(Failure { error: Error::new(Exit::Refused, text), to_peer })
    }

    /// Returns the local path of an entry below the destination.
    pub(super) fn local_path(&self, entry: &Entry) -> Result<Vec<u8>, (Reason, String)> {
        let path = CleanPath::parse(&entry.path).map_err(|fault| (Reason::UnsafeName, fault.to_string()))?;
        let only_one = |what: &str| {
            if !matches!(entry.kind, EntryKind::File) {
                Err((Reason::NotAskedFor, format!("a folder is offered: {what}")))
            } else {
                Ok(())
            }
        };
        match self {
            Naming::AsSent | Naming::Wanted(_) => Ok(()),
            Naming::Fixed(_) => only_one("name one, or give a folder"),
            Naming::Stdout => only_one("name one"),
        }
        .map(|()| self.stored_path(path.as_bytes()))
    }
}

/// Removes the leading folders of the wanted name: `folder/name/rest` for a wanted `folder/name` becomes `name/rest`.
fn below_what_was_wanted(names: &[Vec<u8>], path: &[u8]) -> Vec<u8> {
    let holds = |name: &&Vec<u8>| {
        path.strip_prefix(name.as_slice()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let dropped = names
        .iter()
        .find(holds)
        .and_then(|name| name.iter().rposition(|byte| *byte == b'/'))
        .map_or(0, |slash| slash + 1);
    path[dropped..].to_vec()
}
