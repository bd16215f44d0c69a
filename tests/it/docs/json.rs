//! The events of `--json`: every line, against the schema that the manual states.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::harness::link::{Link, Net, Side, Way};
use crate::harness::{Finished, In, LIMIT, Out, Running, payload, sendall, silent_port};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{Place, begin};

type Event = Map<String, Value>;

/// The type of a field.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Number,
    /// A number without a fraction, not below zero.
    Count,
    Bool,
    /// One of these.
    Word(&'static [&'static str]),
    Digest,
    /// The counts of datagrams.
    Counts,
    /// That, or null.
    Maybe(&'static Kind),
}

const MAYBE_TEXT: Kind = Kind::Maybe(&Kind::Text);
const MAYBE_COUNT: Kind = Kind::Maybe(&Kind::Count);
const MAYBE_DIGEST: Kind = Kind::Maybe(&Kind::Digest);
/// In the order of a map that sorts its keys.
const COUNTS: &[&str] = &[
    "dropped",
    "dropped_exactly",
    "filtered",
    "flows",
    "received",
    "sent",
    "too_large",
    "truncated",
    "undelivered",
    "withheld",
];
const PHASES: &[&str] = &["waiting", "hashing", "sending", "receiving", "verifying", "syncing"];

/// The kinds of events, and their own fields.
const SCHEMA: &[(&str, &[(&str, Kind)])] = &[
    ("listening", &[("address", Kind::Text)]),
    ("metrics", &[("url", Kind::Text)]),
    ("peer", &[("state", Kind::Word(&["connected", "ended"]))]),
    ("child", &[("id", Kind::Count), ("code", MAYBE_COUNT), ("signal", MAYBE_COUNT)]),
    (
        "file",
        &[
            ("path", Kind::Text),
            (
                "kind",
                Kind::Word(&["file", "folder", "link", "fifo", "socket", "device", "unfinished", "other"]),
            ),
            ("state", Kind::Word(&["sent", "received", "there", "failed", "skipped"])),
            ("size", MAYBE_COUNT),
            ("digest", MAYBE_DIGEST),
            ("reason", MAYBE_TEXT),
            ("text", MAYBE_TEXT),
        ],
    ),
    (
        "progress",
        &[
            ("phase", Kind::Word(PHASES)),
            ("path", MAYBE_TEXT),
            ("done_bytes", Kind::Count),
            ("total_bytes", MAYBE_COUNT),
            ("entries_done", Kind::Count),
            ("entries", Kind::Count),
            ("all_known", Kind::Bool),
            ("rate", Kind::Count),
        ],
    ),
    (
        "summary",
        &[
            ("verb", Kind::Word(&["sent", "received", "relayed"])),
            ("path", MAYBE_TEXT),
            ("digest", MAYBE_DIGEST),
            ("verified", Kind::Bool),
            ("entries", Kind::Count),
            ("done", Kind::Count),
            ("there", Kind::Count),
            ("failed", Kind::Count),
            ("skipped", Kind::Count),
            ("sent_bytes", Kind::Count),
            ("received_bytes", Kind::Count),
            ("resumed_bytes", Kind::Count),
            ("seconds", Kind::Number),
            ("datagrams", Kind::Maybe(&Kind::Counts)),
            ("ended_after", Kind::Maybe(&Kind::Number)),
        ],
    ),
    ("warning", &[("text", Kind::Text)]),
    ("error", &[("code", Kind::Count), ("text", Kind::Text)]),
    ("detail", &[("text", Kind::Text)]),
];

/// The fields that every event has.
const COMMON: &[(&str, Kind)] = &[("event", Kind::Text), ("peer", MAYBE_TEXT), ("time", Kind::Number)];

fn fits(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Text => value.as_str().is_some_and(|text| !text.chars().any(char::is_control)),
        Kind::Number => value.as_f64().is_some_and(|number| number >= 0.0),
        Kind::Count => value.is_u64(),
        Kind::Bool => value.is_boolean(),
        Kind::Word(words) => value.as_str().is_some_and(|text| words.contains(&text)),
        Kind::Digest => value
            .as_str()
            .is_some_and(|text| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())),
        Kind::Counts => value.as_object().is_some_and(|counts| {
            let names = counts.keys().map(String::as_str);
            names.eq(COUNTS.iter().copied())
                && counts.iter().all(|(name, value)| value.is_u64() || name == "dropped_exactly")
        }),
        Kind::Maybe(kind) => value.is_null() || fits(value, *kind),
    }
}

/// The events of a command's stderr, each checked: a line, all fields, no other field.
#[track_caller]
fn events(stderr: &str) -> Vec<Event> {
    assert!(stderr.is_empty() || stderr.ends_with('\n'), "{stderr:?}");
    let parse = |line: &str| {
        let event: Event =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not an object: {error}: {line:?}"));
        let (_, own) = SCHEMA
            .iter()
            .find(|(name, _)| event["event"] == **name)
            .unwrap_or_else(|| panic!("unknown: {line}"));
        let fields: Vec<_> = COMMON.iter().chain(*own).collect();
        for (name, kind) in &fields {
            let value = event.get(*name).unwrap_or_else(|| panic!("no {name}: {line}"));
            assert!(fits(value, *kind), "{name} is no {kind:?}: {line}");
        }
        assert_eq!(event.len(), fields.len(), "more than the schema has: {line}");
        event
    };
    let events: Vec<Event> = stderr.lines().map(parse).collect();
    let times: Vec<f64> = events.iter().filter_map(|event| event["time"].as_f64()).collect();
    assert!(times.is_sorted(), "{times:?}");
    events
}

/// The kinds, in order, without progress.
fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).filter(|kind| *kind != "progress").collect()
}

#[track_caller]
fn first<'a>(events: &'a [Event], kind: &str) -> &'a Event {
    events.iter().find(|event| event["event"] == kind).unwrap_or_else(|| panic!("no {kind}: {events:?}"))
}

/// The address in the first event of a server.
#[track_caller]
fn address(server: &Running) -> String {
    assert!(server.stderr.wait(LIMIT, |bytes, ended| ended || bytes.contains(&b'\n')));
    let events = events(&server.stderr.text());
    first(&events, "listening")["address"].as_str().expect("text").to_owned()
}

#[track_caller]
fn ended(finished: Finished, code: i32) -> Vec<Event> {
    assert_eq!(finished.code, code, "{}", finished.stderr);
    events(&finished.stderr)
}

fn serve(options: &[&str]) -> Running {
    sendall(&[&["serve", "127.0.0.1:0", "--json"], options].concat(), In::Null, Out::Collect)
}

#[test]
fn a_relay_reports_its_listener_its_peer_and_its_sums() {
    let options = ["--json", "serve", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    let server = sendall(&options, In::Bytes(b"12345".to_vec()), Out::Collect);
    let is_there = |bytes: &[u8], ended| ended || String::from_utf8_lossy(bytes).contains("listening");
    assert!(server.stderr.wait(LIMIT, is_there));
    let to = address(&server);
    let client = sendall(&["connect", &to, "--json"], In::Bytes(b"123".to_vec()), Out::Collect);
    let (client, server) = (ended(client.finish(), 0), server.finish());
    assert_eq!(server.stdout, b"123");
    let server = ended(server, 0);
    assert_eq!(kinds(&server), ["metrics", "listening", "peer", "summary", "peer"]);
    assert!(first(&server, "metrics")["url"].as_str().is_some_and(|url| url.ends_with("/metrics")));
    assert_eq!(kinds(&client), ["peer", "summary"]);
    for (events, sent, received) in [(&server, 5, 3), (&client, 3, 5)] {
        let (peer, summary) = (first(events, "peer"), first(events, "summary"));
        assert_eq!(peer["state"], "connected");
        assert_eq!(summary["peer"], peer["peer"]);
        assert_eq!((&summary["sent_bytes"], &summary["received_bytes"]), (&sent.into(), &received.into()));
        assert_eq!((&summary["verb"], &summary["verified"]), (&"relayed".into(), &false.into()));
    }
    assert_eq!(first(&client, "peer")["peer"], *to);
}

#[test]
fn an_error_has_its_exit_code() {
    let (_silent, nobody) = silent_port();
    let nobody = nobody.to_string();
    let cases: [(&[&str], i32); 4] = [
        (&["connect", &nobody, "--json"], 3),
        (&["serve", "0", "--json", "--timeout", "50ms"], 4),
        (&["--json", "connect", "localhost"], 2),
        (&["connect", "--json", "--frob"], 2),
    ];
    for (args, code) in cases {
        let events = ended(sendall(args, In::Null, Out::Collect).finish(), code);
        let error = events.last().expect("an event");
        assert_eq!(error["event"], "error", "{args:?}");
        assert_eq!(error["code"], code, "{args:?}");
        assert!(error["text"].as_str().is_some_and(|text| !text.is_empty()), "{args:?}");
    }
    // The word is an argument there, and no option.
    let finished = sendall(&["connect", "--frob", "--", "--json"], In::Null, Out::Collect).finish();
    assert!(finished.code == 2 && finished.stderr.starts_with("sendall: "), "{}", finished.stderr);
}

#[test]
fn a_lost_connection_is_an_error_event() {
    let way = Way { side: Side::Connect, net: Net::Tcp };
    let (running, link) = way.open(&["--json"], In::Open, Out::Collect);
    let connected = |bytes: &[u8], ended: bool| ended || String::from_utf8_lossy(bytes).contains("connected");
    assert!(running.stderr.wait(LIMIT, connected), "{}", running.stderr.text());
    let Link::Tcp(socket) = &link else { panic!("TCP") };
    socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO)).expect("set");
    drop(link);
    let events = ended(running.finish(), 5);
    assert_eq!(kinds(&events), ["peer", "error"]);
    assert_eq!(first(&events, "error")["code"], 5);
}

#[test]
fn quiet_leaves_errors_and_verbose_adds_details() {
    let quiet =
        sendall(&["serve", "0", "--json", "-q", "--timeout", "50ms"], In::Null, Out::Collect).finish();
    assert_eq!(kinds(&ended(quiet, 4)), ["error"]);
    let server = sendall(&["serve", "127.0.0.1:0", "--json", "-v"], In::Null, Out::Collect);
    let client = sendall(&["connect", &address(&server), "--json", "-q"], In::Null, Out::Collect);
    server.signal(rustix::process::Signal::TERM);
    drop(client);
    let server = ended(server.finish(), 143);
    assert_eq!(server.last().expect("an event")["code"], 143);
    let way = Way { side: Side::Connect, net: Net::Tcp };
    let (running, link) = way.open(&["--json", "-v"], In::Null, Out::Collect);
    link.end();
    assert_eq!(kinds(&ended(running.finish(), 0)), ["detail", "peer", "summary"]);
}

#[test]
fn files_are_reported_on_both_sides() {
    let (here, there) = (Place::new(), Place::new());
    let bytes = payload(3_000_000);
    let (one, two, old) =
        (here.write("one", &bytes), here.write("two", b""), here.write("old", b"new content"));
    there.write("old", b"other");
    let server = serve(&["--store", there.arg(), "--once"]);
    let to = address(&server);
    let client = ended(begin(&["upload", &one, &two, &old, &to, "--json"]).finish(), 9);
    let server = ended(server.finish(), 9);
    assert_eq!(kinds(&client), ["peer", "file", "file", "file", "summary", "error"]);
    assert_eq!(kinds(&server), ["listening", "peer", "file", "file", "file", "summary", "peer", "error"]);
    for (events, verb) in [(&client, "sent"), (&server, "received")] {
        let files: Vec<&Event> = events.iter().filter(|event| event["event"] == "file").collect();
        let mut files = files;
        files.sort_by_key(|file| ["one", "two", "old"].iter().position(|name| file["path"] == *name));
        let states: Vec<_> = files.iter().map(|file| (&file["path"], &file["state"])).collect();
        let (sent, failed) = (verb.into(), "failed".into());
        let names: Vec<Value> = ["one", "two", "old"].map(Value::from).into();
        assert_eq!(states, [(&names[0], &sent), (&names[1], &sent), (&names[2], &failed)]);
        assert_eq!(files[0]["digest"], *blake3::hash(&bytes).to_hex());
        assert!(files[0]["reason"].is_null() && files[2]["reason"].is_string(), "{files:?}");
        assert!(files[2]["size"].is_null() && files[1]["size"] == 0, "{files:?}");
        let summary = first(events, "summary");
        let sums = ["entries", "done", "there", "failed"].map(|name| summary[name].as_u64());
        assert_eq!(sums, [Some(3), Some(2), Some(0), Some(1)]);
        let field = format!("{verb}_bytes");
        assert_eq!((&summary[&field], &summary["verified"]), (&3_000_000.into(), &true.into()));
        // The last progress, which is always there, has the numbers of the summary.
        let progress = events.iter().rfind(|event| event["event"] == "progress").expect("a progress");
        assert_eq!((&progress["done_bytes"], &progress["all_known"]), (&3_000_000.into(), &true.into()));
    }
}

#[test]
fn a_single_file_that_is_there_is_no_failure() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("same", b"content");
    there.write("same", b"content");
    let server = serve(&["--share", &path, "--once"]);
    let client = ended(begin(&["download", &address(&server), "-o", there.arg(), "--json"]).finish(), 0);
    assert_eq!(first(&client, "file")["state"], "there");
    let summary = first(&client, "summary");
    assert_eq!((&summary["path"], &summary["there"]), (&"same".into(), &1.into()));
    assert_eq!(summary["digest"], *blake3::hash(b"content").to_hex());
    ended(server.finish(), 0);
}

#[test]
fn progress_names_its_phase_and_counts() {
    let (here, there) = (Place::new(), Place::new());
    let path = here.write("big", &payload(20_000_000));
    let server = serve(&["--store", there.arg(), "--once"]);
    let proxy = Proxy::new(&address(&server), Rule::HoldAfter(6_000_000), Rule::Pass);
    let client = begin(&["upload", &path, &proxy.address, "--json"]);
    proxy.wait_held();
    let shows = |bytes: &[u8], ended| {
        let text = String::from_utf8_lossy(bytes);
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole).to_owned() + "\n";
        let is_half_way = |event: &Event| {
            event["event"] == "progress"
                && event["phase"] == "receiving"
                && event["path"] == "big"
                && event["total_bytes"] == 20_000_000
                && event["done_bytes"].as_u64().is_some_and(|done| (1..20_000_000).contains(&done))
        };
        ended || (whole.len() > 1 && events(&whole).iter().any(is_half_way))
    };
    assert!(server.stderr.wait(LIMIT, shows), "{}", server.stderr.text());
    proxy.release();
    ended(client.finish(), 0);
    let events = ended(server.finish(), 0);
    let progress: Vec<&Event> = events.iter().filter(|event| event["event"] == "progress").collect();
    assert!(progress.iter().all(|event| event["peer"].is_string()), "{progress:?}");
    let seconds = progress.last().and_then(|event| event["time"].as_f64()).expect("a time");
    assert!(progress.len() as f64 <= seconds * 2.0 + 2.0, "{} in {seconds} s", progress.len());
}

#[test]
fn text_from_a_peer_is_escaped_and_stays_in_its_line() {
    let (here, there) = (Place::new(), Place::new());
    let name = std::ffi::OsString::from("a\"\\\n{\x1b[2J}\u{202e}");
    std::fs::write(here.path(&name), b"content").expect("written");
    let server = serve(&["--share", here.arg(), "--once"]);
    let finished = begin(&["download", &address(&server), "-o", there.arg(), "--json"]).finish();
    assert!(!finished.stderr.contains(['\x1b', '\u{202e}']), "{}", finished.stderr);
    let client = ended(finished, 0);
    assert_eq!(first(&client, "file")["path"], "a\"\\\\\\x0a{\\x1b[2J}\\u{202e}");
    ended(server.finish(), 0);
}

#[test]
fn a_server_names_the_client_whose_session_failed() {
    let there = Place::new();
    let server = serve(&["--store", there.arg()]);
    let to = address(&server);
    let mut link = Link::connect(to.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port"));
    link.send(b"GET / HTTP/1.0\r\n\r\n");
    link.end();
    let over = |bytes: &[u8], ended: bool| ended || String::from_utf8_lossy(bytes).contains("\"ended\"");
    assert!(server.stderr.wait(LIMIT, over), "{}", server.stderr.text());
    server.signal(rustix::process::Signal::TERM);
    let events = ended(server.finish(), 143);
    assert_eq!(kinds(&events), ["listening", "peer", "error", "peer", "error"]);
    assert_eq!((&events[2]["code"], &events[2]["peer"]), (&7.into(), &events[1]["peer"]));
    assert_eq!((&events[4]["code"], events[4]["peer"].is_null()), (&143.into(), true));
}
