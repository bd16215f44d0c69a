//! HTTP/1.1 for a server that answers from memory: RFC 9110 and RFC 9112. What a client sends in, requests and refusals out.
//!
//! httparse reads the lines; what they mean together, and how much of them is taken, is decided here. Nothing is
//! repaired: a message that two programs could read in two ways is refused.

mod accept;
mod chunked;
mod exchange;
mod head;
mod lenient;
mod response;
mod target;
#[cfg(test)]
mod tests;

pub use self::accept::{Form, preferred};
pub use self::exchange::{Exchange, Step};
pub(super) use self::head::number;
pub use self::head::{Fields, Head, no_fields};
pub use self::lenient::Anew;
pub use self::response::{Answer, Persistence, has_no_body, is_field_name, is_field_value, reason};
pub use self::target::{http_parts, path};

/// The longest request target, in bytes.
pub const MAX_TARGET_BYTES: usize = 8 << 10;
/// The most that a request's fields take, with the empty line behind them; and the same of its trailers.
pub const MAX_FIELDS_BYTES: usize = 8 << 10;
/// The most fields of a request, and the most trailers.
pub const MAX_FIELDS: usize = 100;
/// The most that a request line takes: a longer one has too long a target, or no method that anybody knows.
const MAX_LINE_BYTES: usize = MAX_TARGET_BYTES + 64;

/// What a method asks for, as far as a server of fixed answers tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The answer without its body.
    Head,
    /// What is allowed.
    Options,
    /// GET, POST, PUT, PATCH and DELETE: the answer.
    Answered,
    /// Any other: status 501.
    Unknown,
}

/// Why a request is not answered but refused: its status. The connection ends, because where the next request
/// begins is not known, or not worth waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub u16);

/// Not what the grammar has.
const BAD_REQUEST: Refusal = Refusal(400);
/// The body is longer than is taken.
const TOO_LARGE: Refusal = Refusal(413);
/// The target is longer than is taken.
const TARGET_TOO_LONG: Refusal = Refusal(414);
/// Something else is expected than `100-continue`.
const EXPECTATION_FAILED: Refusal = Refusal(417);
/// More fields, or longer ones, than are taken.
const FIELDS_TOO_LARGE: Refusal = Refusal(431);
/// A transfer coding, or a method, that is not known.
const NOT_IMPLEMENTED: Refusal = Refusal(501);
/// Another version than 1.0 and 1.1.
const VERSION_NOT_SUPPORTED: Refusal = Refusal(505);

/// Where the first line ends that ends with LF alone: the one leniency of httparse that matters.
fn bare_line_feed(bytes: &[u8]) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'\n', bytes);
    ends.find(|&end| end == 0 || bytes[end - 1] != b'\r').map(|end| end + 1)
}
