//! Trust in transit: keys, certificates, and who is let in.

mod asking;
mod attacks;
mod bypasses;
mod certificates;
mod clients;
mod codes;
mod core;
mod floods;
mod inherited;
mod keys;
mod peers;
mod pinned;
pub(crate) mod scene;
mod tls;
