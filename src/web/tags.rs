//! What tells one content of a file from another.

use super::file_reading::ReadFault;
use super::hashing::blake3_of;
use crate::proto::web::etag::ETag;
use crate::proto::web::file_facts::{FileFacts, Timestamp};
use crate::proto::web::validators::Validators;
use crate::store::SourceFile;

/// What the tags of files are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ETagSource {
    /// Its identity, size and times.
    Metadata,
    /// The digest of its content, for which it must be read once.
    Content,
}

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

/// The tag that a file has on this server, however new it is. Reads the file if the tag is one of its content.
pub(super) fn tag(kind: ETagSource, source: &SourceFile) -> Result<ETag, ReadFault> {
    match kind {
        ETagSource::Metadata => Ok(ETag::of_file(&facts(source))),
        ETagSource::Content => blake3_of(source).map(|digest| ETag::of_digest(&digest)),
    }
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
