//! What somebody has put into the destination: never followed, never written through.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use crate::harness::payload;
use crate::transfer::xfer::{Place, address, run, serve};

/// Something planted under the name, and whether `--force` may put a file in its place.
const KINDS: [(&str, bool); 8] = [
    ("link to a file", false),
    ("link to a folder", false),
    ("dangling link", false),
    ("link to itself", false),
    ("FIFO", false),
    ("socket", false),
    ("folder", false),
    ("hard link", true),
];

fn plant(kind: &str, destination: &Place, outside: &Place, name: &str) {
    let at = destination.path(name);
    match kind {
        "link to a file" => symlink(outside.path("canary"), at).expect("a link"),
        "link to a folder" => symlink(outside.root(), at).expect("a link"),
        "dangling link" => symlink(outside.path("missing"), at).expect("a link"),
        "link to itself" => symlink(name, at).expect("a link"),
        "FIFO" => rustix::fs::mkfifoat(rustix::fs::CWD, at, 0o600.into()).expect("a FIFO"),
        "socket" => drop(UnixListener::bind(at).expect("a socket")),
        "folder" => std::fs::create_dir(at).expect("a folder"),
        _ => std::fs::hard_link(outside.path("canary"), at).expect("a hard link"),
    }
}

fn outside() -> Place {
    let outside = Place::new();
    outside.write("canary", b"canary");
    std::fs::set_permissions(outside.path("canary"), std::fs::Permissions::from_mode(0o640)).expect("a mode");
    outside
}

fn check(outside: &Place) {
    outside.expect_names(&["canary"]);
    outside.expect("canary", b"canary");
    assert_eq!(std::fs::metadata(outside.path("canary")).expect("there").mode() & 0o7777, 0o640);
}

/// What a name is: its kind and inode, not followed.
fn identity(place: &Place, name: &str) -> (u32, u64) {
    let meta = std::fs::symlink_metadata(place.path(name)).expect("still there");
    (meta.mode(), meta.ino())
}

/// Sends `new` over each kind of obstacle, by either command.
fn obstacles(send: impl Fn(&Place, &str, bool) -> i32) {
    for (kind, is_replaced) in KINDS {
        for force in [false, true] {
            let (destination, outside) = (Place::new(), outside());
            plant(kind, &destination, &outside, "f");
            let before = identity(&destination, "f");
            let code = send(&destination, "f", force);
            let what = format!("{kind}, forced: {force}");
            check(&outside);
            destination.expect_names(&["f"]);
            if is_replaced && force {
                assert_eq!(code, 0, "{what}");
                destination.expect("f", b"new");
                assert_ne!(identity(&destination, "f"), before, "{what}");
            } else {
                assert_eq!(code, 7, "{what}");
                assert_eq!(identity(&destination, "f"), before, "{what}");
            }
        }
    }
}

#[test]
fn an_upload_goes_through_nothing() {
    let here = Place::new();
    let path = here.write("f", b"new");
    obstacles(|destination, _, force| {
        let server = serve(&["--store", destination.arg()]);
        let to = address(&server);
        let options: &[&str] = if force { &["--force"] } else { &[] };
        let finished = run(&[&["upload", &path, &to], options].concat());
        // The server serves on.
        let other = here.write("other", b"other");
        run(&["upload", &other, &to]).expect(0);
        std::fs::remove_file(destination.path("other")).expect("arrived");
        let code = finished.code;
        finished.expect(code).ended(code).code
    });
}

#[test]
fn a_download_goes_through_nothing() {
    let there = Place::new();
    let shared = there.write("f", b"new");
    obstacles(|destination, name, force| {
        let server = serve(&["--share", &shared, "--once"]);
        let options: &[&str] = if force { &["--force"] } else { &[] };
        let from = address(&server);
        let args = [&["download", &from, name, "-o", destination.arg()], options].concat();
        let finished = run(&args);
        let code = finished.code;
        assert_eq!(server.finish().ended(code).code, code);
        finished.expect(code).ended(code).code
    });
}

#[test]
fn a_file_name_as_output_goes_through_nothing() {
    let there = Place::new();
    let shared = there.write("f", b"new");
    // Into a FIFO it is meant to go.
    for kind in ["link to a file", "dangling link", "socket", "link to itself"] {
        for option in ["--force", "-q"] {
            let (destination, outside) = (Place::new(), outside());
            plant(kind, &destination, &outside, "f");
            let before = identity(&destination, "f");
            let server = serve(&["--share", &shared]);
            run(&["download", &address(&server), "-o", &destination.at("f"), option]).expect(7);
            assert_eq!(identity(&destination, "f"), before, "{kind}");
            check(&outside);
        }
    }
}

#[test]
fn the_name_of_the_unfinished_file_is_no_way_out_either() {
    let here = Place::new();
    // Large enough to have a part under that name.
    let bytes = payload(3_000_000);
    let path = here.write("f", &bytes);
    let hex = blake3::hash(b"f").to_hex();
    let part = format!(".sendall-{}.part", &hex[..16]);
    for (kind, _) in KINDS {
        let (destination, outside) = (Place::new(), outside());
        plant(kind, &destination, &outside, &part);
        let server = serve(&["--store", destination.arg(), "--once"]);
        let finished = run(&["upload", &path, &address(&server)]);
        let code = if kind == "folder" { 7 } else { 0 };
        finished.expect(code);
        server.finish().expect(code);
        check(&outside);
        if code == 0 {
            destination.expect_names(&["f"]);
            destination.expect("f", &bytes);
        }
    }
}

#[test]
fn a_leftover_of_a_crash_is_replaced_and_what_is_in_use_is_not() {
    use rustix::process::Signal;
    let (here, there) = (Place::new(), Place::new());
    let large = payload(20_000_000);
    let path = here.write("f", &large);
    let server = serve(&["--store", there.arg()]);
    let held = crate::transfer::proxy::Rule::HoldAfter(4_000_000);
    let proxy =
        crate::transfer::proxy::Proxy::new(&address(&server), held, crate::transfer::proxy::Rule::Pass);
    let first = crate::transfer::xfer::begin(&["upload", &path, &proxy.address]);
    proxy.wait_held();
    crate::transfer::xfer::wait_for_part(there.root(), 500_000);
    // A live part keeps a second one out, here and from another server.
    let second = serve(&["--store", there.arg()]);
    let elsewhere = Place::new();
    let path = elsewhere.write("f", &large);
    for to in [address(&server), address(&second)] {
        run(&["upload", &path, &to]).expect_saying(7, "another session, which has not ended within 1s");
    }
    server.signal(Signal::KILL);
    drop(server);
    proxy.release();
    first.finish().expect(5);
    assert_eq!(there.names().len(), 1, "a kill leaves the part");
    run(&["upload", &path, &address(&second)]).expect(0);
    there.expect_names(&["f"]);
    there.expect("f", &large);
}

#[test]
fn of_a_file_that_is_whole_no_part_stays() {
    let (here, there) = (Place::new(), Place::new());
    let bytes = payload(2_000_000);
    let path = here.write("f", &bytes);
    for option in ["-v", "--force"] {
        there.write("f", &bytes);
        there.write(&format!(".sendall-{}.part", &blake3::hash(b"f").to_hex()[..16]), &payload(1 << 20));
        let server = serve(&["--store", there.arg(), "--once"]);
        run(&["upload", &path, &address(&server), option]).ended(0);
        server.finish().ended(0);
        there.expect_names(&["f"]);
    }
}
