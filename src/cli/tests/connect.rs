//! Every option of `connect` in every way it can be used: it has an effect, or is refused, and is never ignored.

use clap::{CommandFactory, Parser};

use super::{assert_all_known, assert_used_or_refused};
use crate::cli::connect::ConnectArgs;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    connect: ConnectArgs,
}

/// What asks for each way.
const WAYS: &[(&str, &[&str])] = &[
    ("stdio", &[]),
    ("probe", &["--probe"]),
    ("datagrams", &["--probe", "udp:127.0.0.1:1"]),
    ("exec", &["--sh=cat"]),
    ("socket", &["--exec-socket", "--", "cat"]),
];

const ALL: &str = "stdio probe exec socket";
const ANY: &str = "stdio probe datagrams exec socket";

/// Options, each with a value, and the ways in which they are used.
const OPTIONS: &[(&str, &str)] = &[
    ("--timeout=1s", ANY),
    ("--retry=1", ANY),
    ("--retry-delay=1s", ""),
    ("--retry=1 --retry-delay=1s", ANY),
    ("--within=1s", "probe datagrams"),
    ("--send=x", "datagrams"),
    ("--within=1s --retry-delay=1s", "probe datagrams"),
    ("--proxy=http://127.0.0.1:1", ALL),
    ("--proxy-password-file=/dev/null", ""),
    ("--proxy=http://127.0.0.1:1 --proxy-password-file=/dev/null", ""),
    ("--proxy=socks4://ann@127.0.0.1:1 --proxy-password-file=/dev/null", ""),
    ("--proxy=http://ann@127.0.0.1:1 --proxy-password-file=/dev/null", ALL),
    ("--tls", "stdio exec"),
    ("--tls --ca=/dev/null", "stdio exec"),
    ("--ca=/dev/null", ""),
    ("--tls --pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "stdio exec"),
    ("--tls --pin=sha256:x", ""),
    ("--tls --server-name=a.example", "stdio exec"),
    ("--tls --insecure", "stdio exec"),
    ("--tls --insecure --ca=/dev/null", ""),
    ("--insecure", ""),
    ("--tls --cert=/dev/null --cert-key=/dev/null", "stdio exec"),
    ("--tls --cert=/dev/null", ""),
    ("--tls --alpn=h2,http/1.1", "stdio exec"),
    ("--tls --lax-end", "stdio exec"),
    ("--code", "stdio exec"),
    ("--code-file=/dev/null", "stdio exec"),
    ("--code --code-file=/dev/null", ""),
    ("--code --tls", ""),
    ("--code --pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "stdio exec"),
    ("--pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
    ("--code --key=/dev/null", "stdio exec"),
    ("--key=/dev/null", ""),
    ("--starttls=smtp", "stdio exec"),
    ("--starttls=smtp --tls --insecure", "stdio exec"),
    ("--starttls=smtp --lax-end", "stdio exec"),
    ("--starttls=telnet", ""),
    ("--idle-timeout=1s", "stdio exec"),
    ("--limit-rate=1MB", "stdio exec"),
    ("--send-only", "stdio"),
    ("--recv-only", "stdio"),
    ("--end-when=peer", "stdio exec"),
    ("--no-half-close", "stdio"),
    ("--linger=1s", "stdio"),
    ("--linger=1s --send-only", ""),
    ("--wait-greeting", "stdio"),
    ("--crlf", "stdio exec"),
    ("--line-delay=1s", "stdio"),
    ("--telnet", "stdio"),
    ("--frame=u8", "stdio"),
    ("--frame=u8 --each=all", "stdio"),
    ("--frame=u8 --frame-out=json", "stdio"),
    ("--frame=u8 --max-message=1KB", "stdio"),
    ("--tee-in=/dev/null", "stdio exec"),
    ("--tee-out=/dev/null", "stdio exec"),
    ("--hex-dump=/dev/null", "stdio exec"),
    ("--tee-append --tee-in=/dev/null", "stdio exec"),
    ("--tee-append", ""),
    ("--pty", "exec"),
    ("--fastopen", "stdio"),
    ("--source=127.0.0.1", ANY),
    ("--interface=lo", ALL),
    ("--ipv4", ANY),
    ("--ipv6", ANY),
    ("--nodelay=off", ALL),
    ("--keepalive=1s", ALL),
    ("--ttl=1", ALL),
    ("--dscp=1", ALL),
    ("--sndbuf=1KiB", ALL),
    ("--rcvbuf=1KiB", ALL),
    ("--mark=1", ALL),
    ("--user-timeout=1s", ALL),
    ("--congestion=x", ALL),
    ("--mptcp", ALL),
];

fn is_taken(way: &[&str], options: &str) -> bool {
    let line =
        ["connect", "127.0.0.1:1"].into_iter().chain(options.split_whitespace()).chain(way.iter().copied());
    Line::try_parse_from(line).is_ok_and(|line| line.connect.plan().is_ok())
}

#[test]
fn every_option_is_used_or_refused_in_every_way() {
    assert_used_or_refused(OPTIONS, WAYS, is_taken);
}

#[test]
fn no_option_is_missing_here() {
    assert_all_known(&Line::command(), OPTIONS, WAYS);
}
