//! The documents are held to what the program does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

// What the completions offer in real shells.
mod completions;
// Completions and manual pages, rendered from the command line's definition.
mod generated;
// How a manual page is laid out, and what it has beside the command's help.
mod manual;
mod pages;
// The example of PROTOCOL.md, with both sides.
mod protocol;
// The examples of README.md, run.
mod readme;
