//! `--log`: a line for each answer.

use std::io::Write;

use serde::Serialize;

use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::signals;
use crate::net::signals::Signals;
use crate::report::{Lines, escape};

/// Format of an answer's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogForm {
    /// As web servers write it: the Common Log Format.
    Common,
    /// An object for each answer.
    Json,
}

/// Where the lines go, and in which form.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) form: LogForm,
    pub(crate) lines: Lines,
}

/// The request, as it was sent.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) minor: u8,
}

/// An answer, and the client that got it.
pub(crate) struct Answered<'a> {
    pub(crate) peer: &'a str,
    /// `None`: it was no request that could be understood.
    pub(crate) asked: Option<Asked<'a>>,
    pub(crate) status: u16,
    /// Size of the body in bytes.
    pub(crate) bytes: usize,
}

#[derive(Serialize)]
struct Object<'a> {
    time: &'a str,
    peer: &'a str,
    method: Option<String>,
    target: Option<String>,
    version: Option<String>,
    status: u16,
    bytes: usize,
}

/// The time of this second, in the forms that are needed.
#[derive(Default)]
pub(crate) struct Stamp {
    common: String,
    json: String,
}

impl Stamp {
    /// Of a time in seconds since 1970 and its date as HTTP has it: `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub(crate) fn new(unix_seconds: u64, date: &str) -> Stamp {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(unix_seconds);
        let json = humantime::format_rfc3339_seconds(time).to_string();
        let part = |range| date.get(range).unwrap_or_default();
        let common = format!("{}/{}/{}:{} +0000", part(5..7), part(8..11), part(12..16), part(17..25));
        Stamp { common, json }
    }
}

impl Log {
    pub(crate) fn write(&self, stamp: &Stamp, answered: &Answered<'_>) {
        match self.form {
            LogForm::Common => self.lines.add(|out| common(out, stamp, answered)),
            LogForm::Json => {
                let line = json(stamp, answered);
                self.lines.add(|out| out.extend_from_slice(line.as_bytes()));
            }
        }
    }

    /// The run has ended so. After a good end there is time until stdout has everything, or a signal comes. That lines
    /// were left out is reported, and makes a good end a partial one.
    pub(crate) fn finish(&self, result: Result<(), Error>, signals: &Signals) -> Result<(), Error> {
        let left_out = self.lines.finish(|| result.is_ok() && signals.received().is_none());
        if left_out == 0 {
            return result;
        }
        let text = format!("{left_out} lines of the log were left out");
        match (result, signals.received()) {
            (Err(error), _) if error.is_silent() || error.exit() == Exit::CannotWrite => Err(error),
            (Err(error), _) => Err(error.context(text)),
            (Ok(()), Some(number)) => {
                let stopped = format!("stopped by {}", signals::name(number));
                Err(Error::new(Exit::Signal(number), stopped).context(text))
            }
            (Ok(()), None) => Err(match self.lines.take_failure() {
                Some(error) => cannot_write(&error),
                None => Error::new(Exit::Partial, text),
            }),
        }
    }
}

fn common(out: &mut Vec<u8>, stamp: &Stamp, answered: &Answered<'_>) {
    let Answered { peer, asked, status, bytes } = answered;
    // The port is no part of this format.
    let host = peer.rsplit_once(':').map_or(*peer, |(host, _)| host);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{host} - - [{}] \"", stamp.common);
    match asked {
        Some(asked) => {
            quoted(out, asked.method);
            out.push(b' ');
            quoted(out, asked.target);
            let _ = write!(out, " HTTP/1.{}", asked.minor);
        }
        None => out.push(b'-'),
    }
    let _ = writeln!(out, "\" {status} {bytes}");
}

/// Text from a client between quotes.
fn quoted(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(escape(&text.replace('\\', "\\\\").replace('"', "\\\"")).as_bytes());
    }
}

fn json(stamp: &Stamp, answered: &Answered<'_>) -> String {
    let asked = answered.asked;
    let object = Object {
        time: &stamp.json,
        peer: answered.peer,
        method: asked.map(|asked| escape(asked.method)),
        target: asked.map(|asked| escape(asked.target)),
        version: asked.map(|asked| format!("HTTP/1.{}", asked.minor)),
        status: answered.status,
        bytes: answered.bytes,
    };
    // No field can fail to be written.
    serde_json::to_string(&object).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_whatever_was_asked() {
        let stamp = Stamp::new(784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT");
        let mut answered = Answered {
            peer: "192.0.2.1:4711",
            asked: Some(Asked { method: "GET", target: "/a\"\\ä\u{202e}", minor: 1 }),
            status: 200,
            bytes: 13,
        };
        let line = |answered: &Answered<'_>| {
            let mut out = Vec::new();
            common(&mut out, &stamp, answered);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            line(&answered),
            "192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a\\\"\\\\ä\\u{202e} HTTP/1.1\" 200 13\n"
        );
        assert_eq!(
            json(&stamp, &answered),
            concat!(
                r#"{"time":"1994-11-06T08:49:37Z","peer":"192.0.2.1:4711","method":"GET","#,
                r#""target":"/a\"\\ä\\u{202e}","version":"HTTP/1.1","status":200,"bytes":13}"#,
                "\n"
            )
        );
        answered.asked = None;
        answered.status = 400;
        assert_eq!(line(&answered), "192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] \"-\" 400 13\n");
        assert!(json(&stamp, &answered).contains(r#""method":null"#));
    }
}
