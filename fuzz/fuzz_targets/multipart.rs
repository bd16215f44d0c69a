//! Forms, and what is none, in arbitrary pieces: they mean what they mean at once, and little is held.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sendall::proto::web::multipart::{MAX_PARTS, Multipart, MultipartEvent, MultipartFault, PartHead};

// The first byte is the size of pieces, the first line the `Content-Type`, without what all of them begin with.
fuzz_target!(|bytes: &[u8]| {
    let Some((&piece, bytes)) = bytes.split_first() else { return };
    let (kind, body) = bytes.split_at(bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len()));
    let body = body.get(1..).unwrap_or_default();
    let kind = [b"multipart/form-data; boundary=", kind].concat();
    let (Some(one), Some(other)) = (Multipart::of(&kind), Multipart::of(&kind)) else { return };
    let whole = parts(one, [body]);
    assert_eq!(parts(other, body.chunks(usize::from(piece).max(1))), whole);
    // A complete form names its boundary at its end.
    assert!(whole.1.is_err() || body.windows(2).any(|pair| pair == b"--"));
});

type Parts = (Vec<(PartHead, Vec<u8>, bool)>, Result<(), MultipartFault>);

fn parts<'p>(mut form: Multipart, pieces: impl IntoIterator<Item = &'p [u8]>) -> Parts {
    let mut parts: Vec<(PartHead, Vec<u8>, bool)> = Vec::new();
    // The last event may need no byte.
    for mut rest in pieces.into_iter().chain([&b""[..]]) {
        loop {
            let (used, event) = form.next_event(rest);
            rest = &rest[used..];
            match event {
                MultipartEvent::More => break,
                MultipartEvent::Skipped | MultipartEvent::End => {}
                MultipartEvent::Part(head) => parts.push((head, Vec::new(), false)),
                MultipartEvent::Data(data) => {
                    let part = parts.last_mut().expect("a part");
                    assert!(!data.is_empty() && !part.2);
                    part.1.extend_from_slice(data);
                }
                MultipartEvent::PartEnd => {
                    assert!(!std::mem::replace(&mut parts.last_mut().expect("a part").2, true));
                }
                MultipartEvent::Refused(fault) => {
                    assert_eq!(form.finish(), Err(fault));
                    return (parts, Err(fault));
                }
            }
        }
        assert!(rest.is_empty() && parts.len() <= MAX_PARTS);
    }
    let result = form.finish();
    assert!(result.is_err() || parts.iter().all(|part| part.2));
    (parts, result)
}
