//! `download`: fetches what a `serve --share` offers, or a file from web servers.

pub(crate) mod web;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::dialer::{Opened, ServerPlan};
use super::retry::RetryLimits;
use crate::error::{Error, Exit};
use crate::net::signals::Signals;
use crate::net::stdio::{check_stdout, replace_stdout};
use crate::proto::transfer::hello::{Accept, Hello, Operation};
use crate::proto::transfer::names::CleanPath;
use crate::report::{Progress, Report, escape_name};
use crate::store::{Folder, StagingFolder, StoreErrorKind, sink};
use crate::transfer::{
    ConnectionOrigin, DigestSink, Limits, Naming, Printing, ReceiveFolder, ReceiveOptions, Receiving,
    RunState, SpareParts, Wire, replaced,
};

/// The validated arguments of `download`.
pub enum DownloadPlan {
    /// From a `serve --share`.
    Server(Box<Plan>),
    /// From web servers.
    Web(Box<web::WebPlan>),
}

impl DownloadPlan {
    /// Fetches what was requested, and returns when it is on the disk.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        match self {
            DownloadPlan::Server(plan) => plan.run(report, signals),
            DownloadPlan::Web(plan) => plan.run(report, signals),
        }
    }
}

/// The validated arguments of a download from `serve --share`.
pub struct Plan {
    pub(crate) server: ServerPlan,
    /// The requested names; empty for everything.
    pub(crate) names: Vec<Vec<u8>>,
    pub(crate) task: DownloadTask,
    /// The maximum number of files, folders and links.
    pub(crate) max_entries: u32,
    pub(crate) limits: Limits,
    /// The number of connections that was requested.
    pub(crate) connections: Option<usize>,
}

/// The operation on the server's offer.
pub(crate) enum DownloadTask {
    /// Prints it.
    List,
    Fetch(Download),
}

/// The destination of files, and the options about them.
pub(crate) struct Download {
    /// A folder, a file that may not be there yet, a FIFO, a device, or `-`.
    pub(crate) output: PathBuf,
    /// True if existing files are replaced.
    pub(crate) replace: bool,
    pub(crate) max_size: Option<u64>,
    /// The file that gets the digests, or `-`.
    pub(crate) digests: Option<PathBuf>,
    pub(crate) retry: RetryLimits,
}

fn usage(hint: impl Into<String>) -> Error {
    Error::new(Exit::Usage, hint.into())
}

impl Download {
    /// Opens the destination of digests.
    fn sink(&self, naming: &Naming) -> Result<Option<DigestSink>, Error> {
        let digests = self.digests.as_deref().map(replaced).transpose()?;
        match (naming, &digests) {
            (Naming::Stdout, Some(DigestSink::Stdout)) => {
                Err(usage("stdout takes either the file or the digests: name a file for the other"))
            }
            _ => Ok(digests),
        }
    }

    /// Opens the folder that `-o` names, or the folder of the file that it names.
    fn open_output(&self, names: &[Vec<u8>]) -> Result<(Folder, Naming), Error> {
        let shown = escape_name(self.output.as_os_str().as_bytes());
        let is_stdout = self.output.as_os_str() == "-";
        let target = if is_stdout || names.len() > 1 { Ok(None) } else { sink(&self.output) };
        let target = target.map_err(|fault| usage(format!("-o {shown}: {fault}")))?;
        if is_stdout || target.is_some() {
            if names.len() > 1 {
                return Err(usage("stdout takes one file: name one"));
            }
            if self.retry.retries > 0 {
                let what = if is_stdout { "stdout" } else { "a FIFO or device" };
                return Err(usage(format!(
                    "bytes written to {what} cannot be taken back: leave --retry out"
                )));
            }
            let Some(target) = target else { return to_stdout() };
            if self.digests.as_ref().is_some_and(|path| path.as_os_str() == "-") {
                return Err(usage(format!(
                    "-o {shown} and --digests - both write to stdout: give the digests a file"
                )));
            }
            replace_stdout(&target).map_err(|error| usage(format!("-o {shown}: {error}")))?;
            return to_stdout();
        }
        if self.output.is_dir() {
            let naming = if names.is_empty() { Naming::AsSent } else { Naming::Wanted(names.to_vec()) };
            let folder = Folder::open(&self.output).map_err(|fault| usage(format!("-o {shown}: {fault}")))?;
            return Ok((folder, naming));
        }
        let names_a_file = !self.output.as_os_str().as_bytes().ends_with(b"/");
        let Some(name) = self.output.file_name().filter(|_| names_a_file) else {
            return Err(usage(format!(
                "-o {shown}: there is no such folder: create it first with mkdir -p {shown}"
            )));
        };
        if names.len() > 1 {
            let hint = if self.output.exists() {
                String::new()
            } else {
                format!(": create it first with mkdir -p {shown}")
            };
            return Err(usage(format!("-o {shown} is not a folder, and several files are requested{hint}")));
        }
        let parent = self.output.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let folder = Folder::open(parent).map_err(|fault| {
            let parent = escape_name(parent.as_os_str().as_bytes());
            let hint = match fault.kind {
                StoreErrorKind::NotFound => format!(": create it first with mkdir -p {parent}"),
                _ => String::new(),
            };
            usage(format!("-o {shown}: its folder {fault}{hint}"))
        })?;
        Ok((folder, Naming::Fixed(name.as_bytes().to_vec())))
    }
}

/// Sends the only file to stdout. Nothing is written to the folder.
fn to_stdout() -> Result<(Folder, Naming), Error> {
    check_stdout()?;
    let root = Folder::open(Path::new("/")).map_err(|fault| usage(fault.to_string()))?;
    Ok((root, Naming::Stdout))
}

fn hello(operation: Operation, names: &[Vec<u8>]) -> Result<Hello, Error> {
    Hello::get(operation, names.to_vec()).map_err(|error| usage(error.to_string()))
}

impl Plan {
    /// Fetches the requested entries, and returns when they are on the disk.
    pub fn run(self, report: &Report, signals: &Signals) -> Result<(), Error> {
        match &self.task {
            DownloadTask::List => self.list(report, signals),
            DownloadTask::Fetch(download) => self.fetch(download, report, signals),
        }
    }

    fn list(&self, report: &Report, signals: &Signals) -> Result<(), Error> {
        let server = self.server.server(report)?;
        check_stdout()?;
        let limits = self.limits;
        server.retry_with_code(|| {
            let wanted = (self.names.clone(), self.max_entries);
            let (to_report, hello) = (report.clone(), hello(Operation::List, &self.names)?.encode());
            let run_state = RunState::new(false);
            let state = run_state.clone();
            server.run((limits.handshake, false), &run_state, (report, signals), move |opened| {
                let Opened { transport, now, io, .. } = opened;
                let mut wire = Wire::new(transport, now).tracked(&state);
                wire.push(&hello);
                Printing::session(wire, wanted, limits, (&io, to_report))
            })
        })
    }

    fn fetch(&self, download: &Download, report: &Report, signals: &Signals) -> Result<(), Error> {
        let server = self.server.server(report)?;
        let (folder, naming) = download.open_output(&self.names)?;
        let digests = download.sink(&naming)?;
        // Each attempt needs a new one.
        let destination = || -> Result<ReceiveFolder, Error> {
            Ok(ReceiveFolder {
                folder: folder.clone(),
                staging: StagingFolder::new(&folder).map_err(|fault| usage(format!("-o: {fault}")))?,
                naming: naming.clone(),
                replace: download.replace,
                max_size: download.max_size,
                max_entries: self.max_entries,
                spare_parts: SpareParts::MAX,
            })
        };
        let (limits, connections) = (self.limits, self.connections);
        let attempts = || {
            download.retry.run(report, signals, |run_state| {
                let destination = destination()?;
                destination.folder.remove_leftovers();
                let digests = digests.as_ref().map(|sink| sink.begin(naming.clone()));
                let (to_report, state, names) = (report.clone(), run_state.clone(), self.names.clone());
                server.run((limits.handshake, true), run_state, (report, signals), move |opened| {
                    let Opened { transport, now, peer, dialer, io } = opened;
                    let origin = ConnectionOrigin::Client { dialer, connections };
                    let mut wire = Wire::new(transport, now).tracked(&state);
                    let may_stream = is_fresh(&destination, &names);
                    let hello = hello(Operation::Get { stream: may_stream }, &names)?;
                    let mut hello = hello.with_rate(limits.rate);
                    // stdout needs the bytes in order.
                    hello.capabilities.tree = !matches!(destination.naming, Naming::Stdout);
                    hello.capabilities.totals = Progress::is_wanted(&to_report);
                    let is_successor = state.has_begun();
                    wire.push(&state.next_hello(hello));
                    let wanted = (!names.is_empty()).then_some(names);
                    let options = ReceiveOptions { wanted, agreed: Accept::plain(), limits, origin };
                    let context = (io.handle(), to_report, peer);
                    let receiving = Receiving::session(wire, destination, options, None, context);
                    Ok(receiving.succeeding(is_successor).listing(digests))
                })
            })
        };
        server.retry_with_code(attempts)
    }
}

/// Returns true if no requested file exists yet, so that the server may send all of them without waiting for replies.
fn is_fresh(destination: &ReceiveFolder, names: &[Vec<u8>]) -> bool {
    let folder = &destination.folder;
    match destination.naming {
        Naming::AsSent => folder.is_empty().unwrap_or(false),
        Naming::Wanted(_) => names.iter().all(|name| {
            let local = CleanPath::parse(name).map(|name| name.file_name().to_vec()).unwrap_or_default();
            folder.has(&local).is_ok_and(|has| !has) && !folder.has_part(&local)
        }),
        Naming::Fixed(_) | Naming::Stdout => false,
    }
}
