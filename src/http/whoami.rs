//! `--whoami`: the request, as text, JSON or a page. Everything in it that comes from a client is escaped.

use std::fmt::Write;

use serde::Serialize;

use crate::proto::http::{MediaType, RequestHead, preferred, values};
use crate::report::{escape, escape_bytes};

/// The two addresses of a connection.
pub(crate) struct ConnectionAddresses {
    pub(crate) peer: String,
    pub(crate) local: String,
}

/// A request, escaped.
#[derive(Serialize)]
struct EchoedRequest {
    host: String,
    peer: String,
    local: String,
    method: String,
    target: String,
    version: String,
    headers: Vec<Field>,
}

#[derive(Serialize)]
struct Field {
    name: String,
    value: String,
}

/// Returns the header fields and the body in the media type that the client prefers.
pub(crate) fn page(
    head: &RequestHead<'_, '_>,
    addresses: &ConnectionAddresses,
    host: &str,
) -> (&'static [(&'static str, &'static str)], String) {
    let field =
        |field: &httparse::Header<'_>| Field { name: escape(field.name), value: escape_bytes(field.value) };
    let request = EchoedRequest {
        host: escape(host),
        peer: escape(&addresses.peer),
        local: escape(&addresses.local),
        method: escape(head.method_text),
        target: escape(head.target),
        version: format!("HTTP/1.{}", head.minor),
        headers: head.fields.iter().map(field).collect(),
    };
    match preferred(values(head.fields, "accept")) {
        MediaType::Text | MediaType::NdJson => (TEXT, text(&request)),
        // No field can fail to be written.
        MediaType::Json => (JSON, serde_json::to_string_pretty(&request).unwrap_or_default() + "\n"),
        MediaType::Html => (HTML, html(&request)),
    }
}

const NOSNIFF: (&str, &str) = ("X-Content-Type-Options", "nosniff");
const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");
const VARY: (&str, &str) = ("Vary", "Accept");
const TEXT: &[(&str, &str)] = &[("Content-Type", "text/plain; charset=utf-8"), NOSNIFF, NO_STORE, VARY];
const JSON: &[(&str, &str)] = &[("Content-Type", "application/json"), NOSNIFF, NO_STORE, VARY];
/// The page loads nothing and runs nothing, even if something gets into it.
const HTML: &[(&str, &str)] = &[
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    NOSNIFF,
    NO_STORE,
    VARY,
];

fn text(request: &EchoedRequest) -> String {
    let mut text =
        format!("Host name: {}\nPeer: {}\nLocal: {}\n\n", request.host, request.peer, request.local);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} {} {}", request.method, request.target, request.version);
    for field in &request.headers {
        let _ = writeln!(text, "{}: {}", field.name, field.value);
    }
    text
}

fn html(request: &EchoedRequest) -> String {
    let mut rows = String::new();
    for field in &request.headers {
        let (name, value) = (harmless(&field.name), harmless(&field.value));
        let _ = writeln!(rows, "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>");
    }
    PAGE.replace("{host}", &harmless(&request.host))
        .replace("{peer}", &harmless(&request.peer))
        .replace("{local}", &harmless(&request.local))
        .replace("{version}", &request.version)
        .replace("{method}", &harmless(&request.method))
        // Last, because their text is a client's.
        .replace("{target}", &harmless(&request.target))
        .replace("{rows}", &rows)
}

/// Escapes text for HTML, also in attributes. Braces as well: the page has placeholders in braces.
fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            '{' => safe += "&#123;",
            '}' => safe += "&#125;",
            _ => safe.push(c),
        }
    }
    safe
}

const PAGE: &str = include_str!("whoami.html");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::http::{Exchange, ParseEvent, no_fields};

    fn page_of(request: &[u8]) -> (String, String) {
        let mut fields = no_fields();
        let (_, event) = Exchange::new(0).next_event(request, &mut fields);
        let ParseEvent::Head(head) = event else { panic!("{event:?}") };
        let addresses = ConnectionAddresses { peer: "192.0.2.1:5".into(), local: "192.0.2.2:80".into() };
        let (fields, body) = page(&head, &addresses, "box");
        (fields[0].1.into(), body)
    }

    const HOSTILE: &str = "X: </td><script>alert('1')</script>&amp; {rows} \" \u{202e}\r\n";

    #[test]
    fn text_is_what_arrived() {
        let (kind, text) = page_of(b"GET /a?b HTTP/1.0\r\nX-Y:  z\r\nB: \xff\r\n\r\n");
        assert_eq!(kind, "text/plain; charset=utf-8");
        assert_eq!(
            text,
            "Host name: box\nPeer: 192.0.2.1:5\nLocal: 192.0.2.2:80\n\nGET /a?b HTTP/1.0\nX-Y: z\nB: \\xff\n"
        );
    }

    #[test]
    fn json_has_the_same() {
        let request = format!("GET /\" HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n{HOSTILE}\r\n");
        let (kind, json) = page_of(request.as_bytes());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((kind.as_str(), value["target"].as_str()), ("application/json", Some("/\"")));
        assert_eq!(value["headers"][0]["name"], "Host");
        assert!(value["headers"][2]["value"].as_str().unwrap().ends_with("{rows} \" \\u{202e}"));
    }

    #[test]
    fn the_page_is_safe_for_hostile_values() {
        let request = format!("GET /<i>{{rows}} HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n{HOSTILE}\r\n");
        let (kind, html) = page_of(request.as_bytes());
        assert_eq!(kind, "text/html; charset=utf-8");
        assert!(html.contains("/&lt;i&gt;&#123;rows&#125;"), "{html}");
        assert!(
            html.contains("&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;"),
            "{html}"
        );
        assert!(!html.contains("<script") && !html.contains("<i>") && !html.contains('\u{202e}'), "{html}");
        assert_eq!((html.matches("<tr>").count(), html.matches("<th ").count()), (3, 6));
    }
}
