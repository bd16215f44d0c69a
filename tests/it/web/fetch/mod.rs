//! `download http(s)://...`, from servers of the tests, from `serve --http`, and from others.

mod mirrors;
mod others;
mod own;
mod refused;
mod resumed;
mod server;
mod trees;
mod whole;

use crate::harness::Finished;
use crate::transfer::xfer::{Place, is_part, run};

/// Fetches into a folder.
#[track_caller]
fn fetch(url: &str, here: &Place, more: &[&str]) -> Finished {
    run(&[&["download", url, "-o", here.arg()], more].concat())
}

/// Asserts that the folder has no file, and no part either.
#[track_caller]
fn assert_empty(here: &Place) {
    here.expect_names(&[]);
}

/// Asserts that the folder has a part and nothing else.
#[track_caller]
fn assert_part_only(here: &Place) {
    let names = here.names();
    assert!(names.len() == 1 && is_part(&names[0]), "{names:?}");
}
