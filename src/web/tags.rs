//! What tells one content of a file from another.

use crate::proto::web::etag::ETag;
use crate::proto::web::file_facts::{FileFacts, Timestamp};
use crate::proto::web::validators::Validators;
use crate::store::SourceFile;

/// The metadata that tell one content of a file from another.
pub(super) fn facts(source: &SourceFile) -> FileFacts {
    let (seconds, nanoseconds) = source.ctime();
    FileFacts {
        stamp: source.stamp().bytes(),
        modified: Timestamp { seconds: source.mtime_seconds(), nanoseconds: source.mtime_nanoseconds() },
        changed: Timestamp { seconds, nanoseconds },
    }
}

/// The time of a request.
pub(super) fn time_of(now_seconds: u64) -> Timestamp {
    Timestamp { seconds: i64::try_from(now_seconds).unwrap_or(i64::MAX), nanoseconds: 0 }
}

/// Returns whether a further change of a file would show in its times.
pub(super) fn is_settled(source: &SourceFile, now: Timestamp) -> bool {
    Validators::of_file(&facts(source), now).etag.is_some()
}

/// The tag of what is made of files in some form. `label` names the form and its version.
pub(super) fn derived(label: &str, parts: &[&[u8]]) -> ETag {
    let mut hasher = blake3::Hasher::new();
    for part in [label.as_bytes()].iter().chain(parts) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut stamp = [0; 16];
    hasher.finalize_xof().fill(&mut stamp);
    ETag::of_stamp(&stamp)
}
