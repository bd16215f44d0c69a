//! What a server shows and takes, and under which terms.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::archive::ArchiveCache;
use super::hashing::DigestCache;
use super::once::Once;
use super::storing::running::RunningUploads;
use super::storing::table::Table;
use super::storing::upload::DigestNote;
use super::terms::WebTerms;
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
    pub(crate) running: Arc<RunningUploads>,
    /// The uploads that have a URL of their own.
    pub(crate) resumable: Arc<Table>,
    pub(crate) digests: DigestCache,
    pub(crate) archives: ArchiveCache,
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
