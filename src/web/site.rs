//! What a server shows and takes, and under which terms.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::archive::ArchiveCache;
use super::hashing::DigestCache;
use super::once::Once;
use super::storing::running::Running;
use super::storing::table::Table;
use super::storing::upload::DigestNote;
use super::tags::ETagSource;
use crate::http::log::Log;
use crate::proto::web::origin::Hosts;
use crate::proto::web::page::Uploads;
use crate::proto::web::secret::{SecretPath, Token};
use crate::server::invitation::WebInvitation;
use crate::store::{Folder, Share};

/// The resources of a server, shared by all its connections.
pub(crate) struct Site {
    /// What can be read.
    pub(crate) share: Option<Share>,
    /// Where uploads go.
    pub(crate) store: Option<Folder>,
    /// Whether the pages that list what can be read list uploads as well.
    pub(crate) uploads: Uploads,
    /// The name of what is shared: the heading of the outermost page, and the name of archives of all of it.
    pub(crate) title: Vec<u8>,
    pub(crate) access: WebAccess,
    /// The names that it goes by.
    pub(crate) hosts: Hosts,
    pub(crate) terms: WebTerms,
    /// Present if the server ends after one transfer.
    pub(crate) once: Option<Arc<Once>>,
    /// Where each answer has a line.
    pub(crate) log: Option<Log>,
    /// Where each stored file has a line.
    pub(crate) digest_note: Option<DigestNote>,
    /// The uploads that are under way.
    pub(crate) running: Arc<Running>,
    /// The uploads that have a URL of their own.
    pub(crate) resumable: Arc<Table>,
    pub(crate) digests: DigestCache,
    pub(crate) archives: ArchiveCache,
}

impl Site {
    /// The value of `Cache-Control` for a content that can be told from others.
    pub(super) fn cache_control(&self, lifetime: Lifetime, is_private: bool) -> String {
        let scope = if is_private { "private" } else { "public" };
        match (lifetime, self.terms.cache) {
            (Lifetime::Immutable, _) => format!("{scope}, max-age=31536000, immutable"),
            (Lifetime::Usual, Some(age)) => {
                format!("{scope}, max-age={}, stale-if-error=86400", age.as_secs())
            }
            (Lifetime::Usual, None) if is_private => "private, no-cache".into(),
            (Lifetime::Usual, None) => "no-cache".into(),
        }
    }
}

impl Site {
    /// What people need for their browsers.
    pub(crate) fn invitation(&self, has_certificate: bool) -> WebInvitation {
        let secret = match &self.access {
            WebAccess::Secret(secret) => Some(Zeroizing::new(secret.as_str().to_owned())),
            WebAccess::Open | WebAccess::Token(_) => None,
        };
        WebInvitation { secret, is_writable: self.store.is_some(), has_certificate }
    }
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
    /// The most files of one form.
    pub(crate) max_entries: u32,
    /// No file is ever replaced.
    pub(crate) keep_existing: bool,
    /// How long caches may use an answer without asking again. `None`: not at all.
    pub(crate) cache: Option<Duration>,
    /// It is a web site: its pages are to run.
    pub(crate) is_site: bool,
    pub(crate) etag: ETagSource,
}

/// For how long caches may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// As the options of the server say.
    Usual,
    /// For ever: the request names the content itself.
    Immutable,
}
