//! `serve --socks`: a server that answers before it has the whole request, and then ends the connection.

use crate::harness::Running;
use crate::harness::link::{Link, Net, TestListener};
use crate::server::http_proxy::{ALLOWED, head, send};
use crate::transfer::xfer::serve;

/// The proxy, the client and the server of a request that has begun, and whose answer of two bytes has arrived.
fn answered_early(fields: &str, begin: &[u8]) -> (Running, Link, Link) {
    let listener = TestListener::bind(Net::Tcp, "/".into());
    let proxy = serve(&[&ALLOWED[..], &["--count", "1"]].concat());
    let mut client = Link::connect(proxy.port());
    let request = format!("POST http://{}/ HTTP/1.1\nHost: x\nContent-Length: 90000000\n", listener.name);
    send(&mut client, &format!("{request}{fields}\n"));
    client.send(begin);
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    send(&mut server, "HTTP/1.1 413 Content Too Large\nContent-Length: 2\n\nNo");
    head(&mut client);
    client.expect(b"No");
    (proxy, client, server)
}

#[test]
fn the_answer_of_a_server_that_resets_unread_bytes_counts() {
    // The client sends nothing, so the proxy reads the reset; or it sends much, so a write gets the reset.
    for more in [0, 3_000_000] {
        let (proxy, mut client, server) = answered_early("", b"");
        server.reset();
        let mut uploading = client.try_clone();
        let upload = std::thread::spawn(move || uploading.send(&vec![b'x'; more]));
        client.expect_all(b"");
        upload.join().expect("everything is read");
        drop(client);
        proxy.finish().expect(0);
    }
}

#[test]
fn a_client_that_stops_at_the_answer_does_not_fail() {
    for (fields, begin) in [("Expect: 100-continue\n", &b""[..]), ("", b"a part")] {
        let (proxy, mut client, mut server) = answered_early(fields, begin);
        server.expect(begin);
        client.end();
        client.expect_all(b"");
        server.expect_all(b"");
        proxy.finish().expect(0);
    }
}

#[test]
fn an_answer_to_head_does_not_count_before_it_has_arrived() {
    let listener = TestListener::bind(Net::Tcp, "/".into());
    let proxy = serve(&[&ALLOWED[..], &["--count", "1"]].concat());
    let mut client = Link::connect(proxy.port());
    send(&mut client, &format!("HEAD http://{}/ HTTP/1.1\nHost: x\nContent-Length: 9\n\n", listener.name));
    client.send(b"a part");
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    server.expect(b"a part");
    client.end();
    let finished = proxy.finish().expect(5);
    assert!(finished.stderr.contains("in the middle of its request"), "{}", finished.stderr);
}
