//! Every exit code that a transfer can reach and that no other file of these tests is about.

use std::time::Duration;

use rustix::process::Signal;

use crate::faults::cuts::{Scene, WAYS, Way};
use crate::harness::others::installed;
use crate::harness::skips::skip;
use crate::harness::{Finished, In, Out, Running, payload, start};
use crate::transfer::proxy::Rule;
use crate::transfer::xfer::{Place, address, begin, is_part, limited, run, serve, wait_for_part};

#[test]
fn wrong_usage_is_2_and_one_line_with_a_hint() {
    let place = Place::new();
    let (file, folder) = (place.write("f", b"x"), place.folder("folder"));
    place.write("folder/f", b"y");
    let (same, missing, to) = (place.at("folder/f"), place.at("missing"), "127.0.0.1:1");
    let cases: [(&[&str], &str); 41] = [
        (&["upload"], "type 'sendall upload PATH"),
        (&["upload", &file], "and the server"),
        (&["upload", "-", to], "--name"),
        (&["upload", &file, "localhost:"], "PORT"),
        (&["upload", &file, "localhost:99999"], ""),
        (&["upload", &missing, to], "does not exist"),
        (&["upload", "/dev/null", to], "is a device"),
        (&["upload", &file, &same, to], "would be called f"),
        (&["upload", &file, &missing, to], "does not exist"),
        (&["upload", &file, to, "--timeout", "5"], "10s"),
        (&["upload", &file, to, "--timeout", "0s"], "longer than 0"),
        (&["upload", &file, to, "--idle-timeout", "soon"], "10s"),
        (&["upload", &file, to, "--no-such-option"], "unexpected"),
        (&["download"], "type 'sendall download HOST:PORT"),
        (&["download", "localhost:"], "PORT"),
        (&["download", to, "../x"], "leaves the folder"),
        (&["download", to, "/x"], "starts at the root"),
        (&["download", to, "a//b"], "empty part"),
        (&["download", to, "a/x", "b/x"], "two files would be called x"),
        (&["download", to, "a/b/x", "c", "a"], "a/b/x is part of a requested folder"),
        (&["download", to, "-o", &place.at("no/such/file")], "does not exist: create it first with mkdir -p"),
        (&["download", to, "-o", &format!("{missing}/a/")], "mkdir -p"),
        (&["download", to, "a", "b", "-o", &file], "is not a folder"),
        (&["download", to, "a", "b", "-o", &missing], "mkdir"),
        (&["download", to, "a", "b", "-o", "-"], "one file"),
        (&["download", to, "--max-size", "big"], "64KiB"),
        (&["serve", "0", "--store", &missing], "does not exist"),
        (&["serve", "0", "--store", &file], "is not a folder"),
        (&["serve", "0", "--share", &missing], "does not exist"),
        (&["serve", "0", "--once"], "--store"),
        (&["serve", "0", "--echo", "--recv-only"], "leave it out with --echo"),
        (&["serve", "0", "--echo", "--share", &file], "type one of them"),
        (&["serve", "0", "--max-clients", "3"], "one client only"),
        (&["serve", "0", "--count", "3"], "one client only"),
        (&["serve", "0", "--reply", "\\q"], "\\xHH"),
        (&["serve", "0", "--reply", "@/no/such"], "does not exist"),
        (&["serve", "0", "--echo", "--allow", "10.0.0.0/33"], "10.0.0.0/8"),
        (&["serve", "0", "--echo", "--deny", "@/no/such"], "does not exist"),
        (&["serve", "0", "--share", &file, "--keep-existing"], "--store"),
        (&["serve", "0", "--store", &folder, "--max-clients", "0"], "max-clients"),
        (&["serve", "0", "--store", &folder, "--send-only"], "leave it out with --store"),
    ];
    for (args, hint) in cases {
        let finished = run(args).ended(2);
        assert_eq!(finished.stderr.lines().count(), 1, "{args:?}: {}", finished.stderr);
        assert!(
            finished.stderr.starts_with("sendall: ") && finished.stderr.contains(hint),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn an_address_in_use_is_3() {
    let place = Place::new();
    let server = serve(&["--store", place.arg()]);
    run(&["serve", &address(&server), "--store", place.arg()]).expect_saying(3, "address in use");
}

#[test]
fn a_signal_stops_either_end_in_mid_transfer_and_leaves_a_part_at_most() {
    let bytes = payload(20_000_000);
    for way in WAYS {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            for stops_client in [true, false] {
                let held = Rule::HoldAfter(3_000_000);
                let (up, down) = if way == Way::Upload { (held, Rule::Pass) } else { (Rule::Pass, held) };
                let scene = Scene::new(way, &bytes, up, down);
                scene.proxy.wait_held();
                wait_for_part(scene.destination.root(), 1);
                let (stopped, other) =
                    if stops_client { (scene.client, scene.server) } else { (scene.server, scene.client) };
                stopped.signal(signal);
                stopped.finish_within(Duration::from_secs(1)).expect(code).ended(code);
                scene.proxy.release();
                other.finish().expect(5).ended(5);
                assert!(scene.destination.names().iter().all(|name| is_part(name)), "a part at most");
            }
        }
    }
}

/// Uploads to a server, or downloads with a client, that cannot write: the sender's end, then the receiver's.
fn to_one_that_cannot(
    way: Way,
    size: usize,
    start: impl Fn(&Place, &[&str]) -> Running,
) -> (Finished, Finished) {
    let (source, destination) = (Place::new(), Place::new());
    let path = source.write("f", &payload(size));
    let ended = match way {
        Way::Upload => {
            let args = ["serve", "127.0.0.1:0", "--store", destination.arg(), "--once"];
            let server = start(&destination, &args);
            let sender = run(&["upload", &path, &address(&server)]);
            (sender, server.finish())
        }
        Way::Download => {
            let server = serve(&["--share", &path, "--once"]);
            let args = ["download", &address(&server), "-o", destination.arg()];
            let receiver = start(&destination, &args).finish();
            (server.finish(), receiver)
        }
    };
    destination.expect_names(&[]);
    ended
}

#[test]
fn a_file_size_limit_is_10_where_it_is_and_7_at_the_sender() {
    for way in WAYS {
        // 512-byte blocks; a larger file ends the session at once, a smaller one is read and thrown away.
        for size in [3_000_000, 20_000_000] {
            let (sender, receiver) = to_one_that_cannot(way, size, |_, args| limited("ulimit -f 2048", args));
            sender.expect_saying(7, "no space left").ended(7);
            receiver.expect(10).ended(10);
        }
    }
}

/// A private view of the file system, in which the destination is mounted with these options.
fn mounted(options: &str) -> impl Fn(&Place, &[&str]) -> Running {
    let options = options.to_owned();
    move |place, args| {
        let line = format!("mount {options} '{}' && exec \"$0\" \"$@\"", place.arg());
        let all = [&["-m", "sh", "-c", &line, env!("CARGO_BIN_EXE_sendall")], args].concat();
        start("unshare", &all, In::Null, Out::Collect)
    }
}

fn can_mount() -> bool {
    let can = start("unshare", &["-m", "mount", "-t", "tmpfs", "none", "/mnt"], In::Null, Out::Collect);
    let can = can.finish().code == 0;
    if !can {
        skip("needs to mount, as root");
    }
    can
}

#[test]
fn a_full_disk_is_10_where_it_is_and_7_at_the_sender() {
    if !can_mount() {
        return;
    }
    for way in WAYS {
        for (options, size) in [("-t tmpfs -o size=1m none", 3_000_000), ("-t tmpfs -o nr_inodes=1 none", 10)]
        {
            let (sender, receiver) = to_one_that_cannot(way, size, mounted(options));
            sender.expect_saying(7, "no space left").ended(7);
            receiver.expect_saying(10, "no space").ended(10);
        }
    }
}

#[test]
fn a_disk_that_fills_up_on_the_way_is_the_same() {
    if !can_mount() {
        return;
    }
    // Two sessions that fit, each for itself.
    let (here, there) = (Place::new(), Place::new());
    here.folder("other");
    let (one, two) = (here.write("one", &payload(6_000_000)), here.write("other/two", &payload(6_000_001)));
    let server =
        mounted("-t tmpfs -o size=8m none")(&there, &["serve", "127.0.0.1:0", "--store", there.arg()]);
    let proxy = crate::transfer::proxy::Proxy::new(&address(&server), Rule::HoldAfter(1_000_000), Rule::Pass);
    let first = begin(&["upload", &one, &proxy.address]);
    proxy.wait_held();
    let second = run(&["upload", &two, &address(&server)]);
    proxy.release();
    let codes = [first.finish().code, second.code];
    assert!(codes == [7, 0] || codes == [0, 7], "{codes:?}");
}

#[test]
fn a_read_only_destination_is_10_where_it_is_and_7_at_the_sender() {
    if !can_mount() {
        return;
    }
    for way in WAYS {
        let (sender, receiver) = to_one_that_cannot(way, 10, mounted("-t tmpfs -o ro none"));
        sender.expect(7).ended(7);
        receiver.expect(10).ended(10);
    }
}

#[test]
fn an_unreadable_source_is_reported_by_both() {
    // Root reads everything: a folder's own limits are not enough, so the file goes after it was listed.
    let (here, there) = (Place::new(), Place::new());
    there.write("a", &payload(20_000_000));
    there.write("b", b"b");
    let server = serve(&["--share", there.arg(), "--once"]);
    let proxy = crate::transfer::proxy::Proxy::new(&address(&server), Rule::Pass, Rule::HoldAfter(1_000_000));
    let client = begin(&["download", &proxy.address, "-o", here.arg()]);
    proxy.wait_held();
    std::fs::remove_file(there.path("b")).expect("removed");
    proxy.release();
    for process in [client, server] {
        let text = process.finish().ended(9).stderr;
        assert!(text.contains("b: not found"), "{text}");
    }
    here.expect_names(&["a"]);
}

#[test]
fn a_signal_while_the_disk_works_leaves_no_part() {
    let strace = ["-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e"];
    let slow_disk = |args: &[&str]| {
        let inject = ["inject=fsync:delay_enter=300000", env!("CARGO_BIN_EXE_sendall")];
        start("strace", &[&strace[..], &inject, args].concat(), In::Null, Out::Collect)
    };
    if installed("strace").is_none() {
        return;
    }
    for way in WAYS {
        let (source, destination) = (Place::new(), Place::new());
        let path = source.write("f", b"content");
        let (receiver, sender) = match way {
            Way::Upload => {
                let server = slow_disk(&["serve", "127.0.0.1:0", "--store", destination.arg()]);
                let client = begin(&["upload", &path, &address(&server)]);
                (server, client)
            }
            Way::Download => {
                let server = serve(&["--share", &path, "--once"]);
                let client = slow_disk(&["download", &address(&server), "-o", destination.arg()]);
                (client, server)
            }
        };
        // All of it is written; the disk takes its time.
        wait_for_part(destination.root(), 7);
        receiver.signal(Signal::TERM);
        receiver.finish_within(Duration::from_secs(1)).expect(143);
        assert_eq!(sender.finish().ended(5).errors().len(), 1);
        let names = destination.names();
        assert!(names.iter().all(|name| name == "f"), "{way:?}: {names:?}");
    }
}
