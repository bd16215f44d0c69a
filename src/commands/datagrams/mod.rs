//! What `udp-listen` and `udp-send` have in common: datagrams as records on stdout, and the sums at the end.

pub(super) mod output;
pub(super) mod style;
pub(super) mod tally;

use crate::error::{Error, Exit};
use crate::proto::records::LARGEST_BYTES;

/// A datagram that cannot be.
pub(super) fn too_large(what: &str) -> Error {
    Error::new(
        Exit::Usage,
        format!("a datagram holds at most {LARGEST_BYTES} bytes: {what} is larger (see --each)"),
    )
}
