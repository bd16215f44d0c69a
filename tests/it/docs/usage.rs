//! Wrong usage: exit code 2, one line, and the hint that helps.

use crate::harness::{In, Out, sendall};

/// Arguments, and what the line must contain.
const MISTAKES: &[(&[&str], &str)] = &[
    (&["connect"], "<ENDPOINT>"),
    (&["serve"], ":PORT for every interface"),
    (&["frobnicate"], "frobnicate"),
    (&["conect", "localhost:80"], "connect"),
    (&["connect", "localhost:80", "--idle"], "--idle-timeout"),
    (&["connect", "localhost:80", "--frob"], "--frob"),
    (&["connect", "localhost:80", "-v", "-q"], "--quiet"),
    (&["connect", "localhost:80", "--timeout"], "--timeout"),
    (&["connect", "localhost:80", "--timeout", "0s"], "longer than 0"),
    (&["connect", "localhost:80", "--timeout=-1s"], "10s"),
    (&["connect", "localhost:80", "--timeout=soon"], "10s"),
    (&["connect", "localhost:80", "--timeout", "1s", "--timeout", "2s"], "--timeout"),
    (&["serve", "0", "--idle-timeout", "0ms"], "longer than 0"),
    (&["serve", "0", "--idle-timeout", "99999999999999999999s"], "10s"),
    (&["serve", "0", "--end-when", "never"], "both"),
    (&["serve", "0", "--end-when"], "both"),
    (&["serve", "0", "--send-only", "--recv-only"], "--recv-only"),
    (&["serve", "0", "--send-only", "--end-when", "peer"], "--end-when"),
    (&["connect", "localhost"], "localhost:PORT"),
    (&["connect", "8080"], "localhost:8080"),
    (&["connect", ":8080"], "localhost:8080"),
    (&["connect", "localhost:"], "0 to 65535"),
    (&["connect", "localhost:no-such-service"], "0 to 65535"),
    (&["connect", "user@host:/tmp"], "type host:PORT"),
    (&["upload", "Cargo.toml", "user@host:/tmp"], "host:/tmp' names a path, as scp does"),
    (&["upload", "Cargo.toml", "localhost:", "9300"], "type localhost:9300"),
    (&["connect", "[::1]"], "type [::1]:PORT"),
    (&["connect", "localhost 9300"], "type localhost:9300"),
    (&["connect", "localhost:", "9300"], "type localhost:9300"),
    (&["connect", "tcp:127.0.0.1:80"], "type 127.0.0.1:80;"),
    (&["connect", "udp:127.0.0.1:53"], "type 127.0.0.1:53 with 'sendall udp-send'"),
    (&["connect", "--probe", "udp:127.0.0.1"], "127.0.0.1:PORT"),
    (&["udp-send", "udp:127.0.0.1:53", "x"], "type 127.0.0.1:53 with 'sendall udp-send'"),
    (&["serve", "::"], "type [::]:PORT"),
    (&["connect", "localhost:80", "--retry", "x"], "type a whole number"),
    (&["connect", "localhost:80", "--retry="], "type a whole number"),
    (&["connect", "localhost:80", "--retry", "99999999999"], "type a number from 0 to 4294967295"),
    (&["upload", "Cargo.toml", "localhost:1", "-j", "0"], "type a number from 1 to 16"),
    (&["udp-send", "localhost:1", "--repeat", "0", "x"], "type a number from 1 on"),
    (&["udp-send", "localhost:1", "--repeat", "18446744073709551616", "x"], "too large"),
    (&["udp-send", "localhost:1", "--loop", "maybe", "x"], "type on or off"),
    (&["connect", "localhost:65536"], "0 to 65535"),
    (&["connect", "localhost:-1"], "0 to 65535"),
    (&["connect", "localhost:0"], "1 to 65535"),
    (&["connect", "localhost", "0"], "1 to 65535"),
    (&["connect", "localhost", "99999"], "0 to 65535"),
    (&["connect", "::1:80"], "[::1]:80"),
    (&["connect", "[::1:80"], "']' is missing"),
    (&["connect", "[localhost]:80"], "not an IPv6 address"),
    (&["connect", "host/path:80"], "not a host name"),
    (&["connect", "three more words:80"], "not a host name"),
    (&["connect", "http://localhost:80"], "type 'sendall connect localhost:80'"),
    (&["connect", "/run/socket"], "unix:/run/socket"),
    (&["connect", "./socket"], "unix:./socket"),
    (&["connect", "unix:"], "unix:/path"),
    (&["connect", "unix:@"], "unix:@name"),
    (&["connect", ""], "PORT"),
    (&["connect", "localhost:1", "localhost:2"], "one endpoint"),
    (&["connect", "localhost:20-25"], "--probe"),
    (&["connect", "--probe", "localhost:25-20"], "type 20-25"),
    (&["connect", "--probe", "localhost:1-65536"], "20-25,80"),
    (&["connect", "--probe", "localhost"], "localhost:PORT"),
    (&["connect", "localhost:80", "--within", "1s"], "--probe"),
    (&["connect", "--probe", "localhost:80", "localhost"], "localhost:PORT"),
    (&["connect", "localhost:80", "-4", "-6"], "--ipv6"),
    (&["connect", "unix:/x", "-4"], "Unix socket"),
    (&["udp-send", "localhost:1", "x", "--source", "unix:/x"], ":PORT"),
    (&["udp-send", "unix:/x", "x", "--source", "127.0.0.1"], "unix:/path"),
    (&["connect", "--probe", "localhost:80", "--idle-timeout", "1s"], "--idle-timeout"),
    (&["connect", "--probe", "localhost:80", "--send-only"], "--send-only"),
    (&["connect", "--probe", "localhost:80", "--tee-in", "x"], "--tee-in"),
    (&["connect", "--probe", "localhost:80", "--limit-rate", "1MB"], "--limit-rate"),
    (&["connect", "--fastopen", "localhost:80", "--crlf"], "--crlf"),
    (&["connect", "--fastopen", "localhost:80", "--frame", "u8"], "--frame"),
    (&["connect", "localhost:80", "--retry-delay", "1s"], "--retry"),
    (&["connect", "localhost:80", "--source", "eth0"], ":4000"),
    (&["connect", "unix:/x", "--fastopen"], "Unix socket"),
    (&["connect", "localhost:80", "--fastopen", "--recv-only"], "--recv-only"),
    (&["connect", "localhost:80", "--dscp", "64"], "0 to 63"),
    (&["connect", "localhost:80", "--ttl", "0"], "from 1 to 255"),
    (&["connect", "localhost:80", "--nodelay", "maybe"], "on or off"),
    (&["connect", "localhost:80", "--keepalive", "100ms"], "whole seconds"),
    (&["connect", "localhost:80", "--mark", "blue"], "0x7"),
    (&["connect", "localhost:80", "--rcvbuf", "64KiB", "--limit-rate", "1MB"], "--limit-rate"),
    (&["connect", "localhost", "1", "2"], "2"),
    (&["serve", "65536"], "0 to 65535"),
    (&["serve", "127.0.0.1"], "127.0.0.1:PORT"),
    (&["serve", "0", "nonsense"], "nonsense:PORT"),
    (&["udp-listen"], "<ENDPOINT>"),
    (&["udp-listen", "localhost"], "localhost:PORT"),
    (&["udp-listen", "0", "--each", "word"], "line"),
    (&["udp-listen", "0", "--each", "raw", "--frame", "u16be"], "--frame"),
    (&["udp-listen", "0", "--each", "json", "--label"], "--label"),
    (&["udp-listen", "0", "--frame", "u16be", "--label"], "--label"),
    (&["udp-listen", "0", "--count", "0"], "--count"),
    (&["udp-listen", "0", "--from", "10.0.0.0/99"], "10.0.0.0/8"),
    (&["udp-listen", "unix:/tmp/x", "--from", "192.0.2.0/24"], "--allow"),
    (&["udp-listen", "0", "--echo", "--reply", "x"], "--reply"),
    (&["udp-listen", "0", "--reply", "@/nonexistent"], "does not exist"),
    (&["udp-listen", "0", "--amplify-ok"], "--echo"),
    (&["udp-listen", "0", "--max-answers", "9"], "--echo"),
    (&["udp-listen", "0", "--until", "exit"], "--interactive"),
    (&["udp-listen", "0", "--to", "localhost:1"], "--interactive"),
    (&["udp-listen", "0", "--interactive", "--to", "localhost"], "localhost:PORT"),
    (&["udp-listen", "0", "--join", "239.1.2.3"], "type :PORT"),
    (&["udp-listen", ":0", "--join", "192.0.2.1"], "224"),
    (&["udp-listen", ":0", "--source-filter", "192.0.2.1"], "--join"),
    (&["udp-listen", "unix-seqpacket:@x"], "not for datagrams"),
    (&["udp-send"], "<ENDPOINT"),
    (&["udp-send", "localhost"], "localhost:PORT"),
    (&["udp-send", "localhost:1", "x", "--each", "all"], "leave them out"),
    (&["udp-send", "localhost:1", "x", "--until", "exit"], "leave them out"),
    (&["udp-send", "localhost:1", "--each", "0"], "1 to 65507"),
    (&["udp-send", "localhost:1", "--each", "65508"], "1 to 65507"),
    (&["udp-send", "localhost:1", "--each", "word"], "u16be"),
    (&["udp-send", "localhost:1", "x", "--label"], "--wait"),
    (&["udp-send", "localhost:1", "x", "--print", "json"], "--wait"),
    (&["udp-send", "localhost:1", "x", "--wait", "1s", "--print", "json", "--label"], "leave --label out"),
    (&["udp-send", "localhost:1", "x", "--replies", "0"], "--replies"),
    (&["udp-send", "localhost:1", "x", "--repeat", "0"], "--repeat"),
    (&["udp-send", "localhost:1", "x", "--ttl", "256"], "--ttl"),
    (&["udp-send", "localhost:1", "x", "--loop", "perhaps"], "--loop"),
    (&["udp-send", "localhost:1", "x", "--source", "eth0"], "[::1]:4000 or :4000, or unix:/path"),
    (&["udp-send", "localhost:1", "x", "--source", "localhost:1"], "unix:/path"),
];

#[test]
fn every_mistake_is_exit_code_2_and_one_line_with_a_hint() {
    for (args, hint) in MISTAKES {
        let finished = sendall(args, In::Null, Out::Collect).finish();
        assert_eq!(finished.code, 2, "{args:?}: {}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{args:?}: {}", finished.stderr);
        assert!(finished.stderr.starts_with("sendall: "), "{args:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(hint), "{args:?}: no {hint:?} in {}", finished.stderr);
        assert!(!finished.stderr.contains("error:"), "{args:?}: {}", finished.stderr);
        assert_eq!(finished.stdout, b"", "{args:?}");
    }
}

/// Command lines of other tools, and the hints to them.
const HABITS: &[(&[&str], &str)] = &[
    (&["send", "f", "h:1"], "type 'sendall upload f h:1'"),
    (&["send"], "sendall upload PATH HOST"),
    (&["receive", "9000"], "type 'sendall serve --store . :9000'"),
    (&["listen", "80"], "type 'sendall serve :80'"),
    (&["get", "h:1", "f"], "type 'sendall download h:1 f'"),
    (&["get"], "sendall download HOST NAME"),
    (&["localhost:80"], "sendall connect localhost:80"),
    (&["-l", "8080"], "type 'sendall serve :8080'"),
    (&["-l"], "serve :PORT"),
    (&["-q", "1", "h", "80"], "type 'sendall connect --linger 1s h:80'"),
    (&["TCP-LISTEN:80,fork", "TCP:h:81"], "type 'sendall serve --forward h:81 :80'"),
    (&["http://h/f"], "type 'sendall download http://h/f'"),
    (&["-lvnp", "8080"], "type 'sendall serve --verbose :8080'"),
    (&["serve", "-l", "80"], "type 'sendall serve :80'; see"),
    (&["serve", "-l"], "leave it out"),
    (&["serve", "-p", "80"], "type 'sendall serve :80'; see"),
    (&["serve", "-e", "/bin/sh", "80"], "type 'sendall serve :80 --exec -- /bin/sh'"),
    (&["connect", "-z", "h", "1"], "type 'sendall connect --probe h:1'"),
    (&["connect", "-z"], "connect --probe HOST:20-25"),
    (&["connect", "-vzw5", "h", "1"], "type 'sendall connect --probe --verbose --timeout 5s h:1'"),
    (&["connect", "-w", "5", "h:1"], "type 'sendall connect --timeout 5s --linger 5s h:1'"),
    (&["connect", "-q", "1", "h:1"], "--linger 1s"),
    (&["connect", "-u", "h", "53"], "type 'sendall udp-send h:53'"),
    (&["connect", "-q", "0", "h:1"], "type 'sendall connect --end-when input h:1'"),
    (&["connect", "https://h/"], "type 'sendall connect --tls h:443' for the stream"),
    (&["connect", "-l", "53"], "type 'sendall serve :53'"),
    (&["connect", "--no-shutdown", "h:1"], "type 'sendall connect --no-half-close h:1'"),
    (&["upload", "-r", "d", "h:1"], "leave it out"),
    (&["upload", "-P", "22", "d", "h:1"], "HOST:PORT"),
    (&["download", "h:1", "-j", "0"], "type a number from 1 to 16"),
    (&["serve", "0", "--max-clients", "x"], "type a whole number"),
    (&["localhost", "80"], "type 'sendall connect localhost:80' if it is a host"),
    (&["recieve", "x"], "type 'sendall serve', 'connect'"),
    (&["man"], "sendall --help"),
    (&["version"], "sendall --version"),
    (&["connect"], "type 'sendall connect HOST:PORT'; usage: sendall connect"),
    (&["upload"], "type 'sendall upload PATH HOST:PORT'"),
    (&["download", "--list"], "type 'sendall download HOST:PORT'"),
    (&["udp-listen"], "type 'sendall udp-listen :PORT'"),
    (&["udp-send"], "type 'sendall udp-send HOST:PORT TEXT'"),
    (
        &["upload", "localhost:9300", "Cargo.toml"],
        "comes last: type 'sendall upload Cargo.toml localhost:9300'",
    ),
    (
        &["download", "a", "b", "localhost:9300"],
        "comes first: type 'sendall download localhost:9300 NAME...'",
    ),
    (&["upload", "Cargo.toml", "localhost:"], "no port after the colon"),
    (&["upload", "Cargo.toml", "localhost:1", "--name", "x"], "upload - --name NAME HOST:PORT <FILE"),
    (&["serve", "9000-9010"], "type one for each endpoint"),
];

#[test]
fn habits_from_other_tools_are_answered_with_what_to_type_here() {
    for (args, hint) in HABITS {
        let finished = sendall(args, In::Null, Out::Collect).finish().expect(2);
        assert_eq!(finished.stderr.lines().count(), 1, "{args:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(hint), "{args:?}: no {hint:?} in {}", finished.stderr);
        for wrong in ["as a value, use '--", "invalid digit", "is not in"] {
            assert!(!finished.stderr.contains(wrong), "{args:?}: {}", finished.stderr);
        }
    }
}

/// Options of something that is not there, beside what it would conflict with.
const WITHOUT_USE: &[&[&str]] = &[
    &["udp-listen", "0", "--echo", "--to", "localhost:1"],
    &["udp-listen", "0", "--echo", "--until", "x"],
    &["udp-listen", "0", "--sh", "cat", "--until", "x"],
    &["udp-listen", "0", "--echo", "--max-peers", "3"],
    &["udp-listen", "0", "--interactive", "--to", "h:1", "--max-answers", "3"],
    &["udp-listen", "0", "--interactive", "--to", "h:1", "--amplify-ok"],
    &["connect", "h:1", "--probe", "--each", "all"],
    &["connect", "h:1", "--probe", "--frame-out", "json"],
    &["connect", "h:1", "--probe", "--max-message", "1KB"],
    &["connect", "h:1", "--probe", "--tee-append"],
    &["connect", "h:1", "--crlf", "--each", "all"],
    &["connect", "h:1", "--telnet", "--max-message", "1KB"],
    &["connect", "h:1", "--fastopen", "--frame-out", "json"],
    &["connect", "h:1", "--fastopen", "--proxy-password-file", "/dev/null"],
    &["connect", "h:1", "--sh", "cat", "--within", "1s"],
    &["connect", "h:1", "--send-only", "--within", "1s"],
    &["serve", "0", "--echo", "--links", "copy"],
    &["serve", "0", "--share", ".", "--max-size", "1KB"],
];

#[test]
fn options_without_use_are_refused() {
    for args in WITHOUT_USE {
        let finished = sendall(args, In::Null, Out::Collect).finish().expect(2);
        assert_eq!(finished.stderr.lines().count(), 1, "{args:?}: {}", finished.stderr);
    }
}

#[test]
fn help_that_cannot_be_written_is_no_success() {
    for word in ["--help", "--version"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let finished = sendall(&[word], In::Null, Out::Fd(full.into())).finish().expect(10);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
        let finished = sendall(&[word], In::Null, Out::Closed).finish().expect(10);
        assert!(finished.stderr.contains("stdout is closed"), "{}", finished.stderr);
    }
}

#[test]
fn a_path_that_is_too_long_for_a_unix_socket_is_wrong_usage() {
    let long = format!("unix:/tmp/{}", "x".repeat(120));
    let finished = sendall(&["serve", &long], In::Null, Out::Collect).finish().expect(2);
    assert!(finished.stderr.contains("107 bytes"), "{}", finished.stderr);
}

#[test]
fn without_arguments_one_line_names_what_to_type() {
    let finished = sendall(&[], In::Null, Out::Collect).finish();
    assert_eq!(finished.code, 2);
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("--help"), "{}", finished.stderr);
    assert!(finished.stderr.len() < 200, "{}", finished.stderr);
}

#[test]
fn nothing_typed_reaches_the_terminal_unescaped() {
    for word in ["\x1b[2J:80", "a\nb:80", "\u{202e}x:y"] {
        for args in [&["connect", word][..], &["connect", "localhost:80", "--timeout", word], &[word]] {
            let finished = sendall(args, In::Null, Out::Collect).finish().expect(2);
            let stderr = finished.stderr.trim_end_matches('\n');
            assert!(!stderr.chars().any(|c| c.is_control() || c == '\u{202e}'), "{stderr:?}");
        }
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for (args, word) in [
        (&["--help"][..], "serve"),
        (&["-h"], "connect"),
        (&["connect", "--help"], "--no-half-close"),
        (&["serve", "-h"], "--timeout"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let finished = sendall(args, In::Null, Out::Collect).finish().expect(0);
        assert!(String::from_utf8_lossy(&finished.stdout).contains(word), "{args:?}");
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn an_address_of_a_link_needs_its_interface() {
    for args in [
        &["connect", "fe80::1", "80"][..],
        &["connect", "--probe", "-v", "[fe80::1]:80"],
        &["serve", "[fe80::1]:0"],
        &["udp-listen", "[fe80::1]:0"],
        &["udp-send", "fe80::1", "80", "x"],
    ] {
        let finished = sendall(args, In::Null, Out::Collect).finish().expect(3);
        assert!(finished.stderr.contains("type [fe80::1%INTERFACE]:"), "{args:?}: {}", finished.stderr);
    }
}
