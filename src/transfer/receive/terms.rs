//! What is agreed before a session that receives.

use super::parts::SpareParts;
use crate::error::{Error, Exit};
use crate::proto::transfer::entry::{Entry, Kind};
use crate::proto::transfer::hello::Accept;
use crate::proto::transfer::names::CleanPath;
use crate::proto::transfer::reason::Reason;
use crate::store::{Folder, StagingFolder};
use crate::transfer::connection::link::Limits;
use crate::transfer::connection::pool::Origin;
use crate::transfer::connection::wire::Failure;

/// Where files go, and which of them are taken.
pub(crate) struct Destination {
    pub(crate) folder: Folder,
    pub(crate) stage: StagingFolder,
    pub(crate) naming: Naming,
    pub(crate) replace: bool,
    pub(crate) max_size: Option<u64>,
    pub(crate) max_entries: u32,
    /// How many parts it may have open.
    pub(crate) spare_parts: SpareParts,
}

/// Which name a file gets here.
#[derive(Clone, Debug)]
pub(crate) enum Naming {
    /// The one it was sent with.
    AsSent,
    /// What was asked for, without the folders that it was in.
    Wanted(Vec<Vec<u8>>),
    /// This one; only one file may come.
    Fixed(Vec<u8>),
    /// None: the one file that may come goes to stdout.
    Stdout,
}

/// What is agreed before a session that receives.
pub(crate) struct Terms {
    /// Its own names, where some were asked for.
    pub(crate) wanted: Option<Vec<Vec<u8>>>,
    /// What a server has said. A client learns that later.
    pub(crate) agreed: Accept,
    pub(crate) limits: Limits,
    pub(crate) origin: Origin,
}

impl Naming {
    /// The path here of what was sent with a clean path.
    pub(crate) fn local(&self, path: &[u8]) -> Vec<u8> {
        match self {
            Naming::AsSent | Naming::Stdout => path.to_vec(),
            Naming::Wanted(names) => below_what_was_wanted(names, path),
            Naming::Fixed(name) => name.clone(),
        }
    }

    /// Another entry has come. Where one file is to get one name, or to go to stdout, it must be the only one.
    pub(super) fn expect_another(&self, entry_count: u32) -> Result<(), Failure> {
        let what = match self {
            Naming::AsSent | Naming::Wanted(_) => return Ok(()),
            _ if entry_count == 0 => return Ok(()),
            Naming::Fixed(_) => "name one, or give -o a folder that exists",
            Naming::Stdout => "name one",
        };
        let text = format!("several files are offered: {what}");
        let tell = Some((Reason::NotAskedFor, "one file can be taken, and several are offered".into()));
        Err(Failure { error: Error::new(Exit::Refused, text), tell })
    }

    /// The path that an entry gets below the destination: the receiver chooses it.
    pub(super) fn local_path(&self, entry: &Entry) -> Result<Vec<u8>, (Reason, String)> {
        let path = CleanPath::parse(&entry.path).map_err(|fault| (Reason::UnsafeName, fault.to_string()))?;
        let only_one = |what: &str| {
            if !matches!(entry.kind, Kind::File) {
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
        .map(|()| self.local(path.as_bytes()))
    }
}

/// `folder/name/rest` for a wanted `folder/name` is `name/rest`.
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
