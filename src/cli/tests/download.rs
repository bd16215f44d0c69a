//! Every option of `download` from a server of sendall and from web servers: it is used, or refused, and never ignored.

use clap::{CommandFactory, Parser};

use super::{assert_all_known, assert_used_or_refused};
use crate::cli::download::DownloadArgs;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    download: DownloadArgs,
}

/// What the file comes from, and its group: `native`, or `web` by URL.
const WAYS: &[(&str, &[&str])] = &[
    ("native all", &["127.0.0.1:1", "f"]),
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
    ("--max-entries=1", "native"),
    ("--list", "native"),
    ("--list --force", ""),
    ("--digests=-", "all"),
    ("--retry=1", "all"),
    ("--retry-delay=1s", ""),
    ("--retry=1 --retry-delay=1s", "all"),
    ("--connections=2", "all"),
    ("--idle-timeout=1s", "all"),
    ("--limit-rate=1MB", "all"),
    ("--timeout=1s", "all"),
    ("--proxy=http://127.0.0.1:1", "all"),
    ("--proxy-password-file=/dev/null", ""),
    ("--proxy=http://ann@127.0.0.1:1 --proxy-password-file=/dev/null", "all"),
    ("--code", "native"),
    ("--code-file=/dev/null", "native"),
    ("--key=/dev/null", "native"),
    ("--trust-new", "native"),
    ("--plain", "native"),
    ("--pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "native https both"),
    ("--pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA --ca=/dev/null", ""),
    ("--ca=/dev/null", "https both"),
    ("--source=127.0.0.1", "all"),
    ("--interface=lo", "all"),
    ("--ipv4", "all"),
    ("--ipv6", "all"),
    ("--nodelay=off", "all"),
    ("--keepalive=1s", "all"),
    ("--ttl=1", "all"),
    ("--dscp=1", "all"),
    ("--sndbuf=1KiB", "all"),
    ("--rcvbuf=1KiB", "all"),
    ("--mark=1", "all"),
    ("--user-timeout=1s", "all"),
    ("--congestion=x", "all"),
    ("--mptcp", "all"),
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
