//! Requests of the drafts' examples, and of clients that err.

use super::replies::{self, Reply};
use super::*;
use proptest::prelude::*;

const NO_LIMITS: UploadLimits = UploadLimits { max_size: None, max_age_seconds: None };

/// The fields of a request, written as `Name: value` in lines.
fn fields(text: &str) -> UploadFields {
    let pairs: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(": ")).collect();
    let headers: Vec<Header<'_>> =
        pairs.iter().map(|&(name, value)| Header { name, value: value.as_bytes() }).collect();
    UploadFields::of(&headers)
}

fn patch(more: &str) -> UploadFields {
    fields(&format!("Content-Type: application/partial-upload\n{more}"))
}

fn at(offset: u64, length: Option<u64>) -> UploadState {
    UploadState { offset, length, is_complete: false }
}

fn has(reply: &Reply, name: &str, value: &str) -> bool {
    reply.fields.iter().any(|(other, text)| *other == name && text == value)
}

#[test]
fn fields_are_items_or_missing() {
    for (value, meaning) in [
        ("0", Some(0)),
        ("25000000", Some(25_000_000)),
        ("999999999999999", Some(MAX_INTEGER)),
        ("7;a=b", Some(7)),
        (" 7 ", Some(7)),
        ("007", Some(7)),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1000000000000000", None),
        ("18446744073709551616", None),
        ("1.0", None),
        ("1, 2", None),
        ("1;", None),
        ("1;a=\"b, c\"", Some(1)),
        ("?1", None),
        ("\"1\"", None),
        ("0x1", None),
        ("1 2", None),
    ] {
        assert_eq!(fields(&format!("Upload-Offset: {value}")).offset, meaning, "{value}");
        assert_eq!(fields(&format!("upload-length: {value}")).length, meaning, "{value}");
    }
    for (value, meaning) in [
        ("?1", Some(true)),
        ("?0", Some(false)),
        ("?1;x", Some(true)),
        ("1", None),
        ("true", None),
        ("?2", None),
        ("?", None),
        ("?1, ?1", None),
    ] {
        assert_eq!(fields(&format!("Upload-Complete: {value}")).completes, meaning, "{value}");
    }
    assert_eq!(fields("Upload-Complete: ?1\nUpload-Complete: ?1").completes, None);
    for (value, meaning) in
        [("6", Some(Interop::Six)), ("8", Some(Interop::Eight)), ("7", None), ("3", None), ("x", None)]
    {
        assert_eq!(fields(&format!("Upload-Draft-Interop-Version: {value}")).interop, meaning);
    }
    for (value, is_partial) in [
        ("application/partial-upload", true),
        ("Application/Partial-Upload; x=y", true),
        ("application/offset+octet-stream", false),
    ] {
        assert_eq!(fields(&format!("Content-Type: {value}")).is_partial, is_partial);
    }
    assert_eq!(fields(""), UploadFields::default());
}

#[test]
fn an_upload_is_created_and_continued() {
    let request = fields("Upload-Complete: ?0\nContent-Length: 23456789\nUpload-Length: 123456789");
    let mut body = UploadBody::create(&request, &NO_LIMITS).unwrap().unwrap();
    body.admit(23_456_789).unwrap();
    let state = body.finish().unwrap();
    assert_eq!(state, at(23_456_789, Some(123_456_789)));
    let reply = replies::created(Some(Interop::Eight), &state, "/uploads/abc", &NO_LIMITS);
    assert!(
        reply.status == 201
            && has(&reply, "Location", "/uploads/abc")
            && has(&reply, "Upload-Complete", "?0")
    );
    assert!(has(&reply, "Upload-Offset", "23456789") && has(&reply, "Upload-Limit", "min-size=0"));

    let request = patch("Upload-Complete: ?0\nUpload-Offset: 23456789\nContent-Length: 11");
    let mut body = UploadBody::append(&state, &request, &NO_LIMITS).unwrap();
    body.admit(5).unwrap();
    body.admit(6).unwrap();
    let state = body.finish().unwrap();
    assert_eq!(replies::appended(Some(Interop::Six), &state).status, 201);
    let reply = replies::appended(Some(Interop::Eight), &state);
    assert!(reply.status == 204 && has(&reply, "Upload-Offset", "23456800"));

    let request = patch("Upload-Complete: ?1\nUpload-Offset: 23456800\nContent-Length: 99999989");
    let mut body = UploadBody::append(&state, &request, &NO_LIMITS).unwrap();
    assert_eq!((body.offset(), body.length()), (23_456_800, Some(123_456_789)));
    body.admit(99_999_989).unwrap();
    let state = body.finish().unwrap();
    assert_eq!(state, UploadState { is_complete: true, ..at(123_456_789, Some(123_456_789)) });
    assert_eq!(replies::state_fields(&state)[0], ("Upload-Complete", "?1".into()));
}

#[test]
fn an_upload_of_one_request_is_created_if_it_asks_for_that() {
    assert_eq!(UploadBody::create(&fields("Content-Length: 5"), &NO_LIMITS), None);
    assert_eq!(UploadBody::create(&fields("Upload-Complete: yes"), &NO_LIMITS), None);
    // Of unknown length: the end of the content is the end of the file.
    let mut body = UploadBody::create(&fields("Upload-Complete: ?1"), &NO_LIMITS).unwrap().unwrap();
    body.admit(7).unwrap();
    assert_eq!(body.finish(), Ok(UploadState { is_complete: true, ..at(7, Some(7)) }));
    let empty = UploadBody::create(&fields("Upload-Complete: ?1\nContent-Length: 0"), &NO_LIMITS);
    assert_eq!(empty.unwrap().unwrap().finish(), Ok(UploadState { is_complete: true, ..at(0, Some(0)) }));
    // A client that wants the URL before it sends anything.
    let careful = UploadBody::create(&fields("Upload-Complete: ?0\nContent-Length: 0"), &NO_LIMITS);
    assert_eq!(careful.unwrap().unwrap().finish(), Ok(at(0, None)));
}

#[test]
fn a_wrong_offset_is_a_conflict() {
    let (state, request) = (at(12_500_000, None), patch("Upload-Complete: ?0\nUpload-Offset: 25000000"));
    let fault = UploadBody::append(&state, &request, &NO_LIMITS).unwrap_err();
    let reply = replies::refusal(request.interop, fault, &NO_LIMITS);
    assert!(
        reply.status == 409
            && has(&reply, "Upload-Offset", "12500000")
            && has(&reply, "Upload-Complete", "?0")
    );
    assert!(has(&reply, "Content-Type", "application/problem+json"));
    let problem: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(problem["type"], "https://iana.org/assignments/http-problem-types#mismatching-upload-offset");
    assert_eq!(
        (&problem["expected-offset"], &problem["provided-offset"]),
        (&12_500_000.into(), &25_000_000.into())
    );
}

#[test]
fn requests_that_err_are_refused() {
    let state = at(10, Some(30));
    for (request, fault, status) in [
        (fields("Upload-Complete: ?1\nUpload-Offset: 10"), UploadFault::MediaType, 415),
        (patch("Upload-Complete: ?1"), UploadFault::Fields, 400),
        (patch("Upload-Offset: 10"), UploadFault::Fields, 400),
        (patch("Upload-Complete: ?1\nUpload-Offset: 10\nContent-Length: 19"), UploadFault::Length, 400),
        (patch("Upload-Complete: ?0\nUpload-Offset: 10\nContent-Length: 21"), UploadFault::Length, 400),
        (patch("Upload-Complete: ?0\nUpload-Offset: 10\nUpload-Length: 31"), UploadFault::Length, 400),
        (
            patch("Upload-Complete: ?0\nUpload-Offset: 9"),
            UploadFault::Offset { expected: 10, provided: 9 },
            409,
        ),
        (
            patch("Upload-Complete: ?0\nUpload-Offset: 10\nContent-Length: 18446744073709551615"),
            UploadFault::TooLarge(100),
            413,
        ),
    ] {
        let limits = UploadLimits { max_size: Some(100), max_age_seconds: Some(60) };
        assert_eq!(UploadBody::append(&state, &request, &limits), Err(fault), "{request:?}");
        let reply = replies::refusal(request.interop, fault, &limits);
        let problem: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        assert!(reply.status == status && problem["status"] == status);
        assert_eq!(has(&reply, "Upload-Limit", "max-size=100, max-age=60"), status == 413);
        assert_eq!(has(&reply, "Accept-Patch", PARTIAL_UPLOAD), status == 415);
    }
    // More is there than the whole shall have.
    let request = patch("Upload-Complete: ?0\nUpload-Offset: 10\nUpload-Length: 9");
    assert_eq!(UploadBody::append(&at(10, None), &request, &NO_LIMITS), Err(UploadFault::Length));
    for request in ["Upload-Length: 101", "Content-Length: 101"] {
        let request = fields(&format!("Upload-Complete: ?0\n{request}"));
        let limits = UploadLimits { max_size: Some(100), ..NO_LIMITS };
        assert_eq!(UploadBody::create(&request, &limits), Some(Err(UploadFault::TooLarge(100))));
    }
    let request = fields("Upload-Complete: ?1\nContent-Length: 5\nUpload-Length: 6");
    assert_eq!(UploadBody::create(&request, &NO_LIMITS), Some(Err(UploadFault::Length)));
}

#[test]
fn a_complete_upload_answers_again_and_takes_nothing() {
    let state = UploadState { offset: 10, length: Some(10), is_complete: true };
    let again = patch("Upload-Complete: ?1\nUpload-Offset: 10\nContent-Length: 0");
    assert_eq!(UploadBody::append(&state, &again, &NO_LIMITS).unwrap().finish(), Ok(state));
    // In chunks, of which the first has content after all.
    let chunked = patch("Upload-Complete: ?1\nUpload-Offset: 10");
    assert_eq!(UploadBody::append(&state, &chunked, &NO_LIMITS).unwrap().admit(1), Err(UploadFault::Length));
    for more in ["?0\nUpload-Offset: 10", "?1\nUpload-Offset: 9", "?1\nUpload-Offset: 10\nContent-Length: 1"]
    {
        let request = patch(&format!("Upload-Complete: {more}"));
        let fault = UploadBody::append(&state, &request, &NO_LIMITS).unwrap_err();
        assert_eq!(fault, UploadFault::Completed, "{more}");
        assert!(replies::refusal(Some(Interop::Six), fault, &NO_LIMITS).body.contains("#completed-upload"));
    }
}

#[test]
fn content_is_limited_by_length_and_size_without_content_length() {
    let mut body =
        UploadBody::append(&at(10, Some(30)), &patch("Upload-Complete: ?1\nUpload-Offset: 10"), &NO_LIMITS)
            .unwrap();
    body.admit(19).unwrap();
    assert_eq!(body.finish(), Err(UploadFault::Length));
    assert_eq!((body.admit(2), body.offset()), (Err(UploadFault::Length), 29));
    body.admit(1).unwrap();
    assert!(body.finish().unwrap().is_complete);
    let limits = UploadLimits { max_size: Some(5), ..NO_LIMITS };
    let mut body = UploadBody::create(&fields("Upload-Complete: ?0"), &limits).unwrap().unwrap();
    assert_eq!(
        (body.admit(5), body.admit(1), body.admit(usize::MAX)),
        (Ok(()), Err(UploadFault::TooLarge(5)), Err(UploadFault::TooLarge(5)))
    );
}

#[test]
fn answers_are_those_of_the_drafts() {
    let limits = UploadLimits { max_size: Some(1_234_567_890), max_age_seconds: Some(3600) };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert_eq!(
        text(replies::supported(Interop::Six, "/upload/b530ce8ff", &limits)),
        "HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Draft-Interop-Version: 6\r\nLocation: /upload/b530ce8ff\r\n\
         Upload-Limit: max-size=1234567890, expires=3600\r\n\r\n"
    );
    assert_eq!(
        text(replies::progress(Interop::Eight, 23_456_789)),
        "HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Draft-Interop-Version: 8\r\nUpload-Offset: 23456789\r\n\r\n"
    );
    let reply = replies::offset(None, &at(25_000_000, Some(100_000_000)), &limits);
    let lines = reply.fields.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>();
    let expected = [
        "Upload-Complete: ?0",
        "Upload-Offset: 25000000",
        "Upload-Length: 100000000",
        "Upload-Limit: max-size=1234567890, max-age=3600",
        "Cache-Control: no-store",
    ];
    assert_eq!((reply.status, lines), (204, expected.map(str::to_owned).to_vec()));
    assert!(
        replies::offset(None, &at(0, None), &limits).fields.iter().all(|field| field.0 != "Upload-Length")
    );
    assert_eq!(replies::cancelled().status, 204);
    let huge = UploadLimits { max_size: Some(u64::MAX), ..NO_LIMITS };
    assert_eq!(replies::limit_value(Interop::Eight, &huge), "max-size=999999999999999");
}

fn any_fields() -> impl Strategy<Value = UploadFields> {
    let near = || proptest::option::of(prop_oneof![0..40_u64, Just(u64::MAX)]);
    (proptest::option::of(any::<bool>()), near(), near(), near()).prop_map(
        |(completes, offset, length, content_length)| UploadFields {
            completes,
            offset,
            length,
            content_length,
            is_partial: true,
            interop: None,
        },
    )
}

proptest! {
    /// Requests in any order and of any content: the offset never goes back, never passes length or limit, the length
    /// never changes, and only a request that completes the upload makes it complete.
    #[test]
    fn an_upload_only_grows(
        requests in prop::collection::vec((any_fields(), any::<bool>(), prop::collection::vec(0..9_usize, 0..5)), 1..9)
    ) {
        let limits = UploadLimits { max_size: Some(30), max_age_seconds: None };
        let mut state = at(0, None);
        for (fields, is_honest, pieces) in requests {
            let offset = if is_honest { Some(state.offset) } else { fields.offset };
            let fields = UploadFields { offset, ..fields };
            let Ok(mut body) = UploadBody::append(&state, &fields, &limits) else { continue };
            prop_assert!(fields.offset == Some(state.offset) && body.offset() == state.offset);
            prop_assert!(state.length.is_none() || body.length() == state.length);
            let is_whole = pieces.iter().all(|&piece| body.admit(piece).is_ok());
            prop_assert!(body.offset() >= state.offset && body.offset() <= 30);
            prop_assert!(body.length().is_none_or(|length| body.offset() <= length));
            let before = state;
            state.offset = body.offset();
            state.length = body.length();
            if let Ok(after) = body.finish() && is_whole {
                prop_assert_eq!(after.is_complete, fields.completes == Some(true));
                state = after;
            }
            prop_assert!(!before.is_complete || state == before);
        }
    }
}
