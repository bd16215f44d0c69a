//! Every option of `serve` in every mode: it is used, or refused, and never ignored.

use clap::{CommandFactory, Parser};

use super::{assert_all_known, assert_used_or_refused};
use crate::cli::serve::ServeArgs;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeArgs,
}

/// What asks for each mode.
const MODES: &[(&str, &[&str])] = &[
    ("plain", &[]),
    ("keep-open", &["--keep-open"]),
    ("broker", &["--broker"]),
    ("echo", &["--echo"]),
    ("discard", &["--discard"]),
    ("reply", &["--reply=x"]),
    ("script", &["--greet=x"]),
    ("exec", &["--sh=cat"]),
    ("socket", &["--exec-socket", "--", "cat"]),
    ("forward", &["--forward=127.0.0.1:1"]),
    ("socks", &["--socks"]),
    ("store", &["--store=/"]),
    ("share", &["--share=/"]),
];

const ALL: &str = "plain keep-open broker echo discard reply script exec socket forward socks store share";
const MANY: &str = "keep-open broker echo discard reply script exec socket forward socks store share";
/// Those whose bytes pass through this process.
const SEEN: &str = "plain keep-open broker echo discard reply script exec forward socks store share";
/// Of these, those without a protocol of their own.
const RAW: &str = "plain keep-open broker echo discard reply script exec forward socks";

/// Options, each with a value, and the modes that use it. Those of a script ask for that mode by themselves.
const OPTIONS: &[(&str, &str)] = &[
    ("--label", "keep-open"),
    ("--chat", "broker"),
    ("--join", "broker"),
    ("--slow=drop", "keep-open broker"),
    ("--answer=x=y", "plain script"),
    ("--otherwise=x", "plain script"),
    ("--hang-up=x", "plain script"),
    ("--unit=chunk", "script"),
    ("--pty", "exec"),
    ("--proxy-protocol=v1", "forward"),
    ("--socks-users=/dev/null", "socks"),
    ("--allow-target=127.0.0.1", "socks"),
    ("--deny-target=127.0.0.1", "socks"),
    ("--wire=text", "store"),
    ("--links=copy", "share"),
    ("--once", "store share"),
    ("--keep-existing", "store"),
    ("--max-size=1", "store"),
    ("--max-entries=1", "store"),
    ("--digests=-", "store"),
    ("--timeout=1s", ALL),
    ("--max-clients=1", MANY),
    ("--max-per-source=1", MANY),
    ("--count=1", MANY),
    ("--full=refuse", MANY),
    ("--accept-timeout=1s", ALL),
    ("--accept-proxy-protocol", ALL),
    ("--session-timeout=1s", ALL),
    ("--allow=127.0.0.1", ALL),
    ("--deny=127.0.0.1", ALL),
    ("--idle-timeout=1s", SEEN),
    ("--limit-rate=1MB", SEEN),
    ("--send-only", "plain keep-open"),
    ("--recv-only", "plain keep-open"),
    ("--end-when=peer", "plain exec"),
    ("--end-when=input", "plain"),
    ("--no-half-close", "plain"),
    ("--linger=1s", "plain"),
    ("--wait-greeting", "plain"),
    ("--crlf", "plain exec"),
    ("--line-delay=1s", "plain"),
    ("--telnet", "plain"),
    ("--frame=u8", "plain"),
    ("--each=all", ""),
    ("--frame=u8 --each=all", "plain"),
    ("--frame-out=json", ""),
    ("--frame=u8 --frame-out=json", "plain"),
    ("--max-message=1KB", ""),
    ("--frame=u8 --max-message=1KB", "plain"),
    ("--tee-in=/dev/null", RAW),
    ("--tee-out=/dev/null", RAW),
    ("--hex-dump=/dev/null", RAW),
    ("--tee-append", ""),
    ("--tee-append --tee-in=/dev/null", RAW),
    ("--ipv4", ALL),
    ("--ipv6", ALL),
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
    // What would have nothing to do.
    ("--label --send-only", ""),
    ("--slow=drop --recv-only", ""),
    ("--send-only --recv-only", ""),
    ("--timeout=1s --accept-timeout=1s", "forward socks store share"),
];

fn is_taken(mode: &[&str], options: &str) -> bool {
    let line = ["serve", "0"].into_iter().chain(options.split_whitespace()).chain(mode.iter().copied());
    Line::try_parse_from(line).is_ok_and(|line| line.serve.plan().is_ok())
}

#[test]
fn every_option_is_used_or_refused_in_every_mode() {
    assert_used_or_refused(OPTIONS, MODES, is_taken);
}

#[test]
fn transfers_listen_here_unless_told_otherwise() {
    let endpoints = |words: &[&str]| {
        let line = Line::try_parse_from([&["serve"], words].concat()).expect("words");
        let plan = line.serve.plan().map_err(|error| error.to_string())?;
        Ok::<_, String>(plan.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    for (words, due) in [
        (&["--store=/"][..], "7255"),
        (&["--share=/"], "7255"),
        (&["--store=/", "--share=/"], "7255"),
        (&["--store=/", "localhost"], "localhost:7255"),
        (&["--store=/", "9000"], "9000"),
        (&["--store=/", "localhost", "9000"], "localhost:9000"),
    ] {
        assert_eq!(endpoints(words), Ok(vec![due.to_owned()]), "{words:?}");
    }
    let hint = endpoints(&["--echo"]).expect_err("no endpoint");
    assert!(hint.contains("PORT for this machine only"), "{hint}");
}

#[test]
fn modes_do_not_go_together() {
    for (one, mode) in &MODES[1..] {
        for (other, more) in &MODES[1..] {
            let is_pair = one == other || matches!((*one, *other), ("store", "share") | ("share", "store"));
            // The command comes last.
            let (mode, more) = if *one == "socket" { (more, mode) } else { (mode, more) };
            let both = [*mode, *more].concat();
            assert!(is_pair || !is_taken(&both, ""), "{one} with {other}");
        }
    }
}

#[test]
fn no_option_is_missing_here() {
    assert_all_known(&Line::command(), OPTIONS, MODES);
}
