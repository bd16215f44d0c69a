//! Tests that cannot run on this machine, and the reasons. With `SENDALL_MUST_RUN=1` such a test fails; without it the
//! run ends with a list.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

static SKIPPED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Notes that the calling test skips something, and why.
///
/// # Panics
/// If everything must run.
pub(crate) fn skip(why: impl Display) {
    let thread = std::thread::current();
    let line = format!("{}: {why}", thread.name().unwrap_or("a test"));
    let must_run = std::env::var_os("SENDALL_MUST_RUN").is_some_and(|value| value == "1");
    assert!(!must_run, "SENDALL_MUST_RUN=1, but {why}");
    SKIPPED.lock().unwrap_or_else(PoisonError::into_inner).insert(line);
}

/// Prints the skipped tests at the end of the process: the output of tests that pass is not shown.
#[ctor::dtor]
fn print_skipped() {
    let skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    if !skipped.is_empty() {
        println!("skipped, in whole or in part:");
    }
    skipped.iter().for_each(|line| println!("    {line}"));
}
