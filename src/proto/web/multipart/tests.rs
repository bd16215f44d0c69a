//! Forms as clients send them, forms that nobody should send, and any form in pieces of any size.

use super::*;
use proptest::prelude::*;

const TYPE: &[u8] = b"multipart/form-data; boundary=x0x";

/// A part: its name, its file's name, its content, and whether it was complete.
type Part = (Vec<u8>, Option<Vec<u8>>, Vec<u8>, bool);

/// Parses pieces of a body as a caller would: at most `piece` bytes at a time.
fn parse(content_type: &[u8], body: &[u8], piece: usize) -> (Vec<Part>, Result<(), MultipartFault>) {
    let mut form = Multipart::of(content_type).expect("a form with files");
    let (mut parts, mut is_over) = (Vec::<Part>::new(), false);
    for mut rest in body.chunks(piece.max(1)) {
        loop {
            let (used, event) = form.next_event(rest);
            rest = &rest[used..];
            match event {
                MultipartEvent::More => break,
                MultipartEvent::Skipped => {}
                MultipartEvent::Part(head) => parts.push((head.name, head.filename, Vec::new(), false)),
                MultipartEvent::Data(data) => {
                    assert!(!data.is_empty());
                    parts.last_mut().expect("a part").2.extend_from_slice(data);
                }
                MultipartEvent::PartEnd => parts.last_mut().expect("a part").3 = true,
                MultipartEvent::End => assert!(!mem::replace(&mut is_over, true)),
                MultipartEvent::Refused(fault) => {
                    assert_eq!(form.next_event(b"x"), (0, MultipartEvent::Refused(fault)));
                    assert_eq!(form.finish(), Err(fault));
                    return (parts, Err(fault));
                }
            }
            assert!(form.held.len() <= MAX_HEAD_BYTES && form.held.capacity() <= 2 * MAX_HEAD_BYTES);
        }
        assert!(rest.is_empty());
    }
    // The last event may need no byte.
    while let (0, MultipartEvent::End | MultipartEvent::Skipped) = form.next_event(b"") {
        is_over = true;
    }
    let result = form.finish();
    assert_eq!(result.is_ok(), is_over);
    (parts, result)
}

/// Parses a body at once and in pieces of every size that matters.
fn parsed(body: &[u8]) -> (Vec<Part>, Result<(), MultipartFault>) {
    let whole = parse(TYPE, body, usize::MAX);
    for piece in 1..40 {
        assert_eq!(parse(TYPE, body, piece), whole, "{piece}: {}", body.escape_ascii());
    }
    whole
}

fn part(name: &str, filename: Option<&str>, content: &[u8]) -> Part {
    (name.into(), filename.map(Into::into), content.into(), true)
}

/// The names in one head.
fn names(disposition: &str) -> Result<(Vec<u8>, Option<Vec<u8>>), MultipartFault> {
    let body = format!("--x0x\r\nContent-Disposition: {disposition}\r\n\r\n\r\n--x0x--");
    let (mut parts, result) = parsed(body.as_bytes());
    result.map(|()| parts.pop().map(|part| (part.0, part.1)).expect("a part"))
}

#[test]
fn a_form_of_curl_is_read() {
    let body = b"--x0x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--x0x\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a b.txt\"\r\nContent-Type: text/plain\r\n\r\n\
        one\r\ntwo\n\r\n--x0x--\r\n";
    let parts = vec![part("note", None, b"hello"), part("file", Some("a b.txt"), b"one\r\ntwo\n")];
    assert_eq!(parsed(body), (parts, Ok(())));
}

#[test]
fn content_may_look_like_a_delimiter_for_long() {
    let head = b"--x0x\r\nContent-Disposition: form-data; name=f\r\n\r\n";
    for content in [
        &b""[..],
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r\r\n--x0",
        b"\r\n-",
        b"\r\n--",
        b"\r\n--x0",
        b"\r\n--x0\r\n--x0",
        b"\n--x0x--",
        b"-",
        b"--x0",
        b"\r\n--x1x--\r\n",
        b"\r\n--X0X--\r\n",
        b"\r\r\r",
        b"\r\n --x0x",
    ] {
        let body = [head, content, b"\r\n--x0x--"].concat();
        assert_eq!(parsed(&body), (vec![part("f", None, content)], Ok(())), "{}", content.escape_ascii());
    }
}

#[test]
fn what_stands_around_parts_is_skipped_while_it_is_short() {
    let part_of = b"--x0x \t\r\nContent-Disposition: form-data; name=f\r\n\r\n1\r\n--x0x--";
    let one = (vec![part("f", None, b"1")], Ok(()));
    for (before, after) in
        [(&b""[..], &b" \r\nbye\r\n--x0x\r\n"[..]), (b"\r\n", b""), (b"hello\r\n\r\n--x0\r\n", b"x")]
    {
        assert_eq!(parsed(&[before, part_of, after].concat()), one);
    }
    let long = vec![b'x'; 1100];
    assert_eq!(parsed(&[&long, &b"\r\n"[..], part_of].concat()), (vec![], Err(MultipartFault::Around)));
    assert_eq!(parsed(&[part_of, &long[..]].concat()), (one.0, Err(MultipartFault::Around)));
    // An empty form has no part, a part without content no line end of its own.
    assert_eq!(parsed(b"--x0x--\r\n"), (vec![], Ok(())));
    let empty = b"--x0x\r\nContent-Disposition: form-data; name=f\r\n\r\n--x0x--";
    assert_eq!(parsed(empty), (vec![part("f", None, b"")], Ok(())));
}

#[test]
fn a_body_that_is_cut_is_never_complete() {
    let body = b"--x0x\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n12345\r\n--x0x\r\n\
        Content-Disposition: form-data; name=g; filename=b\r\n\r\n67890\r\n--x0x--";
    let whole = parse(TYPE, body, usize::MAX).0;
    for length in 0..body.len() {
        let (parts, result) = parse(TYPE, &body[..length], 7);
        assert_eq!(result, Err(MultipartFault::Truncated), "{length}");
        // A part is complete only with all of its content.
        for (part, whole) in parts.iter().zip(&whole).filter(|(part, _)| part.3) {
            assert_eq!(part, whole);
        }
        assert!(parts.iter().filter(|part| part.3).count() < 2 && parts.len() <= 2);
    }
}

#[test]
fn faults_are_refused_in_pieces_of_any_size() {
    use MultipartFault::*;
    let disposition = "Content-Disposition: form-data; name=f\r\n";
    let fields = |fields: &str| format!("--x0x\r\n{fields}\r\n1\r\n--x0x--");
    for (body, fault) in [
        (String::new(), Truncated),
        ("--x0x".into(), Truncated),
        ("--x0x-".into(), Truncated),
        ("--x0xx\r\n".into(), Delimiter),
        ("--x0x-\r\n".into(), Delimiter),
        ("--x0x\n".into(), Delimiter),
        ("--x0x \r \n".into(), Delimiter),
        (format!("--x0x{}\r\n", " ".repeat(65)), Delimiter),
        (format!("--x0x\r\n{disposition}\r\na\r\n--x0xabc\r\n"), Delimiter),
        (fields(""), Head),
        (fields("Content-Type: text/plain\r\n"), Head),
        (fields(&[disposition, disposition].concat()), Head),
        (fields("Content-Disposition: form-data; name=f\n"), Truncated),
        (fields("Content-Disposition: form-data; name=f\nA: b\r\n"), Head),
        (fields("Content-Disposition: form-data;\r\n name=f\r\n"), Head),
        (fields("Content-Disposition : form-data; name=f\r\n"), Head),
        (fields("Content-Disposition: form-data; name=\"a\0b\"\r\n"), Head),
        (fields(&format!("{}{disposition}", "A: b\r\n".repeat(16))), Head),
        (fields(&format!("{disposition}A: {}\r\n", "b".repeat(8200))), HeadTooLarge),
        (fields(&format!("{disposition}Content-Transfer-Encoding: base64\r\n")), Coded),
    ] {
        let (parts, result) = parsed(body.as_bytes());
        assert_eq!(result, Err(fault), "{body}");
        assert!(parts.iter().all(|part| !part.3));
        let text = fault.to_string();
        assert!(fault.status() / 100 == 4 && (text.starts_with("a ") || text.starts_with("the ")));
    }
    assert!(
        parsed(fields(&format!("{disposition}content-transfer-encoding: Binary\r\n")).as_bytes()).1.is_ok()
    );
}

#[test]
fn parts_are_counted() {
    let one = "--x0x\r\nContent-Disposition: form-data; name=f\r\n\r\n\r\n";
    let many = one.repeat(MAX_PARTS);
    let (parts, result) = parse(TYPE, format!("{many}--x0x--").as_bytes(), 4096);
    assert!(parts.len() == MAX_PARTS && result.is_ok());
    let (parts, result) = parse(TYPE, format!("{many}{one}--x0x--").as_bytes(), 4096);
    assert_eq!((parts.len(), result), (MAX_PARTS, Err(MultipartFault::TooManyParts)));
}

#[test]
fn names_are_those_that_clients_mean() {
    for (disposition, name, filename) in [
        ("form-data; name=\"f\"; filename=\"a.txt\"", "f", Some("a.txt")),
        ("FORM-DATA;NAME=f;FILENAME=a.txt;", "f", Some("a.txt")),
        ("form-data; filename=\"a;b=c.txt\" ; name=\"n;\"", "n;", Some("a;b=c.txt")),
        ("form-data; name=f; filename=\"\"", "f", Some("")),
        // Browsers, Python and curl 7.81 escape quotes and line ends; older curls the quote alone.
        ("form-data; name=f; filename=\"%22a%22%0D%0a%25%41\"", "f", Some("\"a\"\r\n%25%41")),
        ("form-data; name=f; filename=\"a\\\"b\\c\"", "f", Some("a\"b\\c")),
        ("form-data; name=f; filename=\"sch\u{f6}n \u{1f600}.txt\"", "f", Some("sch\u{f6}n \u{1f600}.txt")),
        ("form-data; name=f; filename*=UTF-8''sch%C3%B6n", "f", Some("sch\u{f6}n")),
        ("form-data; name=f; x=y; filename=\"../../etc/passwd\"", "f", Some("../../etc/passwd")),
        ("form-data; name=f; filename=\"C:\\fakepath\\a\"", "f", Some("C:\\fakepath\\a")),
        ("form-data; name=f; filename=\"folder/sub/a\"", "f", Some("folder/sub/a")),
        ("form-data; name=\"\"", "", None),
    ] {
        assert_eq!(names(disposition), Ok((name.into(), filename.map(Into::into))), "{disposition}");
    }
    for wrong in [
        "",
        "form-data",
        "form-data; filename=a",
        "attachment; name=f",
        "form-data name=f",
        "form-data; name",
        "form-data; name=",
        "form-data; name=\"f",
        "form-data; name=\"f\\\"",
        "form-data; name=\"f\"x",
        "form-data; name=f; name=g",
        "form-data; name=f; filename=a; filename=b",
        "form-data; name=f; filename=a; filename*=UTF-8''b",
        "form-data; name=f; filename*=UTF-8''%ff",
        "form-data; name=f; filename*=latin1''a",
        "form-data; name=f; filename*=a",
        "form-data; na me=f",
        "form-data; name=f g\"",
        "form-data; name=f;; filename=a",
    ] {
        assert_eq!(names(wrong), Err(MultipartFault::Head), "{wrong}");
    }
}

#[test]
fn a_boundary_is_that_of_a_form() {
    let longest = format!("multipart/form-data; boundary={}", "a".repeat(70));
    for good in
        ["multipart/form-data;boundary=x", "Multipart/Form-Data; charset=utf-8; Boundary=\"a b:c\"", &longest]
    {
        assert!(Multipart::of(good.as_bytes()).is_some(), "{good}");
    }
    for bad in [
        "",
        "multipart/form-data",
        "multipart/form-data; charset=utf-8",
        "multipart/mixed; boundary=x",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\r\n\"",
        "multipart/form-data; boundary=a\\b",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=\"a",
        &format!("{longest}a"),
    ] {
        assert!(Multipart::of(bad.as_bytes()).is_none(), "{bad}");
    }
}

fn any_content() -> impl Strategy<Value = Vec<u8>> {
    // Pieces of delimiters rather than bytes of all kinds: they are what can go wrong.
    let piece = prop_oneof![
        Just(b"\r\n--x0x".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"--".to_vec()),
        Just(b"x0".to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn every_form_comes_out_as_it_went_in(
        contents in prop::collection::vec(any_content(), 0..4), piece in 1..64_usize, names in any::<[u16; 4]>()
    ) {
        let (mut body, mut expected) = (Vec::new(), Vec::new());
        for (content, name) in contents.into_iter().zip(names) {
            // Nobody may send a boundary that its content has.
            prop_assume!(memchr::memmem::find(&[b"\r\n", &content[..], b"\r\n"].concat(), b"\r\n--x0x").is_none());
            body.extend(format!("--x0x\r\nContent-Disposition: form-data; name=n; filename=\"{name}\"\r\n\r\n").bytes());
            body.extend_from_slice(&content);
            body.extend_from_slice(b"\r\n");
            expected.push(part("n", Some(&name.to_string()), &content));
        }
        body.extend_from_slice(b"--x0x--\r\n");
        prop_assert_eq!(parse(TYPE, &body, piece), (expected, Ok(())));
    }

    #[test]
    fn any_bytes_mean_the_same_in_pieces_of_any_size(body in any_content(), head: bool, piece in 1..64_usize) {
        let before: &[u8] = if head { b"--x0x\r\nContent-Disposition: form-data; name=f\r\n\r\n" } else { b"" };
        let body = [before, &body].concat();
        prop_assert_eq!(parse(TYPE, &body, piece), parse(TYPE, &body, usize::MAX));
    }
}
