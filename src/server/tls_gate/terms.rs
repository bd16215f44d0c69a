//! What a gate asks of clients.

use std::rc::Rc;
use std::time::Duration;

use crate::error::{Error, Exit};
use crate::server::tls_files::TlsTerms;
use crate::server::trust::ServerTrust;

/// Returns whether a connection with this first byte is one of HTTP: the method comes first (RFC 9112, 3).
pub(crate) fn is_http(first: u8) -> bool {
    first.is_ascii_uppercase()
}

/// What a client has to do before it is served.
pub(crate) enum GateTerms {
    /// TLS alone. Clients without it that speak HTTP are answered if `is_http`.
    Tls { terms: TlsTerms, is_http: bool },
    /// TLS and admission. Clients of transfers without TLS are answered in their own protocol.
    /// Clients of HTTP pass without admission if it `speaks_http`: the handler knows what they may do.
    Admission { trust: Rc<ServerTrust>, is_for_transfers: bool, speaks_http: bool },
}

impl GateTerms {
    /// True for a server of transfers: its sessions decide themselves when they have succeeded.
    pub(super) fn is_for_transfers(&self) -> bool {
        matches!(self, GateTerms::Admission { is_for_transfers: true, .. })
    }

    /// The time for TLS and admission.
    pub(super) fn limit(&self) -> Duration {
        match self {
            GateTerms::Tls { terms, .. } => terms.limit,
            GateTerms::Admission { trust, .. } => trust.limit,
        }
    }

    /// The failure of a client that takes longer.
    pub(super) fn over_limit(&self) -> Error {
        let what = match self {
            GateTerms::Tls { .. } => "its TLS handshake",
            GateTerms::Admission { .. } => "TLS and admission",
        };
        let limit = humantime::format_duration(self.limit());
        Error::new(Exit::TimedOut, format!("{what} took over {limit}"))
    }

    /// TLS whose files are read again.
    pub(in crate::server) fn tls(&self) -> Option<&TlsTerms> {
        match self {
            GateTerms::Tls { terms, .. } => Some(terms),
            GateTerms::Admission { .. } => None,
        }
    }
}
