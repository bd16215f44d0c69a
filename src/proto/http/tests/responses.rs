//! Answers as a client reads them: each case means the same in any pieces.

use proptest::prelude::*;

use crate::proto::http::{
    ContentRange, MAX_RESPONSE_HEAD_BYTES, ResponseEvent, ResponseFault, ResponseHead, ResponseLength,
    ResponseReader,
};

/// The head, the body, and how it ended: true for an answer that is complete.
type Outcome = (Option<ResponseHead>, Vec<u8>, Result<bool, ResponseFault>);

/// Reads pieces; `ends`: the connection ends after them.
fn read<'p>(pieces: impl IntoIterator<Item = &'p [u8]>, ends: bool) -> Outcome {
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
        assert!(held.len() < MAX_RESPONSE_HEAD_BYTES, "{} bytes are held", held.len());
    }
    let result = if ends { reader.end().map(|()| true) } else { Ok(false) };
    (head, body, result)
}

/// Reads text at once and in pieces, after which the connection ends.
fn read_text(text: &str) -> Outcome {
    let whole = read([text.as_bytes()], true);
    for size in 1..=3 {
        assert_eq!(read(text.as_bytes().chunks(size), true), whole, "{text} in pieces of {size}");
    }
    whole
}

#[test]
fn bodies_end_where_their_head_says() {
    for (text, body, result) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "abc", Ok(true)),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", Ok(true)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "abc", Ok(true)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "ab", Err(ResponseFault::Cut)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc", Ok(true)),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
            "abc",
            Err(ResponseFault::Cut),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd",
            "abc",
            Err(ResponseFault::Malformed),
        ),
        ("HTTP/1.0 200 OK\r\n\r\nall of it", "all of it", Ok(true)),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
            "",
            Ok(true),
        ),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", Ok(true)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", "", Err(ResponseFault::Cut)),
        ("", "", Err(ResponseFault::Cut)),
    ] {
        let (_, got, ended) = read_text(text);
        assert_eq!((String::from_utf8_lossy(&got).as_ref(), ended), (body, result), "{text}");
    }
}

#[test]
fn what_may_mean_two_things_is_refused() {
    use ResponseFault::{Coding, Malformed, NotHttp, TooLong};
    for (text, fault) in [
        ("SSH-2.0-x\r\n", NotHttp),
        ("HTTP/2 200\r\n\r\n", NotHttp),
        ("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n", Malformed),
        ("HTTP/1.1 099 OK\r\n\r\n", Malformed),
        ("HTTP/1.1 2000 OK\r\n\r\n", Malformed),
        ("HTTP/1.1 101 OK\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nETag: \"b\"\r\n\r\n", Malformed),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Coding),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Coding),
        ("HTTP/1.1 206 P\r\nContent-Range: bytes 5-4/9\r\n\r\n", Malformed),
        ("HTTP/1.1 206 P\r\nContent-Range: bytes 0-9/9\r\n\r\n", Malformed),
        ("HTTP/1.1 206 P\r\nContent-Range: bytes 0-18446744073709551615/*\r\n\r\n", Malformed),
    ] {
        assert_eq!(read_text(text).2, Err(fault), "{text}");
    }
    let interim = "HTTP/1.1 100 C\r\n\r\n".repeat(9);
    assert_eq!(read_text(&interim).2, Err(TooLong));
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(MAX_RESPONSE_HEAD_BYTES));
    assert_eq!(read([long.as_bytes()], true).2, Err(TooLong));
    assert_eq!(read(long.as_bytes().chunks(999), true).2, Err(TooLong));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101));
    assert_eq!(read([many.as_bytes()], true).2, Err(TooLong));
}

#[test]
fn the_fields_that_matter_are_found() {
    let head = |fields: &str| read_text(&format!("HTTP/1.1 206 P\r\n{fields}\r\n")).0.unwrap();
    let found = head(
        "content-length: 5\r\nETAG: \"x-1\" \r\nContent-Range: bytes 5-9/20\r\nLocation: /a b\r\n\
         Last-Modified: Sun\r\nContent-Encoding: identity, gzip\r\n",
    );
    assert_eq!(found.length, ResponseLength::Counted(5));
    assert_eq!(found.strong_etag.as_deref(), Some("\"x-1\""));
    assert_eq!(found.content_range, Some(ContentRange { range: Some((5, 10)), size: Some(20) }));
    assert_eq!(found.location.as_deref(), Some(&b"/a b"[..]));
    assert_eq!((found.last_modified.as_deref(), found.coding.as_deref()), (Some("Sun"), Some("gzip")));
    assert!(found.keeps_alive && !head("Connection: x, Close\r\nContent-Length: 0\r\n").keeps_alive);
    assert!(!head("").keeps_alive, "its body ends with the connection");
    for weak in ["W/\"a\"", "\"a", "a", "\"a\"b\"", "\"a b\"", "\""] {
        assert_eq!(head(&format!("ETag: {weak}\r\nContent-Length: 0\r\n")).strong_etag, None, "{weak}");
    }
    let unknown = head("Content-Range: bytes */20\r\nContent-Length: 0\r\n").content_range;
    assert_eq!(unknown, Some(ContentRange { range: None, size: Some(20) }));
}

/// Pieces of answers, in any order.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 C\r\n",
        b"HTTP/1.0 206 P\r\n",
        b"\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Range: bytes 0-2/3\r\n",
        b"ETag: \"a\"\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"abc",
        b"\n",
        b"\r",
        b":",
        b" ",
    ];
    let known = proptest::sample::select(known.to_vec()).prop_map(<[u8]>::to_vec);
    let any = proptest::collection::vec(any::<u8>(), 0..4);
    proptest::collection::vec(prop_oneof![9 => known, 1 => any], 0..16).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_bytes_mean_the_same_in_any_pieces(bytes in fragments(), begins: bool, size in 1_usize..40) {
        let bytes = if begins { [b"HTTP/1.1 200 OK\r\n", &bytes[..]].concat() } else { bytes };
        let whole = read([&bytes[..]], true);
        prop_assert_eq!(read(bytes.chunks(size), true), whole);
    }
}
