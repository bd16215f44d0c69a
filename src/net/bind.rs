//! Binds sockets of any kind to addresses and paths, and removes the paths afterwards.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::event::Timespec;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::endpoint::host::with_scope;
use super::endpoint::{Endpoint, Host};
use super::options::{Family, is_refusal};
use crate::error::{Error, Exit};

/// The number of ports to try until one is free on all addresses.
const PORT_TRIES: u32 = 32;
/// The number of tries for a folder's lock, and the pause between two: a second in all.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// A function that makes a socket and binds it.
type Bind<'a> = &'a dyn Fn(SocketAddr) -> io::Result<socket2::Socket>;

/// Makes the error of an endpoint that cannot be bound.
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

/// Binds a socket with `bind` for each address of a host, or for those of one family, all on one port.
pub(super) fn bind_host(
    host: &Host,
    port: u16,
    family: Option<Family>,
    bind: Bind,
) -> io::Result<Vec<socket2::Socket>> {
    let both = |v4: Ipv4Addr, v6: Ipv6Addr| vec![(v4, port).into(), (v6, port).into()];
    let mut addresses: Vec<SocketAddr> = match host {
        Host::Loopback => both(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
        Host::Any => both(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
        Host::Named(name) => {
            let mut found = Vec::new();
            for address in (name.as_str(), port).to_socket_addrs()? {
                if !found.contains(&address) {
                    found.push(address);
                }
            }
            found
        }
    };
    addresses.retain(|address| family.is_none_or(|family| family.holds(address)));
    match (addresses.is_empty(), family) {
        (true, Some(family)) => Err(family.is_missing()),
        (true, None) => Err(io::Error::other("the name has no address")),
        _ => bind_each(&addresses, port, bind),
    }
}

/// Binds all addresses on one port. Those that this machine does not have, such as those of IPv6 where that is off, are
/// left out unless there are no others.
fn bind_each(addresses: &[SocketAddr], port: u16, bind: Bind) -> io::Result<Vec<socket2::Socket>> {
    let mut tries = 0;
    'try_again: loop {
        tries += 1;
        let (mut bound, mut chosen, mut missing) = (Vec::new(), port, None);
        for address in addresses {
            // This keeps the interface of an IPv6 address.
            let mut address = *address;
            address.set_port(chosen);
            match bind(address) {
                Ok(socket) => {
                    if chosen == 0 {
                        chosen = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
                    }
                    bound.push(socket);
                }
                Err(error) if is_missing(&error) => missing = Some(error),
                // The system chose the port for one address; another may have it in use.
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse && chosen != port && tries < PORT_TRIES =>
                {
                    continue 'try_again;
                }
                Err(error) => return Err(with_scope(address, error)),
            }
        }
        return match missing {
            Some(error) if bound.is_empty() => Err(error),
            None if bound.is_empty() => Err(io::Error::other("the name has no address")),
            _ => Ok(bound),
        };
    }
}

/// True if this machine does not have the address or its family.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error())
}

/// Binds a Unix socket's path with `bind`. The file of a dead server is replaced; that of a running server is left
/// alone.
pub(super) fn bind_path<S>(path: &Path, bind: impl Fn() -> io::Result<S>) -> io::Result<(S, SocketFile)> {
    let socket = match bind() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // Of two servers that find the same file, the second would remove what the first has bound by then.
            let _locked = lock_folder_of(path, LOCK_TRIES)?;
            let is_socket = match std::fs::symlink_metadata(path) {
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Err(error),
                file => file?.file_type().is_socket(),
            };
            if !is_socket {
                return Err(io::Error::other("a file that is not a socket is in the way"));
            }
            // A datagram socket cannot connect to a stream socket, but the error shows whether one listens. A stream
            // socket would connect as a client.
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

/// Locks a socket's folder (flock(2)), so that no other server replaces files in it, until it is dropped. The number of
/// tries is limited because any process that may read the folder can lock it.
fn lock_folder_of(path: &Path, tries: u32) -> io::Result<Option<File>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = match File::open(folder.unwrap_or(Path::new("."))) {
        // A folder that must not be read cannot be locked.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        folder => folder?,
    };
    for _ in 0..tries {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {}
            result => return Ok(result.map(|()| Some(folder))?),
        }
        // Without descriptors to poll this only waits.
        let _ = rustix::event::poll(&mut [], Some(&LOCK_PAUSE));
    }
    Err(io::Error::other("another program has locked its folder"))
}

/// The file of a Unix socket, which is removed when dropped, unless another server has replaced it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _locked = lock_folder_of(&self.path, 1);
        if std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            // Nothing can be done, and nothing is lost, if it is gone already.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn of_servers_that_race_for_a_dead_servers_file_one_binds_it() {
        const SERVERS: usize = 6;
        let folder = tempfile::tempdir().unwrap();
        for round in 0..100 {
            let path = folder.path().join(format!("s{round}"));
            drop(UnixListener::bind(&path).unwrap());
            let start = Barrier::new(SERVERS);
            let race = || {
                start.wait();
                bind_path(&path, || UnixListener::bind(&path))
            };
            let servers: Vec<_> = std::thread::scope(|scope| {
                let racing: Vec<_> = (0..SERVERS).map(|_| scope.spawn(race)).collect();
                racing.into_iter().map(|server| server.join().unwrap()).collect()
            });
            let listening = servers.iter().filter(|server| server.is_ok()).count();
            assert_eq!(listening, 1, "round {round}: {servers:?}");
            let is_in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
            assert!(servers.iter().filter_map(|server| server.as_ref().err()).all(is_in_use), "{servers:?}");
            let (socket, _file) = servers.iter().flatten().next().unwrap();
            let _client = UnixStream::connect(&path).unwrap();
            socket.set_nonblocking(true).unwrap();
            assert!(socket.accept().is_ok(), "the file belongs to another server");
            drop(servers);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "round {round}");
        }
    }

    #[test]
    fn a_name_is_bound_on_all_addresses_that_this_machine_has() {
        let bind = |address: SocketAddr| {
            let socket =
                socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
            socket.bind(&address.into())?;
            socket.listen(1)?;
            Ok(socket)
        };
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let ports = |addresses: &[SocketAddr]| {
            let bound = bind_each(addresses, 0, &bind).unwrap();
            let ports: Vec<u16> =
                bound.iter().map(|s| s.local_addr().unwrap().as_socket().unwrap().port()).collect();
            assert!(ports.iter().all(|port| *port == ports[0] && *port > 0), "{ports:?}");
            ports.len()
        };
        assert_eq!(ports(&[at("127.0.0.1:0"), at("127.0.0.2:0"), at("127.0.0.3:0")]), 3);
        assert_eq!(ports(&[at("192.0.2.1:0"), at("127.0.0.1:0")]), 1);
        assert!(bind_each(&[at("192.0.2.1:0")], 0, &bind).is_err());
        assert!(bind_each(&[], 0, &bind).is_err());
    }
}
