//! The documents are held to what the program does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

// Commands that README.md and docs/ name without running them.
mod commands;
// The offers of the completions in real shells.
mod completions;
// Completions and manual pages, rendered from the command line's definition.
mod generated;
// How a manual page is laid out, and what it has beside the command's help.
mod manual;
mod page_texts;
// packaging/, and the oldest Rust.
mod packages;
// README.md and docs/ as text: blocks, headings, links.
mod pages;
// The example of PROTOCOL.md, with both sides.
mod protocol;
// The examples of README.md and docs/, run.
mod readme;
// Programs of the recipes that are played by scripts.
mod stand_ins;
// An interactive shell in a terminal, for these examples.
mod terminal;
