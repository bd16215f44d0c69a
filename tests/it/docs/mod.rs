//! Promises in writing: usage errors, exit codes, events, and the plan of the source tree.

pub(crate) mod exit_codes;
pub(crate) mod json;
pub(crate) mod tidy;
pub(crate) mod usage;
