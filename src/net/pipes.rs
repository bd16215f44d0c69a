//! Pipes of our own, through which the kernel moves bytes from one descriptor to another.
//!
//! A connection holds one only while bytes are inside it, so ten thousand idle connections hold none. Their number is
//! limited, because the kernel limits the pipes of a user (pipe(7), `pipe-user-pages-soft`), who has other programs. If
//! peers that do not read hold them all, the bytes of the others are copied.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::pipe::PipeFlags;

/// The size of a pipe in bytes: the most that an unprivileged process may request.
pub(crate) const PIPE_BYTES: usize = 1 << 20;
/// The most pipes of a thread at a time.
const MAX_OPEN: usize = 16;
/// The most pipes that stay open while they are not in use.
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
    /// Takes an empty pipe; `None` if there are too many, or the system has no more.
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

    /// Returns a pipe, which must be empty.
    pub(crate) fn put_back(self) {
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
        // While its thread ends the count is gone.
        let _ = OPEN.try_with(|open| open.set(open.get() - 1));
    }
}

/// Enlarges a pipe, so that fewer calls are needed. If the system refuses, it keeps its size.
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
        taken.into_iter().for_each(OwnPipe::put_back);
        assert_eq!((OPEN.get(), FREE.with_borrow(Vec::len)), (MAX_FREE, MAX_FREE));
        assert!(OwnPipe::take().is_some());
    }
}
