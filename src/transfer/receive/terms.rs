//! What is agreed before a session that receives.

use super::parts::SpareParts;
use crate::proto::transfer::hello::Accept;
use crate::store::{Folder, StagingFolder};
use crate::transfer::connection::link::Limits;
use crate::transfer::connection::pool::Origin;

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
