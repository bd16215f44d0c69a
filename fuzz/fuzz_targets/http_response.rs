//! Answers of servers, nearly right, whole and in pieces; and where they lead.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::http::{
    HttpUrl, MAX_RESPONSE_HEAD_BYTES, ResponseEvent, ResponseFault, ResponseHead, ResponseReader,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((&piece, bytes)) = bytes.split_first() else { return };
    let whole = read([bytes]);
    assert_eq!(read(bytes.chunks(usize::from(piece).max(1))), whole);
    let base = HttpUrl::parse("https://a.example:1/b/c?d").expect("a URL");
    if let Some(url) = whole.0.and_then(|head| base.resolve(&head.location?).ok()) {
        assert!(url.target().starts_with('/') && url.target().bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(url.authority().bytes().all(|byte| byte.is_ascii_graphic()));
        assert_eq!(base.resolve(format!("{}{}", url.origin(), url.target()).as_bytes()), Ok(url));
    }
});

/// The head, the body, and true if the answer is complete.
fn read<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Option<ResponseHead>, Vec<u8>, Result<bool, ResponseFault>) {
    let (mut reader, mut held) = (ResponseReader::default(), Vec::new());
    let (mut head, mut body) = (None, Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            let used = match reader.next_event(&held) {
                Ok((_, ResponseEvent::More)) => break,
                Ok((used, ResponseEvent::Skipped)) => used,
                Ok((used, ResponseEvent::Head(found))) => {
                    head = Some(*found);
                    used
                }
                Ok((used, ResponseEvent::Body(part))) => {
                    body.extend_from_slice(part);
                    used
                }
                Ok((_, ResponseEvent::End)) => return (head, body, Ok(true)),
                Err(fault) => return (head, body, Err(fault)),
            };
            held.drain(..used);
        }
        assert!(held.len() < MAX_RESPONSE_HEAD_BYTES);
    }
    (head, body, reader.end().map(|()| true))
}
