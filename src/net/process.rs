//! A process of our own: its end is an event of the reactor, and it is ended with all that it has started.
//!
//! Each is the leader of a process group. It stays a zombie until its session reaps it, so that its number, which is the
//! group's too, belongs to nobody else as long as signals may be sent to it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::PollFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::reactor::{BlockingTask, Io, Readiness};
use crate::error::Error;

/// A process that was started. Dropped before it was reaped, it is killed, with its group.
pub struct Process {
    child: Unreaped,
    id: Pid,
    watch: Watch,
    has_ended: bool,
}

struct Unreaped(Option<Child>);

/// The groups of processes that are not reaped yet, by number: for an end at once.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends all processes that were started and are not reaped yet, with their groups: SIGKILL.
pub(super) fn kill_all() {
    for leader in groups().iter() {
        signal(*leader, Signal::KILL);
    }
}

impl Drop for Unreaped {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let leader = Pid::from_child(child);
            signal(leader, Signal::KILL);
            groups().retain(|other| *other != leader);
            let _ = child.wait();
        }
    }
}

/// What tells the end.
enum Watch {
    /// pidfd_open(2): readable when the process has ended.
    Descriptor(OwnedFd, Readiness),
    /// A thread that waits, where there is no such thing.
    Thread(BlockingTask<()>),
}

impl Watch {
    fn new(id: Pid, io: &Io) -> Result<Watch, Error> {
        if let Some((fd, readiness)) = descriptor(id, io) {
            return Ok(Watch::Descriptor(fd, readiness));
        }
        // WNOWAIT leaves it unreaped.
        let wait = move || {
            let _ = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(id), ended()));
        };
        io.spawn_blocking(wait).map(Watch::Thread)
    }
}

fn ended() -> WaitIdOptions {
    WaitIdOptions::EXITED | WaitIdOptions::NOWAIT
}

#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn descriptor(id: Pid, io: &Io) -> Option<(OwnedFd, Readiness)> {
    use std::os::fd::AsRawFd;
    // Without it (before Linux 5.3, or out of descriptors) a thread serves.
    let fd = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty()).ok()?;
    let readiness =
        io.register_for(&mut mio::unix::SourceFd(&fd.as_raw_fd()), mio::Interest::READABLE).ok()?;
    Some((fd, readiness))
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn descriptor(_: Pid, _: &Io) -> Option<(OwnedFd, Readiness)> {
    None
}

impl Process {
    /// Takes charge of a child, which leads a process group of its own.
    pub(super) fn new(child: Child, io: &Io) -> Result<Process, Error> {
        let id = Pid::from_child(&child);
        groups().push(id);
        let child = Unreaped(Some(child));
        Ok(Process { child, id, watch: Watch::new(id, io)?, has_ended: false })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id.as_raw_nonzero().get().unsigned_abs()
    }

    /// True once it has ended. It is not reaped by this.
    pub fn has_ended(&mut self) -> bool {
        self.has_ended = self.has_ended
            || match &mut self.watch {
                Watch::Descriptor(fd, readiness) => {
                    readiness.is_readable() && super::stdio::is_ready(fd.as_fd(), PollFlags::IN)
                }
                Watch::Thread(wait) => wait.take().is_some(),
            };
        self.has_ended
    }

    /// Asks its whole group to end: SIGTERM.
    pub fn terminate(&self) {
        signal(self.id, Signal::TERM);
    }

    /// Ends its whole group: SIGKILL.
    pub fn kill(&self) {
        signal(self.id, Signal::KILL);
    }

    /// Reaps it. Waits for its end if it has not come.
    ///
    /// # Errors
    /// Of wait(2): somebody else has reaped it.
    pub fn reap(mut self) -> io::Result<ExitStatus> {
        // Before it is reaped: then its number may be somebody else's.
        groups().retain(|other| *other != self.id);
        self.child.0.take().ok_or_else(|| io::Error::other("it was reaped before"))?.wait()
    }
}

/// Signals a group by its leader's number, which is never 0: that would be our own group.
fn signal(leader: Pid, signal: Signal) {
    // Fails where all of the group has ended or changed its user: then there is nothing that we could do.
    let _ = kill_process_group(leader, signal);
}
