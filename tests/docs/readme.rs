//! The examples of README.md.
