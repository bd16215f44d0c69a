//! The children that are not reaped yet, for the whole process, most with a process group of their own: a signal can end them all
//! at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The number of each group, which is its leader's.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Children in our own group, which may be changing the terminal's settings.
static HELPERS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

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

fn helpers() -> MutexGuard<'static, Vec<Pid>> {
    HELPERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a child that leads no group.
pub(super) fn add_helper(id: Pid) {
    helpers().push(id);
}

/// Removes such a child. Called before it is reaped.
pub(super) fn remove_helper(id: Pid) {
    helpers().retain(|other| *other != id);
}

/// Ends all groups: SIGKILL; and all helpers: SIGTERM, so that they may restore the terminal.
pub(super) fn kill_all() {
    for leader in groups().iter() {
        signal(*leader, Signal::KILL);
    }
    for id in helpers().iter() {
        let _ = kill_process(*id, Signal::TERM);
    }
}

/// Signals a group by its leader's number, which is never 0: that would be our own group.
pub(super) fn signal(leader: Pid, signal: Signal) {
    // Fails where all of the group has ended or changed its user: then there is nothing that we could do.
    let _ = kill_process_group(leader, signal);
}
