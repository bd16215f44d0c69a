//! Files in blocks over several connections while their source or the disk changes.

use std::fs::OpenOptions;
use std::io::Write;

use crate::faults::cuts::Way;
use crate::harness::skips::skip;
use crate::harness::{Finished, In, LIMIT, Out, payload, start, wait_until};
use crate::transfer::blocks::{Scene, both_ways};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{Place, address, begin, names_in, serve};

/// Holds a transfer over three connections, and lets it go on after `change`.
fn changed_on_the_way(scene: &Scene, change: impl FnOnce()) -> Finished {
    let held = Rule::HoldAfter(1_000_000);
    let proxies = scene.proxies(&[held; 3]);
    let client = scene.client(&proxies[0].address, &["-j", "3"]);
    proxies.iter().for_each(Proxy::wait_held);
    change();
    proxies.iter().for_each(Proxy::release);
    client.finish()
}

#[test]
fn a_source_that_changes_is_an_error_on_both_sides() {
    type Change = fn(&mut std::fs::File) -> std::io::Result<()>;
    let changes: [Change; 3] = [
        |file| file.write_all(b"x"),
        |file| file.set_len(30_000_000),
        |file| file.write_all(b"x").and_then(|()| file.set_len(36_000_001)),
    ];
    both_ways(|way| {
        for change in changes {
            let scene = Scene::new(way, 36_000_000, &[]);
            let path = scene.source.path("f");
            let client = changed_on_the_way(&scene, || {
                let mut file = OpenOptions::new().write(true).open(path).expect("the file");
                change(&mut file).expect("changed");
            });
            client.expect_saying(6, "changed while it was sent");
            let says = |text: &[u8], _| String::from_utf8_lossy(text).contains("changed while it was sent");
            assert!(scene.server.stderr.wait(LIMIT, says), "{}", scene.server.stderr.text());
            assert!(!scene.there.path("f").exists());
        }
    });
}

#[test]
fn a_disk_that_is_filled_meanwhile_is_no_space() {
    let (source, there) = (Place::in_memory(), Place::new());
    let script = format!("mount -t tmpfs -o size=48m none '{}' && exec \"$0\" \"$@\"", there.arg());
    let binary = env!("CARGO_BIN_EXE_sendall");
    // What others unmount is unmounted there, too.
    let args = [
        "-m",
        "--propagation",
        "slave",
        "sh",
        "-c",
        &script,
        binary,
        "serve",
        "127.0.0.1:0",
        "--store",
        there.arg(),
    ];
    if start("unshare", &["-m", "mount", "-t", "tmpfs", "none", "/mnt"], In::Null, Out::Collect).finish().code
        != 0
    {
        skip("needs to mount, as root");
        return;
    }
    let server = start("unshare", &args, In::Null, Out::Collect);
    let bytes = payload(40_000_000);
    source.write("f", &bytes);
    let scene = Scene { way: Way::Upload, bytes, source, there, server };
    let inside = format!("/proc/{}/root{}", scene.server.id(), scene.there.arg());
    let client = changed_on_the_way(&scene, || {
        let mut filler = std::fs::File::create(format!("{inside}/filler")).expect("a file");
        while filler.write_all(&[1; 1 << 16]).is_ok() {}
    });
    client.expect_saying(7, "no space");
    let says = |text: &[u8], _| String::from_utf8_lossy(text).contains("no space left");
    assert!(scene.server.stderr.wait(LIMIT, says), "{}", scene.server.stderr.text());
    assert!(!names_in(inside.as_ref()).contains(&"f".into()));
}

#[test]
fn a_file_that_is_refused_in_a_stream_does_not_hold_up_the_others() {
    let (source, there) = (Place::in_memory(), Place::in_memory());
    source.folder("folder");
    source.write("folder/a", &payload(30_000_000));
    source.write("folder/b", b"b");
    let server = serve(&["--store", there.arg(), "--max-size", "8MB"]);
    for count in ["1", "3"] {
        let held = (Rule::HoldAfter(1_000_000), Rule::Pass);
        let proxies = Proxy::series(&address(&server), &[held; 3]);
        let client = begin(&["upload", &source.at("folder"), &proxies[0].address, "-j", count]);
        proxies[0].wait_held();
        // ACCEPT, HAVE and its text.
        assert!(wait_until(LIMIT, || proxies[0].passed().1 > 32 + 60));
        proxies.iter().for_each(Proxy::release);
        let finished = client.finish().ended(9);
        assert!(finished.stderr.contains("at most 8000000 bytes"), "{}", finished.stderr);
        assert!(proxies[0].counts().0 < 29_000_000, "the rest is not sent");
        there.expect("folder/b", b"b");
        std::fs::remove_dir_all(there.path("folder")).expect("removed");
    }
}

#[test]
fn a_connection_that_is_never_made_does_not_outlive_its_session() {
    both_ways(|way| {
        let scene = Scene::new(way, 36_000_000, &[]);
        let held = Rule::HoldAfter(1_000_000);
        let proxy = Proxy::deaf(&address(&scene.server), held, held);
        let limits = ["-j", "3", "--idle-timeout", "1s", "--timeout", "60s"];
        scene.client(&proxy.address, &limits).finish().expect_saying(4, "--idle-timeout");
    });
}
