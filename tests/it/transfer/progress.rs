//! What the events of progress say: that it moves, where a resumed transfer begins and where each ends, and totals of
//! folders.

use serde_json::Value;

use crate::faults::cuts::{WAYS, Way};
use crate::harness::{Finished, LIMIT, Running, payload};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{Place, address, begin, in_parallel, run, serve, wait_for_part};

const BLOCK: u64 = 4 << 20;

/// The events of a kind, of whole lines.
fn events(stderr: &str, kind: &str) -> Vec<Value> {
    let whole = stderr.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let parsed = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    parsed.filter(|event| event["event"] == kind).collect()
}

/// Waits for an event of progress.
#[track_caller]
fn wait_for(client: &Running, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let found = |text: &str| events(text, "progress").into_iter().find(|event| is_it(event));
    let is_there = |bytes: &[u8], ended| ended || found(&String::from_utf8_lossy(bytes)).is_some();
    client.stderr.wait(LIMIT, is_there);
    found(&client.stderr.text()).unwrap_or_else(|| panic!("no {what}: {}", client.stderr.text()))
}

fn number(event: &Value, field: &str) -> u64 {
    event[field].as_u64().unwrap_or_else(|| panic!("no {field}: {event}"))
}

/// A server for one way, and what a client of it types.
fn pair(way: Way, path: &str, there: &Place) -> (Running, Vec<String>) {
    let mode = if way == Way::Upload { ["--store", there.arg()] } else { ["--share", path] };
    let args: &[&str] = if way == Way::Upload { &["upload", path] } else { &["download", "-o", there.arg()] };
    (serve(&mode), args.iter().map(|arg| (*arg).to_owned()).collect())
}

fn client(args: &[String], more: &[&str]) -> Running {
    begin(&args.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn it_moves_within_the_first_block() {
    let cases: Vec<(Way, &str)> = WAYS.iter().flat_map(|way| [(*way, "1"), (*way, "4")]).collect();
    in_parallel(&cases, |(way, connections)| {
        let (source, there) = (Place::new(), Place::new());
        let path = source.write("f", &payload(20_000_000));
        let (server, args) = pair(*way, &path, &there);
        let limit = ["--json", "--limit-rate", "3MiB", "-j", connections, &address(&server)];
        let client = client(&args, &limit);
        let moved = wait_for(&client, "progress", |event| number(event, "done_bytes") > 0);
        assert!(number(&moved, "done_bytes") < BLOCK, "{way:?}, {connections}: {moved}");
    });
}

#[track_caller]
fn expect_whole(finished: Finished, size: u64) -> Value {
    let finished = finished.ended(0);
    let last = events(&finished.stderr, "progress").pop().expect("a last event");
    assert_eq!((number(&last, "done_bytes"), number(&last, "total_bytes")), (size, size), "{last}");
    assert_eq!((number(&last, "entries_done"), &last["all_known"]), (number(&last, "entries"), &true.into()));
    events(&finished.stderr, "summary").pop().expect("a summary")
}

#[test]
fn a_resumed_transfer_begins_at_what_is_there_and_ends_at_all_of_it() {
    let cases: Vec<(Way, u64)> =
        WAYS.iter().flat_map(|way| [(*way, 20_000_000), (*way, 3_900_000)]).collect();
    in_parallel(&cases, |(way, size)| {
        let (source, there) = (Place::new(), Place::new());
        let path = source.write("f", &payload(*size as usize));
        let (server, args) = pair(*way, &path, &there);
        let cut = Rule::EndAfter(size * 7 / 10);
        let (up, down) = if *way == Way::Upload { (cut, Rule::Pass) } else { (Rule::Pass, cut) };
        let proxy = Proxy::new(&address(&server), up, down);
        client(&args, &["-q", "-j", "1", &proxy.address]).finish().ended(5);
        wait_for_part(there.root(), size / 3);
        let held = Rule::HoldAfter(size * 2 / 10);
        let (up, down) = if *way == Way::Upload { (held, Rule::Pass) } else { (Rule::Pass, held) };
        let proxy = Proxy::new(&address(&server), up, down);
        let second = client(&args, &["--json", "-v", "-j", "1", &proxy.address]);
        let resumed = wait_for(&second, "progress", |event| number(event, "done_bytes") >= size / 3);
        assert!(number(&resumed, "done_bytes") < *size, "{resumed}");
        proxy.release();
        let finished = second.finish();
        let summary = expect_whole(finished, *size);
        let moved = number(&summary, if *way == Way::Upload { "sent_bytes" } else { "received_bytes" });
        let before = number(&summary, "resumed_bytes");
        assert!(before >= size / 3 && before + moved == *size, "{summary}");
    });
}

#[test]
fn the_summary_names_what_was_there_before() {
    let (source, there) = (Place::new(), Place::new());
    let path = source.write("f", &payload(20_000_000));
    let server = serve(&["--store", there.arg()]);
    let to = address(&server);
    let proxy = Proxy::new(&to, Rule::EndAfter(14_000_000), Rule::Pass);
    run(&["upload", &path, "-q", "-j", "1", &proxy.address]).ended(5);
    wait_for_part(there.root(), 12_000_000);
    let finished = run(&["upload", &path, &to]).expect(0);
    let words = "7417088 bytes (7.07 MiB) in ";
    assert!(finished.stderr.contains(words), "{}", finished.stderr);
    assert!(
        finished.stderr.contains(", resumed after 12582912 bytes (12.00 MiB), BLAKE3"),
        "{}",
        finished.stderr
    );
    let says = |text: &[u8], _| String::from_utf8_lossy(text).contains(", resumed after 12582912 bytes");
    assert!(server.stderr.wait(LIMIT, says), "{}", server.stderr.text());
}

#[test]
fn what_is_there_already_counts_as_done() {
    for way in WAYS {
        let (source, there) = (Place::new(), Place::new());
        let folder = source.folder("f");
        for (name, size) in [("one", 5_000_000), ("two", 300_000), ("three", 10)] {
            source.write(&format!("f/{name}"), &payload(size));
        }
        let (server, args) = pair(way, &folder, &there);
        if way == Way::Upload {
            there.folder("f");
        }
        let there_name = if way == Way::Upload { "f/one" } else { "one" };
        there.write(there_name, &payload(5_000_000));
        let finished = client(&args, &["--json", &address(&server)]).finish();
        expect_whole(finished, 5_300_010);
    }
}

#[test]
fn a_folder_has_totals_before_it_is_offered() {
    let (source, there) = (Place::new(), Place::new());
    let folder = source.folder("f");
    source.write("f/a", &payload(20_000_000));
    source.folder("f/b");
    source.write("f/b/c", &payload(1_000_000));
    std::os::unix::fs::symlink("a", source.path("f/link")).expect("a link");
    let server = serve(&["--store", there.arg()]);
    let proxy = Proxy::new(&address(&server), Rule::HoldAfter(6_000_000), Rule::Pass);
    let client = begin(&["upload", "--json", "-j", "1", &folder, &proxy.address]);
    let known = wait_for(&client, "totals", |event| event["all_known"] == true);
    assert_eq!((number(&known, "total_bytes"), number(&known, "entries")), (21_000_000, 4), "{known}");
    assert!(number(&known, "done_bytes") < 7_000_000, "{known}");
    proxy.release();
    expect_whole(client.finish(), 21_000_000);
}

#[test]
fn a_folder_has_totals_before_it_has_come() {
    let there = Place::new();
    let folder = there.folder("f");
    there.write("f/a", &payload(20_000_000));
    there.folder("f/b");
    there.write("f/b/c", &payload(1_000_000));
    std::os::unix::fs::symlink("a", there.path("f/link")).expect("a link");
    // All, in a stream; what is in it, by their names; in rounds; a link that is followed.
    let cases: [(&str, &[&str], &[&str], u64); 4] = [
        (there.arg(), &[], &[], 4),
        (&folder, &[], &["a", "b"], 3),
        (there.arg(), &[], &["f", "--force"], 4),
        (&folder, &["--links", "follow"], &["b", "link"], 3),
    ];
    in_parallel(&cases, |(share, options, names, entries)| {
        let here = Place::new();
        here.folder("f/old");
        let server = serve(&[&["--share", share], *options].concat());
        let proxy = Proxy::new(&address(&server), Rule::Pass, Rule::HoldAfter(1_500_000));
        let args = ["download", "--json", "-j", "1", "-o", here.arg(), &proxy.address];
        let client = begin(&[&args, *names].concat());
        let known = wait_for(&client, "totals", |event| event["all_known"] == true);
        assert_eq!(
            (number(&known, "total_bytes"), number(&known, "entries")),
            (21_000_000, *entries),
            "{known}"
        );
        assert!(number(&known, "done_bytes") < 2_000_000, "{known}");
        proxy.release();
        expect_whole(client.finish(), 21_000_000);
    });
}
