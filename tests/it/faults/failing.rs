//! Any other system call of a server that fails, and clients that come when one has failed.

use std::time::Duration;

use rustix::process::Signal;

use crate::faults::cuts::{WAYS, Way};
use crate::faults::trace::{self, Call};
use crate::harness::{Finished, Running, payload};
use crate::transfer::xfer::{CHUNK, Place, address, begin, in_parallel, is_part, is_slow_wanted, serve};

/// Calls that cannot fail, or not so that a program could go on.
const LEFT_OUT: [&str; 4] = ["exit_group", "execve", "geteuid", "restart_syscall"];

struct Scene {
    way: Way,
    source: Place,
    destination: Place,
    bytes: Vec<u8>,
}

impl Scene {
    fn new(way: Way) -> Scene {
        let (source, destination, bytes) = (Place::new(), Place::new(), payload(CHUNK + 123));
        source.write("f", &bytes);
        Scene { way, source, destination, bytes }
    }

    fn server(&self) -> Running {
        match self.way {
            Way::Upload => serve(&["--store", self.destination.arg()]),
            Way::Download => serve(&["--share", self.source.arg()]),
        }
    }

    /// Runs a client to its end.
    fn client(&self, address: &str) -> Finished {
        let path = self.source.at("f");
        let limits = ["--timeout", "3s", "--idle-timeout", "3s"];
        let args = match self.way {
            Way::Upload => vec!["upload", "-q", &path, address],
            Way::Download => vec!["download", "-q", address, "-o", self.destination.arg()],
        };
        begin(&[&args[..], &limits].concat()).finish()
    }

    /// One session of a server under strace, which is then killed if it serves on.
    fn run(&self, log: &str, options: &[&str]) -> [Finished; 2] {
        let server = self.server();
        let address = address(&server);
        let strace = trace::attach(&server, log, options);
        let client = self.client(&address);
        if !server.ends_within(Duration::ZERO) {
            server.signal(Signal::KILL);
        }
        let server = server.finish();
        strace.finish();
        [client, server]
    }
}

#[test]
fn any_call_of_a_server_failing_leaves_nothing_half_done() {
    if !trace::is_there() {
        return;
    }
    let is_all = is_slow_wanted("every system call of a server failing; at some it is tried");
    for way in WAYS {
        let (first, logs) = (Scene::new(way), Place::new());
        let [client, _] = first.run(&logs.at("log"), &[]);
        client.ended(0);
        let calls = trace::outside(trace::distinct(trace::calls(&logs.path("log"))));
        let is_tried = |call: &Call| is_all || call.nth == 1;
        let cases: Vec<Call> = calls
            .into_iter()
            .filter(|call| is_tried(call) && !LEFT_OUT.contains(&call.name.as_str()))
            .collect();
        in_parallel(&cases, |call| {
            let scene = Scene::new(way);
            let options = [call.only(), call.inject("error=EIO")];
            let [client, server] = scene.run("/dev/null", &options.each_ref().map(String::as_str));
            let what = format!("{way:?}, {} {} failing", call.name, call.nth);
            for process in [&client, &server] {
                assert!(!process.stderr.contains("panicked"), "{what}: {}", process.stderr);
            }
            assert!([-9, 0, 1, 3, 5, 9, 10].contains(&server.code), "{what}: {server:?}");
            assert!([0, 1, 3, 4, 5, 7, 9].contains(&client.code), "{what}: {client:?}");
            // A listing that breaks off is one failure beside a file that came: 9 has a line for it.
            let due = usize::from(client.code != 0) + usize::from(client.code == 9);
            assert_eq!(client.errors().len(), due, "{what}: {client:?}");
            let names = scene.destination.names();
            assert!(names.iter().all(|name| name == "f" || is_part(name)), "{what}: {names:?}");
            if client.code == 0 || scene.destination.path("f").exists() {
                scene.destination.expect("f", &scene.bytes);
            }
            let server = scene.server();
            let again = scene.client(&address(&server));
            assert_eq!(again.code, 0, "{what}, and again: {}", again.stderr);
            scene.destination.expect_names(&["f"]);
            scene.destination.expect("f", &scene.bytes);
        });
    }
}

#[test]
fn the_next_client_is_served_after_accept_has_failed() {
    if !trace::is_there() {
        return;
    }
    let errors = ["ECONNABORTED", "EINTR", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO"];
    in_parallel(&errors, |error| {
        let (here, there) = (Place::new(), Place::new());
        let path = here.write("f", b"content");
        let server = serve(&["--store", there.arg()]);
        let inject = format!("--inject=accept,accept4:error={error}:when=1..2");
        let strace = trace::attach(&server, &here.at("log"), &["--trace=accept,accept4", &inject]);
        let client = begin(&["upload", "-q", &path, &address(&server)]).finish();
        assert_eq!(client.code, 0, "{error}: {} {}", client.stderr, server.stderr.text());
        there.expect("f", b"content");
        server.signal(Signal::KILL);
        assert_eq!(server.finish().code, -9, "{error}");
        strace.finish();
        let log = std::fs::read_to_string(here.path("log")).expect("a log");
        assert!(log.contains(&format!("{error} (")) && log.contains("INJECTED"), "{error}: {log}");
    });
}
