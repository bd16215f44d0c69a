//! Addresses and names taken for sockets of any kind, and given back.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::endpoint::{Endpoint, Host};
use super::options::{Family, is_refusal};
use crate::error::{Error, Exit};

const PORT_TRIES: u32 = 32;

/// Makes and binds a socket.
type Bind<'a> = &'a dyn Fn(SocketAddr) -> io::Result<socket2::Socket>;

/// Why an endpoint cannot be bound.
pub(super) fn cannot_listen(endpoint: &Endpoint, error: &io::Error) -> Error {
    let exit = if is_refusal(error) { Exit::Failed } else { Exit::NoConnection };
    let why = match error.kind() {
        _ if is_refusal(error) => error.to_string(),
        io::ErrorKind::AddrInUse => "address in use".into(),
        io::ErrorKind::PermissionDenied => "not permitted".into(),
        io::ErrorKind::AddrNotAvailable => "not an address of this machine".into(),
        _ => error.to_string(),
    };
    Error::new(exit, format!("cannot listen on {endpoint}: {why}"))
}

/// Binds what a host and a port stand for, with `bind`.
pub(super) fn bind_host(
    host: &Host,
    port: u16,
    family: Option<Family>,
    bind: Bind,
) -> io::Result<Vec<socket2::Socket>> {
    let own = |v4: Ipv4Addr, v6: Ipv6Addr| match family {
        None => bind_both(v4, v6, port, bind),
        Some(Family::V4) => bind((v4, port).into()).map(|socket| vec![socket]),
        Some(Family::V6) => bind((v6, port).into()).map(|socket| vec![socket]),
    };
    match host {
        Host::Loopback => own(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
        Host::Any => own(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
        Host::Named(name) => {
            let is_wanted = |address: &SocketAddr| family.is_none_or(|family| family.holds(address));
            let address = (name.as_str(), port).to_socket_addrs()?.find(is_wanted);
            let none =
                || family.map_or_else(|| io::Error::other("the name has no address"), Family::is_missing);
            let address = address.ok_or_else(none)?;
            Ok(vec![bind(address)?])
        }
    }
}

/// Binds one port in both families. Where IPv6 is off, IPv4 alone; and the other way round.
fn bind_both(v4: Ipv4Addr, v6: Ipv6Addr, port: u16, bind: Bind) -> io::Result<Vec<socket2::Socket>> {
    let mut tries = 0;
    loop {
        let first = match bind((v4, port).into()) {
            Err(error) if is_family_missing(&error) => return Ok(vec![bind((v6, port).into())?]),
            result => result?,
        };
        let chosen = first.local_addr()?.as_socket().map_or(port, |address| address.port());
        tries += 1;
        match bind((v6, chosen).into()) {
            Ok(second) => return Ok(vec![first, second]),
            Err(error) if is_family_missing(&error) => return Ok(vec![first]),
            // The system chose the port for one family; the other may have it in use.
            Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_family_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// Binds a Unix socket's path with `bind`. A file of a server that lives is not touched; one left by a dead server is
/// replaced.
pub(super) fn bind_path<S>(path: &Path, bind: impl Fn() -> io::Result<S>) -> io::Result<(S, SocketFile)> {
    let socket = match bind() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let file = std::fs::symlink_metadata(path)?;
            if !file.file_type().is_socket() {
                return Err(io::Error::other("a file that is not a socket is in the way"));
            }
            // A datagram socket cannot connect to a stream socket, but hears whether one lives there: a stream
            // socket would be taken for a client.
            match std::os::unix::net::UnixDatagram::unbound()?.connect(path) {
                Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)?;
                    bind()?
                }
                _ => return Err(error),
            }
        }
        result => result?,
    };
    let inode = std::fs::symlink_metadata(path)?.ino();
    Ok((socket, SocketFile { path: path.to_owned(), inode }))
}

/// A Unix socket's name in the file system, removed when dropped, unless another server has replaced it.
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            // Nothing can be done, and nothing is lost, if it is gone already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
