//! Raw streams: their ends, and the transformations of their bytes.

pub mod conversation;
pub mod ending;
pub mod half_close_timer;
pub mod hex_dump;
pub mod labels;
pub mod lane;
pub mod lines;
pub mod message;
pub mod telnet;
#[cfg(test)]
mod tests;
