//! Uploads: a body becomes a file, and has its final name only when it is whole and on disk.

mod announced;
mod arrived;
mod form;
mod kept;
mod put;
mod refusal;
mod resumable;
pub(crate) mod running;
mod started;
pub(crate) mod table;
pub(crate) mod upload;

pub(super) use self::form::post;
pub(super) use self::kept::kept;
pub(super) use self::put::put;
pub(super) use self::resumable::{create, creates, limit_value, resource};
