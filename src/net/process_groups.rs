//! The process groups of children that are not reaped yet, for the whole process: a signal can end them all at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

/// The number of each group, which is its leader's.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a group by its leader's number.
pub(super) fn add(leader: Pid) {
    groups().push(leader);
}

/// Removes a group. Called before its leader is reaped: after that its number may belong to another process.
pub(super) fn remove(leader: Pid) {
    groups().retain(|other| *other != leader);
}

/// Ends all groups: SIGKILL.
pub(super) fn kill_all() {
    for leader in groups().iter() {
        signal(*leader, Signal::KILL);
    }
}

/// Signals a group by its leader's number, which is never 0: that would be our own group.
pub(super) fn signal(leader: Pid, signal: Signal) {
    // Fails where all of the group has ended or changed its user: then there is nothing that we could do.
    let _ = kill_process_group(leader, signal);
}
