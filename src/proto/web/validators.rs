//! The validators of a file: its entity tag and its date, and how far either can be trusted (RFC 9110, 8.8).

use super::etag::ETag;
use super::file_facts::{FileFacts, Timestamp};

/// A change within this time before now may be followed by another one that no time of the file shows: its clock ticks in
/// steps, of up to two seconds on some file systems.
const UNSETTLED_SECONDS: i64 = 2;

/// The validators of what a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validators {
    /// The strong tag, if the content can be told from any other.
    pub etag: Option<ETag>,
    /// Seconds since 1970.
    modified: Option<u64>,
    /// True if the date is certain to have been that of one content only.
    is_date_strong: bool,
}

impl Validators {
    /// Makes the validators of a file. One that changed less than two seconds ago, or in the future, has no tag, and no
    /// date that is sent.
    pub fn of_file(facts: &FileFacts, now: Timestamp) -> Validators {
        let is_settled = !facts.changed.is_within(UNSETTLED_SECONDS, now);
        // A time that was set is the same for several contents.
        let is_genuine =
            facts.modified <= facts.changed && facts.modified.is_within(UNSETTLED_SECONDS, facts.changed);
        // RFC 9110, 8.8.2.1: never later than the answer.
        let modified = facts.modified.seconds.min(now.seconds).max(0);
        Validators {
            etag: is_settled.then(|| ETag::of_file(facts)),
            modified: u64::try_from(modified).ok(),
            is_date_strong: is_settled && is_genuine,
        }
    }

    /// Makes the validators of what has a tag and no date.
    pub fn of_tag(etag: ETag) -> Validators {
        Validators { etag: Some(etag), modified: None, is_date_strong: false }
    }

    /// Replaces the tag by one of the content, unless the file has none because it has just changed.
    pub fn with_content(mut self, digest: &[u8; 32]) -> Validators {
        self.etag = self.etag.map(|_| ETag::of_digest(digest));
        self
    }

    /// Returns the date for `Last-Modified`, in seconds since 1970. `None`: it would not tell this content from the next.
    pub fn last_modified(&self) -> Option<u64> {
        self.modified.filter(|_| self.etag.is_some())
    }

    /// Returns the date of the last known change, in seconds since 1970.
    pub(super) fn modified(&self) -> Option<u64> {
        self.modified
    }

    /// Returns whether a client that has this date has this content (RFC 9110, 8.8.2.2).
    pub(super) fn is_date_strong(&self) -> bool {
        self.is_date_strong
    }
}
