//! The local end of a new connection: its address, its interface, its options.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::str::FromStr;

use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket};

use super::options::{SocketOptions, is_refusal, named};
use super::uninterrupted;
use crate::error::{Error, Exit};

/// The local end of a connection. The system chooses what is `None`.
#[derive(Clone, Debug, Default)]
pub struct LocalEnd {
    /// The address, the port, or both.
    pub source: Option<SourceAddress>,
    /// The network interface that all its packets use.
    pub interface: Option<String>,
    /// The options of its socket.
    pub options: SocketOptions,
}

/// An address of this machine, a port, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    ip: Option<IpAddr>,
    port: u16,
}

impl FromStr for SourceAddress {
    type Err = String;

    /// Parses `ADDR`, `ADDR:PORT`, `[V6]:PORT` or `:PORT`.
    fn from_str(text: &str) -> Result<SourceAddress, String> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let parsed = match (bare.parse::<IpAddr>(), text.parse::<SocketAddr>(), text.strip_prefix(':')) {
            (Ok(ip), ..) => Some(SourceAddress { ip: Some(ip), port: 0 }),
            (_, Ok(address), _) => Some(SourceAddress { ip: Some(address.ip()), port: address.port() }),
            (.., Some(port)) => port.parse().ok().map(|port| SourceAddress { ip: None, port }),
            _ => None,
        };
        let parsed = parsed.filter(|source| source.ip.is_some() || source.port > 0);
        parsed.ok_or_else(|| "type an address of this machine, as in 192.0.2.1, [::1]:4000 or :4000".into())
    }
}

impl fmt::Display for SourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.port) {
            (Some(ip), 0) => write!(f, "{ip}"),
            (Some(ip), port) => write!(f, "{}", SocketAddr::new(ip, port)),
            (None, port) => write!(f, ":{port}"),
        }
    }
}

impl SourceAddress {
    /// The address to bind to for a connection to `remote`; `None` if that is of the other family.
    pub(super) fn address_for(self, remote: &SocketAddr) -> Option<SocketAddr> {
        let any: IpAddr = match remote {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let ip = self.ip.unwrap_or(any);
        (ip.is_ipv4() == any.is_ipv4()).then(|| SocketAddr::new(ip, self.port))
    }

    /// The address, if there is one.
    pub(super) fn ip(self) -> Option<IpAddr> {
        self.ip
    }

    /// True if there is a port.
    pub fn has_port(self) -> bool {
        self.port != 0
    }
}

impl LocalEnd {
    /// True if it has anything that a Unix socket does not support.
    pub fn needs_tcp(&self) -> bool {
        self.source.is_some() || self.interface.is_some() || self.options.needs_tcp()
    }

    /// True if a connection from here to `remote` is possible: their families agree.
    pub(super) fn reaches(&self, remote: &SocketAddr) -> bool {
        self.source.is_none_or(|source| source.address_for(remote).is_some())
            && self.options.family.is_none_or(|family| family.holds(remote))
    }

    /// Begins a connection without waiting. Returns how many bytes of `first` were sent at once. The inner error concerns
    /// `remote` alone.
    ///
    /// # Errors
    /// An option or address of this end that would fail for any remote address.
    pub(super) fn connect(
        &self,
        remote: SocketAddr,
        first: &[u8],
    ) -> Result<io::Result<(TcpStream, usize)>, Error> {
        let refused = |error: io::Error| Error::new(Exit::Failed, error);
        let socket = match self.options.socket(Domain::for_address(remote)) {
            Err(error) if !is_refusal(&error) => return Ok(Err(error)),
            socket => socket.map_err(refused)?,
        };
        self.options.apply(socket.as_fd()).map_err(refused)?;
        self.bind(&socket, &remote).map_err(|error| Error::new(Exit::NoConnection, error))?;
        let address = SockAddr::from(remote);
        let begin = || match first {
            [] => socket.connect(&address).map(|()| 0),
            first => send_with_syn(&socket, first, &address),
        };
        let begun = socket.set_nonblocking(true).and_then(|()| uninterrupted(begin));
        Ok(match begun {
            Ok(count) => Ok((TcpStream::from_std(socket.into()), count)),
            Err(error) if is_under_way(&error) => Ok((TcpStream::from_std(socket.into()), 0)),
            Err(error) if is_unsupported(&error) && !first.is_empty() => {
                let text = format!("--fastopen: {error}: see net.ipv4.tcp_fastopen");
                return Err(Error::new(Exit::Failed, text));
            }
            Err(error) => Err(error),
        })
    }

    fn bind(&self, socket: &Socket, remote: &SocketAddr) -> io::Result<()> {
        if let Some(interface) = &self.interface {
            named("--interface", interface, bind_device(socket, interface))?;
        }
        if let Some(address) = self.source.and_then(|source| source.address_for(remote)) {
            // A port whose old connection is still in TIME_WAIT can be used for another peer.
            socket.set_reuse_address(true)?;
            let bound = socket.bind(&SockAddr::from(address)).map_err(|error| match error.kind() {
                io::ErrorKind::AddrNotAvailable => {
                    io::Error::new(error.kind(), "not an address of this machine")
                }
                io::ErrorKind::AddrInUse => io::Error::new(error.kind(), "address in use"),
                io::ErrorKind::PermissionDenied => io::Error::new(error.kind(), "not permitted"),
                _ => error,
            });
            named("--source", address_shown(&address), bound)?;
        }
        Ok(())
    }
}

fn address_shown(address: &SocketAddr) -> String {
    SourceAddress { ip: Some(address.ip()), port: address.port() }.to_string()
}

/// Connects, and sends what fits at once if a cookie of that host is known; else requests one (tcp(7), RFC 7413).
#[cfg(target_os = "linux")]
fn send_with_syn(socket: &Socket, first: &[u8], remote: &SockAddr) -> io::Result<usize> {
    use uapi::c::{MSG_FASTOPEN, MSG_NOSIGNAL};
    socket.send_to_with_flags(first, remote, MSG_FASTOPEN | MSG_NOSIGNAL)
}

#[cfg(not(target_os = "linux"))]
fn send_with_syn(_: &Socket, _: &[u8], _: &SockAddr) -> io::Result<usize> {
    Err(Errno::OPNOTSUPP.into())
}

fn is_unsupported(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::OPNOTSUPP)
}

/// True if connect(2) continues in the background; an interrupted one may have started as well.
fn is_under_way(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INPROGRESS | Errno::ALREADY | Errno::ISCONN))
}

#[cfg(target_os = "linux")]
fn bind_device(socket: &Socket, interface: &str) -> io::Result<()> {
    socket.bind_device(Some(interface.as_bytes())).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NODEV | Errno::INVAL) => {
            io::Error::new(io::ErrorKind::NotFound, "there is no such interface: 'ip link' lists them")
        }
        _ => error,
    })
}

#[cfg(not(target_os = "linux"))]
fn bind_device(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no such option: use --source"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::options::Family;

    #[test]
    fn a_source_is_an_address_a_port_or_both() {
        for (text, shown) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:5", "192.0.2.1:5"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:5", "[::1]:5"),
            (":5", ":5"),
        ] {
            assert_eq!(text.parse::<SourceAddress>().map(|source| source.to_string()), Ok(shown.into()));
        }
        for text in ["", ":", ":0", ":x", "eth0", "192.0.2.1:", "192.0.2.1:65536", "[192.0.2.1:5"] {
            let hint = text.parse::<SourceAddress>().expect_err(text);
            assert!(hint.contains("[::1]:4000"), "{text}: {hint}");
        }
    }

    #[test]
    fn a_family_restricts_it_too() {
        let options = SocketOptions { family: Some(Family::V6), ..SocketOptions::default() };
        let end = LocalEnd { options, ..LocalEnd::default() };
        let reaches = |to: &str| end.reaches(&to.parse().expect("an address"));
        assert!(reaches("[::2]:80") && !reaches("192.0.2.2:80"));
    }

    #[test]
    fn a_source_restricts_the_family() {
        let from = |text: &str| LocalEnd { source: text.parse().ok(), ..LocalEnd::default() };
        let reaches = |end: &LocalEnd, to: &str| end.reaches(&to.parse().expect("an address"));
        let (v4, v6, port) = (from("192.0.2.1"), from("::1"), from(":7"));
        assert!(reaches(&v4, "192.0.2.2:80") && !reaches(&v4, "[::2]:80"));
        assert!(reaches(&v6, "[::2]:80") && !reaches(&v6, "192.0.2.2:80"));
        assert!(reaches(&port, "[::2]:80") && reaches(&port, "192.0.2.2:80"));
    }
}
