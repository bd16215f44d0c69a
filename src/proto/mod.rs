//! Sans-IO protocol machines: bytes and time in, bytes and decisions out.

pub mod ending;
pub mod lane;
