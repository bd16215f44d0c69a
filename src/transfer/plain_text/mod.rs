//! `--wire text`: the classic `command|name|size` header, for peers that have no other protocol. It proves nothing
//! about the content, so each file counts as unverified.

mod receiving;
mod sending;

pub(crate) use self::receiving::TextReceiving;
pub(crate) use self::sending::{SentText, TextSending};
