//! Sessions of the transfer protocol: what `upload`, `download` and the server's side of them share.

mod digests;
mod left_out;
mod link;
mod listing;
mod offering;
mod outcome;
mod receiving;
mod rehearsal;
mod sending;
mod serving;
mod sessions;
mod sharing;
mod tally;
mod team;
mod text;
mod track;
mod wire;

pub(crate) use digests::{DigestArgs, DigestSink, appended};
pub(crate) use link::Limits;
pub(crate) use listing::Printing;
pub(crate) use offering::{Offering, Root};
pub(crate) use receiving::{Destination, Naming, Receiving, SpareParts, Terms};
pub(crate) use rehearsal::Rehearsal;
pub(crate) use sending::{MAX_SENT_FILES, Sending, Start};
pub(crate) use serving::{Offer, Serving};
pub(crate) use sessions::{Claim, ClientId, MAX_CONNECTIONS, Sessions};
pub(crate) use sharing::Share;
pub(crate) use team::Origin;
pub(crate) use text::{SentText, TextReceiving, TextSending};
pub(crate) use track::Track;
pub(crate) use wire::Wire;
