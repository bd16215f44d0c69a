//! `upload`: sends files to a `serve --store`.

mod text;

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueHint};

use super::opened::Opened;
use super::options::{LimitArgs, WireChoice};
use super::transfer::{Limits, Sending, Wire, entry_of};
use crate::error::{Error, Exit};
use crate::manual;
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::proto::entry::Entry;
use crate::proto::hello::Hello;
use crate::report::{Report, escape_bytes};
use crate::store::Source;

/// Send files to a 'sendall serve --store', verified and synced before success is reported
#[derive(Args, Clone, Debug)]
#[command(after_long_help = manual::UPLOAD)]
pub struct UploadArgs {
    /// The files
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::FilePath)]
    paths: Vec<OsString>,

    /// Where to.
    #[arg(help = manual::WHERE_TO, value_name = "ENDPOINT", required = true, value_hint = ValueHint::Hostname)]
    endpoint: OsString,

    /// Replace files that exist there with other content
    #[arg(short, long)]
    force: bool,

    /// What the server speaks
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value_t = WireChoice::Sendall)]
    wire: WireChoice,

    #[command(flatten)]
    limits: LimitArgs,
}

/// What was meant.
pub struct Plan {
    endpoint: Endpoint,
    paths: Vec<PathBuf>,
    entries: Vec<Entry>,
    force: bool,
    wire: WireChoice,
    limits: Limits,
}

impl UploadArgs {
    /// Validates everything, each file included, before anything is opened to the network.
    pub fn plan(&self) -> Result<Plan, Error> {
        let (endpoint, paths) = self.split()?;
        let (mut entries, mut names) = (Vec::new(), HashSet::new());
        for path in &paths {
            let entry = offer(path)?;
            if !names.insert(entry.path.clone()) {
                let text = format!(
                    "two files would be called {} there: send them one after the other to different folders",
                    escape_bytes(&entry.path)
                );
                return Err(Error::new(Exit::Usage, text));
            }
            entries.push(entry);
        }
        if self.wire == WireChoice::Text {
            text::check(self.force, &entries)?;
        }
        let (force, wire, limits) = (self.force, self.wire, self.limits.limits());
        Ok(Plan { endpoint, paths, entries, force, wire, limits })
    }

    /// The endpoint is the last word, or the last two; the paths are the rest.
    fn split(&self) -> Result<(Endpoint, Vec<PathBuf>), Error> {
        let usage = |hint| Error::new(Exit::Usage, hint);
        let last = self.endpoint.to_string_lossy();
        let mut paths: Vec<PathBuf> = self.paths.iter().map(PathBuf::from).collect();
        let before = paths.last().filter(|_| paths.len() > 1).map(|path| path.to_string_lossy().into_owned());
        let endpoint = match (Endpoint::parse(&last, Role::Connect), before) {
            (Ok(endpoint), _) => endpoint,
            (Err(hint), Some(host)) => match Endpoint::parse_first(&host, Some(&last), Role::Connect) {
                Ok((endpoint, 2)) => {
                    paths.pop();
                    endpoint
                }
                _ => return Err(usage(hint)),
            },
            (Err(hint), None) => return Err(usage(hint)),
        };
        Ok((endpoint, paths))
    }
}

fn offer(path: &Path) -> Result<Entry, Error> {
    let shown = escape_bytes(path.as_os_str().as_bytes());
    let usage = |text: String| Error::new(Exit::Usage, text);
    if path.as_os_str() == "-" {
        let text =
            "stdin cannot be uploaded: stream it with 'sendall connect', or type ./- for a file of that name";
        return Err(usage(text.into()));
    }
    if path.is_dir() {
        return Err(usage(format!(
            "{shown} is a folder: name the files in it, as in {}/*",
            shown.trim_end_matches('/')
        )));
    }
    let source = Source::open(path).map_err(|fault| usage(format!("cannot upload {shown}: {fault}")))?;
    let name = path.file_name().ok_or_else(|| usage(format!("{shown} has no file name")))?;
    Ok(entry_of(&source, name.as_bytes().to_vec()))
}

impl Plan {
    /// Sends the files, and returns when the server has confirmed that they are on its disk, as far as it can.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        if self.wire == WireChoice::Text {
            return text::run(&self, report, signals);
        }
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let dial = Dial::new(self.endpoint, self.limits.handshake, io.clone());
            let report = report.clone();
            Ok(Opened::new(dial, move |transport, now: Instant| {
                let peer = transport.peer_name();
                let mut wire = Wire::new(transport, now);
                let total = self.entries.iter().map(|entry| entry.size).fold(0, u64::saturating_add);
                let count = u32::try_from(self.entries.len()).ok();
                wire.push(&Hello::put(self.force, Some(total), count).encode());
                let open = Box::new(move |file: u32| Source::open(&self.paths[file as usize]));
                Ok(Sending::new(wire, self.entries, open, true, self.limits, (io, report, peer)))
            }))
        })?;
        reactor.run()
    }
}
