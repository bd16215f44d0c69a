//! The kernel's record of what a TCP peer's system has acknowledged: our end, and bytes.

use std::os::fd::BorrowedFd;

use crate::proto::relay::half_close_timer::Delivery;

/// True if the socket is in FIN_WAIT2: all that was sent, the end included, was acknowledged, and the peer may still send.
///
/// tcp(7), `TCP_INFO`: the state is its first byte.
#[cfg(target_os = "linux")]
pub(crate) fn is_half_closed(socket: BorrowedFd<'_>) -> bool {
    use std::os::fd::AsRawFd;
    use uapi::c::{IPPROTO_TCP, TCP_INFO};

    const FIN_WAIT2: u8 = 5;
    if let Some(acknowledged) = by_multipath(socket) {
        return acknowledged;
    }
    let mut info = [0_u8; 1];
    let result = uapi::getsockopt(socket.as_raw_fd(), IPPROTO_TCP, TCP_INFO, &mut info);
    result.is_ok() && info == [FIN_WAIT2]
}

/// The same for a connection over several paths, which has no such state: linux/mptcp.h, `MPTCP_INFO`. Our end
/// has a number of its own there, after that of the last byte. `None` for any other socket.
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
    let is_known = length >= size_of_val(&info) && info[2] & FELL_BACK == 0;
    is_known.then(|| info[4..6] == info[6..8])
}

/// Not known on this system: the peer's own end has to be waited for.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_half_closed(_: BorrowedFd<'_>) -> bool {
    false
}

/// What the kernel knows of the way to the peer.
///
/// tcp(7), `TCP_INFO`, as words of 32 bits: 6 the packets that are not acknowledged, 14 milliseconds since the last
/// acknowledgement, 17 the round trip in microseconds, 30 and 31 `tcpi_bytes_acked`, 36 the bytes not sent yet, 37 the
/// shortest round trip. Over several paths the bytes are those of one of them, so they are left out.
#[cfg(target_os = "linux")]
pub(crate) fn delivery(socket: BorrowedFd<'_>) -> Option<Delivery> {
    use std::os::fd::AsRawFd;
    use std::time::Duration;
    use uapi::c::{IPPROTO_TCP, TCP_INFO};

    let mut info = [0_u64; 19];
    let length = uapi::getsockopt(socket.as_raw_fd(), IPPROTO_TCP, TCP_INFO, &mut info).ok()?;
    if length < size_of_val(&info) {
        return None;
    }
    let word = |index: usize| {
        let [a, b, c, d, rest @ ..] = info[index / 2].to_ne_bytes();
        u32::from_ne_bytes(if index.is_multiple_of(2) { [a, b, c, d] } else { rest })
    };
    let round_trip = if word(37) == u32::MAX { word(17) } else { word(37) };
    Some(Delivery {
        round_trip: Duration::from_micros(round_trip.into()),
        is_pending: word(6) > 0 || word(36) > 0,
        acknowledged_ago: Duration::from_millis(word(14).into()),
        acknowledged_bytes: by_multipath(socket).is_none().then_some(info[15]),
    })
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub(crate) fn delivery(_: BorrowedFd<'_>) -> Option<Delivery> {
    None
}
