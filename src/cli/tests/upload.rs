//! Every option of `upload` to a server on the network and to one behind a program: it is used, or refused, and never ignored.

use clap::{CommandFactory, Parser};

use super::{assert_all_known, assert_used_or_refused};
use crate::cli::upload::UploadArgs;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    upload: UploadArgs,
}

/// Where the files go, and its group.
const WAYS: &[(&str, &[&str])] = &[
    ("native all", &["f", "127.0.0.1:1"]),
    ("ssh program all", &["f", "ssh://host/dir"]),
    ("scp program all", &["f", "ssh:ann@host:dir"]),
    ("via program all", &["f", "--via=cmd x"]),
];

/// Options, each with a value, and the ways or groups that use it.
const OPTIONS: &[(&str, &str)] = &[
    ("--force", "all"),
    ("--name=x", ""),
    ("--name=x -", "all"),
    ("--name=x --sh=date", "all"),
    ("--sh=date", ""),
    ("--links=copy", "all"),
    ("--include=x", "all"),
    ("--exclude=x", "all"),
    ("--dry-run", "all"),
    ("--digests=-", "all"),
    ("--retry=1", "all"),
    ("--retry=1 --retry-delay=1s", "all"),
    ("--wire=text", "native"),
    ("--timeout=1s", "all"),
    ("--idle-timeout=1s", "all"),
    ("--limit-rate=1MB", "all"),
    ("--connections=1", "all"),
    ("--connections=2", "native"),
    ("--ssh=x", "ssh scp"),
    ("--ssh='", ""),
    ("--remote-command=x", "ssh scp"),
    ("--proxy=http://127.0.0.1:1", "native"),
    ("--proxy=http://ann@127.0.0.1:1 --proxy-password-file=/dev/null", "native"),
    ("--code", "native"),
    ("--code-file=/dev/null", "native"),
    ("--key=/dev/null", "native"),
    ("--trust-new", "native"),
    ("--plain", "native"),
    ("--pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "native"),
    ("--source=127.0.0.1", "native"),
    ("--interface=lo", "native"),
    ("--ipv4", "native"),
    ("--ipv6", "native"),
    ("--nodelay=off", "native"),
    ("--keepalive=1s", "native"),
    ("--ttl=1", "native"),
    ("--dscp=1", "native"),
    ("--sndbuf=1KiB", "native"),
    ("--rcvbuf=1KiB", "native"),
    ("--mark=1", "native"),
    ("--user-timeout=1s", "native"),
    ("--congestion=x", "native"),
    ("--mptcp", "native"),
];

fn is_taken(way: &[&str], options: &str) -> bool {
    let line = ["upload"].into_iter().chain(options.split_whitespace()).chain(way.iter().copied());
    let Ok(line) = Line::try_parse_from(line) else { return false };
    // The files decide between two readings, of which one is that of two words.
    line.upload.plan().is_ok_and(|plan| plan.last_word.is_ok())
}

#[test]
fn every_option_is_used_or_refused_for_every_server() {
    assert_used_or_refused(OPTIONS, WAYS, is_taken);
}

#[test]
fn no_option_is_missing_here() {
    assert_all_known(&Line::command(), OPTIONS, WAYS);
}
