//! Files and folders by HTTP, as far as it needs no file: what a request asks for, and the bytes of its answer.

pub mod date;
pub mod listing;
pub mod media_type;
pub mod names;
pub mod page;
