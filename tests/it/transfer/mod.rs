//! File transfer: what arrives, what is refused, and what is said of it.

pub(crate) mod advice;
pub(crate) mod blocks;
pub(crate) mod codes;
pub(crate) mod crowd;
pub(crate) mod default_port;
pub(crate) mod digests;
pub(crate) mod download;
pub(crate) mod drawn;
pub(crate) mod file_modes;
pub(crate) mod frames;
pub(crate) mod left_out;
pub(crate) mod limit_rate;
pub(crate) mod limits;
pub(crate) mod listing;
pub(crate) mod odd_files;
pub(crate) mod once;
pub(crate) mod producers;
pub(crate) mod progress;
pub(crate) mod proxied;
pub(crate) mod proxy;
pub(crate) mod python_peer;
pub(crate) mod retry;
pub(crate) mod scale;
pub(crate) mod upload;
pub(crate) mod wire_text;
pub(crate) mod xfer;
