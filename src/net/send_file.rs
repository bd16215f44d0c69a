//! A file's bytes to a socket, without entering the process where the kernel can do that.

use std::fs::File;
use std::io;

use super::stream::{KernelEnd, KernelEnds};

/// Sends bytes of a file from this offset on: sendfile(2), one attempt. `None`: this stream, this file or this system
/// cannot do it, so the caller has to read and write. 0: the file ends here.
///
/// # Errors
/// `WouldBlock` where there is no room; of the connection, or of reading the file.
pub(crate) fn send_file(
    stream: &impl KernelEnds,
    file: &File,
    offset_bytes: u64,
    count: usize,
) -> io::Result<Option<usize>> {
    let Some(end) = stream.writing_end() else { return Ok(None) };
    if !end.readiness.is_writable() {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    step(end, file, offset_bytes, count)
}

#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn step(end: KernelEnd<'_>, file: &File, offset_bytes: u64, count: usize) -> io::Result<Option<usize>> {
    use rustix::io::Errno;
    let mut offset = offset_bytes;
    loop {
        match rustix::fs::sendfile(end.fd, file, Some(&mut offset), count) {
            Ok(sent) => return Ok(Some(sent)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                end.readiness.clear_writable();
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Err(Errno::INVAL | Errno::NOSYS) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn step(_: KernelEnd<'_>, _: &File, _: u64, _: usize) -> io::Result<Option<usize>> {
    Ok(None)
}
