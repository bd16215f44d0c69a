//! Options of nc and ncat, and what they mean here.

/// What an option means.
#[derive(Clone, Copy)]
pub(super) enum Does {
    Listen,
    KeepOpen,
    Datagrams,
    UnixSocket,
    Probe,
    /// Nothing that has to be typed here.
    Nothing,
    /// These words.
    Add(&'static [&'static str]),
    /// This option, with the value as it is.
    With(&'static str),
    /// This option, with the value as a duration: seconds, unless it has a unit.
    Lasting(&'static str),
    /// This option, with the value after an @.
    FromFile(&'static str),
    Wait,
    Quit,
    Port,
    Source,
    Proxy,
    ProxyType,
    ProxyUser,
    Packets,
    Class,
    Command,
    Shell,
    Tls {
        verified: bool,
    },
    Authorities,
    Vsock,
}

/// Letters of OpenBSD's nc, and those of the classic one that it does not have. True: the next word is the value.
pub(super) const NC: &[(char, bool, Does)] = &[
    ('l', false, Does::Listen),
    ('k', false, Does::KeepOpen),
    ('u', false, Does::Datagrams),
    ('U', false, Does::UnixSocket),
    ('z', false, Does::Probe),
    ('n', false, Does::Nothing),
    ('N', false, Does::Nothing),
    ('v', false, Does::Add(&["--verbose"])),
    ('4', false, Does::Add(&["-4"])),
    ('6', false, Does::Add(&["-6"])),
    ('d', false, Does::Add(&["--recv-only"])),
    ('C', false, Does::Add(&["--crlf"])),
    ('t', false, Does::Add(&["--telnet"])),
    ('b', false, Does::Add(&["--broadcast"])),
    ('w', true, Does::Wait),
    ('q', true, Does::Quit),
    ('p', true, Does::Port),
    ('s', true, Does::Source),
    ('x', true, Does::Proxy),
    ('X', true, Does::ProxyType),
    ('P', true, Does::ProxyUser),
    ('i', true, Does::Lasting("--line-delay")),
    ('I', true, Does::With("--rcvbuf")),
    ('O', true, Does::With("--sndbuf")),
    ('M', true, Does::With("--ttl")),
    ('T', true, Does::Class),
    ('W', true, Does::Packets),
    ('e', true, Does::Command),
    ('c', true, Does::Shell),
];

/// Letters that mean something else to ncat.
pub(super) const NCAT: &[(char, bool, Does)] = &[
    ('i', true, Does::Lasting("--idle-timeout")),
    ('d', true, Does::Lasting("--line-delay")),
    ('m', true, Does::With("--max-clients")),
    ('x', true, Does::With("--hex-dump")),
];

/// ncat's long options.
pub(super) const LONG: &[(&str, bool, Does)] = &[
    ("listen", false, Does::Listen),
    ("keep-open", false, Does::KeepOpen),
    ("udp", false, Does::Datagrams),
    ("unixsock", false, Does::UnixSocket),
    ("vsock", false, Does::Vsock),
    ("nodns", false, Does::Nothing),
    ("verbose", false, Does::Add(&["--verbose"])),
    ("crlf", false, Does::Add(&["--crlf"])),
    ("telnet", false, Does::Add(&["--telnet"])),
    ("send-only", false, Does::Add(&["--send-only"])),
    ("recv-only", false, Does::Add(&["--recv-only"])),
    ("no-shutdown", false, Does::Add(&["--no-half-close"])),
    ("broker", false, Does::Add(&["--broker"])),
    ("chat", false, Does::Add(&["--broker", "--chat"])),
    ("exec", true, Does::Command),
    ("sh-exec", true, Does::Shell),
    ("source", true, Does::Source),
    ("source-port", true, Does::Port),
    ("wait", true, Does::Lasting("--timeout")),
    ("idle-timeout", true, Does::Lasting("--idle-timeout")),
    ("delay", true, Does::Lasting("--line-delay")),
    ("max-conns", true, Does::With("--max-clients")),
    ("hex-dump", true, Does::With("--hex-dump")),
    ("allow", true, Does::With("--allow")),
    ("deny", true, Does::With("--deny")),
    ("allowfile", true, Does::FromFile("--allow")),
    ("denyfile", true, Does::FromFile("--deny")),
    ("proxy", true, Does::Proxy),
    ("proxy-type", true, Does::ProxyType),
    ("ssl", false, Does::Tls { verified: false }),
    ("ssl-verify", false, Does::Tls { verified: true }),
    ("ssl-cert", true, Does::With("--cert")),
    ("ssl-key", true, Does::With("--cert-key")),
    ("ssl-trustfile", true, Does::Authorities),
    ("ssl-servername", true, Does::With("--server-name")),
    ("ssl-alpn", true, Does::With("--alpn")),
];

/// Options by which a call is one of ncat and not of nc, but for those that sendall has, too.
pub(super) fn is_ncats(word: &str) -> bool {
    let name = word.strip_prefix("--").map(|name| name.split('=').next().unwrap_or(name));
    name.is_some_and(|name| LONG.iter().any(|(long, ..)| *long == name))
}

/// Modes of `serve`, which say what happens with many clients.
pub(super) const MODES: [&str; 12] = [
    "--keep-open",
    "--broker",
    "--echo",
    "--discard",
    "--reply",
    "--greet",
    "--answer",
    "--otherwise",
    "--hang-up",
    "--forward",
    "--socks",
    "--exec",
];
