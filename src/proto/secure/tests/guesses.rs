//! Guesses and uses: counted, delayed, bounded.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::Rights;
use super::super::account::CodeAccount;
use super::super::guesses::{
    GRACE, Guesses, Judgement, MAX_ANSWER_DELAY, MAX_RUNS, MAX_WRONG_PROOFS, NotNow, Uses,
};
use super::super::refusal::Reason;
use super::{HOME, any_time, code, once};
use crate::proto::secure::pin::Pin;

const SECOND: Duration = Duration::from_secs(1);

fn at(number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(198, 51, high, low).into()
}

fn wait(seconds: u16) -> NotNow {
    NotNow { reason: Reason::Wait, seconds }
}

fn over(reason: Reason) -> NotNow {
    NotNow { reason, seconds: 0 }
}

/// A wrong proof as early as the source may: returns the seconds until the answer, and until the next run may begin.
fn guess(guesses: &mut Guesses, source: IpAddr, now: &mut Instant) -> Result<(u64, u64), NotNow> {
    let run = guesses.begin(source, *now)?;
    let Judgement::Wrong(answer_at) = guesses.prove(run, false, None, *now) else { panic!("a wrong proof") };
    let answer = (answer_at - *now).as_secs();
    let blocked = match guesses.begin(source, *now) {
        Err(NotNow { reason: Reason::Wait, seconds }) => seconds,
        _ => 0,
    };
    *now += SECOND * u32::from(blocked);
    Ok((answer, blocked.into()))
}

#[test]
fn answers_become_slower_for_each_source() {
    let (mut guesses, mut now) = (Guesses::new(Uses::Many), any_time());
    let delays: Vec<(u64, u64)> =
        (0..12).map(|_| guess(&mut guesses, HOME, &mut now).expect("a run")).collect();
    let blocked = [1, 1, 5, 10, 20, 40, 80, 160, 320, 600, 600, 600];
    assert_eq!(delays, blocked.map(|seconds| (seconds.min(5), seconds)));
    // Another source is not concerned.
    assert_eq!(guess(&mut guesses, at(1), &mut now), Ok((1, 1)));
    assert_eq!(guesses.wrong_proofs(), 13);
}

#[test]
fn a_source_has_to_wait_for_its_answer() {
    let (mut guesses, now) = (Guesses::new(Uses::Many), any_time());
    let run = guesses.begin(HOME, now).expect("a run");
    assert!(matches!(guesses.prove(run, false, None, now), Judgement::Wrong(_)));
    assert_eq!(guesses.begin(HOME, now + SECOND / 2), Err(wait(1)));
    assert!(guesses.begin(at(1), now).is_ok());
    assert!(guesses.begin(HOME, now + SECOND).is_ok());
}

#[test]
fn a_right_proof_forgives_the_wrong_ones_of_its_source() {
    let (mut guesses, mut now) = (Guesses::new(Uses::Many), any_time());
    for _ in 0..5 {
        guess(&mut guesses, HOME, &mut now).expect("a run");
    }
    let run = guesses.begin(HOME, now).expect("a run");
    assert!(matches!(guesses.prove(run, true, None, now), Judgement::Right(_)));
    assert_eq!(guess(&mut guesses, HOME, &mut now), Ok((1, 1)));
    // Not those of the code.
    assert_eq!(guesses.wrong_proofs(), 6);
}

#[test]
fn wrong_proofs_of_one_source_and_of_200_withdraw_the_code() {
    for sources in [1, 200] {
        let (mut guesses, mut now) = (Guesses::new(Uses::Many), any_time());
        let (start, mut counted) = (now, 0);
        for turn in 0..200 {
            match guess(&mut guesses, at(turn % sources), &mut now) {
                Ok(_) => counted += 1,
                Err(fault) => assert_eq!(fault, over(Reason::CodeWithdrawn)),
            }
        }
        assert_eq!(counted, MAX_WRONG_PROOFS);
        assert!(guesses.is_withdrawn());
        assert!(sources > 1 || now - start > Duration::from_secs(90 * 600), "{:?}", now - start);
        assert_eq!(guesses.begin(HOME, now + SECOND * 86_400), Err(over(Reason::CodeWithdrawn)));
    }
}

#[test]
fn a_withdrawn_code_says_nothing_of_a_proof() {
    let (mut guesses, mut now) = (Guesses::new(Uses::Many), any_time());
    let runs: Vec<u64> = (0..2).map(|_| guesses.begin(HOME, now).expect("a run")).collect();
    for source in 0..100 {
        guess(&mut guesses, at(source), &mut now).expect("a run");
    }
    for (run, is_right) in runs.into_iter().zip([true, false]) {
        assert_eq!(guesses.prove(run, is_right, None, now), Judgement::NotNow(over(Reason::CodeWithdrawn)));
    }
}

#[test]
fn one_source_cannot_keep_another_out() {
    let (mut guesses, now) = (Guesses::new(once()), any_time());
    let attacker = at(9);
    let mut honest = None;
    for turn in 0..10_000 {
        assert!(guesses.begin(attacker, now).is_ok());
        if turn == 5000 {
            honest = Some(guesses.begin(HOME, now).expect("room"));
        }
    }
    let proof = guesses.prove(honest.expect("a run"), true, None, now);
    assert!(matches!(proof, Judgement::Right(_)), "{proof:?}");
    assert_eq!(guesses.wrong_proofs(), 0);
}

#[test]
fn many_sources_leave_each_run_two_seconds() {
    let (mut guesses, now) = (Guesses::new(once()), any_time());
    let run = guesses.begin(HOME, now).expect("a run");
    let others: Vec<_> = (0..1000).map(|other| guesses.begin(at(other), now)).collect();
    assert_eq!(others.iter().filter(|begun| begun.is_ok()).count(), MAX_RUNS - 1);
    assert_eq!(others[999], Err(wait(2)));
    // Later, the oldest makes way: its proof is not looked at.
    assert!(guesses.begin(at(2000), now + GRACE).is_ok());
    assert_eq!(guesses.prove(run, true, None, now + GRACE), Judgement::NotNow(wait(2)));
}

#[test]
fn a_network_of_64_bits_is_one_source() {
    let v6 = |low: u16| IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, low));
    let (mut guesses, now) = (Guesses::new(Uses::Many), any_time());
    let run = guesses.begin(v6(1), now).expect("a run");
    guesses.prove(run, false, None, now);
    assert_eq!(guesses.begin(v6(2), now), Err(wait(1)));
    assert!(guesses.begin(Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1).into(), now).is_ok());
    let run = guesses.begin(HOME, now).expect("a run");
    guesses.prove(run, false, None, now);
    let IpAddr::V4(home) = HOME else { panic!("an IPv4 address") };
    assert_eq!(guesses.begin(home.to_ipv6_mapped().into(), now), Err(wait(1)));
}

#[test]
fn a_code_is_used_up_by_success_and_given_back_by_a_cut() {
    let now = any_time();
    let account = CodeAccount::new(code(), Rights::ALL, Uses::Times(NonZeroU32::new(2).expect("2")));
    let proof = |key| account.begin(HOME, now).expect("a run").prove(true, key, now);
    let Judgement::Right(first) = proof(None) else { panic!("right") };
    let Judgement::Right(second) = proof(None) else { panic!("right") };
    // Both uses are reserved.
    assert!(matches!(proof(None), Judgement::NotNow(NotNow { reason: Reason::Wait, .. })));
    drop(first);
    let Judgement::Right(third) = proof(None) else { panic!("right") };
    third.succeeded();
    assert!(!account.is_used_up());
    second.succeeded();
    assert!(account.is_used_up());
    assert_eq!(account.begin(HOME, now).map(drop), Err(over(Reason::CodeUsed)));
}

#[test]
fn of_two_right_codes_at_once_the_second_waits() {
    let now = any_time();
    let account = CodeAccount::new(code(), Rights::ALL, once());
    let (one, two) = (account.begin(at(1), now).expect("a run"), account.begin(at(2), now).expect("a run"));
    let Judgement::Right(used) = one.prove(true, Some(Pin([1; 32])), now) else { panic!("right") };
    let proof = two.prove(true, Some(Pin([2; 32])), now);
    assert!(matches!(proof, Judgement::NotNow(NotNow { reason: Reason::Wait, seconds: 5 })), "{proof:?}");
    // The same client again, before the server knows that it was cut off.
    let again = account.begin(at(1), now).expect("a run").prove(true, Some(Pin([1; 32])), now);
    let Judgement::Right(again) = again else { panic!("right") };
    drop(used);
    let third = account.begin(at(2), now).expect("a run").prove(true, Some(Pin([2; 32])), now);
    assert!(matches!(third, Judgement::NotNow(_)), "what was taken over is not given back");
    again.succeeded();
    assert!(account.is_used_up());
}

#[test]
fn a_run_that_ends_without_a_proof_counts_for_nothing() {
    let now = any_time();
    let account = CodeAccount::new(code(), Rights::ALL, once());
    for other in 0..1000 {
        drop(account.begin(at(other), now).expect("room"));
    }
    assert_eq!(account.wrong_proofs(), 0);
    assert!(!format!("{account:?}").contains("violin"));
}

proptest! {
    /// Whatever happens: no more wrong proofs than 100, no more successes than uses, and the account stays small.
    #[test]
    fn bounds_hold(uses in 1u32..4, steps in prop::collection::vec((0u8..6, 0u16..6, 0u8..4), 0..400)) {
        let mut guesses = Guesses::new(Uses::Times(NonZeroU32::new(uses).expect("some")));
        let (mut now, mut runs, mut used, mut wrong, mut successes) = (any_time(), vec![], vec![], 0, 0);
        for (step, source, pick) in steps {
            let pick = usize::from(pick);
            match step {
                0 | 1 => runs.extend(guesses.begin(at(source), now)),
                2 if !runs.is_empty() => guesses.end(runs.remove(pick % runs.len())),
                3 | 4 if !runs.is_empty() => {
                    let key = (source < 3).then_some([source as u8; 32]);
                    match guesses.prove(runs.remove(pick % runs.len()), step == 3, key.map(Pin), now) {
                        Judgement::Right(number) => used.push(number),
                        Judgement::Wrong(answer_at) => {
                            wrong += 1;
                            prop_assert!(answer_at >= now + SECOND && answer_at <= now + MAX_ANSWER_DELAY);
                        }
                        Judgement::NotNow(_) => {}
                    }
                }
                5 if !used.is_empty() => {
                    let number = used.remove(pick % used.len());
                    match source % 2 {
                        0 => guesses.succeed(number),
                        _ => guesses.give_back(number),
                    }
                    successes += u32::from(source % 2 == 0);
                }
                _ => now += SECOND * u32::from(source),
            }
            prop_assert_eq!(guesses.wrong_proofs(), wrong);
            prop_assert!(wrong <= MAX_WRONG_PROOFS);
            prop_assert_eq!(guesses.is_used_up(), successes >= uses);
        }
    }
}
