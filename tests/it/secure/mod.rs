//! Trust in transit: keys, certificates, and who is let in.

mod asking;
mod attacks;
mod bypasses;
mod certificates;
mod codes;
mod keys;
mod pinned;
pub(crate) mod scene;
mod tls;
