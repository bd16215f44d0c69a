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
        Validators { etag: Some(etag), ..Validators::none() }
    }

    /// Makes those of what cannot be told from what will be there next.
    pub fn none() -> Validators {
        Validators { etag: None, modified: None, is_date_strong: false }
    }

    /// Makes the validators of what is made of several files: no date, and no tag if the newest of them changed less than
    /// two seconds ago, or in the future.
    pub fn of_several(etag: ETag, newest_change: Option<Timestamp>, now: Timestamp) -> Validators {
        match newest_change.is_some_and(|changed| changed.is_within(UNSETTLED_SECONDS, now)) {
            true => Validators::none(),
            false => Validators::of_tag(etag),
        }
    }

    /// Replaces the tag by one of the content, unless the file has none because it has just changed.
    pub fn with_content(mut self, digest: &[u8; 32]) -> Validators {
        self.etag = self.etag.map(|_| ETag::of_digest(digest));
        self
    }

    /// Makes the tag one of the content alone, and takes the date away.
    pub fn of_content(self, digest: &[u8; 32]) -> Validators {
        Validators { modified: None, is_date_strong: false, ..self.with_content(digest) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanoseconds: u32) -> Timestamp {
        Timestamp { seconds, nanoseconds }
    }

    fn facts(modified: Timestamp, changed: Timestamp) -> FileFacts {
        FileFacts { stamp: [1; 16], modified, changed }
    }

    #[test]
    fn a_file_that_has_just_changed_has_no_validator() {
        let changed = at(100, 500);
        let file = facts(changed, changed);
        let table = [
            (at(100, 500), false),
            (at(101, 999_999_999), false),
            (at(102, 499), false),
            (at(102, 500), true),
            (at(5000, 0), true),
            // The clock was set back.
            (at(99, 0), false),
            (at(-5, 0), false),
        ];
        for (now, is_settled) in table {
            let validators = Validators::of_file(&file, now);
            assert_eq!(validators.etag.is_some(), is_settled, "{now:?}");
            assert_eq!(validators.last_modified(), is_settled.then_some(100), "{now:?}");
            assert_eq!(validators.is_date_strong(), is_settled, "{now:?}");
            assert_eq!(validators.with_content(&[7; 32]).etag.is_some(), is_settled);
        }
        assert_eq!(Validators::of_file(&file, at(i64::MAX, 0)).last_modified(), Some(100));
        let end_of_time = facts(changed, at(i64::MAX, 0));
        assert_eq!(Validators::of_file(&end_of_time, at(5000, 0)).etag, None);
    }

    #[test]
    fn a_date_that_was_set_is_weak_and_never_in_the_future() {
        let now = at(5000, 0);
        // When it was modified, when it changed; the date, and whether it is strong.
        let table = [
            (at(1000, 0), at(1000, 0), 1000, true),
            (at(1000, 0), at(1001, 0), 1000, true),
            (at(1000, 0), at(1002, 0), 1000, false),
            (at(1000, 1), at(1000, 0), 1000, false),
            (at(9000, 0), at(1000, 0), 5000, false),
            (at(-9, 0), at(1000, 0), 0, false),
            (at(i64::MIN, 0), at(1000, 0), 0, false),
            (at(i64::MAX, 0), at(1000, 0), 5000, false),
        ];
        for (modified, changed, date, is_strong) in table {
            let validators = Validators::of_file(&facts(modified, changed), now);
            assert_eq!(validators.last_modified(), Some(date), "{modified:?}");
            assert_eq!(validators.is_date_strong(), is_strong, "{modified:?}");
        }
        let archive = Validators::of_tag(ETag::of_digest(&[1; 32]));
        assert_eq!((archive.last_modified(), archive.is_date_strong()), (None, false));
        let of = |changed| Validators::of_several(ETag::of_digest(&[1; 32]), changed, at(100, 0));
        assert_eq!(of(None), archive);
        assert_eq!(of(Some(at(98, 0))), archive);
        assert_eq!(of(Some(at(98, 1))), Validators::none());
    }
}
