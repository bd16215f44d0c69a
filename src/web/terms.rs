//! The terms of all requests: limits, tags, caches.

use std::time::Duration;

use super::file_reading::ReadFault;
use super::hashing::{DigestCache, Digests, blake3_of};
use super::tags::{facts, is_settled};
use crate::proto::web::etag::ETag;
use crate::proto::web::file_facts::Timestamp;
use crate::store::SourceFile;

/// The terms of all requests.
#[derive(Clone, Debug)]
pub(crate) struct WebTerms {
    /// The time for a request's head.
    pub(crate) head_timeout: Duration,
    /// The time in which nothing moves: between requests, in a body, or while a client does not read.
    pub(crate) idle_timeout: Duration,
    /// The time for a whole connection.
    pub(crate) session_timeout: Option<Duration>,
    /// Bytes per second of a client, in each direction.
    pub(crate) rate: Option<u64>,
    /// The largest file that is stored, in bytes.
    pub(crate) max_size: Option<u64>,
    /// The most files of one form.
    pub(crate) max_entries: u32,
    /// No file is ever replaced.
    pub(crate) keep_existing: bool,
    /// How long caches may use an answer without asking again. `None`: not at all.
    pub(crate) cache: Option<Duration>,
    /// It is a web site: its pages are to run.
    pub(crate) is_site: bool,
    pub(crate) etag: ETagSource,
}

impl WebTerms {
    /// The value of `Cache-Control` for a content that can be told from others.
    pub(super) fn cache_control(&self, lifetime: Lifetime, is_private: bool) -> String {
        let scope = if is_private { "private" } else { "public" };
        match (lifetime, self.cache) {
            (Lifetime::Immutable, _) => format!("{scope}, max-age=31536000, immutable"),
            (Lifetime::Usual, Some(age)) => {
                format!("{scope}, max-age={}, stale-if-error=86400", age.as_secs())
            }
            (Lifetime::Usual, None) if is_private => "private, no-cache".into(),
            (Lifetime::Usual, None) => "no-cache".into(),
        }
    }
}

/// What the tags of files are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ETagSource {
    /// Its identity, size and times.
    Metadata,
    /// The digest of its content, for which it must be read once.
    Content,
}

impl ETagSource {
    /// The tag that a file has on this server, however new it is. Reads the file if the tag is one of its content, which
    /// `digests` does not have.
    pub(super) fn known_tag(
        self,
        source: &SourceFile,
        digests: &DigestCache,
        now: Timestamp,
    ) -> Result<ETag, ReadFault> {
        if self == ETagSource::Metadata || !is_settled(source, now) {
            return self.tag(source);
        }
        if let Some(digest) = digests.get(source.stamp()).blake3 {
            return Ok(ETag::of_digest(&digest));
        }
        let digest = blake3_of(source)?;
        digests.keep(source.stamp(), &Digests { blake3: Some(digest), ..Digests::default() });
        Ok(ETag::of_digest(&digest))
    }

    /// The same, without digests that are known: it is that of the present content.
    pub(super) fn tag(self, source: &SourceFile) -> Result<ETag, ReadFault> {
        match self {
            ETagSource::Metadata => Ok(ETag::of_file(&facts(source))),
            ETagSource::Content => blake3_of(source).map(|digest| ETag::of_digest(&digest)),
        }
    }
}

/// For how long caches may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// As the options of the server say.
    Usual,
    /// For ever: the request names the content itself.
    Immutable,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Folder;

    #[test]
    fn a_tag_of_content_reads_the_file_only_if_its_digest_is_not_known() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("f"), "content").unwrap();
        let source = Folder::open(place.path()).unwrap().source(b"f").unwrap();
        let (known, digests) = ([7; 32], DigestCache::default());
        let tag = |digests: &DigestCache, seconds| {
            let now = Timestamp { seconds, nanoseconds: 0 };
            ETagSource::Content.known_tag(&source, digests, now).unwrap()
        };
        let later = source.ctime().0 + 3600;
        let real = ETag::of_digest(blake3::hash(b"content").as_bytes());
        assert_eq!(tag(&digests, later), real);
        assert_eq!(digests.get(source.stamp()).blake3, Some(*blake3::hash(b"content").as_bytes()));
        digests.keep(source.stamp(), &Digests { blake3: Some(known), ..Digests::default() });
        assert_eq!(tag(&digests, later), ETag::of_digest(&known));
        // The content of one that changes just now is not known.
        assert_eq!(tag(&digests, source.ctime().0), real);
    }
}
