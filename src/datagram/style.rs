//! A datagram as a record on stdout.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::net::udp::Datagram;
use crate::net::wall::writable;
use crate::proto::datagram::records::u16be;
use crate::report::escape_json;

/// Style of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrintFormat {
    /// The payload and a line end.
    Line,
    /// The payload alone.
    Raw,
    /// An object in a line: time, peer, length, and the payload as text or base64.
    Json,
}

/// Prefix of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LengthPrefix {
    /// Two bytes with the length, most significant first.
    U16be,
}

/// Prefix and suffix of a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    format: PrintFormat,
    prefix: Option<LengthPrefix>,
    has_label: bool,
}

#[derive(Serialize)]
struct Record<'a> {
    time: Option<String>,
    peer: String,
    length: usize,
    text: Option<&'a str>,
    base64: Option<String>,
}

impl Style {
    pub(crate) fn new(format: PrintFormat, prefix: Option<LengthPrefix>, has_label: bool) -> Style {
        Style { format, prefix, has_label }
    }

    /// Returns whether a record holds the arrival time.
    pub(crate) fn is_timed(self) -> bool {
        self.format == PrintFormat::Json
    }

    /// Returns whether a length precedes each payload.
    pub(crate) fn has_prefix(self) -> bool {
        self.prefix.is_some()
    }

    /// Returns whether a line end follows each payload, and nothing else marks its end.
    pub(crate) fn is_line(self) -> bool {
        self.prefix.is_none() && self.format == PrintFormat::Line
    }

    /// Returns whether nothing marks the end of a payload.
    pub(crate) fn is_raw(self) -> bool {
        self.prefix.is_none() && self.format == PrintFormat::Raw
    }

    /// Passes the parts of a datagram's record to `push`.
    pub(crate) fn write(self, datagram: &Datagram<'_>, mut push: impl FnMut(&[u8])) {
        let payload = datagram.payload;
        if self.has_label {
            push(format!("{} ", datagram.peer).as_bytes());
        }
        match (self.prefix, self.format) {
            (Some(LengthPrefix::U16be), _) => {
                // No datagram here is larger than two bytes can express.
                push(&u16be(payload.len()).unwrap_or_default());
                push(payload);
            }
            (None, PrintFormat::Raw) => push(payload),
            (None, PrintFormat::Line) => {
                push(payload);
                push(b"\n");
            }
            (None, PrintFormat::Json) => push(json(datagram).as_bytes()),
        }
    }
}

fn json(datagram: &Datagram<'_>) -> String {
    let text = std::str::from_utf8(datagram.payload).ok();
    let record = Record {
        time: datagram.time.map(rfc3339),
        peer: datagram.peer.to_string(),
        length: datagram.payload.len(),
        text,
        base64: text.is_none().then(|| STANDARD.encode(datagram.payload)),
    };
    // No field can fail to be written.
    escape_json(&serde_json::to_string(&record).unwrap_or_default()) + "\n"
}

fn rfc3339(since_1970: Duration) -> String {
    humantime::format_rfc3339_micros(SystemTime::UNIX_EPOCH + writable(since_1970)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::udp::Peer;

    fn record(style: Style, payload: &[u8]) -> String {
        let peer = Peer::Ip("192.0.2.1:9".parse().unwrap());
        let time = Some(Duration::from_millis(1_500));
        let datagram = Datagram { peer, payload, is_truncated: false, local: None, time };
        let mut record = Vec::new();
        style.write(&datagram, |part| record.extend_from_slice(part));
        String::from_utf8(record).unwrap()
    }

    #[test]
    fn records_look_as_in_the_manual() {
        assert_eq!(record(Style::new(PrintFormat::Line, None, false), b"hi"), "hi\n");
        assert_eq!(record(Style::new(PrintFormat::Line, None, true), b""), "192.0.2.1:9 \n");
        assert_eq!(record(Style::new(PrintFormat::Raw, None, false), b"hi"), "hi");
        assert_eq!(
            record(Style::new(PrintFormat::Line, Some(LengthPrefix::U16be), false), b"hi"),
            "\0\x02hi"
        );
        let json = Style::new(PrintFormat::Json, None, false);
        assert_eq!(
            record(json, "a\n\x1b\u{9b}\u{202e}é".as_bytes()),
            concat!(
                r#"{"time":"1970-01-01T00:00:01.500000Z","peer":"192.0.2.1:9","length":10,"#,
                r#""text":"a\n\u001b\u009b\u202eé","base64":null}"#,
                "\n"
            )
        );
        assert!(record(json, b"\xff\0").ends_with("\"length\":2,\"text\":null,\"base64\":\"/wA=\"}\n"));
    }
}
