//! The real binary, on real sockets: one test program.

// Helpers of tests may fail as tests do, and say what they skip.
#![allow(clippy::expect_used, clippy::print_stdout)]

mod datagram;
mod docs;
mod faults;
mod harness;
mod http;
mod nc;
mod secure;
mod server;
mod ssh;
mod stream;
mod transfer;
mod web;
