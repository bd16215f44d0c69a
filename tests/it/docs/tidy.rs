//! The rules of the source tree, as ARCHITECTURE.md states them: who may name whom, which crates and calls belong to which
//! folder, and what a file looks like. Code is parsed, so that no other spelling walks around a rule.

mod circles;
mod paths;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::paths::{Source, sources_of_crate};

const MAX_LINES: usize = 400;

/// The folders that each folder of `src` may name, beside itself, `error` and the standard library.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli", "report", "net"]),
    (
        "cli",
        &["run", "relay", "transfer", "datagram", "web", "http", "server", "net", "store", "proto", "report"],
    ),
    ("run", &["relay", "transfer", "datagram", "web", "http", "server", "net", "store", "proto", "report"]),
    ("relay", &["server", "net", "store", "proto", "report"]),
    ("transfer", &["server", "net", "store", "proto", "report"]),
    ("datagram", &["server", "net", "store", "proto", "report"]),
    ("web", &["http", "server", "net", "store", "proto", "report"]),
    ("http", &["server", "net", "store", "proto", "report"]),
    ("server", &["net", "store", "proto", "report"]),
    ("net", &["proto"]),
    ("store", &[]),
    ("report", &[]),
    ("proto", &[]),
    ("error", &[]),
];

/// The parts of `proto` that `net` may name: one direction of a relay, the state of a delivery, handshakes, keys and
/// what admission is bound to.
const PROTO_IN_NET: &[&str] = &[
    "proto::relay::lane",
    "proto::relay::half_close_timer::Delivery",
    "proto::handshake::Handshake",
    "proto::secure",
];

/// The folders of `proto` that each folder of `proto` may name.
const IN_PROTO: &[(&str, &[&str])] = &[
    ("transfer", &[]),
    ("relay", &[]),
    ("datagram", &[]),
    ("http", &[]),
    ("secure", &[]),
    ("starttls", &[]),
    // A proxy parses requests.
    ("proxy", &["proto::http"]),
    // Requests name files as clients of transfers do.
    ("web", &["proto::http", "proto::transfer::names"]),
];

/// A crate, or a part of one, and the folders and files that may name it.
const OWNED: &[(&str, &[&str])] = &[
    ("clap", &["cli/", "main.rs"]),
    ("anyhow", &["main.rs"]),
    ("mio", &["net/"]),
    ("socket2", &["net/"]),
    ("quinn_udp", &["net/"]),
    ("signal_hook", &["net/"]),
    ("ctor", &["net/"]),
    ("uapi", &["net/"]),
    ("pty_process", &["net/"]),
    ("indicatif", &["report/"]),
    ("qrcodegen", &["report/"]),
    ("curve25519_dalek", &["proto/secure/"]),
    ("sha2", &["proto/secure/", "proto/web/", "web/"]),
    ("hmac", &["proto/secure/"]),
    ("subtle", &["proto/secure/", "proto/web/"]),
    ("bip39", &["proto/secure/"]),
    ("aws_lc_rs", &["net/tls/"]),
    ("rustls", &["net/tls/"]),
    ("rustls_native_certs", &["net/tls/"]),
    ("blake3", &["store/", "transfer/", "web/", "report/"]),
    ("rustix::net", &["net/"]),
    ("rustix::pipe", &["net/"]),
    ("rustix::stdio", &["net/"]),
    ("rustix::event", &["net/", "report/output.rs"]),
    (
        "rustix::fs",
        &[
            "store/",
            "net/bind.rs",
            "net/line.rs",
            "net/stdio.rs",
            "net/pump/zero_copy.rs",
            "net/send_file.rs",
        ],
    ),
    (
        "std::fs",
        &[
            "store/",
            "net/ask.rs",
            "net/bind.rs",
            "net/interfaces.rs",
            "net/services.rs",
            "net/signals.rs",
            "net/stdio.rs",
            "net/pump/zero_copy.rs",
        ],
    ),
    ("std::net::TcpStream", &["net/"]),
    ("std::net::TcpListener", &["net/"]),
    ("std::net::UdpSocket", &["net/"]),
    ("std::net::ToSocketAddrs", &["net/"]),
    ("std::os::unix::net", &["net/"]),
    ("std::io::stdout", &["report/", "main.rs"]),
    ("std::io::stderr", &["report/"]),
    ("std::io::stdin", &["net/"]),
    ("std::time::Instant::now", &["net/clock.rs"]),
    ("crate::net::clock::read_clock", &["main.rs", "cli/mod.rs", "net/"]),
    ("std::time::SystemTime::now", &["net/wall.rs"]),
    ("std::thread::sleep", &[]),
];

/// An open file, which any folder but `proto` may hold: the type alone, and none of its functions.
const A_FILE: &str = "std::fs::File";

/// The paths that `proto` may not name: it knows no socket, file, clock, thread or terminal. Addresses are values.
const NOT_IN_PROTO: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::time::Instant::now",
    "std::time::SystemTime",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "mio",
    "socket2",
    "rustix",
];

/// The paths that `cli` may not name: it makes a plan of words, and touches no file, socket or process.
const NOT_IN_CLI: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::net::ToSocketAddrs",
    "rustix",
    "crate::relay::connector",
    "crate::server::option_files::bytes_of",
    "crate::store::Folder",
    "crate::store::Source",
];
/// Methods that touch a file.
const TOUCHING: &[&str] = &[
    "exists",
    "try_exists",
    "is_file",
    "is_dir",
    "is_symlink",
    "metadata",
    "symlink_metadata",
    "canonicalize",
    "read_dir",
    "read_link",
    "with_passwords",
    "connector",
];

/// Macros that print: only `report` and `main` call them.
const PRINTING: &[&str] = &["println", "print", "eprintln", "eprint", "dbg"];
/// Macros that mark missing code.
const UNFINISHED: &[&str] = &["todo", "unimplemented"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, as a path from the root.
fn files(folder: &str) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let path = path.strip_prefix(root()).expect("below the root");
                found.push(path.to_str().expect("UTF-8").to_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect(path)
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Every path in the code of the crate that no rule allows.
fn broken(source: &Source) -> Vec<String> {
    let top = source.folder();
    let allowed = ARROWS.iter().find(|(folder, _)| *folder == top).map(|(_, names)| *names);
    let allowed = allowed.unwrap_or_else(|| panic!("src/{}: which folders may it name?", source.file));
    let mut broken = Vec::new();
    for path in &source.paths {
        for (name, places) in OWNED.iter().filter(|(name, _)| path != A_FILE && is_below(path, name)) {
            if !places.iter().any(|place| source.file.starts_with(place)) {
                broken.push(format!("{name} belongs to {places:?}: {path}"));
            }
        }
        if let Some(inner) = path.strip_prefix("crate::") {
            let first = inner.split("::").next().unwrap_or(inner);
            let is_folder = ARROWS.iter().any(|(folder, _)| *folder == first);
            if is_folder && first != top && first != "error" && !allowed.contains(&first) {
                broken.push(format!("{top} does not name {first}: {path}"));
            }
            if top == "net" && first == "proto" && !PROTO_IN_NET.iter().any(|name| is_below(inner, name)) {
                broken.push(format!("net names little of proto: {path}"));
            }
            if top == "proto" && is_below(inner, "proto") {
                let own = source.file.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs");
                let other = inner.split("::").nth(1).unwrap_or_default();
                let rule = IN_PROTO.iter().find(|(folder, _)| *folder == own);
                let is_written_down =
                    rule.is_none_or(|(_, names)| names.iter().any(|name| is_below(inner, name)));
                let is_folder = IN_PROTO.iter().any(|(folder, _)| *folder == other);
                if is_folder && other != own && !is_written_down {
                    broken.push(format!("proto::{own} does not name proto::{other}: {path}"));
                }
            }
        }
        if top == "cli" && NOT_IN_CLI.iter().any(|name| is_below(path, name)) {
            broken.push(format!("cli touches no file, socket or process: {path}"));
        }
        if top == "proto" && NOT_IN_PROTO.iter().any(|name| is_below(path, name)) {
            broken.push(format!("proto knows no socket, file, clock or terminal: {path}"));
        }
    }
    let prints = |name: &&String| PRINTING.contains(&name.as_str()) && top != "report" && top != "main";
    broken.extend(
        source.macros.iter().filter(prints).map(|name| format!("only report and main print: {name}!")),
    );
    let touches = |name: &&String| TOUCHING.contains(&name.as_str()) && top == "cli";
    broken.extend(
        source
            .methods
            .iter()
            .filter(touches)
            .map(|name| format!("cli touches no file, socket or process: .{name}()")),
    );
    let is_missing = |name: &&String| UNFINISHED.contains(&name.as_str());
    broken.extend(
        source.macros.iter().filter(is_missing).map(|name| format!("nothing is left to be written: {name}!")),
    );
    broken
}

#[test]
fn every_folder_names_only_what_it_may() {
    let mut all = Vec::new();
    for source in sources_of_crate() {
        all.extend(broken(&source).iter().map(|broken| format!("src/{}: {broken}", source.file)));
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn no_two_files_name_each_other_but_a_parent_and_its_children() {
    let circles = circles::among(&sources_of_crate());
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

#[test]
fn other_spellings_are_seen_through() {
    let seen = |code: &str| Source::parse("proto/relay/lane.rs", code).paths;
    let has = |code: &str, path: &str| seen(code).contains(path);
    assert!(has("use core::net::IpAddr as A;", "std::net::IpAddr"));
    assert!(has("use std::{fs as files, io}; fn f() { files::read(\"x\"); }", "std::fs::read"));
    assert!(has("use std::time; fn f() { time::Instant::now(); }", "std::time::Instant::now"));
    assert!(has("use std::time::Instant as Clock; fn f() { Clock::now(); }", "std::time::Instant::now"));
    assert!(has("use super::super::super::net::reactor::Io;", "crate::net::reactor::Io"));
    let calls = |code: &str, name: &str| Source::parse("cli/upload.rs", code).methods.contains(name);
    assert!(calls("fn f(p: &Path) { if p.exists() {} }", "exists"));
    assert!(calls("fn f(p: &Path) { assert!(p.exists()); }", "exists"));
    assert!(calls("fn f() { x.filter(Path::exists); }", "exists"));
    assert!(!calls("fn f(exists: bool) { g(exists) }", "exists"));
    assert!(has("fn f() { assert!(::mio::Token(1) == x) }", "mio::Token"));
    assert!(has("fn f() -> crate::net::io::Io { loop {} }", "crate::net::io::Io"));
    assert!(!has("#[cfg(test)] mod tests { use std::fs; }", "std::fs"));
    assert!(has("#[cfg(not(test))] mod hidden { use std::fs; }", "std::fs"));
    assert!(has("#[cfg(any(test, unix))] mod hidden { use std::fs; }", "std::fs"));
}

#[test]
fn every_folder_of_the_source_has_its_arrows() {
    let mut folders = BTreeMap::new();
    for source in sources_of_crate() {
        folders.insert(source.folder().to_owned(), ());
    }
    let known: Vec<&str> = ARROWS.iter().map(|(folder, _)| *folder).collect();
    for folder in folders.keys() {
        assert!(known.contains(&folder.as_str()), "src/{folder}: which folders may it name?");
    }
    assert_eq!(folders.len(), known.len(), "{folders:?}");
}

#[test]
fn no_file_is_longer_than_400_lines() {
    for path in files("src").into_iter().chain(files("tests")) {
        let count = read(&path).lines().count();
        assert!(count <= MAX_LINES, "{path} has {count} lines");
    }
}

#[test]
fn every_module_begins_with_what_it_is() {
    for path in files("src").into_iter().chain(files("tests")) {
        assert!(read(&path).starts_with("//!"), "{path} does not say what it is");
    }
}

#[test]
fn nothing_is_left_to_be_written() {
    for path in files("src").into_iter().chain(files("tests")) {
        let text = read(&path);
        for word in [["FIX", "ME"].concat(), ["TO", "DO"].concat(), ["allow(", "unsafe_code)"].concat()] {
            assert!(!text.contains(&word), "{path}: {word}");
        }
    }
}

/// The names of files and folders in a map.
fn names(map: &str) -> impl Iterator<Item = &str> {
    map.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '/'))
        .map(|name| name.trim_end_matches('.').trim_start_matches('/'))
        .filter(|name| name.ends_with(".rs") || name.ends_with('/'))
}

#[test]
fn the_map_of_the_house_names_every_file_and_no_other() {
    let text = read("ARCHITECTURE.md");
    let from = text.find("## The plan").expect("the map");
    let map = &text[from..from + text[from..].find("## The arrows").expect("its end")];
    let all: Vec<String> = ["src", "tests", "examples"].into_iter().flat_map(files).collect();
    let is_test = |path: &str| path.contains("/tests/") || path.ends_with("/tests.rs");
    for file in all.iter().filter(|file| file.starts_with("src/") && !is_test(file)) {
        let folder = file.strip_suffix("mod.rs");
        let is_named = |name: &str| match folder {
            Some(folder) => name.ends_with('/') && format!("/{folder}").ends_with(&format!("/{name}")),
            None => format!("/{file}").ends_with(&format!("/{name}")),
        };
        assert!(names(map).any(is_named), "{file} is not in the map of ARCHITECTURE.md");
    }
    for name in names(map).filter(|name| name.ends_with(".rs")) {
        let name = format!("/{name}");
        assert!(all.iter().any(|file| format!("/{file}").ends_with(&name)), "{name} does not exist");
    }
}
