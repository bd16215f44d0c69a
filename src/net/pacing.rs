//! Asks the kernel to pace a socket.

use std::io;

use mio::net::TcpStream;
use socket2::SockRef;

const MIN_BUFFER_BYTES: u64 = 16 << 10;
/// As much as systems commonly allow without privileges. For a rate that needs more over a long distance the kernel
/// continues to tune the buffer, and a peer that does not pace itself runs ahead by what is in it.
const LARGEST_BUFFER_BYTES: u64 = 512 << 10;

/// See [`super::stream::SocketState::pace`].
pub(super) fn pace(tcp: &TcpStream, bytes_per_second: u64) -> io::Result<bool> {
    // The kernel would take in more than is read, and the peer send it in one burst.
    let buffer_bytes = (bytes_per_second / 4).max(MIN_BUFFER_BYTES);
    if buffer_bytes <= LARGEST_BUFFER_BYTES {
        SockRef::from(tcp).set_recv_buffer_size(buffer_bytes as usize)?;
    }
    max_pacing_rate(tcp, bytes_per_second)
}

/// socket(7), `SO_MAX_PACING_RATE`: it counts the headers of packets too, and ours does not, so it is set higher by what
/// they take, for full packets and for the small ones of a slow connection.
#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn max_pacing_rate(tcp: &TcpStream, bytes_per_second: u64) -> io::Result<bool> {
    use std::os::fd::AsRawFd;
    use uapi::c::{SO_MAX_PACING_RATE, SOL_SOCKET, c_ulong};

    let with_headers = bytes_per_second.saturating_add(bytes_per_second / 16).saturating_add(4 << 10);
    let rate = c_ulong::try_from(with_headers).unwrap_or(c_ulong::MAX);
    uapi::setsockopt(tcp.as_raw_fd(), SOL_SOCKET, SO_MAX_PACING_RATE, &rate)?;
    Ok(true)
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn max_pacing_rate(_tcp: &TcpStream, _bytes_per_second: u64) -> io::Result<bool> {
    Ok(false)
}
