//! One byte changed on the way, and sources that change while they are sent.

use std::fs::OpenOptions;
use std::io::Write;

use crate::faults::cuts::{Scene, WAYS, Way, lengths};
use crate::harness::{assert_same, payload};
use crate::transfer::proxy::Rule;
use crate::transfer::xfer::{in_parallel, is_part, is_slow_wanted};

/// Both processes end; what they said; and what the destination holds, under whatever name.
fn flip(way: Way, bytes: &[u8], up: Rule, down: Rule) -> [i32; 2] {
    let what = format!("{way:?}: {up:?}, {down:?}");
    let scene = Scene::new(way, bytes, up, down);
    let ended = [scene.client, scene.server].map(|process| process.finish_within(crate::harness::LIMIT));
    let mut found = 0;
    for name in scene.destination.names() {
        assert!(!is_part(&name), "{what}: {name:?}");
        // A changed name is another valid name; no digest covers it.
        assert_same(&std::fs::read(scene.destination.path(&name)).expect("a file"), bytes, &what);
        found += 1;
    }
    for process in &ended {
        let text = &process.stderr;
        assert!(!text.contains("panicked"), "{what}: {text}");
        assert_eq!(
            process.errors().len(),
            usize::from(process.code != 0),
            "{what}: {}: {text}",
            process.code
        );
        assert!(process.code != 0 || found == 1, "{what}: success without a file: {text}");
        assert!([0, 1, 4, 5, 6, 7, 10].contains(&process.code), "{what}: {}: {text}", process.code);
    }
    assert!(found <= 1, "{what}: {found} files");
    ended.map(|process| process.code)
}

fn flip_at(way: Way, bytes: &[u8], up: &[u64], down: &[u64]) {
    let cases: Vec<(Rule, Rule)> = (up.iter().map(|at| (Rule::Flip(*at), Rule::Pass)))
        .chain(down.iter().map(|at| (Rule::Pass, Rule::Flip(*at))))
        .collect();
    in_parallel(&cases, |(up, down)| {
        flip(way, bytes, *up, *down);
    });
}

#[test]
fn any_flipped_byte_is_noticed_or_does_not_matter() {
    let step = if is_slow_wanted("a flip of every byte, not of every fifth") { 1 } else { 5 };
    for way in WAYS {
        let bytes = payload(50);
        let (all_up, all_down) = lengths(way, &bytes);
        let (up, down): (Vec<u64>, Vec<u64>) =
            ((0..all_up.min(200)).step_by(step).collect(), (0..all_down.min(200)).step_by(step).collect());
        flip_at(way, &bytes, &up, &down);
        let bytes = payload(4000);
        let (all_up, all_down) = lengths(way, &bytes);
        let far = |all: u64| (200..all).step_by(97 * step.min(2)).collect::<Vec<u64>>();
        flip_at(way, &bytes, &far(all_up), &far(all_down));
    }
}

#[test]
fn a_flipped_byte_of_a_body_or_a_digest_is_a_digest_mismatch_on_both_ends() {
    for way in WAYS {
        let bytes = payload(600_000);
        let (up, down) = lengths(way, &bytes);
        let all = if way == Way::Upload { up } else { down };
        // The last frames are END, 56 bytes with the digest at its end, and EOT, 40 bytes.
        let digest = all - 40 - 32;
        for at in [digest - 24 - 1, digest - 24 - 300_000, digest, digest + 31] {
            let (up, down) =
                if way == Way::Upload { (Rule::Flip(at), Rule::Pass) } else { (Rule::Pass, Rule::Flip(at)) };
            assert_eq!(flip(way, &bytes, up, down), [6, 6], "{way:?} at {at}");
        }
    }
}

/// Changes the source while 1 MB of 20 have gone: both ends say 6, and nothing is left.
fn change_in_mid_transfer(change: impl Fn(&std::path::Path)) {
    for way in WAYS {
        let bytes = payload(20_000_000);
        let held = Rule::HoldAfter(1_000_000);
        let (up, down) = if way == Way::Upload { (held, Rule::Pass) } else { (Rule::Pass, held) };
        let scene = Scene::new(way, &bytes, up, down);
        scene.proxy.wait_held();
        change(&scene.path());
        scene.proxy.release();
        let (client, server) = (scene.client.finish(), scene.server.finish());
        for process in [client, server] {
            process.expect_saying(6, "changed while it was sent");
        }
        scene.destination.expect_names(&[]);
    }
}

#[test]
fn a_source_that_becomes_shorter_is_an_error() {
    change_in_mid_transfer(|path| {
        OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(15_000_000)).expect("shorter");
    });
}

#[test]
fn a_source_that_grows_arrives_as_it_was_offered() {
    let size = 20_000_000;
    for way in WAYS {
        let bytes = payload(size);
        let held = Rule::HoldAfter(1_000_000);
        let (up, down) = if way == Way::Upload { (held, Rule::Pass) } else { (Rule::Pass, held) };
        let scene = Scene::new(way, &bytes, up, down);
        scene.proxy.wait_held();
        let file = OpenOptions::new().append(true).open(scene.path());
        file.and_then(|mut file| file.write_all(b"more")).expect("longer");
        scene.proxy.release();
        let (client, server) = (scene.client.finish(), scene.server.finish());
        assert_eq!((client.code, server.code), (0, 0), "{} {}", client.stderr, server.stderr);
        let sender = if way == Way::Upload { client } else { server };
        let words = format!("has grown while it was sent: its first {size} bytes arrive");
        assert!(sender.stderr.contains(&words), "{}", sender.stderr);
        let names = scene.destination.names();
        assert_eq!(names.len(), 1);
        scene.destination.expect(names[0].to_str().expect("UTF-8"), &bytes);
    }
}

#[test]
fn a_source_that_grows_and_is_written_to_is_an_error() {
    change_in_mid_transfer(|path| {
        let file = OpenOptions::new().append(true).open(path);
        file.and_then(|mut file| file.write_all(b"more")).expect("longer");
        OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(b"x")).expect("changed");
    });
}

#[test]
fn a_source_that_grows_before_its_turn_arrives_and_one_in_its_place_does_not() {
    use crate::transfer::xfer::{Place, address, begin, serve};
    let (here, there) = (Place::new(), Place::new());
    let large = here.write("a", &payload(20_000_000));
    let (grows, replaced) = (here.write("b", b"12345"), here.write("c", b"12345"));
    let server = serve(&["--store", there.arg(), "--once"]);
    let proxy = crate::transfer::proxy::Proxy::new(&address(&server), Rule::HoldAfter(1_000_000), Rule::Pass);
    let client = begin(&["upload", &large, &grows, &replaced, &proxy.address]);
    proxy.wait_held();
    OpenOptions::new().append(true).open(&grows).and_then(|mut file| file.write_all(b"67")).expect("longer");
    here.write("new", b"1234567");
    std::fs::rename(here.path("new"), here.path("c")).expect("replaced");
    proxy.release();
    let (client, server) = (client.finish().ended(9), server.finish().ended(9));
    for text in [&client.stderr, &server.stderr] {
        assert!(text.contains("c: changed while it was sent"), "{text}");
    }
    assert!(client.stderr.contains("b has grown while it was sent: its first 5 bytes arrive"));
    there.expect("b", b"12345");
    there.expect_names(&["a", "b"]);
}

#[test]
fn a_source_that_is_written_to_is_an_error() {
    change_in_mid_transfer(|path| {
        OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(b"x")).expect("changed");
    });
}

#[test]
fn a_source_that_is_replaced_by_a_rename_is_an_error_or_the_old_one() {
    // The open file is the old one; that its last name is gone counts as a change.
    change_in_mid_transfer(|path| {
        let other = path.with_file_name("other");
        std::fs::write(&other, b"other").and_then(|()| std::fs::rename(&other, path)).expect("replaced");
    });
}

#[test]
fn a_source_that_changes_before_its_turn_fails_alone() {
    use crate::transfer::xfer::{Place, address, begin, serve};
    let (here, there) = (Place::new(), Place::new());
    let large = here.write("a", &payload(20_000_000));
    let (shrinks, goes, stays) = (here.write("b", b"12345"), here.write("c", b"c"), here.write("d", b"d"));
    let server = serve(&["--store", there.arg(), "--count", "1"]);
    let proxy = crate::transfer::proxy::Proxy::new(&address(&server), Rule::HoldAfter(1_000_000), Rule::Pass);
    let client = begin(&["upload", &large, &shrinks, &goes, &stays, &proxy.address]);
    proxy.wait_held();
    std::fs::write(&shrinks, b"1").and_then(|()| std::fs::remove_file(&goes)).expect("changed");
    proxy.release();
    let (client, server) = (client.finish().ended(9), server.finish().ended(9));
    for text in [client.stderr, server.stderr] {
        assert!(
            text.contains("b: changed while it was sent") && text.contains("c: cannot be read"),
            "{text}"
        );
    }
    there.expect_names(&["a", "d"]);
}
