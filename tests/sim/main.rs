//! Sessions that move bytes, in seeded worlds without sockets or clocks: here a relay. `SEED=n` replays one.

mod hub;
mod tools;
mod transfer;
mod tunnel;
mod world;

use std::time::{Duration, Instant};

use sendall::error::{Error, Exit};
use sendall::net::reactor::{Context, Session, Status};
use sendall::proto::relay::ending::{EndWhen, Ending, HalfClose, InputKind};
use sendall::proto::relay::half_close_timer::{PAUSE_AFTER_DATA, SHORTEST_PAUSE};
use sendall::relay::session::Relay;
use sendall::report::{Level, Report};

use world::{End, Fate, Random, in_every_world};

const SEEDS: u64 = 300;
/// Far more than any world needs.
const MAX_EVENTS: usize = 4_000_000;
/// What a relay may hold: its buffer.
const MAX_HELD_BYTES: usize = 256 << 10;

struct World {
    seed: u64,
    random: Random,
    local: End,
    peer: End,
    rules: Ending,
    /// The peer may become this.
    fault: Option<Fate>,
    idle_timeout: Option<Duration>,
    now: Instant,
    /// Time of the last bytes from the peer.
    received_at: Instant,
    /// The reader of stdout takes nothing until then.
    pauses_until: Instant,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let longest = [0, 1, 100, 20_000, 600_000][random.below(5)];
        let input = [InputKind::Real, InputKind::Nothing, InputKind::Terminal][random.below(3)];
        let end_when = match (input, random.below(4)) {
            (_, 0 | 1) => EndWhen::Both,
            (_, 2) => EndWhen::Peer,
            // A rule that is set by hand makes a terminal an input like any other.
            (InputKind::Terminal, _) => EndWhen::Both,
            _ => EndWhen::Input,
        };
        let mut local = End::new(&mut random, longest);
        if input == InputKind::Nothing {
            local.script.clear();
        }
        // What ends with the peer may itself be endless.
        let ends_with_peer = input == InputKind::Terminal || end_when == EndWhen::Peer;
        local.ends = !(ends_with_peer && random.chance(50));
        let mut peer = End::new(&mut random, longest);
        let half_close = match random.below(10) {
            0 | 1 => HalfClose::Never,
            2 => HalfClose::AtOnce,
            _ => HalfClose::Politely,
        };
        let linger = random.chance(20).then(|| Duration::from_millis(1 + random.below(3000) as u64));
        let ends_early = end_when == EndWhen::Input || linger.is_some() && local.ends;
        peer.ends = !(ends_early && random.chance(50));
        // Some send more after the end of the input, and end only then.
        let gets_half_close = input == InputKind::Real && half_close != HalfClose::Never && local.ends;
        if gets_half_close && peer.ends && random.chance(40) {
            peer.answers_from = Some(random.below(peer.script.len() + 1));
        }
        peer.round_trip = random.chance(50).then(|| Duration::from_millis(random.below(60) as u64));
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        World {
            seed,
            rules: Ending { input, end_when, half_close, linger },
            fault: match random.below(10) {
                0..=2 => Some(Fate::Reset),
                // One that never ends would be waited for.
                3 | 4 if peer.ends => Some(Fate::Unwritable),
                _ => None,
            },
            idle_timeout: random.chance(20).then(|| Duration::from_secs(60)),
            // The one look at the real clock: a base for offsets, since an Instant cannot be made up.
            now,
            received_at: now,
            pauses_until: now,
            local,
            peer,
            random,
        }
    }
}

/// A relay in its world. The streams belong to the relay, which lends them; what is outside reaches them through
/// cells that both sides share.
mod shared {
    use std::cell::{Ref, RefCell, RefMut};
    use std::io;
    use std::rc::Rc;

    use sendall::net::stream::Stream;

    use crate::world::End;

    #[derive(Clone)]
    pub(crate) struct Shared(Rc<RefCell<End>>);

    impl Shared {
        pub(crate) fn new(end: End) -> Shared {
            Shared(Rc::new(RefCell::new(end)))
        }

        pub(crate) fn get(&self) -> RefMut<'_, End> {
            self.0.borrow_mut()
        }

        pub(crate) fn see(&self) -> Ref<'_, End> {
            self.0.borrow()
        }
    }

    impl Stream for Shared {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.get().read(buffer)
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.get().write(bytes)
        }

        fn finish_writing(&mut self) -> io::Result<()> {
            self.get().finish_writing()
        }
    }

    sendall::without!([] Shared; KernelEnds Timed RelayHints);
    sendall::forwarding!([] Shared, this => this.get(); SocketState);
}
use shared::Shared;

/// How a world ended.
#[derive(Debug)]
struct Outcome {
    result: Result<(), Error>,
    had_fault: bool,
}

fn run(mut world: World) {
    let seed = world.seed;
    let (fault, rules) = (world.fault, world.rules);
    let local = Shared::new(std::mem::replace(&mut world.local, End::new(&mut Random::new(0), 0)));
    let peer = Shared::new(std::mem::replace(&mut world.peer, End::new(&mut Random::new(0), 0)));
    let report = Report::new(Level::Quiet, sendall::net::clock::read_clock);
    let mut relay = Relay::new(local.clone(), peer.clone(), rules, world.idle_timeout, report, world.now);
    let outcome = drive(&mut world, &mut relay, &local, &peer);
    let (local, peer) = (local.get(), peer.get());
    match &outcome.result {
        Ok(()) => {
            let is_reset = outcome.had_fault && fault == Some(Fate::Reset);
            assert!(!is_reset, "seed {seed}: success after a reset");
            check_success(&world, &local, &peer);
        }
        Err(error) => {
            assert!(outcome.had_fault, "seed {seed}: {error}: {rules:?}\n{local:?}\n{peer:?}");
            assert_eq!(error.exit(), Exit::Lost, "seed {seed}: {error}");
            if fault == Some(Fate::Unwritable) {
                assert_eq!(local.written, peer.script, "seed {seed}: what the peer still sent");
            }
        }
    }
    for (from, to) in [(&local, &peer), (&peer, &local)] {
        assert_eq!(to.written, from.script[..to.written.len()], "seed {seed}: other bytes");
    }
}

fn check_success(world: &World, local: &End, peer: &End) {
    let (seed, rules) = (world.seed, world.rules);
    assert_eq!(peer.written, local.script[..local.read], "seed {seed}: what was read was not all sent");
    assert_eq!(peer.half_closes, 1, "seed {seed}: half-closes to the peer");
    assert!(peer.acknowledged, "seed {seed}: over before the peer's system had everything");
    let silence = world.now - world.received_at;
    if !peer.end_read && rules.end_when != EndWhen::Input {
        assert!(rules.linger.is_some_and(|limit| silence >= limit), "seed {seed}: over before the peer");
        assert_eq!(local.written, peer.script[..peer.arrived], "seed {seed}: what the peer had sent");
    } else if rules.end_when != EndWhen::Input {
        assert_eq!(local.written, peer.script, "seed {seed}: what the peer sent");
        assert_eq!(local.half_closes, 1, "seed {seed}: stdout was not ended");
    }
    let abandons = peer.end_read && (rules.input == InputKind::Terminal || rules.end_when == EndWhen::Peer);
    assert!(local.end_read || abandons, "seed {seed}: over before the input");
}

/// Turns the relay's wheel and the world's by turns until the relay is over.
fn drive(world: &mut World, relay: &mut Relay<Shared, Shared>, local: &Shared, peer: &Shared) -> Outcome {
    let seed = world.seed;
    let mut had_fault = false;
    for _ in 0..MAX_EVENTS {
        let budget_bytes = 1 + world.random.below(100_000);
        let had_end = peer.get().half_closes > 0;
        let status = relay.advance(Context { now: world.now, budget_bytes });
        check_bounds(seed, &local.get(), &peer.get());
        check_half_close(world, &local.get(), &peer.get(), had_end);
        match status {
            Err(error) => return Outcome { result: Err(error), had_fault },
            Ok(Status::Done | Status::RunOver) => return Outcome { result: Ok(()), had_fault },
            Ok(Status::Again) => {
                // Often the reactor comes back before anything has happened.
                if world.random.chance(50) {
                    continue;
                }
            }
            Ok(Status::Waiting) => {
                check_no_stall(world, &local.get(), &peer.get());
                check_deadline(world, relay);
                // A spurious call costs nothing.
                if world.random.chance(10) {
                    continue;
                }
            }
        }
        // The time after the peer's end is short: it gets its share of resets all the same.
        let percent = if peer.get().end_read { 30 } else { 2 };
        if let Some(fault) = world.fault
            && !had_fault
            && world.random.chance(percent)
        {
            peer.get().fate = fault;
            had_fault = true;
            continue;
        }
        happen(world, relay, local, peer);
    }
    panic!("seed {seed}: not over after {MAX_EVENTS} events, {:?}", world.rules);
}

/// Something happens outside, in an order that the seed decides; if nothing can, time passes.
fn happen(world: &mut World, relay: &Relay<Shared, Shared>, local: &Shared, peer: &Shared) {
    if world.random.chance(2) {
        world.now += Duration::from_millis(world.random.below(200) as u64);
    }
    if world.random.chance(1) {
        world.pauses_until = world.now + Duration::from_millis(world.random.below(1000) as u64);
    }
    let first = world.random.below(4);
    for event in (0..4).map(|event| (first + event) % 4) {
        let happened = match event {
            0 => local.get().deliver(),
            1 => peer.get().deliver(),
            2 => world.now >= world.pauses_until && local.get().consume(),
            _ => peer.get().consume(),
        };
        if happened {
            if event == 1 {
                world.received_at = world.now;
            }
            world.now += Duration::from_micros(world.random.below(5000) as u64);
            return;
        }
    }
    let reader = Some(world.pauses_until).filter(|time| *time > world.now);
    let deadline = relay.deadline().into_iter().chain(reader).min();
    let seed = world.seed;
    let later =
        deadline.unwrap_or_else(|| panic!("seed {seed}: nothing will ever happen: {:?}", world.rules));
    world.now = world.now.max(later);
}

fn check_bounds(seed: u64, local: &End, peer: &End) {
    for (from, to) in [(local, peer), (peer, local)] {
        let held = from.read - to.written.len();
        assert!(held <= MAX_HELD_BYTES, "seed {seed}: {held} bytes held");
    }
}

/// The half-close comes after the last byte, and not before its time.
fn check_half_close(world: &World, local: &End, peer: &End, had_end: bool) {
    let (seed, rules) = (world.seed, world.rules);
    if peer.half_closes > 0 && peer.fate == Fate::Well {
        assert_eq!(peer.written.len(), local.read, "seed {seed}: a half-close before the last byte");
        let quiet = rules.input == InputKind::Nothing || rules.half_close == HalfClose::Never;
        let goes_on = !peer.end_read && rules.end_when != EndWhen::Input && rules.linger.is_none();
        assert!(!quiet || !goes_on, "seed {seed}: a half-close that must not be sent");
        if rules.half_close == HalfClose::Politely && goes_on && !had_end {
            check_pause(world, local, peer);
        }
    }
    if local.half_closes > 0 {
        assert!(peer.end_read, "seed {seed}: stdout ended before the peer");
        assert_eq!(local.written.len(), peer.read, "seed {seed}: stdout ended before its last byte");
    }
}

/// Checks that the end is not passed on while the peer sends, or before it has everything.
fn check_pause(world: &World, local: &End, peer: &End) {
    let (seed, silence) = (world.seed, world.now - world.received_at);
    let round_trips = 4 * peer.round_trip.unwrap_or_default();
    let pause = if peer.read > 0 { PAUSE_AFTER_DATA + round_trips } else { SHORTEST_PAUSE.max(round_trips) };
    assert!(
        silence >= pause,
        "seed {seed}: a half-close after a silence of {silence:?}, and due was {pause:?}"
    );
    assert_eq!(local.written.len(), peer.arrived, "seed {seed}: a half-close while something waits here");
    let has_everything = peer.round_trip.is_none() || peer.waiting_for_reader() == 0;
    assert!(has_everything, "seed {seed}: a half-close while something waits at the peer");
}

/// Checks that a relay that waits has nothing to do.
fn check_no_stall(world: &World, local: &End, peer: &End) {
    let (seed, rules) = (world.seed, world.rules);
    let missed = peer.fate == Fate::Reset && peer.end_read;
    assert!(!missed, "seed {seed}: a reset after the peer's end was not noticed");
    let abandoned = peer.end_read && (rules.input == InputKind::Terminal || rules.end_when == EndWhen::Peer);
    let broken = peer.fate != Fate::Well;
    let held_out = local.read - peer.written.len();
    let held_in = peer.read - local.written.len();
    if !broken {
        assert!(
            held_out == 0 || !peer.has_room(),
            "seed {seed}: bytes for the peer, and room: nothing moved"
        );
        let idle_input = held_out == 0 && !abandoned && local.is_readable();
        assert!(!idle_input || !peer.has_room(), "seed {seed}: input and room: nothing moved");
    }
    assert!(held_in == 0 || !local.has_room(), "seed {seed}: bytes for stdout, and room: nothing moved");
    let idle_peer = held_in == 0 && peer.is_readable() && !peer.end_read;
    assert!(!idle_peer || !local.has_room(), "seed {seed}: the peer has sent, and room: nothing moved");
}

/// Checks that a deadline that was reached moves on: else the reactor spins.
fn check_deadline(world: &World, relay: &Relay<Shared, Shared>) {
    if let Some(deadline) = relay.deadline() {
        assert!(deadline > world.now, "seed {}: waits for a time that is over", world.seed);
    }
}

#[test]
fn a_relay_keeps_the_contract_in_every_world() {
    in_every_world("a_relay", SEEDS, |seed| run(World::new(seed)));
}
