//! Many sessions, one name.

use super::*;
use crate::store::temporary::temporary_name;
use std::sync::Barrier;

#[test]
fn of_fifty_exactly_one_wins_and_is_whole() {
    const SESSIONS: u8 = 50;
    const SIZE: usize = 100_000;
    let scene = scene();
    for round in 0..10 {
        if round % 2 == 1 {
            fs::write(scene.inside(&temporary_name(b"one")), b"left by a crash").unwrap();
        }
        let barrier = Barrier::new(usize::from(SESSIONS));
        let session = |id: u8| {
            let bytes = vec![id; SIZE];
            barrier.wait();
            deliver(&scene.folder, b"one", &bytes, false)
        };
        let outcomes: Vec<Result<(), StoreError>> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..SESSIONS).map(|id| scope.spawn(move || session(id))).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..outcomes.len()).filter(|id| outcomes[*id].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        for fault in outcomes.into_iter().filter_map(Result::err) {
            assert!(matches!(fault.kind, StoreErrorKind::Exists | StoreErrorKind::Busy), "{fault}");
        }
        let content = fs::read(scene.inside("one")).unwrap();
        assert!(content == vec![u8::try_from(winners[0]).unwrap(); SIZE]);
        assert_eq!(scene.names(), ["one"]);
        fs::remove_file(scene.inside("one")).unwrap();
    }
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_one_at_every_moment() {
    const SIZE: usize = 20_000;
    let scene = scene();
    deliver(&scene.folder, b"f", &[0; SIZE], false).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 1..=100 {
                deliver(&scene.folder, b"f", &[round; SIZE], true).unwrap();
            }
        });
        while !writer.is_finished() {
            let content = fs::read(scene.inside("f")).unwrap();
            assert_eq!(content.len(), SIZE);
            assert!(content.iter().all(|byte| *byte == content[0]));
        }
    });
    assert_eq!(fs::read(scene.inside("f")).unwrap(), [100; SIZE]);
}

#[test]
fn a_live_part_is_busy_and_a_leftover_is_replaced() {
    let scene = scene();
    let temporary = scene.inside(&temporary_name(b"f"));
    let mut first = Part::create(&scene.folder, b"f").unwrap();
    first.write_all(b"first").unwrap();
    assert_eq!(kind(Part::create(&scene.folder, b"f")), StoreErrorKind::Busy);
    drop(Part::create(&scene.folder, b"g").unwrap());
    first.commit(Meta::default(), false).unwrap();

    fs::write(&temporary, b"left by a crash, and longer").unwrap();
    deliver(&scene.folder, b"f", b"second", true).unwrap();
    assert_eq!(fs::read(scene.inside("f")).unwrap(), b"second");
    assert_eq!(scene.names(), ["f"]);
}

#[test]
fn a_part_whose_name_was_taken_away_is_not_published_and_removes_nothing() {
    let scene = scene();
    let temporary = scene.inside(&temporary_name(b"f"));
    let mut part = Part::create(&scene.folder, b"f").unwrap();
    part.write_all(b"mine").unwrap();
    fs::remove_file(&temporary).unwrap();
    fs::write(&temporary, b"another's").unwrap();
    assert_eq!(kind(part.commit(Meta::default(), false)), StoreErrorKind::CannotWrite);
    assert_eq!(fs::read(&temporary).unwrap(), b"another's");
    assert!(!scene.inside("f").exists());
}
