//! Asks the kernel to pace a socket.

use std::io;

use socket2::SockRef;

use super::stream::Socket;

/// Below this rate, in bytes per second, the kernel's own receive buffer is seconds' worth: it gets a smaller one, so
/// that a peer does not run far ahead. Above, the kernel tunes it to the rate at which it is read.
const SLOW_RATE: u64 = 512 << 10;
const LEAST_BUFFER_BYTES: u64 = 16 << 10;

/// See [`super::stream::Stream::pace`].
pub(super) fn pace(socket: &Socket, bytes_per_second: u64) -> io::Result<bool> {
    let Socket::Tcp(tcp) = socket else { return Ok(false) };
    if bytes_per_second < SLOW_RATE {
        let buffer_bytes = (bytes_per_second / 4).max(LEAST_BUFFER_BYTES) as usize;
        SockRef::from(tcp).set_recv_buffer_size(buffer_bytes)?;
    }
    max_pacing_rate(tcp, bytes_per_second)
}

/// socket(7), `SO_MAX_PACING_RATE`. It counts the headers of packets too, and ours not: it is set higher by what they
/// take, for full packets and for the small ones of a slow connection.
#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn max_pacing_rate(tcp: &mio::net::TcpStream, bytes_per_second: u64) -> io::Result<bool> {
    use std::os::fd::AsRawFd;
    use uapi::c::{SO_MAX_PACING_RATE, SOL_SOCKET, c_ulong};

    let with_headers = bytes_per_second.saturating_add(bytes_per_second / 16).saturating_add(4 << 10);
    let rate = c_ulong::try_from(with_headers).unwrap_or(c_ulong::MAX);
    uapi::setsockopt(tcp.as_raw_fd(), SOL_SOCKET, SO_MAX_PACING_RATE, &rate)?;
    Ok(true)
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn max_pacing_rate(_tcp: &mio::net::TcpStream, _bytes_per_second: u64) -> io::Result<bool> {
    Ok(false)
}
