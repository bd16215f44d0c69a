//! Answers, paths and preferences.

use crate::proto::http::{
    MediaType, Persistence, Response, is_field_name, is_field_value, path, preferred, preferred_of,
};

#[test]
fn an_answer_is_written_in_each_of_its_forms() {
    let mut answer = Response::new(200, &[("Content-Type", "text/plain")], b"hello\n");
    answer.set_date("Sun, 06 Nov 1994 08:49:37 GMT");
    let written = |persistence, is_for_head| {
        let mut out = Vec::new();
        assert!(answer.write(&mut out, persistence, is_for_head).is_none());
        String::from_utf8(out).unwrap()
    };
    let head = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n";
    assert_eq!(written(Persistence::Stays, false), format!("{head}\r\nhello\n"));
    assert_eq!(written(Persistence::Stays, true), format!("{head}\r\n"));
    assert_eq!(written(Persistence::Closes, false), format!("{head}Connection: close\r\n\r\nhello\n"));
    assert_eq!(written(Persistence::SaysStays, true), format!("{head}Connection: keep-alive\r\n\r\n"));
}

#[test]
fn some_statuses_have_no_body() {
    let none: &[(&str, &str)] = &[];
    let written = |status| {
        let mut out = Vec::new();
        assert!(Response::new(status, none, b"x").write(&mut out, Persistence::Stays, false).is_none());
        String::from_utf8(out).unwrap()
    };
    assert!(written(200).ends_with("Content-Length: 1\r\n\r\nx"));
    assert!(written(205).ends_with("Content-Length: 0\r\n\r\n"));
    for status in [204, 304] {
        let text = written(status);
        assert!(text.ends_with("GMT\r\n\r\n") && !text.contains("Length"), "{text}");
    }
}

#[test]
fn a_large_body_is_handed_over_and_not_copied() {
    let none: &[(&str, &str)] = &[];
    let answer = Response::new(200, none, &[7; 100_000]);
    let mut out = Vec::new();
    let body = answer.write(&mut out, Persistence::Stays, false).unwrap();
    assert!(out.len() < 200 && out.ends_with(b"Content-Length: 100000\r\n\r\n"));
    assert_eq!((body.len(), answer.body_bytes()), (100_000, 100_000));
    assert!(answer.write(&mut out, Persistence::Stays, true).is_none());
}

#[test]
fn a_path_is_found_in_every_form_of_a_target() {
    for (target, expected) in [
        ("/", "/"),
        ("/a/b?c=/d", "/a/b"),
        ("/?", "/"),
        ("http://h", "/"),
        ("http://h?x", "/"),
        ("HTTP://h:80/a?b", "/a"),
        ("*", "*"),
        ("/http://h/x", "/http://h/x"),
    ] {
        assert_eq!(path(target), expected, "{target}");
    }
}

#[test]
fn the_preferred_form_is_found() {
    let of = |accept: &[&str]| preferred(accept.iter().map(|value| value.as_bytes()));
    // Nothing, curl, browsers, fetch with axios.
    assert_eq!(of(&[]), MediaType::Text);
    assert_eq!(of(&["*/*"]), MediaType::Text);
    assert_eq!(of(&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]), MediaType::Html);
    assert_eq!(of(&["application/json, text/plain, */*"]), MediaType::Json);
    assert_eq!(of(&["application/json"]), MediaType::Json);
    assert_eq!(of(&["Application/JSON;charset=utf-8"]), MediaType::Json);
    assert_eq!(of(&["text/html;q=0.5, application/json;q=0.6"]), MediaType::Json);
    assert_eq!(of(&["text/plain;q=0.2", "text/html;q=0.4"]), MediaType::Html);
    assert_eq!(of(&["text/*, text/plain;q=0"]), MediaType::Html);
    assert_eq!(of(&["application/*"]), MediaType::Json);
    assert_eq!(of(&["image/png"]), MediaType::Text);
    assert_eq!(of(&["text/html;q=0"]), MediaType::Text);
    assert_eq!(of(&["text/html;q=x, , /, ;"]), MediaType::Text);
    assert_eq!(of(&["text/html;q=NaN"]), MediaType::Text);
}

#[test]
fn the_first_form_is_the_default() {
    let of = |accept: &str| {
        preferred_of([MediaType::Html, MediaType::NdJson, MediaType::Text], [accept.as_bytes()].into_iter())
    };
    assert_eq!(of("*/*"), MediaType::Html);
    assert_eq!(of("application/json"), MediaType::Html);
    assert_eq!(of("application/x-ndjson"), MediaType::NdJson);
    assert_eq!(of("application/x-ndjson, */*;q=0.1"), MediaType::NdJson);
    assert_eq!(of("text/plain"), MediaType::Text);
    assert_eq!(of("text/*"), MediaType::Html);
}

#[test]
fn fields_are_checked() {
    assert!(is_field_name("X-A_b!1") && is_field_value(b"a \t b\xff") && is_field_value(b""));
    assert!(!is_field_name("") && !is_field_name("a b") && !is_field_name("a:"));
    for value in ["a\r\nb", "\0", "\x7f", " a", "a "] {
        assert!(!is_field_value(value.as_bytes()), "{value:?}");
    }
}
