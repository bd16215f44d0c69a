//! What tells one content of a file from another.

use crate::proto::web::file_facts::{FileFacts, Timestamp};
use crate::store::SourceFile;

/// The metadata that tell one content of a file from another.
pub(super) fn facts(source: &SourceFile) -> FileFacts {
    let (device, inode) = source.identity();
    let (seconds, nanoseconds) = source.ctime();
    FileFacts {
        device,
        inode,
        size_bytes: source.size_bytes(),
        modified: Timestamp { seconds: source.mtime_seconds(), nanoseconds: source.mtime_nanoseconds() },
        changed: Timestamp { seconds, nanoseconds },
    }
}
