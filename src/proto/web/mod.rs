//! Files and folders by HTTP, as far as it needs no file: what a request asks for, and the bytes of its answer.

pub mod multipart;
pub mod origin;
pub mod secret;
pub mod upload;
