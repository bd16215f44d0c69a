//! The events of `--json`: one schema for all commands. The manual describes it (`manual::EVENTS`),
//! `tests/it/docs/json.rs` checks it.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use super::{escape, escape_name};

/// Escaped text. Events hold no other text, because it may come from a peer.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn new(text: impl Display) -> Text {
        Text(escape(&text.to_string()))
    }

    pub(super) fn path(bytes: &[u8]) -> Text {
        Text(escape_name(bytes))
    }
}

/// One event, without the fields that all have in common.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Event {
    Listening {
        address: Text,
    },
    Admission {
        code: Option<Text>,
        key: Text,
    },
    Web {
        url: Text,
    },
    Metrics {
        url: Text,
    },
    Peer {
        state: &'static str,
    },
    Child {
        id: u32,
        code: Option<i32>,
        signal: Option<i32>,
    },
    File {
        path: Text,
        kind: &'static str,
        state: &'static str,
        size: Option<u64>,
        digest: Option<String>,
        reason: Option<Text>,
        text: Option<Text>,
    },
    Progress {
        phase: &'static str,
        path: Option<Text>,
        done_bytes: u64,
        total_bytes: Option<u64>,
        entries_done: u64,
        entries: u64,
        all_known: bool,
        rate: u64,
    },
    Summary {
        verb: &'static str,
        path: Option<Text>,
        digest: Option<String>,
        verified: bool,
        entries: u64,
        done: u64,
        there: u64,
        failed: u64,
        skipped: u64,
        sent_bytes: u64,
        received_bytes: u64,
        resumed_bytes: u64,
        seconds: f64,
        datagrams: Option<DatagramCounts>,
        ended_after: Option<f64>,
    },
    Warning {
        text: Text,
    },
    Error {
        code: u8,
        text: Text,
    },
    Detail {
        text: Text,
    },
}

/// The part of a summary event that only datagrams have.
#[derive(Serialize)]
pub(super) struct DatagramCounts {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) dropped: u64,
    pub(super) dropped_exactly: bool,
    pub(super) truncated: u64,
    pub(super) too_large: u64,
    pub(super) filtered: u64,
    pub(super) withheld: u64,
    pub(super) undelivered: u64,
    pub(super) flows: u64,
}

/// An event as it is written.
#[derive(Serialize)]
struct Stamped {
    #[serde(flatten)]
    event: Event,
    peer: Option<Text>,
    time: f64,
}

/// Formats the line of an event. Never `None`: all fields can be serialized.
pub(super) fn line(event: Event, peer: Option<Text>, since_start: Duration) -> Option<String> {
    let stamped = Stamped { event, peer, time: seconds(since_start) };
    serde_json::to_string(&stamped).ok().map(|line| line + "\n")
}

/// A time in seconds, to the millisecond.
pub(super) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// Formats a digest as `b3sum` prints it.
pub(super) fn hex(digest: [u8; 32]) -> String {
    blake3::Hash::from(digest).to_string()
}

/// The result of one file, folder or link.
#[derive(Clone, Copy, Debug)]
pub struct FileEvent<'a> {
    /// Its path as the peer knows it: any bytes.
    pub path: &'a [u8],
    /// `file`, `folder` or `link`; for skipped entries also other kinds.
    pub kind: &'static str,
    /// `sent`, `received`, `there` (with the same content already), `failed` or `skipped`.
    pub state: &'static str,
    /// Its size in bytes, if it is known.
    pub size: Option<u64>,
    /// Its BLAKE3 digest, if it was computed.
    pub digest: Option<[u8; 32]>,
    /// The reason of a failure, in fixed words.
    pub reason: Option<&'a str>,
    /// The reason of a failure, in more detail.
    pub text: Option<&'a str>,
}

impl FileEvent<'_> {
    pub(super) fn event(&self) -> Event {
        Event::File {
            path: Text::path(self.path),
            kind: self.kind,
            state: self.state,
            size: self.size,
            digest: self.digest.map(hex),
            reason: self.reason.map(Text::new),
            text: self.text.map(Text::new),
        }
    }
}

/// The summary of a transfer.
pub struct Sums<'a> {
    /// `sent` or `received`.
    pub verb: &'static str,
    /// The peer.
    pub peer: &'a dyn Display,
    /// Files, folders and links in all.
    pub entries: u64,
    /// Entries that are complete at the receiver, including `there`.
    pub done: u64,
    /// Entries of `done` that were there already, with the same content.
    pub there: u64,
    /// Entries that failed.
    pub failed: u64,
    /// Entries that were left out. The other counts do not include them.
    pub skipped: u64,
    /// Bytes of bodies that were moved.
    pub bytes: u64,
    /// Bytes of these files that earlier sessions moved.
    pub resumed_bytes: u64,
    /// Time since the start of the session.
    pub time: Duration,
    /// True if digests were compared.
    pub verified: bool,
    /// The BLAKE3 digest of a single file.
    pub digest: Option<[u8; 32]>,
    /// The path of a single file: any bytes.
    pub path: Option<&'a [u8]>,
}

impl Sums<'_> {
    pub(super) fn event(&self) -> Event {
        let (sent_bytes, received_bytes) =
            if self.verb == "sent" { (self.bytes, 0) } else { (0, self.bytes) };
        Event::Summary {
            verb: self.verb,
            path: self.path.map(Text::path),
            digest: self.digest.map(hex),
            verified: self.verified,
            entries: self.entries,
            done: self.done,
            there: self.there,
            failed: self.failed,
            skipped: self.skipped,
            sent_bytes,
            received_bytes,
            resumed_bytes: self.resumed_bytes,
            seconds: seconds(self.time),
            datagrams: None,
            ended_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_harmless_text() {
        let path = b"a\"\\\n\x1b[2J\xff\xe2\x80\xae";
        let event = FileEvent {
            path,
            kind: "file",
            state: "failed",
            size: None,
            digest: None,
            reason: Some("refused"),
            text: Some("two\r\nlines"),
        };
        let line = line(event.event(), Some(Text::new("p\n")), Duration::from_micros(1_234_567)).unwrap();
        assert_eq!(
            line,
            concat!(
                r#"{"event":"file","path":"a\"\\\\\\x0a\\x1b[2J\\xff\\u{202e}","kind":"file","state":"failed","#,
                r#""size":null,"digest":null,"reason":"refused","text":"two\\x0d\\x0alines","#,
                r#""peer":"p\\x0a","time":1.234}"#,
                "\n"
            )
        );
    }
}
