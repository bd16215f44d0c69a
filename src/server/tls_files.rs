//! The files of a server's TLS, which are read again on SIGHUP.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::net::tls::server::ServerTls;

/// Reads the files of a server's TLS. Blocks.
pub(crate) type TlsSource = Arc<dyn Fn() -> Result<ServerTls, Error> + Send + Sync>;

/// A server's TLS. Clones share what was read last.
#[derive(Clone)]
pub(crate) struct TlsTerms {
    /// Makes the layer of each connection.
    pub(super) current: Rc<RefCell<ServerTls>>,
    source: TlsSource,
    /// The longest time of a handshake.
    pub(super) limit: Duration,
}

impl TlsTerms {
    /// What `source` reads, and handshakes of up to `limit`.
    ///
    /// # Errors
    /// Those of `source`.
    pub(crate) fn new(source: TlsSource, limit: Duration) -> Result<TlsTerms, Error> {
        Ok(TlsTerms { current: Rc::new(RefCell::new(source()?)), source, limit })
    }

    /// What reads the files.
    pub(super) fn source(&self) -> TlsSource {
        Arc::clone(&self.source)
    }

    /// Replaces what was read, for clients to come.
    pub(super) fn replace(&self, tls: ServerTls) {
        *self.current.borrow_mut() = tls;
    }
}
