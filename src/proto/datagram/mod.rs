//! Datagrams: a stream cut into them, who may be answered, when to send.

pub mod guard;
pub mod pace;
pub mod records;
