//! `udp-listen`, `udp-send`, and `serve --forward` of datagrams. Shared: records on stdout, and the sums at the end.

pub(crate) mod listen;
pub(crate) mod output;
pub(crate) mod relay;
pub(crate) mod send;
pub(crate) mod stats;
pub(crate) mod style;

use std::io;

use rustix::io::Errno;

use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::udp::Peer;
use crate::proto::datagram::records::MAX_DATAGRAM_BYTES;

/// Fails for an endpoint of a kind that has no datagrams.
pub(crate) fn check(endpoint: &Endpoint) -> Result<(), Error> {
    match endpoint {
        Endpoint::SeqPacket(_) | Endpoint::Special(_) => {
            let text = format!("{endpoint} is not for datagrams: type HOST:PORT, unix:/path or unix:@name");
            Err(Error::new(Exit::Usage, text))
        }
        Endpoint::Tcp { .. } | Endpoint::UnixPath(_) | Endpoint::UnixAbstract(_) | Endpoint::Inherited(_) => {
            Ok(())
        }
    }
}

/// The least that a datagram costs: an empty one takes as long as this many bytes, or longer.
const MIN_COST_BYTES: usize = 256;

/// The bytes that a received datagram costs of a turn's budget. So a flood of empty ones does not make the turn a long one.
pub(crate) fn turn_cost(payload: &[u8]) -> usize {
    payload.len().max(MIN_COST_BYTES)
}

/// Returns the error for a datagram that is too large.
pub(crate) fn too_large(what: &str) -> Error {
    Error::new(Exit::Usage, format!("a datagram holds at most {MAX_DATAGRAM_BYTES} bytes: {what} is larger"))
}

/// Returns the error for a peer that cannot be sent to.
pub(crate) fn cannot_send(peer: &Peer, error: &io::Error) -> Error {
    let why = match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED) => "nothing listens there (connection refused)".into(),
        Some(Errno::ACCESS) => "not permitted; a broadcast address needs --broadcast".into(),
        Some(Errno::NOENT) => "there is no such socket".into(),
        Some(Errno::PROTOTYPE) => "it is not a datagram socket: 'connect' is for streams".into(),
        Some(Errno::MSGSIZE) => {
            return Error::new(Exit::Usage, format!("too large for a datagram to {peer}"));
        }
        _ => error.to_string(),
    };
    Error::new(Exit::NoConnection, format!("cannot send to {peer}: {why}"))
}

/// Returns whether an error means that a peer cannot be reached at all, rather than that one datagram could not be
/// sent.
pub(crate) fn is_no_way(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::CONNREFUSED | Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::AFNOSUPPORT | Errno::NOENT)
    )
}
