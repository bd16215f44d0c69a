//! The connections of a session.

pub(crate) mod closing;
pub(crate) mod link;
pub(crate) mod pool;
pub(crate) mod wire;
