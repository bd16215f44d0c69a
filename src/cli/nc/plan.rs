//! The plan of an invocation of nc. Nothing is opened here.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::rc::Rc;
use std::time::Duration;

use super::letters::Letters;
use super::values::{class, command, number, port, ports, quit_seconds, seconds, unix};
use crate::net::child::{ChildStdio, Program};
use crate::net::endpoint::{Endpoint, Host};
use crate::net::local_end::{LocalEnd, SourceAddress};
use crate::net::options::{Family, SocketOptions};
use crate::net::udp;
use crate::relay::nc::NcOptions;
use crate::relay::options::{OutputFormat, RecordOptions, RelayOptions, ToolOptions};
use crate::relay::proxies::Route;
use crate::run::dialer::ConnectorPlan;
use crate::run::nc::{NcConnect, NcTask, Plan};

/// The limit for connecting where none was typed: the system gives up before.
const NO_LIMIT: Duration = Duration::from_secs(60 * 60);
/// The largest buffer of `-I` and `-O`.
const MAX_BUFFER_BYTES: u64 = 1 << 30;
/// The ports of proxies that are typed without one.
const SOCKS_PORT: &str = "1080";
const HTTP_PROXY_PORT: &str = "3128";

/// Letters that exclude each other: each letter of the first column any of the second, and why.
const CONFLICTS: &[(char, &str, &str)] = &[
    ('l', "z", "cannot use -z and -l"),
    ('l', "x", "cannot use -x and -l"),
    ('l', "G", "-G limits connecting: leave it out with -l"),
    ('x', "u", "no proxy support for UDP mode"),
    ('x', "U", "no proxy support for unix sockets"),
    ('x', "s", "no proxy support for local source address"),
    ('u', "e", "-e goes with streams: type 'sendall udp-listen --exec -- CMD' for datagrams"),
    ('u', "c", "-c goes with streams: type 'sendall udp-listen --sh LINE' for datagrams"),
    ('e', "c", "-e and -c exclude each other"),
    ('z', "ec", "-z sends nothing: leave out the command"),
    ('U', "4", "a Unix socket has no family: leave out -4"),
    ('U', "6", "a Unix socket has no family: leave out -6"),
    ('4', "6", "-4 and -6 exclude each other"),
    ('U', "p", "a Unix socket has no port: leave out -p"),
    ('U', "TMD", "a Unix socket has none of these: leave out -T, -M and -D"),
    ('e', "tdi", "the command has the connection: leave out -t, -d and -i"),
    ('c', "tdi", "the command has the connection: leave out -t, -d and -i"),
    ('e', "Wq", "the command ends the connection: leave out -W and -q"),
    ('c', "Wq", "the command ends the connection: leave out -W and -q"),
];

/// What is listened on or connected to.
struct Place {
    /// None: every interface, or a Unix socket.
    host: Option<String>,
    ports: Vec<OsString>,
    unix: Option<Endpoint>,
}

/// Validates letters and operands. The error is nc's line.
pub(super) fn plan(letters: &Letters) -> Result<Plan, String> {
    check(letters)?;
    let place = place(letters)?;
    let options = session_options(letters)?;
    let task = match letters.has('l') {
        true => listen(letters, &place)?,
        false => connect(letters, place, &options)?,
    };
    Ok(Plan { task, options, is_verbose: letters.has('v'), is_numeric: letters.has('n') })
}

fn check(letters: &Letters) -> Result<(), String> {
    for (one, others, why) in CONFLICTS {
        if letters.has(*one) && letters.first_of(others).is_some() {
            return Err((*why).into());
        }
    }
    for (needing, needed) in [('k', 'l'), ('X', 'x'), ('P', 'x'), ('b', 'u')] {
        if letters.has(needing) && !letters.has(needed) {
            return Err(format!("must use -{needed} with -{needing}"));
        }
    }
    if letters.has('k') && letters.has('u') && letters.first_of("iCNq").is_some() {
        return Err("with -k and -u nothing is sent: leave out -i, -C, -N and -q".into());
    }
    Ok(())
}

fn place(letters: &Letters) -> Result<Place, String> {
    let is_listener = letters.has('l');
    let text = |word: &OsString| {
        word.to_str().map(str::to_owned).ok_or_else(|| "a host is text in UTF-8".to_owned())
    };
    if letters.has('U') {
        let [path] = &letters.operands[..] else {
            return Err("type one path with -U: nc -U PATH, nc -lU PATH (see nc -h)".into());
        };
        return Ok(Place { host: None, ports: Vec::new(), unix: Some(unix(path)?) });
    }
    let source = letters.text('s')?.map(str::to_owned);
    let listening_port = letters.raw('p').filter(|_| is_listener).map(OsString::from);
    match (&letters.operands[..], listening_port) {
        ([], Some(port)) => Ok(Place { host: source, ports: vec![port], unix: None }),
        ([_, ..], Some(_)) => {
            Err("-l -p PORT says where to listen: leave out the operand, type -s ADDRESS for an address"
                .into())
        }
        ([port], None) if is_listener => Ok(Place { host: source, ports: vec![port.clone()], unix: None }),
        ([_host, _port], None) if is_listener && source.is_some() => {
            Err("-s is the address to listen on: leave it or the host out".into())
        }
        ([host, port], None) if is_listener => {
            Ok(Place { host: Some(text(host)?), ports: vec![port.clone()], unix: None })
        }
        ([host, ports @ ..], None) if !is_listener && !ports.is_empty() => {
            Ok(Place { host: Some(text(host)?), ports: ports.to_vec(), unix: None })
        }
        ([], None) if is_listener => Err("missing port number: type nc -l PORT".into()),
        ([_, _, ..], None) => Err("type nc -l [HOST] PORT: one port".into()),
        _ => Err("missing port number: type nc HOST PORT, or nc -l PORT to listen (see nc -h)".into()),
    }
}

fn family(letters: &Letters) -> Option<Family> {
    letters.first_of("46").map(|letter| if letter == '4' { Family::V4 } else { Family::V6 })
}

/// Seconds of a letter; 0 stands for no limit.
fn limit(letters: &Letters, letter: char, what: &str) -> Result<Option<Duration>, String> {
    let typed = letters.text(letter)?.map(|text| seconds(text, what)).transpose()?;
    Ok(typed.filter(|time| !time.is_zero()))
}

/// How a connection is joined, and ends.
fn session_options(letters: &Letters) -> Result<NcOptions, String> {
    let silence = limit(letters, 'w', "timeout")?;
    let mut quit = letters.text('q')?.map(quit_seconds).transpose()?.flatten();
    if letters.text('w')? == Some("0") {
        // Where nc ends as soon as it has to wait.
        quit = Some(Duration::ZERO);
    }
    let is_program = letters.has('e') || letters.has('c');
    // With -k datagrams come from everybody, and the socket stays: nc listens again.
    let is_open_ended = letters.has('u') && letters.has('k');
    let interval = limit(letters, 'i', "interval")?;
    let relay = RelayOptions {
        idle_timeout: silence.filter(|_| !is_program && !is_open_ended),
        limit_rate: None,
        send_only: false,
        recv_only: letters.has('d') || is_open_ended,
        end_when: None,
        no_half_close: false,
        linger: None,
        wait_greeting: false,
        tools: ToolOptions {
            crlf: letters.has('C'),
            line_delay: interval,
            telnet: letters.has('t'),
            frame: None,
            input_split: None,
            output_format: OutputFormat::Line,
            max_message: 0,
        },
        records: RecordOptions::default(),
    };
    let max_receives = letters.text('W')?.map(|text| number(text, "receive limit", 1..=i32::MAX as u64));
    let program = match (letters.raw('e'), letters.raw('c')) {
        (Some(line), _) => {
            let mut words = command(line)?;
            let args = words.split_off(1);
            words.pop().map(|name| Program { name, args, stdio: ChildStdio::Pipes })
        }
        (None, Some(line)) => {
            let args = vec!["-c".into(), line.to_owned()];
            Some(Program { name: "/bin/sh".into(), args, stdio: ChildStdio::Pipes })
        }
        (None, None) => None,
    };
    Ok(NcOptions {
        relay,
        passes_end: letters.has('N'),
        quit,
        max_receives: max_receives.transpose()?,
        program: program.map(Rc::new),
    })
}

fn socket_options(letters: &Letters) -> Result<SocketOptions, String> {
    let buffer = |letter, what| -> Result<Option<usize>, String> {
        let typed = letters.text(letter)?.map(|text| number(text, what, 1..=MAX_BUFFER_BYTES));
        Ok(typed.transpose()?.map(|bytes| bytes as usize))
    };
    let ttl = letters.text('M')?.map(|text| number(text, "ttl", 1..=255)).transpose()?;
    Ok(SocketOptions {
        family: family(letters),
        ttl: ttl.map(|ttl| ttl as u8),
        dscp: letters.text('T')?.map(class).transpose()?,
        send_buffer_bytes: buffer('O', "TCP send window")?,
        receive_buffer_bytes: buffer('I', "TCP receive window")?,
        is_debugged: letters.has('D'),
        ..SocketOptions::default()
    })
}

/// The options of datagram sockets, with `-s` and `-p`.
fn datagram_options(letters: &Letters) -> Result<udp::Options, String> {
    if let Some(letter) = letters.first_of("DIOTt") {
        return Err(format!("-{letter} is for streams: leave it out with -u"));
    }
    let is_client = !letters.has('l');
    let ttl = socket_options(letters)?.ttl;
    if ttl.is_some() && !is_client {
        return Err("-M is for what is sent: leave it out with -l and -u".into());
    }
    let unix_bind_path = letters.raw('s').filter(|_| letters.has('U') && is_client).map(unix).transpose()?;
    Ok(udp::Options {
        source: if letters.has('U') || !is_client { None } else { source(letters)? },
        unix_bind_path,
        family: family(letters),
        ttl,
        broadcast: letters.has('b'),
        ..udp::Options::default()
    })
}

/// The local end of `-s` and `-p`, of a client.
fn source(letters: &Letters) -> Result<Option<SourceAddress>, String> {
    let port = letters.text('p')?.map(port).transpose()?;
    let address = letters.text('s')?;
    let text = match (address, port) {
        (None, None) => return Ok(None),
        (Some(address), None) => address.to_owned(),
        (None, Some(port)) => format!(":{port}"),
        (Some(address), Some(port)) if address.contains(':') => format!("[{address}]:{port}"),
        (Some(address), Some(port)) => format!("{address}:{port}"),
    };
    text.parse().map(Some).map_err(|hint: String| format!("-s and -p: {hint}"))
}

fn listen(letters: &Letters, place: &Place) -> Result<NcTask, String> {
    let keeps_listening = letters.has('k');
    let endpoint = match (&place.unix, &place.ports[..]) {
        (Some(unix), _) => unix.clone(),
        (None, [word]) => {
            let any = if letters.has('6') { "::" } else { "0.0.0.0" };
            let host = Host::Named(place.host.clone().unwrap_or_else(|| any.into()));
            let word = word.to_str().ok_or("port number invalid")?;
            Endpoint::Tcp { host, port: port(word)? }
        }
        (None, _) => return Err("type nc -l [HOST] PORT: one port".into()),
    };
    if letters.has('U') && letters.has('s') {
        return Err("-s is for clients of datagrams: leave it out with -lU".into());
    }
    Ok(match letters.has('u') {
        true => NcTask::ListenForDatagrams { endpoint, socket: datagram_options(letters)?, keeps_listening },
        false => NcTask::Listen { endpoint, socket: socket_options(letters)?, keeps_listening },
    })
}

fn connect(letters: &Letters, place: Place, options: &NcOptions) -> Result<NcTask, String> {
    let mut all = Vec::new();
    for word in &place.ports {
        all.extend(ports(word.to_str().ok_or("port number invalid")?)?);
    }
    if all.len() > 1 && options.program.is_some() {
        return Err("a command goes with one port".into());
    }
    let endpoint = match (place.unix, &place.host) {
        (Some(unix), _) => {
            all.push(0);
            unix
        }
        (None, host) => {
            let host = Host::Named(host.clone().unwrap_or_default());
            Endpoint::Tcp { host, port: all.first().copied().unwrap_or_default() }
        }
    };
    let is_unix = !matches!(endpoint, Endpoint::Tcp { .. });
    let datagrams = letters.has('u').then(|| datagram_options(letters)).transpose()?;
    if is_unix && letters.has('s') && datagrams.is_none() {
        return Err("-s with -U is for datagrams: type -u, or leave it out".into());
    }
    let url = proxy(letters)?;
    let route = Route::parse(url.as_slice(), &endpoint).map_err(|error| error.to_string())?;
    let source = if is_unix { None } else { source(letters)? };
    let local = LocalEnd { source, interface: None, options: socket_options(letters)? };
    let server = ConnectorPlan { endpoint, route, password_file: None, local, tls: None, trust: None };
    let limit = match limit(letters, 'G', "timeout")? {
        None => limit(letters, 'w', "timeout")?,
        limit => limit,
    };
    Ok(NcTask::Connect(Box::new(NcConnect {
        server,
        host: place.host,
        ports: all,
        datagrams,
        is_scan: letters.has('z'),
        limit: limit.unwrap_or(NO_LIMIT),
        interval: options.relay.tools.line_delay,
    })))
}

/// The URL of `-x`, `-X` and `-P`.
fn proxy(letters: &Letters) -> Result<Option<String>, String> {
    let Some(address) = letters.text('x')? else { return Ok(None) };
    let (scheme, default_port) = match letters.text('X')? {
        None | Some("5") => ("socks5", SOCKS_PORT),
        Some("4") => ("socks4", SOCKS_PORT),
        Some(text) if text.eq_ignore_ascii_case("connect") => ("http", HTTP_PROXY_PORT),
        Some(_) => return Err("unsupported proxy protocol: type 4, 5 or connect".into()),
    };
    let has_port = match address.strip_prefix('[') {
        Some(rest) => rest.contains("]:"),
        None => address.contains(':'),
    };
    let address = if has_port { address.to_owned() } else { format!("{address}:{default_port}") };
    let user = letters.text('P')?.map(|user| format!("{}@", encoded(user))).unwrap_or_default();
    Ok(Some(format!("{scheme}://{user}{address}")))
}

/// A user as a URL has it.
fn encoded(user: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    user.bytes().map(|b| if is_plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}
