//! The parts of `sendall`.

pub mod proto;
pub mod store;
