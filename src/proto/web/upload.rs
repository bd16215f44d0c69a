//! Uploads in several requests: draft-ietf-httpbis-resumable-upload, interop versions 6 (drafts 04 and 05) and 8 (drafts
//! 08 and later).
//!
//! A request with `Upload-Complete` creates an upload, which then has a URL of its own. `HEAD` there tells its offset,
//! `PATCH` appends, `DELETE` cancels. What the requests say is decided here; [`replies`] has the bytes of the answers.

pub mod replies;

use httparse::Header;

use super::structured::{Value, item};
use crate::proto::http::{number, only};

/// The media type of content that is appended.
pub const PARTIAL_UPLOAD: &str = "application/partial-upload";
/// The largest integer of a structured field: RFC 9651, 3.3.1.
const MAX_INTEGER: u64 = 999_999_999_999_999;

/// A version of the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interop {
    /// Version 6, that of Apple's clients.
    Six,
    /// Version 8.
    Eight,
}

impl Interop {
    /// Returns the version's number.
    pub fn number(self) -> u8 {
        match self {
            Interop::Six => 6,
            Interop::Eight => 8,
        }
    }
}

/// What a request says about an upload. A field whose value is invalid, or that is there twice, counts as missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadFields {
    /// `Upload-Complete`: true if the content is the last.
    pub completes: Option<bool>,
    /// `Upload-Offset`: the number of bytes before the content.
    pub offset: Option<u64>,
    /// `Upload-Length`: the number of bytes of the whole.
    pub length: Option<u64>,
    /// `Upload-Draft-Interop-Version`, if it is one that is known. Without it no answer has the status 104.
    pub interop: Option<Interop>,
    /// `Content-Length`: the number of bytes of the content.
    pub content_length: Option<u64>,
    /// True if `Content-Type` is [`PARTIAL_UPLOAD`].
    pub is_partial: bool,
}

impl UploadFields {
    /// Reads the fields of a request.
    pub fn of(fields: &[Header<'_>]) -> UploadFields {
        let value = |name: &str| only(fields, name);
        let integer = |name: &str| value(name).and_then(integer);
        let is_partial = value("content-type").is_some_and(|media_type| {
            let media_type = media_type.split(|&byte| byte == b';').next().unwrap_or_default();
            media_type.trim_ascii().eq_ignore_ascii_case(PARTIAL_UPLOAD.as_bytes())
        });
        UploadFields {
            completes: value("upload-complete").and_then(boolean),
            offset: integer("upload-offset"),
            length: integer("upload-length"),
            interop: match integer("upload-draft-interop-version") {
                Some(6) => Some(Interop::Six),
                Some(8) => Some(Interop::Eight),
                _ => None,
            },
            content_length: value("content-length").and_then(number),
            is_partial,
        }
    }
}

fn integer(value: &[u8]) -> Option<u64> {
    match item(value) {
        Ok(Value::Integer(number)) => u64::try_from(number).ok(),
        _ => None,
    }
}

fn boolean(value: &[u8]) -> Option<bool> {
    match item(value) {
        Ok(Value::Boolean(is_true)) => Some(is_true),
        _ => None,
    }
}

/// The limits of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadLimits {
    /// The most bytes of an upload.
    pub max_size: Option<u64>,
    /// The seconds for which an upload is kept after its last request.
    pub max_age_seconds: Option<u64>,
}

/// The state of an upload that has been created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadState {
    /// The number of bytes that are there: written, and hashed.
    pub offset: u64,
    /// The number of bytes of the whole, once a request has told it.
    pub length: Option<u64>,
    /// True if the upload is complete: nothing can be appended.
    pub is_complete: bool,
}

/// The reason for which a request is refused. [`replies::refusal`] is its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadFault {
    /// Content is appended that is not [`PARTIAL_UPLOAD`].
    MediaType,
    /// `Upload-Offset` or `Upload-Complete` is missing.
    Fields,
    /// The content begins at another byte than the next one.
    Offset {
        /// The upload's offset.
        expected: u64,
        /// The request's offset.
        provided: u64,
    },
    /// The upload is complete.
    Completed,
    /// Two lengths of the whole differ, or there is more or less content than the length says.
    Length,
    /// The whole is larger than the server's limit, in bytes.
    TooLarge(u64),
}

/// The content of an accepted request, while it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadBody {
    /// The number of bytes that are there, before and in this request.
    offset: u64,
    /// The number of bytes of the whole, if it is known: keep it with the upload.
    length: Option<u64>,
    completes: bool,
    max_size: Option<u64>,
}

impl UploadBody {
    /// Decides on a request that creates an upload. `None`: it does not ask for that, and is an upload of one request.
    ///
    /// # Errors
    /// [`UploadFault::Length`] and [`UploadFault::TooLarge`].
    pub fn create(fields: &UploadFields, limits: &UploadLimits) -> Option<Result<UploadBody, UploadFault>> {
        let nothing = UploadState { offset: 0, length: None, is_complete: false };
        fields.completes.map(|completes| UploadBody::begin(completes, &nothing, fields, limits))
    }

    /// Decides on a request that appends to an upload.
    ///
    /// A request without content that completes an upload which is complete already is accepted: its client has not got
    /// the last answer, and gets it again.
    ///
    /// # Errors
    /// The request is refused, and the upload stays as it is.
    pub fn append(
        state: &UploadState,
        fields: &UploadFields,
        limits: &UploadLimits,
    ) -> Result<UploadBody, UploadFault> {
        if !fields.is_partial {
            return Err(UploadFault::MediaType);
        }
        let (Some(provided), Some(completes)) = (fields.offset, fields.completes) else {
            return Err(UploadFault::Fields);
        };
        let asks_again = completes && provided == state.offset && fields.content_length.unwrap_or(0) == 0;
        if state.is_complete && !asks_again {
            return Err(UploadFault::Completed);
        }
        if provided != state.offset {
            return Err(UploadFault::Offset { expected: state.offset, provided });
        }
        let length = if state.is_complete { Some(state.offset) } else { state.length };
        UploadBody::begin(completes, &UploadState { length, ..*state }, fields, limits)
    }

    fn begin(
        completes: bool,
        state: &UploadState,
        fields: &UploadFields,
        limits: &UploadLimits,
    ) -> Result<UploadBody, UploadFault> {
        // A length that no number has is too large for every limit.
        let end = fields.content_length.map(|length| state.offset.saturating_add(length));
        let told = [state.length, fields.length, end.filter(|_| completes)];
        let length = told.into_iter().flatten().next();
        if told.into_iter().flatten().any(|other| Some(other) != length) {
            return Err(UploadFault::Length);
        }
        let body = UploadBody { offset: state.offset, length, completes, max_size: limits.max_size };
        let whole = length.into_iter().chain(end).fold(state.offset, u64::max);
        if let Some(most) = limits.max_size.filter(|most| whole > *most) {
            return Err(UploadFault::TooLarge(most));
        }
        if length.is_some_and(|length| whole > length) {
            return Err(UploadFault::Length);
        }
        Ok(body)
    }

    /// Returns the number of bytes that are there.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the number of bytes of the whole, if it is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Admits content before it is written.
    ///
    /// # Errors
    /// It is more than the length of the upload, or than the limit. The upload is then invalid: delete it.
    pub fn admit(&mut self, count: usize) -> Result<(), UploadFault> {
        let offset = self.offset.saturating_add(count as u64);
        if let Some(most) = self.max_size.filter(|most| offset > *most) {
            return Err(UploadFault::TooLarge(most));
        }
        if self.length.is_some_and(|length| offset > length) {
            return Err(UploadFault::Length);
        }
        self.offset = offset;
        Ok(())
    }

    /// Returns the state after the end of the content, which has arrived as a whole: if it is complete, the file can be
    /// named.
    ///
    /// # Errors
    /// The last content has ended before the length of the upload. The upload stays, and can be continued.
    pub fn finish(self) -> Result<UploadState, UploadFault> {
        if self.completes && self.length.is_some_and(|length| length != self.offset) {
            return Err(UploadFault::Length);
        }
        let length = self.length.or(self.completes.then_some(self.offset));
        Ok(UploadState { offset: self.offset, length, is_complete: self.completes })
    }
}

#[cfg(test)]
mod tests;
