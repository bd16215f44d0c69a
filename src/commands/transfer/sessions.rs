//! The sessions of a server, by id: a further connection joins one, and a client that comes back takes over from its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::reactor::Wake;
use crate::net::stream::Socket;

/// Connections of one session at most.
pub(crate) const MAX_CONNECTIONS: usize = 16;

/// The id of a session: random, known to its client and its server.
pub(crate) type SessionId = [u8; 16];

/// All sessions of a server.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<SessionId, Arc<Port>>>>);

/// How other threads reach a session.
struct Port {
    mail: Mutex<Mail>,
    wake: Wake,
}

#[derive(Default)]
struct Mail {
    joined: Vec<Socket>,
    connections: usize,
    is_taken_over: bool,
}

impl Port {
    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn all(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Port>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session begins; it is found until its entry is dropped.
    pub(crate) fn enter(&self, id: SessionId, wake: Wake) -> Listed {
        let port = Arc::new(Port { mail: Mutex::default(), wake });
        self.all().insert(id, Arc::clone(&port));
        Listed { sessions: self.clone(), id, port }
    }

    /// Hands a connection to a session. False if there is none of that id, or if it has enough.
    pub(crate) fn join(&self, id: &SessionId, socket: Socket) -> bool {
        let Some(port) = self.all().get(id).cloned() else { return false };
        let mut mail = port.mail();
        if mail.connections + 1 >= MAX_CONNECTIONS {
            return false;
        }
        mail.connections += 1;
        mail.joined.push(socket);
        port.wake.wake();
        true
    }

    /// Asks a session to make way for another one of the same client. True as long as it has not.
    pub(crate) fn take_over(&self, id: &SessionId) -> bool {
        let Some(port) = self.all().get(id).cloned() else { return false };
        port.mail().is_taken_over = true;
        port.wake.wake();
        true
    }
}

/// A session's own side of its entry.
pub(crate) struct Listed {
    sessions: Sessions,
    id: SessionId,
    port: Arc<Port>,
}

impl Listed {
    /// The connections that have joined since.
    pub(crate) fn joined(&self) -> Vec<Socket> {
        std::mem::take(&mut self.port.mail().joined)
    }

    /// Whether the client has come back in another session.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.port.mail().is_taken_over
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.sessions.all().remove(&self.id);
    }
}
