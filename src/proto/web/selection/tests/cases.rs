//! Requests with conditions and ranges, and their answers: RFC 9110, 13 and 14. A content of 1000 bytes or more.

/// The content that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// It has a strong tag, and a date that was its own alone.
    Settled,
    /// It has a strong tag, and a date that was set: another content may have had the same.
    Dated,
    /// It has just changed: no tag, and no date that is sent.
    Recent,
}

/// A request for the content, and the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// The state of the content.
    pub(crate) content: Content,
    /// GET or HEAD.
    pub(crate) method: &'static str,
    /// Fields between ` | `. `{tag}` is the content's tag, `{other}` another one, `{date}` the content's date, `{before}`
    /// and `{after}` ten seconds from it, `{size}` the length in bytes, `{last}` the last position.
    pub(crate) fields: &'static str,
    /// The status, and the ranges of a 206, with `{last}`.
    pub(crate) answer: &'static str,
}

const fn get(fields: &'static str, answer: &'static str) -> Case {
    Case { content: Content::Settled, method: "GET", fields, answer }
}

const fn head(fields: &'static str, answer: &'static str) -> Case {
    Case { content: Content::Settled, method: "HEAD", fields, answer }
}

const fn dated(fields: &'static str, answer: &'static str) -> Case {
    Case { content: Content::Dated, method: "GET", fields, answer }
}

const fn recent(fields: &'static str, answer: &'static str) -> Case {
    Case { content: Content::Recent, method: "GET", fields, answer }
}

/// All cases.
pub(crate) const CASES: &[Case] = &[
    // 14.2: ranges without conditions.
    get("", "200"),
    get("Range: bytes=0-99", "206 0-99"),
    get("Range: bytes=900-", "206 900-{last}"),
    get("Range: bytes=-1", "206 {last}-{last}"),
    get("Range: bytes=0-9,20-29", "206 0-9,20-29"),
    get("Range: bytes={size}-", "416"),
    get("Range: bytes=-0", "416"),
    get("Range: bytes=20-29,0-9", "200"),
    get("Range: bytes=0-19,10-29", "200"),
    get("Range: lines=0-9", "200"),
    get("Range: bytes=0-9 | Range: bytes=20-29", "200"),
    head("Range: bytes=0-99", "200"),
    head("Range: bytes={size}-", "200"),
    // 13.1.1: If-Match compares strongly.
    get("If-Match: {tag}", "200"),
    get("If-Match: *", "200"),
    get("If-Match: {other}", "412"),
    get("If-Match: W/{tag}", "412"),
    get("If-Match: {other}, {tag}", "200"),
    get("If-Match: {other} | If-Match: {tag}", "200"),
    get("If-Match: \"a,b\" ,, {tag}", "200"),
    get("If-Match: *, {tag}", "412"),
    get("If-Match: unquoted", "412"),
    get("If-Match:", "412"),
    get("If-Match: {tag} | Range: bytes=0-99", "206 0-99"),
    get("If-Match: {other} | Range: bytes=0-99", "412"),
    get("If-Match: {other} | Range: bytes={size}-", "412"),
    get("If-Match: {tag} | Range: bytes={size}-", "416"),
    head("If-Match: {other}", "412"),
    // 13.1.4: If-Unmodified-Since, unless there is If-Match.
    get("If-Unmodified-Since: {date}", "200"),
    get("If-Unmodified-Since: {after}", "200"),
    get("If-Unmodified-Since: {before}", "412"),
    get("If-Unmodified-Since: yesterday", "200"),
    get("If-Unmodified-Since: {before} | If-Unmodified-Since: {before}", "200"),
    get("If-Unmodified-Since: {before} | If-Match: {tag}", "200"),
    get("If-Unmodified-Since: {after} | If-Match: {other}", "412"),
    get("If-Unmodified-Since: {date} | Range: bytes=0-99", "206 0-99"),
    get("If-Unmodified-Since: {before} | Range: bytes=0-99", "412"),
    // 13.1.2: If-None-Match compares weakly.
    get("If-None-Match: {tag}", "304"),
    get("If-None-Match: W/{tag}", "304"),
    get("If-None-Match: *", "304"),
    get("If-None-Match: {other}", "200"),
    get("If-None-Match: {other}, W/{tag}", "304"),
    get("If-None-Match: {other} | If-None-Match: {tag}", "304"),
    get("If-None-Match: unquoted", "200"),
    get("If-None-Match: {tag} | Range: bytes=0-99", "304"),
    get("If-None-Match: {tag} | Range: bytes={size}-", "304"),
    get("If-None-Match: {other} | Range: bytes=0-99", "206 0-99"),
    get("If-None-Match: {other} | Range: bytes={size}-", "416"),
    head("If-None-Match: {tag}", "304"),
    head("If-None-Match: {other}", "200"),
    get("If-Match: {tag} | If-None-Match: {tag}", "304"),
    get("If-Match: {other} | If-None-Match: {tag}", "412"),
    get("If-Unmodified-Since: {before} | If-None-Match: {tag}", "412"),
    // 13.1.3: If-Modified-Since, unless there is If-None-Match.
    get("If-Modified-Since: {date}", "304"),
    get("If-Modified-Since: {after}", "304"),
    get("If-Modified-Since: {before}", "200"),
    get("If-Modified-Since: tomorrow", "200"),
    get("If-Modified-Since: {date} | If-Modified-Since: {date}", "200"),
    get("If-Modified-Since: {date} | If-None-Match: {other}", "200"),
    get("If-Modified-Since: {before} | If-None-Match: {tag}", "304"),
    get("If-Modified-Since: {date} | If-None-Match: unquoted", "200"),
    get("If-Modified-Since: {date} | If-Unmodified-Since: {before}", "412"),
    get("If-Modified-Since: {date} | If-Match: {tag}", "304"),
    get("If-Modified-Since: {date} | Range: bytes=0-99", "304"),
    get("If-Modified-Since: {before} | Range: bytes=0-99", "206 0-99"),
    head("If-Modified-Since: {date}", "304"),
    // 13.1.5: If-Range compares strongly, and a date exactly.
    get("If-Range: {tag}", "200"),
    get("If-Range: {tag} | Range: bytes=0-99", "206 0-99"),
    get("If-Range: {tag} | Range: bytes=0-9,20-29", "206 0-9,20-29"),
    get("If-Range: {tag} | Range: bytes={size}-", "416"),
    get("If-Range: {other} | Range: bytes=0-99", "200"),
    get("If-Range: {other} | Range: bytes={size}-", "200"),
    get("If-Range: W/{tag} | Range: bytes=0-99", "200"),
    get("If-Range: {other}, {tag} | Range: bytes=0-99", "200"),
    get("If-Range: * | Range: bytes=0-99", "200"),
    get("If-Range: {date} | Range: bytes=0-99", "206 0-99"),
    get("If-Range: {after} | Range: bytes=0-99", "200"),
    get("If-Range: {before} | Range: bytes=0-99", "200"),
    get("If-Range: soon | Range: bytes=0-99", "200"),
    get("If-Range: {tag} | If-Range: {tag} | Range: bytes=0-99", "200"),
    get("If-Match: {tag} | If-Range: {other} | Range: bytes=0-99", "200"),
    get("If-Match: {other} | If-Range: {tag} | Range: bytes=0-99", "412"),
    get("If-None-Match: {tag} | If-Range: {tag} | Range: bytes=0-99", "304"),
    get("If-Modified-Since: {before} | If-Range: {tag} | Range: bytes=0-99", "206 0-99"),
    head("If-Range: {tag} | Range: bytes=0-99", "200"),
    // 8.8.2.2: a date that may be that of two contents does not tell them apart.
    dated("If-Range: {date} | Range: bytes=0-99", "200"),
    dated("If-Range: {tag} | Range: bytes=0-99", "206 0-99"),
    dated("If-Modified-Since: {date}", "304"),
    dated("If-Unmodified-Since: {date} | Range: bytes=0-99", "206 0-99"),
    // Nothing tells this content from the next one.
    recent("", "200"),
    recent("Range: bytes=0-99", "206 0-99"),
    recent("If-Match: {tag}", "412"),
    recent("If-Match: *", "200"),
    recent("If-None-Match: {tag}", "200"),
    recent("If-None-Match: *", "304"),
    recent("If-Modified-Since: {date}", "200"),
    recent("If-Modified-Since: {after}", "200"),
    recent("If-Unmodified-Since: {date}", "200"),
    recent("If-Unmodified-Since: {before}", "412"),
    recent("If-Range: {tag} | Range: bytes=0-99", "200"),
    recent("If-Range: {date} | Range: bytes=0-99", "200"),
];
