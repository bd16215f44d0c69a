//! Whether the peer's system has acknowledged our end of a TCP connection.

use std::os::fd::BorrowedFd;

/// True if the socket is in FIN_WAIT2: all that was sent, the end included, was acknowledged, and the peer may go on.
///
/// Read from `/proc/net/tcp` and `/proc/net/tcp6` (proc_pid_net(5)), where the socket is found by its inode.
#[cfg(target_os = "linux")]
pub(crate) fn is_half_closed(socket: BorrowedFd<'_>) -> bool {
    const FIN_WAIT2: &str = "05";
    let Ok(stat) = rustix::fs::fstat(socket) else { return false };
    let inode = stat.st_ino.to_string();
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().filter_map(|table| std::fs::read_to_string(table).ok()).any(
        |table| {
            table.lines().any(|line| {
                let mut fields = line.split_ascii_whitespace();
                fields.nth(3) == Some(FIN_WAIT2) && fields.nth(5) == Some(&inode)
            })
        },
    )
}

/// Nothing tells: the peer's own end has to be waited for.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_half_closed(_: BorrowedFd<'_>) -> bool {
    false
}
