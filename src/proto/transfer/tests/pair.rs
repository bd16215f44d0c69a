//! The two machines against each other, in memory, in deliveries of any size, in rounds and in streams.

use proptest::prelude::*;

use super::sides::{Case, ReceiveSide, SendSide, Source, There, What};
use crate::proto::transfer::outcome::EntryOutcome;
use crate::proto::transfer::reason::Reason;

/// In rounds of so many entries, or in a stream.
type Rounds = Option<usize>;

impl Case {
    /// What becomes of it at the receiver.
    fn expected(&self) -> EntryOutcome {
        let failed = |reason: Reason| EntryOutcome::Failed(reason, String::new());
        match (self.source, &self.there) {
            (Source::NotOffered, _) => failed(Reason::NotFound),
            _ if matches!(self.what, What::Other(_)) => failed(Reason::NotRegular),
            (_, There::Refuses) => failed(Reason::NoSpace),
            (_, There::Whole(_)) if matches!(self.what, What::Unknown(_)) => failed(Reason::Exists),
            (Source::Changed, _) => failed(Reason::Changed),
            (Source::Unreadable, _) => failed(Reason::Unreadable),
            (_, There::GivesUp | There::CannotCommit) => failed(Reason::Unwritable),
            (_, There::Whole(kept)) if kept == self.content() => EntryOutcome::AlreadyThere,
            (_, There::Whole(_)) => failed(Reason::Exists),
            _ => EntryOutcome::Done,
        }
    }

    fn check(&self, rounds: Rounds, there: &EntryOutcome, here: &EntryOutcome) {
        let expected = self.expected();
        let same = |a: &EntryOutcome, b: &EntryOutcome| match (a, b) {
            (EntryOutcome::Failed(a, _), EntryOutcome::Failed(b, _)) => a == b,
            (a, b) => a == b,
        };
        // In a stream the sender may have found it unreadable before it hears that it is refused.
        let is_torn = rounds.is_none() && matches!(self.source, Source::Changed | Source::Unreadable);
        assert!(
            same(here, &expected) || (is_torn && here.is_failed() && expected.is_failed()),
            "{rounds:?} {self:?}: {here:?}"
        );
        // In a stream the sender does not hear that it was there.
        let is_unheard = rounds.is_none() && *here == EntryOutcome::AlreadyThere;
        let heard = if is_unheard { &EntryOutcome::Done } else { here };
        assert!(same(there, heard), "{rounds:?} {self:?}: {there:?}, {here:?}");
    }
}

/// Runs a session, and says how many bytes of bodies were sent.
fn run(cases: &[Case], rounds: Rounds, delivery: usize, chunk: u32) -> u64 {
    let wanted = (0..).zip(cases).map(|(index, case)| case.entry(index).path).collect();
    let receiver = super::samples::receiver(cases.len() as u32, Some(wanted), rounds.is_none());
    let mut sender = SendSide::new(cases, rounds, chunk, delivery.saturating_mul(3));
    let mut receiver = ReceiveSide::new(cases, receiver);
    loop {
        let finished = (sender.advance(), receiver.advance());
        let out = sender.output.len().min(delivery);
        receiver.input.extend(sender.output.drain(..out));
        let back = receiver.output.len().min(delivery);
        sender.input.extend(receiver.output.drain(..back));
        if out == 0 && back == 0 {
            assert_eq!(finished, (true, true), "both wait: {rounds:?} {cases:?}");
            break;
        }
    }
    assert!(!sender.machine.awaiting_result());
    assert_eq!(sender.machine.sent_bytes(), receiver.machine.received_bytes());
    assert_eq!(receiver.machine.entry_count() as usize, cases.len());
    assert_eq!(receiver.heard.entries as usize, cases.len());
    assert!(receiver.heard.complete);
    assert_eq!((sender.closed.len(), receiver.closed.len()), (cases.len(), cases.len()));
    for (index, case) in (0..).zip(cases) {
        let (there, here) = (&sender.closed[&index], &receiver.closed[&index]);
        case.check(rounds, &there.outcome, &here.outcome);
        let entry = case.entry(index as usize);
        assert_eq!((&here.path, &here.kind), (&entry.path, &entry.kind));
        if here.outcome == EntryOutcome::Done {
            let size = case.content().len() as u64;
            assert_eq!((there.size, here.size), (size, size), "{case:?}");
        }
    }
    sender.machine.sent_bytes()
}

const SOURCES: [Source; 4] = [Source::Fine, Source::Changed, Source::Unreadable, Source::NotOffered];
const DELIVERIES: [usize; 5] = [1, 2, 3, 25, usize::MAX];

fn all_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [0usize, 1, 2, 5, 40] {
        let content: Vec<u8> = (0..size as u8).collect();
        let mut theres = vec![There::Nothing, There::Refuses, There::GivesUp, There::CannotCommit];
        theres.push(There::Whole(content.clone()));
        for part in [1, size / 2, size.saturating_sub(1), size] {
            if part > 0 && part <= size {
                theres.push(There::Part(content[..part].to_vec()));
                theres.push(There::Part(vec![b'?'; part]));
            }
        }
        if size > 0 {
            theres.push(There::Whole(vec![b'?'; size]));
        }
        for there in theres {
            for source in SOURCES {
                let there = there.clone();
                cases.push(Case { what: What::File(content.clone()), source, there: there.clone() });
                cases.push(Case { what: What::Unknown(content.clone()), source, there });
            }
        }
    }
    for source in SOURCES {
        cases.push(Case { what: What::Other(vec![1, 2, 3]), source, there: There::Nothing });
    }
    for what in [What::Folder, What::Link] {
        for there in [There::Nothing, There::CannotCommit] {
            cases.push(Case { what: what.clone(), source: Source::Fine, there });
        }
    }
    cases
}

fn fine(what: What) -> Case {
    Case { what, source: Source::Fine, there: There::Nothing }
}

#[test]
fn each_case_alone_in_deliveries_of_any_size() {
    for case in all_cases() {
        for delivery in DELIVERIES {
            for rounds in [None, Some(1), Some(4096)] {
                run(std::slice::from_ref(&case), rounds, delivery, 7);
            }
        }
    }
}

#[test]
fn all_cases_in_one_session_and_no_case_at_all() {
    let cases = all_cases();
    for delivery in DELIVERIES {
        for rounds in [None, Some(1), Some(5), Some(cases.len()), Some(4096)] {
            run(&cases, rounds, delivery, 3);
            run(&[], rounds, delivery, 3);
        }
    }
}

#[test]
fn rounds_in_which_nothing_is_asked_or_sent() {
    let folders = vec![fine(What::Folder); 9];
    let not_offered = Case { source: Source::NotOffered, ..fine(What::Folder) };
    let refused = Case { there: There::Refuses, ..fine(What::File(vec![1])) };
    for cases in [folders, vec![not_offered; 9], vec![refused; 9]] {
        for rounds in [None, Some(3), Some(4)] {
            assert_eq!(run(&cases, rounds, 9, 1), if rounds.is_none() && cases[0].is_sent() { 9 } else { 0 });
        }
    }
}

#[test]
fn what_is_there_is_not_sent_again_but_in_a_stream() {
    let content: Vec<u8> = (0..40).collect();
    for (there, missing) in [
        (There::Whole(content.clone()), 0),
        (There::Part(content.clone()), 0),
        (There::Part(content[..30].to_vec()), 10),
        (There::Part(vec![b'?'; 30]), 40),
        (There::Refuses, 0),
        (There::GivesUp, 40),
    ] {
        let case = Case { there, ..fine(What::File(content.clone())) };
        assert_eq!(run(std::slice::from_ref(&case), Some(1), 9, 7), missing, "{case:?}");
        assert_eq!(run(std::slice::from_ref(&case), None, 9, 7), 40, "{case:?}");
    }
}

#[test]
fn a_stream_stops_a_long_file_that_is_refused() {
    let refused = |what| Case { there: There::Refuses, ..fine(what) };
    let (small, large) = (vec![1; 4000], vec![1; 1 << 20]);
    assert!(run(&[refused(What::Unknown(small.clone())), fine(What::Folder)], None, 100, 50) < 1000);
    assert!(run(&[refused(What::File(large)), fine(What::Link)], None, 10_000, 1000) < 100_000);
    assert_eq!(run(&[refused(What::File(small))], None, 100, 50), 4000, "and not a short one");
}

#[test]
fn more_failures_than_one_result_holds_all_arrive() {
    let cannot = Case { there: There::CannotCommit, ..fine(What::File(vec![1])) };
    let mut cases = vec![cannot; 9_999];
    cases.push(fine(What::File(vec![1])));
    cases.push(Case { there: There::CannotCommit, ..fine(What::Folder) });
    for rounds in [None, Some(4096)] {
        run(&cases, rounds, 1 << 20, 1);
    }
}

#[test]
fn large_bodies_are_acknowledged_and_cut_into_frames() {
    let content = vec![3; (17 << 20) + 1];
    for what in [What::File(content.clone()), What::Unknown(content)] {
        run(&[fine(what)], Some(1), 32 << 20, u32::MAX);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_cases_in_any_order(
        cases in prop::collection::vec(prop::sample::select(all_cases()), 0..20),
        rounds in prop::option::weighted(0.7, 1..8_usize),
        delivery in prop_oneof![1..4usize, 4..200usize, Just(usize::MAX)],
        chunk in 1..50u32,
    ) {
        run(&cases, rounds, delivery, chunk);
    }
}
