//! A server's trust: whom it admits, and the sessions that further connections may join.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use super::client_list::ClientList;
use crate::net::endpoint::PeerName;
use crate::net::tls::peer::PeerTls;
use crate::proto::SessionId;
use crate::proto::secure::Rights;
use crate::proto::secure::account::{CodeAccount, CodeUse};
use crate::proto::secure::clients::Client;
use crate::proto::secure::pin::Pin;
use crate::proto::secure::server::{Admitted, By, Policy};
use crate::proto::secure::session::SessionSecret;

/// A server's side of admission.
pub(crate) struct ServerTrust {
    pub(crate) tls: PeerTls,
    /// The code that was made for this run, to be printed.
    pub(crate) shown_code: Option<Zeroizing<String>>,
    /// The addresses of sockets that were passed on, because of which a code is asked for.
    pub(crate) reached: Option<String>,
    /// Clients without encryption are served as well.
    pub(crate) is_plain: bool,
    /// The time limit of TLS and admission together.
    pub(crate) limit: Duration,
    pub(crate) policy: Arc<SharedPolicy>,
}

/// Whom a server admits, shared by its threads.
pub(crate) struct SharedPolicy {
    open: Option<Rights>,
    code: Option<Arc<CodeAccount>>,
    /// Those who are admitted by their keys, and what the server has for them.
    clients: Option<(ClientList, Rights)>,
    sessions: Mutex<HashMap<SessionId, SessionSecret>>,
}

impl SharedPolicy {
    /// Admits anybody with the rights of `open`, those who have the code, and those whose key is in the list of `clients`,
    /// with at most the rights beside it.
    pub(crate) fn new(
        open: Option<Rights>,
        code: Option<Arc<CodeAccount>>,
        clients: Option<(ClientList, Rights)>,
    ) -> SharedPolicy {
        SharedPolicy { open, code, clients, sessions: Mutex::default() }
    }

    /// Returns the line of a key in the list of clients, with the rights that it gives here.
    fn client(&self, key: &Pin) -> Option<Client> {
        let (list, rights) = self.clients.as_ref()?;
        let client = list.get(key)?;
        Some(Client { rights: client.rights.common(*rights), ..client })
    }

    /// The map is right after every statement, so a thread that has panicked leaves nothing half done.
    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, SessionSecret>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets further connections join a session for as long as the result is kept.
    pub(crate) fn keep(self: &Arc<Self>, id: SessionId, session: SessionSecret) -> KeptSession {
        self.sessions().insert(id, session);
        KeptSession { policy: Arc::clone(self), id }
    }
}

impl Policy for SharedPolicy {
    fn open(&self) -> Option<Rights> {
        self.open
    }

    fn has_keys(&self) -> bool {
        self.clients.is_some()
    }

    fn key(&self, key: &Pin) -> Option<Rights> {
        self.client(key).map(|client| client.rights)
    }

    fn session(&self, id: &SessionId) -> Option<SessionSecret> {
        self.sessions().get(id).cloned()
    }

    fn code(&self) -> Option<Arc<CodeAccount>> {
        self.code.clone()
    }
}

/// A session that further connections may join, until this is dropped.
pub(crate) struct KeptSession {
    policy: Arc<SharedPolicy>,
    id: SessionId,
}

impl Drop for KeptSession {
    fn drop(&mut self) {
        self.policy.sessions().remove(&self.id);
    }
}

/// What a client has shown of itself, and may do.
pub(crate) enum Authorization {
    /// The server asks nobody: its connections are in the clear, or TLS alone.
    NotAsked,
    /// It was admitted.
    Admitted(Box<AdmittedClient>),
}

/// A client that was admitted.
pub(crate) struct AdmittedClient {
    admitted: Admitted,
    /// What it may do.
    client: Client,
    policy: Arc<SharedPolicy>,
}

impl AdmittedClient {
    pub(crate) fn new(admitted: Admitted, policy: &Arc<SharedPolicy>) -> AdmittedClient {
        let by_other_means = |rights| Client { rights, store: None, max_size_bytes: None };
        let client = match admitted.by {
            // Its line may have gone in this moment.
            By::Key(key) => policy.client(&key).unwrap_or_else(|| by_other_means(Rights::NONE)),
            // What was shown for one session is not shown for another one: it may join, and nothing else.
            By::Session(_) => by_other_means(Rights::NONE),
            By::Code | By::Open => by_other_means(admitted.rights),
        };
        AdmittedClient { admitted, client, policy: Arc::clone(policy) }
    }

    /// What the client may do, but for joining a session. `STREAM` is not compared with anything: a server of raw streams
    /// admits by its code alone, which gives it.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// True if it was admitted by its key.
    pub(crate) fn is_by_key(&self) -> bool {
        matches!(self.admitted.by, By::Key(_))
    }

    /// True for a further connection of a client.
    pub(crate) fn is_by_session(&self) -> bool {
        matches!(self.admitted.by, By::Session(_))
    }

    /// True if the client may join this session.
    pub(crate) fn may_join(&self, id: &SessionId) -> bool {
        matches!(self.admitted.by, By::Session(session) if session == *id)
    }

    /// Lets further connections of the client join its session, for as long as the result is kept.
    pub(crate) fn keep(&self, id: SessionId) -> KeptSession {
        self.policy.keep(id, self.admitted.session.clone())
    }

    /// What the success of its session is to bring about, if a code has admitted it.
    pub(crate) fn take_success(&mut self, peer: &PeerName) -> Option<Success> {
        let code_use = self.admitted.code_use.take()?;
        let client = self.admitted.session.peer().map(|key| (key, self.admitted.rights, peer.clone()));
        Some(Success { code_use, client, policy: Arc::clone(&self.policy) })
    }

    /// The use of a code that its success uses up.
    pub(crate) fn take_code_use(&mut self) -> Option<CodeUse> {
        self.admitted.code_use.take()
    }
}

/// What the success of a session brings about. Dropped before that, it gives the use of the code back.
pub(crate) struct Success {
    code_use: CodeUse,
    /// The client's key, what the code is for, and its address.
    client: Option<(Pin, Rights, PeerName)>,
    policy: Arc<SharedPolicy>,
}

impl Success {
    /// The session has succeeded: it uses up the code, and a client that the server pairs needs none from now on.
    pub(crate) fn happened(self) {
        self.code_use.succeeded();
        if let (Some((key, rights, peer)), Some((list, all))) = (self.client, &self.policy.clients) {
            list.pair(key, rights.common(*all), &peer);
        }
    }
}
