//! What was asked for, a line each, on stdout. With `--json` of a listing what is offered: the manual describes it
//! (`manual::DOWNLOAD`), `tests/it/listing.rs` holds it. What ports take connections: `manual::CONNECT`, `tests/it/probe.rs`.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use super::escape;
use super::event::{Text, seconds};

/// A file, folder or link that is offered.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its path: any bytes.
    pub path: &'a [u8],
    /// `file`, `folder` or `link`.
    pub kind: &'static str,
    /// Size of a file in bytes, if it is known.
    pub size: Option<u64>,
    /// Its modification time as RFC 3339 has it, where that can be written so.
    pub mtime: Option<&'a str>,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Where a link leads: any bytes.
    pub target: Option<&'a [u8]>,
}

#[derive(Serialize)]
struct Line<'a> {
    path: Text,
    kind: &'static str,
    size: Option<u64>,
    mtime: Option<&'a str>,
    executable: bool,
    target: Option<Text>,
}

impl Listed<'_> {
    /// Its line. None is not reached: no field can fail to be written.
    pub fn line(&self) -> Option<String> {
        let Listed { path, kind, size, mtime, executable, target } = *self;
        let target = target.map(Text::path);
        let line = Line { path: Text::path(path), kind, size, mtime, executable, target };
        serde_json::to_string(&line).ok().map(|line| line + "\n")
    }
}

/// A port that was tried.
#[derive(Clone, Copy)]
pub struct Probed<'a> {
    /// `open`, `refused`, `timeout` or `unreachable`.
    pub state: &'static str,
    /// Where, as `connect` takes it.
    pub address: &'a dyn Display,
    /// Its port, if it has one.
    pub port: Option<u16>,
    /// Why it is not open.
    pub text: Option<&'a str>,
    /// Duration of the attempt.
    pub time: Duration,
}

#[derive(Serialize)]
struct ProbedLine {
    state: &'static str,
    address: Text,
    port: Option<u16>,
    text: Option<Text>,
    seconds: f64,
}

impl Probed<'_> {
    /// Its line as text.
    pub fn line(&self) -> String {
        format!("{} {}\n", self.state, escape(&self.address.to_string()))
    }

    /// Its line as an object. None is not reached, as above.
    pub fn json(&self) -> Option<String> {
        let Probed { state, address, port, text, time } = *self;
        let (address, text) = (Text::new(address), text.map(Text::new));
        let line = ProbedLine { state, address, port, text, seconds: seconds(time) };
        serde_json::to_string(&line).ok().map(|line| line + "\n")
    }
}
