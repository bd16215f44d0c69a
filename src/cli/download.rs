//! The options of `download`.

mod web;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::manual;
use super::options::{MAX_ENTRIES, size};
use super::pinned::PinnedEndpoint;
use super::proxy_args::{ProxyArgs, connector};
use super::remote_args::{RemoteArgs, Unusable};
use super::retry_args::RetryArgs;
use super::socket_args::LocalArgs;
use super::transfer_args::{DigestArgs, TransferLimitArgs};
use super::trust_args::TransferTrustArgs;
use crate::error::{Error, Exit};
use crate::net::default_port::TRANSFER_PORT;
use crate::net::endpoint::{Endpoint, EndpointUse};
use crate::proto::transfer::hello::{Hello, Operation};
use crate::proto::transfer::names::CleanPath;
use crate::relay::remote::RemoteRole;
use crate::relay::remote::target::SshTarget;
use crate::report::escape_name;
use crate::run::dialer::ServerPlan;
use crate::run::download::{Download, DownloadPlan, DownloadTask, Plan};
use crate::run::remote::RemotePlan;

/// What it does, for --help and the manual.
pub(super) const ABOUT: &str = "Fetch files and folders from 'sendall serve --share', or a file from web servers, synced before they get their names";

#[derive(Args, Clone, Debug)]
#[command(about = ABOUT)]
#[command(after_long_help = [manual::DOWNLOAD, manual::OVER_SSH, manual::DOWNLOAD_BY_HTTP].join("\n\n"))]
pub(crate) struct DownloadArgs {
    /// The server.
    #[arg(help = manual::WHERE_FROM, value_name = "ENDPOINT", required_unless_present = "via", value_hint = ValueHint::Hostname)]
    endpoint: Option<OsString>,

    /// Files and folders to fetch [default: everything]; after a URL, further URLs of the same file
    #[arg(value_name = "NAME", value_hint = ValueHint::Other)]
    names: Vec<OsString>,

    /// Write into this existing folder, or write a single file under this name; - is stdout, and PATH may be a FIFO or a device
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    output: PathBuf,

    /// Replace existing files that have other content
    #[arg(short, long)]
    force: bool,

    /// Refuse files that are larger
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,

    /// Accept at most N files, folders and links [default: 10000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_entries: Option<u32>,

    /// List what the server offers, without fetching it
    #[arg(long, conflicts_with_all = ["output", "force", "limit_rate", "retry", "digests"])]
    list: bool,

    #[command(flatten)]
    retry: RetryArgs,

    #[command(flatten)]
    digests: DigestArgs,

    #[command(flatten)]
    limits: TransferLimitArgs,

    #[command(flatten)]
    remote: RemoteArgs,

    #[command(flatten)]
    proxy: ProxyArgs,

    #[command(flatten)]
    local: LocalArgs,

    #[command(flatten)]
    trust: TransferTrustArgs,

    /// With an https:// URL: trust the authorities in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Trust")]
    ca: Option<PathBuf>,
}

impl DownloadArgs {
    /// Validates the arguments. The destination is opened when the plan is run.
    pub(crate) fn plan(&self) -> Result<DownloadPlan, Error> {
        let unusable =
            Unusable { proxy: &self.proxy, local: &self.local, trust: &self.trust, limits: &self.limits };
        if let Some(plan) = self.remote.plan(self.endpoint.as_deref(), RemoteRole::Share, &unusable)? {
            return self.remote_plan(plan).map(Box::new).map(DownloadPlan::Server);
        }
        if self.is_web() {
            return self.web_plan().map(Box::new).map(DownloadPlan::Web);
        }
        self.refuse_ca()?;
        self.server_plan().map(Box::new).map(DownloadPlan::Server)
    }

    fn server_plan(&self) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        let second = self.names.first().and_then(|name| name.to_str());
        if let Some(hint) = self.misplaced() {
            return Err(usage(hint));
        }
        let (typed, used) = PinnedEndpoint::parse_first_of_transfer(&self.server(), second).map_err(usage)?;
        let names = clean_names(&self.names[used - 1..]).map_err(usage)?;
        Hello::get(Operation::List, names.clone()).map_err(|error| usage(error.to_string()))?;
        let mut server = connector(&typed.endpoint, &self.proxy, &self.local)?;
        server.trust = Some(self.trust.plan_for(&typed)?);
        let connections = self.local.connections(self.limits.connections())?;
        let (limits, server) = (self.limits.limits(), ServerPlan::Network(Box::new(server)));
        Ok(Plan { server, names, task: self.task(), max_entries: self.max_entries(), limits, connections })
    }

    /// The plan for a server behind a program. With `--via` the first word is a name as well.
    fn remote_plan(&self, plan: RemotePlan) -> Result<Plan, Error> {
        let usage = |hint: String| Error::new(Exit::Usage, hint);
        self.refuse_ca()?;
        let first = self.endpoint.iter().filter(|_| self.remote.has_via());
        let names: Vec<OsString> = first.chain(&self.names).cloned().collect();
        let names = clean_names(&names).map_err(usage)?;
        Hello::get(Operation::List, names.clone()).map_err(|error| usage(error.to_string()))?;
        let (limits, server) = (self.limits.remote_limits(), ServerPlan::Remote(plan));
        let (task, max_entries) = (self.task(), self.max_entries());
        Ok(Plan { server, names, task, max_entries, limits, connections: Some(1) })
    }

    /// The word that names the server.
    fn server(&self) -> Cow<'_, str> {
        self.endpoint.as_ref().map(|word| word.to_string_lossy()).unwrap_or_default()
    }

    fn task(&self) -> DownloadTask {
        if self.list { DownloadTask::List } else { DownloadTask::Fetch(self.fetched()) }
    }

    fn max_entries(&self) -> u32 {
        self.max_entries.unwrap_or(MAX_ENTRIES)
    }

    fn refuse_ca(&self) -> Result<(), Error> {
        let text = "--ca is about the server of an https:// URL: type --pin KEY here, or leave it out";
        self.ca.as_ref().map_or(Ok(()), |_| Err(Error::new(Exit::Usage, text)))
    }

    fn fetched(&self) -> Download {
        Download {
            output: self.output.clone(),
            replace: self.force,
            max_size: self.max_size,
            digests: self.digests.digests.clone(),
            retry: self.retry.limits(),
        }
    }

    /// Returns what to type if the server comes last, as for an upload.
    fn misplaced(&self) -> Option<String> {
        let last = self.names.last()?.to_str()?;
        let is_server = |word: &str| {
            Endpoint::is_whole(word, EndpointUse::Connect) || SshTarget::is_begun(word.as_bytes())
        };
        let second = self.names.first().and_then(|name| name.to_str());
        let is_two_words =
            PinnedEndpoint::parse_first_of_transfer(&self.server(), second).is_ok_and(|(_, used)| used == 2);
        if is_two_words || is_server(&self.server()) || !is_server(last) {
            return None;
        }
        let first = escape_name(self.server().as_bytes());
        let names = if self.names.len() == 1 { &first } else { "NAME..." };
        Some(format!(
            "the server comes first: type 'sendall download {last} {names}', or {first}:{TRANSFER_PORT} if that is the server"
        ))
    }
}

/// Parses the requested names. Each must get a name of its own here.
fn clean_names(names: &[OsString]) -> Result<Vec<Vec<u8>>, String> {
    let names = names.iter().map(without_slashes);
    let names: Vec<Vec<u8>> = names.collect();
    let mut local = HashSet::new();
    let all: HashSet<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let is_below_another =
        |name: &Vec<u8>| name.iter().enumerate().any(|(at, byte)| *byte == b'/' && all.contains(&name[..at]));
    for name in &names {
        let path = CleanPath::parse(name)
            .map_err(|fault| format!("'{}' cannot be requested: it {fault}", escape_name(name)))?;
        if !local.insert(path.file_name().to_vec()) {
            let name = escape_name(path.file_name());
            return Err(format!("two files would be called {name} here: fetch them into different folders"));
        }
        if is_below_another(name) {
            let name = escape_name(name);
            return Err(format!("{name} is part of a requested folder: leave it out"));
        }
    }
    Ok(names)
}

/// Removes the slashes at the end, with which folders are listed.
fn without_slashes(name: &OsString) -> Vec<u8> {
    let mut name = name.clone().into_vec();
    while name.len() > 1 && name.ends_with(b"/") {
        name.pop();
    }
    name
}
