//! The children that are not reaped yet, for the whole process, most with a process group of their own: a signal can end them all
//! at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};

/// How often helpers are looked at that are to end, and how many times: half a second in all.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(10);
const LOOKS: usize = 50;

/// The children that are not reaped yet.
pub(super) struct Children {
    /// The number of each group, which is its leader's.
    groups: Vec<Pid>,
    /// Those in our own group, which may be changing the terminal's settings.
    helpers: Vec<Pid>,
}

static CHILDREN: Mutex<Children> = Mutex::new(Children { groups: Vec::new(), helpers: Vec::new() });

/// The children. As long as they are held no signal ends them: a child is started and added in one piece.
pub(super) fn children() -> MutexGuard<'static, Children> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Children {
    /// Adds a group by its leader's number.
    pub(super) fn add(&mut self, leader: Pid) {
        self.groups.push(leader);
    }

    /// Adds a child that leads no group.
    pub(super) fn add_helper(&mut self, id: Pid) {
        self.helpers.push(id);
    }

    /// Removes a child. Called before it is reaped: after that its number may belong to another process.
    pub(super) fn remove(&mut self, id: Pid) {
        self.groups.retain(|other| *other != id);
        self.helpers.retain(|other| *other != id);
    }
}

/// Ends all groups: SIGKILL; and all helpers: SIGTERM, so that they may restore the terminal, and SIGKILL where that does not
/// end them. Waits for half a second at most. Called when the process is about to exit.
pub(super) fn kill_all() {
    let children = children();
    for leader in &children.groups {
        signal(*leader, Signal::KILL);
    }
    for id in &children.helpers {
        let _ = kill_process(*id, Signal::TERM);
    }
    for _ in 0..LOOKS {
        if children.helpers.iter().all(|id| has_ended(*id)) {
            break;
        }
        let _ = super::poll::poll(&mut [], Some(LOOKED_AT_EVERY));
    }
    for id in children.helpers.iter().filter(|id| !has_ended(**id)) {
        let _ = kill_process(*id, Signal::KILL);
    }
    // No other child begins before this process has ended.
    std::mem::forget(children);
}

/// True if a child has ended. It is not reaped.
fn has_ended(id: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(id), options), Ok(None))
}

/// Signals a group by its leader's number, which is never 0: that would be our own group.
pub(super) fn signal(leader: Pid, signal: Signal) {
    // Fails where all of the group has ended or changed its user: then there is nothing that we could do.
    let _ = kill_process_group(leader, signal);
}
