//! A program whose stdin and stdout lead to a server, such as `ssh` or `docker exec -i`.
//!
//! Both are one end of a socket pair, as scp(1) and rsync(1) have it: so the connection is a socket like others. The
//! program stays in our process group: it may ask for a password at the terminal, and ^C reaches it too.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use mio::Interest;
use mio::unix::pipe::Receiver;

use super::child::{Program, cannot_run, command};
use super::connecting::Connect;
use super::process::Process;
use super::process_groups;
use super::reactor::{IoHandle, Readiness};
use super::stream::{Socket, Transport, would_block};
use super::uninterrupted;
use crate::error::{Error, Exit, Retry};

/// Starts a program. Returns the connection to it, and the program itself.
///
/// # Errors
/// If it cannot be started: no such program, not permitted, no descriptors or processes left.
pub(crate) fn spawn(program: &Program, io: &IoHandle) -> Result<(Ready, RemoteProgram), Error> {
    let failed = |error: io::Error| {
        Error::new(Exit::NoConnection, cannot_run(program, &error)).with_retry(Retry::Never)
    };
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let mut command = command(program, &Vec::new());
    let stdin = OwnedFd::from(theirs.try_clone().map_err(failed)?);
    command.stdin(stdin).stdout(OwnedFd::from(theirs)).stderr(Stdio::piped());
    let children = process_groups::children();
    let mut child = command.spawn().map_err(failed)?;
    // Its ends must not stay open here.
    drop(command);
    let stderr = child.stderr.take();
    let process = Process::helper(child, children, io)?;
    let words = stderr.map(|stderr| Words::new(stderr.into(), io)).transpose().map_err(failed)?;
    let transport = Socket::unix(ours).and_then(|socket| socket.enroll(io)).map_err(failed)?;
    Ok((Ready(Some(transport)), RemoteProgram { process, words }))
}

/// A connection that is there.
pub(crate) struct Ready(Option<Transport>);

impl Connect for Ready {
    fn advance(&mut self, _now: Instant) -> Result<Option<Transport>, Error> {
        Ok(self.0.take())
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// The program, and what it writes to stderr.
pub(crate) struct RemoteProgram {
    process: Process,
    words: Option<Words>,
}

/// Our end of the program's stderr.
struct Words {
    stderr: Receiver,
    readiness: Readiness,
}

impl Words {
    fn new(mut stderr: Receiver, io: &IoHandle) -> io::Result<Words> {
        stderr.set_nonblocking(true)?;
        let readiness = io.register_for(&mut stderr, Interest::READABLE)?;
        Ok(Words { stderr, readiness })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.readiness.is_readable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = uninterrupted(|| self.stderr.read(buffer));
        if would_block(&result) {
            self.readiness.clear_readable();
        }
        result
    }
}

impl RemoteProgram {
    /// Reads what it has written to stderr. 0: nothing for now, or never again.
    pub(crate) fn read_words(&mut self, buffer: &mut [u8]) -> usize {
        let Some(words) = &mut self.words else { return 0 };
        match words.read(buffer) {
            Ok(count) if count > 0 => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            _ => {
                self.words = None;
                0
            }
        }
    }

    /// True once it has ended. What it has started may still hold its stderr.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.has_ended()
    }

    /// Continues it if ^Z has stopped it and this process was continued.
    pub(crate) fn continue_stopped(&self) {
        self.process.continue_helper();
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        self.process.terminate();
    }

    /// Reaps it after it has ended.
    ///
    /// # Errors
    /// Of wait(2).
    pub(crate) fn reap(self) -> Result<ExitStatus, Error> {
        self.process.reap().map_err(|error| Error::new(Exit::Failed, error))
    }
}
