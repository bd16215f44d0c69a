//! Sessions of the transfer protocol, shared by `upload`, `download` and servers.

pub(crate) mod connection;
mod digests;
pub(crate) mod dry_run;
mod failure;
mod left_out;
pub(crate) mod list;
pub(crate) mod plain_text;
pub(crate) mod receive;
pub(crate) mod run_state;
pub(crate) mod send;
pub(crate) mod server;
pub(crate) mod stats;

pub(crate) use self::connection::link::Limits;
pub(crate) use self::connection::pool::{ConnectionOrigin, Dialer};
pub(crate) use self::connection::wire::Wire;
pub(crate) use self::digests::{DigestSink, appended, replaced};
pub(crate) use self::dry_run::DryRun;
pub(crate) use self::list::Printing;
pub(crate) use self::plain_text::{SentText, TextReceiving, TextSending};
pub(crate) use self::receive::{Naming, ReceiveFolder, ReceiveOptions, Receiving, SpareParts};
pub(crate) use self::run_state::RunState;
pub(crate) use self::send::offering::{Offering, Root};
pub(crate) use self::send::{MAX_SENT_FILES, Sending, Start};
pub(crate) use self::server::handshake::{Offer, Serving};
pub(crate) use self::server::sessions::{Claim, ClientId, Sessions};

/// The protocol between a client and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireProtocol {
    /// The transfer protocol.
    Sendall,
    /// The classic header `command|name|size`.
    Text,
}
