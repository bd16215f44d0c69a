//! What has to be done before a request can be answered, in steps.

use std::sync::Arc;

use httparse::Header;

use super::answer::Answer;
use super::site::Site;
use crate::proto::web::file_facts::Timestamp;

/// The work for an answer. Between its steps the connection is looked after.
pub(super) trait Work {
    /// Does a step, of some milliseconds. `None`: there are more.
    fn step(&mut self) -> Option<Answer>;
}

/// What an answer depends on, beside the file.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) fields: &'a [Header<'a>],
    pub(super) site: &'a Arc<Site>,
    /// When the request came.
    pub(super) now: Timestamp,
    /// True for GET, false for HEAD.
    pub(super) is_get: bool,
    /// The client has shown a secret or a token: no other one may be given the answer.
    pub(super) is_private: bool,
}

/// The same, without the received bytes.
pub(super) struct Asked {
    fields: Vec<(String, Vec<u8>)>,
    site: Arc<Site>,
    now: Timestamp,
    is_get: bool,
    is_private: bool,
}

/// The fields that matter for a content that is selected.
const OF_SELECTION: [&str; 7] = [
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "want-repr-digest",
];

impl Asked {
    pub(super) fn of(asking: &Asking<'_>) -> Asked {
        let matters =
            |field: &&Header<'_>| OF_SELECTION.iter().any(|name| name.eq_ignore_ascii_case(field.name));
        let fields = asking.fields.iter().filter(matters);
        Asked {
            fields: fields.map(|field| (field.name.to_owned(), field.value.to_owned())).collect(),
            site: Arc::clone(asking.site),
            now: asking.now,
            is_get: asking.is_get,
            is_private: asking.is_private,
        }
    }

    pub(super) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Answers by what was asked.
    pub(super) fn answer(&self, answer: impl FnOnce(&Asking<'_>) -> Answer) -> Answer {
        let fields: Vec<Header<'_>> =
            self.fields.iter().map(|(name, value)| Header { name, value }).collect();
        let Asked { site, now, is_get, is_private, .. } = self;
        answer(&Asking { fields: &fields, site, now: *now, is_get: *is_get, is_private: *is_private })
    }
}
