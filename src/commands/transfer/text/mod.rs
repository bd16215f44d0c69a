//! `--wire text`: the classic `command|name|size` header, for peers that speak nothing else. It proves nothing about
//! the content, so each file counts as unverified.

mod receiving;
mod sending;

pub(crate) use receiving::TextReceiving;
pub(crate) use sending::{SentText, TextSending};
