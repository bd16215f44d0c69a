//! Receiving datagrams and answering them.

pub(crate) mod answers;
pub(crate) mod input;
pub(crate) mod peers;
pub(crate) mod processes;
pub(crate) mod session;
pub(crate) mod worker;
