//! The answers about an upload: status, fields and body, or the whole bytes of an interim answer.

use super::{Interop, MAX_INTEGER, PARTIAL_UPLOAD, UploadFault, UploadLimits, UploadState};

/// The parts of an answer. Fields about the connection and the length are added where it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The names and values of fields.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// Returns the interim answer to a client that creates an upload, which lives at `location`. It comes after `100 Continue`
/// or before it, and replaces it not.
pub fn supported(interop: Interop, location: &str, limits: &UploadLimits) -> Vec<u8> {
    interim(interop, &format!("Location: {location}\r\nUpload-Limit: {}\r\n", limit_value(interop, limits)))
}

/// Returns the interim answer that tells a client how much is there.
pub fn progress(interop: Interop, offset: u64) -> Vec<u8> {
    interim(interop, &format!("Upload-Offset: {offset}\r\n"))
}

fn interim(interop: Interop, fields: &str) -> Vec<u8> {
    let version = interop.number();
    let line = "HTTP/1.1 104 Upload Resumption Supported";
    format!("{line}\r\nUpload-Draft-Interop-Version: {version}\r\n{fields}\r\n").into_bytes()
}

/// Returns the value of `Upload-Limit`: in answers to OPTIONS, and wherever an upload is created. RFC 9651, 3.2. Never
/// empty. Without a version it is that of version 8.
pub fn limit_value(interop: Interop, limits: &UploadLimits) -> String {
    let age = match interop {
        Interop::Six => "expires",
        Interop::Eight => "max-age",
    };
    let known = [("max-size", limits.max_size), (age, limits.max_age_seconds)];
    let known = known.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let members: Vec<String> =
        known.map(|(key, value)| format!("{key}={}", value.min(MAX_INTEGER))).collect();
    if members.is_empty() { "min-size=0".to_owned() } else { members.join(", ") }
}

/// Returns the answer to a request that has created an upload without completing it.
pub fn created(
    interop: Option<Interop>,
    state: &UploadState,
    location: &str,
    limits: &UploadLimits,
) -> Reply {
    let mut fields = state_fields(state);
    fields.push(("Location", location.to_owned()));
    fields.push(("Upload-Limit", limit_value(interop.unwrap_or(Interop::Eight), limits)));
    Reply { status: 201, fields, body: String::new() }
}

/// Returns the answer to a request that has appended without completing the upload.
pub fn appended(interop: Option<Interop>, state: &UploadState) -> Reply {
    let status = if interop == Some(Interop::Six) { 201 } else { 204 };
    Reply { status, fields: state_fields(state), body: String::new() }
}

/// Returns the answer to `HEAD` or `GET` of an upload.
pub fn offset(interop: Option<Interop>, state: &UploadState, limits: &UploadLimits) -> Reply {
    let mut fields = state_fields(state);
    fields.extend(state.length.map(|length| ("Upload-Length", length.to_string())));
    fields.push(("Upload-Limit", limit_value(interop.unwrap_or(Interop::Eight), limits)));
    fields.push(("Cache-Control", "no-store".to_owned()));
    Reply { status: 204, fields, body: String::new() }
}

/// Returns the answer to `DELETE` of an upload.
pub fn cancelled() -> Reply {
    Reply { status: 204, fields: Vec::new(), body: String::new() }
}

/// Returns the fields that every answer about this state has; those of a complete upload belong to the answer that the
/// whole file gets, whatever its status.
pub fn state_fields(state: &UploadState) -> Vec<(&'static str, String)> {
    let complete = if state.is_complete { "?1" } else { "?0" };
    vec![("Upload-Complete", complete.to_owned()), ("Upload-Offset", state.offset.to_string())]
}

/// Returns the answer to a refused request: a problem as RFC 9457 has it.
pub fn refusal(interop: Option<Interop>, fault: UploadFault, limits: &UploadLimits) -> Reply {
    let (status, kind, title, more) = match fault {
        UploadFault::MediaType => {
            let title = "what is appended has the Content-Type application/partial-upload";
            (415, None, title, String::new())
        }
        UploadFault::Fields => {
            (400, None, "what is appended has Upload-Offset and Upload-Complete", String::new())
        }
        UploadFault::Offset { expected, provided } => {
            let more = format!(",\"expected-offset\":{expected},\"provided-offset\":{provided}");
            (409, Some("mismatching-upload-offset"), "the upload has another offset", more)
        }
        UploadFault::Completed => (400, Some("completed-upload"), "the upload is complete", String::new()),
        UploadFault::Length => {
            (400, Some("inconsistent-upload-length"), "the lengths of the upload differ", String::new())
        }
        UploadFault::TooLarge(most) => {
            (413, None, "the upload is too large", format!(",\"max-size\":{most}"))
        }
    };
    let kind = kind.map_or("about:blank".to_owned(), |kind| {
        format!("https://iana.org/assignments/http-problem-types#{kind}")
    });
    let mut fields = vec![("Content-Type", "application/problem+json".to_owned())];
    fields.push(("Upload-Complete", "?0".to_owned()));
    match fault {
        UploadFault::MediaType => fields.push(("Accept-Patch", PARTIAL_UPLOAD.to_owned())),
        UploadFault::Offset { expected, .. } => fields.push(("Upload-Offset", expected.to_string())),
        UploadFault::TooLarge(_) => {
            fields.push(("Upload-Limit", limit_value(interop.unwrap_or(Interop::Eight), limits)));
        }
        _ => {}
    }
    let body = format!("{{\"type\":\"{kind}\",\"title\":\"{title}\",\"status\":{status}{more}}}\n");
    Reply { status, fields, body }
}
