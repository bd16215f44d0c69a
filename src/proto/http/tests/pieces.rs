//! The meaning of a request does not depend on the pieces in which it arrives.

use proptest::prelude::*;

use super::corpus::{Case, MAX_BODY_BYTES, corpus};
use crate::proto::http::{ErrorStatus, Exchange, Method, ParseEvent, no_fields};

/// More than any input that is held back.
const MAX_HELD_BYTES: usize = 17 << 10;

/// A server with one answer: its statuses, and whether it continues.
#[derive(Debug, PartialEq)]
struct Outcome {
    statuses: Vec<u16>,
    stays: bool,
    body: Vec<u8>,
}

fn serve<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    let mut exchange = Exchange::new(MAX_BODY_BYTES);
    let mut outcome = Outcome { statuses: Vec::new(), stays: true, body: Vec::new() };
    let (mut held, mut due, mut keeps_alive) = (Vec::new(), 0, true);
    for piece in pieces {
        held.extend_from_slice(piece);
        let mut taken = 0;
        while outcome.stays {
            let mut fields = no_fields();
            let mut again = no_fields();
            let (mut used, step) = exchange.next_event(&held[taken..], &mut fields);
            let anew;
            let step = match step {
                ParseEvent::Rewritten(found) => {
                    anew = found;
                    let (used_anew, step) = exchange.next_event(&anew.bytes, &mut again);
                    match step {
                        ParseEvent::Head(head) if anew.has_bare_line_feeds && head.has_body => {
                            ParseEvent::Refused(ErrorStatus(400))
                        }
                        ParseEvent::Head(mut head) => {
                            head.keeps_alive &= !anew.has_bare_line_feeds;
                            used = anew.used.unwrap_or(used_anew);
                            ParseEvent::Head(head)
                        }
                        other => other,
                    }
                }
                other => other,
            };
            taken += used;
            let is_whole = match step {
                ParseEvent::More => break,
                ParseEvent::Skipped => false,
                ParseEvent::Rewritten(_) => panic!("twice"),
                ParseEvent::Head(head) => {
                    due = match head.method {
                        Method::Answered | Method::Head => 200,
                        Method::Options => 204,
                        Method::Unknown => 501,
                    };
                    keeps_alive = head.keeps_alive;
                    if head.expects_continue {
                        outcome.statuses.push(100);
                    }
                    !head.has_body
                }
                ParseEvent::Body(part) => {
                    outcome.body.extend_from_slice(part);
                    false
                }
                ParseEvent::End => true,
                ParseEvent::Refused(refusal) => {
                    outcome.statuses.push(refusal.0);
                    outcome.stays = false;
                    false
                }
            };
            if is_whole {
                outcome.statuses.push(due);
                outcome.stays = keeps_alive;
            }
        }
        held.drain(..taken);
        assert!(held.len() <= MAX_HELD_BYTES || !outcome.stays, "{} bytes are held", held.len());
    }
    outcome
}

fn check(case: &Case, outcome: &Outcome, how: &str) {
    assert_eq!(outcome.statuses, case.statuses, "{}, {how}", case.name);
    assert_eq!(outcome.stays, case.stays, "{}, {how}", case.name);
}

#[test]
fn every_case_is_answered_alike_at_once_cut_at_every_byte_and_in_small_pieces() {
    let cases = corpus();
    assert!(cases.len() >= 120, "{}", cases.len());
    for case in &cases {
        let whole = serve([&case.raw[..]]);
        check(case, &whole, "at once");
        // Those of thousands of bytes around their limits, where it matters.
        let is_near = |cut: &usize| *cut < 250 || case.raw.len() - cut < 50 || (8180..8290).contains(cut);
        for cut in (0..=case.raw.len()).filter(is_near) {
            let (first, second) = case.raw.split_at(cut);
            assert_eq!(serve([first, second]), whole, "{}, cut at {cut}", case.name);
        }
        for size in 1..=3 {
            assert_eq!(serve(case.raw.chunks(size)), whole, "{}, in pieces of {size}", case.name);
        }
    }
}

#[test]
fn names_are_distinguished() {
    let mut names: Vec<_> = corpus().iter().map(|case| case.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn bodies_come_whole() {
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\n\r\n";
    assert_eq!(serve(chunked.chunks(2)).body, b"abc0123456789");
    let counted =
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\na\r\nbGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(serve(counted.chunks(3)).body, b"a\r\nb");
}

/// Pieces of requests, in any order.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\n",
        b"Host: a\r\n",
        b"\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"abc",
        b"\n",
        b"\r",
        b";x",
        b" ",
        b":",
        b"HTTP/1.0\r\n",
        b"POST ",
        b"/",
        b"Expect: 100-continue\r\n",
        b"Connection: close\r\n",
        b"\0",
        b"HTTP/2",
    ];
    let known = proptest::sample::select(known.to_vec()).prop_map(<[u8]>::to_vec);
    let any = proptest::collection::vec(any::<u8>(), 0..4);
    proptest::collection::vec(prop_oneof![9 => known, 1 => any], 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_bytes_mean_the_same_in_any_pieces(bytes in fragments(), size in 1_usize..40) {
        let whole = serve([&bytes[..]]);
        prop_assert_eq!(serve(bytes.chunks(size)), whole);
    }
}
