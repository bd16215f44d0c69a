//! Large files go in blocks over several connections: what a fault costs, and what is sent again.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use rustix::process::Signal;

use crate::faults::cuts::{WAYS, Way};
use crate::harness::{In, LIMIT, Out, Running, assert_same, payload, sendall, wait_until};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{Place, address, begin, in_parallel, is_slow_wanted, run, serve, wait_for_part};

const BLOCK: usize = 4 << 20;
const PASS: Rule = Rule::Pass;

/// A server, and a file that is to go one way.
pub(crate) struct Scene {
    pub(crate) way: Way,
    pub(crate) bytes: Vec<u8>,
    pub(crate) source: Place,
    pub(crate) there: Place,
    pub(crate) server: Running,
}

impl Scene {
    pub(crate) fn new(way: Way, size: usize, options: &[&str]) -> Scene {
        let (source, there, bytes) = (Place::in_memory(), Place::in_memory(), payload(size));
        let path = source.write("f", &bytes);
        let mode = if way == Way::Upload { ["--store", there.arg()] } else { ["--share", &path] };
        let server = serve(&[&mode, options].concat());
        Scene { way, bytes, source, there, server }
    }

    /// A proxy for each of the client's connections, in their order: what happens to the bytes of the file.
    pub(crate) fn proxies(&self, rules: &[Rule]) -> Vec<Proxy> {
        let both = |rule: &Rule| if self.way == Way::Upload { (*rule, PASS) } else { (PASS, *rule) };
        Proxy::series(&address(&self.server), &rules.iter().map(both).collect::<Vec<_>>())
    }

    pub(crate) fn client(&self, to: &str, options: &[&str]) -> Running {
        let path = self.source.at("f");
        begin(&match self.way {
            Way::Upload => [&["upload", &path, to], options].concat(),
            Way::Download => [&["download", to, "-o", self.there.arg()], options].concat(),
        })
    }

    /// The bytes that one proxy passed on the files' way.
    fn sent(&self, proxy: &Proxy) -> usize {
        let (up, down) = proxy.counts();
        (if self.way == Way::Upload { up } else { down }) as usize
    }

    /// The server has noticed that its session is over, and has let go of what it wrote.
    #[track_caller]
    fn expect_noticed(&self) {
        let says = |text: &[u8], _| String::from_utf8_lossy(text).contains("sendall: ");
        assert!(self.server.stderr.wait(LIMIT, says), "{}", self.server.stderr.text());
    }

    /// Everything is there, and nothing else.
    #[track_caller]
    fn expect(&self) {
        self.there.expect("f", &self.bytes);
        self.there.expect_names(&["f"]);
    }

    /// Runs it again, to the end: how many bytes went.
    #[track_caller]
    fn again(&self) -> usize {
        let proxy = self.proxies(&[PASS]).remove(0);
        self.client(&proxy.address, &["-j", "1"]).finish().expect(0);
        self.expect();
        self.sent(&proxy)
    }
}

pub(crate) fn both_ways(test: impl Fn(Way) + Sync) {
    in_parallel(&WAYS, |way| test(*way));
}

#[test]
fn any_number_of_connections_brings_files_of_any_size_alone_in_folders_and_over_unix_sockets() {
    let sizes = [BLOCK, BLOCK + 1, 2 * BLOCK, 9_000_000];
    let source = Place::in_memory();
    source.folder("folder/deep");
    let bytes = sizes.map(payload);
    for (size, bytes) in sizes.iter().zip(&bytes) {
        source.write(&format!("folder/{size}"), bytes);
    }
    let large = payload(50_000_000);
    let path = source.write("large", &large);
    source.write("folder/deep/small", b"small");
    let names = sizes.map(|size| size.to_string());
    let paths = names.clone().map(|name| source.at(&format!("folder/{name}")));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let check = |place: &Place, below: &str| {
        for (size, bytes) in sizes.iter().zip(&bytes) {
            place.expect(&format!("{below}{size}"), bytes);
        }
    };
    in_parallel(&["1", "2", "4", "16"], |count| {
        let is_largest = *count == "4";
        let (socket, store, back) = (Place::new(), Place::in_memory(), Place::in_memory());
        let at = format!("unix:{}", socket.at("socket"));
        let listeners = ["serve", "127.0.0.1:0", &at, "--store", store.arg(), "--share", source.arg()];
        let server = sendall(&listeners, In::Null, Out::Collect);
        let to = server.listening(2).remove(0);
        // In rounds one way, in a stream the other.
        run(&[&["upload"], &paths[..], &[&to, "-j", count]].concat()).expect(0);
        run(&["upload", &source.at("folder"), &at, "-j", count]).expect(0);
        run(&["download", &to, "folder", "-o", back.arg(), "-j", count]).expect(0);
        check(&store, "folder/");
        check(&back, "folder/");
        store.expect("folder/deep/small", b"small");
        check(&store, "");
        if is_largest {
            run(&["upload", &path, &at, "-j", count]).expect(0);
            store.expect("large", &large);
            run(&["download", &to, "large", "-o", back.arg(), "-j", count]).expect(0);
            back.expect("large", &large);
        }
    });
}

#[test]
fn a_flipped_byte_costs_its_block_only() {
    both_ways(|way| {
        let scene = Scene::new(way, 20_000_000, &[]);
        let proxies = scene.proxies(&[Rule::Flip(6_000_000)]);
        scene.client(&proxies[0].address, &["-j", "1"]).finish().expect(0);
        let sent = scene.sent(&proxies[0]);
        assert!(sent > 20_000_000 + BLOCK && sent < 20_000_000 + BLOCK + 10_000, "{way:?}: {sent}");
        scene.expect();
    });
}

#[test]
fn a_byte_flipped_in_a_further_connection_costs_a_block_at_most() {
    both_ways(|way| {
        let scene = Scene::new(way, 13_000_000, &[]);
        // In its first frames the connection is lost, in a body it is not.
        for at in [2, 40, 70, 2_000_000] {
            let proxies = scene.proxies(&[Rule::HoldAfter(1_000_000), Rule::Flip(at)]);
            let client = scene.client(&proxies[0].address, &["-j", "2"]);
            proxies[0].wait_held();
            wait_for_traffic(&proxies[1], at.min(1000));
            proxies[0].release();
            client.finish().expect(0);
            let sent: usize = proxies.iter().map(|proxy| scene.sent(proxy)).sum();
            assert!(sent < 13_000_000 + 2 * BLOCK, "{way:?} at {at}: {sent}");
            scene.expect();
            std::fs::remove_file(scene.there.path("f")).expect("removed");
        }
    });
}

/// Waits until it has passed so many bytes, either way.
#[track_caller]
fn wait_for_traffic(proxy: &Proxy, bytes: u64) {
    let passed = || {
        let (up, down) = proxy.passed();
        up + down >= bytes.min(80)
    };
    assert!(wait_until(LIMIT, passed), "no traffic: {:?}", proxy.passed());
}

#[test]
fn a_block_that_never_arrives_whole_is_a_digest_mismatch_on_both_sides() {
    both_ways(|way| {
        let scene = Scene::new(way, 9_000_000, &["--once"]);
        let proxies = scene.proxies(&[Rule::FlipEvery(3_000_000)]);
        let client = scene.client(&proxies[0].address, &["-j", "1"]).finish();
        client.expect_saying(6, "damaged each time it was sent");
        let Scene { server, there, .. } = scene;
        server.finish().expect_saying(6, "damaged each time it was sent");
        assert!(!there.path("f").exists());
        let (up, down) = proxies[0].counts();
        assert!(up.max(down) as usize > 4 * BLOCK, "four tries: {up} and {down} bytes");
    });
}

#[test]
fn a_further_connection_that_dies_costs_a_block() {
    both_ways(|way| {
        for (after, cut) in [
            (10, Rule::ResetAfter(10)),
            (40, Rule::EndAfter(40)),
            (1_000_000, Rule::EndAfter(1_000_000)),
            (6_000_000, Rule::ResetAfter(6_000_000)),
        ] {
            let scene = Scene::new(way, 24_000_000, &[]);
            let proxies = scene.proxies(&[Rule::HoldAfter(1_000_000), cut]);
            let client = scene.client(&proxies[0].address, &["-j", "2"]);
            proxies[0].wait_held();
            let dies = || proxies[1].passed().0.max(proxies[1].passed().1) >= after;
            assert!(wait_until(LIMIT, dies), "{way:?} {cut:?}: {:?}", proxies[1].passed());
            proxies[0].release();
            client.finish().expect(0);
            let sent: usize = proxies.iter().map(|proxy| scene.sent(proxy)).sum();
            // What was on its way there, in the systems' buffers too.
            assert!(sent < 24_000_000 + 3 * BLOCK, "{way:?} {cut:?}: {sent}");
            scene.expect();
        }
    });
}

#[test]
fn further_connections_that_are_not_accepted_are_done_without() {
    both_ways(|way| {
        let scene = Scene::new(way, 9_000_000, &[]);
        // The proxy listens for the first one only.
        let proxies = scene.proxies(&[PASS]);
        scene.client(&proxies[0].address, &["-j", "16"]).finish().expect(0);
        scene.expect();
        for room in ["--max-clients", "--max-per-source"] {
            let scene = Scene::new(way, 9_000_000, &[room, "1"]);
            scene.client(&address(&scene.server), &["-j", "4"]).finish().expect(0);
            scene.expect();
        }
    });
}

#[test]
fn a_further_connection_that_hangs_is_dropped_at_the_idle_limit() {
    let cases: Vec<_> =
        WAYS.iter().flat_map(|way| [(*way, "1s", "1s"), (*way, "1s", "30s"), (*way, "30s", "1s")]).collect();
    in_parallel(&cases, |(way, here, there)| {
        let scene = Scene::new(*way, 24_000_000, &["--idle-timeout", there]);
        let held = Rule::HoldAfter(1_000_000);
        let proxies = scene.proxies(&[held, held]);
        let client = scene.client(&proxies[0].address, &["-j", "2", "--idle-timeout", here]);
        proxies.iter().for_each(Proxy::wait_held);
        proxies[0].release();
        client.finish().expect(0);
        proxies[1].release();
        scene.expect();
    });
}

#[test]
fn the_end_of_the_first_connection_is_the_end_and_the_next_run_resumes() {
    both_ways(|way| {
        // A reset throws away what the receiver's system holds.
        for cut in [Rule::ResetAfter(13_000_000), Rule::EndAfter(9_000_000)] {
            let scene = Scene::new(way, 32_000_000, &[]);
            // The other one cannot bring so much before that too little is left, whatever its system takes in.
            let proxies = scene.proxies(&[cut, Rule::HoldAfter(5_000_000)]);
            scene.client(&proxies[0].address, &["-j", "2"]).finish().expect(5);
            proxies[1].release();
            scene.expect_noticed();
            assert!(!scene.there.path("f").exists());
            let sent = scene.again();
            assert!(sent < 32_000_000 - BLOCK, "{way:?} {cut:?}: {sent}");
        }
    });
}

#[test]
fn a_retry_resumes_what_several_connections_have_brought() {
    both_ways(|way| {
        let scene = Scene::new(way, 28_000_000, &[]);
        let proxies = scene.proxies(&[Rule::EndAfter(9_000_000), Rule::HoldAfter(5_000_000), PASS, PASS]);
        let client = scene.client(&proxies[0].address, &["-j", "2", "--retry", "2"]);
        let finished = client.finish().ended(0);
        assert!(finished.stderr.contains("trying again"), "{}", finished.stderr);
        let sent: usize = proxies[2..].iter().map(|proxy| scene.sent(proxy)).sum();
        assert!(sent < 28_000_000 - BLOCK, "{way:?}: {sent}");
        scene.expect();
    });
}

#[test]
fn only_the_blocks_that_differ_are_sent_again() {
    both_ways(|way| {
        let scene = Scene::new(way, 5 * BLOCK, &[]);
        let proxies = scene.proxies(&[Rule::EndAfter(9_000_000)]);
        scene.client(&proxies[0].address, &["-j", "1"]).finish().expect(5);
        scene.expect_noticed();
        let part = scene.there.path(scene.there.names().remove(0));
        let flipped = |at: usize| {
            let mut bytes = scene.bytes.clone();
            bytes[at] ^= 1;
            bytes
        };
        let mut hole = scene.bytes.clone();
        hole[BLOCK..2 * BLOCK].fill(0);
        let longer = [&scene.bytes[..], b"x"].concat();
        let all: [(&str, Vec<u8>, usize); 8] = [
            ("whole", scene.bytes.clone(), 0),
            ("a hole", hole, 1),
            ("a flipped byte", flipped(2 * BLOCK + 77), 1),
            ("a flipped first byte", flipped(0), 1),
            ("a flipped last byte", flipped(5 * BLOCK - 1), 1),
            ("shorter, in a block", scene.bytes[..2 * BLOCK + 5].to_vec(), 3),
            ("too long", longer, 5),
            ("another file", payload(3 * BLOCK), 5),
        ];
        for (what, left, blocks) in all {
            std::fs::write(&part, left).expect("a part");
            let sent = scene.again();
            let due = blocks * BLOCK;
            assert!(sent >= due && sent < due + 10_000, "{way:?}, {what}: {sent} bytes for {blocks} blocks");
            std::fs::remove_file(scene.there.path("f")).expect("removed");
        }
    });
}

#[test]
fn a_file_in_place_is_compared_and_replaced_in_blocks() {
    both_ways(|way| {
        let scene = Scene::new(way, 9_000_000, &[]);
        assert!(scene.again() > 9_000_000);
        assert!(scene.again() < 1000);
        let forced = |sent: &dyn Fn(usize) -> bool| {
            let proxy = scene.proxies(&[PASS]).remove(0);
            scene.client(&proxy.address, &["-j", "1", "--force"]).finish().expect(0);
            assert!(sent(scene.sent(&proxy)), "{way:?}");
            scene.expect();
        };
        forced(&|sent| sent < 1000);
        let file = OpenOptions::new().write(true).open(scene.there.path("f")).expect("the file");
        file.write_all_at(b"changed", 5_000_000).expect("changed");
        forced(&|sent| sent > 9_000_000);
    });
}

#[test]
fn a_side_that_is_killed_and_run_again_resumes() {
    let cases = WAYS.map(|way| [(way, true), (way, false)]).concat();
    in_parallel(&cases, |(way, kills_client)| {
        let mut scene = Scene::new(*way, 24_000_000, &[]);
        let proxies = scene.proxies(&[Rule::HoldAfter(6_000_000), PASS, Rule::HoldAfter(6_000_000)]);
        let client = scene.client(&proxies[0].address, &["-j", "3"]);
        // The fourth block has begun, so that one is whole; a connection that is held may have been given three.
        wait_for_part(scene.there.root(), 13_000_000);
        let killed = if *kills_client { &client } else { &scene.server };
        killed.signal(Signal::KILL);
        assert!(killed.ends_within(LIMIT));
        proxies.iter().for_each(Proxy::release);
        assert_eq!(client.finish().code, if *kills_client { -9 } else { 5 });
        if *kills_client {
            scene.expect_noticed();
        } else {
            let path = scene.source.at("f");
            let mode = if *way == Way::Upload { ["--store", scene.there.arg()] } else { ["--share", &path] };
            scene.server = serve(&mode);
        }
        let sent = scene.again();
        assert!(sent < 24_000_000 - BLOCK + 10_000, "{way:?}: {sent}");
    });
}

#[test]
fn stdout_gets_its_bytes_in_order() {
    let scene = Scene::new(Way::Download, 9_000_000, &[]);
    let finished = run(&["download", &address(&scene.server), "f", "-o", "-", "-j", "4"]).expect(0);
    assert_same(&finished.stdout, &scene.bytes, "stdout");
    scene.there.expect_names(&[]);
}

#[test]
fn many_runs_over_many_connections_all_end() {
    let runs = if is_slow_wanted("50 runs each way, not 2") { 50 } else { 2 };
    both_ways(|way| {
        let scene = Scene::new(way, 9_000_000, &[]);
        for _ in 0..runs {
            scene.client(&address(&scene.server), &["-j", "16"]).finish().expect(0);
            scene.expect();
            std::fs::remove_file(scene.there.path("f")).expect("removed");
        }
    });
}
