//! A client of the web face.

use crate::net::endpoint::PeerName;
use crate::report::Report;

/// A client that is served.
pub(super) struct WebClient {
    pub(super) peer: PeerName,
    /// The address that it has connected to.
    pub(super) local: PeerName,
    /// It is on this machine.
    pub(super) is_here: bool,
    /// The connection is encrypted.
    pub(super) is_secure: bool,
    /// Names the client in each line.
    pub(super) report: Report,
}
