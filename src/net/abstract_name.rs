//! Unix sockets in the abstract name space, which only Linux has (unix(7)).

use std::io;
use std::os::unix::net::SocketAddr;

/// The address of a name.
#[cfg(target_os = "linux")]
pub(super) fn address(name: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

/// The name of an address, if it has one of this kind.
#[cfg(target_os = "linux")]
pub(super) fn name(address: &SocketAddr) -> Option<String> {
    use std::os::linux::net::SocketAddrExt;
    address.as_abstract_name().map(|name| format!("@{}", String::from_utf8_lossy(name)))
}

/// There are none here.
#[cfg(not(target_os = "linux"))]
pub(super) fn address(_: &str) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract names: use unix:/path"))
}

/// There are none here.
#[cfg(not(target_os = "linux"))]
pub(super) fn name(_: &SocketAddr) -> Option<String> {
    None
}
