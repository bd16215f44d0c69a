//! The commands, and the sessions that they share.

pub mod connect;
mod opened;
pub mod options;
pub mod relay;
pub mod serve;
