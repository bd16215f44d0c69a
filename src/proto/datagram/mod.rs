//! Datagrams: cutting a stream into them, answering them safely, pacing them, relaying them.

pub mod flows;
pub mod guard;
pub mod pace;
pub mod records;
