//! `kill -9` at every system call of the side that receives: what has a final name is whole, and it works again
//! afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::faults::trace::{self, Call};
use crate::harness::{Finished, assert_same, payload};
use crate::transfer::xfer::{CHUNK, Place, address, in_parallel, is_part, is_slow_wanted, run, serve};

const OLD: &[u8] = b"what was there before";
const KILLED: i32 = -9;

/// Two files that are sent together.
struct Sources {
    place: Place,
    files: [(&'static str, Vec<u8>); 2],
}

/// What has become of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Old,
    Whole,
}

/// How often the names were found in these states after a kill.
#[derive(Default)]
struct Found {
    before: AtomicUsize,
    after: AtomicUsize,
}

impl Sources {
    fn new() -> Sources {
        let place = Place::new();
        let files = [("large", payload(2 * CHUNK + 123)), ("small", payload(3000))];
        for (name, bytes) in &files {
            place.write(name, bytes);
        }
        Sources { place, files }
    }

    /// The states of both names. Nothing else may be there than parts.
    #[track_caller]
    fn states(&self, destination: &Place, what: &str) -> [State; 2] {
        for name in destination.names() {
            let known = self.files.iter().any(|(file, _)| name == *file) || is_part(&name);
            assert!(known, "{what}: {name:?} was left behind");
        }
        [0, 1].map(|index| {
            let (name, bytes) = &self.files[index];
            match std::fs::read(destination.path(name)) {
                Err(_) => State::Absent,
                Ok(content) if content == OLD => State::Old,
                Ok(content) => {
                    assert_same(&content, bytes, what);
                    State::Whole
                }
            }
        })
    }

    /// After a kill: nothing unfinished has a final name, and success was said of what is whole only.
    #[track_caller]
    fn check(&self, destination: &Place, is_over_old: bool, is_success: bool, what: &str, found: &Found) {
        let states = self.states(destination, what);
        let untouched = if is_over_old { State::Old } else { State::Absent };
        for state in states {
            assert!(state == State::Whole || state == untouched, "{what}: {states:?}");
            let count = if state == untouched { &found.before } else { &found.after };
            count.fetch_add(1, Ordering::Relaxed);
        }
        assert!(!is_success || states == [State::Whole; 2], "{what}: success, and {states:?}");
    }

    /// After another try: both are whole, and nothing is left over.
    #[track_caller]
    fn check_whole(&self, destination: &Place) {
        destination.expect_names(&["large", "small"]);
        for (name, bytes) in &self.files {
            destination.expect(name, bytes);
        }
    }

    /// A destination, with what was there before.
    fn destination(&self, is_over_old: bool) -> Place {
        let destination = Place::new();
        for (name, _) in self.files.iter().filter(|_| is_over_old) {
            destination.write(name, OLD);
        }
        destination
    }

    fn upload<'a>(paths: &'a [String], to: &'a str, is_over_old: bool) -> Vec<&'a str> {
        let paths = paths.iter().map(String::as_str);
        ["upload", "-q"]
            .into_iter()
            .chain(paths)
            .chain([to])
            .chain(is_over_old.then_some("--force"))
            .collect()
    }

    fn paths(&self) -> Vec<String> {
        self.files.iter().map(|(name, _)| self.place.at(name)).collect()
    }
}

/// The calls that are tried: each of them, or the ends of each kind. Every other one replaces what is there; of all,
/// both are tried.
fn cases(calls: Vec<Call>) -> Vec<(Call, bool)> {
    let calls = trace::distinct(calls);
    if is_slow_wanted("a kill at every system call; at some it is tried") {
        return calls.iter().flat_map(|call| [false, true].map(|old| (call.clone(), old))).collect();
    }
    trace::ends_of_each(trace::outside(calls)).into_iter().zip([false, true].into_iter().cycle()).collect()
}

/// A client that lost its server says so, in one line.
#[track_caller]
fn check_client(client: &Finished, what: &str) {
    assert!([0, 3, 5].contains(&client.code), "{what}: {}: {}", client.code, client.stderr);
    assert_eq!(client.errors().len(), usize::from(client.code != 0), "{what}: {}", client.stderr);
    assert!(!client.stderr.contains("panicked"), "{what}: {}", client.stderr);
}

/// Uploads to a server that strace, with these options, is attached to: the ends of client and server.
fn upload_traced(
    sources: &Sources,
    destination: &Place,
    log: &str,
    options: &[&str],
    is_over_old: bool,
) -> [Finished; 2] {
    let server = serve(&["--store", destination.arg(), "--once"]);
    let to = address(&server);
    let strace = trace::attach(&server, log, options);
    let paths = sources.paths();
    let client = run(&Sources::upload(&paths, &to, is_over_old));
    let server = server.finish();
    strace.finish();
    [client, server]
}

#[test]
fn a_server_killed_at_any_system_call_of_an_upload() {
    if !trace::is_there() {
        return;
    }
    let sources = Sources::new();
    let logs = Place::new();
    let [client, server] = upload_traced(&sources, &Place::new(), &logs.at("log"), &[], false);
    client.ended(0);
    server.ended(0);
    let (found, kills) = (Found::default(), AtomicUsize::new(0));
    let cases = cases(trace::calls(&logs.path("log")));
    in_parallel(&cases, |(call, is_over_old)| {
        let what = format!("killed at {} {}, over old files: {is_over_old}", call.name, call.nth);
        let destination = sources.destination(*is_over_old);
        let options = [call.only(), call.inject("signal=SIGKILL")];
        let options = options.each_ref().map(String::as_str);
        let [client, server] = upload_traced(&sources, &destination, "/dev/null", &options, *is_over_old);
        check_client(&client, &what);
        assert!([0, KILLED].contains(&server.code), "{what}: {}: {}", server.code, server.stderr);
        assert!(server.code == KILLED || client.code == 0, "{what}: {}", client.stderr);
        kills.fetch_add(usize::from(server.code == KILLED), Ordering::Relaxed);
        sources.check(&destination, *is_over_old, client.code == 0, &what, &found);

        let server = serve(&["--store", destination.arg(), "--once"]);
        let (to, paths) = (address(&server), sources.paths());
        let again = run(&Sources::upload(&paths, &to, *is_over_old));
        assert_eq!(again.code, 0, "{what}, and again: {}", again.stderr);
        server.finish().ended(0);
        sources.check_whole(&destination);
    });
    check_reach(&found, kills.into_inner(), cases.len());
}

/// The kills came, before the names did and after.
#[track_caller]
fn check_reach(found: &Found, kills: usize, cases: usize) {
    let [before, after] = [&found.before, &found.after].map(|count| count.load(Ordering::Relaxed));
    println!("{cases} cases, {kills} kills, {before} names before they were given, {after} after");
    assert!(kills * 2 > cases && before > 5 && after > 1, "{kills} of {cases}; {before}, {after}");
}

#[test]
fn a_client_killed_at_any_system_call_of_a_download() {
    if !trace::is_there() {
        return;
    }
    let sources = Sources::new();
    let server = serve(&["--share", sources.place.arg()]);
    let (from, logs) = (address(&server), Place::new());
    let destination = Place::new();
    let args = ["download", "-q", &from, "-o", destination.arg()];
    trace::traced(&logs.at("log"), &[], &args).finish().ended(0);
    let (found, kills) = (Found::default(), AtomicUsize::new(0));
    let cases = cases(trace::calls(&logs.path("log")));
    in_parallel(&cases, |(call, is_over_old)| {
        let what = format!("killed at {} {}, over old files: {is_over_old}", call.name, call.nth);
        let destination = sources.destination(*is_over_old);
        let options = [call.only(), call.inject("signal=SIGKILL")];
        let mut args = vec!["download", "-q", &from, "-o", destination.arg()];
        args.extend(is_over_old.then_some("--force"));
        let client = trace::traced("/dev/null", &options.each_ref().map(String::as_str), &args).finish();
        assert!([0, KILLED].contains(&client.code), "{what}: {}: {}", client.code, client.stderr);
        kills.fetch_add(usize::from(client.code == KILLED), Ordering::Relaxed);
        sources.check(&destination, *is_over_old, client.code == 0, &what, &found);

        let again = run(&args);
        assert_eq!(again.code, 0, "{what}, and again: {}", again.stderr);
        sources.check_whole(&destination);
    });
    check_reach(&found, kills.into_inner(), cases.len());
}
