//! Requests of the corpus and arbitrary bytes behind them, in arbitrary pieces: they mean what they mean at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::http::{Exchange, ParseEvent, no_fields, path, preferred};

// What is due is for the tests.
#[allow(dead_code)]
#[path = "../../src/proto/http/tests/corpus.rs"]
mod corpus;

fuzz_target!(
    init: plant(),
    |bytes: &[u8]| {
        let Some((&piece, bytes)) = bytes.split_first() else { return };
        assert_eq!(serve(bytes.chunks(usize::from(piece).max(1))), serve([bytes]));
    }
);

/// Lays the corpus into the first folder of the command line, so that a run begins with it.
fn plant() {
    let Some(folder) = std::env::args().skip(1).find(|word| !word.starts_with('-')) else { return };
    for (case, number) in corpus::corpus().iter().zip(0..) {
        let seed = [&[if case.stays { 7 } else { 1 }], &case.raw[..]].concat();
        // Without it the run begins with less.
        let _ = std::fs::write(format!("{folder}/corpus-{number:03}"), seed);
    }
}

/// What came of some pieces: how many requests, the bodies, and the refusal.
fn serve<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (u32, Vec<u8>, Option<u16>) {
    let (mut exchange, mut held) = (Exchange::new(corpus::MAX_BODY_BYTES), Vec::new());
    let (mut requests, mut body) = (0, Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            let mut fields = no_fields();
            let (used, step) = exchange.next_event(&held, &mut fields);
            match step {
                ParseEvent::More => break,
                ParseEvent::Skipped | ParseEvent::End => {}
                ParseEvent::Head(head) => {
                    requests += 1;
                    assert!(head.fields.len() <= 100 && !path(head.target).contains('?'));
                    preferred(head.fields.iter().map(|field| field.value));
                }
                ParseEvent::Body(part) => body.extend_from_slice(part),
                ParseEvent::Rewritten(rewritten) => {
                    let mut fields = no_fields();
                    let (used, step) = exchange.next_event(&rewritten.bytes, &mut fields);
                    match step {
                        ParseEvent::More => break,
                        ParseEvent::Head(head) => {
                            requests += 1;
                            let has_body = rewritten.has_bare_line_feeds && head.has_body;
                            held.drain(..rewritten.used.unwrap_or(used));
                            if has_body {
                                return (requests, body, Some(400));
                            }
                        }
                        ParseEvent::Refused(why) => return (requests, body, Some(why.0)),
                        other => panic!("{other:?}"),
                    }
                    continue;
                }
                ParseEvent::Refused(why) => return (requests, body, Some(why.0)),
            }
            held.drain(..used);
        }
        assert!(held.len() <= 17 << 10);
    }
    (requests, body, None)
}
