//! `?b3tree`: each block is verified, and parts are compared.

use super::server::{Server, WebFile, tree_of};
use super::{assert_empty, assert_part_only, fetch};
use crate::harness::payload;
use crate::transfer::xfer::{Place, digest};

const BLOCK: usize = 4 << 20;

#[test]
fn a_file_with_a_tree_is_verified() {
    for size in [0, 5, BLOCK, BLOCK + 1, 2 * BLOCK + 5] {
        let (here, content) = (Place::new(), payload(size));
        let server = Server::of(WebFile::with_tree(&content));
        let ended = fetch(&server.url("f"), &here, &[]).expect(0);
        here.expect("f", &content);
        here.expect_names(&["f"]);
        assert!(ended.stderr.contains(&digest(&content)), "{}", ended.stderr);
        assert!(!ended.stderr.contains("unverified"), "{}", ended.stderr);
        assert_eq!(server.requests().len(), 1, "one connection asks for all at once");
    }
}

#[test]
fn a_server_without_ranges_will_do() {
    let (here, content) = (Place::new(), payload(BLOCK + 9));
    let server = Server::of(WebFile { has_ranges: false, ..WebFile::with_tree(&content) });
    fetch(&server.url("f"), &here, &["-j", "3"]).expect(0);
    here.expect("f", &content);
}

#[test]
fn a_wrong_block_is_found_and_the_others_are_kept() {
    let (here, content) = (Place::new(), payload(2 * BLOCK + 9));
    let lying = Server::of(WebFile { wrong_at: Some(BLOCK + 7), ..WebFile::with_tree(&content) });
    fetch(&lying.url("f"), &here, &[])
        .expect_saying(6, "the block of 4 MiB at byte 4194304 is not what ?b3tree says");
    assert_part_only(&here);
    // Another server continues, because the content is compared.
    let server = Server::of(WebFile::with_tree(&content));
    let ended = fetch(&server.url("f"), &here, &[]).expect(0);
    here.expect("f", &content);
    assert!(ended.stderr.contains(", resumed after "), "{}", ended.stderr);
    assert_eq!(server.requests()[0].range(content.len()), Some((BLOCK, content.len())));
}

#[test]
fn a_small_file_that_is_not_what_its_digest_says_gets_no_name() {
    let here = Place::new();
    let server = Server::of(WebFile { wrong_at: Some(1), ..WebFile::with_tree(b"abc") });
    fetch(&server.url("f"), &here, &[]).expect_saying(6, "does not match its BLAKE3 digest");
    assert_empty(&here);
}

#[test]
fn a_tree_that_does_not_fit_itself_is_not_believed() {
    let (here, content) = (Place::new(), payload(BLOCK + 9));
    let tree = tree_of(&content).replacen('a', "b", 1);
    let server = Server::of(WebFile { tree: Some(tree), ..WebFile::with_tree(&content) });
    fetch(&server.url("f"), &here, &[]).expect_saying(6, "do not fit its digest");
    assert_empty(&here);
}

#[test]
fn a_part_of_a_transfer_is_continued_and_the_other_way_round() {
    let (here, there, content) = (Place::new(), Place::new(), payload(2 * BLOCK));
    let server = Server::of(WebFile { cut_at: Some(BLOCK + 5000), ..WebFile::with_tree(&content) });
    fetch(&server.url("f"), &here, &[]).expect_saying(5, "ended before");
    assert_part_only(&here);
    let shared = there.write("f", &content);
    let (client, _) = crate::transfer::xfer::download_once(&["--share", &shared], &["-o", here.arg()]);
    assert!(client.expect(0).stderr.contains("resumed after"));
    here.expect("f", &content);
}
