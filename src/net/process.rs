//! A child process: its end is an event of the reactor, and signals go to it and all that it has started.
//!
//! Each but a helper is the leader of a process group. It stays a zombie until its session reaps it, so that its id, which is also
//! the group's, is not given to another process while signals may be sent to it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::sync::MutexGuard;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use super::process_groups::{self, Children};
use super::reactor::{BlockingTask, IoHandle, Readiness};
use crate::error::{Error, Exit};

/// Time that a helper has to end after SIGTERM: it may have to restore the terminal.
const TERMINATION_LIMIT: Duration = Duration::from_millis(500);

/// A child process. If it is dropped before it was reaped, it is killed, with its group if it leads one.
pub struct Process {
    child: Unreaped,
    id: Pid,
    watch: Watch,
    has_ended: bool,
}

/// A child that is killed and reaped when dropped, unless it was taken out.
struct Unreaped {
    child: Option<Child>,
    /// A helper stays in our group, so that it may use the terminal.
    leads_group: bool,
}

impl Drop for Unreaped {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        let id = Pid::from_child(child);
        if self.leads_group {
            process_groups::signal(id, Signal::KILL);
        } else if !matches!(child.try_wait(), Ok(Some(_))) {
            let _ = rustix::process::kill_process(id, Signal::TERM);
            wait_briefly(id);
            let _ = child.kill();
        }
        process_groups::children().remove(id);
        let _ = child.wait();
    }
}

/// The means by which the end of the process is noticed.
enum Watch {
    /// pidfd_open(2): readable when the process has ended.
    Descriptor(OwnedFd, Readiness),
    /// A thread that waits, where there is no pidfd.
    Thread(BlockingTask<()>),
}

impl Watch {
    fn new(id: Pid, io: &IoHandle) -> Result<Watch, Error> {
        if let Some((fd, readiness)) = descriptor(id, io) {
            return Ok(Watch::Descriptor(fd, readiness));
        }
        // WNOWAIT leaves it unreaped.
        let wait = move || {
            let _ = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(id), wait_options()));
        };
        io.spawn_thread(wait).map(Watch::Thread)
    }
}

/// Waits until a child has ended, for a short time, where the system can.
fn wait_briefly(id: Pid) {
    #[cfg(all(target_os = "linux", not(sendall_portable)))]
    if let Ok(fd) = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty()) {
        let _ =
            super::poll::poll(&mut [rustix::event::PollFd::new(&fd, PollFlags::IN)], Some(TERMINATION_LIMIT));
        return;
    }
    let _ = id;
    let _ = super::poll::poll(&mut [], Some(TERMINATION_LIMIT));
}

fn wait_options() -> WaitIdOptions {
    WaitIdOptions::EXITED | WaitIdOptions::NOWAIT
}

#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn descriptor(id: Pid, io: &IoHandle) -> Option<(OwnedFd, Readiness)> {
    use std::os::fd::AsRawFd;
    // Without it (before Linux 5.3, or out of descriptors) a thread serves.
    let fd = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty()).ok()?;
    let readiness =
        io.register_for(&mut mio::unix::SourceFd(&fd.as_raw_fd()), mio::Interest::READABLE).ok()?;
    Some((fd, readiness))
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn descriptor(_: Pid, _: &IoHandle) -> Option<(OwnedFd, Readiness)> {
    None
}

impl Process {
    /// Takes over a child, which leads a process group of its own. `children` were held when it was started.
    pub(super) fn new(
        child: Child,
        mut children: MutexGuard<'_, Children>,
        io: &IoHandle,
    ) -> Result<Process, Error> {
        children.add(Pid::from_child(&child));
        drop(children);
        Process::watched(Unreaped { child: Some(child), leads_group: true }, io)
    }

    /// Takes over a child in our own process group, which what is typed at the terminal reaches as well. `children` were held
    /// when it was started.
    pub(super) fn helper(
        child: Child,
        mut children: MutexGuard<'_, Children>,
        io: &IoHandle,
    ) -> Result<Process, Error> {
        children.add_helper(Pid::from_child(&child));
        drop(children);
        Process::watched(Unreaped { child: Some(child), leads_group: false }, io)
    }

    fn watched(child: Unreaped, io: &IoHandle) -> Result<Process, Error> {
        let id = child.child.as_ref().map(Pid::from_child);
        let id = id.ok_or_else(|| Error::new(Exit::Failed, "a process was reaped before"))?;
        Ok(Process { child, id, watch: Watch::new(id, io)?, has_ended: false })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id.as_raw_nonzero().get().unsigned_abs()
    }

    /// True once it has ended. Does not reap it.
    pub fn has_ended(&mut self) -> bool {
        self.has_ended = self.has_ended
            || match &mut self.watch {
                Watch::Descriptor(fd, readiness) => {
                    readiness.is_readable() && super::poll::is_ready(fd.as_fd(), PollFlags::IN)
                }
                Watch::Thread(wait) => wait.take().is_some(),
            };
        self.has_ended
    }

    /// Continues a helper that what was typed at the terminal has stopped, while this process runs: ssh(1) may stop twice for one
    /// ^Z at its prompt, and a shell's `fg` continues the group once. What SIGSTOP has stopped stays so.
    pub(super) fn continue_helper(&self) {
        // This takes the news of a stop, and leaves a zombie alone.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        let Ok(Some(news)) = waitid(WaitId::Pid(self.id), options) else { return };
        let by = news.stopping_signal().and_then(Signal::from_named_raw);
        if matches!(by, Some(Signal::TSTP | Signal::TTIN | Signal::TTOU)) {
            let _ = rustix::process::kill_process(self.id, Signal::CONT);
        }
    }

    /// Sends SIGTERM to it, with its group if it leads one.
    pub fn terminate(&self) {
        if self.child.leads_group {
            process_groups::signal(self.id, Signal::TERM);
        } else {
            // Not reaped yet: its number is its own.
            let _ = rustix::process::kill_process(self.id, Signal::TERM);
        }
    }

    /// Sends SIGKILL to its group.
    pub fn kill(&self) {
        process_groups::signal(self.id, Signal::KILL);
    }

    /// Reaps it, and waits for its end if it is still running.
    ///
    /// # Errors
    /// Of wait(2): another part of the process has reaped it.
    pub fn reap(mut self) -> io::Result<ExitStatus> {
        // First, because once it is reaped its id may belong to another process.
        process_groups::children().remove(self.id);
        self.child.child.take().ok_or_else(|| io::Error::other("it was reaped before"))?.wait()
    }
}
