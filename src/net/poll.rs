//! poll(2) of a few descriptors: whether a call would block, and waits outside of a reactor.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

/// Returns whether a call would not block. Does not wait.
pub(crate) fn is_ready(fd: BorrowedFd<'_>, events: PollFlags) -> bool {
    are_ready([(fd, events)])[0]
}

/// [`is_ready`] of several descriptors, in one system call.
pub(crate) fn are_ready<const N: usize>(interests: [(BorrowedFd<'_>, PollFlags); N]) -> [bool; N] {
    let mut fds = interests.map(|(fd, events)| PollFd::from_borrowed_fd(fd, events));
    // If poll itself fails, none is ready: a call that would block must not be made.
    match poll(&mut fds, Some(Duration::ZERO)) {
        Ok(()) => fds.map(|fd| !fd.revents().is_empty()),
        Err(_) => [false; N],
    }
}

/// Waits until a descriptor is ready or `timeout` is over; without a timeout, for ever. A signal restarts the timeout.
pub(super) fn poll(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> rustix::io::Result<()> {
    // A timeout that does not fit is longer than any wait.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    rustix::io::retry_on_intr(|| rustix::event::poll(fds, timeout.as_ref())).map(drop)
}
