//! The table of conditions and ranges, and requests that change something.

mod cases;

use std::time::{Duration, UNIX_EPOCH};

use httparse::Header;

use self::cases::{CASES, Case, Content};
use super::*;
use crate::proto::web::etag::ETag;
use crate::proto::web::file_facts::{FileFacts, Timestamp};

const SIZE_BYTES: u64 = 1000;
/// An hour before 2001-09-09.
const MODIFIED: i64 = 999_996_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanoseconds: 5 }
}

fn facts(content: Content) -> FileFacts {
    let changed = if content == Content::Dated { MODIFIED + 60 } else { MODIFIED };
    FileFacts { stamp: [1; 16], modified: at(MODIFIED), changed: at(changed) }
}

fn validators(content: Content) -> Validators {
    let now = if content == Content::Recent { MODIFIED + 1 } else { MODIFIED + 3600 };
    Validators::of_file(&facts(content), at(now))
}

fn date(seconds: i64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs()))
}

/// The lines of the fields of a case.
fn lines(fields: &str) -> Vec<(String, String)> {
    let tag = ETag::of_file(&facts(Content::Settled));
    let tag = if fields.contains("{tag}") { tag.to_string() } else { String::new() };
    let filled = fields
        .replace("{tag}", &tag)
        .replace("{other}", "\"other\"")
        .replace("{size}", &SIZE_BYTES.to_string())
        .replace("{date}", &date(MODIFIED))
        .replace("{before}", &date(MODIFIED - 10))
        .replace("{after}", &date(MODIFIED + 10));
    let lines = filled.split(" | ").filter(|line| !line.is_empty());
    let pair = |line: &str| line.split_once(':').map(|(n, v)| (n.to_owned(), v.trim().to_owned())).unwrap();
    lines.map(pair).collect()
}

fn with_fields<T>(lines: &[(String, String)], f: impl FnOnce(&[Header<'_>]) -> T) -> T {
    let fields: Vec<Header<'_>> =
        lines.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
    f(&fields)
}

fn text(selection: &Selection) -> String {
    let range = |range: &Range<u64>| format!("{}-{}", range.start, range.end - 1);
    match selection {
        Selection::Part(part) => format!("206 {}", range(part)),
        Selection::Parts(parts) => format!("206 {}", parts.iter().map(range).collect::<Vec<_>>().join(",")),
        other => other.status().to_string(),
    }
}

#[test]
fn conditions_and_ranges_are_as_the_table_has_them() {
    assert!(CASES.len() >= 60);
    let mut wrong = Vec::new();
    for case @ Case { content, method, fields, answer } in CASES {
        let mut current = validators(*content);
        if *content == Content::Dated {
            // The table has one tag.
            current.etag = Some(ETag::of_file(&facts(Content::Settled)));
        }
        let lines = lines(fields);
        let given =
            with_fields(&lines, |fields| text(&select(fields, &current, SIZE_BYTES, *method == "GET")));
        if given != answer.replace("{last}", &(SIZE_BYTES - 1).to_string()) {
            wrong.push(format!("{case:?}: {given}"));
        }
        // Names of fields have no case.
        let upper: Vec<_> = lines.iter().map(|(n, v)| (n.to_ascii_uppercase(), v.clone())).collect();
        let again =
            with_fields(&upper, |fields| text(&select(fields, &current, SIZE_BYTES, *method == "GET")));
        assert_eq!(given, again);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_request_that_changes_something_never_gets_304() {
    use Decision::{Failed, Proceed};
    // The fields; the decision if the file is there, and if nothing is.
    let table = [
        ("", Proceed, Proceed),
        ("If-Match: {tag}", Proceed, Failed),
        ("If-Match: {other}", Failed, Failed),
        ("If-Match: *", Proceed, Failed),
        ("If-Match: unquoted", Failed, Failed),
        ("If-None-Match: *", Failed, Proceed),
        ("If-None-Match: {tag}", Failed, Proceed),
        ("If-None-Match: W/{tag}", Failed, Proceed),
        ("If-None-Match: {other}", Proceed, Proceed),
        ("If-None-Match: unquoted", Failed, Failed),
        ("If-None-Match: {other}, unquoted", Failed, Failed),
        ("If-Match: {tag} | If-None-Match: {tag}", Failed, Failed),
        ("If-Unmodified-Since: {date}", Proceed, Proceed),
        ("If-Unmodified-Since: {before}", Failed, Proceed),
        ("If-Modified-Since: {date}", Proceed, Proceed),
        ("If-Modified-Since: {after}", Proceed, Proceed),
    ];
    let current = validators(Content::Settled);
    for (fields, with_file, without_file) in table {
        let lines = lines(fields);
        let decided = with_fields(&lines, |fields| conditions::evaluate(fields, Some(&current), false));
        assert_eq!(decided, with_file, "{fields}");
        let decided = with_fields(&lines, |fields| conditions::evaluate(fields, None, false));
        assert_eq!(decided, without_file, "{fields}, and nothing is there");
    }
}

#[test]
fn a_date_has_three_forms() {
    let current = validators(Content::Settled);
    assert_eq!(date(MODIFIED), "Sun, 09 Sep 2001 00:46:40 GMT");
    for value in
        ["Sun, 09 Sep 2001 00:46:40 GMT", "Sunday, 09-Sep-01 00:46:40 GMT", "Sun Sep  9 00:46:40 2001"]
    {
        let lines = [("If-Modified-Since".to_owned(), value.to_owned())];
        let selection = with_fields(&lines, |fields| select(fields, &current, SIZE_BYTES, true));
        assert_eq!(selection, Selection::NotModified, "{value}");
    }
    for value in [
        "Mon, 09 Sep 2001 00:46:40 GMT",
        "Sun, 09 Sep 2001 00:46:40 CET",
        "2001-09-09T00:46:40Z",
        "999996400",
    ] {
        let lines = [("If-Modified-Since".to_owned(), value.to_owned())];
        let selection = with_fields(&lines, |fields| select(fields, &current, SIZE_BYTES, true));
        assert_eq!(selection, Selection::Whole, "{value}");
    }
}
