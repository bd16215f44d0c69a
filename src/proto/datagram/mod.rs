//! Datagrams: cutting a stream into them, answering them safely, pacing them.

pub mod guard;
pub mod pace;
pub mod records;
