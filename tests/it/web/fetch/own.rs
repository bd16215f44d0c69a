//! From `serve --http`.

use super::fetch;
use crate::harness::payload;
use crate::transfer::xfer::{Place, digest};
use crate::web::Web;

const BLOCK: usize = 4 << 20;

#[test]
fn a_file_of_two_servers_is_verified() {
    let content = payload(2 * BLOCK + 9);
    let (first, second) = (Web::sharing(&[]), Web::sharing(&[]));
    for web in [&first, &second] {
        web.place.folder("d");
        web.place.write("d/a b", &content);
    }
    let (one, other) = (first.url("/d/a%20b"), second.url("/d/a%20b"));
    let here = Place::new();
    let ended = fetch(&one, &here, &[&other, "-j", "3"]).expect(0);
    here.expect("a b", &content);
    here.expect_names(&["a b"]);
    assert!(!ended.stderr.contains("unverified"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("and 1 more") && ended.stderr.contains(&digest(&content)),
        "{}",
        ended.stderr
    );
    let again = fetch(&other, &here, &[]).expect(0);
    assert!(again.stderr.contains("a b is there already, with the same content"), "{}", again.stderr);
    // A server that has other content by now is left out.
    second.place.write("d/a b", &[&content[..BLOCK], &[7; 9]].concat());
    let ended = fetch(&one, &Place::new(), &[&other]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains("unverified"), "{}", ended.stderr);
}

#[test]
fn archives_arrive_whole() {
    let (web, here) = (Web::sharing(&[]), Place::new());
    web.place.folder("top");
    web.place.folder("top/in");
    web.place.write("top/in/large", &payload(400_000));
    web.place.write("top/small", b"small");
    for form in ["tar", "zip"] {
        let ended = fetch(&web.url(&format!("/top/?{form}")), &here, &[]).expect(0);
        let name = format!("top.{form}");
        here.expect(&name, &web.get(&format!("/top/?{form}")).expect(200).body);
        assert!(ended.stderr.starts_with(&format!("received {name} from ")), "{}", ended.stderr);
        assert!(ended.stderr.contains(", unverified, "), "{}", ended.stderr);
    }
    fetch(&web.url("/none/?tar"), &here, &[]).expect_saying(7, "not found there");
    here.expect_names(&["top.tar", "top.zip"]);
}
