//! Child processes on pipes, at a terminal or on a socket, and the stream of their stdin and stdout.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use mio::Interest;
use mio::unix::pipe::{Receiver, Sender};
use socket2::SockRef;

use super::endpoint::PeerName;
use super::process::Process;
use super::process_groups;
use super::reactor::{IoHandle, Readiness};
use super::signals;
use super::stream::{FdKind, KernelEnd, KernelEnds, RelayHints, Socket, Stream, would_block};
use super::terminal::PtyMaster;
use super::uninterrupted;
use crate::error::{Error, Exit};

/// A program, its arguments, and what it runs on.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name, searched for in `PATH` unless it has a slash.
    pub name: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What its stdin and stdout are.
    pub stdio: ChildStdio,
}

/// The stdin and stdout of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildStdio {
    /// Two pipes.
    Pipes,
    /// A pseudoterminal, which is the controlling terminal of a session of its own.
    Terminal,
    /// The connection itself, as with inetd: see [`spawn_on`].
    Socket,
}

/// The environment variable with the password of a proxy.
pub const PASSWORD_VARIABLE: &str = "SENDALL_PROXY_PASSWORD";

/// Environment variables that are not passed on to children.
const OWN_VARIABLES: [&str; 6] =
    ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", PASSWORD_VARIABLE, CODE_VARIABLE];

/// The variable with the code of transfers and of `--code`.
pub const CODE_VARIABLE: &str = "SENDALL_CODE";

/// Environment variables of a child beside ours; `None` removes one of ours.
pub type Environment = Vec<(&'static str, Option<String>)>;

/// The variables that describe a connection.
pub fn environment(peer: &PeerName, local: &PeerName) -> Environment {
    let owned = |(host, port): (&str, Option<&str>)| (Some(host.to_owned()), port.map(str::to_owned));
    let ((peer, peer_port), (local, local_port)) =
        (owned(peer.host_and_port()), owned(local.host_and_port()));
    vec![
        ("SENDALL_PEER_ADDR", peer),
        ("SENDALL_PEER_PORT", peer_port),
        ("SENDALL_LOCAL_ADDR", local),
        ("SENDALL_LOCAL_PORT", local_port),
    ]
}

/// Starts a program in a process group of its own. Its stderr is ours, or its terminal.
///
/// It inherits these three descriptors only: those that we open close on exec, and [`keep_descriptors`] sets that for
/// those that we were started with. Its signal mask is empty and SIGPIPE has its default action: [`Command`] sees to
/// that.
///
/// # Errors
/// If it cannot be started: no such program, not permitted, no descriptors or processes left.
pub fn spawn(
    program: &Program,
    environment: &Environment,
    io: &IoHandle,
) -> Result<(ChildStream, Process), Error> {
    let failed = |error| cannot_run(program, &error);
    let mut command = command(program, environment);
    if program.stdio == ChildStdio::Terminal {
        let children = process_groups::children();
        let (terminal, child) = PtyMaster::spawn(command, io).map_err(failed)?;
        return Ok((ChildStream::Terminal(terminal), Process::new(child, children, io)?));
    }
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
    let children = process_groups::children();
    let mut child = command.spawn().map_err(failed)?;
    let ends = child.stdin.take().zip(child.stdout.take());
    let process = Process::new(child, children, io)?;
    let ends = ends.ok_or_else(|| io::Error::other("it has no pipes"));
    let pipes = ends.and_then(|(stdin, stdout)| Pipes::new(stdin.into(), stdout.into(), io));
    Ok((ChildStream::Pipes(pipes.map_err(failed)?), process))
}

/// Starts a program with the connection as its stdin and stdout, in a process group of its own, and closes the
/// connection here. If it cannot be started, the connection is reset.
///
/// # Errors
/// As of [`spawn`].
pub fn spawn_on(
    program: &Program,
    environment: &Environment,
    socket: Socket,
    io: &IoHandle,
) -> Result<Process, Error> {
    let failed = |error| cannot_run(program, &error);
    let fd = socket.as_fd().try_clone_to_owned().map_err(failed)?;
    drop(socket);
    let connection = SockRef::from(&fd);
    // The reset, until the program has the connection.
    connection.set_linger(Some(Duration::ZERO)).map_err(failed)?;
    // The connection's flag is shared, and programs expect a socket that blocks.
    connection.set_nonblocking(false).map_err(failed)?;
    let mut command = command(program, environment);
    command.process_group(0).stdin(fd.try_clone().map_err(failed)?).stdout(fd.try_clone().map_err(failed)?);
    let children = process_groups::children();
    let process = Process::new(command.spawn().map_err(failed)?, children, io)?;
    connection.set_linger(None).map_err(failed)?;
    Ok(process)
}

pub(super) fn command(program: &Program, environment: &Environment) -> Command {
    let mut command = Command::new(&program.name);
    command.args(&program.args);
    for name in OWN_VARIABLES {
        command.env_remove(name);
    }
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

pub(super) fn cannot_run(program: &Program, error: &io::Error) -> Error {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "there is no such program".into(),
        io::ErrorKind::PermissionDenied => "not permitted, or not a program".into(),
        _ => error.to_string(),
    };
    Error::new(Exit::Failed, format!("cannot run '{}': {reason}", program.name.display()))
}

/// Describes how a process has ended.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was ended by {}", signals::name(signal)),
        (None, None) => "has ended".into(),
    }
}

/// Sets close-on-exec on all descriptors that this process was started with, but 0 to 2, so that no child inherits
/// them.
#[cfg(target_os = "linux")]
pub fn keep_descriptors() {
    // close_range(2) can do that since Linux 5.11.
    if uapi::close_range(3, u32::MAX, uapi::c::CLOSE_RANGE_CLOEXEC).is_err() {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let end = limit.unwrap_or(1024).min(1 << 16) as i32;
        for fd in 3..end {
            // Most of them are not open.
            let _ = uapi::fcntl_setfd(fd, uapi::c::FD_CLOEXEC);
        }
    }
}

/// Does nothing: on this system children inherit the descriptors that this process was started with.
#[cfg(not(target_os = "linux"))]
pub fn keep_descriptors() {}

/// A child's stdin, which is written to, and its stdout, which is read from.
pub enum ChildStream {
    /// Two pipes.
    Pipes(Pipes),
    /// Its terminal.
    Terminal(PtyMaster),
}

/// Our ends of two pipes.
pub struct Pipes {
    /// `None` once it is closed: bytes for it are then discarded.
    stdin: Option<(Sender, Readiness)>,
    stdout: (Receiver, Readiness),
    /// The read end of stdin, to count the bytes that are left in it after our end is closed.
    unread: Option<OwnedFd>,
}

impl Pipes {
    fn new(mut stdin: Sender, mut stdout: Receiver, io: &IoHandle) -> io::Result<Pipes> {
        // Our ends only: each end of a pipe has flags of its own.
        stdin.set_nonblocking(true)?;
        stdout.set_nonblocking(true)?;
        let writable = io.register_for(&mut stdin, Interest::WRITABLE)?;
        let readable = io.register_for(&mut stdout, Interest::READABLE)?;
        Ok(Pipes { stdin: Some((stdin, writable)), stdout: (stdout, readable), unread: None })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (stdout, readiness) = &mut self.stdout;
        if !readiness.is_readable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| stdout.read(buffer));
        if would_block(&result) {
            readiness.clear_readable();
        }
        result
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((stdin, readiness)) = &mut self.stdin else { return Ok(bytes.len()) };
        if !readiness.is_writable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| stdin.write(bytes));
        if would_block(&result) {
            readiness.clear_writable();
        }
        result
    }
}

impl ChildStream {
    /// True if its output may hold unread bytes.
    pub fn has_output(&self) -> bool {
        match self {
            ChildStream::Pipes(pipes) => pipes.stdout.1.is_readable(),
            ChildStream::Terminal(terminal) => terminal.has_output(),
        }
    }

    /// Keeps [`unread_bytes`](Self::unread_bytes) valid after its stdin was closed here or the child has ended.
    pub fn keep_unread(&mut self) {
        if let ChildStream::Pipes(Pipes { stdin: Some((stdin, _)), unread, .. }) = self {
            *unread = super::stdio::read_end_of(stdin.as_fd());
        }
    }

    /// The bytes that were written to its stdin and not read; 0 where the system does not report it (ioctl(2),
    /// `FIONREAD`).
    pub fn unread_bytes(&self) -> u64 {
        let ChildStream::Pipes(Pipes { stdin, unread, .. }) = self else { return 0 };
        let end = stdin.as_ref().map(|(stdin, _)| stdin.as_fd()).or(unread.as_ref().map(AsFd::as_fd));
        end.and_then(|end| rustix::io::ioctl_fionread(end).ok()).unwrap_or(0)
    }

    /// Discards input from now on, because the child does not read its stdin any more.
    pub fn discard_input(&mut self) {
        match self {
            ChildStream::Pipes(pipes) => pipes.stdin = None,
            ChildStream::Terminal(terminal) => terminal.discard_input(),
        }
    }
}

impl Stream for ChildStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            ChildStream::Pipes(pipes) => pipes.read(buffer),
            ChildStream::Terminal(terminal) => terminal.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            ChildStream::Pipes(pipes) => pipes.write(bytes),
            ChildStream::Terminal(terminal) => terminal.write(bytes),
        }
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        match self {
            ChildStream::Pipes(pipes) => {
                pipes.stdin = None;
                Ok(())
            }
            ChildStream::Terminal(terminal) => terminal.finish_writing(),
        }
    }
}

crate::without!([] ChildStream; SocketState Timed);

impl RelayHints for ChildStream {
    fn received_bytes(&self) -> Option<u64> {
        None
    }

    fn is_exhausted(&self) -> bool {
        false
    }

    fn survives_broken_pipe(&mut self) -> bool {
        // A program may leave input unread, as 'head' does; its exit status tells whether that is a failure.
        self.discard_input();
        true
    }
}

impl KernelEnds for ChildStream {
    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        let ChildStream::Pipes(pipes) = self else { return None };
        let (stdout, readiness) = &pipes.stdout;
        Some(KernelEnd { fd: stdout.as_fd(), kind: FdKind::Pipe, readiness })
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        let ChildStream::Pipes(pipes) = self else { return None };
        let (stdin, readiness) = pipes.stdin.as_ref()?;
        Some(KernelEnd { fd: stdin.as_fd(), kind: FdKind::Pipe, readiness })
    }
}
