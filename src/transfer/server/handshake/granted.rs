//! What a client is granted.

use crate::proto::SessionId;
use crate::transfer::receive::ReceiveFolder;
use crate::transfer::send::offering::Offering;

/// The session that a client is granted.
pub(super) enum Granted {
    /// To send files to this destination.
    Put(ReceiveFolder),
    /// To receive these files, in a stream if true, else in rounds.
    Get(Offering, bool),
    /// To list these files.
    List(Offering),
    /// To add its connection to this session.
    Join(SessionId),
}

impl Granted {
    /// Returns whether it is a session of its own that moves files, not only a list.
    pub(super) fn moves_files(&self) -> bool {
        matches!(self, Granted::Put(_) | Granted::Get(..))
    }
}
