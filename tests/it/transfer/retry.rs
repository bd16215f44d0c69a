//! `--retry`: what a new connection may change is tried again, and nothing else.

use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::process::Signal;

use crate::faults::cuts::{WAYS, Way};
use crate::harness::{A_WHILE, Finished, In, LIMIT, Out, payload, sendall, silent_port, wait_until};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{Place, address, begin, names_in, run, serve, wait_for_part};

/// A client that goes to `to` with one connection, since a proxy counts them, and with these options.
fn client(way: Way, path: &str, destination: &Place, to: &str, options: &[&str]) -> Vec<String> {
    let all = match way {
        Way::Upload => [&["upload", path, to, "-j", "1"], options].concat(),
        Way::Download => [&["download", to, "-o", destination.arg(), "-j", "1"], options].concat(),
    };
    all.into_iter().map(String::from).collect()
}

fn start(args: &[String]) -> crate::harness::Running {
    begin(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A server for one of the ways.
fn server(way: Way, path: &str, destination: &Place) -> crate::harness::Running {
    serve(&match way {
        Way::Upload => ["--store", destination.arg()],
        Way::Download => ["--share", path],
    })
}

/// The lines that announce another try.
fn retries(finished: &Finished) -> usize {
    finished.stderr.matches("trying again in ").count()
}

#[test]
fn a_cut_is_retried_and_received_bytes_are_not_sent_again() {
    let bytes = payload(20_000_000);
    for way in WAYS {
        let (source, there) = (Place::new(), Place::new());
        let path = source.write("f", &bytes);
        let server = server(way, &path, &there);
        for cut in [Rule::EndAfter(10_000_000), Rule::ResetAfter(10_000_000)] {
            let (first, second) = match way {
                Way::Upload => ((cut, Rule::Pass), (Rule::Pass, Rule::Pass)),
                Way::Download => ((Rule::Pass, cut), (Rule::Pass, Rule::Pass)),
            };
            let proxies = Proxy::series(&address(&server), &[first, second]);
            let args = client(way, &path, &there, &proxies[0].address, &["--retry", "1"]);
            let finished = start(&args).finish().ended(0);
            assert_eq!(retries(&finished), 1, "{way:?} {cut:?}: {}", finished.stderr);
            let (up, down) = proxies[1].counts();
            // A reset throws away what the receiver's system holds.
            let most = if matches!(cut, Rule::EndAfter(_)) { 12_000_000 } else { 18_000_000 };
            assert!(up + down < most, "{way:?} {cut:?}: {up} and {down} bytes in the second try");
            there.expect("f", &bytes);
            there.expect_names(&["f"]);
            std::fs::remove_file(there.path("f")).expect("removed");
        }
    }
}

#[test]
fn it_resumes_cut_after_cut_and_gives_up_with_the_code_of_the_last_try() {
    let bytes = payload(9_000_000);
    for way in WAYS {
        let (source, there) = (Place::new(), Place::new());
        let path = source.write("f", &bytes);
        let server = server(way, &path, &there);
        let rules = |after: u64| match way {
            Way::Upload => (Rule::ResetAfter(after), Rule::Pass),
            Way::Download => (Rule::Pass, Rule::ResetAfter(after)),
        };
        // Before a session, in the greeting, in the entries, twice in the body.
        let series: Vec<_> = [10, 50, 2_500_000, 3_500_000].map(rules).to_vec();
        let proxies = Proxy::series(&address(&server), &series);
        let args = client(way, &path, &there, &proxies[0].address, &["--retry", "3"]);
        let finished = start(&args).finish().ended(5);
        assert_eq!(retries(&finished), 3, "{way:?}: {}", finished.stderr);
        assert_eq!(finished.errors().len(), 4, "{way:?}: {}", finished.stderr);

        let proxies = Proxy::series(&address(&server), &[rules(3_000_000), (Rule::Pass, Rule::Pass)]);
        let args = client(way, &path, &there, &proxies[0].address, &["--retry", "3"]);
        let finished = start(&args).finish().ended(0);
        assert_eq!(retries(&finished), 1, "{way:?}: {}", finished.stderr);
        there.expect("f", &bytes);
    }
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", b"late");
    let at = format!("unix:{}", source.at("socket"));
    let client = begin(&["upload", &path, &at, "-j", "1", "--retry", "4"]);
    assert!(client.stderr.wait(LIMIT, |text, _| String::from_utf8_lossy(text).contains("(2 of 4)")));
    let _server = sendall(&["serve", &at, "--store", there.arg()], In::Null, Out::Collect);
    let finished = client.finish().ended(0);
    assert!(finished.stderr.contains("trying again in 250ms (1 of 4)"), "{}", finished.stderr);
    assert!(finished.stderr.contains("trying again in 500ms (2 of 4)"), "{}", finished.stderr);
    there.expect("f", b"late");
}

#[test]
fn a_server_that_is_killed_and_comes_back() {
    let bytes = payload(20_000_000);
    for way in WAYS {
        let (source, there) = (Place::new(), Place::new());
        let path = source.write("f", &bytes);
        let mode = if way == Way::Upload { "--store" } else { "--share" };
        let what = if way == Way::Upload { there.arg() } else { path.as_str() };
        let (_port, to) = silent_port();
        let to = to.to_string();
        let serve = || sendall(&["serve", &to, mode, what], In::Null, Out::Collect);
        let first = serve();
        first.listening(1);
        let held = Rule::HoldAfter(8_000_000);
        let rules = if way == Way::Upload { (held, Rule::Pass) } else { (Rule::Pass, held) };
        let proxies = Proxy::series(&to, &[rules, (Rule::Pass, Rule::Pass), (Rule::Pass, Rule::Pass)]);
        let args = client(way, &path, &there, &proxies[0].address, &["--retry", "6"]);
        let client = start(&args);
        wait_for_part(there.root(), 4_000_000);
        first.signal(Signal::KILL);
        first.finish();
        let _second = serve();
        proxies[0].release();
        let finished = client.finish().ended(0);
        assert!(retries(&finished) >= 1, "{way:?}: {}", finished.stderr);
        there.expect("f", &bytes);
        there.expect_names(&["f"]);
    }
}

#[test]
fn a_client_takes_over_from_its_own_session_that_the_server_still_keeps() {
    let bytes = payload(20_000_000);
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", &bytes);
    let server = serve(&["--store", there.arg()]);
    // The client's time limit ends the first session; the server hears nothing of it for a minute. Down come ACCEPT,
    // HAVE and TURN.
    let held = (Rule::HoldAfter(10_000_000), Rule::HoldAfter(32 + 60 + 24));
    let proxies = Proxy::series(&address(&server), &[held, (Rule::Pass, Rule::Pass)]);
    let client =
        begin(&["upload", &path, &proxies[0].address, "-j", "1", "--retry", "1", "--idle-timeout", "1s"]);
    let finished = client.finish().ended(0);
    assert_eq!(retries(&finished), 1, "{}", finished.stderr);
    let (up, _) = proxies[1].counts();
    assert!(up < 12_000_000, "{up} bytes in the second try");
    there.expect("f", &bytes);
    there.expect_names(&["f"]);
    let says = |text: &[u8], _| String::from_utf8_lossy(text).contains("reconnected in another session");
    assert!(server.stderr.wait(LIMIT, says), "{}", server.stderr.text());
}

#[test]
fn another_client_takes_over_from_a_silent_one_and_gets_exists_before() {
    let bytes = payload(8_000_000);
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", &bytes);
    let server = serve(&["--store", there.arg()]);
    let proxy = Proxy::new(&address(&server), Rule::HoldAfter(4_000_000), Rule::Pass);
    let first = begin(&["upload", &path, &proxy.address]);
    proxy.wait_held();
    wait_for_part(there.root(), 2_000_000);
    first.signal(Signal::STOP);
    let to = address(&server);
    let elsewhere = Place::new();
    let path = elsewhere.write("f", &bytes);
    // While it may come back at any moment, the name is taken.
    run(&["upload", &path, &to]).expect_saying(7, "exists");
    let arrived = wait_until(LIMIT, || run(&["upload", "-q", &path, &to]).code == 0);
    assert!(arrived, "{}", server.stderr.text());
    there.expect("f", &bytes);
    there.expect_names(&["f"]);
    let says = |text: &[u8], _| String::from_utf8_lossy(text).contains("another client sends");
    assert!(server.stderr.wait(LIMIT, says), "{}", server.stderr.text());
}

#[test]
fn the_same_line_typed_again_takes_the_place_of_a_client_that_is_gone() {
    let bytes = payload(20_000_000);
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", &bytes);
    let server = serve(&["--store", there.arg()]);
    let to = address(&server);
    // What stands between keeps the connection, and the server hears nothing of the end of its client.
    let proxy = Proxy::new(&to, Rule::HoldAfter(10_000_000), Rule::Pass);
    let first = begin(&["upload", &path, &proxy.address]);
    proxy.wait_held();
    wait_for_part(there.root(), 8_000_000);
    first.signal(Signal::INT);
    first.finish();
    let second = Proxy::new(&to, Rule::Pass, Rule::Pass);
    run(&["upload", &path, &second.address]).expect(0);
    assert!(second.counts().0 < 14_000_000, "{:?}", second.counts());
    there.expect("f", &bytes);
    let says = |text: &[u8], _| String::from_utf8_lossy(text).contains("its client has reconnected");
    assert!(server.stderr.wait(LIMIT, says), "{}", server.stderr.text());
}

#[test]
fn a_client_that_was_killed_and_is_run_again_resumes() {
    let bytes = payload(20_000_000);
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", &bytes);
    let server = serve(&["--store", there.arg()]);
    let proxy = Proxy::new(&address(&server), Rule::HoldAfter(10_000_000), Rule::Pass);
    let first = begin(&["upload", &path, &proxy.address]);
    proxy.wait_held();
    first.signal(Signal::KILL);
    first.finish();
    proxy.release();
    assert!(server.stderr.wait(LIMIT, |text, _| String::from_utf8_lossy(text).contains("ended before")));
    let proxy = Proxy::new(&address(&server), Rule::Pass, Rule::Pass);
    run(&["upload", &path, &proxy.address]).expect(0);
    assert!(proxy.counts().0 < 12_000_000, "{:?}", proxy.counts());
    there.expect("f", &bytes);
}

#[test]
fn what_a_new_connection_cannot_mend_is_not_tried_again() {
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", b"new");
    there.write("f", b"old");
    let server = serve(&["--store", there.arg()]);
    let to = address(&server);
    let finished = run(&["upload", &path, &to, "-j", "1", "--retry", "5"]).expect_saying(7, "exists");
    assert_eq!(retries(&finished), 0, "{}", finished.stderr);
    run(&["download", &to, "-j", "1", "--retry", "5"]).expect_saying(7, "--share");
    run(&["upload", &path, &to, "--wire", "text", "-j", "1", "--retry", "5"])
        .expect_saying(2, "leave --retry out");
    run(&["upload", "-", "--name", "x", &to, "-j", "1", "--retry", "1"]).expect_saying(2, "only once");
    run(&["download", &to, "-o", "-", "-j", "1", "--retry", "1"]).expect_saying(2, "--retry");
    run(&["download", &to, "--list", "-j", "1", "--retry", "1"]).expect_saying(2, "--retry");
    there.expect("f", b"old");
}

#[test]
fn a_flipped_bit_is_retried() {
    let bytes = payload(300_000);
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", &bytes);
    let server = serve(&["--store", there.arg()]);
    let flip = (Rule::Flip(100_000), Rule::Pass);
    let proxies = Proxy::series(&address(&server), &[flip, (Rule::Pass, Rule::Pass)]);
    let finished = run(&["upload", &path, &proxies[0].address, "-j", "1", "--retry", "1"]).ended(0);
    assert!(finished.stderr.contains("digest mismatch; trying again"), "{}", finished.stderr);
    there.expect("f", &bytes);
}

#[test]
fn too_many_clients_is_tried_again() {
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", b"third");
    let server = serve(&["--store", there.arg(), "--max-per-source", "1"]);
    let to = address(&server);
    let first = sendall(&["upload", "-", "--name", "x", &to], In::Open, Out::Collect);
    wait_for_part(there.root(), 0);
    let client = begin(&["upload", &path, &to, "-j", "1", "--retry", "8"]);
    assert!(client.stderr.wait(LIMIT, |text, _| String::from_utf8_lossy(text).contains("(1 of 8)")));
    drop(first);
    let finished = client.finish().ended(0);
    assert!(finished.stderr.contains("too many clients"), "{}", finished.stderr);
    there.expect("f", b"third");
}

#[test]
fn a_signal_ends_the_wait_at_once() {
    let source = Place::new();
    let path = source.write("f", b"x");
    let at = format!("unix:{}", source.at("nobody"));
    let client = begin(&["upload", &path, &at, "--retry", "100"]);
    // From here on it waits for two seconds and longer.
    assert!(client.stderr.wait(LIMIT, |text, _| String::from_utf8_lossy(text).contains("in 2s (4 of")));
    client.signal(Signal::INT);
    let finished = client.finish_within(Duration::from_secs(1)).ended(130);
    assert!(finished.stderr.contains("SIGINT"), "{}", finished.stderr);
    assert_eq!(names_in(source.root()).len(), 1);
}

#[test]
fn a_source_that_changed_gets_one_more_try() {
    let (old, new) = (payload(8_000_000), payload(8_000_001));
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", &old);
    let server = serve(&["--store", there.arg()]);
    let held = (Rule::HoldAfter(2_000_000), Rule::Pass);
    let pass = (Rule::Pass, Rule::Pass);
    let proxies = Proxy::series(&address(&server), &[held, pass]);
    let client = begin(&["upload", &path, &proxies[0].address, "-j", "1", "--retry", "5"]);
    proxies[0].wait_held();
    source.write("f", &new);
    proxies[0].release();
    let finished = client.finish().ended(0);
    assert_eq!(retries(&finished), 1, "{}", finished.stderr);
    there.expect("f", &new);

    std::fs::remove_file(there.path("f")).expect("removed");
    let proxies = Proxy::series(&address(&server), &[held, held, pass]);
    let client = begin(&["upload", &path, &proxies[0].address, "-j", "1", "--retry", "5"]);
    for (proxy, bytes) in proxies.iter().zip([&old, &new]) {
        proxy.wait_held();
        source.write("f", bytes);
        proxy.release();
    }
    let finished = client.finish().ended(6);
    assert_eq!(retries(&finished), 1, "{}", finished.stderr);
}

#[test]
fn what_the_session_before_still_holds_is_waited_for() {
    let bytes = payload(16_000_000);
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", &bytes);
    let server = serve(&["--share", &path]);
    let cut = (Rule::Pass, Rule::EndAfter(10_000_000));
    let proxies = Proxy::series(&address(&server), &[cut, (Rule::Pass, Rule::Pass)]);
    let client = begin(&["download", &proxies[0].address, "-o", there.arg(), "-j", "1", "--retry", "1"]);
    let says = |text: &[u8], _| String::from_utf8_lossy(text).contains("trying again");
    assert!(client.stderr.wait(LIMIT, says));
    // As a thread does that still hashes it.
    let part = std::fs::File::open(there.path(&there.names()[0])).expect("a part");
    let locked = rustix::fs::flock(&part, FlockOperation::NonBlockingLockExclusive);
    assert!(!client.ends_within(4 * A_WHILE) || locked.is_err(), "{}", client.stderr.text());
    drop(part);
    client.finish().ended(0);
    there.expect("f", &bytes);
}
