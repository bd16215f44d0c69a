//! Connections that are paced, cut and reset at every boundary, with every process watched to its end.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Finished, Running, assert_same, payload};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{CHUNK, Place, address, begin, in_parallel, is_part, is_slow_wanted, serve};

/// Longer than the time limit of the session, by what the faults allow.
const IDLE: &str = "1s";
const OVER: Duration = Duration::from_secs(8);

/// Which side sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Upload,
    Download,
}

pub(crate) const WAYS: [Way; 2] = [Way::Upload, Way::Download];

/// One file on its way through a proxy.
pub(crate) struct Scene {
    source: Place,
    pub(crate) destination: Place,
    pub(crate) server: Running,
    pub(crate) client: Running,
    pub(crate) proxy: Proxy,
}

/// Whether a part is enough of a file to go on with later.
fn is_resumable(place: &Place, part: &std::ffi::OsStr) -> bool {
    std::fs::metadata(place.path(part)).expect("a part").len() >= CHUNK as u64
}

impl Scene {
    /// `up` is for the bytes to the server.
    pub(crate) fn new(way: Way, bytes: &[u8], up: Rule, down: Rule) -> Scene {
        let (source, destination) = (Place::new(), Place::new());
        let path = source.write("f", bytes);
        let mode = if way == Way::Upload { ["--store", destination.arg()] } else { ["--share", &path] };
        let server =
            serve(&[&mode, &["--count", "1", "--timeout", IDLE, "--idle-timeout", IDLE][..]].concat());
        let proxy = Proxy::new(&address(&server), up, down);
        // One connection: a proxy that is slow for a moment must not look far away.
        let limits = ["-j", "1", "--timeout", IDLE, "--idle-timeout", IDLE];
        let client = begin(&match way {
            Way::Upload => [&["upload", &path, &proxy.address][..], &limits].concat(),
            Way::Download => [&["download", &proxy.address, "-o", destination.arg()][..], &limits].concat(),
        });
        Scene { source, destination, server, client, proxy }
    }

    /// The sender's file.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.source.path("f")
    }

    /// Waits for both ends, and checks what must be true after any fault: client first.
    #[track_caller]
    pub(crate) fn end(self, what: &str, bytes: &[u8]) -> [Finished; 2] {
        let ended = [self.client, self.server].map(|process| process.finish_within(OVER));
        let names = self.destination.names();
        assert!(
            !names.iter().any(|name| is_part(name) && !is_resumable(&self.destination, name)),
            "{what}: {names:?}"
        );
        let content = std::fs::read(self.destination.path("f")).ok();
        if let Some(content) = &content {
            // Comparing them byte by byte takes its time.
            if content != bytes {
                assert_same(content, bytes, what);
            }
        }
        for process in &ended {
            let (code, text) = (process.code, &process.stderr);
            assert!(!text.contains("panicked"), "{what}: {text}");
            assert_eq!(process.errors().len(), usize::from(code != 0), "{what}: exit code {code}: {text}");
            assert!(code != 0 || content.is_some(), "{what}: success without a file: {text}");
            assert!(code != 0 || !names.iter().any(|name| is_part(name)), "{what}: {names:?}");
        }
        ended
    }
}

/// The bytes of a whole session, to the server and to the client.
pub(crate) fn lengths(way: Way, bytes: &[u8]) -> (u64, u64) {
    let scene = Scene::new(way, bytes, Rule::Pass, Rule::Pass);
    let address = scene.proxy.address.clone();
    let counts = {
        let Scene { client, server, proxy, .. } = scene;
        client.finish().expect(0);
        server.finish().expect(0);
        proxy.counts()
    };
    assert!(counts.0 > 32 && counts.1 > 32, "{address}: {counts:?}");
    counts
}

#[test]
fn one_byte_per_segment_or_all_at_once_is_the_same_session() {
    for way in WAYS {
        for size in [0, 1, 3000] {
            let bytes = payload(size);
            for (up, down) in [(Rule::Bytewise, Rule::Bytewise), (Rule::Gathered, Rule::Gathered)] {
                let what = format!("{way:?} of {size} bytes, {up:?}");
                let ended = Scene::new(way, &bytes, up, down).end(&what, &bytes);
                assert_eq!(ended.map(|process| process.code), [0, 0], "{what}");
            }
        }
        let bytes = payload(3_000_000);
        let ended = Scene::new(way, &bytes, Rule::Gathered, Rule::Gathered).end("gathered", &bytes);
        assert_eq!(ended.map(|process| process.code), [0, 0]);
    }
}

#[derive(Debug)]
struct Cut {
    way: Way,
    up: Rule,
    down: Rule,
    lost: bool,
}

/// Cuts and resets one session at these offsets, each in both directions.
fn cut_at(way: Way, bytes: &[u8], up: impl Iterator<Item = u64>, down: impl Iterator<Item = u64>) {
    let (all_up, all_down) = lengths(way, bytes);
    let mut cases = Vec::new();
    for at in up.filter(|at| *at <= all_up) {
        cases.push(Cut { way, up: Rule::EndAfter(at), down: Rule::Pass, lost: at < all_up });
        cases.push(Cut { way, up: Rule::ResetAfter(at), down: Rule::Pass, lost: at < all_up });
    }
    for at in down.filter(|at| *at <= all_down) {
        cases.push(Cut { way, up: Rule::Pass, down: Rule::EndAfter(at), lost: at < all_down });
        cases.push(Cut { way, up: Rule::Pass, down: Rule::ResetAfter(at), lost: at < all_down });
    }
    in_parallel(&cases, |cut| {
        let what = format!("{cut:?} of {all_up} and {all_down}, {} bytes", bytes.len());
        let [client, server] =
            Scene::new(cut.way, bytes, cut.up, cut.down).end(&what, bytes).map(|end| end.code);
        let both = format!("{what}: client {client}, server {server}");
        // A reset before the first byte may come before the client knows that it was connected.
        let at_once = [cut.up, cut.down].contains(&Rule::ResetAfter(0)) && client == 3;
        assert!(at_once || [client, server].iter().all(|code| [0, 5].contains(code)), "{both}");
        assert!(!cut.lost || client != 0 || server != 0, "{both}");
        // The side that cannot know never claims success; whoever has the last word may.
        let (sender, receiver) = if cut.way == Way::Upload { (client, server) } else { (server, client) };
        assert!(!(sender == 0 && receiver != 0), "{both}");
    });
}

#[test]
fn cut_at_every_boundary() {
    let sizes: &[usize] = match is_slow_wanted("more sizes to cut") {
        true => &[0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1],
        false => &[0, CHUNK + 1],
    };
    for way in WAYS {
        for size in sizes.iter().copied() {
            let bytes = payload(size);
            let (up, down) = lengths(way, &bytes);
            let edges = |all: u64| {
                let mut edges = vec![0, 1, 31, 32, 33, 55, 56, 57, all - 1, all];
                let body = size as u64;
                for part in [0, CHUNK as u64, body.saturating_sub(1), body] {
                    // Header, entry and turn before it; END and EOT behind it.
                    for around in [24, 25, 107, 108, 131, 132] {
                        edges.push((part + around).min(all));
                    }
                }
                edges.push(all.saturating_sub(36));
                edges.push(all.saturating_sub(40));
                edges.push(all.saturating_sub(96));
                edges.sort_unstable();
                edges.dedup();
                edges
            };
            cut_at(way, &bytes, edges(up).into_iter(), edges(down).into_iter());
        }
    }
}

#[test]
fn cut_at_every_byte() {
    // Those around the frames: `cut_at_every_boundary`.
    let step = if is_slow_wanted("a cut at every byte, not at every 19th") { 1 } else { 19 };
    for way in WAYS {
        let bytes = payload(20);
        let (up, down) = lengths(way, &bytes);
        cut_at(way, &bytes, (0..=up).step_by(step), (0..=down).step_by(step));
    }
}

#[test]
fn a_reset_ends_both_at_once() {
    let bytes = payload(20);
    for way in WAYS {
        for at in [1, 33, 90] {
            let scene = Scene::new(way, &bytes, Rule::Pass, Rule::ResetAfter(at));
            let second = Duration::from_secs(1);
            scene.client.finish_within(second).expect(5);
            // Whoever goes on looking at a connection that is gone does it at full speed.
            scene.server.finish_within(second).expect(5);
        }
    }
}

#[test]
fn a_lost_last_acknowledgement_is_unknown_and_never_success() {
    for way in WAYS {
        let bytes = payload(1000);
        let (up, down) = lengths(way, &bytes);
        let (cut_up, cut_down) = if way == Way::Upload {
            (Rule::Pass, Rule::EndAfter(down - 1))
        } else {
            (Rule::EndAfter(up - 1), Rule::Pass)
        };
        let ended = Scene::new(way, &bytes, cut_up, cut_down).end("the last byte is lost", &bytes);
        let sender = &ended[usize::from(way == Way::Download)];
        assert_eq!(sender.code, 5);
        assert!(sender.stderr.contains("unknown"), "{}", sender.stderr);
    }
}

#[test]
fn killed_or_stopped_in_mid_transfer() {
    let bytes = payload(20_000_000);
    let signals = [Signal::KILL, Signal::STOP];
    let cases = WAYS.map(|way| signals.map(|signal| [false, true].map(|kills| (way, signal, kills))));
    in_parallel(&cases.concat().concat(), |(way, signal, kills_client)| {
        let (way, signal, kills_client) = (*way, *signal, *kills_client);
        let what = format!("{way:?}, {signal:?} for the client: {kills_client}");
        let held = Rule::HoldAfter(1_000_000);
        let (up, down) = if way == Way::Upload { (held, Rule::Pass) } else { (Rule::Pass, held) };
        let scene = Scene::new(way, &bytes, up, down);
        scene.proxy.wait_held();
        let (victim, other) =
            if kills_client { (scene.client, scene.server) } else { (scene.server, scene.client) };
        victim.signal(signal);
        if signal == Signal::KILL {
            scene.proxy.release();
        }
        // The time limit of one second, and one more.
        let survivor = other.finish_within(Duration::from_millis(2500));
        let code = if signal == Signal::KILL { 5 } else { 4 };
        let survivor = survivor.ended(code).expect(code);
        assert!(code != 4 || survivor.stderr.contains("--idle-timeout"), "{what}: {}", survivor.stderr);
        drop(victim);
        let receiver_lives = (way == Way::Upload) == kills_client;
        let names = scene.destination.names();
        assert!(!names.iter().any(|name| name == "f"), "{what}: {names:?}");
        let resumable = |name: &std::ffi::OsString| is_resumable(&scene.destination, name);
        assert!(!receiver_lives || names.iter().all(resumable), "{what}: {names:?}");
    });
}
