//! The one writer of stdout, stderr and descriptors that others have as well: it waits until all was taken, also where others have made them non-blocking.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

/// Writes everything to stdout, and waits until it has taken it. Nobody else's lines come between.
///
/// # Errors
/// Of write(2), but for interruptions and a descriptor that takes nothing now.
pub fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.flush()?;
    write_all(stdout.as_fd(), bytes)
}

/// The same for stderr; `line` is asked for the bytes once no other line can come between.
pub(super) fn write_stderr<B: AsRef<[u8]>>(line: impl FnOnce() -> B) -> io::Result<()> {
    let stderr = io::stderr().lock();
    write_all(stderr.as_fd(), line().as_ref())
}

/// As [`write_stdout`], to a descriptor that others may have as well.
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
