//! The only writer to stdout, stderr and other descriptors that are shared with other processes. It waits until
//! everything is written, even if another process has made the descriptor non-blocking.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

/// Writes everything to stdout, and waits until it is written. Other threads write before or after it.
///
/// # Errors
/// Of write(2), other than `EINTR` and `EAGAIN`.
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.flush()?;
    write_all(stdout.as_fd(), bytes)
}

/// Writes to stderr. Calls `line` for the bytes once no other thread can write before them.
pub(super) fn write_stderr<B: AsRef<[u8]>>(line: impl FnOnce() -> B) -> io::Result<()> {
    let stderr = io::stderr().lock();
    write_all(stderr.as_fd(), line().as_ref())
}

/// Writes everything to a descriptor that other processes may share, and waits until it is written.
///
/// # Errors
/// Of write(2).
pub fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::AGAIN) => {
                let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
                rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, None))?;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
