//! HTTPS at the port of transfers that encrypt.

use super::Web;
use crate::harness::identity::IdentityFiles;
use crate::harness::others::installed;
use crate::harness::{In, Out, sendall};
use crate::transfer::xfer::Place;

#[test]
fn browsers_are_shown_a_certificate_of_their_own() {
    if installed("curl").is_none() {
        return;
    }
    let files = IdentityFiles::named(&["localhost"]);
    let [_, _, certificate, _, key] = files.shown();
    let options = ["--open", "--http-cert", certificate, "--http-cert-key", key];
    let web = Web::storing(&options);
    web.place.write("a", b"hello");
    let curl = |args: &[&str]| {
        std::process::Command::new("curl").args(["-sS", "-f"]).args(args).output().expect("curl")
    };
    let url = format!("https://localhost:{}", web.port);
    let at = format!("localhost:{}:127.0.0.1", web.port);
    let known = ["--cacert", certificate, "--resolve", &at];
    let output = curl(&[&known[..], &[&format!("{url}/a")]].concat());
    assert_eq!(output.stdout, b"hello", "{}", String::from_utf8_lossy(&output.stderr));
    let here = Place::new();
    let output = curl(&[&known[..], &["-T", &here.write("b", b"sent"), &format!("{url}/")]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    web.place.expect("b", b"sent");
    // A client of the native protocol sees the server's own key.
    let to = format!("127.0.0.1:{}", web.port);
    let state = Place::new();
    let client = crate::harness::start(
        "env",
        &[
            &format!("STATE_DIRECTORY={}", state.arg()),
            env!("CARGO_BIN_EXE_sendall"),
            "upload",
            "-q",
            "--trust-new",
            &here.write("c", b"native"),
            &to,
        ],
        In::Null,
        Out::Collect,
    );
    client.finish().expect(0);
    web.place.expect("c", b"native");
}

#[test]
fn a_certificate_is_refused_where_nobody_needs_it() {
    let (place, files) = (Place::new(), IdentityFiles::named(&["localhost"]));
    let [_, _, certificate, _, key] = files.shown();
    let args =
        ["serve", "0", "--share", place.arg(), "--http", "--http-cert", certificate, "--http-cert-key", key];
    let finished = sendall(&args, In::Null, Out::Collect).finish().expect(2);
    assert!(finished.stderr.contains("type --open"), "{}", finished.stderr);
}
