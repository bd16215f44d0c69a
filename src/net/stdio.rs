//! Standard input and output as a stream, by kind.
//!
//! Inherited descriptors are shared with the parent shell: `O_NONBLOCK` is never set on them. A read or write is made
//! only after poll(2) has reported that it will not block, and is bounded; or the kernel moves the bytes with
//! `SPLICE_F_NONBLOCK`; or the output is reopened through `/proc/self/fd`, which gives an open file of our own.

pub(crate) mod client;
pub(crate) mod write_behind;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::Interest;
use mio::unix::SourceFd;
use rustix::event::PollFlags;
use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use rustix::stdio;

use super::poll::is_ready;
use super::reactor::{IoHandle, Readiness};
use super::stream::{FdKind, Handover, KernelEnd, KernelEnds, Socket, Stream, Timed, would_block};
use super::uninterrupted;
use crate::error::{Error, Exit};

/// Bytes that a pipe or terminal takes without blocking when poll(2) says it is writable: `PIPE_BUF`, pipe(7).
const SAFE_WRITE_BYTES: usize = 4096;

/// The interval of checks of a terminal that has input while another process group is in its foreground.
const FOREGROUND_CHECK_INTERVAL: Duration = Duration::from_millis(250);

static STDIN_WAS_CLOSED: AtomicBool = AtomicBool::new(false);
static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Records which standard descriptors are closed. Runs before Rust's runtime, which opens `/dev/null` in their place.
#[ctor::ctor]
fn notice_closed_streams() {
    for (fd, was_closed) in [(stdio::stdin(), &STDIN_WAS_CLOSED), (stdio::stdout(), &STDOUT_WAS_CLOSED)] {
        was_closed.store(rustix::io::fcntl_getfd(fd) == Err(Errno::BADF), Ordering::Relaxed);
    }
}

/// Fails if the process was started with stdin closed. For commands that must not take that for an empty input.
pub fn check_stdin() -> Result<(), Error> {
    if STDIN_WAS_CLOSED.load(Ordering::Relaxed) {
        return Err(Error::new(Exit::Usage, "stdin is closed: give it a file, a pipe or /dev/null"));
    }
    Ok(())
}

/// Fails if the process was started with stdout closed.
pub fn check_stdout() -> Result<(), Error> {
    if STDOUT_WAS_CLOSED.load(Ordering::Relaxed) {
        return Err(Error::new(Exit::CannotWrite, "stdout is closed: redirect it to a file or /dev/null"));
    }
    Ok(())
}

/// Replaces stdout with a file.
///
/// # Errors
/// No descriptor is left.
pub fn replace_stdout(file: &File) -> io::Result<()> {
    stdio::dup2_stdout(file)?;
    STDOUT_WAS_CLOSED.store(false, Ordering::Relaxed);
    Ok(())
}

/// True if stdin may have content: it is neither closed nor `/dev/null`.
pub fn has_stdin() -> bool {
    kind_of(stdio::stdin()).is_ok_and(|kind| kind != FdKind::Null)
}

/// The status of stdin's file, which identifies it; `None` if stdin is closed.
pub fn stdin_stat() -> Option<Stat> {
    rustix::fs::fstat(stdio::stdin()).ok()
}

/// Standard input and output as one stream: reads come from stdin, writes go to stdout.
pub struct Stdio {
    input: Readiness,
    input_kind: FdKind,
    /// The time of this turn.
    now: Option<Instant>,
    /// In this turn the terminal had input for another process group.
    input_is_foreign: bool,
    output: Readiness,
    output_kind: FdKind,
    /// Stdout is opened with `O_APPEND`, which splice(2) refuses.
    appends: bool,
    /// An open file of our own for the same pipe or terminal, non-blocking.
    own_output: Option<File>,
}

impl Stdio {
    /// Registers stdin and stdout as they are, where epoll supports them.
    pub fn open(io: &IoHandle) -> Result<Stdio, Error> {
        let failed = |what| move |error| Error::new(Exit::Failed, format!("cannot use {what}: {error}"));
        let input_kind = kind_of(stdio::stdin()).map_err(failed("stdin"))?;
        let output_kind = kind_of(stdio::stdout()).map_err(failed("stdout"))?;
        let flags = rustix::fs::fcntl_getfl(stdio::stdout()).unwrap_or(OFlags::empty());
        let own_output = match output_kind {
            FdKind::Pipe | FdKind::Terminal => reopen_stdout(),
            _ => None,
        };
        let output = own_output.as_ref().map_or(stdio::stdout(), AsFd::as_fd);
        let output = register(io, output, Interest::WRITABLE).map_err(failed("stdout"))?;
        let input = register(io, stdio::stdin(), Interest::READABLE).map_err(failed("stdin"))?;
        Ok(Stdio {
            input,
            input_kind,
            now: None,
            input_is_foreign: false,
            output,
            output_kind,
            appends: flags.contains(OFlags::APPEND),
            own_output,
        })
    }

    /// The kind of stdin.
    pub fn input_kind(&self) -> FdKind {
        self.input_kind
    }

    /// The kind of stdout.
    pub(crate) fn output_kind(&self) -> FdKind {
        self.output_kind
    }
}

fn register(io: &IoHandle, fd: BorrowedFd<'_>, interest: Interest) -> io::Result<Readiness> {
    match io.register_for(&mut SourceFd(&fd.as_raw_fd()), interest) {
        // epoll_ctl(2): EPERM, the target does not support epoll. Such files are always ready.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(Readiness::always()),
        result => result,
    }
}

fn kind_of(fd: BorrowedFd<'_>) -> io::Result<FdKind> {
    let stat = rustix::fs::fstat(fd)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FdKind::File,
        FileType::Fifo => FdKind::Pipe,
        FileType::Socket => FdKind::Socket,
        FileType::CharacterDevice if is_null(&stat) => FdKind::Null,
        FileType::CharacterDevice if rustix::termios::isatty(fd) => FdKind::Terminal,
        _ => FdKind::Other,
    })
}

/// True if this process is in the background of the terminal, where a read would stop it (SIGTTIN, termios(3)). A
/// terminal that is not the controlling one can always be read.
fn is_in_background(terminal: BorrowedFd<'_>) -> bool {
    rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group != rustix::process::getpgrp())
}

fn is_null(stat: &Stat) -> bool {
    rustix::fs::stat("/dev/null").is_ok_and(|null| null.st_rdev == stat.st_rdev)
}

/// Reopens stdout, non-blocking; `None` where the system cannot do that.
fn reopen_stdout() -> Option<File> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open("/proc/self/fd/1", flags, Mode::empty()).ok().map(File::from)
}

/// Opens the read end of the pipe that `fd` writes to, to look at it; `None` where the system cannot do that.
pub(super) fn read_end_of(fd: BorrowedFd<'_>) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(format!("/proc/self/fd/{}", fd.as_raw_fd()), flags, Mode::empty()).ok()
}

impl Stream for Stdio {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.input.is_readable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let fd = stdio::stdin();
        let result = match self.input_kind {
            FdKind::Socket => uninterrupted(|| {
                let received = rustix::net::recv(fd, &mut *buffer, RecvFlags::DONTWAIT)?;
                Ok(received.0)
            }),
            FdKind::Pipe | FdKind::Terminal | FdKind::Other if !is_ready(fd, PollFlags::IN) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            FdKind::Terminal if is_in_background(fd) => {
                // No event comes when this process gets into the foreground: the readiness stays set.
                self.input_is_foreign = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            _ => uninterrupted(|| Ok(rustix::io::read(fd, &mut *buffer)?)),
        };
        if would_block(&result) {
            self.input.clear_readable();
        }
        result
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.output.is_writable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let fd = stdio::stdout();
        let result = match (&mut self.own_output, self.output_kind) {
            (Some(file), _) => uninterrupted(|| file.write(bytes)),
            (None, FdKind::Socket) => {
                uninterrupted(|| Ok(rustix::net::send(fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?))
            }
            (None, FdKind::File | FdKind::Null) => uninterrupted(|| Ok(rustix::io::write(fd, bytes)?)),
            (None, _) if !is_ready(fd, PollFlags::OUT) => Err(io::ErrorKind::WouldBlock.into()),
            (None, _) => {
                let bytes = &bytes[..bytes.len().min(SAFE_WRITE_BYTES)];
                uninterrupted(|| Ok(rustix::io::write(fd, bytes)?))
            }
        };
        if would_block(&result) {
            self.output.clear_writable();
        }
        result
    }

    fn finish_writing(&mut self) -> io::Result<()> {
        match self.output_kind {
            FdKind::Socket => match rustix::net::shutdown(stdio::stdout(), Shutdown::Write) {
                Err(Errno::NOTCONN) | Ok(()) => Ok(()),
                Err(error) => Err(error.into()),
            },
            FdKind::Pipe => {
                // The reader sees the end now, even while the other direction continues.
                self.own_output = None;
                stdio::dup2_stdout(File::open("/dev/null")?)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

crate::without!([] Stdio; SocketState RelayHints);

impl Handover for Stdio {
    fn into_socket(self) -> io::Result<Socket> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Timed for Stdio {
    fn tick(&mut self, now: Instant) {
        (self.now, self.input_is_foreign) = (Some(now), false);
    }

    fn wake_up(&self) -> Option<Instant> {
        self.now.filter(|_| self.input_is_foreign).map(|now| now + FOREGROUND_CHECK_INTERVAL)
    }
}

impl KernelEnds for Stdio {
    fn reading_end(&self) -> Option<KernelEnd<'_>> {
        Some(KernelEnd {
            fd: stdio::stdin(),
            kind: kind_for_zero_copy(self.input_kind),
            readiness: &self.input,
        })
    }

    fn writing_end(&self) -> Option<KernelEnd<'_>> {
        let fd = self.own_output.as_ref().map_or(stdio::stdout(), AsFd::as_fd);
        let kind = if self.appends { FdKind::Other } else { kind_for_zero_copy(self.output_kind) };
        Some(KernelEnd { fd, kind, readiness: &self.output })
    }
}

/// The kind to use for zero copy of a descriptor that other processes share. Not a socket: moving its bytes changes its
/// flags and options for a while.
fn kind_for_zero_copy(kind: FdKind) -> FdKind {
    if kind == FdKind::Socket { FdKind::Other } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_distinguished() {
        let null = File::open("/dev/null").expect("/dev/null");
        assert_eq!(kind_of(null.as_fd()).ok(), Some(FdKind::Null));
        let zero = File::open("/dev/zero").expect("/dev/zero");
        assert_eq!(kind_of(zero.as_fd()).ok(), Some(FdKind::Other));
        let (read, _write) = rustix::pipe::pipe().expect("a pipe");
        assert_eq!(kind_of(read.as_fd()).ok(), Some(FdKind::Pipe));
        assert!(!is_ready(read.as_fd(), PollFlags::IN));
    }
}
