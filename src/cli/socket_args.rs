//! Options of sockets and of the local end of connections.

use std::time::Duration;

use clap::Args;

use super::options::{duration, size};
use crate::error::{Error, Exit};
use crate::net::endpoint::Endpoint;
use crate::net::local_end::{LocalEnd, SourceAddress};
use crate::net::options::{Family, Keepalive, SocketOptions};

/// Reads `on` or `off`.
fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("type on or off".into()),
    }
}

/// Reads `off`, or a duration of whole seconds as tcp(7) has it for `TCP_KEEPIDLE`.
fn keepalive(text: &str) -> Result<Keepalive, String> {
    const MAX_SECONDS: u64 = 32_767;
    if text == "off" {
        return Ok(Keepalive::Off);
    }
    let time = duration(text)?;
    let is_fitting = time.subsec_nanos() == 0 && time.as_secs() <= MAX_SECONDS;
    is_fitting.then_some(Keepalive::After(time)).ok_or_else(|| "type whole seconds up to 9h, or off".into())
}

/// Reads a differentiated services code point: a number, or a name of RFC 2474, 2597, 3246, 5865 or 8622.
pub(super) fn dscp(text: &str) -> Result<u8, String> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    match (text.trim_end_matches(|c: char| c.is_ascii_digit()), &digits[..]) {
        ("ef", []) => Some(46),
        ("va", []) => Some(44),
        ("le", []) => Some(1),
        ("cs", [class @ 0..=7]) => Some(class * 8),
        ("af", [class @ 1..=4, drop @ 1..=3]) => Some(class * 8 + drop * 2),
        ("", _) => text.parse().ok().filter(|number| *number < 64),
        _ => None,
    }
    .ok_or_else(|| "type a number from 0 to 63, or a name: cs0 to cs7, af11 to af43, ef, va, le".into())
}

/// Reads a mark: a number, as ip-rule(8) takes it.
fn mark(text: &str) -> Result<u32, String> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    number.ok_or_else(|| "type a number of 32 bits, as in 7 or 0x7".into())
}

/// Reads the size of a socket's buffer.
fn buffer_size(text: &str) -> Result<usize, String> {
    let bytes = usize::try_from(size(text)?).ok().filter(|bytes| (1..=1 << 30).contains(bytes));
    bytes.ok_or_else(|| "a buffer has from 1 byte to 1GiB".into())
}

/// Reads a duration that the kernel counts in milliseconds, in 31 bits.
fn user_timeout(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    let is_fitting = (1..=i32::MAX as u128).contains(&time.as_millis());
    is_fitting.then_some(time).ok_or_else(|| "type a time from 1ms to 24days".into())
}

/// The family of addresses.
#[derive(Args, Clone, Copy, Debug)]
pub struct FamilyArgs {
    /// Use IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Use IPv6 addresses only
    #[arg(short = '6', long)]
    ipv6: bool,
}

impl FamilyArgs {
    /// Returns the only family to use.
    pub fn family(self) -> Option<Family> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        }
    }
}

/// Options of a connection's socket.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Socket options")]
pub struct SocketArgs {
    #[command(flatten)]
    family: FamilyArgs,

    /// Send small pieces at once (on), or collect them first (off) [default: on]
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    nodelay: Option<bool>,

    /// Test a connection that is silent for this long, and give up if the peer does not answer [default: 60s]
    #[arg(long, value_name = "DURATION|off", value_parser = keepalive)]
    keepalive: Option<Keepalive>,

    /// Limit the number of routers that a packet may pass
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,

    /// Set the traffic class of packets: a number up to 63, or a name such as ef, cs1 or af41
    #[arg(long, value_name = "CLASS", value_parser = dscp)]
    dscp: Option<u8>,

    /// Set the size of the system's send buffer
    #[arg(long, value_name = "SIZE", value_parser = buffer_size)]
    sndbuf: Option<usize>,

    /// Set the size of the system's receive buffer
    #[arg(long, value_name = "SIZE", value_parser = buffer_size, conflicts_with = "limit_rate")]
    rcvbuf: Option<usize>,

    /// Mark packets with this number, for routing rules and packet filters
    #[arg(long, value_name = "N", value_parser = mark)]
    mark: Option<u32>,

    /// Give up when sent data is not acknowledged for this long
    #[arg(long, value_name = "DURATION", value_parser = user_timeout)]
    user_timeout: Option<Duration>,

    /// Use this congestion control, for example cubic, reno or bbr
    #[arg(long, value_name = "NAME")]
    congestion: Option<String>,

    /// Use several paths at once if the peer can (Multipath TCP)
    #[arg(long)]
    mptcp: bool,
}

/// Fails for a Unix socket, which has no options but the sizes of its buffers.
fn refuse_without_tcp(endpoint: &Endpoint) -> Result<(), Error> {
    if matches!(endpoint, Endpoint::Tcp { .. }) {
        return Ok(());
    }
    if let Endpoint::Special(special) = endpoint {
        return Err(Error::new(Exit::Usage, format!("{special} has no socket options: leave them out")));
    }
    let text = "a Unix socket has --sndbuf and --rcvbuf only: leave the other socket options out";
    Err(Error::new(Exit::Usage, text))
}

impl SocketArgs {
    /// Returns the options for the clients of these endpoints.
    pub(crate) fn options_for(&self, endpoints: &[Endpoint]) -> Result<SocketOptions, Error> {
        let options = self.options();
        let has_buffers = options.send_buffer_bytes.is_some() || options.receive_buffer_bytes.is_some();
        let is_special = |endpoint: &&Endpoint| matches!(endpoint, Endpoint::Special(_));
        if let Some(endpoint) = endpoints.iter().find(is_special).filter(|_| has_buffers) {
            refuse_without_tcp(endpoint)?;
        }
        if options.needs_tcp() {
            // An inherited socket may be of any kind: the system rejects options that do not fit.
            let mut known = endpoints.iter().filter(|endpoint| !matches!(endpoint, Endpoint::Inherited(_)));
            known.try_for_each(refuse_without_tcp)?;
        }
        Ok(options)
    }

    /// An option that was typed and has nothing to do with datagrams: all but the family.
    pub(crate) fn typed_for_streams(&self) -> Option<&'static str> {
        let typed = [
            ("--nodelay", self.nodelay.is_some()),
            ("--keepalive", self.keepalive.is_some()),
            ("--ttl", self.ttl.is_some()),
            ("--dscp", self.dscp.is_some()),
            ("--sndbuf", self.sndbuf.is_some()),
            ("--rcvbuf", self.rcvbuf.is_some()),
            ("--mark", self.mark.is_some()),
            ("--user-timeout", self.user_timeout.is_some()),
            ("--congestion", self.congestion.is_some()),
            ("--mptcp", self.mptcp),
        ];
        typed.iter().find(|(_, is_typed)| *is_typed).map(|(option, _)| *option)
    }

    /// True if an option was typed.
    pub(crate) fn is_typed(&self) -> bool {
        let options = self.options();
        options.needs_tcp() || options.send_buffer_bytes.is_some() || options.receive_buffer_bytes.is_some()
    }

    /// Returns the options.
    pub fn options(&self) -> SocketOptions {
        SocketOptions {
            family: self.family.family(),
            nodelay: self.nodelay,
            keepalive: self.keepalive,
            ttl: self.ttl,
            dscp: self.dscp,
            send_buffer_bytes: self.sndbuf,
            receive_buffer_bytes: self.rcvbuf,
            mark: self.mark,
            user_timeout: self.user_timeout,
            congestion: self.congestion.clone(),
            mptcp: self.mptcp,
            is_debugged: false,
        }
    }
}

/// Options of the local end of a connection.
#[derive(Args, Clone, Debug)]
pub struct LocalArgs {
    /// The local address.
    #[arg(
        long,
        help = "Connect from this local address, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT",
        value_name = "ADDR",
        help_heading = "Socket options"
    )]
    source: Option<SourceAddress>,

    /// Connect through this network interface only
    #[arg(long, value_name = "NAME", help_heading = "Socket options",
        value_parser = clap::builder::NonEmptyStringValueParser::new())]
    interface: Option<String>,

    #[command(flatten)]
    socket: SocketArgs,
}

impl LocalArgs {
    /// True if an option was typed.
    pub(crate) fn is_typed(&self) -> bool {
        self.source.is_some() || self.interface.is_some() || self.socket.is_typed()
    }

    /// Returns the local end of connections to `endpoint`.
    pub(crate) fn local_end(&self, endpoint: &Endpoint) -> Result<LocalEnd, Error> {
        let (source, interface) = (self.source, self.interface.clone());
        let end = LocalEnd { source, interface, options: self.socket.options() };
        let has_buffers =
            end.options.send_buffer_bytes.is_some() || end.options.receive_buffer_bytes.is_some();
        if end.needs_tcp() || has_buffers && matches!(endpoint, Endpoint::Special(_)) {
            refuse_without_tcp(endpoint)?;
        }
        Ok(end)
    }

    /// An option that was typed and has nothing to do with datagrams.
    pub(crate) fn typed_for_streams(&self) -> Option<&'static str> {
        self.interface.as_ref().map(|_| "--interface").or(self.socket.typed_for_streams())
    }

    /// Returns the number of connections, as requested. A fixed source port allows only one.
    pub(crate) fn connections(&self, asked: Option<usize>) -> Result<Option<usize>, Error> {
        match (self.source.filter(|source| source.has_port()), asked) {
            (None, _) => Ok(asked),
            (Some(_), None | Some(1)) => Ok(Some(1)),
            (Some(source), Some(_)) => {
                let text = format!(
                    "--source {source} names one port, which allows one connection: leave out the port or -j"
                );
                Err(Error::new(Exit::Usage, text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_socket_options_are_read_or_explained() {
        let classes = ["0", "63", "ef", "va", "le", "cs0", "cs7", "af11", "af43"].map(dscp);
        assert_eq!(classes, [0, 63, 46, 44, 1, 0, 56, 10, 38].map(Ok));
        for text in ["", "64", "-1", "cs8", "cs", "cs10", "af14", "af51", "af1", "ef1", "EF", "0x1"] {
            assert!(dscp(text).is_err_and(|hint| hint.contains("0 to 63")), "{text}");
        }
        assert_eq!((mark("7"), mark("0xffffffff")), (Ok(7), Ok(u32::MAX)));
        for text in ["", "-1", "x", "0x", "4294967296"] {
            assert!(mark(text).is_err_and(|hint| hint.contains("0x7")), "{text}");
        }
        assert_eq!(keepalive("off"), Ok(Keepalive::Off));
        assert_eq!(keepalive("1m 30s"), Ok(Keepalive::After(Duration::from_secs(90))));
        for text in ["1500ms", "10h", "0s", "on"] {
            assert!(keepalive(text).is_err_and(|hint| !hint.is_empty()), "{text}");
        }
        assert_eq!(buffer_size("64KiB"), Ok(65_536));
        assert!(buffer_size("0").is_err() && buffer_size("2GiB").is_err());
        assert_eq!(user_timeout("1500ms"), Ok(Duration::from_millis(1500)));
        assert!(user_timeout("10us").is_err() && user_timeout("30days").is_err());
        assert_eq!((on_or_off("on"), on_or_off("off")), (Ok(true), Ok(false)));
    }
}
