//! Socket options: set before the connection begins, and read back from the kernel.
//!
//! An option that the kernel refuses, or grants in part only, is an error that begins with the option's name.

use std::fmt::{self, Display};
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// The default of a connection: finds a peer that is gone while nothing is sent.
const KEEPALIVE: Keepalive = Keepalive::After(Duration::from_secs(60));
/// Unanswered probes are repeated after the first wait divided by this.
const KEEPALIVE_PARTS: u32 = 4;
/// Send buffer of a Unix socket, which the system does not tune: a larger one saves wake-ups. The system may grant less.
const UNIX_BUFFER_BYTES: usize = 1 << 20;

/// The only family of addresses to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// True for an address of this family.
    pub fn holds(self, address: &SocketAddr) -> bool {
        (self == Family::V4) == address.is_ipv4()
    }

    /// The error of a name without an address of this family.
    pub(super) fn is_missing(self) -> io::Error {
        let (name, option) = if self == Family::V4 { ("IPv4", "-4") } else { ("IPv6", "-6") };
        io::Error::other(format!("it has no {name} address (see {option})"))
    }
}

/// When a connection that is silent is tested, tcp(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepalive {
    /// Never.
    Off,
    /// Idle time before the first probe, in whole seconds (tcp(7)); unanswered ones are repeated after a quarter of that.
    After(Duration),
}

/// Options of a socket. `None` stands for the default of each. socket(7), ip(7), ipv6(7), tcp(7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// The only family to listen on, or to connect over.
    pub family: Option<Family>,
    /// Whether small pieces are sent at once (`TCP_NODELAY`). Default: yes.
    pub nodelay: Option<bool>,
    /// When a silent peer is probed. Default: after 60 seconds.
    pub keepalive: Option<Keepalive>,
    /// Time to live, or hop limit, of its packets.
    pub ttl: Option<u8>,
    /// The class of its packets, 0 to 63, RFC 2474.
    pub dscp: Option<u8>,
    /// Size of the send buffer (socket(7), `SO_SNDBUF`).
    pub send_buffer_bytes: Option<usize>,
    /// Size of the receive buffer (socket(7), `SO_RCVBUF`).
    pub receive_buffer_bytes: Option<usize>,
    /// Mark of its packets for routing and packet filters (socket(7), `SO_MARK`).
    pub mark: Option<u32>,
    /// How long sent bytes may stay unacknowledged, RFC 5482.
    pub user_timeout: Option<Duration>,
    /// The name of the congestion control (tcp(7), `TCP_CONGESTION`).
    pub congestion: Option<String>,
    /// Whether the connection may have several paths, RFC 8684. A peer that does not know it has plain TCP.
    pub mptcp: bool,
    /// Whether the kernel records what happens to it (socket(7), `SO_DEBUG`).
    pub is_debugged: bool,
}

impl SocketOptions {
    /// Creates a TCP socket, for several paths if that was chosen. The other options are not set yet.
    ///
    /// # Errors
    /// The kernel has no MPTCP, or is out of resources.
    pub(super) fn socket(&self, family: Domain) -> io::Result<Socket> {
        #[cfg(target_os = "linux")]
        if self.mptcp {
            return Socket::new(family, Type::STREAM, Some(Protocol::MPTCP)).map_err(|error| {
                match Errno::from_io_error(&error) {
                    Some(Errno::PROTONOSUPPORT | Errno::NOPROTOOPT | Errno::INVAL) => {
                        let text = format!("--mptcp: {error}: see net.mptcp.enabled");
                        io::Error::new(error.kind(), Refused(text))
                    }
                    _ => error,
                }
            });
        }
        Socket::new(family, Type::STREAM, Some(Protocol::TCP))
    }

    /// True if an option is set that a Unix socket does not support.
    pub fn needs_tcp(&self) -> bool {
        let buffers = SocketOptions {
            send_buffer_bytes: self.send_buffer_bytes,
            receive_buffer_bytes: self.receive_buffer_bytes,
            ..SocketOptions::default()
        };
        *self != buffers
    }

    /// Sets the options on a socket that is not connected yet, that listens, or that was accepted.
    ///
    /// # Errors
    /// The kernel refuses an option; the error names it.
    pub fn apply(&self, socket: BorrowedFd<'_>) -> io::Result<()> {
        let socket = &SockRef::from(&socket);
        if let Some(bytes) = self.receive_buffer_bytes {
            let given = socket.set_recv_buffer_size(bytes).and_then(|()| socket.recv_buffer_size());
            granted("--rcvbuf", bytes, given, "net.core.rmem_max")?;
        }
        if let Some(bytes) = self.send_buffer_bytes {
            let given = socket.set_send_buffer_size(bytes).and_then(|()| socket.send_buffer_size());
            granted("--sndbuf", bytes, given, "net.core.wmem_max")?;
        }
        let family = socket.local_addr()?.domain();
        if family == Domain::UNIX {
            return match self.send_buffer_bytes {
                Some(_) => Ok(()),
                None => socket.set_send_buffer_size(UNIX_BUFFER_BYTES),
            };
        }
        if !is_ip(family) {
            return Ok(());
        }
        let nodelay = self.nodelay.unwrap_or(true);
        named("--nodelay", nodelay, socket.set_tcp_nodelay(nodelay))?;
        match self.keepalive.unwrap_or(KEEPALIVE) {
            Keepalive::Off => named("--keepalive", "off", socket.set_keepalive(false))?,
            Keepalive::After(time) => {
                let interval = (time / KEEPALIVE_PARTS).max(Duration::from_secs(1));
                let keepalive = TcpKeepalive::new().with_time(time).with_interval(interval);
                let shown = humantime::format_duration(time);
                named("--keepalive", shown, socket.set_tcp_keepalive(&keepalive))?;
            }
        }
        if let Some(ttl) = self.ttl {
            let v6 = family == Domain::IPV6;
            let hops = u32::from(ttl);
            let result = if v6 { socket.set_unicast_hops_v6(hops) } else { socket.set_ttl_v4(hops) };
            named("--ttl", ttl, result)?;
        }
        if let Some(dscp) = self.dscp {
            // The two lower bits are explicit congestion notification, which belongs to the kernel.
            let class = u32::from(dscp) << 2;
            let v6 = family == Domain::IPV6;
            let result = if v6 { socket.set_tclass_v6(class) } else { socket.set_tos_v4(class) };
            named("--dscp", dscp, result)?;
        }
        if self.is_debugged {
            named("-D", "", debug(socket))?;
        }
        self.apply_linux_only(socket)
    }
}

/// Has the kernel record debugging information.
fn debug(socket: &SockRef<'_>) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    use uapi::c::{SO_DEBUG, SOL_SOCKET, c_int};

    let enabled: c_int = 1;
    Ok(uapi::setsockopt(socket.as_raw_fd(), SOL_SOCKET, SO_DEBUG, &enabled)?)
}

/// Defines `apply_linux_only` from a row for each option that only Linux has: its name, its value if the user chose one, the
/// value as it is shown, and the call that sets it. Systems other than Linux refuse a value, so that none is ignored.
macro_rules! linux_only {
    ($options:ident, $socket:ident; $($name:literal: $chosen:expr, |$value:ident| $shown:expr => $set:expr;)+) => {
        impl SocketOptions {
            #[cfg(target_os = "linux")]
            fn apply_linux_only(&self, $socket: &SockRef<'_>) -> io::Result<()> {
                let $options = self;
                $(if let Some($value) = $chosen {
                    named($name, $shown, $set)?;
                })+
                Ok(())
            }

            #[cfg(not(target_os = "linux"))]
            fn apply_linux_only(&self, _: &SockRef<'_>) -> io::Result<()> {
                let $options = self;
                $(if $chosen.is_some() {
                    let text = concat!($name, ": this system has no such option: leave it out");
                    return Err(io::Error::new(io::ErrorKind::Unsupported, Refused(text.into())));
                })+
                Ok(())
            }
        }
    };
}

linux_only! { options, socket;
    "--mark": options.mark, |mark| mark => socket.set_mark(mark);
    "--user-timeout": options.user_timeout, |time| humantime::format_duration(time)
        => socket.set_tcp_user_timeout(Some(time));
    "--congestion": options.congestion.as_ref(), |name| name
        => socket.set_tcp_congestion(name.as_bytes()).map_err(explain_name);
    // Chosen when the socket is made.
    "--mptcp": options.mptcp.then_some(()), |_on| "" => Ok(());
}

/// Explains the error for a name that is not loaded: ENOENT.
#[cfg(target_os = "linux")]
fn explain_name(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(
            error.kind(),
            "this kernel has none of that name: see net.ipv4.tcp_available_congestion_control",
        ),
        _ => error,
    }
}

/// An option that the kernel has rejected, inside of an [`io::Error`].
#[derive(Debug)]
struct Refused(String);

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// True if the kernel has refused an option.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Refused>())
}

/// Names the option and its value in an error.
pub(super) fn named<T>(option: &str, value: impl Display, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), Refused(format!("{option} {value}: {error}"))))
}

/// Fails if the system has granted a smaller buffer than was requested, which setsockopt(2) does not report. Linux adds its
/// overhead and returns twice the requested size.
fn granted(option: &str, asked: usize, given: io::Result<usize>, limit: &str) -> io::Result<()> {
    let given = named(option, asked, given)? / if cfg!(target_os = "linux") { 2 } else { 1 };
    if given >= asked {
        return Ok(());
    }
    let why = format!("the system gives {given} bytes: ask for less, or raise {limit}");
    named(option, asked, Err(io::Error::new(io::ErrorKind::InvalidInput, why)))
}

/// A socket's options in force, as `name=value` separated by spaces. Reads them from the kernel when it is displayed.
pub struct InForce<'a>(pub(super) BorrowedFd<'a>);

impl Display for InForce<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = &SockRef::from(&self.0);
        let family = socket.local_addr().ok().map(|address| address.domain());
        let mut pairs = Vec::new();
        if family.is_some_and(is_ip) {
            pairs.extend(of_tcp(socket, family == Some(Domain::IPV6)));
        }
        pairs.push(("sndbuf", socket.send_buffer_size().map(|bytes| bytes.to_string())));
        pairs.push(("rcvbuf", socket.recv_buffer_size().map(|bytes| bytes.to_string())));
        if family.is_some_and(is_ip) {
            pairs.extend(systems_own(socket));
        }
        // One that cannot be read back is left out.
        let shown = pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.ok()?)));
        f.write_str(&shown.collect::<Vec<_>>().join(" "))
    }
}

/// True for families that have TCP.
fn is_ip(family: Domain) -> bool {
    family == Domain::IPV4 || family == Domain::IPV6
}

type Pair = (&'static str, io::Result<String>);

fn of_tcp(socket: &SockRef<'_>, v6: bool) -> [Pair; 4] {
    let hops = if v6 { socket.unicast_hops_v6() } else { socket.ttl_v4() };
    let class = if v6 { socket.tclass_v6() } else { socket.tos_v4() };
    [
        ("nodelay", socket.tcp_nodelay().map(on_or_off)),
        ("keepalive", keepalive(socket)),
        ("ttl", hops.map(|hops| hops.to_string())),
        ("dscp", class.map(|class| (class >> 2).to_string())),
    ]
}

#[cfg(target_os = "linux")]
fn systems_own(socket: &SockRef<'_>) -> [Pair; 5] {
    let time = |time: Option<Duration>| time.map(|time| humantime::format_duration(time).to_string());
    let text = |name: Vec<u8>| String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned();
    let or_off = |text: Option<String>| text.unwrap_or_else(|| "off".into());
    [
        ("mark", socket.mark().map(|mark| mark.to_string())),
        ("user-timeout", socket.tcp_user_timeout().map(time).map(or_off)),
        ("congestion", socket.tcp_congestion().map(text)),
        ("mptcp", mptcp(socket).map(str::to_owned)),
        ("interface", socket.device().map(|name| or_off(name.map(text)))),
    ]
}

#[cfg(not(target_os = "linux"))]
fn systems_own(_: &SockRef<'_>) -> [Pair; 0] {
    []
}

fn on_or_off(value: bool) -> String {
    if value { "on" } else { "off" }.into()
}

fn keepalive(socket: &SockRef<'_>) -> io::Result<String> {
    if !socket.keepalive()? {
        return Ok("off".into());
    }
    let time = humantime::format_duration;
    let (first, then) = (socket.tcp_keepalive_time()?, socket.tcp_keepalive_interval()?);
    Ok(format!("{}/{}", time(first), time(then)))
}

/// The state of MPTCP on this connection: a peer without MPTCP falls back to TCP.
#[cfg(target_os = "linux")]
fn mptcp(socket: &SockRef<'_>) -> io::Result<&'static str> {
    use std::os::fd::AsRawFd;
    use uapi::c::{IPPROTO_TCP, c_int};

    // linux/tcp.h, since Linux 5.16.
    const TCP_IS_MPTCP: c_int = 43;
    if socket.protocol()? != Some(Protocol::MPTCP) {
        return Ok("off");
    }
    let mut is_spoken: c_int = 0;
    Ok(match uapi::getsockopt(socket.as_raw_fd(), IPPROTO_TCP, TCP_IS_MPTCP, &mut is_spoken) {
        Err(_) => "asked",
        Ok(_) if is_spoken == 0 => "fallback",
        Ok(_) => "on",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn socket() -> Socket {
        Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
    }

    #[test]
    fn what_is_set_is_what_is_read_back() {
        let options = SocketOptions {
            nodelay: Some(false),
            keepalive: Some(Keepalive::After(Duration::from_secs(40))),
            ttl: Some(7),
            dscp: Some(46),
            send_buffer_bytes: Some(40_000),
            receive_buffer_bytes: Some(50_000),
            ..SocketOptions::default()
        };
        let socket = socket();
        options.apply(socket.as_fd()).expect("no privilege is needed for these");
        let shown = InForce(socket.as_fd()).to_string();
        for pair in ["nodelay=off", "keepalive=40s/10s", "ttl=7", "dscp=46"] {
            assert!(shown.split(' ').any(|word| word == pair), "{shown}");
        }
        assert!(options.needs_tcp());
        assert!(!SocketOptions { send_buffer_bytes: Some(1), ..SocketOptions::default() }.needs_tcp());
    }

    #[test]
    fn a_buffer_that_is_cut_is_an_error() {
        let options = SocketOptions { send_buffer_bytes: Some(1 << 30), ..SocketOptions::default() };
        let error = options.apply(socket().as_fd()).expect_err("larger than any system's limit");
        assert!(error.to_string().starts_with("--sndbuf 1073741824: the system gives "), "{error}");
    }
}
