//! Every option of `download` from a server of sendall and from web servers: it is used, or refused, and never ignored.

use clap::{CommandFactory, Parser};

use super::{assert_all_known, assert_used_or_refused};
use crate::cli::download::DownloadArgs;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    download: DownloadArgs,
}

/// What the file comes from, and its group: `native` and `program` by the native protocol, or `web` by URL.
const WAYS: &[(&str, &[&str])] = &[
    ("native all", &["127.0.0.1:1", "f"]),
    ("ssh program all", &["ssh://host/dir", "f"]),
    ("via program all", &["--via=cmd", "f"]),
    ("http web all", &["http://127.0.0.1:1/f"]),
    ("https web all", &["https://127.0.0.1:1/f"]),
    ("both web all", &["http://127.0.0.1:1/f", "https://127.0.0.1:2/f"]),
];

/// Options, each with a value, and the ways or groups that use it.
const OPTIONS: &[(&str, &str)] = &[
    ("--output=x", "all"),
    ("--output=-", "all"),
    ("--force", "all"),
    ("--max-size=1", "all"),
    ("--max-entries=1", "native program"),
    ("--list", "native program"),
    ("--list --force", ""),
    ("--digests=-", "all"),
    ("--retry=1", "all"),
    ("--retry-delay=1s", ""),
    ("--retry=1 --retry-delay=1s", "all"),
    ("--connections=1", "all"),
    ("--connections=2", "native web"),
    ("--idle-timeout=1s", "all"),
    ("--limit-rate=1MB", "all"),
    ("--timeout=1s", "all"),
    ("--proxy=http://127.0.0.1:1", "native web"),
    ("--proxy-password-file=/dev/null", ""),
    ("--proxy=http://ann@127.0.0.1:1 --proxy-password-file=/dev/null", "native web"),
    ("--code", "native"),
    ("--code-file=/dev/null", "native"),
    ("--key=/dev/null", "native"),
    ("--trust-new", "native"),
    ("--plain", "native"),
    ("--pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "native https both"),
    ("--pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA --ca=/dev/null", ""),
    ("--ca=/dev/null", "https both"),
    ("--ssh=x", "ssh"),
    ("--ssh=x|y", ""),
    ("--remote-command=x", "ssh"),
    ("--remote-command=", ""),
    ("--source=127.0.0.1", "native web"),
    ("--interface=lo", "native web"),
    ("--ipv4", "native web"),
    ("--ipv6", "native web"),
    ("--nodelay=off", "native web"),
    ("--keepalive=1s", "native web"),
    ("--ttl=1", "native web"),
    ("--dscp=1", "native web"),
    ("--sndbuf=1KiB", "native web"),
    ("--rcvbuf=1KiB", "native web"),
    ("--mark=1", "native web"),
    ("--user-timeout=1s", "native web"),
    ("--congestion=x", "native web"),
    ("--mptcp", "native web"),
];

fn is_taken(way: &[&str], options: &str) -> bool {
    let line = ["download"].into_iter().chain(options.split_whitespace()).chain(way.iter().copied());
    Line::try_parse_from(line).is_ok_and(|line| line.download.plan().is_ok())
}

#[test]
fn every_option_is_used_or_refused_for_every_server() {
    assert_used_or_refused(OPTIONS, WAYS, is_taken);
}

#[test]
fn no_option_is_missing_here() {
    assert_all_known(&Line::command(), OPTIONS, WAYS);
}
