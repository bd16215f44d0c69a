//! The corpus in pieces of every kind, arbitrary bytes, and the smaller parts.

pub(crate) mod corpus;
mod parts;
mod pieces;
mod responses;
mod urls;
