//! Results on stdout, a line each: the entries of a listing with `--json` (described in `manual::DOWNLOAD`, tested in
//! `tests/it/transfer/listing.rs`), and the ports of `--probe` (`manual::CONNECT`, `tests/it/stream/probe.rs`).

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use super::escape;
use super::event::{Text, seconds};

/// An entry of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its path: any bytes.
    pub path: &'a [u8],
    /// `file`, `folder` or `link`.
    pub kind: &'static str,
    /// The size of a file in bytes, if it is known.
    pub size: Option<u64>,
    /// Its modification time in the format of RFC 3339, if it can be expressed so.
    pub mtime: Option<&'a str>,
    /// True if its owner may execute it.
    pub executable: bool,
    /// The target of a link: any bytes.
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
    /// Formats it as a JSON object. Never `None`: all fields can be serialized.
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
    /// The address, as an argument of `connect`.
    pub address: &'a dyn Display,
    /// Its port, if it has one.
    pub port: Option<u16>,
    /// The reason why it is not open.
    pub text: Option<&'a str>,
    /// The duration of the attempt.
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
    /// Formats it as text.
    pub fn line(&self) -> String {
        format!("{} {}\n", self.state, escape(&self.address.to_string()))
    }

    /// Formats it as a JSON object. Never `None`, as above.
    pub fn json(&self) -> Option<String> {
        let Probed { state, address, port, text, time } = *self;
        let (address, text) = (Text::new(address), text.map(Text::new));
        let line = ProbedLine { state, address, port, text, seconds: seconds(time) };
        serde_json::to_string(&line).ok().map(|line| line + "\n")
    }
}
