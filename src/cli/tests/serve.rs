//! Every option of `serve` in every mode: it is used, or refused, and never ignored.

use clap::{CommandFactory, Parser};

use super::{assert_all_known, assert_used_or_refused, name};
use crate::cli::serve::ServeArgs;
use crate::run::serve::Plan;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    serve: ServeArgs,
}

/// Each mode: its name and the groups it belongs to, and the words that request it. The groups: `all`; `many`: several clients;
/// `seen`: the bytes pass through this process; `raw`: of these, without a protocol of its own.
const MODES: &[(&str, &[&str])] = &[
    ("plain all seen raw", &[]),
    ("keep-open all many seen raw", &["--keep-open"]),
    ("broker all many seen raw", &["--broker"]),
    ("echo all many seen raw", &["--echo"]),
    ("discard all many seen raw", &["--discard"]),
    ("reply all many seen raw", &["--reply=x"]),
    ("script all many seen raw", &["--greet=x"]),
    ("exec all many seen raw", &["--sh=cat"]),
    ("socket all many", &["--exec-socket", "--", "cat"]),
    ("forward all many seen raw", &["--forward=127.0.0.1:1"]),
    ("datagrams", &["--forward=udp:127.0.0.1:1"]),
    ("socks all many seen raw", &["--socks"]),
    ("store all many seen", &["--store=/"]),
    ("share all many seen", &["--share=/"]),
    ("stdio", &["--store=/", "stdio:"]),
];

/// Options, each with a value, and the modes or groups that use it. Those of a script ask for that mode by themselves.
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
    ("--forward=tls:127.0.0.1:1 --target-ca=/x", "plain"),
    ("--forward=tls:127.0.0.1:1 --target-pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "plain"),
    ("--forward=tls:127.0.0.1:1 --target-name=a.example", "plain"),
    ("--forward=tls:127.0.0.1:1 --target-insecure", "plain"),
    ("--forward=tls:127.0.0.1:1 --target-insecure --target-ca=/x", ""),
    ("--forward=tls:127.0.0.1:1 --target-cert=/x --target-cert-key=/y", "plain"),
    ("--forward=tls:127.0.0.1:1 --target-cert=/x", ""),
    ("--forward=127.0.0.1:1 --target-cert=/x --target-cert-key=/y", ""),
    ("--forward=127.0.0.1:1 --target-insecure", ""),
    ("--forward=tls:unix:/x", ""),
    ("--socks-users=/dev/null", "socks"),
    ("--allow-target=127.0.0.1", "socks"),
    ("--deny-target=127.0.0.1", "socks"),
    ("--wire=text", "store"),
    ("--links=copy", "share"),
    ("--once", "store share stdio"),
    ("--keep-existing", "store stdio"),
    ("--max-size=1", "store stdio"),
    ("--max-entries=1", "store stdio"),
    ("--workers=2", "store share"),
    ("--digests=-", "store"),
    ("--digests=x", "store stdio"),
    ("--http", "store share"),
    ("--http=open", "store share"),
    ("--http --token=/dev/null", "store share"),
    ("--http=open --token=/dev/null", ""),
    ("--token=/dev/null", ""),
    ("--http --host=files.example", "store share"),
    ("--host=files.example", ""),
    ("--http --log=json", "store share"),
    ("--http --http-cert=/x --http-cert-key=/y", "store share"),
    ("--http --http-cert=/x", ""),
    ("--http-cert=/x --http-cert-key=/y", ""),
    ("--http-cert-key=/y", ""),
    ("--log=json", ""),
    ("--http --cache=10m", "share"),
    ("--cache=10m", ""),
    ("--http --site", "share"),
    ("--site", ""),
    ("--http --etag=content", "store share"),
    ("--etag=content", ""),
    ("--timeout=1s", "all stdio"),
    ("--tls --cert=/dev/null --cert-key=/dev/null", "raw"),
    ("--tls", ""),
    ("--cert=/dev/null --cert-key=/dev/null", ""),
    ("--tls --cert=/dev/null --cert-key=/dev/null --client-ca=/dev/null", "raw"),
    ("--tls --cert=/dev/null --cert-key=/dev/null --alpn=h2", "raw"),
    ("--tls --cert=/dev/null --cert-key=/dev/null --lax-end", "raw"),
    ("--tls --cert=/dev/null --cert-key=/dev/null --code", ""),
    ("--code", "seen"),
    ("--code-file=/dev/null", "seen"),
    ("--code --code-uses=2", "seen"),
    ("--code-uses=2", ""),
    ("--code --code-uses=0", ""),
    ("--open", "store share"),
    ("--open --code", ""),
    ("--open --key=/dev/null", "store share"),
    ("--clients=/x", "store share"),
    ("--clients=/x --key=/dev/null", "store share"),
    ("--clients=/x --code", "store share"),
    ("--clients=/x --code-uses=2", ""),
    ("--clients=/x --pair --code-uses=2", "store share"),
    ("--clients=/x --open", ""),
    ("--clients=/x --plain", ""),
    ("--pair", ""),
    ("--key=/dev/null", ""),
    ("--plain", "store share"),
    ("--plain --code", ""),
    ("--target-ca=/dev/null", ""),
    ("--target-cert=/x --target-cert-key=/y", ""),
    ("--target-pin=sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
    ("--target-name=a.example", ""),
    ("--target-insecure", ""),
    ("--max-clients=1", "many datagrams"),
    ("--max-per-source=1", "many datagrams"),
    ("--count=1", "many datagrams"),
    ("--full=refuse", "many datagrams"),
    ("--full=wait", "all stdio"),
    ("--accept-timeout=1s", "all datagrams"),
    ("--accept-proxy-protocol", "all"),
    ("--session-timeout=1s", "all stdio"),
    ("--allow=127.0.0.1", "all datagrams"),
    ("--deny=127.0.0.1", "all datagrams"),
    ("--metrics=0", "all datagrams"),
    ("--metrics=stdio:", ""),
    ("--idle-timeout=1s", "seen stdio datagrams"),
    ("--limit-rate=1MB", "seen stdio"),
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
    ("--tee-in=/dev/null", "raw"),
    ("--tee-out=/dev/null", "raw"),
    ("--hex-dump=/dev/null", "raw"),
    ("--tee-append", ""),
    ("--tee-append --tee-in=/dev/null", "raw"),
    ("--ipv4", "all datagrams"),
    ("--ipv6", "all datagrams"),
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
    // What would have nothing to do.
    ("--label --send-only", ""),
    ("--slow=drop --recv-only", ""),
    ("--send-only --recv-only", ""),
    ("--timeout=1s --accept-timeout=1s", "forward socks store share"),
];

fn plan(mode: &[&str], options: &str) -> Option<Plan> {
    let endpoint = match mode {
        mode if mode.contains(&"stdio:") => None,
        mode if mode.iter().any(|word| word.contains("udp:")) => Some("udp:0"),
        _ => Some("0"),
    };
    let line =
        ["serve"].into_iter().chain(endpoint).chain(options.split_whitespace()).chain(mode.iter().copied());
    Line::try_parse_from(line).ok()?.serve.plan().ok()
}

fn is_taken(mode: &[&str], options: &str) -> bool {
    plan(mode, options).is_some()
}

/// True for the two options of one variant of `Mode`: `--store` and `--share`, `--exec` and `--exec-socket`.
fn is_one_mode(one: &str, other: &str) -> bool {
    let pairs = [("store", "share"), ("exec", "socket"), ("store", "stdio"), ("share", "stdio")];
    pairs.iter().any(|pair| *pair == (one, other) || *pair == (other, one))
}

#[test]
fn every_option_is_used_or_refused_in_every_mode() {
    assert_used_or_refused(OPTIONS, MODES, is_taken);
}

#[test]
fn transfers_have_a_default_port() {
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
            let (one, other) = (name(one), name(other));
            let are_transfers = [one, other].iter().all(|mode| ["store", "share", "stdio"].contains(mode));
            let may_go_together = one == other || are_transfers;
            // The command comes last.
            let (mode, more) = if one == "socket" { (more, mode) } else { (mode, more) };
            let both = [*mode, *more].concat();
            assert!(may_go_together || !is_taken(&both, ""), "{one} with {other}");
        }
    }
}

#[test]
fn each_mode_is_planned_as_itself() {
    let planned = |mode: &[&str]| std::mem::discriminant(&plan(mode, "").expect("a plan").mode);
    for (at, (one, mode)) in MODES.iter().enumerate() {
        for (other, more) in &MODES[at + 1..] {
            let is_same = planned(mode) == planned(more);
            assert_eq!(is_same, is_one_mode(name(one), name(other)), "{one} and {other}");
        }
    }
}

#[test]
fn no_option_is_missing_here() {
    assert_all_known(&Line::command(), OPTIONS, MODES);
}

#[test]
fn with_http_a_source_has_more_connections_but_not_all() {
    let limits = |options: &str| {
        let limits = plan(&["--share", "."], options).expect("a plan").limits;
        (limits.per_source, limits.max_clients)
    };
    assert_eq!(limits(""), (16, 100));
    assert_eq!(limits("--http"), (80, 100));
    assert_eq!(limits("--http --max-per-source 9"), (9, 100));
}
