//! TLS: [`key`] is this machine's key, [`certificate`] what it is shown in.

pub mod certificate;
pub mod key;
