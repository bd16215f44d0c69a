//! Who is evicted in which situation.

use std::net::SocketAddr;

use super::*;
use crate::net::clock::read_clock;

/// Arrivals whose time is counted in milliseconds, and the order in which they were told to make way.
struct Scene {
    arrivals: Arrivals,
    begin: Instant,
    kept: Vec<Rc<Arrival>>,
    woken: Rc<RefCell<Vec<usize>>>,
}

impl Scene {
    fn new(max_clients: usize) -> Scene {
        let (kept, woken) = (Vec::new(), Rc::default());
        Scene { arrivals: Arrivals::new(max_clients), begin: read_clock(), kept, woken }
    }

    fn at(&self, millis: u64) -> Instant {
        self.begin + Duration::from_millis(millis)
    }

    /// Adds one of 10.0.0.`source` that has come so far, and returns its number.
    fn add(&mut self, source: u8, stage: Stage, millis: u64) -> usize {
        let peer = PeerName::from_ip(Some(SocketAddr::from(([10, 0, 0, source], 1))));
        let (number, woken) = (self.kept.len(), Rc::clone(&self.woken));
        let arrival = self.arrivals.add(&peer, self.at(millis), move || woken.borrow_mut().push(number));
        arrival.reach(stage);
        self.kept.push(arrival);
        number
    }

    /// Adds that many, and returns the number of the first.
    fn add_all(&mut self, count: usize, source: u8, stage: Stage, millis: u64) -> usize {
        let first = self.kept.len();
        for _ in 0..count {
            self.add(source, stage, millis);
        }
        first
    }

    fn woken(&self) -> Vec<usize> {
        self.woken.take()
    }
}

use Stage::{Hello, Secured, Silent};

/// As many as may wait where there is one place.
const MAX: usize = 16;

#[test]
fn of_many_in_all_the_source_with_most_makes_way() {
    // Those that are here, oldest first; who comes at 0 ms; the number of the one that makes way.
    type Here = &'static [(usize, u8, Stage)];
    let cases: [(&str, Here, u8, Option<usize>); 9] = [
        ("there is room", &[(7, 2, Secured), (1, 1, Silent), (7, 3, Silent)], 4, None),
        ("one slow client, silent", &[(1, 1, Silent), (15, 2, Secured)], 2, Some(1)),
        ("one slow client, with a hello", &[(1, 1, Hello), (15, 2, Silent)], 2, Some(1)),
        ("the honest one comes last", &[(16, 2, Secured)], 1, Some(0)),
        (
            "silent ones of a source go first",
            &[(12, 2, Secured), (1, 1, Silent), (3, 2, Silent)],
            1,
            Some(13),
        ),
        ("two sources", &[(1, 1, Silent), (7, 2, Hello), (8, 3, Hello)], 3, Some(8)),
        ("of two that are alike the one that comes", &[(7, 1, Silent), (9, 2, Silent)], 2, Some(7)),
        ("as many of two sources", &[(8, 1, Silent), (8, 2, Secured)], 2, Some(8)),
        ("further ones of one that is not alone", &[(3, 1, Secured), (13, 2, Silent)], 1, Some(3)),
    ];
    for (what, here, comes, is_evicted) in cases {
        let mut scene = Scene::new(1);
        for (count, source, stage) in here {
            // Their own limit of 8 is another matter: none has had its time.
            scene.add_all(*count, *source, *stage, 0);
        }
        assert_eq!(scene.woken(), [0; 0], "{what}");
        scene.add(comes, Silent, 0);
        assert_eq!(scene.woken(), Vec::from_iter(is_evicted), "{what}");
    }
}

#[test]
fn one_address_never_moves_a_single_connection_of_another() {
    for stage in [Silent, Hello, Secured] {
        for others in [Silent, Hello, Secured] {
            let mut scene = Scene::new(1);
            let honest = scene.add(1, stage, 0);
            for millis in (0..10_000).step_by(100) {
                scene.add_all(4, 2, others, millis);
                let slow = Rc::clone(&scene.kept[honest]);
                assert!(
                    !scene.arrivals.are_many(&slow) && !slow.is_evicted(),
                    "{stage:?} {others:?} {millis}"
                );
                assert_eq!(scene.arrivals.may_not_read_before(&slow, scene.at(millis)), None);
            }
        }
    }
}

#[test]
fn a_source_of_many_makes_way_for_its_own() {
    // Its 8 that are here since 0 ms; the time of another one of it; which makes way.
    let cases: [(&str, [Stage; 8], u64, Option<usize>); 5] = [
        ("young", [Silent; 8], 249, None),
        ("silent for long", [Silent; 8], 250, Some(0)),
        (
            "silent ones before others",
            [Hello, Hello, Silent, Hello, Hello, Silent, Hello, Hello],
            2500,
            Some(2),
        ),
        ("with a hello, not for long", [Hello; 8], 1999, None),
        ("in admission for long", [Secured; 8], 2000, Some(0)),
    ];
    for (what, stages, millis, is_evicted) in cases {
        let mut scene = Scene::new(100);
        for stage in stages {
            scene.add(1, stage, 0);
        }
        scene.add(2, Silent, 0);
        scene.add(1, Silent, millis);
        assert_eq!(scene.woken(), Vec::from_iter(is_evicted), "{what}");
    }
}

#[test]
fn one_that_takes_long_makes_way_if_there_are_many_like_it() {
    // Others of its source, of another one, their stage; its own; whether it makes way.
    let cases: [(&str, usize, usize, Stage, Stage, bool); 7] = [
        ("alone", 0, 0, Silent, Silent, false),
        ("eight of it", 7, 0, Silent, Silent, true),
        ("seven of it", 6, 0, Silent, Silent, false),
        ("others have not come as far", 7, 0, Silent, Hello, false),
        ("all have come as far", 7, 0, Secured, Secured, true),
        ("another source has most", 6, 9, Secured, Silent, false),
        ("many, and its source has most", 7, 9, Hello, Silent, true),
    ];
    for (what, own, others, stage, its, is_evicted) in cases {
        let mut scene = Scene::new(1);
        let it = scene.add(1, its, 0);
        scene.add_all(own, 1, stage, 0);
        scene.add_all(others, 2, stage, 0);
        let it = Rc::clone(&scene.kept[it]);
        assert_eq!(scene.arrivals.are_many(&it), is_evicted, "{what}");
        assert_eq!(it.is_evicted(), is_evicted, "{what}");
    }
}

#[test]
fn where_each_is_of_another_source_those_that_take_long_make_way() {
    let mut scene = Scene::new(1);
    for source in 1..=16 {
        scene.add(source, Silent, 0);
    }
    scene.add(17, Silent, 100);
    assert_eq!(scene.woken(), [0; 0]);
    scene.add(18, Silent, 300);
    assert_eq!(scene.woken(), [0]);
    let slow = Rc::clone(&scene.kept[1]);
    assert!(scene.arrivals.are_many(&slow));
}

#[test]
fn one_that_gets_on_stays() {
    let mut scene = Scene::new(1);
    let first = scene.add_all(MAX, 2, Silent, 0);
    scene.add(2, Silent, 0);
    assert_eq!(scene.woken(), [first]);
    let told = Rc::clone(&scene.kept[first]);
    assert!(told.is_evicted());
    // Its hello was here already.
    told.reach(Hello);
    assert!(!told.is_evicted());
}

#[test]
fn hellos_of_a_source_are_read_while_it_has_few() {
    let mut scene = Scene::new(1);
    let first = scene.add_all(MAX, 2, Hello, 0);
    let next = scene.add(2, Silent, 10);
    let next = Rc::clone(&scene.kept[next]);
    // One has made way for it as it came.
    assert_eq!(scene.woken(), [first]);
    assert_eq!(scene.arrivals.may_not_read_before(&next, scene.at(10)), None);
    scene.kept[first].reach(Secured);
    assert_eq!(scene.arrivals.may_not_read_before(&next, scene.at(10)), Some(scene.at(20)));
    assert_eq!(scene.arrivals.may_not_read_before(&next, scene.at(60)), None);
    assert_eq!(scene.woken(), [first + 1]);
}

#[test]
fn all_make_way_when_it_is_over() {
    let mut scene = Scene::new(100);
    scene.add_all(3, 1, Secured, 0);
    scene.arrivals.dismiss();
    assert_eq!(scene.woken(), [0, 1, 2]);
    let late = scene.add(2, Silent, 0);
    assert!(scene.kept[late].is_evicted());
    assert!(scene.arrivals.are_many(&scene.kept[late]));
}

#[test]
fn where_there_is_no_room_one_of_the_fullest_ends() {
    let mut scene = Scene::new(1);
    let honest = scene.add(1, Silent, 0);
    // They were told to make way, and have got on.
    while scene.kept.len() < 2 * MAX + MAX_HELD {
        assert!(scene.arrivals.has_room());
        scene.add(2 + (scene.kept.len() % 2) as u8, Hello, 0);
        scene.kept.iter().skip(1).for_each(|arrival| arrival.is_evicted.set(false));
    }
    scene.woken();
    assert!(!scene.arrivals.has_room());
    assert_eq!(scene.woken(), [honest + 1]);
    let (first, _) = (scene.kept.remove(1), scene.kept.remove(1));
    drop(first);
    assert!(scene.arrivals.has_room());
    assert!(!scene.kept[honest].is_evicted());
}
