//! Records that are cut, changed, repeated and left out on the way: never a success that is none, never a guess.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::scene::{CODE, Server, User};
use super::wire::{Deed, How, Passed, To, Wire};
use crate::harness::In;
use crate::transfer::xfer::{Place, in_parallel, is_slow_wanted};

const CONTENT: &[u8] = &[b'c'; 3000];

/// Type of a record.
const CHANGE_OF_CIPHER: u8 = 20;

struct Stage {
    place: Place,
    inbox: Place,
    server: Server,
    count: AtomicUsize,
}

impl Stage {
    fn new() -> Stage {
        let inbox = Place::new();
        let server = User::with(CODE).serve(&["--store", inbox.arg(), "--max-per-source", "100"]);
        Stage { place: Place::new(), inbox, server, count: AtomicUsize::new(0) }
    }

    /// An upload to which this is done. The exit code, and the records that passed.
    #[track_caller]
    fn upload(&self, deed: Option<Deed>) -> (i32, Passed) {
        let name = format!("f{}", self.count.fetch_add(1, Ordering::Relaxed));
        let file = self.place.write(&name, CONTENT);
        let wire = Wire::new(&self.server.address, deed);
        let limits = ["-j", "1", "--timeout", "1s", "--idle-timeout", "1s"];
        let client =
            User::with(CODE).start(&[&["upload", &file, &wire.address], &limits[..]].concat(), In::Null);
        let finished = client.finish();
        let passed = wire.passed();
        assert!(!finished.stderr.contains("panicked"), "{deed:?}: {}", finished.stderr);
        assert!(matches!(finished.code, 0 | 4 | 5 | 8), "{deed:?}: {} {}", finished.code, finished.stderr);
        if finished.code == 0 {
            self.inbox.expect(&name, CONTENT);
        }
        (finished.code, passed)
    }

    /// The records to the server and to the client when nothing is done.
    fn counts(&self) -> [usize; 2] {
        let (code, passed) = self.upload(None);
        assert_eq!(code, 0);
        passed.0.map(|records| records.len())
    }

    /// Does each deed to an upload of its own. All but those to the last records make it fail.
    fn play(&self, deeds: &[Deed]) {
        in_parallel(deeds, |deed| {
            let (code, passed) = self.upload(Some(*deed));
            let records = &passed.0[usize::from(deed.to == To::Client)];
            // The last record is the close_notify. A change of cipher means nothing (RFC 8446, appendix D.4). A RESULT that
            // comes once more comes too late.
            let last = if matches!(deed.how, How::Repeat) { 2 } else { 1 };
            let is_harmless =
                deed.record + last >= records.len() || records[deed.record][0] == CHANGE_OF_CIPHER;
            assert!(code != 0 || is_harmless, "{deed:?} of {}: a success", records.len());
        });
        // It serves, and was not guessed at.
        assert_eq!(self.upload(None).0, 0);
        let log = self.server.running.stderr.text();
        assert!(!log.contains("wrong code") && !log.contains("panicked"), "{log}");
    }
}

fn deeds(counts: [usize; 2], hows: impl Fn(usize) -> Vec<How>) -> Vec<Deed> {
    let of = |to, count| (0..count).map(move |record| (to, record));
    of(To::Server, counts[0])
        .chain(of(To::Client, counts[1]))
        .flat_map(|(to, record)| hows(record).into_iter().map(move |how| Deed { to, record, how }))
        .collect()
}

#[test]
fn what_is_done_to_a_record_is_never_a_success() {
    let stage = Stage::new();
    let counts = stage.counts();
    let hows = [How::End(0), How::Reset(0), How::Flip(0), How::Repeat];
    stage.play(&deeds(counts, |record| vec![hows[record % hows.len()]]));
}

#[test]
fn records_are_cut_and_changed_at_every_byte() {
    if !is_slow_wanted("an upload by code for each byte of its records") {
        return;
    }
    let stage = Stage::new();
    let counts = stage.counts();
    // Every byte of the shortest ones: header, a message of admission, tag.
    let bytes = |record: usize| if (3..6).contains(&record) { 0..61 } else { 0..22 };
    let all = |record| {
        let of_bytes = bytes(record).flat_map(|byte| [How::End(byte), How::Reset(byte), How::Flip(byte)]);
        of_bytes.chain([How::Repeat, How::Drop, How::Flip(usize::MAX)]).collect()
    };
    let all = deeds(counts, all);
    println!("{} uploads", all.len());
    stage.play(&all);
}
