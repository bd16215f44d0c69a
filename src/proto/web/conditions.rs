//! Conditional requests: RFC 9110, 13.

use std::time::UNIX_EPOCH;

use httparse::Header;

use super::etag::{self, Comparison, Listed};
use super::validators::Validators;
use crate::proto::http::{only, values};

/// What the conditions of a request make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// They hold, or there are none.
    Proceed,
    /// The client has it already: status 304.
    NotModified,
    /// Status 412.
    Failed,
}

/// Evaluates all conditions but `If-Range`, in the order of RFC 9110, 13.2.2. `current` is what the target names now;
/// `None`: nothing. Conditions do not matter where the answer without them would be an error.
///
/// A list that is not one of tags never lets a request change something. A date that is not one is ignored.
pub fn evaluate(fields: &[Header<'_>], current: Option<&Validators>, is_get_or_head: bool) -> Decision {
    let tag = current.and_then(|current| current.etag.as_ref());
    let modified = current.and_then(Validators::modified);
    if has(fields, "if-match") {
        match etag::look_up(values(fields, "if-match"), tag, Comparison::Strong) {
            Listed::Any if current.is_some() => {}
            Listed::Yes => {}
            _ => return Decision::Failed,
        }
    } else if let (Some(date), Some(modified)) = (date(fields, "if-unmodified-since"), modified)
        && modified > date
    {
        return Decision::Failed;
    }
    let not_modified = if is_get_or_head { Decision::NotModified } else { Decision::Failed };
    if has(fields, "if-none-match") {
        match etag::look_up(values(fields, "if-none-match"), tag, Comparison::Weak) {
            Listed::Any if current.is_some() => return not_modified,
            Listed::Yes => return not_modified,
            Listed::Malformed if !is_get_or_head => return Decision::Failed,
            _ => {}
        }
    } else if is_get_or_head
        // A date that is not sent has not been had from here.
        && let Some(modified) = current.and_then(Validators::last_modified)
        && let Some(date) = date(fields, "if-modified-since")
        && modified <= date
    {
        return Decision::NotModified;
    }
    Decision::Proceed
}

/// Returns whether `Range` counts: there is no `If-Range`, or it has the tag or the date of what is there now, and that is
/// a strong validator (RFC 9110, 13.1.5).
pub fn range_applies(fields: &[Header<'_>], current: &Validators) -> bool {
    let mut values = values(fields, "if-range");
    match (values.next(), values.next()) {
        (None, _) => true,
        (Some(value), None) if etag::looks_like_tag(value) => {
            current.etag.as_ref().is_some_and(|tag| etag::is_same(value, tag))
        }
        (Some(value), None) => {
            current.is_date_strong() && parse_date(value).is_some_and(|date| current.modified() == Some(date))
        }
        (Some(_), Some(_)) => false,
    }
}

fn has(fields: &[Header<'_>], name: &str) -> bool {
    values(fields, name).next().is_some()
}

/// Returns the date of a field, in seconds since 1970. `None`: there is no such field, several, or not a date.
fn date(fields: &[Header<'_>], name: &str) -> Option<u64> {
    parse_date(only(fields, name)?)
}

/// Parses a date in any of the three forms of RFC 9110, 5.6.7, into seconds since 1970.
fn parse_date(value: &[u8]) -> Option<u64> {
    let date = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
