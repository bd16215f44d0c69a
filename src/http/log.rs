//! `--log`: a line for each answer.

use std::io::Write;

use serde::Serialize;

use crate::error::cannot_write;
use crate::error::{Error, Exit};
use crate::net::signals;
use crate::net::signals::Signals;
use crate::report::{Lines, escape};

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogForm {
    /// The Common Log Format of web servers.
    Common,
    /// A JSON object.
    Json,
}

/// The log of a run.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) form: LogForm,
    pub(crate) lines: Lines,
}

/// A request as it was received.
#[derive(Clone, Copy)]
pub(crate) struct LoggedRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) minor: u8,
}

/// A response, and its client.
pub(crate) struct LoggedAnswer<'a> {
    pub(crate) peer: &'a str,
    /// `None` if the request could not be parsed.
    pub(crate) request: Option<LoggedRequest<'a>>,
    pub(crate) status: u16,
    /// The size of the body in bytes.
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

/// The time of the current second, in both formats.
#[derive(Default)]
pub(crate) struct LogTime {
    common: String,
    json: String,
}

impl LogTime {
    /// Formats a time in seconds since 1970, whose HTTP date is `date`: `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub(crate) fn new(unix_seconds: u64, date: &str) -> LogTime {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(unix_seconds);
        let json = humantime::format_rfc3339_seconds(time).to_string();
        let part = |range| date.get(range).unwrap_or_default();
        let common = format!("{}/{}/{}:{} +0000", part(5..7), part(8..11), part(12..16), part(17..25));
        LogTime { common, json }
    }
}

impl Log {
    pub(crate) fn write(&self, time: &LogTime, answered: &LoggedAnswer<'_>) {
        match self.form {
            LogForm::Common => self.lines.add(|out| common(out, time, answered)),
            LogForm::Json => {
                let line = json(time, answered);
                self.lines.add(|out| out.extend_from_slice(line.as_bytes()));
            }
        }
    }

    /// Ends the log after a run with this result. After a success it waits until stdout has everything, or a signal
    /// arrives. Lines that were left out are reported, and turn a success into a partial one.
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

fn common(out: &mut Vec<u8>, time: &LogTime, answered: &LoggedAnswer<'_>) {
    let LoggedAnswer { peer, request, status, bytes } = answered;
    // The port is no part of this format.
    let host = peer.rsplit_once(':').map_or(*peer, |(host, _)| host);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{host} - - [{}] \"", time.common);
    match request {
        Some(request) => {
            quoted(out, request.method);
            out.push(b' ');
            quoted(out, request.target);
            let _ = write!(out, " HTTP/1.{}", request.minor);
        }
        None => out.push(b'-'),
    }
    let _ = writeln!(out, "\" {status} {bytes}");
}

/// Writes text of a client for a place between quotes.
fn quoted(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.extend_from_slice(escape(&text.replace('\\', "\\\\").replace('"', "\\\"")).as_bytes());
    }
}

fn json(time: &LogTime, answered: &LoggedAnswer<'_>) -> String {
    let request = answered.request;
    let object = Object {
        time: &time.json,
        peer: answered.peer,
        method: request.map(|request| escape(request.method)),
        target: request.map(|request| escape(request.target)),
        version: request.map(|request| format!("HTTP/1.{}", request.minor)),
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
        let time = LogTime::new(784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT");
        let mut answered = LoggedAnswer {
            peer: "192.0.2.1:4711",
            request: Some(LoggedRequest { method: "GET", target: "/a\"\\ä\u{202e}", minor: 1 }),
            status: 200,
            bytes: 13,
        };
        let line = |answered: &LoggedAnswer<'_>| {
            let mut out = Vec::new();
            common(&mut out, &time, answered);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            line(&answered),
            "192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a\\\"\\\\ä\\u{202e} HTTP/1.1\" 200 13\n"
        );
        assert_eq!(
            json(&time, &answered),
            concat!(
                r#"{"time":"1994-11-06T08:49:37Z","peer":"192.0.2.1:4711","method":"GET","#,
                r#""target":"/a\"\\ä\\u{202e}","version":"HTTP/1.1","status":200,"bytes":13}"#,
                "\n"
            )
        );
        answered.request = None;
        answered.status = 400;
        assert_eq!(line(&answered), "192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] \"-\" 400 13\n");
        assert!(json(&time, &answered).contains(r#""method":null"#));
    }
}
