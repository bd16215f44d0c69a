//! `download`: fetches what a `serve --share` offers.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueHint};

use super::opened::Opened;
use super::options::{LimitArgs, size};
use super::transfer::{Destination, Limits, Naming, Receiving, Wire};
use crate::error::{Error, Exit};
use crate::manual;
use crate::net::dial::Dial;
use crate::net::endpoint::{Endpoint, Role};
use crate::net::reactor::Reactor;
use crate::net::signals::Signals;
use crate::proto::hello::Hello;
use crate::proto::names::CleanPath;
use crate::report::{Report, escape_bytes};
use crate::store::Folder;

/// Fetch files from a 'sendall serve --share', verified and synced before they get their names
#[derive(Args, Clone, Debug)]
#[command(after_long_help = manual::DOWNLOAD)]
pub struct DownloadArgs {
    /// Where from.
    #[arg(help = manual::WHERE_FROM, value_name = "ENDPOINT", required = true, value_hint = ValueHint::Hostname)]
    endpoint: String,

    /// What to fetch [default: every file at the top level]
    #[arg(value_name = "NAME", value_hint = ValueHint::Other)]
    names: Vec<OsString>,

    /// Where to: a folder that exists, or the name for a single file
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    output: PathBuf,

    /// Replace files that exist here with other content
    #[arg(short, long)]
    force: bool,

    /// Refuse files that are larger
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,

    #[command(flatten)]
    limits: LimitArgs,
}

/// What was meant.
pub struct Plan {
    endpoint: Endpoint,
    names: Vec<Vec<u8>>,
    hello: Hello,
    destination: Destination,
    limits: Limits,
}

impl DownloadArgs {
    /// Validates everything, the destination included, before anything is opened to the network.
    pub fn plan(&self) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        let second = self.names.first().and_then(|name| name.to_str());
        let (endpoint, used) = Endpoint::parse_first(&self.endpoint, second, Role::Connect).map_err(usage)?;
        let names = self.names[used - 1..].iter().map(|name| name.clone().into_vec());
        let names: Vec<Vec<u8>> = names.collect();
        let mut local = HashSet::new();
        for name in &names {
            let path = CleanPath::parse(name).map_err(|fault| {
                usage(format!("'{}' is not a name to ask for: it {fault}", escape_bytes(name)))
            })?;
            if !local.insert(path.file_name().to_vec()) {
                let name = escape_bytes(path.file_name());
                return Err(usage(format!(
                    "two files would be called {name} here: fetch them into different folders"
                )));
            }
        }
        let hello = Hello::get(names.clone()).map_err(|error| usage(error.to_string()))?;
        let (folder, naming) = self.destination(names.len())?;
        let destination = Destination { folder, naming, replace: self.force, max_size: self.max_size };
        Ok(Plan { endpoint, names, hello, destination, limits: self.limits.limits() })
    }

    /// The folder that `-o` names, or the folder of the file that it names.
    fn destination(&self, names: usize) -> Result<(Folder, Naming), Error> {
        let shown = escape_bytes(self.output.as_os_str().as_bytes());
        let usage = |text: String| Error::new(Exit::Usage, text);
        if self.output.as_os_str() == "-" {
            return Err(usage("-o takes a folder or a file name: type ./- for a file of that name".into()));
        }
        if self.output.is_dir() {
            let naming = if names == 0 { Naming::AsSent } else { Naming::LastComponent };
            let folder = Folder::open(&self.output).map_err(|fault| usage(format!("-o {shown}: {fault}")))?;
            return Ok((folder, naming));
        }
        let names_a_file = !self.output.as_os_str().as_bytes().ends_with(b"/");
        let Some(name) = self.output.file_name().filter(|_| names_a_file) else {
            return Err(usage(format!(
                "-o {shown}: there is no such folder: create it first with mkdir {shown}"
            )));
        };
        if names > 1 {
            return Err(usage(format!("-o {shown} is not a folder, and several files are asked for")));
        }
        let parent = self.output.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let folder =
            Folder::open(parent).map_err(|fault| usage(format!("-o {shown}: its folder {fault}")))?;
        Ok((folder, Naming::Fixed(name.as_bytes().to_vec())))
    }
}

impl Plan {
    /// Fetches the files, and returns when they are on the disk.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let mut reactor = Reactor::new(signals).map_err(|error| Error::new(Exit::Failed, error))?;
        reactor.add(|io| {
            let dial = Dial::new(self.endpoint, self.limits.handshake, io.clone());
            let report = report.clone();
            self.destination.folder.remove_leftovers();
            Ok(Opened::new(dial, move |transport, now: Instant| {
                let peer = transport.peer_name();
                report.peer("connected", &peer);
                let mut wire = Wire::new(transport, now);
                wire.push(&self.hello.encode());
                let wanted = (!self.names.is_empty()).then_some(self.names);
                Ok(Receiving::new(wire, self.destination, wanted, true, self.limits, (io, report, peer)))
            }))
        })?;
        reactor.run()
    }
}
