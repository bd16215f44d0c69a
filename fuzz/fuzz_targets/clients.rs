//! Arbitrary lists of clients.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::secure::Rights;
use sendall::proto::secure::clients::{Clients, line};
use sendall::proto::secure::pin::Pin;

fuzz_target!(|list: &[u8]| {
    let pin = Pin([7; 32]);
    let paired = line(pin, Rights::STORE, &String::from_utf8_lossy(list));
    assert_eq!(Clients::parse(paired.as_bytes()).map(|clients| clients.len()), Ok(1));
    let Ok(clients) = Clients::parse(list) else { return };
    assert!(clients.len() <= list.iter().filter(|byte| **byte == b'\n').count());
    // Only the beginning of a file may have a byte order mark.
    let list = list.strip_prefix(b"\xef\xbb\xbf").unwrap_or(list);
    // Twice the same says the same.
    assert_eq!(Clients::parse(&[list, list].concat()).map(|twice| twice.len()), Ok(clients.len()));
    if clients.get(&pin).is_none() {
        let more = [list, paired.as_bytes()].concat();
        assert_eq!(Clients::parse(&more).map(|more| more.len()), Ok(clients.len() + 1));
    }
});
