//! The documents are held to what the program does.

// Completions and manual pages, rendered from the command line's definition.
mod generated;
// The examples of README.md, run.
mod readme;
