//! Arbitrary lists of known hosts. Its first line, up to a space, is a host that is looked for, too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::secure::known::{How, Known, line, lookup};
use sendall::proto::secure::pin::Pin;

fuzz_target!(|list: &[u8]| {
    let first = list.split(|byte| b" \n".contains(byte)).next().unwrap_or_default();
    let first = str::from_utf8(first).unwrap_or_default();
    let (first, port) = first.rsplit_once(':').unwrap_or((first, "7255"));
    let port = port.parse().unwrap_or(7255);
    for host in [first.trim_matches(['[', ']']), "a.example", "192.0.2.1", "2001:db8::1"] {
        let pin = Pin([7; 32]);
        match (lookup(list, host, port), line(host, port, pin, "now", How::Code)) {
            // A host that is not there yet can be added, and is found then.
            (Ok(None), Ok(line)) => {
                let list = [list, b"\n", line.as_bytes()].concat();
                let number = list.iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(lookup(&list, host, port), Ok(Some(Known { pin, line: number })));
            }
            (Ok(Some(known)), _) => {
                let said = list.split(|byte| *byte == b'\n').nth(known.line - 1).expect("the line");
                assert_eq!(lookup(said, host, port), Ok(Some(Known { line: 1, ..known })));
            }
            _ => {}
        }
    }
});
