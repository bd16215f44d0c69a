//! What a peer claims against what this side knows: no claim makes a file count that did not arrive.

use std::net::Shutdown;

use crate::harness::{Finished, payload};
use crate::transfer::frames::*;
use crate::transfer::xfer::{Place, run};

/// Plays a server to one client: hears HELLO, and follows the script; then it ends, and reads on to the end.
fn server(script: impl FnOnce(&mut Peer) + Send + 'static) -> FakeServer {
    FakeServer::new(move |peer| {
        peer.hear_hello();
        script(peer);
        let _ = peer.0.shutdown(Shutdown::Write);
        peer.hear_all();
    })
}

/// A server that says only this.
fn says(bytes: Vec<u8>) -> FakeServer {
    server(move |peer| assert!(peer.say(&bytes), "it was not heard"))
}

/// Checks the code and the words; nothing was counted that did not arrive.
#[track_caller]
fn expect(finished: Finished, code: i32, words: &str) {
    let finished = finished.ended(code);
    assert!(finished.stderr.contains(words), "'{words}' is not in: {}", finished.stderr);
}

/// When a server of a stream refuses the second of three entries, a file of 3 MB.
#[derive(Clone, Copy, Debug)]
enum Refuses {
    /// As soon as its entry is there.
    AtOnce,
    /// When everything has been sent.
    AtTheEnd,
    /// At once, and then the small file that was over before.
    BothFiles,
}

/// Uploads the folder `d` with `a` and `b` in a stream; the server answers with this RESULT.
#[track_caller]
fn upload_in_a_stream(refuses: Refuses, result: Vec<u8>) -> Finished {
    let here = Place::new();
    here.folder("d");
    here.write("d/a", b"small");
    here.write("d/b", &payload(3_000_000));
    let refusal = |file| refused(file, 10, b"full");
    let server = server(move |peer| {
        peer.say(&accept_with(2, 0));
        if !matches!(refuses, Refuses::AtTheEnd) {
            let is_large = |(kind, _, body): (u8, u8, Vec<u8>)| kind == ENTRY && body.ends_with(b"d/b");
            while !is_large(peer.hear_frame()) {}
            peer.say(&refusal(1));
        }
        if matches!(refuses, Refuses::BothFiles) {
            peer.say(&refusal(0));
        }
        peer.hear_until(EOT);
        if matches!(refuses, Refuses::AtTheEnd) {
            peer.say(&refusal(1));
        }
        peer.say(&result);
    });
    let finished = run(&["upload", &here.at("d"), &server.address]);
    server.join();
    finished
}

#[test]
fn a_file_that_was_refused_in_a_stream_is_never_counted_as_sent() {
    use Refuses::{AtOnce, AtTheEnd, BothFiles};
    for (refuses, result, code, words) in [
        (AtOnce, result(3, 0), 6, "leaves out a file that was refused"),
        (AtTheEnd, result(3, 0), 6, "leaves out a file that was refused"),
        (BothFiles, result_naming(0, 2, 1, &[1]), 6, "leaves out a file that was refused"),
        (AtOnce, result_naming(0, 2, 1, &[0]), 6, "leaves out a file that was refused"),
        (AtOnce, result_naming(0, 1, 2, &[0]), 6, "leaves out a file that was refused"),
        (AtOnce, result_naming(2, 3, 0, &[]), 6, "the failures of the result and their count"),
        (BothFiles, result_naming(2, 2, 1, &[1]), 6, "the failures of the result and their count"),
        (AtOnce, result_naming(0, 2, 1, &[1]), 9, "sent 2 of 3"),
        (AtTheEnd, result_naming(0, 2, 1, &[1]), 9, "sent 2 of 3"),
        (BothFiles, result_naming(0, 1, 2, &[0, 1]), 9, "sent 1 of 3"),
        (BothFiles, result_naming(2, 1, 2, &[]), 9, "sent 1 of 3"),
    ] {
        expect(upload_in_a_stream(refuses, result), code, words);
    }
}

/// Uploads a file of 3 bytes in a round to a server that says this to its entry, and this in the end.
#[track_caller]
fn upload_in_a_round(verdict: Vec<u8>, result: Vec<u8>) -> Finished {
    let here = Place::new();
    let path = here.write("f", b"abc");
    let server = server(move |peer| {
        peer.say(&[accept(), verdict, turn()].concat());
        while ![EOT, ERROR].contains(&peer.hear_frame().0) {}
        peer.say(&result);
    });
    let finished = run(&["upload", &path, &server.address]);
    server.join();
    finished
}

#[test]
fn what_a_server_claims_to_have_is_compared() {
    let other = [9; 32];
    let same = *blake3::hash(b"abc").as_bytes();
    let has = |digest: [u8; 32]| frame(HAVE, 0, 0, 3, &[&[1, 0, 0, 0], &digest[..]].concat());
    for (verdict, result, code, words) in [
        (keep(0, 3, &same), result(1, 0), 0, "there already"),
        (keep(0, 3, &other), result(1, 0), 6, "failures"),
        (keep(0, 3, &other), result(0, 1), 7, "exists"),
        (has(same), result(1, 0), 0, "sent f"),
        // It is sent, all of it.
        (has(other), result(1, 0), 0, ": 3 bytes in"),
        (frame(HAVE, 0, 0, 1, &refused(0, 6, b"")[24..]), result(0, 1), 6, "REFUSED with an offset"),
        (refused(0, 6, b""), result_naming(0, 0, 1, &[0]), 6, "known already"),
    ] {
        expect(upload_in_a_round(verdict, result), code, words);
    }
}

#[test]
fn what_was_not_asked_for_is_not_granted() {
    let here = Place::new();
    let path = here.write("f", b"abc");
    let large = entry(0, b"sendall-test-of-blocks-to-stdout", (4 << 20) + 1);
    let accepts = |flags, capabilities| {
        let more = [entry(0, b"f", 3), turn(), large.clone()].concat();
        says([accept_with(flags, capabilities), more].concat())
    };
    let to_folder = here.folder("to");
    here.write("to/f", b"abc");
    for (before, after, flags, capabilities, words) in [
        (&["upload", &path][..], &[][..], 2, 1, "a stream that was not asked for"),
        (&["download"], &["f", "-o", &to_folder], 2, 1, "a stream that was not asked for"),
        (&["download"], &["--list"], 2, 0, "a stream that was not asked for"),
        (&["download"], &["-o", "-"], 0, 1, "blocks that were not asked for"),
        // Nobody looks.
        (&["download"], &["f", "-o", &to_folder], 0, 4, "totals that were not asked for"),
        (&["download"], &["f", "-o", &to_folder, "--json", "-q"], 0, 4, "totals that were not asked for"),
        (&["download", "--json"], &["--list"], 0, 4, "totals that were not asked for"),
        (&["upload", "--json", &path], &[], 0, 4, "totals that were not asked for"),
    ] {
        let server = accepts(flags, capabilities);
        expect(run(&[before, &[&server.address], after].concat()), 6, words);
        server.join();
    }
}

/// Downloads to a folder that has `f` with the bytes `abc`, from a server that sends this.
#[track_caller]
fn download(options: &[&str], tree: u8, frames: &[Vec<u8>]) -> Finished {
    let here = Place::new();
    here.write("f", b"abc");
    let bytes = [accept_with(0, tree), frames.concat()].concat();
    let server = says(bytes);
    let finished = run(&[&["download", &server.address, "-o", here.arg()], options].concat());
    server.join();
    here.expect("f", b"abc");
    // What has come whole may stay, whatever is said behind it.
    if here.names().len() > 1 {
        here.expect("g", b"abc");
    }
    finished
}

#[test]
fn what_a_share_claims_to_have_sent_is_compared() {
    let (there, new) = ([entry(0, b"f", 3), turn()].concat(), [entry(0, b"g", 3), turn()].concat());
    let end = |flags, size, digest: [u8; 32]| frame(END, flags, 0, size, &digest);
    let (other, same) = ([9; 32], *blake3::hash(b"abc").as_bytes());
    let large = 5 << 20;
    let blocks = [entry(0, b"g", large), turn()].concat();
    for (options, tree, frames, code, words) in [
        (&[][..], 0, [there.clone(), end(0, 3, same), eot(1, 0)], 0, "is there already"),
        (&[], 0, [there.clone(), end(0, 3, other), eot(1, 0)], 7, "exists"),
        (&[], 0, [there.clone(), end(4, 3, same), eot(0, 0)], 7, "exists"),
        (&[], 0, [there.clone(), end(8, 3, same), eot(0, 0)], 6, "STOPPED without"),
        (&[], 0, [there.clone(), end(0, 2, same), eot(1, 0)], 6, "before the size"),
        (&[], 0, [there.clone(), end(0, 3, same), eot(0, 0)], 6, "counts of EOT"),
        (&["--force"], 0, [there.clone(), end(0, 3, same), eot(1, 0)], 0, "is there already"),
        (&["--force"], 0, [there.clone(), end(0, 3, other), eot(1, 0)], 6, "digest mismatch"),
        (&[], 0, [new.clone(), end(0, 3, same), eot(1, 0)], 6, "before the size"),
        (&[], 0, [new.clone(), whole(0, b"abc"), eot(1, 4)], 6, "counts of EOT"),
        (&[], 0, [new.clone(), whole(0, b"abc"), eot(2, 3)], 6, "counts of EOT"),
        (&[], 0, [new.clone(), end(8, 3, same), eot(0, 0)], 6, "STOPPED without"),
        (&[], 0, [new, end(4, 3, same), eot(0, 0)], 6, "before the size"),
        (&[], 1, [blocks.clone(), end(0, large, same), eot(1, 0)], 6, "digest mismatch"),
        (&[], 1, [blocks, end(0, large, same), eot(1, large)], 6, "counts of EOT"),
        (&["f"], 0, [turn(), eot(0, 0), Vec::new()], 6, "a name was not answered"),
        (&["f", "h"], 0, [there, end(0, 3, same), eot(1, 0)], 6, "a name was not answered"),
    ] {
        expect(download(options, tree, &frames), code, words);
    }
}

#[test]
fn a_listing_answers_what_was_asked_for() {
    for (names, frames, code, words) in [
        (&["f"][..], [eot(0, 0), Vec::new()], 6, "a name was not answered"),
        (&["f", "g"], [entry(0, b"f", 3), eot(1, 0)], 6, "a name was not answered"),
        (&["f"], [entry(0, b"g", 3), eot(1, 0)], 6, "an entry that was not asked for"),
        (&["f"], [entry(0, b"f", 3), eot(2, 0)], 6, "counts of EOT"),
        (&["f"], [entry(0, b"f", 3), eot(1, 3)], 6, "counts of EOT"),
        (
            &["--max-entries", "1"],
            [entry(0, b"f", 3), entry(1, b"g", 3)],
            7,
            "more than 1 files, folders and links (see --max-entries)",
        ),
    ] {
        let server = says([accept(), frames.concat()].concat());
        let finished = run(&[&["download", &server.address, "--list"], names].concat());
        server.join();
        assert_eq!(finished.code, code, "{}", finished.stderr);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
}

#[test]
fn a_listing_reports_skipped_entries_within_bounds_and_if_it_was_agreed() {
    let skipped = frame(12, 0, 0, 0, &[1, 0, 0, 1, b'x']);
    let mut agreed = accept();
    agreed[15] = 2;
    for (accept, count, code, words) in [
        (&agreed, 2, 0, "left out 2 symbolic links"),
        (&agreed, 3, 7, "more than 2 files, folders and links"),
        (&accept(), 1, 6, "a frame in a listing"),
    ] {
        let server = says([accept.clone(), skipped.repeat(count), eot(0, 0)].concat());
        let finished = run(&["download", &server.address, "--list", "--max-entries", "2"]);
        server.join();
        assert_eq!(finished.code, code, "{}", finished.stderr);
        assert!(finished.stderr.contains(words), "{}", finished.stderr);
    }
}

#[test]
fn totals_are_claims_and_count_for_nothing() {
    let totals = |complete, number: u64| frame(13, complete, 0, 0, &[number.to_be_bytes(); 2].concat());
    for number in [0, 1, u64::MAX] {
        let here = Place::new();
        let frames = [
            totals(0, u64::MAX),
            entry(0, b"f", 3),
            totals(1, number),
            turn(),
            totals(1, number),
            whole(0, b"abc"),
            totals(0, 0),
            totals(1, number),
            eot(1, 3),
        ];
        let server = says([accept_with(0, 4), frames.concat()].concat());
        let finished = run(&["download", "--json", "-o", here.arg(), &server.address]).ended(0);
        server.join();
        here.expect("f", b"abc");
        let last = finished.stderr.lines().rfind(|line| line.contains("\"progress\"")).expect("progress");
        assert!(
            last.contains(r#""done_bytes":3,"total_bytes":3,"entries_done":1,"entries":1,"all_known":true"#),
            "{last}"
        );
        assert!(
            finished.stderr.contains(r#""entries":1,"done":1,"there":0,"failed":0"#),
            "{}",
            finished.stderr
        );
    }
}
