//! What a connection remembers of its request, and how it ends.

/// What an answer must know of its request.
#[derive(Clone, Copy)]
pub(super) struct Reply {
    pub(super) is_head: bool,
    pub(super) keeps_alive: bool,
    pub(super) minor: u8,
}

/// A request in the log.
pub(super) struct Logged {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) minor: u8,
}

/// The end of a connection.
pub(super) enum End {
    /// It is lost, or not wanted any more.
    Lost,
    /// What was sent must not look whole.
    Reset(String),
    /// Another request has taken the place of its upload.
    Replaced,
    /// It goes to its other home.
    Moves,
}
