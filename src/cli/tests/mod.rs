//! Tests of the command line.

#[cfg(test)]
pub(crate) mod connect;
#[cfg(test)]
pub(crate) mod serve;
