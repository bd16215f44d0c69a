//! Files and folders by HTTP, as far as it needs no file: what a request asks for, and the bytes of its answer.

pub mod archive;
pub mod byteranges;
pub mod conditions;
pub mod content_range;
pub mod date;
pub mod digests;
pub mod etag;
pub mod file_facts;
pub mod hex;
pub mod listing;
pub mod media_type;
pub mod multipart;
pub mod names;
pub mod origin;
pub mod page;
pub mod proof;
pub mod ranges;
pub mod secret;
pub mod selection;
pub mod structured;
pub mod target;
pub mod upload;
pub mod validators;
