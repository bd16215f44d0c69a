//! Pipes of our own, through which the kernel moves bytes from one descriptor to another.
//!
//! A connection has one only while bytes are inside it: it is taken when they are moved and given back when it
//! is empty. So ten thousand idle connections hold none; and peers that do not read hold as many as there are at most,
//! while the others are served by copying. A user's pipes are counted by the kernel (pipe(7), `pipe-user-pages-soft`):
//! no more of them are taken from this user's other programs than this.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::pipe::PipeFlags;

/// The size that pipes are asked to have, in bytes: what an unprivileged process may ask for.
pub(crate) const PIPE_BYTES: usize = 1 << 20;
/// Of one thread, at a time.
const MAX_OPEN: usize = 16;
/// How many of them stay open while they are not in use.
const MAX_FREE: usize = 4;

thread_local! {
    static FREE: RefCell<Vec<OwnPipe>> = const { RefCell::new(Vec::new()) };
    static OPEN: Cell<usize> = const { Cell::new(0) };
}

/// A pipe of our own.
pub(crate) struct OwnPipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl OwnPipe {
    /// An empty pipe; `None` if there are too many, or the system has no more.
    pub(crate) fn take() -> Option<OwnPipe> {
        if let Some(pipe) = FREE.with_borrow_mut(Vec::pop) {
            return Some(pipe);
        }
        if OPEN.get() >= MAX_OPEN {
            return None;
        }
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).ok()?;
        enlarge(&write);
        OPEN.set(OPEN.get() + 1);
        Some(OwnPipe { read, write })
    }

    /// Gives back a pipe that is empty.
    pub(crate) fn give_back(self) {
        FREE.with_borrow_mut(|free| {
            if free.len() < MAX_FREE {
                free.push(self);
            }
        });
    }

    pub(crate) fn read_end(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }

    pub(crate) fn write_end(&self) -> BorrowedFd<'_> {
        self.write.as_fd()
    }
}

impl Drop for OwnPipe {
    fn drop(&mut self) {
        // At the end of its thread nothing is counted any more.
        let _ = OPEN.try_with(|open| open.set(open.get() - 1));
    }
}

/// A larger pipe takes fewer calls. Where it is refused, the old size serves.
pub(crate) fn enlarge(pipe: impl AsFd) {
    if rustix::pipe::fcntl_getpipe_size(&pipe).is_ok_and(|size| size < PIPE_BYTES) {
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn their_number_is_bounded_and_few_are_kept() {
        let taken: Vec<OwnPipe> = std::iter::from_fn(OwnPipe::take).collect();
        assert_eq!(taken.len(), MAX_OPEN);
        taken.into_iter().for_each(OwnPipe::give_back);
        assert_eq!((OPEN.get(), FREE.with_borrow(Vec::len)), (MAX_FREE, MAX_FREE));
        assert!(OwnPipe::take().is_some());
    }
}
