//! HTTP/1.1: RFC 9110 and RFC 9112. For a server: bytes of a client in, requests and refusals out. For a client: bytes of a
//! server in, one answer out.
//!
//! httparse reads the lines; their meaning together, and the limits, are decided here. Nothing is repaired: a message
//! that two programs could read in two ways is refused.

mod accept;
mod chunked;
mod exchange;
mod fields;
mod head;
mod lenient;
mod response;
mod response_head;
mod response_reader;
mod target;
#[cfg(test)]
mod tests;
mod url;

pub use self::accept::{MediaType, preferred, preferred_of};
pub use self::exchange::{Exchange, ParseEvent};
pub use self::fields::{only, values};
pub(super) use self::head::number;
pub use self::head::{FieldBuffer, RequestHead, no_fields};
pub use self::lenient::RewrittenHead;
pub use self::response::{
    Persistence, Response, has_no_body, is_field_name, is_field_value, reason, write_head,
};
pub use self::response_head::{
    ContentRange, MAX_RESPONSE_HEAD_BYTES, ResponseFault, ResponseHead, ResponseLength,
};
pub use self::response_reader::{ResponseEvent, ResponseReader};
pub use self::target::{path, split_http_uri, split_path};
pub use self::url::{HttpUrl, UrlFault};

/// The longest request target, in bytes.
pub const MAX_TARGET_BYTES: usize = 8 << 10;
/// The most bytes of a request's fields, the empty line after them included; the same for its trailers.
pub const MAX_FIELDS_BYTES: usize = 8 << 10;
/// The most fields of a request, and the most trailers.
pub const MAX_FIELDS: usize = 100;
/// The most bytes of a request line: a longer one has too long a target, or an unknown method.
const MAX_LINE_BYTES: usize = MAX_TARGET_BYTES + 64;

/// The meaning of a method for a server of fixed answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The answer without its body.
    Head,
    /// The allowed methods.
    Options,
    /// GET, POST, PUT, PATCH and DELETE: the answer.
    Answered,
    /// Any other: status 501.
    Unknown,
}

/// The status of a refused request. The connection ends, because the start of the next request is unknown, or not worth
/// waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorStatus(pub u16);

/// A violation of the grammar.
const BAD_REQUEST: ErrorStatus = ErrorStatus(400);
/// The body is over the limit.
const TOO_LARGE: ErrorStatus = ErrorStatus(413);
/// The target is over the limit.
const TARGET_TOO_LONG: ErrorStatus = ErrorStatus(414);
/// An expectation other than `100-continue`.
const EXPECTATION_FAILED: ErrorStatus = ErrorStatus(417);
/// The fields are over a limit.
const FIELDS_TOO_LARGE: ErrorStatus = ErrorStatus(431);
/// An unknown transfer coding or method.
const NOT_IMPLEMENTED: ErrorStatus = ErrorStatus(501);
/// A version other than 1.0 and 1.1.
const VERSION_NOT_SUPPORTED: ErrorStatus = ErrorStatus(505);

/// Returns the end of the first line that ends with LF alone: the one leniency of httparse that matters.
fn bare_line_feed(bytes: &[u8]) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'\n', bytes);
    ends.find(|&end| end == 0 || bytes[end - 1] != b'\r').map(|end| end + 1)
}
