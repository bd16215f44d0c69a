//! The line that a server at a terminal prints for people: the command that reaches it from another machine.

use std::net::{IpAddr, UdpSocket};

use crate::harness::others::may_have_a_network;
use crate::harness::{In, LIMIT, Out, Running, start};
use crate::secure::scene::User;
use crate::transfer::drawn::terminal;
use crate::transfer::xfer::{Place, limited};

/// Starts a server whose stderr is a pseudoterminal. Returns the lines that it prints once it listens.
fn printed(args: &[&str], lines: usize) -> (Running, Vec<String>) {
    printed_by(|line| limited(line, args), args, lines)
}

/// Starts a server with `begin`, as [`printed`] does.
fn printed_by(begin: impl Fn(&str) -> Running, args: &[&str], lines: usize) -> (Running, Vec<String>) {
    let (screen, device) = terminal(200);
    let server = begin(&format!("exec 2>{device}"));
    let is_enough =
        |bytes: &[u8], ended| ended || bytes.iter().filter(|byte| **byte == b'\n').count() >= lines;
    assert!(screen.wait(LIMIT, is_enough), "{args:?}: {:?}", screen.text());
    let text = screen.text();
    (server, text.lines().map(str::to_owned).collect())
}

#[test]
fn the_command_for_other_machines_is_printed() {
    let place = Place::new();
    let folder = place.arg();
    for (args, command) in [
        (&["serve", "0.0.0.0:0"][..], "sendall connect ADDR"),
        (&["serve", "0.0.0.0:0", "--echo"], "sendall connect ADDR"),
        (&["serve", "0.0.0.0:0", "--store", folder], "sendall upload FILE ADDR"),
        (&["serve", "0.0.0.0:0", "--share", folder], "sendall download ADDR"),
        (
            &["serve", "0.0.0.0:0", "--store", folder, "--wire", "text"],
            "sendall upload --wire text FILE ADDR",
        ),
        (&["udp-listen", "0.0.0.0:0"], "sendall udp-send ADDR"),
        (&["http-hello", "0.0.0.0:0"], "http://ADDR/"),
    ] {
        let (_server, lines) = printed(args, 2);
        let port = lines[0].strip_prefix("listening on 0.0.0.0:").unwrap_or_else(|| panic!("{lines:?}"));
        let (before, after) = command.split_once("ADDR").expect("a place");
        let said = lines[1].rsplit_once(&format!(": {before}")).map(|(_, said)| said);
        let said = said.and_then(|said| said.strip_suffix(after)?.strip_suffix(&format!(":{port}")));
        let said = said.unwrap_or_else(|| panic!("{args:?}: {lines:?}"));
        // The address of a device, or else that of the route to everybody: one of this machine.
        let is_own =
            said.parse().is_ok_and(|ip: IpAddr| !ip.is_loopback() && UdpSocket::bind((ip, 0)).is_ok());
        assert!(is_own || (said == "HOST" && !has_route()), "{args:?}: {lines:?}");
        assert!(lines[1].starts_with("on another machine"), "{lines:?}");
    }
}

fn has_route() -> bool {
    let socket = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    socket.is_ok_and(|address| !address.ip().is_loopback())
}

#[test]
fn what_is_printed_for_an_open_server_can_be_typed_as_it_is() {
    let (place, inbox) = (Place::new(), Place::new());
    let file = place.write("f", b"hello");
    let key = place.at("key");
    let (server, lines) =
        printed(&["serve", "0.0.0.0:0", "--store", inbox.arg(), "--open", "--key", &key], 3);
    let key = lines[2].strip_prefix("key: ").unwrap_or_else(|| panic!("{lines:?}"));
    let words = lines[1].rsplit_once("sendall upload FILE ").map(|(_, words)| words).expect("a command");
    // There may be no route to others.
    let words = words.replace("HOST:", "127.0.0.1:");
    assert!(words.ends_with(&format!("#{key}")), "{lines:?}");
    User::new().run(&["upload", &file, &words]).expect(0);
    inbox.expect("f", b"hello");
    drop(server);
}

#[test]
fn without_an_endpoint_the_default_is_printed() {
    // The port is always the same: in a network of its own it is free.
    if !may_have_a_network("-n") {
        return;
    }
    let place = Place::new();
    let args = ["serve", "--store", place.arg()];
    let begin = |line: &str| {
        let script = format!("{line} && ip link set lo up && exec \"$0\" \"$@\"");
        let program = ["-n", "sh", "-c", &script, env!("CARGO_BIN_EXE_sendall")];
        start("unshare", &[&program[..], &args].concat(), In::Null, Out::Collect)
    };
    let (_server, lines) = printed_by(begin, &args, 3);
    let line = "on this machine: sendall upload FILE localhost:7255; for others, listen on :7255";
    assert!(lines.iter().any(|printed| printed == line), "{lines:?}");
}

#[test]
fn no_command_is_printed_without_a_terminal_or_a_reachable_address() {
    for args in [
        &["serve", "127.0.0.1:0", "--timeout", "1ms"][..],
        &["serve", "0", "--timeout", "1ms"],
        &["serve", "0.0.0.0:0", "--timeout", "1ms", "-q"],
        &["serve", "0.0.0.0:0", "--timeout", "1ms", "--json"],
    ] {
        let (server, lines) = printed(args, usize::MAX);
        assert!(!lines.iter().any(|line| line.contains("machine")), "{args:?}: {lines:?}");
        assert_eq!(server.finish().code, 4);
    }
    let server = limited("true", &["serve", "0.0.0.0:0", "--timeout", "1ms"]);
    let stderr = server.finish().stderr;
    assert!(stderr.starts_with("listening on 0.0.0.0:") && !stderr.contains("machine"), "{stderr}");
}
