//! Whether the peer's system has acknowledged our end of a TCP connection.

use std::os::fd::BorrowedFd;

/// True if the socket is in FIN_WAIT2: all that was sent, the end included, was acknowledged, and the peer may go on.
///
/// Read from `/proc/net/tcp` and `/proc/net/tcp6` (proc_pid_net(5)), where the socket is found by its inode.
#[cfg(target_os = "linux")]
pub(crate) fn is_half_closed(socket: BorrowedFd<'_>) -> bool {
    const FIN_WAIT2: &str = "05";
    if let Some(acknowledged) = by_multipath(socket) {
        return acknowledged;
    }
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

/// The same for a connection over several paths, which that table does not have: linux/mptcp.h, `MPTCP_INFO`. Our end
/// has a number of its own there, behind that of the last byte. `None` for any other socket.
#[cfg(target_os = "linux")]
fn by_multipath(socket: BorrowedFd<'_>) -> Option<bool> {
    use std::os::fd::AsRawFd;
    use uapi::c::c_int;

    const SOL_MPTCP: c_int = 284;
    const MPTCP_INFO: c_int = 1;
    const FELL_BACK: u32 = 1;
    // Two words of small counts; flags; token; two words each: the number to be sent next, the first not acknowledged.
    let mut info = [0_u32; 8];
    let length = uapi::getsockopt(socket.as_raw_fd(), SOL_MPTCP, MPTCP_INFO, &mut info).ok()?;
    let is_told = length >= size_of_val(&info) && info[2] & FELL_BACK == 0;
    is_told.then(|| info[4..6] == info[6..8])
}

/// Nothing tells: the peer's own end has to be waited for.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_half_closed(_: BorrowedFd<'_>) -> bool {
    false
}
