//! A relay with its tools in seeded worlds: any pieces, equal bytes, one half-close after the last one, nothing held back.

use std::time::{Duration, Instant};

use sendall::error::{Error, Exit};
use sendall::net::reactor::{Context, Session, Status};
use sendall::net::stream::Stream;
use sendall::proto::relay::ending::{EndWhen, Ending, HalfClose, InputKind};
use sendall::proto::relay::message::{Encoder, Framing, Split};
use sendall::relay::options::{InputSplit, OutputFormat};
use sendall::relay::session::Relay;
use sendall::relay::tools::{Decoding, Encoding, Filtered, LineDelay, TelnetFilters, ToCrlf};
use sendall::report::{Level, Report};

use crate::shared::Shared;
use crate::world::{End, Fate, Random, in_every_world};

const SEEDS: u64 = 400;
const MAX_EVENTS: usize = 200_000;
/// What a relay and its tools may hold between reading and writing: the relay's buffer, and two chunks.
const MAX_HELD_BYTES: usize = (256 + 2 * 64) << 10;
const MAX_MESSAGE: u64 = 700;
const DELAY: Duration = Duration::from_millis(70);
const FRAMINGS: [Framing; 6] =
    [Framing::U16Be, Framing::U32Le, Framing::U64Be, Framing::Netstring, Framing::Line, Framing::Nul];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Crlf,
    Delay,
    Telnet,
    Frame(Framing),
}

struct World {
    seed: u64,
    random: Random,
    tool: Tool,
    rules: Ending,
    now: Instant,
    /// What has to be at the peer and at stdout in the end, Telnet's refusals apart.
    sent: Vec<u8>,
    received: Vec<u8>,
    refusals: Vec<u8>,
    /// Where in the peer's bytes each refusal becomes due.
    refusals_due: Vec<usize>,
    /// The code that the peer's bytes deserve.
    due: Option<Exit>,
    resets: bool,
}

/// Lines of up to `longest` bytes, without `without`.
fn lines(random: &mut Random, longest: usize, without: &[u8]) -> Vec<Vec<u8>> {
    let count = [0, 1, 5, 300][random.below(4)];
    let line = |random: &mut Random| {
        let length = random.below(longest + 1);
        let bytes = (0..length).map(|_| if random.chance(10) { b'\r' } else { random.next() as u8 });
        bytes.filter(|byte| *byte != b'\n' && !without.contains(byte)).collect()
    };
    (0..count).map(|_| line(random)).collect()
}

fn text(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
}

fn framed(framing: Framing, lines: &[Vec<u8>]) -> Vec<u8> {
    let (mut encoder, mut output) = (Encoder::new(framing, Split::Lines, u64::MAX), Vec::new());
    for line in lines {
        assert!(encoder.take(line, &mut output).and_then(|_| encoder.take(b"\n", &mut output)).is_ok());
    }
    output
}

impl World {
    #[allow(clippy::disallowed_methods)]
    fn new(seed: u64) -> (World, End, End) {
        let mut random = Random::new(seed);
        let tool = match random.below(5) {
            0 => Tool::Crlf,
            1 => Tool::Delay,
            2 => Tool::Telnet,
            _ => Tool::Frame(FRAMINGS[random.below(FRAMINGS.len())]),
        };
        let (mut local, mut peer) = (End::new(&mut random, 0), End::new(&mut random, 0));
        let input = [InputKind::Real, InputKind::Nothing][random.below(2)];
        let rules = Ending {
            input,
            end_when: EndWhen::Both,
            half_close: if random.chance(70) { HalfClose::Politely } else { HalfClose::Never },
            linger: None,
        };
        let without: &[u8] = if tool == Tool::Frame(Framing::Nul) { &[0] } else { &[] };
        let sent = if input == InputKind::Real { lines(&mut random, 600, without) } else { Vec::new() };
        let sent = if tool == Tool::Delay { sent[..sent.len().min(7)].to_vec() } else { sent };
        local.script = text(&sent);
        let peer_lines = lines(&mut random, 600, without);
        let mut world = World {
            seed,
            tool,
            rules,
            sent: local.script.clone(),
            received: Vec::new(),
            refusals: Vec::new(),
            refusals_due: Vec::new(),
            due: None,
            resets: random.chance(20),
            now: Instant::now(),
            random,
        };
        world.play_peer(&mut peer, &peer_lines);
        match tool {
            Tool::Crlf => {
                let with_cr =
                    |line: &[u8]| if line.ends_with(b"\r") { b"\n".as_slice() } else { b"\r\n" }.to_vec();
                world.sent = sent.iter().flat_map(|line| [line.clone(), with_cr(line)].concat()).collect();
            }
            Tool::Frame(framing) => world.sent = framed(framing, &sent),
            Tool::Delay | Tool::Telnet => {}
        }
        (world, local, peer)
    }

    /// Sets the peer's script, and the bytes expected from it.
    fn play_peer(&mut self, peer: &mut End, peer_lines: &[Vec<u8>]) {
        match self.tool {
            Tool::Crlf | Tool::Delay => {
                peer.script = text(peer_lines);
                self.received = peer.script.clone();
            }
            Tool::Telnet => {
                for part in peer_lines {
                    for byte in part {
                        peer.script.extend_from_slice(if *byte == 255 {
                            &[255, 255]
                        } else {
                            std::slice::from_ref(byte)
                        });
                    }
                    self.received.extend_from_slice(part);
                    let option = self.random.next() as u8;
                    let sent: &[u8] = match self.random.below(5) {
                        0 => &[255, 253, option],
                        1 => &[255, 251, option],
                        2 => &[255, 254, option],
                        3 => &[255, 250, 24, 1, 255, 255, 0, 255, 240],
                        _ => &[255, 241],
                    };
                    peer.script.extend_from_slice(sent);
                    let refusal = match sent[1] {
                        253 => 252,
                        251 => 254,
                        _ => continue,
                    };
                    self.refusals.extend_from_slice(&[255, refusal, option]);
                    self.refusals_due.push(peer.script.len());
                }
            }
            Tool::Frame(framing) => {
                peer.script = framed(framing, peer_lines);
                self.received = text(peer_lines);
                if self.random.chance(20) {
                    // The stream is cut in the last message, or that one is too long.
                    let is_long = self.random.chance(50);
                    let last = vec![b'x'; if is_long { MAX_MESSAGE as usize + 1 } else { 9 }];
                    let whole = framed(framing, &[last]);
                    let part = if is_long { whole.len() } else { 1 + self.random.below(whole.len() - 1) };
                    peer.script.extend_from_slice(&whole[..part]);
                    self.due = Some(if is_long { Exit::Refused } else { Exit::Lost });
                }
            }
        }
    }

    fn relay(&self, local: &Shared, peer: &Shared) -> Relay<Box<dyn Stream>, Box<dyn Stream>> {
        let (local, peer, now) = (local.clone(), peer.clone(), self.now);
        let (local, peer): (Box<dyn Stream>, Box<dyn Stream>) = match self.tool {
            Tool::Crlf => (Box::new(Filtered::new(local, ToCrlf::default(), now)), Box::new(peer)),
            Tool::Delay => (Box::new(LineDelay::new(local, DELAY, now)), Box::new(peer)),
            Tool::Telnet => {
                let telnet = TelnetFilters::new(self.rules, true);
                (telnet.local(local, now), telnet.peer(peer, now))
            }
            Tool::Frame(framing) => {
                let decoding = Decoding::new(framing, OutputFormat::Line, MAX_MESSAGE);
                let encoding = Encoding::new(framing, InputSplit::Lines, MAX_MESSAGE, false);
                (Box::new(Filtered::new(local, encoding, now)), Box::new(Filtered::new(peer, decoding, now)))
            }
        };
        Relay::new(
            local,
            peer,
            self.rules,
            None,
            Report::new(Level::Quiet, sendall::net::clock::read_clock),
            now,
        )
    }

    /// What a peer has of the input, and the refusals that stand in it.
    fn without_refusals(&self, written: &[u8]) -> (Vec<u8>, Vec<u8>) {
        if self.tool != Tool::Telnet {
            return (written.to_vec(), Vec::new());
        }
        let (mut data, mut refusals, mut rest) = (Vec::new(), Vec::new(), written);
        loop {
            rest = match rest {
                [] | [255] | [255, 252 | 254] => return (data, refusals),
                [255, 255, rest @ ..] => {
                    data.push(255);
                    rest
                }
                [255, verb @ (252 | 254), option, rest @ ..] => {
                    refusals.extend_from_slice(&[255, *verb, *option]);
                    rest
                }
                [255, other, ..] => panic!("seed {}: IAC {other}", self.seed),
                [byte, rest @ ..] => {
                    data.push(*byte);
                    rest
                }
            };
        }
    }

    fn check(&self, local: &End, peer: &End, status: Result<Status, &Error>, deadline: Option<Instant>) {
        let seed = self.seed;
        let (data, refusals) = self.without_refusals(&peer.written);
        assert!(self.sent.starts_with(&data), "seed {seed}: other bytes to the peer");
        assert!(self.refusals.starts_with(&refusals), "seed {seed}: other refusals");
        assert!(self.received.starts_with(&local.written), "seed {seed}: other bytes to stdout");
        let held = (local.read + refusals.len()).saturating_sub(peer.written.len());
        assert!(held <= MAX_HELD_BYTES, "seed {seed}: {held} bytes held");
        if peer.half_closes > 0 && peer.fate == Fate::Well {
            assert!(local.end_read && data == self.sent, "seed {seed}: a half-close before the last byte");
        }
        if local.half_closes > 0 && peer.fate == Fate::Well {
            let all = peer.end_read && local.written == self.received;
            assert!(all, "seed {seed}: stdout ended before its last byte");
        }
        let is_due = deadline.is_some_and(|deadline| deadline <= self.now + Duration::from_nanos(1));
        let stalls = !matches!(status, Ok(Status::Waiting)) || is_due || peer.fate != Fate::Well;
        if !stalls {
            let waits = self.tool == Tool::Delay && deadline.is_some();
            assert!(waits || !(local.is_readable() && peer.has_room()), "seed {seed}: input and room");
            assert!(
                !(peer.is_readable() && local.has_room()) || peer.end_read,
                "seed {seed}: the peer spoke, and room"
            );
            if peer.has_room() && local.end_read && !waits {
                assert_eq!(data, self.sent, "seed {seed}: the input has ended, and there is room");
            }
            let holds_end =
                self.rules.input == InputKind::Nothing || self.rules.half_close == HalfClose::Never;
            if peer.has_room() && (holds_end || !local.end_read) {
                let due = self.refusals_due.iter().filter(|end| **end <= peer.read).count();
                assert_eq!(refusals.len(), 3 * due, "seed {seed}: a refusal is due, and room");
            }
            if local.has_room() && peer.end_read {
                assert_eq!(
                    local.written, self.received,
                    "seed {seed}: the peer has ended, and there is room"
                );
            }
        }
    }
}

fn run(seed: u64) {
    let (mut world, local, peer) = World::new(seed);
    let (local, peer) = (Shared::new(local), Shared::new(peer));
    let mut relay = world.relay(&local, &peer);
    let start = world.now;
    let mut was_reset = false;
    for event in 0..MAX_EVENTS {
        let budget_bytes = 1 + world.random.below(100_000);
        let status = relay.advance(Context { now: world.now, budget_bytes });
        let deadline = relay.deadline();
        let is_over = !matches!(status, Ok(Status::Waiting | Status::Again));
        // To compare all of it each time would take its time.
        if is_over || event % 16 == 0 {
            let status = status.as_ref().copied();
            world.check(&local.get(), &peer.get(), status, deadline);
        }
        match status {
            Ok(Status::Done | Status::RunOver) => {
                return check_success(&world, &local.get(), &peer.get(), start, was_reset);
            }
            Ok(Status::Again) if world.random.chance(50) => continue,
            Ok(Status::Again) => {}
            Ok(Status::Waiting) => {
                assert!(deadline.is_none_or(|deadline| deadline > world.now), "seed {seed}: it spins");
            }
            Err(error) if was_reset => {
                assert!([Some(Exit::Lost), world.due].contains(&Some(error.exit())), "seed {seed}: {error}");
                return;
            }
            Err(error) => {
                assert_eq!(Some(error.exit()), world.due, "seed {seed}: {error}");
                assert_eq!(local.get().written, world.received, "seed {seed}: what was whole before it");
                return;
            }
        }
        if world.resets && peer.get().fate == Fate::Well && world.random.chance(2) {
            peer.get().fate = Fate::Reset;
            was_reset = true;
            continue;
        }
        happen(&mut world, deadline, &local, &peer);
    }
    panic!("seed {seed}: not over: {:?} {:?}\n{:?}\n{:?}", world.tool, world.rules, local.get(), peer.get());
}

fn happen(world: &mut World, deadline: Option<Instant>, local: &Shared, peer: &Shared) {
    // Now and then time alone passes.
    let first = world.random.below(5);
    for event in (0..4).map(|event| (first + event) % 5) {
        let happened = match event {
            0 => local.get().deliver(),
            1 => peer.get().deliver(),
            2 => local.get().consume(),
            3 => peer.get().consume(),
            _ => break,
        };
        if happened {
            world.now += Duration::from_micros(world.random.below(5000) as u64);
            return;
        }
    }
    if let Some(deadline) = deadline {
        world.now = world.now.max(deadline);
    }
}

fn check_success(world: &World, local: &End, peer: &End, start: Instant, was_reset: bool) {
    let seed = world.seed;
    assert!(!was_reset && world.due.is_none(), "seed {seed}: success, and due was {:?}", world.due);
    let (data, refusals) = world.without_refusals(&peer.written);
    assert_eq!(data, world.sent, "seed {seed}: at the peer");
    assert_eq!(local.written, world.received, "seed {seed}: on stdout");
    assert!(peer.half_closes == 1 && local.half_closes == 1 && peer.acknowledged, "seed {seed}: the ends");
    if world.rules.input == InputKind::Nothing || world.rules.half_close == HalfClose::Never {
        assert_eq!(refusals, world.refusals, "seed {seed}: refusals");
    }
    if world.tool == Tool::Delay {
        let pauses = world.sent.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
        assert!(world.now - start >= DELAY * pauses as u32, "seed {seed}: too quick");
    }
}

#[test]
fn tools_keep_the_contract_in_every_world() {
    in_every_world("tools", SEEDS, run);
}
