//! The `sendall` command.
fn main() {}
