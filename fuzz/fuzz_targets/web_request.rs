//! A target and fields of a request for a file, to all that reads them: what is decided holds together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::http::{split_path, values};
use sendall::proto::transfer::names::CleanPath;
use sendall::proto::web::byteranges::ByteRanges;
use sendall::proto::web::conditions::{Decision, evaluate};
use sendall::proto::web::etag::ETag;
use sendall::proto::web::file_facts::{FileFacts, Timestamp};
use sendall::proto::web::secret::SecretPath;
use sendall::proto::web::selection::{Selection, select};
use sendall::proto::web::target::{Target, below, parse};
use sendall::proto::web::validators::Validators;
use sendall::proto::web::{content_range, digests};

// The answers are for the tests.
#[allow(dead_code)]
#[path = "../../src/proto/web/selection/tests/cases.rs"]
mod cases;

const MODIFIED: Timestamp = Timestamp { seconds: 999_996_400, nanoseconds: 0 };
/// The date of `MODIFIED`.
const DATE: &str = "Sun, 09 Sep 2001 00:46:40 GMT";
const SIZES: [u64; 4] = [1000, 0, 1, u64::MAX];

fuzz_target!(
    init: plant(),
    |input: &[u8]| {
        let Some((&state, input)) = input.split_first() else { return };
        let mut lines = input.split(|&byte| byte == b'\n');
        if let Some(target) = lines.next().and_then(|line| std::str::from_utf8(line).ok()) {
            check_target(target);
        }
        let lines: Vec<(&str, &[u8])> = lines.filter_map(split).take(100).collect();
        let header = |&(name, value)| httparse::Header { name, value };
        let fields: Vec<httparse::Header<'_>> = lines.iter().map(header).collect();
        let size_bytes = SIZES[usize::from(state % 4)];
        let now = Timestamp { seconds: MODIFIED.seconds + i64::from(state / 4 % 4), nanoseconds: 0 };
        let current = Validators::of_file(&facts(), now);
        check_fields(&fields, &current, size_bytes);
    }
);

/// Lays the table into the first folder of the command line, so that a run begins with it.
fn plant() {
    let Some(folder) = std::env::args().skip(1).find(|word| !word.starts_with('-')) else { return };
    let tag = ETag::of_file(&facts());
    for (case, number) in cases::CASES.iter().zip(0..) {
        let fields = case
            .fields
            .replace(" | ", "\n")
            .replace("{tag}", tag.as_str())
            .replace("{date}", DATE)
            .replace("{size}", "1000");
        // Without it the run begins with less.
        let _ = std::fs::write(format!("{folder}/case-{number:03}"), format!("\x0c/a%20b/c?json\n{fields}"));
    }
}

fn facts() -> FileFacts {
    FileFacts { stamp: [1; 16], modified: MODIFIED, changed: MODIFIED }
}

fn split(line: &[u8]) -> Option<(&str, &[u8])> {
    let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
    Some((std::str::from_utf8(name).ok()?, value[1..].trim_ascii()))
}

fn check_target(target: &str) {
    let (path, query) = split_path(target);
    assert!(target.contains(path) || path == "/");
    assert!(query.is_none_or(|query| target.ends_with(query)));
    if let Some(rest) = below(target, &SecretPath::new(&[0; 16])) {
        assert!(target.ends_with(rest) && matches!(rest.as_bytes().first(), None | Some(b'/' | b'?')));
    }
    let Ok(parsed) = parse(target) else { return };
    let text = parsed.query.text();
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"?=".contains(&byte)));
    let Some(path) = &parsed.path else { return };
    assert_eq!(CleanPath::parse(path.as_bytes()).as_ref(), Ok(path));
    let location = parsed.slash_location().expect("a name");
    // From the root, it names the last component as a folder.
    let name = location.split('?').next().expect("a path").trim_start_matches('.');
    let Target { path: again, is_folder, query } = parse(&format!("{name}{text}")).expect("a target");
    assert_eq!(again.expect("a name").as_bytes(), path.file_name());
    assert!(is_folder && query.text() == text);
}

fn check_fields(fields: &[httparse::Header<'_>], current: &Validators, size_bytes: u64) {
    match select(fields, current, size_bytes, true) {
        Selection::Part(part) => assert!(part.start < part.end && part.end <= size_bytes),
        Selection::Parts(parts) => {
            assert!((2..=16).contains(&parts.len()));
            assert!(parts.iter().all(|part| part.start < part.end && part.end <= size_bytes));
            assert!(parts.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let content = parts.iter().map(|part| part.end - part.start).sum::<u64>();
            let multipart = ByteRanges::new(parts, size_bytes, "text/plain", [7; 16]);
            let framing = multipart.len_bytes().saturating_sub(content);
            assert!(framing < 4 << 10 && (framing > 200 || multipart.len_bytes() == u64::MAX));
        }
        _ => {}
    }
    let for_head = select(fields, current, size_bytes, false);
    assert!(matches!(for_head, Selection::Whole | Selection::NotModified | Selection::Failed));
    for current in [Some(current), None] {
        assert_ne!(evaluate(fields, current, false), Decision::NotModified);
    }
    assert_ne!(evaluate(fields, None, true), Decision::NotModified);
    if let Ok(Some(part)) = content_range::parse(values(fields, "content-range")) {
        let size_bytes = part.size_bytes.unwrap_or(part.bytes.end);
        let written = content_range::of_part(&part.bytes, size_bytes);
        let again = content_range::parse([written.as_bytes()]).ok().flatten().expect("a part");
        assert_eq!(again.bytes, part.bytes);
    }
    if let Ok(Some(digest)) = digests::sent(values(fields, "repr-digest")) {
        assert_eq!(digests::sent([digests::field_value(&digest).as_bytes()]), Ok(Some(digest)));
    }
    digests::is_wanted(values(fields, "want-repr-digest"));
}
