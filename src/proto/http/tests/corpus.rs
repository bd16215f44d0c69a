//! Raw requests, what they are answered with, and whether the connection stays. Unit tests give them to the machine,
//! `tests/it` to the binary, and the fuzz target begins with them.

/// One connection's bytes.
pub(crate) struct Case {
    /// The case in a few words, for messages.
    pub(crate) name: &'static str,
    /// The bytes of a client.
    pub(crate) raw: Vec<u8>,
    /// The statuses that come, in their order.
    pub(crate) statuses: &'static [u16],
    /// True if another request is read.
    pub(crate) stays: bool,
}

/// Bodies longer than this are refused.
pub(crate) const MAX_BODY_BYTES: u64 = 1 << 20;

/// All cases.
pub(crate) fn corpus() -> Vec<Case> {
    let mut cases = Vec::new();
    for (stays, table) in [(true, STAYS), (false, CLOSES)] {
        for &(name, statuses, raw) in table {
            cases.push(Case { name, raw: raw.to_vec(), statuses, stays });
        }
    }
    let sized: &[(&'static str, &'static [u16], bool, Vec<u8>)] = &[
        ("the longest target", &[200], true, get(&format!("/{}", "a".repeat(8191)), "")),
        ("a target one byte longer", &[414], false, get(&format!("/{}", "a".repeat(8192)), "")),
        ("a target without end", &[414], false, [b"GET /".to_vec(), vec![b'a'; 20_000]].concat()),
        ("a method without end", &[414], false, vec![b'A'; 20_000]),
        ("100 fields", &[200], true, get("/", &"A: b\r\n".repeat(99))),
        ("101 fields", &[431], false, get("/", &"A: b\r\n".repeat(100))),
        ("101 typed fields, not ended", &[431], false, typed_fields(101)),
        ("typed fields without end", &[431], false, [&typed_fields(2)[..], &[b'b'; 20_000]].concat()),
        ("fields of exactly 8 KiB", &[200], true, get("/", &format!("A: {}\r\n", "b".repeat(8176)))),
        ("fields one byte longer", &[431], false, get("/", &format!("A: {}\r\n", "b".repeat(8177)))),
        ("fields without end", &[431], false, get("/", &"b".repeat(20_000))),
        (
            "a bad line beyond the fields' limit",
            &[431],
            false,
            get("/", &format!("A: {}\r\n(:\r\n", "b".repeat(8178))),
        ),
        ("a field name of 8000 bytes", &[200], true, get("/", &format!("{}: b\r\n", "a".repeat(8000)))),
        ("101 trailers", &[431], false, trailed(&"A: b\r\n".repeat(101))),
        ("100 trailers", &[200], true, trailed(&"A: b\r\n".repeat(100))),
        ("trailers without end", &[431], false, trailed(&format!("A: {}", "b".repeat(9000)))),
        (
            "a chunk extension of 200 bytes",
            &[200],
            true,
            chunks(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(200))),
        ),
        (
            "a chunk extension of 300 bytes",
            &[400],
            false,
            chunks(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(300))),
        ),
        ("a chunk extension without end", &[400], false, chunks(&format!("1;{}", "x".repeat(3000)))),
        (
            "a body of 3000 bytes",
            &[200],
            true,
            [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n".to_vec(), vec![b'\n'; 3000]]
                .concat(),
        ),
        ("300 chunks", &[200], true, chunks(&format!("{}0\r\n\r\n", "1\r\n\n\r\n".repeat(300)))),
        ("12 requests at once", &[200; 12], true, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(12)),
        (
            "a length of a thousand digits",
            &[200],
            true,
            get("/", &format!("Content-Length: {}\r\n", "0".repeat(1000))),
        ),
        (
            "empty lines between requests",
            &[200, 200],
            true,
            b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2),
        ),
    ];
    for (name, statuses, stays, raw) in sized {
        cases.push(Case { name, raw: raw.clone(), statuses, stays: *stays });
    }
    cases
}

fn typed_fields(count: usize) -> Vec<u8> {
    format!("GET / HTTP/1.1\nHost: a\n{}", "A: b\n".repeat(count - 1)).into_bytes()
}

fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

fn chunks(body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes()
}

fn trailed(trailers: &str) -> Vec<u8> {
    chunks(&format!("1\r\na\r\n0\r\n{trailers}\r\n"))
}

type Row = (&'static str, &'static [u16], &'static [u8]);

/// After these another request is answered.
const STAYS: &[Row] = &[
    ("the smallest request", &[200], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("host with a port", &[200], b"GET / HTTP/1.1\r\nHost: example.org:8080\r\n\r\n"),
    ("host with an empty port", &[200], b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    ("host is IPv6", &[200], b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    ("host is empty", &[200], b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ("host in capitals", &[200], b"GET / HTTP/1.1\r\nHOST: a\r\n\r\n"),
    ("no blank after the colon", &[200], b"GET / HTTP/1.1\r\nHost:a\r\n\r\n"),
    ("blanks around a value", &[200], b"GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n"),
    ("an empty value", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n"),
    ("bytes over 127 in a value", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\xc3\xa4\r\n\r\n"),
    ("a tab in a value", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n"),
    ("all characters of a token in a name", &[200], b"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: b\r\n\r\n"),
    ("a query", &[200], b"GET /a?b=c&d HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("only a query after the slash", &[200], b"GET /? HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("escapes in the path", &[200], b"GET /%2e%2e/%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("dots in the path", &[200], b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two slashes", &[200], b"GET //a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("HTTP/1.2", &[200], b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("HTTP/1.9 with a body", &[200], b"POST / HTTP/1.9\r\nHost: a\r\nContent-Length: 1\r\n\r\na"),
    ("absolute form", &[200], b"GET http://example.org/x HTTP/1.1\r\nHost: example.org\r\n\r\n"),
    ("absolute form without path", &[200], b"GET http://example.org HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("absolute form with a query only", &[200], b"GET http://example.org?x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("absolute form, https in capitals", &[200], b"GET HTTPS://example.org:443/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("absolute form with IPv6", &[200], b"GET http://[::1]/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("HEAD", &[200], b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("OPTIONS", &[204], b"OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("OPTIONS *", &[204], b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("DELETE", &[200], b"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("PATCH", &[200], b"PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"),
    ("TRACE", &[501], b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("an unknown method", &[501], b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a method in small letters", &[501], b"get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("an unknown method with a body", &[501, 200], b"QUERY / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("an unknown method of *", &[501], b"M-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("POST without a body", &[200], b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("POST of nothing", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
    ("POST", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
    ("GET with a body", &[200, 200], b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("HEAD with a body", &[200, 204], b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcOPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a body that looks like a request", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
    ("a body of line feeds", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\n\n\r\n"),
    ("leading zeros in a length", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc"),
    ("two requests", &[200, 200], b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("an empty line before a request", &[200], b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a line end too many after a body", &[200, 200], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("Connection: keep-alive", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"),
    ("an option that only contains close", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n"),
    ("an upgrade is not taken", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"),
    ("1.0 with keep-alive", &[200], b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
    ("1.0 with Keep-Alive in a list", &[200], b"GET / HTTP/1.0\r\nConnection: foo, Keep-Alive\r\n\r\n"),
    ("1.0 with an expectation, which means nothing", &[200], b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\nExpect: x\r\n\r\na"),
    ("chunks", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ("chunked in capitals", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
    ("chunked in a list with empty elements", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked ,\r\n\r\n0\r\n\r\n"),
    ("chunks with an extension", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0;x\r\n\r\n"),
    ("a blank before an extension", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3 ; a\r\nabc\r\n0\r\n\r\n"),
    ("chunk sizes with zeros and in both cases", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n00a\r\n0123456789\r\n0A\r\n0123456789\r\n000\r\n\r\n"),
    ("trailers", &[200, 200], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\nHost: b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("chunks, then a request", &[200, 200], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("100-continue", &[100, 200], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\na"),
    ("100-Continue with chunks", &[100, 200], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n0\r\n\r\n"),
    ("100-continue without a body", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
    ("100-continue between others", &[200, 100, 200, 200], b"GET / HTTP/1.1\r\nHost: a\r\n\r\nPUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
];

/// After these nothing more is read.
const CLOSES: &[Row] = &[
    ("typed", &[200], b"GET / HTTP/1.1\nHost: a\n\n"),
    ("typed, of HTTP/1.3, and something after it", &[200], b"GET / HTTP/1.3\nHost: a\n\nGET / HTTP/1.1\nHost: a\n\n"),
    ("Connection: close", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("close in a list", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nConnection: te, Close\r\n\r\n"),
    ("close in a second field", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nConnection: te\r\nConnection: close\r\n\r\n"),
    ("close with a body", &[200], b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"),
    ("close and keep-alive", &[200], b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n"),
    ("1.0", &[200], b"GET / HTTP/1.0\r\n\r\n"),
    ("1.0 with a host", &[200], b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
    ("1.0 with a body", &[200], b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\na"),
    ("1.0 with chunks", &[400], b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("1.0 with two hosts", &[400], b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("no host", &[400], b"GET / HTTP/1.1\r\n\r\n"),
    ("no host with an absolute form", &[400], b"GET http://a/ HTTP/1.1\r\n\r\n"),
    ("two hosts", &[400], b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("a list of hosts", &[200], b"GET / HTTP/1.1\r\nHost: a,b\r\nConnection: close\r\n\r\n"),
    ("a host with a blank", &[400], b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("a host with a slash", &[400], b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("a host with a user", &[400], b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    ("a host with a port that is none", &[400], b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    ("a host with a bracket open", &[400], b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    ("a host after brackets", &[400], b"GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n"),
    ("absolute form without a host", &[400], b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("absolute form with a user", &[400], b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("another scheme", &[400], b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a target without a slash", &[400], b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("GET *", &[400], b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a fragment", &[400], b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("CONNECT", &[501], b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    ("no target", &[400], b"GET HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("HTTP/0.9", &[400], b"GET /\r\n"),
    ("two blanks before the target", &[400], b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two blanks after the target", &[400], b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a blank after the version", &[400], b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    ("a tab in the request line", &[400], b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a blank before the method", &[400], b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("NUL in the target", &[400], b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("UTF-8 in the path", &[400], b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("invalid UTF-8 in the target", &[400], b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("NUL in the method", &[400], b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("HTTP/2.0", &[505], b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    ("the preface of HTTP/2", &[505], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("HTTP/3", &[505], b"GET / HTTP/3\r\nHost: a\r\n\r\n"),
    ("HTTP/x", &[400], b"GET / HTTP/x\r\nHost: a\r\n\r\n"),
    ("another protocol", &[400], b"GET / HTPP/1.1\r\nHost: a\r\n\r\n"),
    ("http in small letters", &[400], b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    ("a TLS hello", &[400], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ("an SSH banner", &[400], b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("NULs", &[400], b"\0\0\0\0"),
    ("bare LF after the request line", &[400], b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    ("bare LF after a field", &[400], b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    ("bare LF after an empty value", &[400], b"GET / HTTP/1.1\r\nHost:\nX: y\r\n\r\n"),
    ("bare LF in the place of the empty line", &[200], b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    ("bare LF in the place of the empty line, and a body", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\na"),
    ("bare LF after a field and in the place of the empty line", &[400], b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\n"),
    ("bare LF everywhere, and a body", &[400], b"POST / HTTP/1.1\nHost: a\nContent-Length: 1\n\na"),
    ("bare LF everywhere, and chunks", &[400], b"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\n\n"),
    ("bare LF everywhere, and no host", &[400], b"GET / HTTP/1.1\n\n"),
    ("bare LF, and two words", &[400], b"GET /\n\n"),
    ("bare LF, and CR in a value", &[400], b"GET / HTTP/1.1\nHost: a\nX: a\rb\n\n"),
    ("bare LF before the request and everywhere", &[400], b"\nGET / HTTP/1.1\nHost: a\n\n"),
    ("bare LF, and a method that is none, not ended", &[400], b"PO[T / HTTP/1.1\nHost: a\n"),
    ("bare LF, and a field without a name, not ended", &[400], b"GET / HTTP/1.1\nHost: a\n: b\n"),
    ("bare LF, HTTP/1.3, and a name that is none", &[400], b"GET / HTTP/1.3\nHo\x8cst: a\n\n"),
    ("HTTP/1.2 without a host", &[400], b"GET / HTTP/1.2\r\n\r\n"),
    ("HTTP/1.22", &[505], b"GET / HTTP/1.22\r\nHost: a\r\n\r\n"),
    ("bare LF before a request", &[400], b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("bare LF, and another version before it", &[505], b"GET / HTTP/2.0\nHost: a\n\n"),
    ("bare CR in a value", &[400], b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
    ("bare CR after a value", &[400], b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
    ("bare CR after the request line", &[400], b"GET / HTTP/1.1\rHost: a\r\n\r\n"),
    ("bare CR before a request", &[400], b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a folded line", &[400], b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
    ("a folded first line", &[400], b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("a line folded by a tab", &[400], b"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n"),
    ("a blank before a colon", &[400], b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    ("a blank in a name", &[400], b"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n"),
    ("no colon", &[400], b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
    ("no name", &[400], b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
    ("NUL in a name", &[400], b"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"),
    ("NUL in a value", &[400], b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"),
    ("DEL in a value", &[400], b"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"),
    ("ESC in a value", &[400], b"GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[2J\r\n\r\n"),
    ("length and coding", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("coding and length", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    ("two lengths", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
    ("the same length twice", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"),
    ("a list of lengths", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,5\r\n\r\nabcde"),
    ("a length with a sign", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde"),
    ("a negative length", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    ("an empty length", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
    ("a hexadecimal length", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nabcde"),
    ("a length with a blank inside", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 0\r\n\r\n"),
    ("a length of 2^64", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"),
    ("a length of 2^64 - 1", &[413], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n"),
    ("a length one over the limit", &[413], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"),
    ("a length over the limit, and an expectation", &[413], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n"),
    ("another expectation", &[417], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 200-ok\r\n\r\na"),
    ("xchunked", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("identity", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
    ("chunked, then gzip", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ("gzip, then chunked", &[501], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked twice", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("chunked with a parameter", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;x=y\r\n\r\n0\r\n\r\n"),
    ("chunked in quotes", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ("an empty coding", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"),
    ("vertical tab before chunked", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("a chunk size without digits", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"),
    ("a chunk size that is none", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n"),
    ("a chunk size with 0x", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n"),
    ("a chunk size with a sign", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n"),
    ("a negative chunk size", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"),
    ("a blank after a chunk size", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n"),
    ("a blank before a chunk size", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n 1\r\na\r\n0\r\n\r\n"),
    ("only an extension", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n;a\r\n"),
    ("a chunk size of 17 digits", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n"),
    ("a chunk size of 2^64 - 1", &[413], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
    ("a chunk over the limit", &[413], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"),
    ("chunks over the limit together", &[413], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n100000\r\n"),
    ("bare LF after a chunk size", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n"),
    ("bare LF in an extension", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n"),
    ("bare CR in an extension", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\rb\r\na\r\n0\r\n\r\n"),
    ("bare LF after a chunk", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n"),
    ("a chunk longer than its size", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"),
    ("bare LF after a trailer", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n"),
    ("bare LF in the place of the last line", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n"),
    ("a trailer that is none", &[400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX y\r\n\r\n"),
    ("a good one, then a bad one", &[200, 400], b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("100 Continue, then a bad chunk", &[100, 400], b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\nx\r\n"),
];
