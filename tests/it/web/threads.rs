//! Connections between the acceptor's reactor and threads of their own.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::Web;
use crate::harness::{LIMIT, wait_until};

#[test]
fn a_connection_goes_to_a_thread_for_slow_requests_and_back() {
    let web = Web::storing(&[]);
    web.place.write("a", b"hello");
    let threads = || std::fs::read_dir(format!("/proc/{}/task", web.server.id())).expect("threads").count();
    let before = threads();
    let mut stream = TcpStream::connect(("127.0.0.1", web.port)).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    let mut ask = |request: &str, end: &[u8]| {
        stream
            .write_all(request.replace("HOST", &format!("127.0.0.1:{}", web.port)).as_bytes())
            .expect("sent");
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while !heard.ends_with(end) {
            let count = stream.read(&mut buffer).expect("an answer");
            assert!(count > 0, "{}", String::from_utf8_lossy(&heard));
            heard.extend_from_slice(&buffer[..count]);
        }
    };
    ask("GET /a HTTP/1.1\r\nHost: HOST\r\n\r\n", b"hello");
    assert_eq!(threads(), before, "files need no thread");
    ask("GET /?text HTTP/1.1\r\nHost: HOST\r\n\r\n", b" a\n");
    // In the body of an upload it has its thread, however long that takes.
    ask(
        "PUT /b HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        b"100 Continue\r\n\r\n",
    );
    assert!(wait_until(LIMIT, || threads() == before + 1), "no thread");
    // Two requests at once: the second one is answered by the same thread.
    ask("xyGET /a HTTP/1.1\r\nHost: HOST\r\n\r\n", b"hello");
    assert!(wait_until(LIMIT, || threads() == before), "the thread stays");
    ask("GET /a HTTP/1.1\r\nHost: HOST\r\n\r\n", b"hello");
    ask("GET /?text HTTP/1.1\r\nHost: HOST\r\n\r\n", b" b\n");
    web.place.expect("b", b"xy");
}
