//! `serve --socks`: a server that answers before it has the whole request, and ends the connection in one way or another.

use crate::harness::Running;
use crate::harness::link::{Link, Net, TestListener};
use crate::server::http_proxy::{ALLOWED, head, say};
use crate::transfer::xfer::serve;

/// The proxy, the client and the server of a request that has begun, and has its answer of two bytes.
fn answered_early(fields: &str, begin: &[u8]) -> (Running, Link, Link) {
    let listener = TestListener::bind(Net::Tcp, "/".into());
    let proxy = serve(&[&ALLOWED[..], &["--count", "1"]].concat());
    let mut client = Link::connect(proxy.port());
    let request = format!("POST http://{}/ HTTP/1.1\nHost: x\nContent-Length: 90000000\n", listener.name);
    say(&mut client, &format!("{request}{fields}\n"));
    client.send(begin);
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    say(&mut server, "HTTP/1.1 413 Content Too Large\nContent-Length: 2\n\nNo");
    head(&mut client);
    client.expect(b"No");
    (proxy, client, server)
}

#[test]
fn one_that_resets_what_it_has_not_read_has_answered() {
    // The client says nothing, so the proxy reads the reset; or it says much, so one that writes meets it.
    for more in [0, 3_000_000] {
        let (proxy, mut client, server) = answered_early("", b"");
        server.reset();
        let mut uploading = client.try_clone();
        let upload = std::thread::spawn(move || uploading.send(&vec![b'x'; more]));
        client.expect_all(b"");
        upload.join().expect("heard out");
        drop(client);
        proxy.finish().expect(0);
    }
}

#[test]
fn a_client_that_heeds_the_answer_is_not_lost() {
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
fn a_head_that_was_asked_for_does_not_count_before_it_has_come() {
    let listener = TestListener::bind(Net::Tcp, "/".into());
    let proxy = serve(&[&ALLOWED[..], &["--count", "1"]].concat());
    let mut client = Link::connect(proxy.port());
    say(&mut client, &format!("HEAD http://{}/ HTTP/1.1\nHost: x\nContent-Length: 9\n\n", listener.name));
    client.send(b"a part");
    let mut server = listener.accept().expect("joined");
    head(&mut server);
    server.expect(b"a part");
    client.end();
    let finished = proxy.finish().expect(5);
    assert!(finished.stderr.contains("in the middle of its request"), "{}", finished.stderr);
}
