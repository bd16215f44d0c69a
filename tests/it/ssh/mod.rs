//! Transfers through a program's stdin and stdout: `stdio:`, `--via`, `ssh://`.

mod ends;
mod sshd;
mod stdio;
mod urls;
mod via;

use std::os::unix::fs::PermissionsExt;

use crate::transfer::xfer::Place;

/// The binary.
const SENDALL: &str = env!("CARGO_BIN_EXE_sendall");

/// A value of `--via`: the binary as a server on its stdin and stdout.
fn server(options: &str) -> String {
    format!("'{SENDALL}' -q serve {options} stdio:")
}

/// A value of `--via`: a line of a shell, which has no single quotes.
fn shell(line: &str) -> String {
    assert!(!line.contains('\''), "{line}");
    format!("sh -c '{line}'")
}

/// Writes a program, and returns its path.
fn script(place: &Place, name: &str, lines: &str) -> String {
    let path = place.write(name, format!("#!/bin/sh\n{lines}\n").as_bytes());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a program");
    path
}
