//! Which bytes of a file answer a GET or HEAD: conditions and ranges together, in the order of RFC 9110, 13.2.2.

use std::ops::Range;

use httparse::Header;

use super::conditions::{self, Decision};
use super::ranges::{self, Ranges};
use super::validators::Validators;
use crate::proto::http::values;

/// The answer to a request for a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Status 200.
    Whole,
    /// Status 206, of one range.
    Part(Range<u64>),
    /// Status 206, of several ranges as `multipart/byteranges`.
    Parts(Vec<Range<u64>>),
    /// Status 304.
    NotModified,
    /// Status 412.
    Failed,
    /// Status 416.
    Unsatisfiable,
}

impl Selection {
    /// Returns the status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Selection::Whole => 200,
            Selection::Part(_) | Selection::Parts(_) => 206,
            Selection::NotModified => 304,
            Selection::Failed => 412,
            Selection::Unsatisfiable => 416,
        }
    }
}

/// Decides the answer to a GET or a HEAD for a content of this size. RFC 9110, 14.2: only a GET has ranges.
pub fn select(fields: &[Header<'_>], current: &Validators, size_bytes: u64, is_get: bool) -> Selection {
    match conditions::evaluate(fields, Some(current), true) {
        Decision::Proceed => {}
        Decision::NotModified => return Selection::NotModified,
        Decision::Failed => return Selection::Failed,
    }
    if !is_get || !conditions::range_applies(fields, current) {
        return Selection::Whole;
    }
    match ranges::parse(values(fields, "range"), size_bytes) {
        Ranges::Whole => Selection::Whole,
        Ranges::One(range) => Selection::Part(range),
        Ranges::Many(ranges) => Selection::Parts(ranges),
        Ranges::Unsatisfiable => Selection::Unsatisfiable,
    }
}

#[cfg(test)]
mod tests;
