//! Sessions of the transfer protocol: what `upload`, `download` and the server's side of them share.

mod link;
mod outcome;
mod receiving;
mod sending;
mod serving;
mod text;
mod wire;

pub(crate) use link::Limits;
pub(crate) use receiving::{Destination, Naming, Receiving};
pub(crate) use sending::{Sending, entry_of};
pub(crate) use serving::{Offer, Serving, Share};
pub(crate) use text::{SentText, TextReceiving, TextSending};
pub(crate) use wire::Wire;
