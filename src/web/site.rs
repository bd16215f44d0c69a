//! What a server shows and takes, and under which terms.

use std::sync::Arc;
use std::time::Duration;

use super::once::Once;
use crate::http::log::Log;
use crate::proto::web::origin::Hosts;
use crate::proto::web::secret::{SecretPath, Token};
use crate::store::{Folder, Share};

/// The resources of a server, shared by all its connections.
pub(crate) struct Site {
    /// What can be read.
    pub(crate) share: Option<Share>,
    /// Where uploads go.
    pub(crate) store: Option<Folder>,
    pub(crate) access: WebAccess,
    /// The names that it goes by.
    pub(crate) hosts: Hosts,
    pub(crate) terms: WebTerms,
    /// Present if the server ends after one transfer.
    pub(crate) once: Option<Arc<Once>>,
    /// Where each answer has a line.
    pub(crate) log: Option<Log>,
}

/// What a client has to know.
#[derive(Debug)]
pub(crate) enum WebAccess {
    /// Nothing.
    Open,
    /// The first segment of each path, unless it is on this machine.
    Secret(SecretPath),
    /// The token of each request.
    Token(Token),
}

/// The terms of all requests.
#[derive(Clone, Debug)]
pub(crate) struct WebTerms {
    /// The time for a request's head.
    pub(crate) head_timeout: Duration,
    /// The time in which nothing moves: between requests, in a body, or while a client does not read.
    pub(crate) idle_timeout: Duration,
    /// The time for a whole connection.
    pub(crate) session_timeout: Option<Duration>,
    /// Bytes per second of a client, in each direction.
    pub(crate) rate: Option<u64>,
    /// The largest file that is stored, in bytes.
    pub(crate) max_size: Option<u64>,
    /// No file is ever replaced.
    pub(crate) keep_existing: bool,
}
